//! One camera, two releases: the new one looks at the pictures of the one that runs, and both are compared.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use super::ask::{self, Trainer};
use super::checks;
use super::commands;
use super::error::DeployError;
use super::incoming::Incoming;
use super::outcome::Told;
use super::trial::{Beside, Scratch};
use crate::ops::installation::Installation;

/// So often the running trainer is asked whether it is at work.
const LOOKS: u32 = 20;
/// Time between two comparisons.
const EVERY: Duration = Duration::from_millis(500);
/// Pictures a second that the running trainer gives away; both see fewer than the camera gives.
const STREAM_HZ: f64 = 6.0;
/// Both must see the same balls in so many of the looks at which nothing moved.
const AGREE: f64 = 0.9;
/// Part of the pictures it gets that it must look at.
const RATE: f64 = 0.9;
/// Fewer looks say nothing.
const FEWEST_LOOKS: u32 = 10;

/// What came of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Compared {
    /// Looks at which both saw a table on which nothing moved.
    pub looks: u32,
    /// Those at which they saw the same balls.
    pub agreed: u32,
    /// Pictures a second the new one looked at, on the average.
    pub rate_hz: Option<f64>,
    /// Pictures a second it got.
    pub source_rate_hz: Option<f64>,
    /// Looks at which the new one was not ready.
    pub not_ready: u32,
    /// Requests it answered with a server error.
    pub server_errors: u64,
    /// Why it may not take over; empty: it may.
    pub against: Vec<String>,
}

/// Runs a release beside the trainer for a time, on the pictures that trainer gives away, or on others.
///
/// # Errors
/// When it can't be compared at all.
pub fn shadow(
    place: &Installation,
    file: &Path,
    source: Option<&str>,
    time: Duration,
    spare_bytes: u64,
    unsigned: bool,
    tell: &mut dyn FnMut(Told),
) -> Result<Compared, DeployError> {
    // It works where every deploy works.
    let _lock = commands::lock_existing(place)?;
    commands::settle(place, tell)?;
    let settings = ask::settings(place).map_err(|e| DeployError::new(e.to_string()))?;
    let incoming = Incoming::take(file, place, spare_bytes)?;
    let compared = (|| {
        // Nobody runs a program of which nobody knows where it comes from, not even beside another.
        let origin = checks::origin(&incoming, settings.environment, unsigned)?;
        for finding in &origin {
            tell(Told::Check(finding));
        }
        checks::passed(&origin)?;
        let running = Trainer::of(&settings, None).filter(is_at_work).ok_or_else(|| {
            DeployError::new(
                "no trainer is at work there to be compared with; start it, or use `deploy upgrade`",
            )
        })?;
        let scratch = Scratch::of(place, "trial")?;
        let stream = format!(
            "{}/api/v1/stream.mjpeg?fps={STREAM_HZ:.0}&quality=high",
            running.base()
        );
        // It is to be measured by what it gets.
        let set = if source.is_none() {
            vec![format!("vision.rate_hz={STREAM_HZ}")]
        } else {
            Vec::new()
        };
        let source = source.unwrap_or(&stream);
        let mut beside = Beside::start(&incoming.program, scratch.place(), source, &set)?;
        tell(Told::Step(&format!("the release looks at {source}")));
        let mut compared = Compared::default();
        match beside.wait_ready(commands::TRIAL_LIMIT, 3) {
            Err(why) => compared.against.push(why),
            Ok(after) => {
                tell(Told::Step(&format!(
                    "ready after {:.1} s; comparing for {:.0} s",
                    after.as_secs_f64(),
                    time.as_secs_f64()
                )));
                watch(&running, &mut beside, time, &mut compared);
                if let Err(why) = beside.stop() {
                    compared.against.push(why);
                }
            }
        }
        compared.judge();
        Ok(compared)
    })();
    super::tree::remove(&super::incoming::folder(place))?;
    compared
}

/// It is ready, or is within a few looks: one that has much to do misses one now and then.
fn is_at_work(trainer: &Trainer) -> bool {
    (0..LOOKS).any(|look| {
        if look > 0 {
            std::thread::sleep(EVERY);
        }
        trainer.ready().is_ok()
    })
}

fn watch(running: &Trainer, beside: &mut Beside, time: Duration, compared: &mut Compared) {
    let started = Instant::now();
    let mut rates = Vec::new();
    let mut sources = Vec::new();
    let number = |status: &Value, path: &str| status.pointer(path).and_then(Value::as_f64);
    let first = beside
        .trainer
        .json("/api/v1/status")
        .as_ref()
        .and_then(errors)
        .unwrap_or(0);
    while started.elapsed() < time {
        if let Err(why) = beside.lives() {
            compared.against.push(why);
            return;
        }
        compared.not_ready += u32::from(beside.trainer.ready().is_err());
        let tables = [running, &beside.trainer].map(|t| t.json("/api/v1/table").as_ref().and_then(balls));
        if let [Some(theirs), Some(ours)] = tables {
            compared.looks += 1;
            compared.agreed += u32::from(theirs == ours);
        }
        if let Some(status) = beside.trainer.json("/api/v1/status") {
            rates.extend(number(&status, "/metrics/vision_rate_hz"));
            sources.extend(number(&status, "/metrics/source_rate_hz"));
            compared.server_errors = errors(&status).unwrap_or(0).saturating_sub(first);
        }
        std::thread::sleep(EVERY);
    }
    let mean =
        |values: &[f64]| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    (compared.rate_hz, compared.source_rate_hz) = (mean(&rates), mean(&sources));
}

