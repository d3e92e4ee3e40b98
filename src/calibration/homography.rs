//! A plane-to-plane mapping.

use glam::DMat3;
use nalgebra::{SMatrix, SVector};
use serde::{Deserialize, Serialize};

use crate::units::{Vec2, Vec3};

/// A projective map between two planes, kept with its inverse.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Homography {
    forward: DMat3,
    backward: DMat3,
}

impl Homography {
    /// From a 3×3 matrix; `None` when it can't be inverted.
    #[must_use]
    pub fn from_matrix(forward: DMat3) -> Option<Self> {
        let det = forward.determinant();
        (det.is_finite() && det.abs() > 1e-15).then(|| Self {
            forward,
            backward: forward.inverse(),
        })
    }

    /// The map that takes each first point to its second, best in the least-squares sense
    /// (normalised DLT; Hartley & Zisserman, algorithm 4.2). `None` for fewer than four
    /// pairs or points that do not span a plane.
    #[must_use]
    pub fn fit(pairs: &[(Vec2, Vec2)]) -> Option<Self> {
        if pairs.len() < 4 {
            return None;
        }
        let from = normaliser(pairs.iter().map(|p| p.0))?;
        let to = normaliser(pairs.iter().map(|p| p.1))?;
        let mut ata = SMatrix::<f64, 9, 9>::zeros();
        for (a, b) in pairs {
            let p = apply(&from, *a)?;
            let q = apply(&to, *b)?;
            let rows = [
                [-p.x, -p.y, -1.0, 0.0, 0.0, 0.0, q.x * p.x, q.x * p.y, q.x],
                [0.0, 0.0, 0.0, -p.x, -p.y, -1.0, q.y * p.x, q.y * p.y, q.y],
            ];
            for row in rows {
                let v = SVector::<f64, 9>::from(row);
                ata += v * v.transpose();
            }
        }
        let eigen = ata.symmetric_eigen();
        let smallest = eigen.eigenvalues.imin();
        // A second vanishing eigenvalue means the points do not determine the map.
        let mut values: Vec<f64> = eigen.eigenvalues.iter().copied().collect();
        values.sort_by(f64::total_cmp);
        if values.get(1).copied().unwrap_or(0.0) < 1e-9 * values.last().copied().unwrap_or(1.0) {
            return None;
        }
        let h = eigen.eigenvectors.column(smallest);
        let normalised = DMat3::from_cols(
            Vec3::new(h[0], h[3], h[6]),
            Vec3::new(h[1], h[4], h[7]),
            Vec3::new(h[2], h[5], h[8]),
        );
        let full = to.inverse() * normalised * from;
        let scale = if full.z_axis.z.abs() > 1e-12 {
            full.z_axis.z
        } else {
            1.0
        };
        Self::from_matrix(full * (1.0 / scale))
    }

    /// The 3×3 matrix, column vectors (x, y, 1).
    #[must_use]
    pub fn matrix(&self) -> DMat3 {
        self.forward
    }

    /// Maps a point; `None` at infinity.
    #[must_use]
    pub fn apply(&self, p: Vec2) -> Option<Vec2> {
        apply(&self.forward, p)
    }

    /// Maps a point back; `None` at infinity.
    #[must_use]
    pub fn invert(&self, p: Vec2) -> Option<Vec2> {
        apply(&self.backward, p)
    }
}

fn apply(m: &DMat3, p: Vec2) -> Option<Vec2> {
    let v = *m * p.extend(1.0);
    (v.z.abs() > 1e-12).then(|| Vec2::new(v.x / v.z, v.y / v.z))
}

/// Moves the centroid to the origin and the mean distance to √2.
fn normaliser(points: impl Iterator<Item = Vec2> + Clone) -> Option<DMat3> {
    let n = points.clone().count() as f64;
    let centre = points.clone().fold(Vec2::ZERO, |a, b| a + b) / n;
    let spread = points.fold(0.0, |a, p| a + p.distance(centre)) / n;
    if spread.is_nan() || spread < 1e-12 {
        return None;
    }
    let s = std::f64::consts::SQRT_2 / spread;
    Some(DMat3::from_cols(
        Vec3::new(s, 0.0, 0.0),
        Vec3::new(0.0, s, 0.0),
        Vec3::new(-s * centre.x, -s * centre.y, 1.0),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fit_recovers_a_known_map_and_its_inverse() {
        let truth = Homography::from_matrix(DMat3::from_cols(
            Vec3::new(700.0, 12.0, 0.02),
            Vec3::new(-9.0, -690.0, 0.05),
            Vec3::new(960.0, 540.0, 1.0),
        ))
        .unwrap();
        let points = [(-1.2, 0.6), (1.2, 0.6), (1.2, -0.6), (-1.2, -0.6), (0.1, 0.2)];
        let pairs: Vec<_> = points
            .iter()
            .map(|&(x, y)| (Vec2::new(x, y), truth.apply(Vec2::new(x, y)).unwrap()))
            .collect();
        let found = Homography::fit(&pairs).unwrap();
        for (a, b) in &pairs {
            assert!(found.apply(*a).unwrap().distance(*b) < 1e-8);
            assert!(found.invert(*b).unwrap().distance(*a) < 1e-10);
        }
    }

    #[test]
    fn points_on_a_line_are_refused() {
        let pairs: Vec<_> = (0..6)
            .map(|i| {
                (
                    Vec2::new(f64::from(i), 2.0 * f64::from(i)),
                    Vec2::new(f64::from(i), 1.0),
                )
            })
            .collect();
        assert!(Homography::fit(&pairs).is_none());
        assert!(Homography::fit(&pairs[..3]).is_none());
    }
}
