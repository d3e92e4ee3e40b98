//! The live connection of one client.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket, WebSocketUpgrade, close_code};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};

use super::auth::Caller;
use super::context::{Context, now, stopped};
use super::feed::{EVENT, MOTION, Message, STATE, TOPICS, Update};
use super::problem::Problem;

/// Keeps the connection alive and finds out that it is not; shorter than the connection's idle limit.
const PING: Duration = Duration::from_secs(15);
/// Whoever came in with a token that holds no more is out after this time.
const RECHECK: Duration = Duration::from_secs(1);
/// Close code for that, of the range for applications.
const UNAUTHENTICATED: u16 = 4401;
/// Largest message a client may send, bytes.
const MESSAGE_LIMIT: usize = 8 * 1024;
/// Messages a client may send per second.
const MESSAGES_PER_SECOND: u32 = 50;
/// Updates a second that a client gets at most, unless it asks for less.
const RATE_HZ: f64 = 30.0;
/// The slowest a client may ask for.
const SLOWEST_HZ: f64 = 0.1;

/// `GET /api/v1/ws`.
pub(super) async fn upgrade(
    State(context): State<Arc<Context>>,
    Extension(caller): Extension<Caller>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|error| {
        Problem::new(
            StatusCode::UPGRADE_REQUIRED,
            "websocket_required",
            format!("This address speaks WebSocket only: {}", error.body_text()),
        )
    })?;
    let place = Arc::clone(&context.websockets).try_acquire_owned().map_err(|_| {
        Problem::unavailable(
            "too_many_clients",
            "Too many live clients are connected; try again later.",
        )
    })?;
    Ok(upgrade
        .read_buffer_size(4096)
        .write_buffer_size(0)
        .max_message_size(MESSAGE_LIMIT)
        .max_frame_size(MESSAGE_LIMIT)
        .on_upgrade(move |socket| Client::new(context, caller, socket, place).run()))
}

struct Client {
    context: Arc<Context>,
    caller: Caller,
    socket: WebSocket,
    updates: watch::Receiver<Update>,
    events: broadcast::Receiver<Message>,
    /// Last sequence sent per topic, for the topics subscribed to.
    sent: [Option<u64>; TOPICS.len()],
    /// Last state sent as the base of motion.
    base_sent: Option<u64>,
    /// Shortest time between two updates, where the client has asked for one: what it skips then is not missed.
    pause: Option<Duration>,
    /// No update goes out before.
    resumes: Instant,
    wants_events: bool,
    /// Messages taken from the client in the second that began then.
    received: (Instant, u32),
    /// Numbers the answers to the client itself.
    replies: u64,
    _place: OwnedSemaphorePermit,
}

/// The connection is over.
struct Gone;

impl Client {
    fn new(context: Arc<Context>, caller: Caller, socket: WebSocket, place: OwnedSemaphorePermit) -> Self {
        context.shared.stats.websocket_opened();
        Self {
            updates: context.feed.updates(),
            events: context.feed.events(),
            context,
            caller,
            socket,
            sent: [None; TOPICS.len()],
            base_sent: None,
            pause: None,
            resumes: Instant::now(),
            wants_events: false,
            received: (Instant::now(), 0),
            replies: 0,
            _place: place,
        }
    }

    async fn run(mut self) {
        let mut stop = pin!(stopped(self.context.stop.clone()));
        let mut ping = tokio::time::interval(PING);
        ping.reset();
        let mut recheck = tokio::time::interval(RECHECK);
        loop {
            let step = tokio::select! {
                () = &mut stop => {
                    self.close(close_code::AWAY, "the trainer stops").await;
                    return;
                }
                message = self.socket.recv() => match message {
                    Some(Ok(message)) => self.take(message).await,
                    _ => Err(Gone),
                },
                changed = next_update(&mut self.updates, self.resumes) => match changed {
                    Ok(()) => self.send_updates().await,
                    Err(_) => Err(Gone),
                },
                event = self.events.recv() => self.send_event(event).await,
                _ = ping.tick() => self.send(Frame::Ping(axum::body::Bytes::new())).await,
                _ = recheck.tick() => {
                    if self.context.gate.still_holds(&self.caller) {
                        Ok(())
                    } else {
                        self.close(UNAUTHENTICATED, "the token was revoked or is over").await;
                        Err(Gone)
                    }
                }
            };
            if step.is_err() {
                return;
            }
        }
    }

    /// Sends what changed among the topics subscribed to. Values that were replaced before
    /// this client took them are counted and told.
    async fn send_updates(&mut self) -> Result<(), Gone> {
        let update = self.updates.borrow_and_update().clone();
        self.resumes = Instant::now() + self.pause.unwrap_or_default();
        let by_motion = self.wants(MOTION);
        if let Some(base) = update
            .base
            .filter(|base| by_motion && self.base_sent != Some(base.sequence))
        {
            self.base_sent = Some(base.sequence);
            self.send(Frame::Text(base.text)).await?;
        }
        for (index, message) in update.topics.into_iter().enumerate() {
            let Some(message) = message else { continue };
            let (Some(topic), Some(Some(sent))) = (TOPICS.get(index), self.sent.get_mut(index)) else {
                continue;
            };
            if *sent == message.sequence || by_motion && *topic == STATE {
                continue;
            }
            let dropped = match *sent {
                0 => 0,
                _ if self.pause.is_some() => 0,
                before => message.sequence.saturating_sub(before.saturating_add(1)),
            };
            *sent = message.sequence;
            let text = if dropped == 0 {
                message.text
            } else {
                self.context.shared.stats.dropped(dropped);
                message.after_missing(topic, dropped)
            };
            self.send(Frame::Text(text)).await?;
        }
        Ok(())
    }

