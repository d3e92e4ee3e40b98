//! Least squares of a handful of parameters: Levenberg–Marquardt with a Jacobian by differences
//! (Nocedal & Wright, Numerical Optimization, 10.3).
//!
//! Our own because the kept crate (`levenberg-marquardt` 0.15) needs another `nalgebra` than
//! everything else here, and would bring it in a second time.

use nalgebra::{DMatrix, DVector};

/// What a fit came to.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The parameters.
    pub parameters: Vec<f64>,
    /// What is left of the residuals there.
    pub residuals: Vec<f64>,
    /// JᵀJ there: its inverse is the covariance where residuals are in units of their own σ.
    pub information: DMatrix<f64>,
}

/// Least gain of a step, as a share of the sum of squares, that is worth another.
const WORTH: f64 = 1e-8;
/// Damping beyond which no step can help.
const HOPELESS: f64 = 1e12;

/// Finds the parameters near `start` with the least sum of squared residuals. `steps`: what each
/// parameter is changed by to see what comes of it, about its own precision. `residuals` writes as
/// many numbers each time, in units of their own σ, or says false where the parameters are
/// impossible.
///
/// `None` where `start` itself is impossible.
pub fn minimise(
    start: &[f64],
    steps: &[f64],
    rounds: usize,
    mut residuals: impl FnMut(&[f64], &mut Vec<f64>) -> bool,
) -> Option<Fit> {
    let mut p = start.to_vec();
    let mut out = Vec::new();
    let mut evaluate = |p: &[f64]| {
        out.clear();
        let possible = residuals(p, &mut out) && out.iter().all(|r| r.is_finite());
        possible.then(|| DVector::from_column_slice(&out))
    };
    let mut r = evaluate(&p)?;
    let mut damping = 1e-3;
    for _ in 0..rounds {
        let mut j = DMatrix::zeros(r.len(), p.len());
        for (k, step) in steps.iter().enumerate().take(p.len()) {
            let changed = evaluate(&moved(&p, k, *step))?;
            if changed.len() != r.len() {
                return None;
            }
            j.set_column(k, &((changed - &r) / *step));
        }
        let information = j.transpose() * &j;
        let gradient = j.transpose() * &r;
        let mut better = false;
        while damping < HOPELESS {
            let mut left = information.clone();
            for k in 0..p.len() {
                left[(k, k)] += damping * (information[(k, k)] + 1e-12);
            }
            let step = left.cholesky().map(|c| c.solve(&-&gradient));
            let tried = step.and_then(|step| {
                let q: Vec<f64> = p.iter().zip(step.iter()).map(|(a, b)| a + b).collect();
                evaluate(&q).map(|s| (q, s))
            });
            match tried {
                Some((q, s)) if s.len() == r.len() && s.norm_squared() < r.norm_squared() => {
                    better = r.norm_squared() - s.norm_squared() > WORTH * r.norm_squared();
                    (p, r) = (q, s);
                    damping = (damping * 0.2).max(1e-12);
                    break;
                }
                _ => damping *= 8.0,
            }
        }
        if !better {
            break;
        }
    }
    // Where parameters can hardly be told apart the covariance is the difference of large numbers: here differences are
    // taken on both sides.
    let mut j = DMatrix::zeros(r.len(), p.len());
    for (k, step) in steps.iter().enumerate().take(p.len()) {
        let step = WIDER * step;
        let (more, less) = (evaluate(&moved(&p, k, step))?, evaluate(&moved(&p, k, -step))?);
        if more.len() != r.len() || less.len() != r.len() {
            return None;
        }
        j.set_column(k, &((more - less) / (2.0 * step)));
    }
    Some(Fit {
        parameters: p,
        residuals: r.iter().copied().collect(),
        information: j.transpose() * &j,
    })
}

/// Differences on both sides are good over wider steps.
pub const WIDER: f64 = 20.0;

/// The parameters with one of them changed.
pub fn moved(parameters: &[f64], k: usize, step: f64) -> Vec<f64> {
    let mut moved = parameters.to_vec();
    if let Some(value) = moved.get_mut(k) {
        *value += step;
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rosenbrock's valley as two residuals; least at (1, 1).
    #[test]
    fn the_bottom_of_a_bent_valley_is_found() {
        let fit = minimise(&[-1.2, 1.0], &[1e-7, 1e-7], 100, |p, out| {
            out.extend([10.0 * (p[1] - p[0] * p[0]), 1.0 - p[0]]);
            true
        })
        .unwrap();
        assert!((fit.parameters[0] - 1.0).abs() < 1e-5 && (fit.parameters[1] - 1.0).abs() < 1e-5);
    }

    /// The mean of n numbers of spread σ is known to σ/√n.
    #[test]
    fn the_information_is_that_of_a_mean() {
        let numbers = [1.0, 2.0, 4.0, 5.0];
        let fit = minimise(&[0.0], &[1e-6], 20, |p, out| {
            out.extend(numbers.map(|n| (p[0] - n) / 0.5));
            true
        })
        .unwrap();
        assert!((fit.parameters[0] - 3.0).abs() < 1e-9);
        assert!((fit.information[(0, 0)] - 4.0 / 0.25).abs() < 1e-4);
    }

    #[test]
    fn an_impossible_start_is_none() {
        assert!(minimise(&[1.0], &[1e-6], 5, |_, _| false).is_none());
        assert!(
            minimise(&[1.0], &[1e-6], 5, |_, out| {
                out.push(f64::NAN);
                true
            })
            .is_none()
        );
    }
}
