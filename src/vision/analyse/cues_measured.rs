//! From cues found on the working picture to cues measured in the frame, and to what they are in space.

use std::time::{Duration, Instant};

use super::cue::CueFound;
use super::grid::Grid;
use super::judge::Disc;
use super::shaft::{self, Rough, Shaft};
use super::view::View;
use crate::units::Vec2;
use crate::vision::cue_line::{CueLine, Elevation};
use crate::vision::frame::Frame;
use crate::vision::observation::CueSeen;

/// Measures cues, and looks again where one was a moment ago.
#[derive(Debug, Default)]
pub(super) struct CuesMeasured {
    last: Option<Last>,
}

/// The best cue of an earlier frame.
#[derive(Clone, Copy, Debug)]
struct Last {
    tip: Vec2,
    butt: Vec2,
    at: Instant,
}

/// Length of a cue behind its tip along which its edges are looked for, metres.
const SHAFT_M: f64 = 0.8;
/// What is thinner some way behind its tip is no cue, metres: projected lines are 5 to 8 mm wide.
const THINNEST_M: f64 = 0.0095;
/// How much thicker than a pool cue a toy's is, against the balls' radius.
const TOY: f64 = 1.8;
/// A doubtful cue, or one looked for again, shows both edges over this length, metres.
const LEAST_EDGES_M: f64 = 0.14;
/// A cue that hides behind a hand, or hangs together with other things, is looked for again for so long.
const AGAIN: Duration = Duration::from_millis(700);
/// How far forward a tip may have come since, metres.
const FORWARD_M: f64 = 0.08;

impl CuesMeasured {
    /// The cues of a frame, best first.
    pub(super) fn measure(
        &mut self,
        frame: &Frame,
        cues: &[CueFound],
        balls: &[Disc],
        grid: Grid,
        view: &View,
    ) -> Vec<CueSeen> {
        let mut seen: Vec<CueSeen> = cues
            .iter()
            .filter_map(|cue| of_found(frame, cue, balls, grid, view))
            .collect();
        let recent = self
            .last
            .filter(|last| frame.captured >= last.at && frame.captured - last.at < AGAIN);
        if let Some(last) = recent
            && !seen.iter().any(|cue| is_same(cue, &last))
        {
            if let Some((cue, seen_m)) = of_last(frame, &last, grid, view) {
                // So much of a cue needs no other witness.
                let at = if seen_m > 2.0 * LEAST_EDGES_M {
                    frame.captured
                } else {
                    last.at
                };
                self.last = Some(Last {
                    tip: cue.tip_px,
                    butt: cue.butt_px,
                    at,
                });
                seen.push(cue);
            }
        } else {
            self.last = seen
                .iter()
                .find(|cue| cue.line.is_some() && !cue.lying)
                .map(|cue| Last {
                    tip: cue.tip_px,
                    butt: cue.butt_px,
                    at: frame.captured,
                });
        }
        seen.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        seen
    }
}

/// Whether a cue is about where one was.
fn is_same(cue: &CueSeen, last: &Last) -> bool {
    let (now, then) = (
        (cue.tip_px - cue.butt_px).normalize_or_zero(),
        (last.tip - last.butt).normalize_or_zero(),
    );
    now.dot(then) > 0.99 && then.perp_dot(cue.tip_px - last.tip).abs() < 40.0
}

fn of_found(frame: &Frame, cue: &CueFound, balls: &[Disc], grid: Grid, view: &View) -> Option<CueSeen> {
    let front = tip_before_light(frame, cue, balls, grid, view);
    let (tip, butt) = (grid.in_frame(front), grid.in_frame(cue.butt));
    let scale = scale_at(cue.tip, grid, view);
    let rough = Rough {
        tip,
        butt,
        reach: SHAFT_M * scale,
        slack: grid.frame_length(cue.tip, 2.0),
        scale,
    };
    let camera = &view.seen.camera;
    // Toy tables have cues thicker against their balls; where scale and place are known there are none.
    let shaft = shaft::measure(frame, camera, rough).or_else(|| {
        let scale = TOY * scale;
        let thick = Rough { scale, ..rough };
        (!view.calibrated).then(|| shaft::measure(frame, camera, thick))?
    })?;
    let short = cue.doubtful && shaft.seen_m < 1.5 * LEAST_EDGES_M;
    if is_light(&shaft) || short || (cue.lying && !lies(&shaft)) {
        return None;
    }
    Some(CueSeen {
        lying: cue.lying,
        ..in_space(&shaft, tip.distance(butt), cue.confidence, view)
    })
}

