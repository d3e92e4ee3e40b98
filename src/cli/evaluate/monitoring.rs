//! `evaluate monitoring`.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use crate::cli::{Failure, show};
use crate::system::forecast::{Forecaster, Watch};
use crate::system::history::{History, Ring};
use crate::system::metrics::{Metric, Sample};
use crate::system::thread_time::thread_cpu_s;

/// What does monitoring cost?
#[derive(Debug, Args)]
pub(crate) struct Monitoring {
    /// Seconds to measure, at one sample a second as in the running program.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(10..=3600))]
    seconds: u16,
    /// Run the program itself with and without monitoring, so many times in turns, each for `--seconds`.
    #[cfg(feature = "app")]
    #[arg(long, value_name = "ROUNDS", value_parser = clap::value_parser!(u32).range(2..=100))]
    with_and_without: Option<u32>,
    /// Print one JSON document on stdout and nothing else.
    #[arg(long)]
    json: bool,
}

/// Asked: share of one core for all of monitoring.
const MOST_SHARE: f64 = 0.005;

/// One piece and its processor time, seconds.
struct Cost {
    what: &'static str,
    cpu_s: Option<f64>,
}

impl Monitoring {
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        let folder = std::env::temp_dir().join(format!("billiards-monitoring-{}", std::process::id()));
        #[cfg(feature = "app")]
        if let Some(rounds) = self.with_and_without {
            let told = self.both(rounds, &folder);
            std::fs::remove_dir_all(&folder).ok();
            return told;
        }
        let measured = self.measure(&folder);
        std::fs::remove_dir_all(&folder).ok();
        let costs = measured?;
        let share = |cost: &Cost| cost.cpu_s.map(|cpu_s| cpu_s / f64::from(self.seconds));
        let total: Option<f64> = costs.iter().map(share).sum();
        let text = if self.json {
            let pieces: Vec<Value> = costs
                .iter()
                .map(|c| json!({"piece": c.what, "share_of_a_core": share(c)}))
                .collect();
            json!({"seconds": self.seconds, "pieces": pieces, "share_of_a_core": total, "asked": MOST_SHARE})
                .to_string()
                + "\n"
        } else {
            let mut text = format!(
                "Share of one core, over {} s at one sample a second\n",
                self.seconds
            );
            let percent = |share: Option<f64>| {
                share.map_or("not measured".to_owned(), |share| {
                    format!("{:.4} %", share * 100.0)
                })
            };
            for cost in &costs {
                let _ = writeln!(text, "  {:<44}{:>14}", cost.what, percent(share(cost)));
            }
            let _ = writeln!(
                text,
                "  {:<44}{:>14}   asked ≤ {:.1} %",
                "all",
                percent(total),
                MOST_SHARE * 100.0
            );
            text
        };
        show(&text)?;
        match total {
            Some(total) if total <= MOST_SHARE => Ok(()),
            Some(total) => Err(Failure::failed(format!(
                "monitoring takes {:.2} % of a core, {:.1} % were asked",
                total * 100.0,
                MOST_SHARE * 100.0
            ))),
            None => Err(Failure::failed(
                "this system does not tell the processor time of a thread",
            )),
        }
    }

    /// The whole program, with and without.
    #[cfg(feature = "app")]
    fn both(&self, rounds: u32, folder: &std::path::Path) -> Result<(), Failure> {
        let failed =
            |error: std::io::Error| Failure::failed(format!("monitoring's cost is not known: {error}"));
        let program = std::env::current_exe().map_err(failed)?;
        let length = Duration::from_secs(self.seconds.into());
        let tell = |round| {
            if !self.json {
                eprintln!("round {round} of {rounds}");
            }
        };
        let both =
            crate::lab::with_and_without(&program, folder, &["--no-monitoring"], (rounds, length), tell)
                .map_err(failed)?;
        let (mean, error) = both.difference().unwrap_or_default();
        let text = if self.json {
            json!({"share_of_a_core": both, "difference": mean, "standard_error": error, "asked": MOST_SHARE})
                .to_string()
        } else {
            format!(
                "Share of one core, the program without a source, {rounds} rounds of {} s\n  with − without  \
                 {:.3} % ± {:.3} %   asked ≤ {:.1} %",
                self.seconds,
                mean * 100.0,
                error * 100.0,
                MOST_SHARE * 100.0
            )
        };
        show(&(text + "\n"))?;
        if mean > MOST_SHARE + 2.0 * error {
            return Err(Failure::failed("monitoring takes more than was asked"));
        }
        Ok(())
    }

    fn measure(&self, folder: &std::path::Path) -> Result<Vec<Cost>, Failure> {
        let history = History::start(&folder.join("history.sqlite"))
            .map_err(|error| Failure::failed(format!("can't start a thread: {error}")))?;
        if !history.flush(Duration::from_secs(10)) {
            let why = history.state().trouble.unwrap_or_default();
            return Err(Failure::failed(format!(
                "can't write to {}: {why}",
                folder.display()
            )));
        }
        let opened = history.state().cpu_s;
        #[cfg(feature = "app")]
        let mut sampler = crate::system::plugin::resources::Sampler::new(Some(folder.to_owned()));
        let mut ring = Ring::default();
        let mut forecaster = Forecaster::new(watches());
        let mut rng = fastrand::Rng::with_seed(1);
        let begin = Instant::now();
        let (mut sampling, mut keeping) = (Some(0.0), Some(0.0));
        for second in 0..self.seconds {
            let mut sample = Sample::new(f64::from(second));
            let before = thread_cpu_s();
            #[cfg(feature = "app")]
            sampler.sample().write(&mut sample);
            let between = thread_cpu_s();
            for metric in Metric::ALL {
                if sample.get(metric).is_none() {
                    sample.set(metric, rng.f64() * 100.0);
                }
            }
            ring.push(&sample);
            forecaster.push(&sample);
            history.record(sample);
            let after = thread_cpu_s();
            let add = |sum: Option<f64>, from: Option<f64>, to: Option<f64>| Some(sum? + to? - from?);
            sampling = add(sampling, before, between);
            keeping = add(keeping, between, after);
            std::thread::sleep(
                (begin + Duration::from_secs(u64::from(second) + 1))
                    .saturating_duration_since(Instant::now()),
            );
        }
        if !history.flush(Duration::from_secs(10)) {
            return Err(Failure::failed(format!(
                "the history in {} was not written",
                folder.display()
            )));
        }
        let written = history.state().cpu_s;
        let writing = written.zip(opened).map(|(written, opened)| written - opened);
        let stopped = history.stop(Duration::from_secs(10));
        let looking = looking().filter(|_| stopped);
        Ok(vec![
            #[cfg(feature = "app")]
            Cost {
                what: "resources: /proc and sensors",
                cpu_s: sampling,
            },
            #[cfg(not(feature = "app"))]
            Cost {
                what: "resources (not in this build)",
                cpu_s: sampling,
            },
            Cost {
                what: "ring, forecasts, hand-over",
                cpu_s: keeping,
            },
            Cost {
                what: "forecasts on full scales, in the mean",
                cpu_s: looking.map(|share| share * f64::from(self.seconds)),
            },
            Cost {
                what: "history in SQLite",
                cpu_s: writing,
            },
        ])
    }
}

/// What the running program watches, with limits that are never reached.
fn watches() -> [Watch; 6] {
    [
        Metric::ProcessMemory,
        Metric::SystemMemoryUsed,
        Metric::SystemDiskUsed,
        Metric::SystemTemperature,
        Metric::VisionDropShare,
        Metric::VisionRate,
    ]
    .map(|metric| Watch {
        metric,
        limit: 1e12,
        rising: metric != Metric::VisionRate,
    })
}

/// Share of a core that forecasts take once four days are behind them, and everything grows: nothing
/// takes more.
fn looking() -> Option<f64> {
    let mut forecaster = Forecaster::new(watches());
    let mut rng = fastrand::Rng::with_seed(2);
    let mut run = |from: u32, to: u32| {
        let before = thread_cpu_s()?;
        for at in (from..to).step_by(5) {
            let mut sample = Sample::new(f64::from(at));
            for watch in watches() {
                sample.set(watch.metric, f64::from(at) + rng.f64());
            }
            forecaster.push(&sample);
        }
        Some(thread_cpu_s()? - before)
    };
    run(0, 4 * 86_400)?;
    Some(run(4 * 86_400, 5 * 86_400)? / 86_400.0)
}
