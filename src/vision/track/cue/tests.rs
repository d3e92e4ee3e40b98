//! The follower on made-up observations: a stroke as a camera at 30 frames a second would see it.

use super::*;
use crate::calibration::{CameraModel, Lens, Pose};
use crate::physics::Simulator;
use crate::table::BallKind;
use crate::units::{ImageSize, Vec3, unit};
use crate::vision::hidden::Hidden;
use crate::vision::naming::Odds;
use crate::vision::observation::{BallSeen, Covariance, TableSeen};

const BALL: Vec2 = Vec2::new(-0.5, 0.2);
const DRAWN_M: f64 = 0.17;

/// A player, a cue, a ball and a camera.
struct Rig {
    camera: CameraModel,
    table: TableSpec,
    strike: CueStrike,
    impact_s: f64,
    path: crate::physics::prediction::Prediction,
    readout_s: f64,
    random: fastrand::Rng,
}

impl Rig {
    fn new(strike: CueStrike, impact_s: f64) -> Self {
        let table = TableSpec::pool_9ft();
        let image = ImageSize::new(1920, 1080);
        let camera = CameraModel {
            lens: Lens::pinhole(image, 1500.0),
            pose: Pose::looking_at(Vec3::new(0.0, 0.0, 2.5), Vec3::ZERO, Vec3::Y),
        };
        let path = Simulator::new(&table).simulate(&[BallState::resting(BALL)], Some((0, strike)));
        Self {
            camera,
            table,
            strike,
            impact_s,
            path,
            readout_s: 0.0,
            random: fastrand::Rng::with_seed(9),
        }
    }

    /// The tip behind the ball's surface at `t`, metres; negative when it has come through.
    fn gap(&self, t: f64) -> f64 {
        let forward = 2.0 * DRAWN_M / self.strike.stick_speed_m_s;
        let before = self.impact_s - t;
        if before < 0.0 {
            -0.1 * (1.0 - (10.0 * self.strike.stick_speed_m_s * before).exp())
        } else if before < forward {
            DRAWN_M * (1.0 - (1.0 - before / forward).powi(2))
        } else if before < forward + 0.15 {
            DRAWN_M
        } else if before < forward + 0.65 {
            let u = (forward + 0.65 - before) / 0.5;
            0.03 + (DRAWN_M - 0.03) * u * u * (3.0 - 2.0 * u)
        } else {
            0.03 + 0.035 * (1.0 - (9.0 * (before - forward - 0.65)).cos())
        }
    }

    fn tip(&self, t: f64) -> Vec3 {
        let (r, along) = (self.table.ball.radius_m, unit(self.strike.direction));
        let side = self.strike.side;
        let (sin, cos) = self.strike.elevation.sin_cos();
        let depth = (1.0 - side * side).sqrt();
        let met = BALL - along * (depth * cos * r) + along.perp() * (side * r);
        let axis = (-along * cos).extend(sin);
        met.extend(r * (1.0 + depth * sin)) + axis * self.gap(t)
    }

    fn lag_s(&self, px: Vec2) -> f64 {
        self.readout_s * (px.y / 1080.0 - 0.5)
    }

    /// What a frame at `t` shows.
    fn look(&mut self, start: Instant, t: f64) -> Observation {
        let mut noise =
            |size: f64| Vec2::new(self.random.f64() - 0.5, self.random.f64() - 0.5) * (3.46 * size);
        let (ball_noise, tip_noise, behind_noise) = (noise(3e-4), noise(0.4), noise(0.1));
        let r = self.table.ball.radius_m;
        let about = self.camera.project(BALL.extend(r)).unwrap();
        let time = t + self.lag_s(about);
        let place = match self.path.paths.first() {
            Some(path) if time > self.impact_s => path.at(time - self.impact_s).position,
            _ => BALL,
        };
        let center_px = self.camera.project(place.extend(r)).unwrap();
        let mut cues = Vec::new();
        if t < self.impact_s + 0.2 {
            let tip = self.tip(t + self.lag_s(self.camera.project(self.tip(t)).unwrap()));
            let (sin, cos) = self.strike.elevation.sin_cos();
            let axis = (-unit(self.strike.direction) * cos).extend(sin);
            let tip_px = self.camera.project(tip).unwrap() + tip_noise;
            let behind_px = self.camera.project(tip + axis * 0.5).unwrap() + behind_noise;
            let line = CueLine::through(&self.camera, tip_px, behind_px, 1e-3).unwrap();
            cues.push(CueSeen {
                tip_px,
                butt_px: behind_px,
                tip_m: Some(line.tip_at(r)),
                direction: line.direction_at(0.07),
                line: Some(line),
                lying: false,
                confidence: 0.9,
            });
        }
        let kind = BallKind::pool(0);
        Observation {
            sequence: (t * 30.0).round() as u64,
            captured: start + Duration::from_secs_f64(t),
            image: self.camera.lens.image,
            table: Some(TableSeen {
                corners_px: [Vec2::ZERO; 4],
                pockets_px: [Vec2::ZERO; 6],
                model: "pool-9ft".to_owned(),
                confidence: 1.0,
                camera: self.camera,
            }),
            balls: vec![BallSeen {
                center_px,
                radius_px: 17.0,
                position_m: Some(place + ball_noise),
                covariance_m2: Covariance::round(3e-4),
                kind,
                confidence: 1.0,
                group_confidence: 0.9,
                odds: Odds::of_name(kind, 0.9),
                look: Default::default(),
            }],
            cues,
            hidden: Hidden::default(),
            timing_ms: Vec::new(),
            warnings: Vec::new(),
            cloth_srgb: None,
        }
    }

