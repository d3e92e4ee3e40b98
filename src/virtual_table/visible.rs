//! How much of a ball the camera sees past everything else.

use glam::Vec3;

use super::moment::{CuePose, Limb, Moment, Part};
use super::solid::{Block, Pass, Stick};
use crate::calibration::CameraModel;
use crate::units;

/// Rays cast at a ball.
const RAYS: u16 = 64;
/// A cue as a limb: its length and its radii at tip and butt, metres.
const CUE_M: (f64, [f64; 2]) = (1.47, [0.0064, 0.0148]);

/// Everything that can hide a ball from an eye at one moment.
#[derive(Debug)]
pub(super) struct Screens {
    eye: Vec3,
    radius: f32,
    balls: Vec<Vec3>,
    sticks: Vec<Stick>,
    blocks: Vec<Block>,
}

impl Screens {
    pub(super) fn of(moment: &Moment, ball_radius_m: f64, eye_m: units::Vec3) -> Self {
        let mut screens = Self {
            eye: eye_m.as_vec3(),
            radius: ball_radius_m as f32,
            balls: moment.balls.iter().map(|b| b.centre_m.as_vec3()).collect(),
            sticks: Vec::new(),
            blocks: Vec::new(),
        };
        if let Some(cue) = &moment.cue {
            let (length, radii_m) = CUE_M;
            screens.sticks.push(Stick::of(&Limb {
                ends_m: [cue.tip_m, cue.tip_m + cue.axis * length],
                radii_m,
                finish: super::moment::Finish {
                    srgb: [0; 3],
                    gloss: 0.0,
                    rough: 0.0,
                },
            }));
        }
        for part in moment.things.iter().flat_map(|thing| &thing.parts) {
            match part {
                Part::Limb(limb) => screens.sticks.push(Stick::of(limb)),
                Part::Slab(slab) => screens.blocks.push(Block::of(slab)),
            }
        }
        screens
    }

    /// Length of a cue that the picture of `camera` shows over the bed, metres. `self` is without the cue.
    pub(super) fn shown_of_cue(&self, cue: &CuePose, camera: &CameraModel, half_m: units::Vec2) -> f64 {
        const STEP_M: f64 = 0.02;
        let steps = (CUE_M.0 / STEP_M) as u32;
        let image = units::Vec2::new(
            f64::from(camera.lens.image.width),
            f64::from(camera.lens.image.height),
        );
        let shown = (0..steps).filter(|i| {
            let at = cue.tip_m + cue.axis * (STEP_M * (f64::from(*i) + 0.5));
            let over_bed = at.truncate().abs().cmple(half_m).all();
            let in_picture = camera
                .project(at)
                .is_some_and(|px| px.cmpge(units::Vec2::ZERO).all() && px.cmplt(image).all());
            over_bed && in_picture && self.is_open(at)
        });
        STEP_M * shown.count() as f64
    }

    /// Whether no thing is between the eye and a place. Balls are lower than cues.
    fn is_open(&self, at: units::Vec3) -> bool {
        let at = at.as_vec3();
        let ray = (at - self.eye).normalize_or(Vec3::NEG_Z);
        let far = at.distance(self.eye);
        let hides = |pass: Pass| pass.gap < 0.0 && pass.far < far;
        !self
            .sticks
            .iter()
            .any(|stick| hides(stick.lines(ray).pass(self.eye)))
            && !self
                .blocks
                .iter()
                .any(|block| block.pass(self.eye, ray).is_some_and(hides))
    }

