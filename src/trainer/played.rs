//! Shots as they were played: which ball was struck, how all of them went, what met and what fell.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::table::{BallKind, PocketId};
use crate::units::Vec2;
use crate::vision::track::{BallId, Happening, TableEvent, TableState};

/// Shots kept; the oldest gives way.
const KEPT: usize = 200;
/// A stroke is told a little after it: so much of the past is kept for that, seconds.
const BEFORE_S: f64 = 2.0;
/// States of the past kept at most.
const BEFORE_MOST: usize = 512;
/// A shot that takes longer ends there, seconds.
const LONGEST_S: f64 = 60.0;
/// Points of a way may be left out where nobody would miss them by more than this, metres.
const MISSED_M: f64 = 0.002;

/// One shot.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shot {
    /// Counts up by one per shot of this run.
    pub id: u64,
    /// When the ball was struck, RFC 3339 UTC.
    pub struck_at: String,
    /// From then until all was at rest, seconds.
    pub duration_s: f64,
    /// The ball that was struck.
    pub struck: BallId,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// How each ball went; one that only lay there has one point.
    pub ways: Vec<Way>,
}

/// The way of one ball.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Way {
    /// Which ball.
    pub ball: BallId,
    /// Its group.
    pub group: &'static str,
    /// Its number, as far as known.
    pub number: Option<u8>,
    /// Seconds since the stroke, x and y in metres; between them it went straight and evenly, within 2 mm.
    pub points: Vec<[f64; 3]>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// Seconds since the stroke.
    pub t_s: f64,
    /// `struck`, `first_contact`, `contact`, `cushion`, `pocketed`, `off_table`.
    pub what: &'static str,
    /// Of which balls.
    pub balls: Vec<BallId>,
    /// Into which pocket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pocket: Option<&'static str>,
}

/// Puts shots together from what the tracker says.
#[derive(Debug, Default)]
pub struct Played {
    shots: VecDeque<Arc<Shot>>,
    ended: u64,
    past: VecDeque<Look>,
    open: Option<Open>,
}

/// Where the balls were at one moment.
#[derive(Clone, Debug)]
struct Look {
    at: Instant,
    balls: Vec<(BallId, BallKind, Vec2)>,
}

/// A shot under way.
#[derive(Debug)]
struct Open {
    began: Instant,
    struck_at: String,
    struck: BallId,
    events: Vec<Event>,
    ways: Vec<(BallId, BallKind, Vec<[f64; 3]>)>,
}

impl Played {
    /// Shots that have ended, the oldest first.
    #[must_use]
    pub const fn shots(&self) -> &VecDeque<Arc<Shot>> {
        &self.shots
    }

    /// Takes in the newest state; true when a shot has ended with it.
    pub fn see(&mut self, table: &TableState) -> bool {
        let now = table.captured;
        if self.past.back().is_some_and(|last| now <= last.at) {
            // Another camera, or the same started anew.
            (self.open, self.past) = (None, VecDeque::new());
        }
        let look = Look {
            at: now,
            balls: table.balls.iter().map(|b| (b.id, b.kind, b.position_m)).collect(),
        };
        for event in &table.events {
            if let Happening::Struck(ball) = event.what {
                self.open = Some(Open::new(ball, event.at, now, &self.past));
            }
            if let Some(open) = &mut self.open {
                open.note(event);
            }
        }
        if let Some(open) = &mut self.open {
            open.see(&look);
        }
        self.past.push_back(look);
        let old = |look: &Look| now.saturating_duration_since(look.at).as_secs_f64() > BEFORE_S;
        while self.past.len() > BEFORE_MOST || self.past.front().is_some_and(old) {
            self.past.pop_front();
        }
        let rests = table
            .events
            .iter()
            .find(|e| e.what == Happening::AtRest)
            .map(|e| e.at);
        let too_long = |open: &Open| now.saturating_duration_since(open.began).as_secs_f64() > LONGEST_S;
        let end = rests.or_else(|| self.open.as_ref().filter(|open| too_long(open)).map(|_| now));
        let (Some(end), Some(open)) = (end, self.open.take_if(|_| end.is_some())) else {
            return false;
        };
        self.ended += 1;
        if self.shots.len() >= KEPT {
            self.shots.pop_front();
        }
        self.shots.push_back(Arc::new(open.ended(self.ended, end)));
        true
    }
}

impl Open {
    fn new(struck: BallId, began: Instant, now: Instant, past: &VecDeque<Look>) -> Self {
        let ago = now.saturating_duration_since(began);
        let mut open = Self {
            began,
            struck_at: wall_clock(ago),
            struck,
            events: Vec::new(),
            ways: Vec::new(),
        };
        // From just before it was struck: there all lay.
        let first = past.iter().rposition(|look| look.at <= began).unwrap_or(0);
        past.iter().skip(first).for_each(|look| open.see(look));
        open
    }

