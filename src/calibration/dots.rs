//! Dots of light in a picture.

use image::{GrayImage, Luma};
use imageproc::region_labelling::{Connectivity, connected_components};

use super::luminance::Luminance;
use crate::units::Vec2;

/// A patch of light.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Patch {
    /// Its middle, weighted by light, pixels.
    pub(super) centre_px: Vec2,
    /// Its area, pixels.
    pub(super) area_px: f64,
}

/// Least light of a dot as a share of what dots show at their middle in this picture.
const SHARE: f32 = 0.35;
/// Least light that can be told from noise, in its σ.
const SIGMAS: f32 = 6.0;
/// Less light than this share of what is there without it is no dot: lamps flicker, cameras follow the light.
const FAINTEST: f32 = 0.08;
/// Fewest pixels of a dot.
const SMALLEST_PX: f64 = 6.0;

/// The patches of light in a picture of light that came (see [`Luminance::gain_over`]), by place.
pub(super) fn patches(gain: &Luminance) -> Vec<Patch> {
    let smooth = gain.smoothed();
    let Some(threshold) = threshold_of(&smooth) else {
        return Vec::new();
    };
    let (w, h) = (gain.size.width, gain.size.height);
    let mask = GrayImage::from_fn(w, h, |x, y| {
        let light = smooth.light().get((y * w + x) as usize).copied().unwrap_or(0.0);
        Luma([if light > threshold { 255 } else { 0 }])
    });
    let labels = connected_components(&mask, Connectivity::Eight, Luma([0]));
    let count = labels.pixels().map(|p| p.0[0]).max().unwrap_or(0) as usize;
    // Left, top, right, bottom and area of each.
    let mut boxes = vec![([u32::MAX, u32::MAX, 0, 0], 0.0_f64); count + 1];
    for (x, y, label) in labels.enumerate_pixels() {
        if let Some((around, area)) = boxes.get_mut(label.0[0] as usize) {
            *around = [
                around[0].min(x),
                around[1].min(y),
                around[2].max(x),
                around[3].max(y),
            ];
            *area += 1.0;
        }
    }
    (boxes.iter().skip(1))
        .filter(|(_, area)| *area >= SMALLEST_PX)
        .filter(|(b, _)| b[0] > 1 && b[1] > 1 && b[2] + 2 < w && b[3] + 2 < h)
        .filter_map(|(around, area)| {
            let centre_px = centroid(gain, *around)?;
            Some(Patch {
                centre_px,
                area_px: *area,
            })
        })
        .collect()
}

/// The light's centre of weight within a box of pixels and a rim around it.
pub(super) fn centroid(gain: &Luminance, [left, top, right, bottom]: [u32; 4]) -> Option<Vec2> {
    const RIM: u32 = 2;
    let (mut sum, mut weight) = (Vec2::ZERO, 0.0);
    for y in top.saturating_sub(RIM)..=(bottom + RIM).min(gain.size.height - 1) {
        for x in left.saturating_sub(RIM)..=(right + RIM).min(gain.size.width - 1) {
            let light = gain
                .light()
                .get((y * gain.size.width + x) as usize)
                .copied()
                .unwrap_or(0.0);
            let light = f64::from(light.max(0.0));
            sum += Vec2::new(f64::from(x) + 0.5, f64::from(y) + 0.5) * light;
            weight += light;
        }
    }
    (weight > 0.0).then(|| sum / weight)
}

/// Light that belongs to a dot: well above the noise of the dark, and a share of what dots show.
/// `None` where there are none.
fn threshold_of(gain: &Luminance) -> Option<f32> {
    let mut sample: Vec<f32> = gain
        .light()
        .iter()
        .step_by(7)
        .copied()
        .filter(|v| v.is_finite())
        .collect();
    if sample.len() < 100 {
        return None;
    }
    sample.sort_by(f32::total_cmp);
    let at = |share: f64| {
        sample
            .get((share * (sample.len() - 1) as f64) as usize)
            .copied()
            .unwrap_or(0.0)
    };
    // Dots cover little: quartiles are of the dark. 1.35 σ lie between them.
    let sigma = ((at(0.75) - at(0.25)) / 1.35).max(1e-4);
    let bright = at(0.9995);
    let threshold = (SHARE * bright).max(at(0.5) + SIGMAS * sigma).max(FAINTEST);
    (bright > threshold).then_some(threshold)
}

