//! Simple pictures of a table for tests: flat cloth, rails, shaded balls, shadows, a cue.

use crate::calibration::{CameraModel, Lens, Pose};
use crate::table::{BallKind, Geometry, Group, TableSpec};
use crate::units::{ImageSize, Vec2, Vec3};
use crate::vision::frame::{Frame, PixelFormat};

/// What to draw.
pub(super) struct Scene {
    pub(super) camera: CameraModel,
    pub(super) spec: TableSpec,
    pub(super) cloth: [f64; 3],
    pub(super) balls: Vec<(BallKind, Vec2)>,
    /// Discs of cloth in shadow: place, radius, light left.
    pub(super) shadows: Vec<(Vec2, f64, f64)>,
    /// White stickers: place, radius.
    pub(super) stickers: Vec<(Vec2, f64)>,
    /// Tip and butt of a cue, metres.
    pub(super) cue: Option<(Vec2, Vec2)>,
    /// Amplitude of the noise in counts.
    pub(super) noise: f64,
}

impl Scene {
    /// An empty table under a 1080p camera 2.4 m up, slightly off the middle.
    pub(super) fn empty() -> Self {
        let mut lens = Lens::pinhole(ImageSize::new(1920, 1080), 1550.0);
        lens.centre_px += Vec2::new(6.0, -4.0);
        Self {
            camera: CameraModel {
                lens,
                pose: Pose::looking_at(Vec3::new(0.06, -0.12, 2.4), Vec3::new(0.02, 0.01, 0.0), Vec3::Y),
            },
            spec: TableSpec::pool_9ft(),
            cloth: [30.0, 120.0, 150.0],
            balls: Vec::new(),
            shadows: Vec::new(),
            stickers: Vec::new(),
            cue: None,
            noise: 3.0,
        }
    }

    /// All sixteen pool balls in four rows.
    pub(super) fn full() -> Self {
        let mut scene = Self::empty();
        for n in 0..16u8 {
            let (i, j) = (f64::from(n % 4), f64::from(n / 4));
            let place = Vec2::new(-1.0 + 0.61 * i + 0.031 * j, -0.47 + 0.29 * j + 0.017 * i);
            scene.balls.push((BallKind::pool(n), place));
            scene.shadows.push((place + Vec2::new(0.012, 0.015), 0.034, 0.65));
        }
        scene
    }

    /// The picture.
    pub(super) fn render(&self) -> Frame {
        let size = self.camera.lens.image;
        let (w, h) = (size.width as usize, size.height as usize);
        let pockets = Geometry::of(&self.spec).pockets;
        let mut pixels = vec![0f64; w * h * 3];
        for y in 0..h {
            for x in 0..w {
                let px = Vec2::new(x as f64 + 0.5, y as f64 + 0.5);
                let c = self.floor(px, &pockets);
                pixels[(y * w + x) * 3..][..3].copy_from_slice(&c);
            }
        }
        for (k, (kind, place)) in self.balls.iter().enumerate() {
            self.draw_ball(&mut pixels, w, h, *kind, *place, k);
        }
        if let Some((tip, butt)) = self.cue {
            self.draw_cue(&mut pixels, w, h, tip, butt);
        }
        let mut random = fastrand::Rng::with_seed(7);
        let bytes = pixels
            .iter()
            .map(|v| {
                (v + self.noise * (random.f64() + random.f64() - 1.0))
                    .round()
                    .clamp(0.0, 255.0) as u8
            })
            .collect();
        Frame::new(0, size, PixelFormat::Rgb8, bytes).unwrap()
    }

    fn floor(&self, px: Vec2, pockets: &[crate::table::PocketCircle]) -> [f64; 3] {
        let nose = self
            .camera
            .on_plane(px, self.spec.nose_height_m)
            .unwrap_or(Vec2::splat(9.0));
        let (hl, hw) = (self.spec.half_length_m(), self.spec.half_width_m());
        let outside = (nose.x.abs() - hl).max(nose.y.abs() - hw);
        if pockets.iter().any(|p| p.centre.distance(nose) < p.radius) {
            return [12.0, 12.0, 14.0];
        }
        if outside > self.spec.cushion_width_m + self.spec.rail_width_m {
            return [90.0, 88.0, 86.0];
        }
        if outside > self.spec.cushion_width_m {
            return [95.0, 55.0, 35.0];
        }
        if outside > 0.0 {
            return self.cloth.map(|c| c * 1.12);
        }
        let place = self.camera.on_plane(px, 0.0).unwrap_or(Vec2::ZERO);
        if self.stickers.iter().any(|(c, r)| c.distance(place) < *r) {
            return [235.0; 3];
        }
        // Brighter in the middle, shadow under the cushions.
        let mut light = 1.0 - 0.12 * (place / Vec2::new(hl, hw)).length_squared();
        if outside > -0.012 {
            light *= 0.7;
        }
        for (centre, radius, left) in &self.shadows {
            let edge = ((radius - centre.distance(place)) / 0.012 + 0.5).clamp(0.0, 1.0);
            light *= 1.0 - edge * (1.0 - left);
        }
        self.cloth.map(|c| c * light)
    }

