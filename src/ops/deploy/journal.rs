//! What a deploy is doing, on the disk before it is done: whoever comes after a kill or a power cut goes on from there.

use std::io::ErrorKind;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::error::DeployError;
use super::probation::Rules;
use super::service::Service;
use crate::config::write_durably;
use crate::ops::installation::Installation;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// The first release of an installation.
    Install,
    /// Another release in place of the one that runs.
    Upgrade,
    /// A release that was there before.
    Rollback,
}

impl Operation {
    /// In a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Upgrade => "upgrade",
            Self::Rollback => "rollback",
        }
    }
}

/// One step. Each can be done again where it was cut off: done twice is done once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A backup into the repository.
    Backup,
    /// The release into its folder.
    Stage,
    /// Units and other files of the system.
    Files,
    /// The service stops.
    Stop,
    /// Settings and state are copied as they are now, to be put back.
    Keep,
    /// `current` leads to the new release.
    Swap,
    /// The service starts.
    Start,
    /// The new release shows what it can.
    Probation,
    /// It is found good.
    Good,
    /// What is too old is removed.
    Prune,
    /// Undo: the service stops.
    UndoStop,
    /// Undo: `current` leads to the old release.
    UndoSwap,
    /// Undo: settings and state as they were.
    UndoData,
    /// Undo: units and other files as they were.
    UndoFiles,
    /// Undo: the service starts, if it ran.
    UndoStart,
    /// Undo: the old release is ready again.
    UndoCheck,
    /// Undo: what was staged is removed.
    UndoStage,
}

impl Step {
    /// Forward, in order.
    pub const FORWARD: [Self; 10] = [
        Self::Backup,
        Self::Stage,
        Self::Files,
        Self::Stop,
        Self::Keep,
        Self::Swap,
        Self::Start,
        Self::Probation,
        Self::Good,
        Self::Prune,
    ];
    /// Back, in order.
    pub const BACK: [Self; 7] = [
        Self::UndoStop,
        Self::UndoSwap,
        Self::UndoData,
        Self::UndoFiles,
        Self::UndoStart,
        Self::UndoCheck,
        Self::UndoStage,
    ];

    /// The step after this one; none after the last of its way.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        let after = |steps: &[Self]| {
            let at = steps.iter().position(|s| *s == self)?;
            steps.get(at + 1).copied()
        };
        after(&Self::FORWARD).or_else(|| after(&Self::BACK))
    }

    /// It leads back.
    #[must_use]
    pub fn is_undo(self) -> bool {
        Self::BACK.contains(&self)
    }

    /// Where the way back begins when this step fails; none where it must be done, for the release is good or this is
    /// the way back already.
    #[must_use]
    pub const fn way_back(self) -> Option<Self> {
        match self {
            Self::Backup | Self::Stage => Some(Self::UndoStage),
            Self::Files | Self::Stop | Self::Keep => Some(Self::UndoFiles),
            Self::Swap | Self::Start | Self::Probation => Some(Self::UndoStop),
            _ => None,
        }
    }

    /// Where to go on when it was cut off here. What has not reached the table yet is taken back; what has goes on.
    #[must_use]
    pub const fn after_a_kill(self) -> Self {
        match self {
            // Watched from its start, not from the middle.
            Self::Probation => Self::Start,
            Self::Swap | Self::Start => self,
            _ => match self.way_back() {
                Some(back) => back,
                None => self,
            },
        }
    }

    /// In words, as something that is being done.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Backup => "backing up",
            Self::Stage => "placing the release",
            Self::Files => "placing units",
            Self::Stop => "stopping the service",
            Self::Keep => "keeping settings and state",
            Self::Swap => "switching over",
            Self::Start => "starting the service",
            Self::Probation => "watching the new release",
            Self::Good => "marking the release as good",
            Self::Prune => "removing what is too old",
            Self::UndoStop => "undo: stopping the service",
            Self::UndoSwap => "undo: switching back",
            Self::UndoData => "undo: putting settings and state back",
            Self::UndoFiles => "undo: putting units back",
            Self::UndoStart => "undo: starting the service",
            Self::UndoCheck => "undo: waiting for the old release",
            Self::UndoStage => "undo: removing what was placed",
        }
    }
}

/// A deploy under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    /// Tells it from others: when it began and by which process.
    pub id: String,
    /// What was asked for.
    pub operation: Operation,
    /// The release that ran before.
    pub from: Option<String>,
    /// The release that is to run.
    pub to: String,
    /// What is being done; it may be done, half done, or not begun.
    pub step: Step,
    /// Why it goes back.
    #[serde(default)]
    pub because: Option<String>,
    /// The service ran before.
    pub was_running: bool,
    /// Who starts and stops the program.
    pub service: Service,
    /// The release folder is new with this deploy, and goes with it.
    pub staged: bool,
    /// No backup into the repository.
    pub no_backup: bool,
    /// The backup that was made.
    #[serde(default)]
    pub backup: Option<String>,
    /// On the way back settings and state stay as the new release left them.
    pub keep_new_data: bool,
    /// Files of nginx are placed, too.
    pub nginx: bool,
    /// What the new release has to show.
    pub rules: Rules,
    /// Pictures a second the old release looked at.
    #[serde(default)]
    pub old_rate_hz: Option<f64>,
    /// What an install made and takes with it when it fails.
    #[serde(default)]
    pub made: Made,
}

