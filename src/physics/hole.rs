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
    /// Cosine of the angle between that and the end of the wall.
    opening_cos: f64,
}

/// Where a falling ball's centre goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The ball meets the wall.
    Back,
    /// The centre passes the edge toward the table.
    Mouth,
    /// The centre passes the edge where there should be wall: the ball is deep in the pocket.
    Behind,
}

impl Hole {
    /// The mouth reaches from one facing's inner end to the other's.
    pub fn new(circle: &PocketCircle, facings: &[Segment], ball_radius: f64) -> Self {
        let centre = circle.centre;
        let mut ends = [(f64::INFINITY, Vec2::ZERO); 2];
        for facing in facings {
            let end = (facing.b.distance(centre), facing.b);
            if end.0 < ends[0].0 {
                ends = [end, ends[0]];
            } else if end.0 < ends[1].0 {
                ends[1] = end;
            }
        }
        let toward = |end: Vec2| (end - centre).normalize_or_zero();
        let (sx, sy) = circle.id.signs();
        let mouth = -Vec2::new(sx, sy).normalize_or_zero();
        let opening_cos = toward(ends[0].1).dot(mouth).min(toward(ends[1].1).dot(mouth));
        Self {
            centre,
            radius: circle.radius,
            play: (circle.radius - ball_radius).max(0.0),
            mouth,
            opening_cos,
        }
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
        let open_at = |time: f64| {
            let direction = (offset + velocity * time).normalize_or_zero();
            direction.dot(self.mouth) > self.opening_cos
        };
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

    /// The velocity after the wall, which takes all but `restitution` of what goes into it.
    pub fn rebound(&self, position: Vec2, velocity: Vec2, restitution: f64) -> Vec2 {
        let outward = (position - self.centre).normalize_or_zero();
        velocity - outward * ((1.0 + restitution) * velocity.dot(outward).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Geometry, PocketId, TableSpec};

    fn hole(id: PocketId) -> Hole {
        let table = TableSpec::pool_9ft();
        let geometry = Geometry::of(&table);
        let circle = *geometry.pocket(id).unwrap();
        Hole::new(&circle, &geometry.facings, table.ball.radius_m)
    }

    #[test]
    fn the_mouth_opens_toward_the_table() {
        for id in PocketId::ALL {
            let hole = hole(id);
            assert!(hole.mouth.dot(-hole.centre) > 0.0);
            let opening = hole.opening_cos.acos().to_degrees();
            assert!((50.0..85.0).contains(&opening), "{id:?} {opening}");
        }
    }

    #[test]
    fn straight_in_meets_the_back_and_straight_out_the_mouth() {
        let hole = hole(PocketId::FootLeft);
        let edge = hole.centre + hole.mouth * hole.radius;
        let (time, way) = hole.way_out(edge, -hole.mouth);
        assert_eq!(way, Way::Back);
        assert!((time - (hole.radius + hole.play)).abs() < 1e-12);
        let back = edge - hole.mouth * time;
        let slow = hole.rebound(back, -hole.mouth, 0.2);
        assert!((slow - hole.mouth * 0.2).length() < 1e-12);
        let (time, way) = hole.way_out(back, slow);
        assert_eq!(way, Way::Mouth);
        assert!((time * 0.2 - (hole.radius + hole.play)).abs() < 1e-12);
    }

    #[test]
    fn a_ball_that_stands_still_never_leaves() {
        let hole = hole(PocketId::SideRight);
        assert_eq!(hole.way_out(hole.centre, Vec2::ZERO).0, f64::INFINITY);
    }
}
