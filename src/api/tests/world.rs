//! A made-up table for tests and for looking at the page.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use crossbeam_channel::{Receiver, bounded};

use crate::api::context::now;
use crate::api::{ApiServer, ApiStats, Options, PictureSlot, Shared};
use crate::physics::prediction::{BallState, EventKind, Motion, Path, PathPiece, Prediction, ShotEvent};
use crate::projector::overlay::{Geometry as Form, Meaning, Shape};
use crate::system::command::OperatorCommand;
use crate::system::snapshot::{HistorySample, LogLine, PredictedShot, Snapshot};
use crate::system::status::{Alert, Check, Health, Lifecycle, Metrics, ModuleStatus, Severity, SystemStatus};
use crate::table::{BallKind, Geometry, PocketId, TableSpec};
use crate::trainer::aim::{Assistance, ShotIntent};
use crate::trainer::played::{Event, Shot, Way};
use crate::units::{ImageSize, Vec2, Vec3};
use crate::vision::frame::{Frame, PixelFormat};
use crate::vision::hidden::Hidden;
use crate::vision::observation::{BallSeen, Covariance, CueSeen, Observation};
use crate::vision::track::{BallId, BallMotion, TableState, TrackedBall, TrackedCue};

pub(super) const SIZE: ImageSize = ImageSize::new(1280, 720);
const SCALE: f64 = 430.0;

fn pixel(p: Vec2) -> Vec2 {
    Vec2::new(640.0 + p.x * SCALE, 360.0 - p.y * SCALE)
}

fn layout() -> Vec<(u8, Vec2)> {
    [
        (0, -0.68, -0.16),
        (1, 0.92, -0.41),
        (2, -0.21, 0.48),
        (3, 0.62, 0.31),
        (5, -1.02, 0.33),
        (8, 0.18, -0.27),
        (9, 0.27, 0.52),
        (11, 1.08, 0.12),
        (12, -0.42, -0.51),
        (14, 0.55, -0.55),
        (15, -1.12, -0.44),
    ]
    .into_iter()
    .map(|(n, x, y)| (n, Vec2::new(x, y)))
    .collect()
}

/// A straight stretch at constant deceleration to `end_speed`.
fn stretch(start_s: f64, from: Vec2, to: Vec2, speed: f64, end_speed: f64) -> PathPiece {
    let way = to - from;
    let length = way.length();
    let seconds = 2.0 * length / (speed + end_speed);
    let along = way / length;
    PathPiece {
        start_s,
        end_s: start_s + seconds,
        from: BallState {
            position: from,
            velocity: along * speed,
            spin: Vec3::ZERO,
            motion: Motion::Rolling,
        },
        acceleration: along * ((end_speed - speed) / seconds),
        spin_acceleration: Vec3::ZERO,
    }
}

fn path(points: &[(Vec2, f64)], start: f64) -> Path {
    let mut at = start;
    let mut pieces = Vec::new();
    for pair in points.windows(2) {
        let piece = stretch(at, pair[0].0, pair[1].0, pair[0].1, pair[1].1);
        at = piece.end_s;
        pieces.push(piece);
    }
    Path {
        end: BallState::resting(points[points.len() - 1].0),
        pieces,
    }
}

