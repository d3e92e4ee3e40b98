//! One shot in a room made up by a seed: from balls at rest to balls at rest, frame by frame.

use std::str::FromStr;
use std::time::Duration;

use super::{BadOptions, Company, Options, SceneName, VirtualTable};
use crate::table::{BallSet, Group};
use crate::units::Vec2;
use crate::vision::frame::Frame;
use crate::vision::observation::{TrueHappening, Truth};
use crate::vision::source::FrameSource as _;

/// What makes a shot hard to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ShotKind {
    /// A rack broken at full speed (in snooker softly, as it is done there).
    Break,
    /// A slow ball that meets another, or none.
    Slow,
    /// A rack that is opened softly: balls stay close together.
    Cluster,
    /// Players and arms that reach in over rolling balls.
    Occlusion,
}

/// A word that stands for no kind of shot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown kind of shot `{0}`; known are {known}", known = ShotKind::ALL.map(ShotKind::name).join(", "))]
pub struct UnknownShotKind(pub String);

impl ShotKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Break, Self::Slow, Self::Cluster, Self::Occlusion];

    /// The word used in commands.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Break => "break",
            Self::Slow => "slow",
            Self::Cluster => "cluster",
            Self::Occlusion => "occlusion",
        }
    }
}

impl std::fmt::Display for ShotKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ShotKind {
    type Err = UnknownShotKind;

    fn from_str(text: &str) -> Result<Self, UnknownShotKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| UnknownShotKind(text.to_owned()))
    }
}

/// Balls lie still and nobody is there, for so long at first, seconds.
const LYING_S: f64 = 0.6;
/// While the player aims only every so-maniest frame is filmed.
const SPARSE: u64 = 4;
/// Every frame is, from so long before the impact, seconds.
const BEFORE_S: f64 = 0.7;
/// The film goes on after all balls rest, seconds.
const AFTER_S: f64 = 1.0;
/// Longest film of rolling balls, seconds.
const LONGEST_S: f64 = 18.0;

/// The film of one shot.
#[derive(Debug)]
pub struct Shot {
    /// How it is filmed.
    pub options: Options,
    /// The table; its handle may be used to change the shot.
    pub table: VirtualTable,
    kind: ShotKind,
    random: fastrand::Rng,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Frames left.
    Lying(u64),
    /// Whether the stroke has begun.
    Aiming(bool),
    /// Frames filmed.
    Rolling(u64),
    /// Frames left.
    After(u64),
}

impl Shot {
    /// Sets up the room.
    ///
    /// # Errors
    /// [`BadOptions`], where the frame rate is not possible.
    pub fn new(domain: u64, kind: ShotKind, fps: f64) -> Result<Self, BadOptions> {
        let options = options_of(domain, kind, fps);
        let table = VirtualTable::new(&options)?;
        Ok(Self {
            stage: Stage::Lying((LYING_S * fps) as u64),
            random: fastrand::Rng::with_seed(domain ^ 0x5407),
            options,
            table,
            kind,
        })
    }

    /// The next frame with its true camera; `None` at the end.
    pub fn next_frame(&mut self) -> Option<Frame> {
        let frames = |seconds: f64| (seconds * self.options.fps) as u64;
        match self.stage {
            Stage::After(0) => return None,
            Stage::Rolling(n) if n > frames(LONGEST_S) => return None,
            Stage::Aiming(false) => {
                for _ in 0..SPARSE {
                    if !self.is_near_impact() {
                        self.table.skip(1);
                    }
                }
                self.stage = Stage::Aiming(self.is_near_impact());
            }
            _ => {}
        }
        let frame = self.table.next(Duration::from_secs(1)).ok()??;
        let truth = frame.truth.as_deref()?;
        let happened = |test: fn(&TrueHappening) -> bool| truth.events.iter().any(|e| test(&e.what));
        self.stage = match self.stage {
            Stage::Lying(0) => {
                self.take_the_cue(truth);
                Stage::Aiming(false)
            }
            Stage::Lying(left) => Stage::Lying(left - 1),
            Stage::Aiming(_) if happened(|e| matches!(e, TrueHappening::Struck(_))) => {
                self.table.handle().release();
                Stage::Rolling(0)
            }
            Stage::Aiming(near) => Stage::Aiming(near),
            Stage::Rolling(_) if happened(|e| *e == TrueHappening::AtRest) => Stage::After(frames(AFTER_S)),
            Stage::Rolling(n) => Stage::Rolling(n + 1),
            Stage::After(left) => Stage::After(left - 1),
        };
        Some(frame)
    }

    fn is_near_impact(&self) -> bool {
        self.table.until_impact_s().is_some_and(|left| left < BEFORE_S)
    }

