//! Makes every live message once, for all WebSocket clients.
//!
//! Topics with a newest value (state, prediction, health, metrics, alerts) are kept as
//! ready JSON in a `watch` channel: a client that is slow simply finds a newer one.
//! Events go through a queue and are not skipped.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::{broadcast, watch};

use super::context::{Context, now, stopped};
use super::views;
use crate::system::faults::{self, Point};
use crate::system::snapshot::Snapshot;

/// How often the snapshot is looked at while somebody listens: events sit in single snapshots.
const LOOK: Duration = Duration::from_millis(10);
/// How often it is looked at while nobody does.
const LOOK_IDLE: Duration = Duration::from_millis(100);
/// Shortest time between two updates of one topic.
const UPDATE: Duration = Duration::from_millis(50);
/// Time between two updates of figures, and longest time between two of health.
const FIGURES: Duration = Duration::from_secs(1);
/// Events a client may be behind.
const EVENTS: usize = 256;

/// The topics that have a newest value, in the order of [`Update::topics`].
pub(super) const TOPICS: [&str; 5] = ["state", "prediction", "alert", "health", "metrics"];

/// The newest value of one topic.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// Counts up by one per message of the topic.
    pub(super) sequence: u64,
    pub(super) timestamp: Arc<str>,
    /// JSON.
    pub(super) data: Arc<str>,
}

/// The newest values of all topics.
#[derive(Clone, Debug, Default)]
pub(super) struct Update {
    pub(super) topics: [Option<Message>; TOPICS.len()],
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
    event_sequence: u64,
    /// What events were last derived from: frame, snapshot, balls pocketed.
    seen: Option<Seen>,
}

#[derive(Clone, Copy)]
struct Seen {
    table: u64,
    pocketed: usize,
    at_rest: bool,
}

impl Publisher {
    /// Nobody listens: whoever comes next must not get yesterday's values.
    fn forget(&mut self, feed: &Feed) {
        if self.updated.take().is_some() {
            feed.updates.send_replace(Update::default());
            self.figures = None;
            self.health = None;
            self.seen = None;
        }
    }

    fn turn(&mut self, context: &Context, snapshot: &Snapshot) {
        for event in self.events(snapshot) {
            self.event_sequence += 1;
            let message = Message {
                sequence: self.event_sequence,
                timestamp: now().into(),
                data: event.to_string().into(),
            };
            // Nobody there to hear it is no error.
            let _ = context.feed.events.send(message);
        }
        if self.updated.is_some_and(|at| at.elapsed() < UPDATE) {
            return;
        }
        self.updated = Some(Instant::now());
        let mut fresh: [Option<Value>; TOPICS.len()] = [
            Some(views::state(snapshot)),
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
            fresh[3] = Some(health);
        }
        if due {
            self.figures = Some(Instant::now());
            fresh[4] = Some(json!(snapshot.status.metrics));
        }
        self.publish(&context.feed, snapshot, fresh);
    }

    fn publish(&mut self, feed: &Feed, snapshot: &Snapshot, fresh: [Option<Value>; TOPICS.len()]) {
        let timestamp: Arc<str> = snapshot.time.as_str().into();
        let sequences = &mut self.sequences;
        feed.updates.send_if_modified(|update| {
            let mut modified = false;
            for ((slot, sequence), value) in update.topics.iter_mut().zip(sequences).zip(fresh) {
                let Some(data) = value.map(|v| v.to_string()) else {
                    continue;
                };
                if slot.as_ref().is_some_and(|old| *old.data == *data) {
                    continue;
                }
                *sequence += 1;
                *slot = Some(Message {
                    sequence: *sequence,
                    timestamp: Arc::clone(&timestamp),
                    data: data.into(),
                });
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
        events
    }
}