fn errors(status: &Value) -> Option<u64> {
    status.pointer("/api/server_errors")?.as_u64()
}

/// How many balls of each group lie on a table; none where nothing is known, or something moves.
fn balls(table: &Value) -> Option<BTreeMap<String, u32>> {
    if !table.get("known")?.as_bool()?
        || table.get("stale")?.as_bool()?
        || !table.get("at_rest")?.as_bool()?
    {
        return None;
    }
    let mut groups = BTreeMap::new();
    for ball in table.get("balls")?.as_array()? {
        *groups.entry(ball.get("group")?.as_str()?.to_owned()).or_insert(0) += 1;
    }
    Some(groups)
}

impl Compared {
    fn judge(&mut self) {
        if !self.against.is_empty() {
            return;
        }
        let mut against = Vec::new();
        let share = f64::from(self.agreed) / f64::from(self.looks.max(1));
        if self.looks < FEWEST_LOOKS {
            against.push(format!(
                "both saw a table at rest only {} times: compare for longer (--for)",
                self.looks
            ));
        } else if share < AGREE {
            against.push(format!(
                "it saw the same balls in {:.0} of 100 looks only",
                share * 100.0
            ));
        }
        match (self.rate_hz, self.source_rate_hz) {
            (Some(rate), Some(source)) if rate < source * RATE => {
                against.push(format!(
                    "it looked at {rate:.1} of the {source:.1} pictures a second it got"
                ));
            }
            (None, _) => against.push("it did not say how many pictures it looked at".to_owned()),
            _ => {}
        }
        if self.not_ready > 0 {
            against.push(format!("it was not ready {} times", self.not_ready));
        }
        if self.server_errors > 0 {
            against.push(format!(
                "it answered {} requests with a server error",
                self.server_errors
            ));
        }
        self.against = against;
    }

    /// It may take over.
    #[must_use]
    pub fn may_take_over(&self) -> bool {
        self.against.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_is_compared_during_a_deploy_or_of_which_nobody_knows_where_it_comes_from() {
        let root = std::env::temp_dir().join(format!("billiards-shadow-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&root));
        let place = Installation::at(&root);
        std::fs::create_dir_all(place.config()).unwrap();
        std::fs::create_dir_all(place.state()).unwrap();
        let site = "(environment: production, api: (port: 9))";
        std::fs::write(place.site_file(), site).unwrap();
        let file = std::env::current_exe().unwrap();
        let compare = |file: &Path, unsigned| {
            let time = Duration::from_secs(1);
            shadow(&place, file, None, time, 0, unsigned, &mut |_| {}).unwrap_err()
        };
        let held = super::super::lock::DeployLock::take(&place).unwrap();
        assert!(compare(&file, true).busy);
        drop(held);
        let told = compare(&file, false).to_string();
        assert!(
            told.starts_with("signature: it is not signed") && told.contains("--unsigned"),
            "{told}"
        );
        let told = compare(&place.site_file(), true).to_string();
        assert!(told.starts_with("machine: "), "{told}");
        // Nobody listens at that port: that is the next thing.
        let told = compare(&file, true).to_string();
        assert!(told.starts_with("no trainer is at work"), "{told}");
        assert!(!super::super::incoming::folder(&place).exists());
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn balls_are_compared_while_nothing_moves() {
        let table = |rest: bool, stale: bool| json!({ "known": true, "stale": stale, "at_rest": rest, "balls": [{"group": "cue"}, {"group": "solid"}, {"group": "solid"}] });
        let groups = balls(&table(true, false)).unwrap();
        assert_eq!((groups["cue"], groups["solid"]), (1, 2));
        assert_eq!(balls(&table(false, false)), None);
        assert_eq!(balls(&table(true, true)), None);
        assert_eq!(
            balls(&json!({ "known": false, "stale": false, "at_rest": null, "balls": [] })),
            None
        );
    }

    #[test]
    fn who_sees_less_or_other_things_may_not_take_over() {
        let good = Compared {
            looks: 40,
            agreed: 38,
            rate_hz: Some(9.8),
            source_rate_hz: Some(10.0),
            ..Compared::default()
        };
        let judged = |compared: &Compared| {
            let mut compared = compared.clone();
            compared.judge();
            compared.against.join(", ")
        };
        assert_eq!(judged(&good), "");
        for (worse, words) in [
            (
                Compared {
                    looks: 3,
                    agreed: 3,
                    ..good.clone()
                },
                "only 3 times",
            ),
            (
                Compared {
                    agreed: 30,
                    ..good.clone()
                },
                "same balls in 75",
            ),
            (
                Compared {
                    rate_hz: Some(5.0),
                    ..good.clone()
                },
                "5.0 of the 10.0",
            ),
            (
                Compared {
                    rate_hz: None,
                    ..good.clone()
                },
                "did not say",
            ),
            (
                Compared {
                    not_ready: 1,
                    ..good.clone()
                },
                "not ready 1",
            ),
            (
                Compared {
                    server_errors: 2,
                    ..good.clone()
                },
                "2 requests",
            ),
            (
                Compared {
                    against: vec!["it ended".to_owned()],
                    ..good.clone()
                },
                "it ended",
            ),
        ] {
            assert!(judged(&worse).contains(words), "{}", judged(&worse));
        }
    }
}
