//! The line of a cue in space, as far as one camera can tell it.
//!
//! A picture shows the plane through the eye in which the cue lies; where in that plane it lies follows from
//! the height of its tip and from its elevation, which no picture shows. Off from straight below the camera
//! a wrong elevation turns the cue's direction on the table: by atan(p tan e / h) for a line at `p` from the
//! place below a camera at height `h`.

use crate::calibration::CameraModel;
use crate::table::TableSpec;
use crate::units::{Vec2, Vec3};

/// A cue's plane through the eye, and its tip in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CueLine {
    /// The eye, metres.
    eye_m: Vec3,
    /// Unit normal of the plane.
    normal: Vec3,
    /// Unit direction from the eye to the tip.
    tip_ray: Vec3,
    /// About the unit direction from tip to butt, on the table.
    back: Vec2,
    /// Standard deviation of the plane's turn about the ray to the tip, radians: noise of the picture.
    pub turn_sigma: f64,
}

/// An elevation and how well it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Elevation {
    /// Radians.
    pub mean: f64,
    /// Standard deviation, radians.
    pub sigma: f64,
}

impl Elevation {
    /// What rails and bridge force on every player: 2° to 8°, all alike for those nobody has seen play.
    pub const USUAL: Self = Self {
        mean: 5.0 * DEGREE,
        sigma: 1.8 * DEGREE,
    };

    /// Nothing forces it up.
    const FREE: Self = Self {
        mean: 0.0,
        sigma: RAIL_SIGMA,
    };

    /// Forced by something that must be cleared by `rise_m` at `behind_m` behind the tip.
    fn forced(rise_m: f64, behind_m: f64) -> Self {
        let behind_m = behind_m.max(0.05);
        Self {
            mean: (rise_m / behind_m).atan().max(0.0),
            sigma: RAIL_SIGMA.hypot(AIR_SIGMA_M / behind_m),
        }
    }

    /// Standard deviations above the mean.
    fn deviation(self, elevation: f64) -> f64 {
        (elevation - self.mean) / self.sigma.max(1e-4)
    }

    /// Density of a normal distribution, but for a factor.
    fn density(self, elevation: f64) -> f64 {
        let z = self.deviation(elevation);
        (-0.5 * z * z).exp() / self.sigma.max(1e-4)
    }

    /// About the share of a normal distribution that lies below: the logistic curve nearest to it.
    fn share_below(self, elevation: f64) -> f64 {
        1.0 / (1.0 + (-1.702 * self.deviation(elevation)).exp())
    }
}

const DEGREE: f64 = std::f64::consts::PI / 180.0;
/// What lies on the rail at least this much under the cue's middle: half of its thickness, metres.
const CUE_RADIUS_M: f64 = 0.009;
/// And players leave a little air, or a finger's thickness of a bridge hand, and that differs: metres.
const AIR_M: f64 = 0.008;
const AIR_SIGMA_M: f64 = 0.006;
/// How much higher than the noses rails are, metres.
const RAIL_OVER_NOSE_M: f64 = 0.006;
/// How sharply a rail far behind limits the elevation (1 σ), radians: heights are not known to the millimetre.
const RAIL_SIGMA: f64 = 0.3 * DEGREE;

impl CueLine {
    /// The line through two places of the picture, tip first. `turn_sigma`: how sure its direction in the
    /// picture is, radians. `None` where the camera can't see such a line over the table.
    #[must_use]
    pub fn through(camera: &CameraModel, tip_px: Vec2, behind_px: Vec2, turn_sigma: f64) -> Option<Self> {
        const HEIGHT_M: f64 = 0.04;
        let (tip_ray, behind_ray) = (camera.ray(tip_px), camera.ray(behind_px));
        let normal = tip_ray.cross(behind_ray).try_normalize()?;
        let back = camera.on_plane(behind_px, HEIGHT_M)? - camera.on_plane(tip_px, HEIGHT_M)?;
        Some(Self {
            eye_m: camera.pose.eye_m,
            normal,
            tip_ray,
            back: back.try_normalize()?,
            turn_sigma,
        })
    }

    /// The tip if it is at this height, metres.
    #[must_use]
    pub fn tip_at(&self, height_m: f64) -> Vec2 {
        let t = (height_m - self.eye_m.z) / self.tip_ray.z;
        (self.eye_m + self.tip_ray * t).truncate()
    }

