//! What the API counts about itself.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use crate::system::pulse::Pulse;

/// How many of the last answers the percentiles are taken over.
const RING: usize = 512;

/// Counters that any thread may read at any time without waiting.
#[derive(Debug)]
pub struct ApiStats {
    requests: AtomicU64,
    client_errors: AtomicU64,
    server_errors: AtomicU64,
    panics: AtomicU64,
    connections: AtomicUsize,
    connections_refused: AtomicU64,
    websockets: AtomicUsize,
    messages_dropped: AtomicU64,
    /// Unix seconds; the smallest number where there is no certificate.
    certificate_ends: AtomicI64,
    /// Microseconds + 1 of each of the last answers; 0 is an empty place.
    latencies: [AtomicU32; RING],
    next: AtomicUsize,
    pulse: Pulse,
}

impl Default for ApiStats {
    fn default() -> Self {
        Self {
            requests: AtomicU64::new(0),
            client_errors: AtomicU64::new(0),
            server_errors: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            connections: AtomicUsize::new(0),
            connections_refused: AtomicU64::new(0),
            websockets: AtomicUsize::new(0),
            messages_dropped: AtomicU64::new(0),
            certificate_ends: AtomicI64::new(i64::MIN),
            latencies: [const { AtomicU32::new(0) }; RING],
            next: AtomicUsize::new(0),
            pulse: Pulse::default(),
        }
    }
}

impl ApiStats {
    /// Requests answered since start.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// Requests answered with 4xx since start.
    #[must_use]
    pub fn client_errors(&self) -> u64 {
        self.client_errors.load(Relaxed)
    }

    /// Requests answered with 5xx since start.
    #[must_use]
    pub fn server_errors(&self) -> u64 {
        self.server_errors.load(Relaxed)
    }

    /// Panics of request handlers caught since start.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.panics.load(Relaxed)
    }

    /// Open connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }

    /// Connections turned away because there were too many.
    #[must_use]
    pub fn connections_refused(&self) -> u64 {
        self.connections_refused.load(Relaxed)
    }

    /// WebSocket clients now.
    #[must_use]
    pub fn websockets(&self) -> usize {
        self.websockets.load(Relaxed)
    }

    /// WebSocket updates that slow clients did not get.
    #[must_use]
    pub fn messages_dropped(&self) -> u64 {
        self.messages_dropped.load(Relaxed)
    }

    /// When the certificate is over, Unix seconds, where there is one.
    #[must_use]
    pub fn certificate_ends_unix_s(&self) -> Option<i64> {
        Some(self.certificate_ends.load(Relaxed)).filter(|ends| *ends != i64::MIN)
    }

    pub(super) fn certificate_ends(&self, unix_s: Option<i64>) {
        self.certificate_ends.store(unix_s.unwrap_or(i64::MIN), Relaxed);
    }

    /// Time to answer: median and 95th percentile over the last answers, or `None` before the first.
    #[must_use]
    pub fn latency(&self) -> Option<(Duration, Duration)> {
        let mut micros: Vec<u32> = self
            .latencies
            .iter()
            .filter_map(|l| l.load(Relaxed).checked_sub(1))
            .collect();
        micros.sort_unstable();
        let at = |share: f64| {
            let index = (share * micros.len() as f64).ceil() as usize;
            micros.get(index.saturating_sub(1)).copied()
        };
        let duration = |us: u32| Duration::from_micros(u64::from(us));
        Some((duration(at(0.5)?), duration(at(0.95)?)))
    }

    /// Time since the API thread last turned, which it does ten times a second; `None`
    /// before its first turn. A thread that hangs is seen by this.
    #[must_use]
    pub fn heartbeat_age(&self) -> Option<Duration> {
        self.pulse.age()
    }

    pub(super) fn beat(&self) {
        self.pulse.beat();
    }

    /// The API thread's sign of life.
    #[must_use]
    pub const fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    pub(super) fn answered(&self, status: u16, took: Duration) {
        self.requests.fetch_add(1, Relaxed);
        match status {
            400..=499 => self.client_errors.fetch_add(1, Relaxed),
            // "Not available just now" is an honest answer, not a fault of the server.
            500..=502 | 504..=599 => self.server_errors.fetch_add(1, Relaxed),
            _ => 0,
        };
        let micros = u32::try_from(took.as_micros())
            .unwrap_or(u32::MAX - 1)
            .saturating_add(1);
        let place = self.next.fetch_add(1, Relaxed) % RING;
        if let Some(slot) = self.latencies.get(place) {
            slot.store(micros, Relaxed);
        }
    }

    pub(super) fn panicked(&self) {
        self.panics.fetch_add(1, Relaxed);
    }

    pub(super) fn refused(&self) {
        self.connections_refused.fetch_add(1, Relaxed);
    }

    pub(super) fn dropped(&self, messages: u64) {
        self.messages_dropped.fetch_add(messages, Relaxed);
    }

    pub(super) fn connected(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    pub(super) fn disconnected(&self) {
        self.connections.fetch_sub(1, Relaxed);
    }

    pub(super) fn websocket_opened(&self) {
        self.websockets.fetch_add(1, Relaxed);
    }

    pub(super) fn websocket_closed(&self) {
        self.websockets.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_last_answers_and_absent_before_the_first() {
        let stats = ApiStats::default();
        assert_eq!(stats.latency(), None);
        for ms in 1..=100 {
            stats.answered(200, Duration::from_millis(ms));
        }
        let (p50, p95) = stats.latency().unwrap();
        assert_eq!((p50.as_millis(), p95.as_millis()), (50, 95));
        for _ in 0..RING {
            stats.answered(500, Duration::from_millis(7));
        }
        assert_eq!(stats.latency().map(|l| l.1.as_millis()), Some(7));
        stats.answered(503, Duration::from_millis(7));
        assert_eq!((stats.requests(), stats.server_errors()), (613, 512));
    }
}
