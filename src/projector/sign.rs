//! Signs beside the shot: where the tip is to meet the cue ball, and how fast.

use super::drawing::{Sign, moved, shape};
use super::lettering;
use crate::projector::overlay::{Geometry, Meaning, Shape};
use crate::projector::theme::form;
use crate::units::Vec2;

/// What is known of a stroke, or meant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stroke {
    /// Speed of the stick at the impact, m/s.
    pub stick_speed_m_s: Option<f64>,
    /// Where the tip meets the ball, in ball radii to the left of its middle and above it.
    pub tip: Option<Vec2>,
    /// Direction of the shot: away from the player.
    pub forward: Vec2,
}

/// Speed at the end of the bar, m/s: a hard break.
const FULL_M_S: f64 = 8.0;
/// Speed from one tick of the bar to the next, m/s.
const TICK_M_S: f64 = 2.0;
/// Length of the bar, metres.
const BAR_M: f64 = 0.28;
/// Radius of the drawn face of the ball, metres: larger than the ball, to be read from the side.
const FACE_M: f64 = 0.045;
/// Height of the letters, metres.
const LETTER_M: f64 = 0.034;
/// Room between face and bar, metres.
const BETWEEN_M: f64 = 0.04;

/// The sign for a stroke, as near to the cue ball as there is room. `None` where nothing is known.
pub(super) fn stroke_sign(stroke: &Stroke, cue_ball: Vec2, half_bed_m: Vec2) -> Option<Sign> {
    let face = stroke.tip.filter(|tip| tip.is_finite());
    let speed = stroke.stick_speed_m_s.filter(|v| v.is_finite() && *v >= 0.0);
    let ring = FACE_M + form(Meaning::Tip).width_m;
    let widths = (
        face.map_or(0.0, |_| 2.0 * ring),
        speed.map_or(0.0, |v| FRAME_M.max(lettering::length(&figure(v), LETTER_M))),
    );
    let between = if face.is_some() && speed.is_some() {
        BETWEEN_M
    } else {
        0.0
    };
    let half = Vec2::new((widths.0 + between + widths.1) / 2.0, ring.max(0.05));
    let mut shapes = Vec::new();
    if let Some(tip) = face {
        let centre = Vec2::new(-half.x + ring, 0.0);
        shapes.extend(
            ball_face(tip, stroke.forward)
                .into_iter()
                .map(|s| moved(s, centre)),
        );
    }
    if let Some(speed) = speed {
        let middle = Vec2::new(half.x - widths.1 + FRAME_M / 2.0, 0.0);
        shapes.extend(bar(speed).into_iter().map(|s| moved(s, middle)));
    }
    (!shapes.is_empty()).then(|| Sign {
        places: places(cue_ball, half_bed_m),
        half_m: half,
        shapes,
    })
}

/// From the end of the bar to the middle of its frame, metres.
const MARGIN_M: f64 = 0.0135;
/// Length of the frame, metres.
const FRAME_M: f64 = BAR_M + 2.0 * MARGIN_M;

fn figure(speed: f64) -> String {
    format!("stick {speed:.1} m/s")
}

/// The cue ball as the player sees it from behind: up on the ball is forward on the cloth.
fn ball_face(tip: Vec2, forward: Vec2) -> Vec<Shape> {
    let forward = forward.normalize_or(Vec2::X);
    let at = |p: Vec2| (forward.perp() * p.x + forward * p.y) * FACE_M;
    let ring = Geometry::Ring {
        centre: Vec2::ZERO,
        radius: FACE_M,
    };
    let dot = Geometry::Disc {
        centre: at(tip.clamp_length_max(0.8)),
        radius: 0.2 * FACE_M,
    };
    // Four short lines show where the middle would be.
    let cross = [Vec2::X, Vec2::Y, Vec2::NEG_X, Vec2::NEG_Y].map(|out| Geometry::Polyline {
        points: vec![at(out * 0.95), at(out * 0.62)],
        dashed: false,
    });
    [ring]
        .into_iter()
        .chain(cross)
        .chain([dot])
        .map(|geometry| shape(Meaning::Tip, 0.0, geometry))
        .collect()
}

/// A bar as long as the speed, its frame with ticks, and the figure.
fn bar(speed: f64) -> Vec<Shape> {
    let (x0, y) = (-BAR_M / 2.0, 0.027);
    let at = |v: f64| x0 + BAR_M * (v / FULL_M_S).clamp(0.0, 1.0);
    let line = |meaning, points: Vec<Vec2>| {
        shape(
            meaning,
            0.0,
            Geometry::Polyline {
                points,
                dashed: false,
            },
        )
    };
    let (low, high) = (
        Vec2::new(x0 - MARGIN_M, y - MARGIN_M),
        Vec2::new(-x0 + MARGIN_M, y + MARGIN_M),
    );
    let frame = vec![low, Vec2::new(high.x, low.y), high, Vec2::new(low.x, high.y), low];
    let mut shapes = vec![line(Meaning::Scale, frame)];
    if at(speed) - x0 > 0.002 {
        shapes.push(line(
            Meaning::Speed,
            vec![Vec2::new(x0, y), Vec2::new(at(speed), y)],
        ));
    }
    let ticks = (FULL_M_S / TICK_M_S) as u32;
    shapes.extend((1..ticks).map(|i| {
        let x = at(TICK_M_S * f64::from(i));
        line(
            Meaning::Scale,
            vec![Vec2::new(x, low.y), Vec2::new(x, low.y - 0.012)],
        )
    }));
    let text = figure(speed);
    shapes.push(shape(
        Meaning::Label,
        0.0,
        Geometry::Text {
            at: Vec2::new((lettering::length(&text, LETTER_M) - FRAME_M) / 2.0, -0.029),
            height: LETTER_M,
            text,
        },
    ));
    shapes
}

