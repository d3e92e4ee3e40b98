//! Whether what was calibrated still holds, from looks at the table and dots of light between shots.

use std::time::{Duration, Instant};

use super::look::Look;
use super::profile::Profile;
use super::spots::{FEWEST_DOTS, Spots};
use crate::units::MM_PER_M;

/// Why lines would be wrong. Nothing is drawn then but this.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Doubt {
    /// The table is seen elsewhere.
    #[error("the table is seen {:.0} mm from where it was calibrated: camera or table was moved", off_m * MM_PER_M)]
    TableElsewhere {
        /// By how much at its worst corner, metres.
        off_m: f64,
    },
    /// The table is not seen where it was.
    #[error(
        "the cushions are not seen where they were calibrated: the camera was moved far, or something hides them"
    )]
    TableNotSeen,
    /// Light lands elsewhere.
    #[error("light lands {:.0} mm from where it is meant: camera or projector was moved", off_m * MM_PER_M)]
    LightElsewhere {
        /// By how much, metres.
        off_m: f64,
    },
    /// There is no light.
    #[error(
        "no light of the projector is seen on the table: is it on, uncovered, and showing the trainer's window?"
    )]
    NoLight,
}

impl Doubt {
    /// The same in a few words, for who stands at the table.
    #[must_use]
    pub const fn headline(self) -> &'static str {
        match self {
            Self::TableElsewhere { .. } => "camera or table was moved: calibrate again",
            Self::TableNotSeen => "the camera does not see the cushions",
            Self::LightElsewhere { .. } => "camera or projector was moved: calibrate again",
            Self::NoLight => "the projector's light is not seen",
        }
    }

    /// True where a new calibration mends it.
    #[must_use]
    pub const fn asks_for_calibration(self) -> bool {
        matches!(self, Self::TableElsewhere { .. } | Self::LightElsewhere { .. })
    }
}

/// What has changed since the calibration without making lines wrong.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Change {
    /// The picture is blurred.
    #[error(
        "the camera's picture is blurred: edges are {now_px:.1} pixels wide, {then_px:.1} when it was calibrated; focus the camera"
    )]
    Blurred {
        /// Width of the noses' edges now, pixels.
        now_px: f64,
        /// The same when it was calibrated.
        then_px: f64,
    },
    /// It is brighter or darker.
    #[error(
        "the table looks {times:.1} times as bright as when it was calibrated: lamps or the camera's exposure have changed"
    )]
    OtherLight {
        /// So many times as bright.
        times: f64,
    },
}

/// Follows what is seen, and says what to think of it.
#[derive(Clone, Debug)]
pub struct Watch {
    limit_m: f64,
    edge_px: Option<f64>,
    bed_light: Option<f64>,
    /// Looks in a row in which the table was elsewhere, surely, or not seen.
    elsewhere: u32,
    unseen: u32,
    /// Looks in a row in which it was not elsewhere.
    in_place: u32,
    /// Looks in a row with that change.
    blurred: u32,
    other_light: u32,
    /// Checks in a row without light.
    dark: u32,
    /// Something looks odd: light is to be checked soon.
    suspicious: bool,
    checked: Option<Instant>,
    last_look: Option<Look>,
    last_off_m: Option<f64>,
    doubt: Option<Doubt>,
}

/// So many looks in a row make it sure: one may be of somebody's sleeve.
const SURE_LOOKS: u32 = 3;
/// People stand in front of cushions for a while.
const UNSEEN_LOOKS: u32 = 30;
/// Times the limit by which the noses may seem elsewhere while light lands well: lamps that stand elsewhere light their rounding
/// otherwise.
const BY_LIGHT: f64 = 2.0;
/// Edges that are so many times as wide are blurred.
const BLURRED: f64 = 1.6;
/// The bed may be so many times as bright or as dark.
const OTHER_LIGHT: f64 = 2.0;
/// Checks without light before it is said to be missing: somebody may have leant over.
const DARK_CHECKS: u32 = 2;
/// The table lies still and nobody is over it for so long before light is checked.
const STILL_FOR: Duration = Duration::from_millis(1500);
/// What looks odd is checked again after so long.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