    /// Share of the disc of a ball at `centre_m` that nothing covers, 0..1.
    pub(super) fn visible(&self, centre_m: units::Vec3) -> f64 {
        let centre = centre_m.as_vec3();
        let (eye, r) = (self.eye, self.radius);
        let ray = (centre - eye).normalize_or(Vec3::NEG_Z);
        let far = centre.distance(eye);
        // Only what comes near the ball's cone of rays.
        let sticks: Vec<&Stick> = self
            .sticks
            .iter()
            .filter(|stick| {
                let pass = stick.lines(ray).pass(eye);
                pass.gap < r && pass.far < far
            })
            .collect();
        let blocks: Vec<&Block> = self
            .blocks
            .iter()
            .filter(|block| {
                let to = block.middle - eye;
                (to - ray * to.dot(ray)).length() < r + block.half.length()
            })
            .collect();
        let balls: Vec<Vec3> = self
            .balls
            .iter()
            .copied()
            .filter(|other| {
                let to = *other - eye;
                let along = to.dot(ray);
                let across = (to - ray * along).length();
                along < far && across < 2.0 * r && other.distance(centre) > 0.5 * r
            })
            .collect();
        if sticks.is_empty() && blocks.is_empty() && balls.is_empty() {
            return 1.0;
        }
        let (aside, up) = ray.any_orthonormal_pair();
        let free = (0..RAYS).filter(|i| {
            // Sunflower seeds fill a disc evenly.
            let out = r * ((f32::from(*i) + 0.5) / f32::from(RAYS)).sqrt();
            let (sin, cos) = (2.399_963 * f32::from(*i)).sin_cos();
            let at = centre + (aside * cos + up * sin) * out;
            let ray = (at - eye).normalize_or(Vec3::NEG_Z);
            let hidden = sticks.iter().any(|stick| stick.lines(ray).pass(eye).gap < 0.0)
                || blocks.iter().any(|block| {
                    block
                        .pass(eye, ray)
                        .is_some_and(|pass| pass.gap < 0.0 && pass.far < far)
                })
                || balls.iter().any(|ball| {
                    let to = *ball - eye;
                    (to - ray * to.dot(ray)).length() < r
                });
            !hidden
        });
        free.count() as f64 / f64::from(RAYS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::BallKind;
    use crate::virtual_table::moment::{BallPose, Finish, Thing};

    const R: f64 = 0.028_575;

    fn share(things: Vec<Part>, others: &[units::Vec3]) -> f64 {
        let centre = units::Vec3::new(0.3, 0.2, R);
        let pose = |centre_m: units::Vec3| BallPose {
            kind: BallKind::pool(1),
            centre_m,
            orientation: glam::DQuat::IDENTITY,
            velocity_m_s: units::Vec3::ZERO,
        };
        let moment = Moment {
            balls: std::iter::once(centre)
                .chain(others.iter().copied())
                .map(pose)
                .collect(),
            cue: None,
            things: vec![Thing { parts: things }],
        };
        // Straight above the ball.
        Screens::of(&moment, R, units::Vec3::new(0.3, 0.2, 2.5)).visible(centre)
    }

    fn limb(x: f64, radius: f64) -> Part {
        Part::Limb(Limb {
            ends_m: [units::Vec3::new(x, -1.0, 0.2), units::Vec3::new(x, 1.0, 0.2)],
            radii_m: [radius; 2],
            finish: Finish {
                srgb: [90; 3],
                gloss: 0.0,
                rough: 0.0,
            },
        })
    }

    #[test]
    fn a_ball_is_seen_whole_hidden_or_by_half() {
        assert!((share(Vec::new(), &[]) - 1.0).abs() < 1e-9);
        // Neighbours on the cloth hide nothing from straight above.
        let beside = units::Vec3::new(0.3 + 2.0 * R, 0.2, R);
        assert!((share(Vec::new(), &[beside]) - 1.0).abs() < 1e-9);
        assert!(share(vec![limb(0.3, 0.05)], &[]) < 1e-9);
        // One edge of the limb over the middle of the ball.
        let half = share(vec![limb(0.36, 0.06)], &[]);
        assert!((half - 0.5).abs() < 0.04, "{half}");
        // A ball that falls into a pocket below another is behind it.
        let above = units::Vec3::new(0.3, 0.2, 3.0 * R);
        assert!(share(Vec::new(), &[above]) < 1e-9);
    }
}