    fn draw_ball(&self, pixels: &mut [f64], w: usize, h: usize, kind: BallKind, place: Vec2, k: usize) {
        let r = self.spec.ball.radius_m;
        let centre = place.extend(r);
        // A different way up for every ball.
        let axis = Vec3::new((k as f64).sin(), (1.7 * k as f64).cos(), 0.4).normalize();
        let spot = axis.any_orthonormal_vector();
        let rim = self.camera.silhouette(centre, r, 32);
        let lo = rim.iter().fold(Vec2::splat(1e9), |a, b| a.min(*b));
        let hi = rim.iter().fold(Vec2::ZERO, |a, b| a.max(*b));
        let paint = kind.paint_srgb().map(f64::from);
        for y in (lo.y as usize).saturating_sub(1)..((hi.y as usize) + 2).min(h) {
            for x in (lo.x as usize).saturating_sub(1)..((hi.x as usize) + 2).min(w) {
                let (mut sum, mut hits) = ([0.0; 3], 0.0);
                for s in 0..16 {
                    let px = Vec2::new(
                        x as f64 + (f64::from(s % 4) + 0.5) / 4.0,
                        y as f64 + (f64::from(s / 4) + 0.5) / 4.0,
                    );
                    let ray = self.camera.ray(px);
                    let to = centre - self.camera.pose.eye_m;
                    let along = to.dot(ray);
                    let miss2 = to.length_squared() - along * along;
                    if miss2 > r * r {
                        continue;
                    }
                    let hit = self.camera.pose.eye_m + ray * (along - (r * r - miss2).sqrt());
                    let normal = (hit - centre) / r;
                    let stripe = kind.group == Group::Stripe && normal.dot(axis).abs() > 0.5;
                    let circle = kind.number.is_some_and(|n| n > 0) && normal.dot(spot) > 0.94;
                    let base = if stripe || circle {
                        [240.0, 235.0, 222.0]
                    } else {
                        paint
                    };
                    let lamp = Vec3::new(0.1, 0.2, 0.97).normalize();
                    let shade = 0.45 + 0.55 * normal.dot(lamp).max(0.0);
                    let shine = if normal.dot(lamp) > 0.985 { 200.0 } else { 0.0 };
                    for (s, b) in sum.iter_mut().zip(base) {
                        *s += (b * shade + shine).min(255.0);
                    }
                    hits += 1.0;
                }
                for (c, s) in sum.iter().enumerate() {
                    let p = &mut pixels[(y * w + x) * 3 + c];
                    *p = *p * (1.0 - hits / 16.0) + s / 16.0;
                }
            }
        }
    }

    fn draw_cue(&self, pixels: &mut [f64], w: usize, h: usize, tip: Vec2, butt: Vec2) {
        let a = tip.extend(self.spec.ball.radius_m);
        let b = butt.extend(self.spec.ball.radius_m + 0.05 * tip.distance(butt));
        for i in 0..4000 {
            let t = f64::from(i) / 4000.0;
            let (Some(p), Some(q)) = (
                self.camera.project(a.lerp(b, t)),
                self.camera
                    .project(a.lerp(b, t) + Vec3::new(0.0, 0.0065 + 0.006 * t, 0.0)),
            ) else {
                continue;
            };
            let r = p.distance(q);
            for y in (p.y - r).max(0.0) as usize..=((p.y + r).max(0.0) as usize).min(h - 1) {
                for x in (p.x - r).max(0.0) as usize..=((p.x + r).max(0.0) as usize).min(w - 1) {
                    if Vec2::new(x as f64 + 0.5, y as f64 + 0.5).distance(p) <= r {
                        pixels[(y * w + x) * 3..][..3].copy_from_slice(&[215.0, 180.0, 130.0]);
                    }
                }
            }
        }
    }
}
