//! Makes every live message once, for all WebSocket clients.
//!
//! Topics with a newest value (state, motion, prediction, health, metrics, alerts) are kept as
//! ready messages in a `watch` channel: a client that is slow simply finds a newer one.
//! Events go through a queue and are not skipped.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ws::Utf8Bytes;
use serde_json::{Value, json};
use tokio::sync::{broadcast, watch};

use super::context::{Context, now, stopped};
use super::motion::Base;
use super::views;
use crate::system::faults::{self, Point};
use crate::system::snapshot::Snapshot;

/// How often the snapshot is looked at while somebody listens: events sit in single snapshots.
const LOOK: Duration = Duration::from_millis(10);
/// How often it is looked at while nobody does.
const LOOK_IDLE: Duration = Duration::from_millis(100);
/// Shortest time between two updates of one topic.
const UPDATE: Duration = Duration::from_millis(30);
/// Time between two updates of figures, and longest time between two of health.
const FIGURES: Duration = Duration::from_secs(1);
/// Events a client may be behind.
const EVENTS: usize = 256;

/// The topics that have a newest value, in the order of [`Update::topics`].
pub(super) const TOPICS: [&str; 6] = [STATE, MOTION, "prediction", "alert", "health", "metrics"];
pub(super) const STATE: &str = "state";
/// The state once, then what is different from it.
pub(super) const MOTION: &str = "motion";
/// The topic that is a queue, not a newest value.
pub(super) const EVENT: &str = "event";

/// One message, made once and shared by all who get it.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// Counts up by one per message of the topic.
    pub(super) sequence: u64,
    /// The whole message.
    pub(super) text: Utf8Bytes,
    timestamp: Arc<str>,
    /// JSON.
    data: Arc<str>,
}

impl Message {
    pub(super) fn new(kind: &str, sequence: u64, timestamp: Arc<str>, data: &Value) -> Self {
        let data: Arc<str> = data.to_string().into();
        let text = envelope(kind, &timestamp, sequence, 0, &data);
        Self {
            sequence,
            text: text.into(),
            timestamp,
            data,
        }
    }

    /// The same for somebody who has missed some before it.
    pub(super) fn after_missing(&self, kind: &str, dropped: u64) -> Utf8Bytes {
        envelope(kind, &self.timestamp, self.sequence, dropped, &self.data).into()
    }
}

fn envelope(kind: &str, timestamp: &str, sequence: u64, dropped: u64, data: &str) -> String {
    let timestamp = timestamp.replace(['"', '\\'], "");
    let dropped = if dropped > 0 {
        format!("\"dropped\":{dropped},")
    } else {
        String::new()
    };
    format!(
        "{{\"type\":\"{kind}\",\"timestamp\":\"{timestamp}\",\"sequence\":{sequence},{dropped}\"data\":{data}}}"
    )
}

/// The newest values of all topics.
#[derive(Clone, Debug, Default)]
pub(super) struct Update {
    pub(super) topics: [Option<Message>; TOPICS.len()],
    /// The state against which `motion` is told.
    pub(super) base: Option<Message>,
}

/// The live messages.
pub(super) struct Feed {
    updates: watch::Sender<Update>,
    events: broadcast::Sender<Message>,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            updates: watch::Sender::new(Update::default()),
            events: broadcast::Sender::new(EVENTS),
        }
    }
}

impl Feed {
    pub(super) fn updates(&self) -> watch::Receiver<Update> {
        self.updates.subscribe()
    }

    pub(super) fn events(&self) -> broadcast::Receiver<Message> {
        self.events.subscribe()
    }

    fn is_heard(&self) -> bool {
        self.updates.receiver_count() > 0
    }
}

/// Runs as long as the server.
pub(super) async fn publish(context: Arc<Context>) {
    let mut stop = pin!(stopped(context.stop.clone()));
    let mut publisher = Publisher::default();
    loop {
        let heard = context.feed.is_heard();
        let pause = if heard { LOOK } else { LOOK_IDLE };
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(pause) => {}
        }
        context.shared.stats.beat();
        faults::point(Point::ApiThread);
        let snapshot = context.shared.snapshot.load_full();
        if let Some(snapshot) = &snapshot {
            context.pulse.note(snapshot.sequence);
        }
        if let Some(snapshot) = snapshot.filter(|_| heard) {
            publisher.turn(&context, &snapshot);
        } else if !heard {
            publisher.forget(&context.feed);
        }
    }
}

#[derive(Default)]
struct Publisher {
    sequences: [u64; TOPICS.len()],
    updated: Option<Instant>,
    /// When figures and health went out last, and what health said without its clock.
    figures: Option<Instant>,
    health: Option<Value>,
    /// The state that was told whole last, and its message.
    base: Option<(Base, Message)>,
    base_sequence: u64,
    event_sequence: u64,
    /// What events were last derived from: frame, snapshot, balls pocketed.
    seen: Option<Seen>,
}

