//! What a ball can do that falls but is not yet deep enough to stay: meet the pocket's back, or
//! come out again.

use crate::table::{PocketCircle, Segment};
use crate::units::Vec2;

/// The hole of a pocket, with a wall all round but for the mouth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hole {
    centre: Vec2,
    radius: f64,
    /// A ball touches the wall when its centre is this far out, metres.
    play: f64,
    /// Unit vector from the hole toward the table.
    mouth: Vec2,
    /// The two facings that lead to it. Between them is the mouth.
    facings: [Option<Segment>; 2],
    /// Between hole and mouth no centre is further from the hole's than this, metres.
    throat: f64,
    /// A centre nearer to a facing than this does not get out, metres.
    clearance: f64,
}

/// Where a falling ball's centre goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The ball meets the wall.
    Back,
    /// The centre passes the edge toward the table.
    Mouth,
    /// The centre passes the edge where there is neither mouth nor, for what came in beside it,
    /// wall: behind a facing. The ball is deep in the pocket.
    Behind,
}

impl Hole {
    /// The hole of a pocket among these facings.
    pub fn new(circle: &PocketCircle, facings: &[Segment], ball_radius: f64) -> Self {
        let centre = circle.centre;
        let away = |facing: &Segment| facing.b.distance(centre);
        let mut nearest: [Option<Segment>; 2] = [None; 2];
        for facing in facings {
            if nearest[0].is_none_or(|first| away(facing) < away(&first)) {
                nearest = [Some(*facing), nearest[0]];
            } else if nearest[1].is_none_or(|second| away(facing) < away(&second)) {
                nearest[1] = Some(*facing);
            }
        }
        let (sx, sy) = circle.id.signs();
        // From where the facings begin it is a jaw to the noses.
        let outer = nearest
            .iter()
            .flatten()
            .map(|facing| facing.a.distance(centre) + ball_radius);
        Self {
            throat: outer.fold(circle.radius + ball_radius, f64::max),
            centre,
            mouth: -Vec2::new(sx, sy).normalize_or_zero(),
            radius: circle.radius,
            play: (circle.radius - ball_radius).max(0.0),
            facings: nearest,
            // A ball in the mouth is a radius away; half of that forgives the corner of a facing.
            clearance: 0.5 * ball_radius,
        }
    }

    /// Is this over the hole?
    pub fn holds(&self, position: Vec2) -> bool {
        position.distance(self.centre) < self.radius
    }

    /// Can a ball's centre be here, beyond the noses: in the throat, on the open side of both
    /// facings, or over the hole?
    pub fn reaches(&self, position: Vec2) -> bool {
        let before = |facing: &Segment| (position - facing.b).dot(facing.normal) >= 0.0;
        let away = position.distance(self.centre);
        away < self.radius || away < self.throat && self.facings.iter().flatten().all(before)
    }

    /// Is the edge in this direction (a unit vector) toward the table?
    fn opens_toward(&self, direction: Vec2) -> bool {
        let edge = self.centre + direction * self.radius;
        let clear = |facing: &Segment| (edge - facing.b).dot(facing.normal) >= self.clearance;
        direction.dot(self.mouth) > 0.0 && self.facings.iter().flatten().all(clear)
    }

    /// When a centre that moves in a straight line leaves, and where.
    pub fn way_out(&self, position: Vec2, velocity: Vec2) -> (f64, Way) {
        let offset = position - self.centre;
        let square = velocity.length_squared();
        let half = offset.dot(velocity);
        // The later of the two times at which the centre is `radius` away.
        let leaves = |radius: f64| {
            let excess = offset.length_squared() - radius * radius;
            let root = (half * half - square * excess).sqrt();
            let time = (root - half) / square;
            // The comparison also refuses NaN: a ball that never is there, or stands still.
            if time >= 0.0 { time } else { f64::INFINITY }
        };
        let open_at = |time: f64| self.opens_toward((offset + velocity * time).normalize_or_zero());
        let (wall, edge) = (leaves(self.play), leaves(self.radius));
        let inside = half < 0.0 || offset.length() < self.play;
        if wall.is_finite() && inside && !open_at(wall) {
            (wall, Way::Back)
        } else if edge.is_finite() && open_at(edge) {
            (edge, Way::Mouth)
        } else {
            (edge, Way::Behind)
        }
    }

    /// Place and velocity after the wall, which takes all but `restitution` of what goes into it.
    /// The ball is backed off a tenth of a millimetre: rounding must not leave it in the wall, and
    /// one that runs round the wall shall not meet it for ever.
    pub fn rebound(&self, position: Vec2, velocity: Vec2, restitution: f64) -> (Vec2, Vec2) {
        const BACK_OFF_M: f64 = 1e-4;
        let outward = (position - self.centre).normalize_or_zero();
        let at = self.centre + outward * (self.play - BACK_OFF_M).max(0.0);
        let into = velocity.dot(outward).max(0.0);
        (at, velocity - outward * ((1.0 + restitution) * into))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Geometry, PocketId, TableSpec};
    use crate::units::unit;

    fn hole(id: PocketId) -> Hole {
        let table = TableSpec::pool_9ft();
        let geometry = Geometry::of(&table);
        let circle = *geometry.pocket(id).unwrap();
        Hole::new(&circle, &geometry.facings, table.ball.radius_m)
    }

    #[test]
    fn the_mouth_opens_toward_the_table_and_nowhere_else() {
        for id in PocketId::ALL {
            let hole = hole(id);
            let (sx, sy) = id.signs();
            let mouth = -Vec2::new(sx, sy).normalize();
            for degrees in (-180..180).step_by(5) {
                let direction = unit(f64::from(degrees).to_radians());
                let off = direction.angle_to(mouth).to_degrees().abs();
                if off < 25.0 {
                    assert!(hole.opens_toward(direction), "{id:?} {off}");
                } else if off > 75.0 {
                    assert!(!hole.opens_toward(direction), "{id:?} {off}");
                }
            }
        }
    }

    #[test]
    fn straight_in_meets_the_back_and_straight_out_the_mouth() {
        let hole = hole(PocketId::FootLeft);
        let mouth = -Vec2::ONE.normalize();
        let edge = hole.centre + mouth * hole.radius;
        let (time, way) = hole.way_out(edge, -mouth);
        assert_eq!(way, Way::Back);
        assert!((time - (hole.radius + hole.play)).abs() < 1e-12);
        let back = edge - mouth * time;
        let (at, slow) = hole.rebound(back, -mouth, 0.2);
        assert!((slow - mouth * 0.2).length() < 1e-12 && at.distance(back) < 2e-4);
        let (time, way) = hole.way_out(at, slow);
        assert_eq!(way, Way::Mouth);
        assert!((time * 0.2 - (hole.radius + hole.play)).abs() < 2e-4);
    }

    #[test]
    fn a_ball_that_stands_still_never_leaves() {
        let hole = hole(PocketId::SideRight);
        assert_eq!(hole.way_out(hole.centre, Vec2::ZERO).0, f64::INFINITY);
    }
}
