//! What a part of the trainer costs: the program with it and without it, in turns.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::manager::{Manager, Setup};
use super::measure::up;

/// Share of one core that the trainer takes with and without something, in each round.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct WithAndWithout {
    /// With it.
    pub with: Vec<f64>,
    /// Without it.
    pub without: Vec<f64>,
}

impl WithAndWithout {
    /// The mean difference, and how far chance may have moved it (its standard error); `None` before two rounds.
    #[must_use]
    pub fn difference(&self) -> Option<(f64, f64)> {
        let differences: Vec<f64> = self.with.iter().zip(&self.without).map(|(a, b)| a - b).collect();
        let n = differences.len() as f64;
        if n < 2.0 {
            return None;
        }
        let mean = differences.iter().sum::<f64>() / n;
        let spread = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (n - 1.0);
        Some((mean, (spread / n).sqrt()))
    }
}

/// Runs `program` in `folder`, `rounds` times for `length` as `always` and the same with `and_without` added. Nothing
/// plays meanwhile: what vision takes is a hundred times what is looked for here, and changes from second to second.
///
/// # Errors
/// When it does not start, or the system does not tell a process's time.
pub fn with_and_without(
    program: &Path,
    folder: &Path,
    and_without: &[&str],
    (rounds, length): (u32, Duration),
    tell: impl Fn(u32),
) -> io::Result<WithAndWithout> {
    let mut told = WithAndWithout::default();
    for round in 0..rounds {
        for without in [false, true] {
            let mut arguments: Vec<String> = ["--no-vision", "--no-projector"].map(str::to_owned).into();
            if without {
                arguments.extend(and_without.iter().map(|a| (*a).to_owned()));
            }
            let place = folder.join(format!("{round}-{without}"));
            let setup = Setup {
                arguments,
                ..Setup::default()
            };
            let mut manager = up(program, &place, setup)?;
            // What the start takes is no part of it.
            manager.wait(Duration::from_secs(3));
            let share = share_of_a_core(&mut manager, length)?;
            manager.stop();
            if without {
                &mut told.without
            } else {
                &mut told.with
            }
            .push(share);
        }
        tell(round + 1);
    }
    Ok(told)
}

fn share_of_a_core(manager: &mut Manager, length: Duration) -> io::Result<f64> {
    let pid = manager
        .pid()
        .ok_or_else(|| io::Error::other("the trainer has ended"))?;
    let (begun, before) = (Instant::now(), process_cpu_s(pid)?);
    manager.wait(length);
    Ok((process_cpu_s(pid)? - before) / begun.elapsed().as_secs_f64())
}

/// Processor time of a process so far, user and system, to the microsecond where the kernel keeps it so.
fn process_cpu_s(pid: u32) -> io::Result<f64> {
    let mut sum_ns = 0.0;
    // `schedstat` counts nanoseconds, `stat` only hundredths of a second. Threads that ended are lost: there are few.
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        let ns = text
            .split_whitespace()
            .next()
            .and_then(|ns| ns.parse::<f64>().ok());
        sum_ns += ns.unwrap_or_default();
    }
    Ok(sum_ns / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_comes_with_what_chance_may_have_done() {
        let both = WithAndWithout {
            with: vec![0.030, 0.034, 0.032],
            without: vec![0.029, 0.031, 0.030],
        };
        // Differences 1, 3, 2 thousandths: mean 2, standard error 1/√3.
        let (mean, error) = both.difference().unwrap();
        assert!((mean - 0.002).abs() < 1e-12 && (error - 0.001 / 3f64.sqrt()).abs() < 1e-12);
        assert_eq!(WithAndWithout::default().difference(), None);
    }
}