#[derive(Clone, Copy)]
struct Seen {
    table: u64,
    pocketed: usize,
    at_rest: bool,
    /// The last shot that has ended.
    shot: u64,
}

impl Publisher {
    /// Nobody listens: whoever comes next must not get yesterday's values.
    fn forget(&mut self, feed: &Feed) {
        if self.updated.take().is_some() {
            feed.updates.send_replace(Update::default());
            self.figures = None;
            self.health = None;
            self.base = None;
            self.seen = None;
        }
    }

    fn turn(&mut self, context: &Context, snapshot: &Snapshot) {
        for event in self.events(snapshot) {
            self.event_sequence += 1;
            let message = Message::new(EVENT, self.event_sequence, now().into(), &event);
            // Nobody there to hear it is no error.
            let _ = context.feed.events.send(message);
        }
        if self.updated.is_some_and(|at| at.elapsed() < UPDATE) {
            return;
        }
        self.updated = Some(Instant::now());
        let state = views::state(snapshot);
        let motion = self.motion(snapshot, &state);
        let mut fresh: [Option<Value>; TOPICS.len()] = [
            Some(state),
            motion,
            Some(views::prediction(snapshot)),
            Some(json!({ "alerts": snapshot.status.alerts })),
            None,
            None,
        ];
        let due = self.figures.is_none_or(|at| at.elapsed() >= FIGURES);
        let health = views::health(&snapshot.status, context.is_stale());
        let mut key = health.clone();
        if let Some(map) = key.as_object_mut() {
            map.remove("uptime_s");
        }
        if due || self.health.as_ref() != Some(&key) {
            self.health = Some(key);
            fresh[4] = Some(health);
        }
        if due {
            self.figures = Some(Instant::now());
            fresh[5] = Some(json!(snapshot.status.metrics));
        }
        self.publish(&context.feed, snapshot, fresh);
    }

    /// What differs from the base; a new base where that no longer serves.
    fn motion(&mut self, snapshot: &Snapshot, state: &Value) -> Option<Value> {
        if !self.base.as_ref().is_some_and(|(base, _)| base.serves(snapshot)) {
            self.base_sequence += 1;
            let message = Message::new(STATE, self.base_sequence, snapshot.time.as_str().into(), state);
            self.base = Some((Base::of(snapshot), message));
        }
        let (base, message) = self.base.as_ref()?;
        base.motion(message.sequence, snapshot)
    }

    fn publish(&mut self, feed: &Feed, snapshot: &Snapshot, fresh: [Option<Value>; TOPICS.len()]) {
        let timestamp: Arc<str> = snapshot.time.as_str().into();
        let sequences = &mut self.sequences;
        let base = self.base.as_ref().map(|(_, message)| message.clone());
        feed.updates.send_if_modified(|update| {
            let number = |message: &Option<Message>| message.as_ref().map(|m| m.sequence);
            let mut modified = number(&update.base) != number(&base);
            update.base = base;
            let slots = update.topics.iter_mut().zip(TOPICS).zip(sequences).zip(fresh);
            for (((slot, topic), sequence), value) in slots {
                let Some(value) = value else { continue };
                let next = Message::new(topic, *sequence + 1, Arc::clone(&timestamp), &value);
                if slot.as_ref().is_some_and(|old| old.data == next.data) {
                    continue;
                }
                *sequence += 1;
                *slot = Some(next);
                modified = true;
            }
            modified
        });
    }

    /// What happened since the last look, read off lasting values, so that it is not missed where a snapshot was.
    fn events(&mut self, snapshot: &Snapshot) -> Vec<Value> {
        let Some(table) = snapshot.table.as_deref() else {
            return Vec::new();
        };
        let seen = Seen {
            table: table.sequence,
            pocketed: table.pocketed.len(),
            at_rest: table.at_rest,
            shot: snapshot.played.last().map_or(0, |shot| shot.id),
        };
        let Some(before) = self.seen.replace(seen) else {
            return Vec::new();
        };
        if before.table == seen.table {
            return Vec::new();
        }
        let mut events = Vec::new();
        if before.at_rest && !table.at_rest {
            events.push(json!({ "event": "shot_struck", "frame": table.sequence }));
        }
        // A tracker that started anew has fewer: then nothing is new.
        for &(kind, pocket) in table.pocketed.iter().skip(before.pocketed) {
            let mut event = views::pocketed(kind, pocket);
            if let Some(map) = event.as_object_mut() {
                map.insert("event".into(), json!("pocketed"));
                map.insert("frame".into(), json!(table.sequence));
            }
            events.push(event);
        }
        if table.at_rest && !before.at_rest {
            events.push(json!({ "event": "at_rest", "frame": table.sequence }));
        }
        for shot in snapshot.played.iter().filter(|shot| shot.id > before.shot) {
            events.push(json!({ "event": "shot_ended", "shot": shot.id }));
        }
        events
    }
}