    fn wants(&self, topic: &str) -> bool {
        let mut topics = TOPICS.iter().zip(&self.sent);
        topics.any(|(name, sent)| *name == topic && sent.is_some())
    }

    async fn send_event(&mut self, event: Result<Message, RecvError>) -> Result<(), Gone> {
        match event {
            Ok(message) if self.wants_events => self.send(Frame::Text(message.text)).await,
            Ok(_) => Ok(()),
            Err(RecvError::Lagged(missed)) if self.wants_events => {
                self.context.shared.stats.dropped(missed);
                let data = json!({ "code": "events_dropped", "detail": format!("{missed} events were lost."), "dropped": missed });
                self.reply("error", &data).await
            }
            Err(RecvError::Lagged(_)) => Ok(()),
            Err(RecvError::Closed) => Err(Gone),
        }
    }

    async fn take(&mut self, message: Frame) -> Result<(), Gone> {
        if self.received.0.elapsed() >= Duration::from_secs(1) {
            self.received = (Instant::now(), 0);
        }
        self.received.1 += 1;
        if self.received.1 > MESSAGES_PER_SECOND {
            self.close(close_code::POLICY, "too many messages").await;
            return Err(Gone);
        }
        match message {
            Frame::Text(text) => match serde_json::from_str::<Value>(text.as_str()) {
                Ok(value) => self.obey(&value).await,
                Err(error) => {
                    self.complain("malformed_json", &format!("The message is not JSON: {error}."))
                        .await
                }
            },
            Frame::Binary(_) => {
                self.complain("unknown_message", "Send messages as text, not binary.")
                    .await
            }
            Frame::Ping(_) | Frame::Pong(_) => Ok(()),
            Frame::Close(_) => Err(Gone),
        }
    }

    async fn obey(&mut self, message: &Value) -> Result<(), Gone> {
        match message.get("type").and_then(Value::as_str) {
            Some("ping") => self.reply(EVENT, &json!({ "event": "pong" })).await,
            Some(kind @ ("subscribe" | "unsubscribe")) => {
                let on = kind == "subscribe";
                let topics: Option<Vec<&str>> = message
                    .get("topics")
                    .and_then(Value::as_array)
                    .and_then(|list| list.iter().map(Value::as_str).collect());
                let Some(topics) = topics else {
                    return self
                        .complain("invalid_topics", "`topics` must be a list of names.")
                        .await;
                };
                let unknown: Vec<&str> = topics
                    .iter()
                    .filter(|t| **t != EVENT && !TOPICS.contains(t))
                    .map(|t| t.get(..40).unwrap_or(t))
                    .take(5)
                    .collect();
                if !unknown.is_empty() {
                    let detail = format!(
                        "Unknown topics: {}. There are {}, {EVENT}.",
                        unknown.join(", "),
                        TOPICS.join(", ")
                    );
                    return self.complain("unknown_topic", &detail).await;
                }
                match message.get("rate_hz").map(Value::as_f64) {
                    None => {}
                    Some(Some(rate)) if (SLOWEST_HZ..=RATE_HZ).contains(&rate) => {
                        self.pause = (rate < RATE_HZ).then(|| Duration::from_secs_f64(1.0 / rate));
                    }
                    Some(_) => {
                        let detail = format!("`rate_hz` must be a number from {SLOWEST_HZ} to {RATE_HZ}.");
                        return self.complain("invalid_rate", &detail).await;
                    }
                }
                for topic in &topics {
                    if *topic == EVENT {
                        self.wants_events = on;
                    }
                    for (name, sent) in TOPICS.iter().zip(&mut self.sent) {
                        if name == topic {
                            *sent = on.then(|| sent.unwrap_or(0));
                        }
                    }
                    if *topic == MOTION && !on {
                        self.base_sent = None;
                    }
                }
                let done = if on { "subscribed" } else { "unsubscribed" };
                self.reply(EVENT, &json!({ "event": done, "topics": topics }))
                    .await?;
                self.send_updates().await
            }
            _ => {
                self.complain(
                    "unknown_message",
                    "`type` must be subscribe, unsubscribe or ping.",
                )
                .await
            }
        }
    }

    async fn complain(&mut self, code: &str, detail: &str) -> Result<(), Gone> {
        self.reply("error", &json!({ "code": code, "detail": detail }))
            .await
    }

    /// An answer to this client alone, numbered on its own.
    async fn reply(&mut self, kind: &str, data: &Value) -> Result<(), Gone> {
        self.replies += 1;
        let message = Message::new(kind, self.replies, now().into(), data);
        self.send(Frame::Text(message.text)).await
    }

    /// A client that takes nothing for too long is let go; it can come again.
    async fn send(&mut self, message: Frame) -> Result<(), Gone> {
        let limit = self.context.options.send_timeout;
        match tokio::time::timeout(limit, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Gone),
        }
    }

    async fn close(&mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame {
            code,
            reason: reason.into(),
        };
        let _ = tokio::time::timeout(
            Duration::from_millis(200),
            self.socket.send(Frame::Close(Some(frame))),
        )
        .await;
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.context.shared.stats.websocket_closed();
    }
}

/// Waits for the next update, and not less than until then.
async fn next_update(updates: &mut watch::Receiver<Update>, resumes: Instant) -> Result<(), RecvError> {
    tokio::time::sleep_until(resumes.into()).await;
    updates.changed().await.map_err(|_| RecvError::Closed)
}
