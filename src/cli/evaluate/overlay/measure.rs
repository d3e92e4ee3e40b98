//! What is to be seen in a picture of the lit cloth, and where light falls that should not.

use super::stage::{Planned, Stage};
use crate::projector::colour::{contrast, luminance, of_srgb};
use crate::projector::guard::GUARD_M;
use crate::projector::keystone::Mapping;
use crate::projector::overlay::{Geometry, Meaning};
use crate::projector::raster::picture;
use crate::projector::theme::Theme;
use crate::units::{ImageSize, Vec2, Vec3, distance_to_segment};
use crate::vision::frame::Frame;

/// The camera's blur carries a ball's colour so far beyond its edge, metres.
const EDGE_M: f64 = 0.004;
/// The cue hides the cloth from the camera so far beside its line, metres.
const CUE_M: f64 = 0.065;
/// Half of the dark way of the cue, beyond the radius of a ball, metres: the circles it is made of leave notches.
const WAY_M: f64 = GUARD_M - 0.001;

/// For each pixel of the camera the pixel of the projector that lights what it sees, if that is cloth.
pub(super) struct Sight {
    lit_by: Vec<Option<(Vec2, Vec2)>>,
}

impl Sight {
    pub(super) fn new(stage: &Stage) -> Self {
        let size = stage.camera.lens.image;
        let half = Vec2::new(stage.spec.half_length_m(), stage.spec.half_width_m()) - 0.01;
        let pixels = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x, y)));
        let lit_by = pixels.map(|(x, y)| {
            let pixel = Vec2::new(f64::from(x) + 0.5, f64::from(y) + 0.5);
            let place = stage.camera.on_plane(pixel, 0.0)?;
            let on_bed = place.abs().cmplt(half).all();
            on_bed
                .then(|| stage.projector.pixel(place.extend(0.0)))
                .flatten()
                .map(|px| (place, px))
        });
        Self {
            lit_by: lit_by.collect(),
        }
    }

    /// Contrast of the lines of each meaning with the cloth at its middling place, as the
    /// camera sees it: of lit and unlit cloth at the same pixel. `None` where nothing of it is on open cloth.
    pub(super) fn contrasts(
        &self,
        stage: &Stage,
        planned: &Planned,
        theme: &Theme,
        [lit, dark]: &[Frame; 2],
        cloth: [u8; 3],
    ) -> Vec<(Meaning, Option<f64>)> {
        let cloth = luminance(of_srgb(cloth));
        let all = projected(stage, planned, theme, |_| true);
        let measure = |meaning: Meaning| {
            // Surfaces are faint on purpose; their edges count.
            let own = projected(stage, planned, theme, |shape| {
                shape.meaning == meaning && !matches!(shape.geometry, Geometry::Area { .. })
            });
            let mut found: Vec<f64> = Vec::new();
            for (i, lit_by) in self.lit_by.iter().enumerate() {
                let Some((place, pixel)) = lit_by else { continue };
                if !is_pure(&own, &all, *pixel, stage.projector.size()) || is_hidden(stage, planned, *place) {
                    continue;
                }
                let light = |frame: &Frame| match frame.pixels.get(3 * i..3 * i + 3) {
                    Some(&[r, g, b]) => luminance(of_srgb([r, g, b])),
                    _ => 0.0,
                };
                let times = light(lit) / light(dark).max(1e-6);
                found.push(contrast(cloth * times, cloth));
            }
            found.sort_by(f64::total_cmp);
            (meaning, found.get(found.len() / 2).copied())
        };
        Meaning::ALL.into_iter().map(measure).collect()
    }
}

/// The projector's picture of some of the shapes.
pub(super) fn projected(
    stage: &Stage,
    planned: &Planned,
    theme: &Theme,
    which: impl Fn(&crate::projector::overlay::Shape) -> bool,
) -> Vec<u8> {
    let shapes: Vec<_> = planned.shapes.iter().filter(|s| which(s)).cloned().collect();
    let size = stage.projector.size();
    Mapping::calibrated(&stage.projector).map_or_else(
        || vec![0; size.pixels() * 3],
        |mapping| picture(&mapping.triangles(&shapes, theme), &mapping.ndc, size),
    )
}

/// A pixel is as bright as any near it, and all round there is this light and no other, so that soft edges do not count.
fn is_pure(own: &[u8], all: &[u8], pixel: Vec2, size: ImageSize) -> bool {
    let (x, y) = (pixel.x as usize, pixel.y as usize);
    let (w, h) = (size.width as usize, size.height as usize);
    if x < 1 || y < 1 || x + 2 > w || y + 2 > h {
        return false;
    }
    let at = |picture: &[u8], x: usize, y: usize| {
        let i = (y * w + x) * 3;
        picture.get(i..i + 3).and_then(|px| <[u8; 3]>::try_from(px).ok())
    };
    let Some(here) = at(own, x, y).filter(|px| *px != [0; 3]) else {
        return false;
    };
    let around = || (y - 1..=y + 1).flat_map(|y| (x - 1..=x + 1).map(move |x| (x, y)));
    let no_brighter = |px: [u8; 3]| px.iter().zip(here).all(|(a, b)| *a <= b.saturating_add(2));
    around().all(|(x, y)| at(own, x, y) == at(all, x, y) && at(own, x, y).is_some_and(no_brighter))
}

/// A ball or the cue is between the camera and a place on the cloth.
fn is_hidden(stage: &Stage, planned: &Planned, place: Vec2) -> bool {
    let radius = stage.spec.ball.radius_m + EDGE_M;
    let cue = planned.table.cue.as_ref();
    planned.table.balls.iter().any(|ball| {
        miss_m(
            stage.camera.pose.eye_m,
            place,
            ball.position_m.extend(stage.spec.ball.radius_m),
        ) < radius
    }) || cue.is_some_and(|c| distance_to_segment(place, c.tip_m, c.tip_m - c.direction * 1.6) < CUE_M)
}

/// How far the ray from an eye to a place on the cloth misses a point, metres.
fn miss_m(eye: Vec3, place: Vec2, point: Vec3) -> f64 {
    let ray = (place.extend(0.0) - eye).normalize_or_zero();
    let to = point - eye;
    (to - ray * to.dot(ray)).length()
}

/// Lit pixels of the projector whose light falls on a ball or round it, and on the way of the cue.
pub(super) fn astray(stage: &Stage, planned: &Planned, rgb: &[u8]) -> [usize; 2] {
    let width = stage.projector.size().width as usize;
    let (eye, radius) = (stage.projector.optics.pose.eye_m, stage.spec.ball.radius_m);
    let (mut on_balls, mut on_cue) = (0, 0);
    for (i, px) in rgb.chunks_exact(3).enumerate() {
        if px == [0; 3] {
            continue;
        }
        let pixel = Vec2::new((i % width) as f64 + 0.5, (i / width) as f64 + 0.5);
        let Some(place) = stage.projector.on_plane(pixel, 0.0) else {
            continue;
        };
        let hits = planned.table.balls.iter().any(|ball| {
            miss_m(eye, place, ball.position_m.extend(radius)) < radius
                || place.distance(ball.position_m) < radius + GUARD_M
        });
        on_balls += usize::from(hits);
        let along = planned.table.cue.as_ref().zip(planned.table.cue_ball());
        on_cue += usize::from(along.is_some_and(|(cue, ball)| {
            let off = ball.position_m - place;
            (0.0..1.5).contains(&off.dot(cue.direction)) && off.perp_dot(cue.direction).abs() < radius + WAY_M
        }));
    }
    [on_balls, on_cue]
}