impl Watch {
    /// Over what this calibration says; lines may be off by `limit_m`, metres.
    #[must_use]
    pub const fn over(profile: &Profile, limit_m: f64) -> Self {
        Self {
            limit_m,
            edge_px: profile.edge_px,
            bed_light: profile.bed_light,
            elsewhere: 0,
            unseen: 0,
            in_place: 0,
            blurred: 0,
            other_light: 0,
            dark: 0,
            suspicious: false,
            checked: None,
            last_look: None,
            last_off_m: None,
            doubt: None,
        }
    }

    /// Lines may be off by this from now on, metres.
    pub const fn set_limit(&mut self, limit_m: f64) {
        self.limit_m = limit_m;
    }

    /// The table was looked at; `None`: too little of its cushions was to be seen.
    pub fn looked(&mut self, look: Option<Look>) {
        let Some(look) = look else {
            self.unseen = self.unseen.saturating_add(1);
            self.in_place = 0;
            if self.unseen >= UNSEEN_LOOKS && self.doubt.is_none() {
                self.doubt = Some(Doubt::TableNotSeen);
            }
            return;
        };
        self.last_look = Some(look);
        self.unseen = 0;
        let count = |so: bool, before: u32| if so { before.saturating_add(1) } else { 0 };
        self.suspicious = look.off_m > self.limit_m;
        self.elsewhere = count(look.off_m > BY_LIGHT * self.limit_m, self.elsewhere);
        self.in_place = count(look.off_m <= self.limit_m, self.in_place);
        self.blurred = count(
            self.edge_px.is_some_and(|then| look.edge_px > BLURRED * then),
            self.blurred,
        );
        let times = self.bed_light.map(|then| look.bed_light / then.max(1e-6));
        let other = times.is_some_and(|times| !(1.0 / OTHER_LIGHT..=OTHER_LIGHT).contains(&times));
        self.other_light = count(other, self.other_light);
        if self.elsewhere >= SURE_LOOKS {
            self.doubt = Some(Doubt::TableElsewhere { off_m: look.off_m });
        }
        let of_looks = matches!(
            self.doubt,
            Some(Doubt::TableElsewhere { .. } | Doubt::TableNotSeen)
        );
        if of_looks && self.in_place >= SURE_LOOKS {
            self.doubt = None;
        }
    }

    /// Light was looked for.
    pub fn checked(&mut self, spots: &Spots, now: Instant) {
        self.checked = Some(now);
        if spots.shown < FEWEST_DOTS {
            return;
        }
        if spots.seen.is_empty() {
            self.dark = self.dark.saturating_add(1);
            if self.dark >= DARK_CHECKS {
                self.doubt = Some(Doubt::NoLight);
            }
            return;
        }
        self.dark = 0;
        let Some(off_m) = spots.off_m() else { return };
        self.last_off_m = Some(off_m);
        if off_m > self.limit_m {
            self.doubt = Some(Doubt::LightElsewhere { off_m });
        } else if matches!(self.doubt, Some(Doubt::LightElsewhere { .. } | Doubt::NoLight)) {
            self.doubt = None;
        }
    }

    /// True where dots are to be shown now. `still_since`: since when nothing moves and nobody is over the table;
    /// `every`: time between two checks of what seems well, `None` for never.
    #[must_use]
    pub fn wants_check(&self, now: Instant, still_since: Option<Instant>, every: Option<Duration>) -> bool {
        let Some(every) = every else { return false };
        let still = still_since.is_some_and(|since| now.saturating_duration_since(since) >= STILL_FOR);
        let odd = self.suspicious || self.doubt.is_some() || self.dark > 0;
        let wait = if odd { AGAIN_AFTER.min(every) } else { every };
        let due = self
            .checked
            .is_none_or(|at| now.saturating_duration_since(at) >= wait);
        still && due
    }

    /// Why lines would be wrong, where they would.
    #[must_use]
    pub const fn doubt(&self) -> Option<Doubt> {
        self.doubt
    }

    /// What else has changed.
    #[must_use]
    pub fn change(&self) -> Option<Change> {
        let look = self.last_look?;
        if self.blurred >= SURE_LOOKS {
            return Some(Change::Blurred {
                now_px: look.edge_px,
                then_px: self.edge_px?,
            });
        }
        (self.other_light >= SURE_LOOKS).then_some(Change::OtherLight {
            times: look.bed_light / self.bed_light?.max(1e-6),
        })
    }

    /// How far from where it was meant light was seen at the last check, metres.
    #[must_use]
    pub const fn last_off_m(&self) -> Option<f64> {
        self.last_off_m
    }
}
