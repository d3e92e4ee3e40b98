//! Lines on paper: where the cue ball would have to be sent if balls went exactly where they are pushed.

use super::{Lie, ShotKind};
use crate::physics::prediction::BallIndex;
use crate::table::{Geometry, PocketId, TableSpec};
use crate::units::{Vec2, distance_to_segment};

/// A way to pocket a ball, on paper.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) kind: ShotKind,
    pub(super) first: BallIndex,
    pub(super) ball: BallIndex,
    pub(super) pocket: PocketId,
    /// Of the cue ball, radians.
    pub(super) direction: f64,
    /// What is tried beside it: from −steps to +steps steps of so many radians.
    pub(super) step: f64,
    pub(super) steps: i32,
    /// Way of all balls together, metres.
    length_m: f64,
}

/// Thinner cuts are left to those who know that they can, cosine.
const THINNEST: f64 = 0.15;
/// A ball that comes into a pocket from more aside than this hits the jaws, cosine.
const MOST_ASIDE: f64 = 0.25;
/// Most lines of one kind that are looked into: the shortest.
const MOST_OF_A_KIND: usize = 24;

/// All lines of a lie, kind by kind.
pub(super) fn of(table: &TableSpec, geometry: &Geometry, lie: Lie<'_>) -> Vec<Line> {
    let paper = Paper { table, lie };
    let mut all = Vec::new();
    for kind in [
        ShotKind::Direct,
        ShotKind::Bank,
        ShotKind::Kick,
        ShotKind::Combination,
    ] {
        let mut lines = Vec::new();
        for pocket in &geometry.pockets {
            for ball in lie.targets {
                paper.add(kind, *ball, (pocket.id, pocket.centre), &mut lines);
            }
        }
        lines.sort_by(|a, b| a.length_m.total_cmp(&b.length_m));
        lines.truncate(MOST_OF_A_KIND);
        all.extend(lines);
    }
    all
}

struct Paper<'a> {
    table: &'a TableSpec,
    lie: Lie<'a>,
}

/// A push that sends a ball on its way: where the pushing ball is when they meet, and which way the ball goes.
#[derive(Clone, Copy)]
struct Push {
    ball: BallIndex,
    ghost: Vec2,
    along: Vec2,
    length_m: f64,
}