fn shot() -> (PredictedShot, Vec<Shape>) {
    let spec = TableSpec::pool_9ft();
    let r = spec.ball.radius_m;
    let balls = layout();
    let (cue, object) = (balls[0].1, balls[3].1);
    let pocket = Geometry::of(&spec).pocket(PocketId::FootLeft).unwrap().centre;
    let toward = (pocket - object).normalize();
    let ghost = object - toward * (2.0 * r);
    let aim = (ghost - cue).normalize();
    let tangent = if toward.perp().dot(aim) > 0.0 {
        toward.perp()
    } else {
        -toward.perp()
    };
    let top = 0.635 - r;
    let cushion = ghost + tangent * ((top * tangent.y.signum() - ghost.y) / tangent.y);
    let rest = cushion + Vec2::new(tangent.x, -tangent.y) * 0.34;
    let cue_path = path(&[(cue, 3.2), (ghost, 2.8), (cushion, 1.2), (rest, 0.0)], 0.0);
    let contact = cue_path.pieces[0].end_s;
    let object_path = path(&[(object, 2.2), (pocket, 1.9)], contact);
    let fall = object_path.pieces[0].end_s;
    let paths = balls
        .iter()
        .enumerate()
        .map(|(i, (_, p))| match i {
            0 => cue_path.clone(),
            3 => object_path.clone(),
            _ => Path {
                pieces: Vec::new(),
                end: BallState::resting(*p),
            },
        })
        .collect();
    let event = |time_s, kind, position| ShotEvent {
        time_s,
        kind,
        position,
    };
    let prediction = Prediction {
        paths,
        events: vec![
            event(0.0, EventKind::Strike(0), cue),
            event(contact, EventKind::BallBall(0, 3), ghost),
            event(cue_path.pieces[1].end_s, EventKind::Cushion(0, 5), cushion),
            event(fall, EventKind::Pocketed(3, PocketId::FootLeft), pocket),
        ],
        duration_s: cue_path.pieces[2].end_s,
        truncated: false,
        miscue: false,
        hop: None,
    };
    let line = |meaning, points: Vec<Vec2>, dashed, fade| Shape {
        meaning,
        fade,
        geometry: Form::Polyline { points, dashed },
    };
    let ring = |meaning, centre, radius| Shape {
        meaning,
        fade: 0.0,
        geometry: Form::Ring { centre, radius },
    };
    let shapes = vec![
        line(Meaning::Aim, vec![cue + aim * r, ghost - aim * r], false, 0.0),
        line(
            Meaning::TangentLine,
            vec![ghost - tangent * 0.2, ghost + tangent * 0.2],
            true,
            0.1,
        ),
        line(Meaning::CuePath, vec![ghost, cushion, rest], true, 0.3),
        line(Meaning::ObjectPath, vec![object + toward * r, pocket], false, 0.0),
        ring(Meaning::GhostBall, ghost, r),
        ring(Meaning::Rest, rest, r),
        ring(Meaning::Rebound, cushion, 0.012),
        ring(Meaning::Pocket, pocket, 0.062),
        Shape {
            meaning: Meaning::Label,
            fade: 0.0,
            geometry: Form::Text {
                at: Vec2::new(-0.3, -0.42),
                height: 0.045,
                text: "3 in the corner, 28° cut".to_owned(),
            },
        },
    ];
    let intent = ShotIntent {
        cue_ball: BallId(1),
        cue_ball_m: cue,
        direction: aim.y.atan2(aim.x),
        stick_speed_m_s: 3.2,
    };
    let ids = (1..=balls.len() as u32).map(BallId).collect();
    (
        PredictedShot {
            intent,
            balls: ids,
            prediction,
            spread: None,
        },
        shapes,
    )
}

fn picture() -> Vec<u8> {
    let spec = TableSpec::pool_9ft();
    let balls = layout();
    let mut pixels = Vec::with_capacity(SIZE.pixels() * 3);
    for y in 0..SIZE.height {
        for x in 0..SIZE.width {
            let p = Vec2::new(
                (f64::from(x) + 0.5 - 640.0) / SCALE,
                (360.0 - f64::from(y) - 0.5) / SCALE,
            );
            let grain = f64::from((x * 7 + y * 13) % 11) - 5.0;
            let cloth = p.x.abs() < spec.half_length_m() && p.y.abs() < spec.half_width_m();
            let mut colour = if cloth {
                [22.0, 112.0 - p.length() * 18.0, 104.0 - p.length() * 16.0]
            } else if p.x.abs() < 1.4 && p.y.abs() < 0.765 {
                [78.0, 50.0, 33.0]
            } else {
                [38.0, 36.0, 40.0]
            };
            for (number, at) in &balls {
                let d = p.distance(*at) / spec.ball.radius_m;
                if d < 1.0 {
                    let shade = 1.0 - 0.45 * d * d;
                    let kind = BallKind::pool(*number);
                    let white = *number > 8 && (p.y - at.y).abs() > 0.016;
                    let paint = if white { [240, 235, 220] } else { kind.paint_srgb() };
                    colour = paint.map(|c| f64::from(c) * shade);
                }
            }
            pixels.extend(colour.map(|c| (c + grain).clamp(0.0, 255.0) as u8));
        }
    }
    pixels
}