/// Places all over the bed, the nearest to the cue ball first.
fn places(cue_ball: Vec2, half_bed_m: Vec2) -> Vec<Vec2> {
    let mut places: Vec<Vec2> = (-4..=4)
        .flat_map(|i| {
            [-3, -2, -1, 0, 1, 2, 3].map(|j| Vec2::new(f64::from(i) / 5.0, f64::from(j) / 4.0) * half_bed_m)
        })
        .collect();
    places.sort_by(|a, b| a.distance(cue_ball).total_cmp(&b.distance(cue_ball)));
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign(speed: Option<f64>, tip: Option<Vec2>) -> Option<Sign> {
        let stroke = Stroke {
            stick_speed_m_s: speed,
            tip,
            forward: Vec2::X,
        };
        stroke_sign(&stroke, Vec2::new(-0.6, 0.1), Vec2::new(1.27, 0.635))
    }

    fn dot(sign: &Sign) -> Vec2 {
        let face = sign.shapes.iter().find_map(|s| match s.geometry {
            Geometry::Ring { centre, .. } => Some(centre),
            _ => None,
        });
        let dot = sign.shapes.iter().find_map(|s| match s.geometry {
            Geometry::Disc { centre, .. } => Some(centre),
            _ => None,
        });
        dot.unwrap() - face.unwrap()
    }

    #[test]
    fn what_is_not_known_is_not_drawn() {
        assert!(sign(None, None).is_none());
        assert!(sign(Some(f64::NAN), None).is_none());
        let only_tip = sign(None, Some(Vec2::ZERO)).unwrap();
        assert!(only_tip.shapes.iter().all(|s| s.meaning == Meaning::Tip));
        let only_speed = sign(Some(2.0), None).unwrap();
        assert!(only_speed.shapes.iter().all(|s| s.meaning != Meaning::Tip));
    }

    #[test]
    fn the_dot_is_where_the_player_sees_it() {
        // The player looks along +x: what is left of the ball lies at +y, what is above it at +x.
        let left_and_high = sign(None, Some(Vec2::new(0.4, 0.2))).unwrap();
        assert!(dot(&left_and_high).distance(Vec2::new(0.2, 0.4) * FACE_M) < 1e-12);
        assert!(dot(&sign(None, Some(Vec2::ZERO)).unwrap()).length() < 1e-12);
    }

    #[test]
    fn the_bar_is_as_long_as_the_speed_and_says_its_unit() {
        let length = |speed: f64| {
            let sign = sign(Some(speed), None).unwrap();
            let bars = sign.shapes.iter().filter(|s| s.meaning == Meaning::Speed);
            let length = bars.map(|s| match &s.geometry {
                Geometry::Polyline { points, .. } => points[0].distance(points[1]),
                other => unreachable!("{other:?}"),
            });
            length.sum::<f64>()
        };
        assert_eq!(length(0.0), 0.0);
        assert!((length(4.0) - BAR_M / 2.0).abs() < 1e-12);
        assert!((length(2.0) - BAR_M / 4.0).abs() < 1e-12);
        assert!((length(12.0) - BAR_M).abs() < 1e-12);
        let sign = sign(Some(1.84), None).unwrap();
        let told = sign
            .shapes
            .iter()
            .any(|s| matches!(&s.geometry, Geometry::Text { text, .. } if text == "stick 1.8 m/s"));
        assert!(told);
    }

    #[test]
    fn everything_of_a_sign_is_within_its_size_and_the_nearest_place_comes_first() {
        let sign = sign(Some(8.0), Some(Vec2::new(-0.5, 0.5))).unwrap();
        let within = |p: Vec2| (p.abs() - sign.half_m).max_element() < 1e-9;
        for shape in &sign.shapes {
            match &shape.geometry {
                Geometry::Polyline { points, .. } => assert!(points.iter().all(|p| within(*p)), "{shape:?}"),
                Geometry::Ring { centre, radius } => assert!(within(centre.abs() + *radius)),
                Geometry::Disc { centre, radius } => assert!(within(centre.abs() + *radius)),
                Geometry::Text { at, height, text } => {
                    assert!(within(
                        at.abs() + Vec2::new(lettering::length(text, *height), *height) / 2.0
                    ));
                }
                other => unreachable!("{other:?}"),
            }
        }
        let from = |p: &Vec2| p.distance(Vec2::new(-0.6, 0.1));
        assert!(sign.places.windows(2).all(|p| from(&p[0]) <= from(&p[1])));
    }
}