    fn seconds(&self, at: Instant) -> f64 {
        at.saturating_duration_since(self.began).as_secs_f64()
    }

    fn see(&mut self, look: &Look) {
        let t_s = self.seconds(look.at);
        for (ball, kind, place) in &look.balls {
            let point = [t_s, place.x, place.y];
            match self.ways.iter_mut().find(|way| way.0 == *ball) {
                Some((_, known, points)) => {
                    *known = *kind;
                    points.push(point);
                }
                None => self.ways.push((*ball, *kind, vec![point])),
            }
        }
    }

    fn note(&mut self, event: &TableEvent) {
        let pocket_of = |pocket: PocketId| Some(pocket.name());
        let (what, balls, pocket) = match event.what {
            Happening::Struck(ball) => ("struck", vec![ball], None),
            Happening::Contact { balls, first: true } => ("first_contact", balls.to_vec(), None),
            Happening::Contact { balls, first: false } => ("contact", balls.to_vec(), None),
            Happening::Cushion(ball) => ("cushion", vec![ball], None),
            Happening::Pocketed(ball, _, pocket) => ("pocketed", vec![ball], pocket_of(pocket)),
            Happening::OffTable(ball) => ("off_table", vec![ball], None),
            Happening::AtRest => return,
        };
        let t_s = rounded(self.seconds(event.at));
        let place = self.events.partition_point(|e| e.t_s <= t_s);
        self.events.insert(
            place,
            Event {
                t_s,
                what,
                balls,
                pocket,
            },
        );
    }

    fn ended(self, id: u64, end: Instant) -> Shot {
        let duration_s = rounded(self.seconds(end));
        let ways = self.ways.into_iter().map(|(ball, kind, points)| Way {
            ball,
            group: kind.group.name(),
            number: kind.number,
            points: fewer(&points),
        });
        Shot {
            id,
            struck_at: self.struck_at,
            duration_s,
            struck: self.struck,
            events: self.events,
            ways: ways.collect(),
        }
    }
}

/// The same way in fewer points: of those left out none is missed by more than [`MISSED_M`] (Douglas–Peucker over time).
fn fewer(points: &[[f64; 3]]) -> Vec<[f64; 3]> {
    let Some(last) = points.len().checked_sub(1) else {
        return Vec::new();
    };
    let mut keep = vec![false; points.len()];
    let mut open = vec![(0, last)];
    while let Some((from, to)) = open.pop() {
        for end in [from, to] {
            if let Some(keep) = keep.get_mut(end) {
                *keep = true;
            }
        }
        let (Some(a), Some(b)) = (points.get(from), points.get(to)) else {
            continue;
        };
        let missed = |p: &[f64; 3]| {
            let share = (p[0] - a[0]) / (b[0] - a[0]).max(1e-9);
            let [x, y] = [1, 2].map(|i| p[i] - (b[i] - a[i]).mul_add(share, a[i]));
            x.hypot(y)
        };
        let between = points.iter().enumerate().take(to).skip(from + 1);
        let worst = between
            .map(|(i, p)| (i, missed(p)))
            .max_by(|x, y| x.1.total_cmp(&y.1));
        if let Some((middle, off_m)) = worst
            && off_m > MISSED_M
        {
            open.extend([(from, middle), (middle, to)]);
        }
    }
    let kept = points.iter().zip(keep).filter(|(_, keep)| *keep);
    let mut kept: Vec<_> = kept.map(|(p, _)| p.map(rounded)).collect();
    // What only lay there has one place.
    if let [first, second] = kept.as_slice()
        && (first[1] - second[1]).hypot(first[2] - second[2]) < MISSED_M
    {
        kept.truncate(1);
    }
    kept
}

/// To the tenth of a millisecond and of a millimetre.
fn rounded(v: f64) -> f64 {
    (v * 1e4).round() / 1e4
}