fn module(id: &'static str, health: Health, message: &str, checks: Vec<Check>) -> ModuleStatus {
    ModuleStatus {
        id,
        lifecycle: Lifecycle::Running,
        health,
        message: message.to_owned(),
        checks,
        restarts: u32::from(id == "vision"),
        faults: 0,
    }
}

fn check(name: &'static str, status: Health, message: &str) -> Check {
    crate::system::health::check(name, status, message.to_owned())
}

pub(super) fn status() -> SystemStatus {
    use Health::{Degraded, Healthy};
    SystemStatus {
        state: "running",
        health: Healthy,
        score: 0.9,
        uptime_s: 5423.0,
        version: env!("CARGO_PKG_VERSION"),
        environment: "production".to_owned(),
        source: "camera:0 (HD Webcam)".to_owned(),
        safe_mode: false,
        paused: false,
        test_picture: None,
        assistance: Assistance::Beginner,
        display: "window HDMI-1".to_owned(),
        hand_cue: None,
        modules: vec![
            module(
                "config",
                Healthy,
                "Settings of /etc/billiards-trainer read",
                vec![check("settings", Healthy, "valid")],
            ),
            module(
                "core",
                Healthy,
                "Predicts in 0.2 ms",
                vec![check("prediction", Healthy, "median 212 µs")],
            ),
            module(
                "vision",
                Healthy,
                "11 balls, cue seen",
                vec![
                    check("frame_age", Healthy, "newest frame is 24 ms old"),
                    check("rate", Healthy, "30.0 frames per second"),
                ],
            ),
            module(
                "projector",
                Degraded,
                "No calibration: lines may be off by some millimetres",
                vec![
                    check("calibration", Degraded, "none saved"),
                    check("window", Healthy, "HDMI-1, 1920×1080"),
                ],
            ),
            module(
                "api",
                Healthy,
                "Listens on 127.0.0.1:8000",
                vec![check("latency", Healthy, "median 0.4 ms")],
            ),
        ],
        alerts: vec![
            Alert {
                id: 7,
                severity: Severity::Warning,
                source: "projector".to_owned(),
                message: "The projector is not calibrated".to_owned(),
                since: "2026-05-04T18:31:05Z".to_owned(),
                ..Alert::default()
            },
            Alert {
                id: 4,
                severity: Severity::Critical,
                source: "vision".to_owned(),
                message: "The camera gave no picture for 12 s".to_owned(),
                since: "2026-05-04T17:12:40Z".to_owned(),
                acknowledged: true,
                ..Alert::default()
            },
        ],
        metrics: Metrics {
            vision_rate_hz: Some(30.0),
            source_rate_hz: Some(30.0),
            vision_ms_p50: Some(11.2),
            vision_ms_p95: Some(14.9),
            latency_ms_p50: Some(18.0),
            latency_ms_p95: Some(26.4),
            loop_ms_p50: Some(8.0),
            loop_ms_p95: Some(11.5),
            loop_ms_p99: Some(13.0),
            frame_age_ms: Some(24.0),
            frames_analysed: 162_000,
            frames_dropped: 12,
            prediction_us_p50: Some(212.0),
            shots_predicted: 90_210,
            loop_rate_hz: Some(60.0),
            process_cpu: Some(0.82),
            process_memory_bytes: Some(312_000_000),
            system_cpu: None,
            system_memory: Some(0.41),
            api_requests: 0,
            api_errors: 0,
        },
    }
}