    /// Unit direction of the shot, butt to tip, if the cue is raised by `elevation` radians; `None` where no
    /// line of the plane is.
    #[must_use]
    pub fn direction_at(&self, elevation: f64) -> Option<Vec2> {
        // n · (cos φ cos e, sin φ cos e, sin e) = 0 for the direction from tip to butt.
        let flat = self.normal.truncate();
        let across = flat.length();
        let cos = -self.normal.z * elevation.tan() / across.max(1e-9);
        if across < 1e-6 || cos.abs() > 1.0 {
            return None;
        }
        let off = Vec2::new(cos, (1.0 - cos * cos).sqrt());
        let axis = flat / across;
        let butt = [off, Vec2::new(off.x, -off.y)].map(|o| o.rotate(axis));
        let [a, b] = butt;
        Some(if a.dot(self.back) >= b.dot(self.back) {
            -a
        } else {
            -b
        })
    }

    /// How the direction turns with the elevation, radians per radian.
    #[must_use]
    pub fn turn_per_elevation(&self, elevation: f64) -> f64 {
        const STEP: f64 = 1e-3;
        match (
            self.direction_at(elevation - STEP),
            self.direction_at(elevation + STEP),
        ) {
            (Some(a), Some(b)) => a.angle_to(b) / (2.0 * STEP),
            _ => 0.0,
        }
    }

    /// The elevation at which the cue points along `direction`; `None` where that says nothing about it.
    #[must_use]
    pub fn elevation_of(&self, direction: Vec2) -> Option<f64> {
        // The plane holds (−direction cos e, sin e).
        if self.normal.z.abs() < 0.02 {
            return None;
        }
        Some((self.normal.truncate().dot(direction) / self.normal.z).atan())
    }

    /// The elevation, given what is believed of the player, the tip's height, and that the cue passes over the
    /// rail and the `balls` behind it.
    #[must_use]
    pub fn elevation(
        &self,
        believed: Elevation,
        tip_height_m: f64,
        table: &TableSpec,
        balls: impl Iterator<Item = Vec2>,
    ) -> Elevation {
        const STEP: f64 = 0.25 * DEGREE;
        let tip = self.tip_at(tip_height_m);
        let forced = self.direction_at(believed.mean).map_or(Elevation::FREE, |along| {
            balls
                .filter_map(|ball| over_ball(tip, along, tip_height_m, ball, table))
                .chain(over_rail(tip, along, tip_height_m, table))
                .max_by(|a, b| a.mean.total_cmp(&b.mean))
                .unwrap_or(Elevation::FREE)
        });
        // The cue is as flat as the player is used to, or as steep as it must be: the greater of the two.
        let (mut total, mut first, mut second) = (0.0, 0.0, 0.0);
        for i in 0..=160_u32 {
            let e = STEP * f64::from(i);
            let weight =
                believed.density(e) * forced.share_below(e) + forced.density(e) * believed.share_below(e);
            total += weight;
            first += weight * e;
            second += weight * e * e;
        }
        if total < 1e-12 {
            // Nothing that was believed or that forces it is anywhere near what a cue can do.
            return forced;
        }
        let mean = first / total;
        Elevation {
            mean,
            sigma: (second / total - mean * mean).max(1e-8).sqrt(),
        }
    }

    /// The direction for a believed elevation, and its standard deviation, radians.
    #[must_use]
    pub fn direction(&self, elevation: Elevation) -> Option<(Vec2, f64)> {
        let direction = self.direction_at(elevation.mean)?;
        let sigma = self.turn_per_elevation(elevation.mean) * elevation.sigma;
        Some((direction, sigma.hypot(self.turn_sigma)))
    }
}

/// Farthest behind its tip that anything holds a cue up, metres.
const LONGEST_M: f64 = 1.3;

/// The least elevation at which a cue with its tip at `tip` clears a ball behind it; `None` where the ball
/// is not under it.
fn over_ball(tip: Vec2, along: Vec2, tip_height_m: f64, ball: Vec2, table: &TableSpec) -> Option<Elevation> {
    let radius = table.ball.radius_m;
    let (behind, beside) = ((tip - ball).dot(along), along.perp_dot(ball - tip).abs());
    if !(2.0 * radius..LONGEST_M).contains(&behind) || beside > radius {
        return None;
    }
    let rise = 2.0 * radius + CUE_RADIUS_M + AIR_M - tip_height_m;
    Some(Elevation::forced(rise, behind))
}