/// The middle of the one dot of about this radius within a reach of a place, pixels; `None` where nothing stands out that could be it.
pub(super) fn near(gain: &Luminance, expected_px: Vec2, reach_px: f64, radius_px: f64) -> Option<Vec2> {
    /// It may have so many times the pixels of its radius, or that share of them, and look so many times as wide.
    const AREA: f64 = 4.0;
    const WIDTH: f64 = 3.0;
    let low = (expected_px - reach_px).floor();
    let high = (expected_px + reach_px).ceil();
    let last = Vec2::new(f64::from(gain.size.width), f64::from(gain.size.height)) - 2.0;
    if low.min_element() < 1.0 || (last - high).min_element() < 0.0 {
        return None;
    }
    let [left, top, right, bottom] = [low.x, low.y, high.x, high.y].map(|v| v as u32);
    let middle = |x: u32, y: u32| Vec2::new(f64::from(x) + 0.5, f64::from(y) + 0.5);
    let lit: Vec<(u32, u32, f64)> = (top..=bottom)
        .flat_map(|y| (left..=right).map(move |x| (x, y)))
        .map(|(x, y)| (x, y, light_at(gain, middle(x, y), 1.5)))
        .collect();
    let mut sorted: Vec<f64> = lit.iter().map(|one| one.2).collect();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| sorted.get((share * (sorted.len() - 1) as f64) as usize).copied();
    let (usual, peak) = (at(0.5)?, at(1.0)?);
    let sigma = (at(0.75)? - at(0.25)?) / 1.35;
    let stands_out = peak - usual > (f64::from(SIGMAS) * sigma).max(f64::from(FAINTEST) / 2.0);
    let threshold = usual + f64::from(SHARE) * (peak - usual);
    let bright = || lit.iter().filter(|one| one.2 > threshold);
    let mut around = [u32::MAX, u32::MAX, 0, 0];
    for (x, y, _) in bright() {
        around = [
            around[0].min(*x),
            around[1].min(*y),
            around[2].max(*x),
            around[3].max(*y),
        ];
    }
    let usual_area = std::f64::consts::PI * radius_px.max(1.5).powi(2);
    let area = bright().count() as f64 / usual_area;
    let width =
        f64::from((around[2] - around[0].min(around[2])).max(around[3] - around[1].min(around[3])) + 1);
    let could_be = (1.0 / AREA..AREA).contains(&area) && width < WIDTH * 2.0 * radius_px.max(1.5);
    (stands_out && could_be).then(|| centroid(gain, around))?
}

/// Mean light within `radius_px` of a place.
pub(super) fn light_at(gain: &Luminance, centre_px: Vec2, radius_px: f64) -> f64 {
    let low = (centre_px - radius_px).floor().max(Vec2::ZERO);
    let high = (centre_px + radius_px).ceil();
    let (mut sum, mut n) = (0.0, 0.0);
    for y in low.y as u32..=(high.y.max(0.0) as u32).min(gain.size.height - 1) {
        for x in low.x as u32..=(high.x.max(0.0) as u32).min(gain.size.width - 1) {
            let pixel = Vec2::new(f64::from(x) + 0.5, f64::from(y) + 0.5);
            if pixel.distance(centre_px) <= radius_px {
                sum += f64::from(
                    gain.light()
                        .get((y * gain.size.width + x) as usize)
                        .copied()
                        .unwrap_or(0.0),
                );
                n += 1.0;
            }
        }
    }
    if n > 0.0 { sum / n } else { 0.0 }
}