    /// Watches the whole stroke; every phase there was, and what is said of it in the end.
    fn watch(&mut self) -> (Vec<CuePhase>, Option<Hit>, f64) {
        let start = Instant::now();
        let mut tracker = super::super::Tracker::new(&self.table).with_readout(self.readout_s);
        let (mut phases, mut worst) = (Vec::new(), 0.0_f64);
        for frame in 0..150_u16 {
            let t = f64::from(frame) / 30.0;
            let look = self.look(start, t);
            let Some(state) = tracker.update(&look) else {
                continue;
            };
            if let Some(cue) = &state.cue {
                if phases.last() != Some(&cue.phase) {
                    phases.push(cue.phase);
                }
                if t < self.impact_s {
                    worst = worst.max(cue.direction.angle_to(unit(self.strike.direction)).abs());
                }
            }
        }
        let hit = tracker.last_hit().copied();
        let hit = hit.inspect(|hit| assert!((hit.at - start).as_secs_f64() < 6.0));
        let off_s = hit.map_or(f64::NAN, |h| (h.at - start).as_secs_f64() - self.impact_s);
        (phases, hit, off_s)
    }
}

fn strike(speed: f64, side: f64) -> CueStrike {
    CueStrike {
        stick_speed_m_s: speed,
        direction: 0.1,
        elevation: 4_f64.to_radians(),
        side,
        height: 0.0,
    }
}

#[test]
fn a_stroke_is_seen_from_warm_up_to_follow_through_and_timed_between_frames() {
    for (speed, side, impact_s) in [(1.2, 0.0, 3.01), (2.0, 0.3, 3.02), (3.5, -0.3, 3.03)] {
        let (phases, hit, off_s) = Rig::new(strike(speed, side), impact_s).watch();
        let order = [
            CuePhase::WarmingUp,
            CuePhase::Paused,
            CuePhase::Striking,
            CuePhase::Following,
        ];
        let at = order.map(|phase| phases.iter().position(|p| *p == phase));
        assert!(
            at.iter().all(Option::is_some) && at.is_sorted(),
            "{speed}: {phases:?}"
        );
        let hit = hit.unwrap();
        assert!(off_s.abs() < 0.004, "{speed}: {off_s} s, {hit:?}");
        assert_eq!(hit.number, 1);
        assert!((hit.stick_speed_m_s / speed - 1.0).abs() < 0.12, "{hit:?}");
        assert!((hit.side.unwrap() - side).abs() < 0.1, "{hit:?}");
    }
}

#[test]
fn a_ball_that_meets_another_unseen_keeps_the_time_it_left() {
    for reach_m in [0.5, 0.6, 0.7] {
        let strike = strike(5.0, 0.0);
        let mut rig = Rig::new(strike, 3.02);
        let balls = [BALL, BALL + unit(0.1) * reach_m].map(BallState::resting);
        rig.path = Simulator::new(&rig.table).simulate(&balls, Some((0, strike)));
        let (_, hit, off_s) = rig.watch();
        assert!(hit.is_some() && off_s.abs() < 0.006, "{reach_m}: {off_s} {hit:?}");
    }
}

#[test]
fn a_rolling_shutter_that_is_known_costs_no_time() {
    for readout_s in [0.03, -0.03] {
        let mut rig = Rig::new(strike(2.0, 0.0), 3.015);
        rig.readout_s = readout_s;
        let (_, hit, off_s) = rig.watch();
        assert!(hit.is_some() && off_s.abs() < 0.004, "{readout_s}: {off_s}");
    }
}

#[test]
fn a_ball_that_nobody_strikes_and_a_cue_that_strikes_nothing_are_no_stroke() {
    // The cue ball is put elsewhere by hand: it vanishes and comes back, no cue near it.
    let mut rig = Rig::new(strike(2.0, 0.0), 100.0);
    let (start, mut tracker) = (Instant::now(), super::super::Tracker::new(&TableSpec::pool_9ft()));
    for frame in 0..90_u16 {
        let mut look = rig.look(start, f64::from(frame) / 30.0);
        look.cues.clear();
        if (30..40).contains(&frame) {
            look.balls.clear();
        }
        if frame >= 40 {
            for ball in &mut look.balls {
                ball.position_m = Some(BALL + Vec2::new(0.2, 0.1));
            }
        }
        tracker.update(&look);
    }
    assert!(tracker.last_hit().is_none());
    // Warm-up strokes for three seconds.
    let (_, hit, _) = rig.watch();
    assert!(hit.is_none(), "{hit:?}");
}

#[test]
fn a_cue_that_lies_still_and_points_at_nothing_lies() {
    let mut rig = Rig::new(strike(2.0, 0.0), 100.0);
    let (start, mut tracker) = (Instant::now(), super::super::Tracker::new(&TableSpec::pool_9ft()));
    let mut phases = Vec::new();
    for frame in 0..180_u16 {
        let mut look = rig.look(start, f64::from(frame) / 30.0);
        look.cues.truncate(1);
        for cue in &mut look.cues {
            cue.line = None;
            (cue.tip_m, cue.direction) = (Some(Vec2::new(0.6, -0.3)), Some(Vec2::X));
        }
        phases.extend(tracker.update(&look).and_then(|s| s.cue).map(|c| c.phase));
    }
    assert_eq!(phases.first(), Some(&CuePhase::Aiming));
    assert_eq!(phases.last(), Some(&CuePhase::Lying));
}
