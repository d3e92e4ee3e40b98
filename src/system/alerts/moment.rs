//! One moment, by both clocks.

use std::time::Instant;

use time::OffsetDateTime;

/// One moment: by the clock that never jumps, and by the one people read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// What every deadline and duration is measured with.
    pub at: Instant,
    /// What is shown and stored. It may be wrong, and may jump.
    pub clock: OffsetDateTime,
}

impl Moment {
    /// This moment.
    #[must_use]
    pub fn now() -> Self {
        Self {
            at: Instant::now(),
            clock: OffsetDateTime::now_utc(),
        }
    }

    /// The wall clock, UTC, RFC 3339 to the second.
    #[must_use]
    pub fn stamp(&self) -> String {
        stamp(self.clock)
    }
}

/// UTC, RFC 3339 to the second.
pub(super) fn stamp(clock: OffsetDateTime) -> String {
    let whole = clock.replace_nanosecond(0).unwrap_or(clock);
    whole
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap_or_default()
}
