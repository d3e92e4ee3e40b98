//! Triangles as a picture, without a graphics card.

use super::tessellate::Triangles;
use crate::calibration::Homography;
use crate::units::{ImageSize, Vec2, tone};

/// The picture that a projector shows of them: red green blue, rows top to bottom, on black. `ndc` brings their places
/// to normalised device coordinates (x right, y up, −1..1). Later ones lie over earlier ones, mixed in linear light.
#[must_use]
pub fn picture(triangles: &Triangles, ndc: &Homography, size: ImageSize) -> Vec<u8> {
    let mut light = vec![[0.0_f32; 3]; size.pixels()];
    let (w, h) = (f64::from(size.width), f64::from(size.height));
    let corner = |index: u32| {
        let [x, y] = *triangles.positions.get(index as usize)?;
        let at = ndc.apply(Vec2::new(f64::from(x), f64::from(y)))?;
        let pixel = Vec2::new((at.x + 1.0) * 0.5 * w, (1.0 - at.y) * 0.5 * h);
        Some((pixel, *triangles.colours.get(index as usize)?))
    };
    for triple in triangles.indices.chunks_exact(3) {
        let &[a, b, c] = triple else { continue };
        if let (Some(a), Some(b), Some(c)) = (corner(a), corner(b), corner(c)) {
            fill([a, b, c], size, &mut light);
        }
    }
    light
        .iter()
        .flat_map(|pixel| pixel.map(|l| (tone(l.clamp(0.0, 1.0)) * 255.0).round() as u8))
        .collect()
}

/// Fills a triangle, colours mixed between its corners.
fn fill(corners: [(Vec2, [f32; 4]); 3], size: ImageSize, light: &mut [[f32; 3]]) {
    let [(a, ca), (b, cb), (c, cc)] = corners;
    let area = (b - a).perp_dot(c - a);
    if area.abs() < 1e-9 {
        return;
    }
    let span = |low: f64, high: f64, most: u32| {
        let first = low.floor().clamp(0.0, f64::from(most)) as u32;
        first..(high.ceil().clamp(0.0, f64::from(most)) as u32).max(first)
    };
    let columns = span(a.x.min(b.x).min(c.x), a.x.max(b.x).max(c.x), size.width);
    for y in span(a.y.min(b.y).min(c.y), a.y.max(b.y).max(c.y), size.height) {
        for x in columns.clone() {
            let p = Vec2::new(f64::from(x) + 0.5, f64::from(y) + 0.5);
            let u = (b - p).perp_dot(c - p) / area;
            let v = (c - p).perp_dot(a - p) / area;
            let w = 1.0 - u - v;
            if u < 0.0 || v < 0.0 || w < 0.0 {
                continue;
            }
            let [u, v, w] = [u, v, w].map(|share| share as f32);
            let mixed = |k: usize| {
                let at = |colour: &[f32; 4]| colour.get(k).copied().unwrap_or(0.0);
                u * at(&ca) + v * at(&cb) + w * at(&cc)
            };
            let opacity = mixed(3).clamp(0.0, 1.0);
            if let Some(pixel) = light.get_mut(y as usize * size.width as usize + x as usize) {
                for (k, old) in pixel.iter_mut().enumerate() {
                    *old += (mixed(k) - *old) * opacity;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projector::keystone::Mapping;

    /// One triangle on a picture of 20×10 pixels.
    fn shown(colours: [[f32; 4]; 3]) -> Vec<u8> {
        let triangles = Triangles {
            positions: vec![[2.0, 2.0], [12.0, 2.0], [2.0, 8.0]],
            colours: colours.to_vec(),
            indices: vec![0, 1, 2],
        };
        let mapping = Mapping::pixels(20.0, 10.0).unwrap();
        picture(&triangles, &mapping.ndc, ImageSize::new(20, 10))
    }

    #[test]
    fn a_triangle_is_filled_inside_and_nowhere_else() {
        let rgb = shown([[1.0; 4]; 3]);
        let lit = rgb.chunks_exact(3).filter(|px| px[0] > 250).count();
        assert!((25..=35).contains(&lit), "{lit}");
        assert_eq!(rgb[(5 * 20 + 15) * 3], 0);
    }

    #[test]
    fn opacity_mixes_light_not_bytes() {
        let rgb = shown([[1.0, 1.0, 1.0, 0.5]; 3]);
        // Half of the light of white is 188 of 255.
        assert_eq!(rgb[(3 * 20 + 4) * 3], 188);
    }
}
