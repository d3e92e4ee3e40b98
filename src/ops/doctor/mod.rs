//! The doctor: looks whether this machine has what the trainer needs, and says what to do where not.
//!
//! What is found (`gather.rs`) and what is thought of it (`machine.rs`, `camera.rs`, `screens.rs`, `site.rs`) are
//! kept apart. What was not found out is unknown, never guessed.

mod camera;
mod gather;
mod machine;
mod port;
mod screens;
mod site;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use serde::Serialize;

use crate::config::Settings;

/// All checks together take no longer than this; one that is not done by then is unknown.
const LIMIT: Duration = Duration::from_secs(10);

/// What the doctor thinks of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Could not be found out.
    Unknown,
    /// The trainer runs, but less well than it could.
    Warning,
    /// The trainer can't do its work.
    Fault,
}

impl Verdict {
    /// The word people read.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Fault => "fault",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// What was looked at: `camera`, `disk space`.
    pub check: &'static str,
    /// What is thought of it.
    pub verdict: Verdict,
    /// What was found, on one line.
    pub says: String,
    /// What to do, on one line; none where nothing is to be done.
    pub remedy: Option<String>,
}

impl Finding {
    fn new(check: &'static str, verdict: Verdict, says: String, remedy: Option<String>) -> Self {
        // Some reasons come from elsewhere and have several lines.
        let one_line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        Self {
            check,
            verdict,
            says: one_line(says),
            remedy: remedy.map(one_line),
        }
    }

    fn ok(check: &'static str, says: impl Into<String>) -> Self {
        Self::new(check, Verdict::Ok, says.into(), None)
    }

    fn warning(check: &'static str, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(check, Verdict::Warning, says.into(), Some(remedy.into()))
    }

    fn fault(check: &'static str, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(check, Verdict::Fault, says.into(), Some(remedy.into()))
    }

    fn unknown(check: &'static str, says: impl Into<String>, remedy: Option<&str>) -> Self {
        Self::new(
            check,
            Verdict::Unknown,
            says.into(),
            remedy.map(ToOwned::to_owned),
        )
    }
}

/// What the doctor found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The trainer's version.
    pub version: &'static str,
    /// The worst of all; what is unknown counts less than a warning.
    pub verdict: Verdict,
    /// One by one.
    pub checks: Vec<Finding>,
}

impl Report {
    fn of(checks: Vec<Finding>) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            verdict: checks.iter().map(|f| f.verdict).max().unwrap_or(Verdict::Unknown),
            checks,
        }
    }

    /// How many checks came to this.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.checks.iter().filter(|f| f.verdict == verdict).count()
    }
}

/// What the checks go by.
#[derive(Clone, Debug)]
struct Site {
    /// The site file, if there is one.
    path: Option<PathBuf>,
    /// Its settings; the defaults where they can't be read.
    settings: Settings,
    /// Why they can't be read.
    problem: Option<String>,
}

/// Everything that is looked at, in the order in which it is told.
const CHECKS: [(&str, fn(&Site) -> Finding); 16] = [
    (machine::PLATFORM, |_| machine::platform(&gather::platform())),
    (machine::PROCESSOR, |_| machine::processor(&gather::processor())),
    (machine::MEMORY, |_| machine::memory(gather::memory())),
    (machine::OPEN_FILES, |_| machine::open_files(gather::open_files())),
    (machine::CLOCK, |_| machine::clock(&gather::clock())),
    (machine::SERVICE, |_| machine::service(&gather::service())),
    (site::SETTINGS, |s| site::settings(&gather::settings(s))),
    (site::STATE_FOLDER, |s| {
        site::state_folder(&gather::state_folder(s))
    }),
    (site::DISK_SPACE, |s| site::disk_space(&gather::disk_space(s))),
    (site::PORT, |s| site::port(&gather::port(s))),
    (site::FFMPEG, |s| site::ffmpeg(&gather::ffmpeg(s))),
    (camera::CAMERA, |s| camera::camera(&gather::camera(s))),
    (camera::PICTURE, |s| camera::picture(&gather::picture(s))),
    (screens::DISPLAY, |s| screens::display(&gather::display(s))),
    (screens::MONITORS, |s| screens::monitors(&gather::monitors(s))),
    (screens::GRAPHICS, |s| screens::graphics(&gather::graphics(s))),
];

