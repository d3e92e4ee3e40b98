//! The sensor: noise that is new in every frame, and the buffers frames travel in.

use std::sync::Arc;

/// Adds noise and hands out frame buffers, reusing those nobody holds any more.
pub(in crate::virtual_table) struct Sensor {
    /// What is added to and taken from a byte; one of both is zero.
    more: Vec<u8>,
    less: Vec<u8>,
    random: fastrand::Rng,
    pool: Vec<Arc<Vec<u8>>>,
    quiet: bool,
}

impl Sensor {
    /// Cells of noise kept: fits the second-level cache, and no row starts twice at the same cell.
    const CELLS: usize = 96 * 1024;
    /// Buffers kept for reuse.
    const POOL: usize = 4;

    /// Noise of `sigma` levels (0..255) for rows of `row_bytes`.
    pub(in crate::virtual_table) fn new(sigma: f64, row_bytes: usize, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let pixels = (Self::CELLS + row_bytes).div_ceil(3);
        let (mut more, mut less) = (Vec::new(), Vec::new());
        let mut normal = || {
            // Sum of uniforms: near enough to normal, and cheap.
            (0..6).map(|_| random.f64()).sum::<f64>() * std::f64::consts::SQRT_2
                - 3.0 * std::f64::consts::SQRT_2
        };
        let mut tint = [0.0; 3];
        for _ in 0..pixels {
            let grain = normal();
            for tint in &mut tint {
                // Colour noise is smeared along the row, as a camera's demosaicing leaves it.
                *tint = 0.6 * *tint + 0.55 * normal();
                let level = (sigma * (0.8 * grain + *tint)).round().clamp(-60.0, 60.0);
                more.push(level.max(0.0) as u8);
                less.push((-level).max(0.0) as u8);
            }
        }
        Self {
            more,
            less,
            random,
            pool: Vec::new(),
            quiet: sigma <= 0.0,
        }
    }

    /// Exposes a frame: the clean picture with this frame's noise.
    pub(in crate::virtual_table) fn expose(&mut self, clean: &[u8], row_bytes: usize) -> Arc<Vec<u8>> {
        let mut frame = self.free_buffer(clean.len());
        if let Some(bytes) = Arc::get_mut(&mut frame) {
            if self.quiet {
                bytes.copy_from_slice(clean);
            } else {
                for (out, row) in bytes.chunks_mut(row_bytes).zip(clean.chunks(row_bytes)) {
                    let start = self.random.usize(0..Self::CELLS);
                    let more = self.more.get(start..).unwrap_or_default();
                    let less = self.less.get(start..).unwrap_or_default();
                    for (((out, &clean), &more), &less) in out.iter_mut().zip(row).zip(more).zip(less) {
                        *out = clean.saturating_add(more).saturating_sub(less);
                    }
                }
            }
        }
        if self.pool.len() < Self::POOL {
            self.pool.push(Arc::clone(&frame));
        }
        frame
    }

    fn free_buffer(&mut self, len: usize) -> Arc<Vec<u8>> {
        let free = self
            .pool
            .iter_mut()
            .position(|buffer| buffer.len() == len && Arc::get_mut(buffer).is_some());
        match free {
            Some(i) => self.pool.swap_remove(i),
            None => Arc::new(vec![0; len]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_the_asked_strength_and_changes_from_frame_to_frame() {
        let mut sensor = Sensor::new(2.0, 3000, 5);
        let clean = vec![100_u8; 300_000];
        let a = sensor.expose(&clean, 3000);
        let b = sensor.expose(&clean, 3000);
        assert_ne!(a, b);
        let mean = a.iter().map(|&x| f64::from(x)).sum::<f64>() / a.len() as f64;
        let var = a.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / a.len() as f64;
        assert!((mean - 100.0).abs() < 0.2, "{mean}");
        assert!((var.sqrt() - 2.0).abs() < 0.4, "{}", var.sqrt());
    }

    #[test]
    fn a_buffer_nobody_holds_is_used_again_and_a_held_one_is_not() {
        let mut sensor = Sensor::new(1.0, 300, 1);
        let clean = vec![9_u8; 3000];
        let held = sensor.expose(&clean, 300);
        let before = held.to_vec();
        let address = sensor.expose(&clean, 300).as_ptr();
        assert_eq!(sensor.expose(&clean, 300).as_ptr(), address);
        assert_eq!(*held, before);
    }
}
