//! A virtual room with balls, cue and projector, and what there is to draw in it.

use std::sync::Arc;
use std::time::Duration;

use crate::calibration::{CameraModel, ProjectorModel};
use crate::cli::Failure;
use crate::physics::prediction::{BallState, Prediction};
use crate::physics::spread::{InputSpread, Uncertainty};
use crate::physics::{CueStrike, Simulator};
use crate::projector::compose::{Scene, compose};
use crate::projector::exercise::{Exercise, Outline, Placement, Zone, compose_exercise};
use crate::projector::overlay::Shape;
use crate::system::snapshot::PredictedShot;
use crate::table::{Geometry, Group, TableSpec};
use crate::trainer::aim::{Assistance, ShotIntent};
use crate::trainer::help::Help;
use crate::units::{ImageSize, Vec2, unit};
use crate::virtual_table::rig::drawn_projector;
use crate::virtual_table::{Options, Pace, ProjectedLight, SceneName, VirtualTable};
use crate::vision::analyse::Analyser;
use crate::vision::frame::Frame;
use crate::vision::source::FrameSource as _;
use crate::vision::track::{BallId, TableState, TrackedBall, TrackedCue};

/// Rooms that are looked into for a table with all that is to be drawn.
const ROOMS: u64 = 400;
/// Size of pictures that nobody looks at.
const TINY: ImageSize = ImageSize::new(160, 90);
/// Frames until the cue is where it is aimed.
const TURNED: u64 = 90;
/// Ways of a shot's spread.
const ROLLOUTS: usize = 400;

/// A drawing that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drawing {
    /// A ball that is potted.
    Pot,
    /// The cue ball falls, after it has struck a ball.
    Scratch,
    /// A struck ball of which nobody knows well where it goes.
    Unsure,
    /// An exercise.
    Exercise,
}

impl Drawing {
    pub(super) const ALL: [Self; 4] = [Self::Pot, Self::Scratch, Self::Unsure, Self::Exercise];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pot => "pot",
            Self::Scratch => "scratch",
            Self::Unsure => "unsure",
            Self::Exercise => "exercise",
        }
    }
}

/// What a drawing is for: balls, cue and shapes.
pub(super) struct Planned {
    pub(super) table: TableState,
    pub(super) shapes: Vec<Shape>,
    direction: f64,
}

/// The room, without its cloth.
pub(super) struct Stage {
    pub(super) spec: TableSpec,
    pub(super) projector: ProjectorModel,
    pub(super) camera: CameraModel,
    geometry: Geometry,
    size: ImageSize,
    seed: u64,
}

impl Stage {
    /// A nine-foot table, a camera of this size, and a projector that hangs aslant.
    pub(super) fn new(size: ImageSize) -> Result<(Self, Vec<(Drawing, Planned)>), Failure> {
        let spec = TableSpec::pool_9ft();
        let projector = drawn_projector(
            &spec,
            ImageSize::new(1920, 1080),
            &mut fastrand::Rng::with_seed(3),
        );
        let options = Options {
            size,
            ..Options::new(SceneName::Still)
        };
        let table = VirtualTable::new(&options).map_err(|e| Failure::failed(e.to_string()))?;
        let mut stage = Self {
            geometry: Geometry::of(&spec),
            spec,
            projector,
            camera: *table.camera(),
            size,
            seed: 0,
        };
        for seed in 1..=ROOMS {
            stage.seed = seed;
            let plan = |drawing| stage.plan(drawing).map(|planned| (drawing, planned));
            if let Ok(plans) = Drawing::ALL.into_iter().map(plan).collect::<Result<Vec<_>, _>>() {
                return Ok((stage, plans));
            }
        }
        Err(Failure::failed("no table has all that is to be drawn"))
    }

    /// The room with this cloth, its camera's picture so bright, and the cue aimed.
    fn room(
        &self,
        size: ImageSize,
        cloth: [u8; 3],
        brightness: f64,
        direction: f64,
    ) -> Result<VirtualTable, Failure> {
        let options = Options {
            size,
            seed: self.seed,
            pace: Pace::Fast,
            noise_levels: 0.0,
            cloth_srgb: Some(cloth),
            brightness,
            ..Options::new(SceneName::Still)
        };
        let mut table = VirtualTable::new(&options).map_err(|e| Failure::failed(e.to_string()))?;
        table.handle().aim(direction);
        table.skip(TURNED);
        Ok(table)
    }

    /// The cloth's colour as the eyes find it.
    pub(super) fn cloth_seen(&self, cloth: [u8; 3]) -> Result<[u8; 3], Failure> {
        let frame = next(&mut self.room(self.size, cloth, 1.0, 0.0)?)?;
        let seen = Analyser::new(Some(self.spec.clone())).analyse(&frame);
        seen.cloth_srgb
            .ok_or_else(|| Failure::failed(format!("the eyes find no cloth in {cloth:?}")))
    }