impl Paper<'_> {
    fn add(&self, kind: ShotKind, ball: BallIndex, pocket: (PocketId, Vec2), lines: &mut Vec<Line>) {
        match kind {
            ShotKind::Direct => {
                let push = self.straight_in(ball, pocket);
                lines.extend(push.and_then(|p| self.aimed(kind, ball, pocket.0, p)));
            }
            ShotKind::Bank => {
                for rail in self.rails() {
                    let push = self.over_cushion(ball, pocket, rail);
                    lines.extend(push.and_then(|p| self.aimed(kind, ball, pocket.0, p)));
                }
            }
            ShotKind::Kick => {
                let Some(push) = self.straight_in(ball, pocket) else {
                    return;
                };
                lines.extend(
                    self.rails()
                        .into_iter()
                        .filter_map(|r| self.kicked(ball, pocket.0, push, r)),
                );
            }
            ShotKind::Combination => {
                let Some(last) = self.straight_in(ball, pocket) else {
                    return;
                };
                for first in self.lie.targets.iter().filter(|first| **first != ball) {
                    let push = self.place(*first).and_then(|from| {
                        let way = last.ghost - from;
                        let along = way.try_normalize()?;
                        let fits = along.dot(last.along) > THINNEST
                            && self.is_clear(from, last.ghost, &[*first, ball]);
                        fits.then(|| self.push(*first, along, way.length() + last.length_m))?
                    });
                    lines.extend(push.and_then(|p| self.aimed(kind, ball, pocket.0, p)));
                }
            }
        }
    }

    fn place(&self, ball: BallIndex) -> Option<Vec2> {
        self.lie.balls.get(ball).map(|b| b.position)
    }

    /// Nobody lies in the way of a ball from here to there but those named.
    fn is_clear(&self, from: Vec2, to: Vec2, but: &[BallIndex]) -> bool {
        let width = 2.0 * self.table.ball.radius_m;
        let others = self
            .lie
            .balls
            .iter()
            .enumerate()
            .filter(|(i, _)| !but.contains(i));
        others
            .filter(|(i, b)| {
                *i == self.lie.cue_ball || b.motion != crate::physics::prediction::Motion::Pocketed
            })
            .all(|(_, b)| distance_to_segment(b.position, from, to) >= width)
    }

    /// The push that sends a ball off in this direction; none where the pushing ball would have to lie in a cushion.
    fn push(&self, ball: BallIndex, along: Vec2, length_m: f64) -> Option<Push> {
        let ghost = self.place(ball)? - along * (2.0 * self.table.ball.radius_m);
        self.table.holds_ball_at(ghost.x, ghost.y).then_some(Push {
            ball,
            ghost,
            along,
            length_m,
        })
    }

    /// Straight into a pocket.
    fn straight_in(&self, ball: BallIndex, (id, hole): (PocketId, Vec2)) -> Option<Push> {
        let from = self.place(ball)?;
        let along = (hole - from).try_normalize()?;
        let fits =
            along.dot(inward(id)) > MOST_ASIDE && self.is_clear(from, hole, &[ball, self.lie.cue_ball]);
        fits.then(|| self.push(ball, along, from.distance(hole)))?
    }

    /// Into a pocket over a cushion, as light over a mirror.
    fn over_cushion(&self, ball: BallIndex, (id, hole): (PocketId, Vec2), rail: Rail) -> Option<Push> {
        let from = self.place(ball)?;
        let at = rail.meets(from, hole)?;
        let (out, home) = ((at - from).try_normalize()?, (hole - at).try_normalize()?);
        let but = [ball, self.lie.cue_ball];
        let fits = home.dot(inward(id)) > MOST_ASIDE
            && self.on_the_nose(at)
            && self.is_clear(from, at, &but)
            && self.is_clear(at, hole, &but);
        fits.then(|| self.push(ball, out, from.distance(at) + at.distance(hole)))?
    }

    /// The cue ball, straight to where it pushes.
    fn aimed(&self, kind: ShotKind, ball: BallIndex, pocket: PocketId, push: Push) -> Option<Line> {
        let from = self.place(self.lie.cue_ball)?;
        let way = push.ghost - from;
        let direction = way.try_normalize()?;
        let fits = direction.dot(push.along) > THINNEST
            && self.is_clear(from, push.ghost, &[self.lie.cue_ball, push.ball]);
        fits.then(|| {
            self.line(
                kind,
                push.ball,
                ball,
                pocket,
                direction,
                way.length(),
                push.length_m,
            )
        })
    }

    /// The cue ball, over a cushion to where it pushes.
    fn kicked(&self, ball: BallIndex, pocket: PocketId, push: Push, rail: Rail) -> Option<Line> {
        let from = self.place(self.lie.cue_ball)?;
        let at = rail.meets(from, push.ghost)?;
        let (out, home) = ((at - from).try_normalize()?, (push.ghost - at).try_normalize()?);
        let fits = home.dot(push.along) > THINNEST
            && self.on_the_nose(at)
            && self.is_clear(from, at, &[self.lie.cue_ball])
            && self.is_clear(at, push.ghost, &[self.lie.cue_ball, ball]);
        let way = from.distance(at) + at.distance(push.ghost);
        fits.then(|| self.line(ShotKind::Kick, ball, ball, pocket, out, way, push.length_m))
    }

    #[expect(clippy::too_many_arguments, reason = "a line is made of these")]
    fn line(
        &self,
        kind: ShotKind,
        first: BallIndex,
        ball: BallIndex,
        pocket: PocketId,
        direction: Vec2,
        way_m: f64,
        length_m: f64,
    ) -> Line {
        let radius = self.table.ball.radius_m;
        // Throw turns a ball by up to some 5°, a sixth of a radius beside the line; a cushion by more. A
        // combination passes every error on, so its steps are finer.
        let (share, steps) = match kind {
            ShotKind::Direct => (1.0 / 40.0, 14),
            ShotKind::Bank | ShotKind::Kick => (1.0 / 25.0, 24),
            ShotKind::Combination => (1.0 / 80.0, 24),
        };
        Line {
            kind,
            first,
            ball,
            pocket,
            direction: direction.to_angle(),
            step: (radius * share / way_m.max(radius)).atan(),
            steps,
            length_m: way_m + length_m,
        }
    }

    fn rails(&self) -> [Rail; 4] {
        let radius = self.table.ball.radius_m;
        let (x, y) = (
            self.table.half_length_m() - radius,
            self.table.half_width_m() - radius,
        );
        [
            Rail {
                across: Vec2::X,
                at: x,
            },
            Rail {
                across: Vec2::NEG_X,
                at: x,
            },
            Rail {
                across: Vec2::Y,
                at: y,
            },
            Rail {
                across: Vec2::NEG_Y,
                at: y,
            },
        ]
    }

    /// Where a cushion is met there is one: no pocket's mouth.
    fn on_the_nose(&self, at: Vec2) -> bool {
        let free = |id: PocketId| {
            let (x, y) = id.signs();
            let middle = Vec2::new(x * self.table.half_length_m(), y * self.table.half_width_m());
            let shape = if id.is_side() {
                self.table.side
            } else {
                self.table.corner
            };
            shape.is_none_or(|shape| middle.distance(at) > shape.mouth_m)
        };
        PocketId::ALL.into_iter().all(free)
    }
}

/// A line that the centre of a ball reaches at a cushion.
#[derive(Clone, Copy)]
struct Rail {
    /// Unit vector out of the table.
    across: Vec2,
    /// Distance from the middle of the table, metres.
    at: f64,
}

impl Rail {
    /// Where the way over this cushion from one place to another meets it, if both lie before it.
    fn meets(self, from: Vec2, to: Vec2) -> Option<Vec2> {
        let (a, b) = (self.at - self.across.dot(from), self.at - self.across.dot(to));
        // A hole lies behind the line of a cushion beside it: that cushion does not lead into it.
        (a > 1e-6 && b > 1e-6).then(|| {
            let mirrored = to + self.across * (2.0 * b);
            from + (mirrored - from) * (a / (a + b))
        })
    }
}

/// The direction in which a ball best comes into a pocket.
fn inward(id: PocketId) -> Vec2 {
    let (x, y) = id.signs();
    Vec2::new(x, y).normalize_or_zero()
}
