//! Draws what was found onto a copy of the picture.

use image::{Rgb, RgbImage};
use imageproc::drawing::{draw_filled_circle_mut, draw_hollow_circle_mut, draw_line_segment_mut};

use super::digits::draw_text;
use super::frame::Frame;
use super::observation::Observation;
use super::track::{BallMotion, TableState};
use crate::table::{BallSpec, Group};
use crate::units::Vec2;

/// The frame with outline, noses, pockets, balls (circle, group, number) and cues drawn on it,
/// and with dots where a ball could not be seen.
#[must_use]
pub fn annotated(frame: &Frame, observation: &Observation) -> RgbImage {
    let mut picture = frame.to_rgb(1);
    let thickness = (frame.size.width.max(frame.size.height) / 900).max(1) as i32;
    if let Some(table) = &observation.table {
        let corners = table.corners_px;
        for (a, b) in corners.iter().zip(corners.iter().cycle().skip(1)) {
            line(&mut picture, *a, *b, thickness, Rgb([255, 255, 0]));
        }
        for p in table.pockets_px {
            ring(
                &mut picture,
                p,
                8.0 * f64::from(thickness),
                thickness,
                Rgb([255, 0, 255]),
            );
        }
    }
    if let Some(table) = &observation.table {
        for place in observation.hidden.places() {
            if let Some(p) = table.camera.project(place.extend(BallSpec::POOL.radius_m)) {
                ring(&mut picture, p, f64::from(thickness), 1, Rgb([255, 60, 60]));
            }
        }
    }
    for cue in &observation.cues {
        line(
            &mut picture,
            cue.tip_px,
            cue.butt_px,
            thickness,
            Rgb([0, 255, 255]),
        );
        let at = (cue.tip_px.x as i32, cue.tip_px.y as i32);
        draw_filled_circle_mut(&mut picture, at, 3 * thickness, Rgb([255, 0, 0]));
    }
    for ball in &observation.balls {
        let colour = colour_of(ball.kind.group);
        ring(&mut picture, ball.center_px, ball.radius_px, thickness, colour);
        ring(&mut picture, ball.center_px, f64::from(thickness), 1, colour);
        let name = ball.kind.group.name();
        let text = match ball.kind.number {
            Some(n) if ball.kind.group != Group::Cue => format!("{name} {n}"),
            _ => name.to_owned(),
        };
        let at = ball.center_px + Vec2::new(ball.radius_px + 2.0, -4.0 * f64::from(thickness));
        draw_text(&mut picture, &text, at, thickness, colour);
    }
    picture
}

/// The same with every followed ball: a ring where it is, with its lasting number, dim where it is not seen.
#[must_use]
pub fn annotated_with_tracks(
    frame: &Frame,
    observation: &Observation,
    state: &TableState,
    ball_radius_m: f64,
) -> RgbImage {
    let mut picture = annotated(frame, observation);
    let thickness = (frame.size.width.max(frame.size.height) / 900).max(1) as i32;
    let camera = observation.table.as_ref().map(|table| table.camera);
    for ball in &state.balls {
        let at = |place: Vec2| camera?.project(place.extend(ball_radius_m));
        let (Some(centre), Some(side)) = (
            at(ball.position_m),
            at(ball.position_m + Vec2::new(ball_radius_m, 0.0)),
        ) else {
            continue;
        };
        let colour = if ball.motion == BallMotion::Held {
            Rgb([0, 110, 0])
        } else {
            Rgb([0, 255, 0])
        };
        let radius = centre.distance(side);
        ring(&mut picture, centre, radius + 6.0, thickness, colour);
        let below = centre + Vec2::new(-radius, radius + 8.0);
        draw_text(&mut picture, &ball.id.0.to_string(), below, 2 * thickness, colour);
    }
    picture
}

fn colour_of(group: Group) -> Rgb<u8> {
    match group {
        Group::Cue => Rgb([255, 255, 255]),
        Group::Eight | Group::Black => Rgb([120, 255, 120]),
        Group::Solid | Group::Red => Rgb([255, 160, 0]),
        Group::Stripe => Rgb([255, 90, 255]),
        Group::Unknown => Rgb([255, 0, 0]),
        _ => Rgb([255, 255, 120]),
    }
}

fn line(picture: &mut RgbImage, a: Vec2, b: Vec2, thickness: i32, colour: Rgb<u8>) {
    let across = (b - a).normalize_or_zero().perp();
    for k in 0..thickness {
        let shift = across * (f64::from(k) - f64::from(thickness - 1) / 2.0);
        let at = |p: Vec2| ((p.x + shift.x) as f32, (p.y + shift.y) as f32);
        draw_line_segment_mut(picture, at(a), at(b), colour);
    }
}

fn ring(picture: &mut RgbImage, centre: Vec2, radius: f64, thickness: i32, colour: Rgb<u8>) {
    for k in 0..thickness {
        let at = (centre.x as i32, centre.y as i32);
        draw_hollow_circle_mut(picture, at, radius.round() as i32 + k, colour);
    }
}