    /// The picture with and without the projector.
    pub(super) fn pictures(
        &self,
        cloth: [u8; 3],
        brightness: f64,
        planned: &Planned,
        rgb: Vec<u8>,
        gain: f64,
    ) -> Result<[Frame; 2], Failure> {
        let mut table = self.room(self.size, cloth, brightness, planned.direction)?;
        let dark = next(&mut table)?;
        let light = ProjectedLight::of_picture(rgb, &self.projector)
            .map_err(|e| Failure::failed(e.to_string()))?
            .with_strength(gain);
        table.set_projection(Some(Arc::new(light)));
        Ok([next(&mut table)?, dark])
    }

    /// What is to be drawn.
    fn plan(&self, drawing: Drawing) -> Result<Planned, Failure> {
        match drawing {
            Drawing::Exercise => self.exercise(),
            Drawing::Pot => self.shot(2.2, 720, |p, cue, object| {
                let way = |ball: usize| p.paths.get(ball).map_or(0.0, |path| path.length_m());
                straight(p, object)
                    && p.pocket_of(cue).is_none()
                    && way(object) > 0.45
                    && (1.4..3.5).contains(&way(cue))
                    && moving(p) == 2
            }),
            Drawing::Unsure => self.shot(1.6, 90, |p, cue, _| p.pocket_of(cue).is_none() && moving(p) == 2),
            Drawing::Scratch => self.shot(2.6, 720, |p, cue, object| {
                p.pocket_of(cue).is_some() && p.pocket_of(object).is_none() && moving(p) >= 3
            }),
        }
    }

    /// Of so many directions those in which a shot goes as wanted, and of these the one with the widest cone; with all there is
    /// to draw of it.
    fn shot(
        &self,
        stick_speed_m_s: f64,
        directions: u32,
        wanted: impl Fn(&Prediction, usize, usize) -> bool,
    ) -> Result<Planned, Failure> {
        let start = self.state(0.0)?;
        let cue_ball = start
            .balls
            .iter()
            .position(|b| b.kind.group == Group::Cue)
            .ok_or_else(|| Failure::failed("the scene has no cue ball"))?;
        let states: Vec<BallState> = (start.balls.iter())
            .map(|b| BallState::resting(b.position_m))
            .collect();
        let mut simulator = Simulator::new(&self.spec);
        let strike = |direction: f64| CueStrike {
            stick_speed_m_s,
            direction,
            elevation: 0.0,
            side: 0.0,
            height: 0.0,
        };
        let mut uncertainty = Uncertainty::new(&self.spec, 1);
        let mut spread = |direction: f64, rollouts: usize| {
            uncertainty.spread(
                &states,
                (cue_ball, strike(direction)),
                &InputSpread::SEEN,
                rollouts,
                1,
            )
        };
        let mut widest = |direction: f64, object: usize| {
            let told = spread(direction, 100);
            let cone = told.balls.get(object).map_or(&[][..], |ball| &ball.cone);
            let sure = cone.iter().skip(1).take_while(|point| point.share >= 0.76);
            sure.map(|point| point.to_m - point.from_m).fold(0.0, f64::max)
        };
        let mut aimed: Option<(f64, f64)> = None;
        for i in 0..directions {
            let direction = f64::from(i) * std::f64::consts::TAU / f64::from(directions);
            let prediction = simulator.simulate(&states, Some((cue_ball, strike(direction))));
            let Some(object) =
                first_struck(&prediction, cue_ball).filter(|o| wanted(&prediction, cue_ball, *o))
            else {
                continue;
            };
            let width = widest(direction, object);
            if aimed.is_none_or(|(_, best)| width > best) {
                aimed = Some((direction, width));
            }
        }
        let (aimed, _) = aimed.ok_or_else(|| Failure::failed("no such shot lies on the table"))?;
        let table = self.state(aimed)?;
        let intent = ShotIntent {
            cue_ball: table.cue_ball().map_or(BallId(0), |b| b.id),
            cue_ball_m: table.cue_ball().map_or(Vec2::ZERO, |b| b.position_m),
            direction: aimed,
            stick_speed_m_s,
        };
        let spread = spread(aimed, ROLLOUTS);
        let shot = PredictedShot {
            intent,
            balls: table.balls.iter().map(|b| b.id).collect(),
            prediction: simulator.simulate(&states, Some((cue_ball, strike(aimed)))),
            spread: Some(Arc::new(spread)),
        };
        let shapes = compose(
            &shot,
            &self.scene(&table),
            Help::default().of(Assistance::Beginner),
        );
        Ok(Planned {
            table,
            shapes,
            direction: aimed,
        })
    }

