//! Tells people over the network: POSTs notifications as JSON, each webhook on a thread of its own.
//!
//! Nothing here makes the caller wait. What can't be delivered is tried again for about five
//! minutes, then given up and counted; the queue is short and drops its oldest, so that a net
//! that is away for days costs no memory.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read as _;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;
use tracing::{info, warn};

use crate::system::alerts::{Notification, Webhook};
use crate::system::status::Severity;

/// Notifications that wait at most.
const QUEUE: usize = 64;
/// So long is the end of the thread waited for.
const PATIENCE: Duration = Duration::from_millis(800);
/// Bytes of a token file at most.
const MAX_TOKEN_BYTES: u64 = 4096;

/// How often and how long it is tried.
#[derive(Clone, Copy, Debug)]
struct Pace {
    tries: u32,
    first_pause: Duration,
    longest_pause: Duration,
    /// For one try, from the look-up of the name to the answer.
    timeout: Duration,
}

const PACE: Pace = Pace {
    tries: 10,
    first_pause: Duration::from_secs(1),
    longest_pause: Duration::from_secs(60),
    timeout: Duration::from_secs(5),
};

impl Pace {
    /// The pause after so many failures (from 1): doubled each time, give or take a fifth, so that
    /// many senders don't come back all at once.
    fn pause(&self, failures: u32) -> Duration {
        let doubled = 2_u32
            .checked_pow(failures.saturating_sub(1))
            .and_then(|factor| self.first_pause.checked_mul(factor))
            .unwrap_or(self.longest_pause);
        doubled
            .min(self.longest_pause)
            .mul_f64(fastrand::f64().mul_add(0.4, 0.8))
    }
}

/// How a webhook is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WebhookStatus {
    /// Its name.
    pub name: String,
    /// Its thread is there.
    pub running: bool,
    /// Notifications delivered.
    pub sent: u64,
    /// Notifications given up after all tries.
    pub failed: u64,
    /// Notifications dropped because too many were waiting.
    pub dropped: u64,
    /// Notifications that wait.
    pub queued: usize,
    /// What went wrong last, where nothing has been delivered since.
    pub last_error: Option<String>,
}

/// A webhook at work. It ends when it is dropped, at the latest.
#[derive(Debug)]
pub struct WebhookSender {
    min_severity: Severity,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<String>,
    stop: bool,
    ended: bool,
    status: WebhookStatus,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next body to send; None when it is time to end.
    fn next(&self) -> Option<String> {
        let idle = |state: &mut State| !state.stop && state.queue.is_empty();
        let mut state = self
            .changed
            .wait_while(self.lock(), idle)
            .unwrap_or_else(PoisonError::into_inner);
        if state.stop { None } else { state.queue.pop_front() }
    }

    /// Waits; false when it is time to end.
    fn pause(&self, pause: Duration) -> bool {
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), pause, |state| !state.stop)
            .unwrap_or_else(PoisonError::into_inner);
        !state.stop
    }
}

impl WebhookSender {
    /// Starts a webhook that is switched on.
    ///
    /// # Errors
    /// One line, when no thread can be started.
    pub fn start(webhook: &Webhook) -> Result<Self, String> {
        Self::start_at(webhook, PACE)
    }

    fn start_at(webhook: &Webhook, pace: Pace) -> Result<Self, String> {
        let shared = Arc::new(Shared::default());
        shared.lock().status.name.clone_from(&webhook.name);
        let (theirs, hook) = (Arc::clone(&shared), webhook.clone());
        let thread = std::thread::Builder::new()
            .name("webhook".to_owned())
            .spawn(move || {
                run(&theirs, &hook, pace);
                theirs.lock().ended = true;
                theirs.changed.notify_all();
            })
            .map_err(|e| format!("webhook `{}`: no thread can be started ({e})", webhook.name))?;
        Ok(Self {
            min_severity: webhook.min_severity,
            shared,
            thread: Some(thread),
        })
    }

    /// Hands a notification over; it never waits.
    pub fn send(&self, notification: &Notification) {
        if notification.severity < self.min_severity {
            return;
        }
        let body = notification.payload();
        let mut state = self.shared.lock();
        while state.queue.len() >= QUEUE {
            state.queue.pop_front();
            state.status.dropped += 1;
        }
        state.queue.push_back(body);
        drop(state);
        self.shared.changed.notify_all();
    }

