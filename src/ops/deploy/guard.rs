//! What stands by when nobody does: a release that nobody has found good yet gets three starts, and a deploy that was cut
//! off is gone on with.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::DeployError;
use super::journal::{self, Journal, Step};
use super::lock::DeployLock;
use super::releases;
use super::service::{Service, systemctl};
use super::workshop::Workshop;
use crate::ops::backup::Repository;
use crate::ops::installation::Installation;
use crate::ops::process::Program;

/// Starts that a release gets to be found good.
pub const STARTS: u32 = 3;
/// The unit that goes on with what was cut off.
const WATCHER: &str = "billiards-trainer-deploy-resume";
/// It looks this often.
const EVERY: &str = "2min";
const LIMIT: Duration = Duration::from_secs(20);

/// How often a release was started that nobody has found good yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Starts {
    release: String,
    starts: u32,
}

fn file(place: &Installation) -> PathBuf {
    place.deploy().join("starts.ron")
}

/// Starts count from none again.
///
/// # Errors
/// When that can't be written.
pub fn forget_starts(place: &Installation) -> Result<(), DeployError> {
    journal::remove(&file(place))
}

/// To be called before each start of the service. Says what was done, if anything.
///
/// # Errors
/// When it can't do what it should; the start may go on all the same.
pub fn boot_guard(place: &Installation, say: &mut dyn FnMut(&str)) -> Result<Option<String>, DeployError> {
    if DeployLock::is_held(place) {
        // Whoever holds it sees to all of this.
        return Ok(None);
    }
    // A restore that was cut off comes first: nothing is to start on half of one.
    if Repository::finish_restore(place).map_err(|e| DeployError::new(e.to_string()))? {
        say("a restore that was cut off was finished");
    }
    let Some(mut journal) = Journal::pending(place)? else {
        forget_starts(place)?;
        return Ok(None);
    };
    let Ok(_lock) = DeployLock::take(place) else {
        return Ok(None);
    };
    let on = journal.step.after_a_kill();
    let runs_new = releases::current(place).as_deref() == Some(journal.to.as_str());
    if !on.is_undo() && runs_new && on != Step::Good && on != Step::Prune {
        let mut count = journal::read::<Starts>(&file(place))?.unwrap_or_default();
        if count.release != journal.to {
            count = Starts {
                release: journal.to.clone(),
                starts: 0,
            };
        }
        if count.starts < STARTS {
            count.starts += 1;
            journal::write(&file(place), &count)?;
            watch_over(place, &journal);
            return Ok(Some(format!(
                "start {} of {STARTS} of release {}, which nobody has found good yet",
                count.starts, journal.to
            )));
        }
        journal.because = Some(format!("it was not found good within {STARTS} starts"));
        journal.step = Step::UndoStop;
    } else if matches!(on, Step::UndoStart | Step::UndoCheck | Step::UndoStage) {
        // All is as it was; what is left is to see whether it starts.
        watch_over(place, &journal);
        return Ok(None);
    } else if on.is_undo() {
        // Links, settings and state must be whole before anything starts on them.
        journal.step = on;
        journal.because.get_or_insert_with(|| "it was cut off".to_owned());
    } else {
        watch_over(place, &journal);
        return Ok(None);
    }
    let because = journal.because.clone().unwrap_or_default();
    let to = journal.to.clone();
    let ended = Workshop::new(place, say).hands_off().work(journal)?;
    let runs = ended.release.unwrap_or_else(|| "none".to_owned());
    Ok(Some(format!(
        "release {to} was taken back ({because}); release {runs} starts"
    )))
}

/// Has systemd look every two minutes whether a deploy was cut off.
pub(super) fn watch_over(place: &Installation, journal: &Journal) {
    if journal.service != Service::Systemd {
        return;
    }
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    let told = Program::new("systemd-run")
        .args([
            "--collect",
            "--quiet",
            "--unit",
            WATCHER,
            "--on-active",
            EVERY,
            "--on-unit-inactive",
            EVERY,
        ])
        .args([program.as_os_str()])
        .args(["deploy", "resume"])
        .args([place.root()])
        .run(LIMIT);
    // One that is there already does the same.
    if let Err(error) = told {
        tracing::debug!("nobody watches over the deploy: {error}");
    }
}

/// It has ended.
pub(super) fn watch_no_more(_: &Installation, journal: &Journal) {
    if journal.service == Service::Systemd {
        // The timer only: the service may be this very process.
        drop(systemctl(&["stop", &format!("{WATCHER}.timer")], LIMIT));
    }
}