    /// Plays the shot where the script would play another: slowly at the nearest ball.
    fn take_the_cue(&mut self, truth: &Truth) {
        let speed = match self.kind {
            ShotKind::Slow => 0.25 + 0.6 * self.random.f64(),
            ShotKind::Cluster => 0.8 + 1.7 * self.random.f64(),
            ShotKind::Break | ShotKind::Occlusion => return,
        };
        let cue = truth.balls.iter().find(|b| b.kind.group == Group::Cue);
        let Some(cue) = cue.map(|b| b.position_m) else {
            return;
        };
        let others = truth.balls.iter().filter(|b| b.kind.group != Group::Cue);
        let near = others
            .map(|b| b.position_m - cue)
            .min_by(|a, b| a.length().total_cmp(&b.length()));
        let way = near.unwrap_or(Vec2::X);
        let aside = (2.0 * self.random.f64() - 1.0) * 1.5 * self.options.table.ball.radius_m;
        let handle = self.table.handle();
        handle.aim((way + way.normalize_or(Vec2::X).perp() * aside).to_angle());
        handle.set_speed(speed);
        handle.shoot();
    }
}

/// The room of a domain, with what this kind of shot needs.
fn options_of(domain: u64, kind: ShotKind, fps: f64) -> Options {
    let racked = matches!(kind, ShotKind::Break | ShotKind::Cluster);
    let suits = |options: &Options| !racked || options.table.ball_set != BallSet::Carom;
    // Carom has no rack: another room then.
    let room = (0..64)
        .map(|k: u64| Options::of_domain(domain.wrapping_add(k << 40)))
        .find(suits);
    let mut options = room.unwrap_or_else(|| Options::of_domain(domain));
    options.scene = match (options.table.ball_set, kind) {
        (BallSet::Carom, _) => SceneName::Carom,
        (BallSet::Snooker, ShotKind::Break | ShotKind::Cluster) => SceneName::Snooker,
        (BallSet::Pool, ShotKind::Break) if domain.is_multiple_of(3) => SceneName::Nine,
        (BallSet::Pool, ShotKind::Break | ShotKind::Cluster) => SceneName::Break,
        (_, ShotKind::Slow | ShotKind::Occlusion) => SceneName::Practice,
    };
    if kind == ShotKind::Occlusion {
        let companies = (0..64).map(|k: u64| Company::of_seed(domain.wrapping_add(k << 40)));
        let all_there = |c: &Company| c.player.is_some() && c.visitor.is_some();
        options.company = companies.into_iter().find(all_there).unwrap_or(options.company);
    }
    options.fps = fps;
    // The shutter closes, and the last row is read, before the next frame begins.
    let longest = 0.9 / fps.max(1.0);
    options.exposure_s = options.exposure_s.min(longest);
    options.imaging.readout_s = options.imaging.readout_s.clamp(-longest, longest);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_shot_is_known_by_its_word() {
        for kind in ShotKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        let error = "trick".parse::<ShotKind>().unwrap_err().to_string();
        assert!(error.contains("trick") && error.contains("occlusion"), "{error}");
    }

    #[test]
    fn a_film_begins_and_ends_at_rest_and_has_one_stroke() {
        let mut shot = Shot::new(4, ShotKind::Slow, 30.0).unwrap();
        let (mut strokes, mut rests, mut early, mut moved, mut last) = (0, 0, 0, false, None);
        while let Some(frame) = shot.next_frame() {
            let truth = frame.truth.clone().unwrap();
            strokes += truth
                .events
                .iter()
                .filter(|e| matches!(e.what, TrueHappening::Struck(_)))
                .count();
            rests += truth
                .events
                .iter()
                .filter(|e| e.what == TrueHappening::AtRest)
                .count();
            let moves = truth.balls.iter().any(|b| b.velocity_m_s != Vec2::ZERO);
            // Rows that are exposed late may show a stroke before the frame's own time.
            early += usize::from(strokes == 0 && moves);
            moved |= moves;
            last = Some(moves);
        }
        assert_eq!((strokes, rests, moved, last), (1, 1, true, Some(false)));
        assert!(early <= 1, "{early} frames");
        assert!(Shot::new(4, ShotKind::Slow, 0.0).is_err());
    }

    #[test]
    fn rooms_suit_their_shots() {
        for domain in 0..60 {
            for kind in ShotKind::ALL {
                let options = options_of(domain, kind, 60.0);
                assert!(options.check().is_ok(), "{domain} {kind}");
                let racked = matches!(kind, ShotKind::Break | ShotKind::Cluster);
                assert!(!racked || options.table.ball_set != BallSet::Carom);
                assert!(options.imaging.readout_s.abs() < 1.0 / 60.0);
                if kind == ShotKind::Occlusion {
                    assert!(options.company.player.is_some() && options.company.visitor.is_some());
                }
            }
        }
    }
}