/// The tip in front of the last ball that the cue's line meets, where what goes on behind that ball is only light:
/// an aim is drawn on in front of the ball at which the cue points. Working pixels.
fn tip_before_light(frame: &Frame, cue: &CueFound, balls: &[Disc], grid: Grid, view: &View) -> Vec2 {
    let back = (cue.butt - cue.tip).normalize_or_zero();
    let length = cue.tip.distance(cue.butt);
    let on_line = |ball: &&Disc| {
        let to = ball.centre - cue.tip;
        let along = to.dot(back);
        back.perp_dot(to).abs() < 0.8 * ball.radius
            && along > ball.radius
            && along < length - 2.0 * ball.radius
    };
    let last =
        (balls.iter().filter(on_line)).max_by(|a, b| a.centre.dot(back).total_cmp(&b.centre.dot(back)));
    let Some(ball) = last else { return cue.tip };
    let (before, behind) = (1.15 * ball.radius, (ball.centre - cue.tip).dot(back));
    let scale = scale_at(cue.tip, grid, view);
    let rough = Rough {
        tip: grid.in_frame(cue.tip),
        butt: grid.in_frame(cue.tip + back * (behind - before)),
        reach: 0.0,
        slack: grid.frame_length(cue.tip, 2.0),
        scale,
    };
    let goes_on = shaft::measure(frame, &view.seen.camera, rough).is_some_and(|s| s.thickness_m > THINNEST_M);
    if goes_on {
        cue.tip
    } else {
        cue.tip + back * (behind + before)
    }
}

/// Whether this is a line that a projector draws: thin, or hardly thicker than one and nowhere thicker.
fn is_light(shaft: &Shaft) -> bool {
    const NO_TAPER: f64 = 0.003;
    let thick = shaft.thickness_behind_m();
    thick < THINNEST_M || (thick < 1.2 * THINNEST_M && shaft.taper < NO_TAPER && shaft.seen_m > 0.25)
}

/// Whether what nobody holds is a cue: light on the cloth has no taper, and rings of it that stand in a row show only
/// where they touch their common line, whereas hardly anything hides a cue without a hand on it.
fn lies(shaft: &Shaft) -> bool {
    const LEAST_TAPER: f64 = 0.004;
    const LEAST_SEEN_M: f64 = 0.35;
    const LEAST_COVER: f64 = 0.75;
    let thick = shaft.thickness_behind_m() > 1.25 * THINNEST_M;
    thick && shaft.cover > LEAST_COVER && shaft.taper > LEAST_TAPER && shaft.seen_m > LEAST_SEEN_M
}

/// Looks again where a cue was.
fn of_last(frame: &Frame, last: &Last, grid: Grid, view: &View) -> Option<(CueSeen, f64)> {
    let scale = scale_at(grid.on_grid(last.tip), grid, view);
    let forward = (last.tip - last.butt).normalize_or_zero() * (FORWARD_M * scale);
    let length = last.tip.distance(last.butt).min(0.5 * SHAFT_M * scale);
    let tip = last.tip + forward;
    let rough = Rough {
        tip,
        butt: tip - forward.normalize_or_zero() * (length + FORWARD_M * scale),
        reach: SHAFT_M * scale,
        slack: 0.01 * scale,
        scale,
    };
    let shaft = shaft::measure(frame, &view.seen.camera, rough)?;
    let is_cue = shaft.seen_m >= LEAST_EDGES_M && !is_light(&shaft);
    is_cue.then(|| (in_space(&shaft, length, 0.5, view), shaft.seen_m))
}

/// Frame pixels per metre at a working pixel.
fn scale_at(p: Vec2, grid: Grid, view: &View) -> f64 {
    grid.frame_length(p, view.bed.ball_radius(p, view.radius_m)) / view.radius_m
}

fn in_space(shaft: &Shaft, length: f64, confidence: f64, view: &View) -> CueSeen {
    let back = (shaft.behind_px - shaft.tip_px).normalize_or_zero();
    let camera = &view.seen.camera;
    let line = CueLine::through(camera, shaft.tip_px, shaft.behind_px, shaft.turn_sigma);
    let (tip_m, direction) = places(line, view);
    CueSeen {
        tip_px: shaft.tip_px,
        butt_px: shaft.tip_px + back * length,
        tip_m,
        direction,
        line,
        lying: false,
        confidence,
    }
}

/// Tip and direction on the table. At address the tip is about as high as the middle of the cue ball; the butt is
/// higher, by an elevation nobody can see from one view.
fn places(line: Option<CueLine>, view: &View) -> (Option<Vec2>, Option<Vec2>) {
    let Some(line) = line else { return (None, None) };
    let direction = line.direction(Elevation::USUAL).map(|d| d.0);
    (Some(line.tip_at(view.radius_m)), direction)
}