/// The whole made-up table at rest, with a shot aimed.
pub(in crate::api) fn snapshot(sequence: u64) -> Snapshot {
    let (shot, shapes) = shot();
    let balls = layout();
    let cue_m = balls[0].1;
    let direction = crate::units::unit(shot.intent.direction);
    let tip = cue_m - direction * 0.11;
    let frame = Frame::new(sequence, SIZE, PixelFormat::Rgb8, picture()).unwrap();
    let table = TableState {
        sequence,
        captured: frame.captured,
        balls: balls
            .iter()
            .enumerate()
            .map(|(i, (number, position))| TrackedBall {
                id: BallId(i as u32 + 1),
                kind: BallKind::pool(*number),
                position_m: *position,
                velocity_m_s: Vec2::ZERO,
                motion: if *number == 15 {
                    BallMotion::Held
                } else {
                    BallMotion::Resting
                },
                group_confidence: 0.98,
            })
            .collect(),
        cue: Some(TrackedCue {
            tip_m: tip,
            direction,
            confidence: 0.93,
            ..TrackedCue::default()
        }),
        hidden: Hidden::of(Vec2::new(1.27, 0.635), |p| p.x > 1.195 && p.y > 0.5),
        at_rest: true,
        pocketed: vec![(BallKind::pool(4), PocketId::SideRight)],
        events: Vec::new(),
    };
    let observation = Observation {
        sequence,
        captured: frame.captured,
        image: SIZE,
        table: None,
        balls: balls
            .iter()
            .map(|(number, position)| BallSeen {
                center_px: pixel(*position),
                radius_px: 0.028_575 * SCALE,
                position_m: Some(*position),
                covariance_m2: Covariance::round(0.001),
                kind: BallKind::pool(*number),
                confidence: 0.97,
                group_confidence: 0.98,
                odds: Default::default(),
                look: Default::default(),
            })
            .collect(),
        cues: vec![CueSeen {
            tip_px: pixel(tip),
            butt_px: pixel(tip - direction * 0.8),
            tip_m: Some(tip),
            direction: Some(direction),
            line: None,
            lying: false,
            confidence: 0.93,
        }],
        hidden: Hidden::default(),
        timing_ms: vec![("total", 11.2)],
        warnings: Vec::new(),
        cloth_srgb: None,
    };
    Snapshot {
        sequence,
        time: now(),
        status: Arc::new(status()),
        table_spec: Arc::new(TableSpec::pool_9ft()),
        table: Some(Arc::new(table)),
        table_stale: false,
        shot: Some(Arc::new(shot)),
        played: Arc::new((1..=3).map(|id| Arc::new(played(id))).collect()),
        rehearsal: None,
        calibration: Arc::default(),
        shapes: Arc::new(shapes),
        frame: Some(frame),
        observation: Some(Arc::new(observation)),
        history: Arc::new(vec![HistorySample {
            uptime_s: 5422.0,
            rate_hz: Some(30.0),
            ..HistorySample::default()
        }]),
        events: Arc::default(),
        recovery: Arc::default(),
        alerting: Arc::default(),
        sample: Arc::new(crate::system::metrics::Sample::new(0.0)),
        forecasts: Arc::default(),
        log: Arc::new(vec![
            LogLine {
                id: 0,
                time: "2026-05-04T17:00:00.125Z".to_owned(),
                level: "INFO",
                target: "vision".to_owned(),
                message: "camera:0 opened, 1280×720 at 30 frames per second".to_owned(),
            },
            LogLine {
                id: 1,
                time: "2026-05-04T17:12:40.900Z".to_owned(),
                level: "ERROR",
                target: "vision".to_owned(),
                message: "camera:0 gives no pictures; trying to open it again".to_owned(),
            },
        ]),
    }
}