/// The wall clock so long ago, RFC 3339 UTC.
fn wall_clock(ago: Duration) -> String {
    let then = SystemTime::now()
        .checked_sub(ago)
        .unwrap_or(SystemTime::UNIX_EPOCH);
    let then = OffsetDateTime::from(then);
    let then = then.replace_millisecond(then.millisecond()).unwrap_or(then);
    then.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::virtual_table::{Options, Pace, SceneName, VirtualTable};
    use crate::vision::analyse::Analyser;
    use crate::vision::source::FrameSource as _;
    use crate::vision::track::{TrackedBall, Tracker};

    fn state(at: Instant, balls: &[(u32, Vec2)], events: Vec<(Instant, Happening)>) -> TableState {
        let balls = balls
            .iter()
            .map(|(id, place)| TrackedBall::lying(BallId(*id), BallKind::pool(*id as u8), *place));
        TableState {
            captured: at,
            events: events
                .into_iter()
                .map(|(at, what)| TableEvent { at, what })
                .collect(),
            ..TableState::lying(balls.collect())
        }
    }

    #[test]
    fn a_shot_is_put_together_from_before_it_was_told() {
        let (mut played, start) = (Played::default(), Instant::now());
        let at = |s: f64| start + Duration::from_secs_f64(s);
        // Struck at 1 s, told at 1.2 s; rolls 1 m/s for a second.
        let place = |s: f64| Vec2::new((s - 1.0).clamp(0.0, 1.0), 0.1);
        let mut ended = Vec::new();
        for frame in 0..90 {
            let now = f64::from(frame) / 30.0;
            let events = match frame {
                36 => vec![(at(1.0), Happening::Struck(BallId(1)))],
                60 => vec![(at(1.5), Happening::Cushion(BallId(1)))],
                70 => vec![
                    (
                        at(1.25),
                        Happening::Contact {
                            balls: [BallId(1), BallId(2)],
                            first: true,
                        },
                    ),
                    (at(2.0), Happening::AtRest),
                ],
                _ => Vec::new(),
            };
            if played.see(&state(
                at(now),
                &[(1, place(now)), (2, Vec2::new(0.5, 0.5))],
                events,
            )) {
                ended.push(frame);
            }
        }
        assert_eq!(ended, [70]);
        let shot = &played.shots()[0];
        assert_eq!((shot.id, shot.struck, shot.duration_s), (1, BallId(1), 1.0));
        let told: Vec<_> = shot.events.iter().map(|e| (e.t_s, e.what)).collect();
        assert_eq!(told, [(0.0, "struck"), (0.25, "first_contact"), (0.5, "cushion")]);
        // From where it lay, straight to where it came to rest.
        let points = &shot.ways[0].points;
        assert_eq!((points[0][1], points.last().unwrap()[1]), (0.0, 1.0));
        assert!(points.len() <= 4, "{points:?}");
        assert_eq!(shot.ways[1].points.len(), 1);
    }

    #[test]
    fn what_nobody_struck_is_no_shot_and_a_clock_that_starts_anew_harms_nothing() {
        let (mut played, start) = (Played::default(), Instant::now());
        let lay = [(1, Vec2::ZERO)];
        let at = |s: u64| start + Duration::from_secs(s);
        assert!(!played.see(&state(at(5), &lay, vec![(at(5), Happening::AtRest)])));
        played.see(&state(at(6), &lay, vec![(at(6), Happening::Struck(BallId(1)))]));
        assert!(!played.see(&state(at(2), &lay, vec![(at(2), Happening::AtRest)])));
        assert!(played.shots().is_empty());
        // One that never ends ends by itself.
        played.see(&state(at(7), &lay, vec![(at(7), Happening::Struck(BallId(1)))]));
        assert!(played.see(&state(at(7 + 61), &lay, Vec::new())));
    }

    #[test]
    fn there_is_an_end_to_what_is_kept() {
        let (mut played, start) = (Played::default(), Instant::now());
        for n in 0..2 * KEPT as u64 {
            let at = |s: u64| start + Duration::from_secs(10 * n + s);
            played.see(&state(
                at(1),
                &[(1, Vec2::ZERO)],
                vec![(at(1), Happening::Struck(BallId(1)))],
            ));
            assert!(played.see(&state(
                at(2),
                &[(1, Vec2::ZERO)],
                vec![(at(2), Happening::AtRest)]
            )));
        }
        assert_eq!(
            (played.shots().len(), played.shots()[0].id),
            (KEPT, KEPT as u64 + 1)
        );
    }

    /// The whole way: the virtual table plays, the eyes look, the tracker follows.
    #[test]
    fn a_shot_of_the_virtual_table_is_kept_as_it_was_played() {
        let options = Options {
            pace: Pace::Fast,
            size: crate::units::ImageSize::new(1280, 720),
            ..Options::new(SceneName::Practice)
        };
        let mut table = VirtualTable::new(&options).unwrap();
        let (mut tracker, mut played) = (Tracker::new(&options.table), Played::default());
        let mut eyes = Analyser::new(Some(options.table.clone()));
        let shot = (0..1200).find_map(|_| {
            let frame = table.next(Duration::from_secs(1)).unwrap().unwrap();
            let state = tracker.update(&eyes.analyse(&frame))?;
            played.see(&state).then(|| Arc::clone(&played.shots()[0]))
        });
        let shot = shot.expect("a shot is played within forty seconds");
        assert_eq!(shot.events[0].what, "struck");
        assert!(
            shot.duration_s > 0.5 && shot.events.iter().any(|e| e.what == "first_contact"),
            "{:?}",
            shot.events
        );
        let struck = shot.ways.iter().find(|way| way.ball == shot.struck).unwrap();
        assert!(struck.points.len() > 2 && struck.group == "cue", "{struck:?}");
    }
}
