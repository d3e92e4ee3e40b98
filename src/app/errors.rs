//! What happens to an error that a system returns: it is logged, never a panic.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use bevy::ecs::error::{BevyError, ErrorContext};

/// The same system's error is logged at most this often.
const REPEAT_AFTER: Duration = Duration::from_secs(10);
/// Systems remembered for that.
const REMEMBERED: usize = 32;

static LAST: Mutex<Vec<(String, Instant)>> = Mutex::new(Vec::new());

/// Logs an error of a system, command or observer.
pub(super) fn report(error: BevyError, context: ErrorContext) {
    let place = context.name().to_string();
    let now = Instant::now();
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    last.retain(|(_, at)| now.saturating_duration_since(*at) < REPEAT_AFTER);
    if last.iter().any(|(name, _)| *name == place) || last.len() >= REMEMBERED {
        return;
    }
    last.push((place.clone(), now));
    drop(last);
    let text = error.to_string();
    let first_line = text.lines().next().unwrap_or_default();
    tracing::error!("{place}: {first_line}");
}
