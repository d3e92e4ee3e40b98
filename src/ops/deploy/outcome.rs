//! How a deploy is to be done, and what came of it.

use serde::Serialize;

use super::checks::Allowed;
use super::journal::Journal;
use super::probation::{Rules, Shown};
use super::service::Service;
use super::workshop::Ended;
use crate::ops::doctor::Finding;

/// How a deploy is to be done.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// What an operator allows.
    pub allowed: Allowed,
    /// Who starts and stops the program; none: as it was at the install.
    pub service: Option<Service>,
    /// What the release has to show.
    pub rules: Rules,
    /// No backup into the repository.
    pub no_backup: bool,
    /// On the way back settings and state stay as the new release left them.
    pub keep_new_data: bool,
    /// Room that is to be left on the disk, bytes.
    pub spare_bytes: u64,
}

/// What is told while it is done.
#[derive(Debug)]
pub enum Told<'a> {
    /// Something was looked at.
    Check(&'a Finding),
    /// A step begins, or something of it.
    Step(&'a str),
}

/// Whoever is told.
pub(super) type Tell<'a> = &'a mut dyn FnMut(Told);

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// `install`, `upgrade`, `rollback`.
    pub operation: &'static str,
    /// It is done; else the old release runs.
    pub done: bool,
    /// The release that was to run.
    pub to: String,
    /// The release that ran before.
    pub from: Option<String>,
    /// The release that `current` leads to now.
    pub release: Option<String>,
    /// Why it is not done.
    pub because: Option<String>,
    /// What could not be done on the way back.
    pub trouble: Option<String>,
    /// Settings and state that were put back.
    pub put_back: Vec<&'static str>,
    /// The backup that was made.
    pub backup: Option<String>,
    /// What the release has shown.
    pub shown: Option<Shown>,
    /// What was looked at before.
    pub checks: Vec<Finding>,
}

impl Outcome {
    pub(super) fn of(journal: &Journal, ended: Ended, checks: Vec<Finding>) -> Self {
        Self {
            operation: journal.operation.name(),
            done: ended.because.is_none(),
            to: journal.to.clone(),
            from: journal.from.clone(),
            release: ended.release,
            because: ended.because,
            trouble: ended.trouble,
            put_back: ended.put_back,
            backup: journal.backup.clone(),
            shown: ended.shown,
            checks,
        }
    }

    /// On one line.
    #[must_use]
    pub fn words(&self) -> String {
        if self.done {
            return format!("release {} is in place", self.to);
        }
        let because = self.because.as_deref().unwrap_or("it failed");
        let runs = match (&self.release, self.from.is_some()) {
            (Some(release), _) => format!("release {release} is back in place"),
            (None, _) => "nothing is installed, as before".to_owned(),
        };
        let data = match self.put_back.as_slice() {
            [] => String::new(),
            parts => format!(
                ", {} as before (what the new one left is in deploy/aside)",
                parts.join(" and ")
            ),
        };
        let trouble = self
            .trouble
            .as_ref()
            .map(|t| format!("; BUT {t}"))
            .unwrap_or_default();
        format!(
            "release {} was taken back: {because}; {runs}{data}{trouble}",
            self.to
        )
    }
}