    fn exercise(&self) -> Result<Planned, Failure> {
        const DIRECTION: f64 = 2.2;
        let table = self.state(DIRECTION)?;
        let free = |reach: f64| {
            let places = (0..60).flat_map(|i| (0..24).map(move |j| (i, j)));
            let places =
                places.map(|(i, j)| Vec2::new(-1.18 + 0.04 * f64::from(i), -0.52 + 0.045 * f64::from(j)));
            let mut balls: Vec<Vec2> = table.balls.iter().map(|b| b.position_m).collect();
            // The stick lies in the way, too.
            let cue = table.cue.iter();
            balls.extend(cue.flat_map(|c| (0..32).map(|i| c.tip_m - c.direction * (0.05 * f64::from(i)))));
            places
                .filter(move |p| balls.iter().all(|b| b.distance(*p) > reach))
                .collect::<Vec<_>>()
        };
        let lies = table.balls.iter().find(|b| b.kind.group != Group::Cue);
        let mut placements: Vec<Placement> = lies
            .map(|ball| Placement {
                at: ball.position_m,
                label: ball.kind.number.map_or_else(String::new, |n| n.to_string()),
                done: true,
            })
            .into_iter()
            .collect();
        for label in ["3", "cue ball"] {
            let apart = |p: &&Vec2| placements.iter().all(|q: &Placement| q.at.distance(**p) > 0.35);
            if let Some(at) = free(0.16).iter().filter(|p| p.x > -0.9).find(apart).copied() {
                placements.push(Placement {
                    at,
                    label: label.to_owned(),
                    done: false,
                });
            }
        }
        let rectangle =
            [(0.62, -0.5), (1.1, -0.5), (1.1, -0.14), (0.62, -0.14)].map(|(x, y)| Vec2::new(x, y));
        let exercise = Exercise {
            placements,
            zones: vec![
                Zone {
                    outline: Outline::Circle {
                        centre: Vec2::new(0.86, 0.3),
                        radius: 0.2,
                    },
                    label: String::new(),
                },
                Zone {
                    outline: Outline::Polygon(rectangle.to_vec()),
                    label: "3 points".to_owned(),
                },
            ],
            words: vec![
                "Pot the 3 in the corner,".to_owned(),
                "leave the cue ball in a zone".to_owned(),
            ],
        };
        let shapes = compose_exercise(&exercise, &self.scene(&table));
        Ok(Planned {
            table,
            shapes,
            direction: DIRECTION,
        })
    }

    fn scene<'a>(&'a self, table: &'a TableState) -> Scene<'a> {
        Scene {
            table,
            pockets: &self.geometry,
            ball_radius_m: self.spec.ball.radius_m,
            projector_m: Some(self.projector.optics.pose.eye_m),
        }
    }

    /// What really lies on the table, as a tracker that makes no mistake would tell.
    fn state(&self, direction: f64) -> Result<TableState, Failure> {
        let table = self.room(TINY, [128; 3], 1.0, direction)?;
        let truth = table.truth();
        let balls = (truth.balls.iter().zip(0..))
            .map(|(ball, id)| TrackedBall::lying(BallId(id), ball.kind, ball.position_m));
        let cue = truth.cue.map(|cue| TrackedCue {
            tip_m: cue.tip_m,
            direction: unit(cue.direction.to_angle()),
            elevation: cue.elevation,
            confidence: 1.0,
            ..TrackedCue::default()
        });
        Ok(TableState {
            cue,
            ..TableState::lying(balls.collect())
        })
    }
}

fn next(table: &mut VirtualTable) -> Result<Frame, Failure> {
    let frame = table
        .next(Duration::from_secs(1))
        .map_err(|e| Failure::failed(e.to_string()))?;
    frame.ok_or_else(|| Failure::failed("the virtual table gave no frame"))
}

fn first_struck(prediction: &Prediction, cue_ball: usize) -> Option<usize> {
    use crate::physics::prediction::EventKind::BallBall;
    prediction.events.iter().find_map(|event| match event.kind {
        BallBall(a, b) if a == cue_ball => Some(b),
        BallBall(a, b) if b == cue_ball => Some(a),
        _ => None,
    })
}

/// The cue ball meets this ball first of all, which then goes into a pocket and meets nothing on its way.
fn straight(prediction: &Prediction, object: usize) -> bool {
    use crate::physics::prediction::EventKind::{BallBall, Cushion, Jaw};
    let mut meetings = prediction.events.iter().filter_map(|event| match event.kind {
        BallBall(..) => Some(None),
        Cushion(ball, _) | Jaw(ball, _) => Some(Some(ball)),
        _ => None,
    });
    meetings.next() == Some(None)
        && !meetings.any(|m| m == Some(object))
        && prediction.pocket_of(object).is_some()
}

/// Balls that move in a shot.
fn moving(prediction: &Prediction) -> usize {
    prediction
        .paths
        .iter()
        .filter(|path| path.length_m() > 0.05)
        .count()
}