    /// How it is doing.
    #[must_use]
    pub fn status(&self) -> WebhookStatus {
        let state = self.shared.lock();
        WebhookStatus {
            running: self.thread.as_ref().is_some_and(|t| !t.is_finished()),
            queued: state.queue.len(),
            ..state.status.clone()
        }
    }

    /// Ends it within a second: true when its thread is gone. A request that is on its way can't
    /// be called back; then the thread ends after it by itself, five seconds later at most.
    pub fn stop(&mut self) -> bool {
        let Some(thread) = self.thread.take() else {
            return true;
        };
        let mut state = self.shared.lock();
        state.stop = true;
        self.shared.changed.notify_all();
        let (state, _) = self
            .shared
            .changed
            .wait_timeout_while(state, PATIENCE, |state| !state.ended)
            .unwrap_or_else(PoisonError::into_inner);
        let ended = state.ended;
        drop(state);
        if ended {
            thread.join().ok();
        }
        ended
    }
}

impl Drop for WebhookSender {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(shared: &Shared, webhook: &Webhook, pace: Pace) {
    let agent = agent(webhook, pace.timeout);
    while let Some(body) = shared.next() {
        for failures in 1.. {
            // A fault inside the client must not end the thread.
            let posted = std::panic::catch_unwind(AssertUnwindSafe(|| post(&agent, webhook, &body)))
                .unwrap_or_else(|_| Err("the request failed inside".to_owned()));
            let mut state = shared.lock();
            let error = match posted {
                Ok(()) => {
                    state.status.sent += 1;
                    if state.status.last_error.take().is_some() {
                        info!("webhook `{}` works again", webhook.name);
                    }
                    break;
                }
                Err(error) => error,
            };
            if state.status.last_error.is_none() {
                warn!("webhook `{}`: {error}; it is tried again", webhook.name);
            }
            state.status.last_error = Some(error);
            if failures >= pace.tries {
                state.status.failed += 1;
                break;
            }
            drop(state);
            if !shared.pause(pace.pause(failures)) {
                return;
            }
        }
    }
}

fn agent(webhook: &Webhook, timeout: Duration) -> ureq::Agent {
    let mut config = ureq::Agent::config_builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        // A redirection could carry the secret to somebody else.
        .max_redirects(0)
        .max_redirects_will_error(false)
        // Alerts are rare: a connection that was kept would be stale.
        .max_idle_connections(0)
        .user_agent(concat!("billiards-trainer/", env!("CARGO_PKG_VERSION")));
    let host = webhook.url.split("://").nth(1).unwrap_or_default();
    if ["127.", "localhost", "[::1]"]
        .iter()
        .any(|own| host.starts_with(own))
    {
        // This computer is reached without the proxy that the environment may name.
        config = config.proxy(None);
    }
    config.build().new_agent()
}

/// Sends one notification. The error names neither address nor secret.
fn post(agent: &ureq::Agent, webhook: &Webhook, body: &str) -> Result<(), String> {
    let mut request = agent
        .post(&webhook.url)
        .header("Content-Type", "application/json; charset=utf-8");
    if let Some(path) = &webhook.token_file {
        let mut value = ureq::http::HeaderValue::from_str(&token(path)?)
            .map_err(|_| format!("{}: its first line can't stand in a header", path.display()))?;
        value.set_sensitive(true);
        request = request.header(webhook.header.as_str(), value);
    }
    let status = request.send(body).map_err(|e| words(&e))?.status();
    if status.is_success() {
        Ok(())
    } else {
        Err(format!("the receiver answered {}", status.as_u16()))
    }
}

/// The first line of a token file.
fn token(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_TOKEN_BYTES).read_to_string(&mut text))
        .map_err(|e| format!("its token file {} can't be read ({e})", path.display()))?;
    match text.lines().next().map(str::trim) {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        _ => Err(format!(
            "its token file {} has an empty first line",
            path.display()
        )),
    }
}

fn words(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "the receiver did not answer in time".to_owned(),
        ureq::Error::HostNotFound => "the receiver's name is not known; is the network up?".to_owned(),
        ureq::Error::ConnectionFailed => "the receiver can't be reached; is the network up?".to_owned(),
        ureq::Error::Io(e) => format!("the receiver can't be reached ({e})"),
        ureq::Error::BadUri(_) => "its address can't be used; correct `url` in the site file".to_owned(),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => {
            "the receiver's certificate was not accepted".to_owned()
        }
        _ => "the receiver's answer was not understood".to_owned(),
    }
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;