/// The three into the far corner.
fn played(id: u64) -> Shot {
    let event = |t_s, what, balls: &[u32], pocket| Event {
        t_s,
        what,
        balls: balls.iter().map(|id| BallId(*id)).collect(),
        pocket,
    };
    let way = |ball, group, number, points: &[[f64; 3]]| Way {
        ball: BallId(ball),
        group,
        number: Some(number),
        points: points.to_vec(),
    };
    Shot {
        id,
        struck_at: format!("2026-12-01T10:0{id}:00.000Z"),
        duration_s: 2.5,
        struck: BallId(1),
        events: vec![
            event(0.0, "struck", &[1], None),
            event(0.4, "first_contact", &[1, 4], None),
            event(0.9, "pocketed", &[4], Some("foot_left")),
            event(1.1, "cushion", &[1], None),
        ],
        ways: vec![
            way(
                1,
                "cue",
                0,
                &[
                    [0.0, -0.68, -0.16],
                    [0.4, 0.57, 0.3],
                    [1.1, 0.7, 0.6],
                    [2.5, 0.75, 0.4],
                ],
            ),
            way(4, "solid", 3, &[[0.4, 0.62, 0.31], [0.9, 1.27, 0.635]]),
            way(2, "solid", 1, &[[0.0, 0.92, -0.41]]),
        ],
    }
}

/// A server with the other ends of what it shares.
pub(super) struct World {
    pub(super) server: ApiServer,
    pub(super) shared: Shared,
    pub(super) commands: Receiver<OperatorCommand>,
}

impl World {
    /// Room for two commands, short limits.
    pub(super) fn new(snapshot: Option<Snapshot>, change: impl FnOnce(&mut Options)) -> Self {
        let (sender, commands) = bounded(2);
        let shared = Shared {
            snapshot: Arc::new(ArcSwapOption::from_pointee(snapshot)),
            commands: sender,
            projector: Arc::new(PictureSlot::default()),
            dashboard: Arc::new(PictureSlot::default()),
            stats: Arc::new(ApiStats::default()),
        };
        let mut options = Options {
            port: 0,
            ..Options::default()
        };
        change(&mut options);
        let server = ApiServer::start(options, shared.clone()).unwrap();
        Self {
            server,
            shared,
            commands,
        }
    }

    /// The usual table, everything well.
    pub(super) fn usual() -> Self {
        Self::new(Some(snapshot(1)), |_| {})
    }

    pub(super) fn put(&self, snapshot: Snapshot) {
        self.shared.snapshot.store(Some(Arc::new(snapshot)));
    }
}

/// Serves the made-up table for a person to look at: `TABLE=carom-10ft cargo test --lib api::tests::world -- --ignored`.
#[test]
#[ignore = "runs until it is stopped"]
fn serve_for_looking_at() {
    let world = World::new(Some(snapshot(1)), |o| o.port = 8123);
    let started = Instant::now();
    let mut status = status();
    let mut base = snapshot(1);
    if let Ok(table) = std::env::var("TABLE") {
        base.table_spec = Arc::new(TableSpec::named(&table).unwrap());
    }
    let mut sequence = 1;
    while started.elapsed() < Duration::from_secs(1800) {
        std::thread::sleep(Duration::from_millis(33));
        sequence += 1;
        let mut next = base.clone();
        for command in world.commands.try_iter() {
            match command {
                OperatorCommand::Pause(paused) => status.paused = paused,
                OperatorCommand::SetAssistance(level) => status.assistance = level,
                OperatorCommand::SelectSource(source) => status.source = source,
                OperatorCommand::AcknowledgeAlert(id) => {
                    status
                        .alerts
                        .iter_mut()
                        .filter(|a| a.id == id)
                        .for_each(|a| a.acknowledged = true);
                }
                OperatorCommand::Shutdown => return,
                _ => {}
            }
        }
        next.sequence = sequence;
        next.time = now();
        next.status = Arc::new(status.clone());
        if let (Some(frame), Some(table)) = (&mut next.frame, &next.table) {
            frame.sequence = sequence;
            frame.captured = Instant::now();
            let mut table = (**table).clone();
            table.sequence = sequence;
            if sequence > 90 {
                table.pocketed.push((BallKind::pool(6), PocketId::HeadLeft));
            }
            next.table = Some(Arc::new(table));
        }
        world.put(next);
    }
}