/// Looks at everything, all at once, within ten seconds. `config`: the site file, where it is not
/// the usual one.
#[must_use]
pub fn examine(config: Option<PathBuf>) -> Report {
    let deadline = Instant::now() + LIMIT;
    let path = config.or_else(Settings::default_path);
    let read = path.as_deref().map(Settings::load).transpose();
    let (settings, problem) = match read {
        Ok(settings) => (settings.unwrap_or_default(), None),
        Err(error) => (Settings::default(), Some(error.to_string())),
    };
    let site = Arc::new(Site {
        path,
        settings,
        problem,
    });
    let asked: Vec<_> = CHECKS
        .into_iter()
        .map(|(name, check)| {
            let site = Arc::clone(&site);
            (name, ask(name, move || check(&site)))
        })
        .collect();
    Report::of(
        asked
            .into_iter()
            .map(|(name, answer)| answered(name, answer, deadline))
            .collect(),
    )
}

/// Has it found out on a thread of its own, which is left behind if it hangs.
fn ask(name: &str, work: impl FnOnce() -> Finding + Send + 'static) -> Option<Receiver<Finding>> {
    let (sender, receiver) = bounded(1);
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || sender.send(work()).ok())
        .ok()
        .map(|_| receiver)
}

fn answered(name: &'static str, answer: Option<Receiver<Finding>>, deadline: Instant) -> Finding {
    let Some(answer) = answer else {
        return Finding::unknown(
            name,
            "no thread can be started to find out",
            Some("close other programs"),
        );
    };
    answer.recv_deadline(deadline).unwrap_or_else(|e| {
        if e.is_timeout() {
            let seconds = LIMIT.as_secs();
            Finding::unknown(
                name,
                format!("no answer within {seconds} s"),
                Some("try again; restart the machine if it stays"),
            )
        } else {
            Finding::unknown(
                name,
                "finding out failed inside",
                Some("report this, with what stands above"),
            )
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_verdict_counts_and_unknown_is_less_than_a_warning() {
        let unknown = Finding::unknown("a", "x", None);
        let warning = Finding::warning("b", "x", "y");
        let fault = Finding::fault("c", "first\n   second", "y");
        assert_eq!(fault.says, "first second");
        let verdict = |list: &[&Finding]| Report::of(list.iter().map(|f| (*f).clone()).collect()).verdict;
        assert_eq!(verdict(&[&Finding::ok("d", "x"), &unknown]), Verdict::Unknown);
        assert_eq!(verdict(&[&warning, &unknown]), Verdict::Warning);
        assert_eq!(verdict(&[&unknown, &fault, &warning]), Verdict::Fault);
        assert_eq!(verdict(&[]), Verdict::Unknown);
    }

    #[test]
    fn a_check_that_hangs_or_fails_is_unknown_and_the_others_are_told() {
        let soon = || Instant::now() + Duration::from_millis(20);
        let hangs = ask("hangs", || {
            std::thread::sleep(Duration::from_secs(1000));
            Finding::ok("hangs", "never said")
        });
        assert!(answered("hangs", hangs, soon()).says.contains("no answer"));
        let long = Instant::now() + Duration::from_secs(60);
        let fails = ask("fails", || panic!("a bug"));
        let told = answered("fails", fails, long);
        assert_eq!((told.check, told.verdict), ("fails", Verdict::Unknown));
        let good = answered("good", ask("good", || Finding::ok("good", "yes")), long);
        assert_eq!(good, Finding::ok("good", "yes"));
    }

    #[test]
    fn a_real_examination_answers_every_question_in_order() {
        let report = examine(Some(PathBuf::from("/nowhere/site.ron")));
        let asked: Vec<_> = CHECKS.iter().map(|c| c.0).collect();
        let told: Vec<_> = report.checks.iter().map(|f| f.check).collect();
        assert_eq!(asked, told);
        for finding in &report.checks {
            assert!(
                !finding.says.is_empty() && !finding.says.contains('\n'),
                "{finding:?}"
            );
            let needs_remedy = matches!(finding.verdict, Verdict::Warning | Verdict::Fault);
            assert!(finding.remedy.is_some() || !needs_remedy, "{finding:?}");
        }
        let settings = report.checks.iter().find(|f| f.check == site::SETTINGS).unwrap();
        assert_eq!(settings.verdict, Verdict::Fault);
        assert!(settings.says.contains("/nowhere/site.ron"));
    }
}