/// What an install made. It goes again where it is as it was made: a folder with nothing in it, a file with the same text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Made {
    /// Folders, in the order in which they were made.
    pub folders: Vec<PathBuf>,
    /// Files, each with its hash.
    pub files: Vec<(PathBuf, String)>,
}

impl Made {
    /// Takes it away again: weeks may have passed, and what came into it since is somebody's.
    ///
    /// # Errors
    /// What the system says.
    pub fn take_away(&self) -> Result<(), DeployError> {
        for (file, hash) in &self.files {
            if super::tree::file_digest(file).is_ok_and(|now| now.to_hex().as_str() == hash) {
                remove(file)?;
            }
        }
        for folder in self.folders.iter().rev() {
            match std::fs::remove_dir(folder) {
                Err(error)
                    if !matches!(
                        error.kind(),
                        ErrorKind::DirectoryNotEmpty | ErrorKind::NotFound | ErrorKind::NotADirectory
                    ) =>
                {
                    return Err(DeployError::io("remove", folder, &error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The name of the journal in the folder `deploy`.
const NAME: &str = "journal.ron";
/// The last that ended, for `status`.
const LAST: &str = "last.ron";

impl Journal {
    /// The deploy that has not ended, if there is one.
    ///
    /// # Errors
    /// When it is there and can't be read.
    pub fn pending(place: &Installation) -> Result<Option<Self>, DeployError> {
        read(&place.deploy().join(NAME))
    }

    /// Writes down what is being done.
    ///
    /// # Errors
    /// When it can't be written; then it must not be done.
    pub fn save(&self, place: &Installation) -> Result<(), DeployError> {
        write(&place.deploy().join(NAME), self)
    }

    /// It has ended: nothing is under way.
    ///
    /// # Errors
    /// When that can't be written down.
    pub fn close(&self, place: &Installation) -> Result<(), DeployError> {
        write(&place.deploy().join(LAST), self)?;
        remove(&place.deploy().join(NAME))
    }

    /// The last that ended.
    #[must_use]
    pub fn last(place: &Installation) -> Option<Self> {
        read(&place.deploy().join(LAST)).ok().flatten()
    }
}

/// Reads a small file of RON; none where there is none.
pub(super) fn read<T: serde::de::DeserializeOwned>(path: &std::path::Path) -> Result<Option<T>, DeployError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(DeployError::io("read", path, &error)),
    };
    ron::from_str(&text).map(Some).map_err(|error| {
        DeployError::new(format!(
            "{} can't be understood ({error}); it was written by another version of the program, or is damaged: move it \
             away after a look with `deploy verify`",
            path.display()
        ))
    })
}

/// Writes a small file of RON.
pub(super) fn write<T: Serialize>(path: &std::path::Path, value: &T) -> Result<(), DeployError> {
    let text = ron::ser::to_string_pretty(value, ron::ser::PrettyConfig::default()).map_err(|error| {
        DeployError::new(format!(
            "{} can't be put in words: {error}; report this",
            path.display()
        ))
    })?;
    write_durably(path, text.as_bytes()).map_err(|error| DeployError::io("write", path, &error))
}

/// Removes a file for good; one that is not there is removed already.
pub(super) fn remove(path: &std::path::Path) -> Result<(), DeployError> {
    match std::fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(DeployError::io("remove", path, &error)),
    }
    match path.parent() {
        Some(folder) => super::tree::sync_folder(folder),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_leads_to_an_end_and_every_cut_to_a_way_that_ends() {
        let end = |mut step: Step| {
            for _ in 0..20 {
                match step.next() {
                    Some(next) => step = next,
                    None => return step,
                }
            }
            unreachable!("{step:?} goes round")
        };
        for step in Step::FORWARD {
            assert_eq!(end(step), Step::Prune);
            let on = step.after_a_kill();
            // Before the table is reached the old one runs on; after that the new one gets its chance.
            let reached = !matches!(
                step,
                Step::Backup | Step::Stage | Step::Files | Step::Stop | Step::Keep
            );
            assert_eq!(on.is_undo(), !reached, "{step:?}");
            // Only a release that was found good can't be taken back any more.
            assert_eq!(
                step.way_back().is_none(),
                matches!(step, Step::Good | Step::Prune),
                "{step:?}"
            );
        }
        for step in Step::BACK {
            assert_eq!(
                (end(step), step.after_a_kill(), step.way_back()),
                (Step::UndoStage, step, None)
            );
        }
        // Data are put back wherever a new release may have run, and nowhere else.
        let puts_back = |from: Step| {
            Step::BACK
                .iter()
                .skip_while(|s| **s != from)
                .any(|s| *s == Step::UndoData)
        };
        for step in Step::FORWARD {
            let Some(back) = step.way_back() else { continue };
            let may_have_run = matches!(step, Step::Swap | Step::Start | Step::Probation);
            assert_eq!(puts_back(back), may_have_run, "{step:?}");
        }
    }
}