/// The least elevation at which a cue with its tip at `tip` clears the rail behind it; `None` where that is too far.
fn over_rail(tip: Vec2, along: Vec2, tip_height_m: f64, table: &TableSpec) -> Option<Elevation> {
    let half = Vec2::new(table.half_length_m(), table.half_width_m());
    let rise = table.nose_height_m + RAIL_OVER_NOSE_M + CUE_RADIUS_M + AIR_M - tip_height_m;
    // Back along the cue to where it comes over the nose: the cushion behind it is hardly lower than the rail.
    let edge = half;
    let to = |at: f64, step: f64, edge: f64| {
        if step.abs() < 1e-9 {
            f64::INFINITY
        } else {
            (edge.copysign(step) - at) / step
        }
    };
    let far = to(tip.x, -along.x, edge.x).min(to(tip.y, -along.y, edge.y));
    (far.is_finite() && far > 0.0 && far < LONGEST_M).then(|| Elevation::forced(rise, far))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::{Lens, Pose};
    use crate::units::{ImageSize, unit};

    fn camera() -> CameraModel {
        let mut lens = Lens::pinhole(ImageSize::new(1920, 1080), 1500.0);
        lens.radial = [-0.08, 0.01, 0.0];
        CameraModel {
            lens,
            pose: Pose::looking_at(Vec3::new(0.1, -0.2, 2.5), Vec3::new(0.0, 0.0, 0.0), Vec3::Y),
        }
    }

    /// The line of a cue that really points along `angle` and is raised by `elevation`.
    fn seen(tip: Vec3, angle: f64, elevation: f64) -> CueLine {
        let axis = (-unit(angle) * elevation.cos()).extend(elevation.sin());
        let camera = camera();
        let px = |s: f64| camera.project(tip + axis * s).unwrap();
        CueLine::through(&camera, px(0.0), px(0.5), 1e-4).unwrap()
    }

    #[test]
    fn with_its_true_elevation_a_cue_points_where_it_points() {
        for (i, elevation_deg) in [2.0, 4.0, 8.0, 15.0].into_iter().enumerate() {
            for k in 0..12 {
                let angle = 0.53 * f64::from(k) + i as f64;
                let (tip, elevation) = (Vec3::new(0.5, 0.3, 0.03), f64::to_radians(elevation_deg));
                let line = seen(tip, angle, elevation);
                let direction = line.direction_at(elevation).unwrap();
                assert!(direction.distance(unit(angle)) < 1e-7, "{direction} {angle}");
                assert!(line.tip_at(0.03).distance(tip.truncate()) < 1e-9);
                if let Some(e) = line.elevation_of(unit(angle)) {
                    assert!((e - elevation).abs() < 1e-6);
                }
                // A wrong elevation costs what the formula says.
                let flat = line.direction_at(0.0).unwrap();
                let nadir = unit(angle).perp_dot(Vec2::new(0.1, -0.2) - tip.truncate()).abs();
                let expected = (nadir * elevation.tan() / (2.5 - 0.03)).atan();
                let off = flat.angle_to(unit(angle)).abs();
                assert!((off - expected).abs() < 0.1 * expected + 1e-4, "{off} {expected}");
            }
        }
    }

    #[test]
    fn the_rail_behind_the_tip_limits_the_elevation_and_nothing_else_does() {
        let table = TableSpec::pool_9ft();
        let believed = Elevation {
            mean: 2_f64.to_radians(),
            sigma: 1_f64.to_radians(),
        };
        // A hand's breadth from the head cushion, shooting away from it.
        let near = Vec3::new(-1.27 + 0.15, 0.0, 0.03);
        let steep = seen(near, 0.0, 0.1).elevation(believed, 0.03, &table, std::iter::empty());
        let rise = table.nose_height_m + RAIL_OVER_NOSE_M + CUE_RADIUS_M + AIR_M - 0.03;
        assert!(steep.mean > (rise / 0.15).atan() - 0.01, "{steep:?}");
        assert!(steep.mean < 13_f64.to_radians());
        // In the middle of the table the belief stands.
        let free =
            seen(Vec3::new(0.8, 0.0, 0.03), 0.0, 0.1).elevation(believed, 0.03, &table, std::iter::empty());
        assert!(
            (free.mean - believed.mean).abs() < 0.15_f64.to_radians(),
            "{free:?}"
        );
        assert!(free.sigma < 1.05 * believed.sigma);
        // A ball under the cue lifts it, one beside it does not.
        let at_half = |beside: f64| {
            let ball = Vec2::new(0.8 - 0.5, beside);
            let line = seen(Vec3::new(0.8, 0.0, 0.03), 0.0, 0.1);
            line.elevation(believed, 0.03, &table, std::iter::once(ball)).mean
        };
        let needed = ((2.0 * table.ball.radius_m + CUE_RADIUS_M + AIR_M - 0.03) / 0.5).atan();
        assert!(at_half(0.01) > needed - 0.3_f64.to_radians(), "{}", at_half(0.01));
        assert!((at_half(0.06) - free.mean).abs() < 1e-9);
        // Nothing believed can be below zero, and a belief far off still gives numbers.
        let odd = Elevation {
            mean: -1.0,
            sigma: 1e-3,
        };
        let told = seen(near, 0.0, 0.1).elevation(odd, 0.03, &table, std::iter::empty());
        assert!(told.mean > 0.0 && told.mean.is_finite() && told.sigma.is_finite());
    }
}
