//! Does what the journal says, step by step, forward or back.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::ask::{self, Trainer};
use super::error::DeployError;
use super::incoming;
use super::journal::{self, Journal, Operation, Step};
use super::probation::{Before, Probation, Shown, Thought};
use super::releases::{self, Known};
use super::service::Service;
use super::watch::Watch;
use super::{data, files, guard, owner, tree};
use crate::ops::backup::Repository;
use crate::ops::installation::Installation;

/// How a deploy ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ended {
    /// Why it went back; none: it is done.
    pub because: Option<String>,
    /// Which release runs now.
    pub release: Option<String>,
    /// What the new release has shown.
    pub shown: Option<Shown>,
    /// Settings and state that were put back.
    pub put_back: Vec<&'static str>,
    /// What could not be done on the way back.
    pub trouble: Option<String>,
}

/// Works through a journal.
pub struct Workshop<'a> {
    place: &'a Installation,
    say: &'a mut dyn FnMut(&str),
    /// The service is not touched: it is starting right now, and waits for this. The work ends where it would be started;
    /// whoever goes on sees whether it was.
    hands_off: bool,
    ended: Ended,
    /// Where a test has it cut off: after so many writes of the journal or steps.
    #[cfg(test)]
    pub(super) cut_after: Option<u32>,
}

/// The folder where system files go.
const SYSTEM: &str = "/";

impl<'a> Workshop<'a> {
    /// One for an installation; `say` is told each step.
    pub fn new(place: &'a Installation, say: &'a mut dyn FnMut(&str)) -> Self {
        Self {
            place,
            say,
            hands_off: false,
            ended: Ended::default(),
            #[cfg(test)]
            cut_after: None,
        }
    }

    /// The service is not to be touched.
    #[must_use]
    pub const fn hands_off(mut self) -> Self {
        self.hands_off = true;
        self
    }

    /// Works to the end.
    ///
    /// # Errors
    /// When it can't go on: the journal stays, and whoever comes next goes on from there.
    pub fn work(mut self, mut journal: Journal) -> Result<Ended, DeployError> {
        guard::watch_over(self.place, &journal);
        loop {
            self.save(&journal)?;
            if self.hands_off && journal.step == Step::UndoStart {
                // Whether it does start is not known here: that it has to stays written down.
                self.ended.because = journal.because;
                self.ended.release = releases::current(self.place);
                return Ok(self.ended);
            }
            (self.say)(journal.step.words());
            self.cut()?;
            match self.perform(&mut journal) {
                Ok(()) => match journal.step.next() {
                    Some(next) => journal.step = next,
                    None => break,
                },
                Err(error) => match journal.step.way_back() {
                    Some(back) => {
                        (self.say)(&format!("failed: {error}"));
                        journal.because = Some(error.to_string());
                        journal.step = back;
                    }
                    None => {
                        return Err(DeployError::new(format!(
                            "{error} (`deploy resume` goes on from here)"
                        )));
                    }
                },
            }
            self.cut()?;
        }
        journal.close(self.place)?;
        guard::watch_no_more(self.place, &journal);
        self.ended.because = journal.because;
        self.ended.release = releases::current(self.place);
        Ok(self.ended)
    }

    #[cfg(not(test))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "tests cut it off here"
    )]
    const fn cut(&self) -> Result<(), DeployError> {
        Ok(())
    }

    #[cfg(test)]
    fn cut(&mut self) -> Result<(), DeployError> {
        match &mut self.cut_after {
            Some(0) => Err(DeployError::new("cut off")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn save(&self, journal: &Journal) -> Result<(), DeployError> {
        match journal.save(self.place) {
            // The way back is the same however often it is begun, and takes no room.
            Err(error) if !journal.step.is_undo() => Err(error),
            _ => Ok(()),
        }
    }

    fn perform(&mut self, journal: &mut Journal) -> Result<(), DeployError> {
        let place = self.place;
        match journal.step {
            Step::Backup => {
                if journal.operation != Operation::Install && !journal.no_backup {
                    journal.backup = Some(data::back_up(place, self.say)?);
                }
                Ok(())
            }
            Step::Stage => stage(place, journal),
            Step::Files => self.place_files(journal),
            Step::Stop => self.stop(journal),
            Step::Keep => data::keep(place, &journal.id),
            Step::Swap => tree::point(&place.current(), &Path::new("releases").join(&journal.to)),
            Step::Start => {
                guard::forget_starts(place)?;
                self.start(journal)
            }
            Step::Probation => self.probation(journal),
            Step::Good => {
                mark_good(place, journal)?;
                if journal.operation == Operation::Install
                    && let Err(error) = Repository::prepare(place)
                {
                    // The one at night may not make them itself.
                    (self.say)(&format!(
                        "warning: there is no key or no place for backups yet: {error}; then `billiards-trainer backup create`"
                    ));
                }
                Ok(())
            }
            Step::Prune => prune(place, journal),
            Step::UndoStop => self.stop(journal),
            Step::UndoSwap => match &journal.from {
                Some(from) => tree::point(&place.current(), &Path::new("releases").join(from)),
                None => journal::remove(&place.current()),
            },
            Step::UndoData => self.undo_data(journal),
            Step::UndoFiles => self.undo_files(journal),
            Step::UndoStart => {
                guard::forget_starts(place)?;
                if journal.was_running
                    && let Err(error) = self.start(journal)
                {
                    self.ended.trouble = Some(error.to_string());
                }
                Ok(())
            }
            Step::UndoCheck => {
                self.check_old(journal);
                Ok(())
            }
            Step::UndoStage => undo_stage(place, journal),
        }
    }

    fn start(&self, journal: &Journal) -> Result<(), DeployError> {
        if self.hands_off {
            Ok(())
        } else {
            journal.service.start()
        }
    }

    fn stop(&self, journal: &Journal) -> Result<(), DeployError> {
        if self.hands_off {
            Ok(())
        } else {
            journal.service.stop()
        }
    }

    fn place_files(&self, journal: &mut Journal) -> Result<(), DeployError> {
        let place = self.place;
        if journal.service == Service::Systemd {
            let program = releases::program(place, &journal.to);
            let list = files::of_release(&program, place, journal.nginx)?;
            files::place(place, Path::new(SYSTEM), &list)?;
            let install = journal.operation == Operation::Install;
            let timers = files::timers(place, !install)?;
            files::announce(journal.nginx, install, &timers)?;
        }
        if journal.operation == Operation::Install {
            // Now there is a user to give them to.
            owner::make_folders(place, true)?;
            owner::give(place.state())?;
        }
        Ok(())
    }

    fn undo_files(&self, journal: &Journal) -> Result<(), DeployError> {
        let place = self.place;
        if journal.service == Service::Systemd {
            let install = journal.operation == Operation::Install;
            let timers = files::timers(place, !install)?;
            files::switch_off(install, self.hands_off, &timers);
            files::put_back(place)?;
            files::announce_undone(journal.nginx);
        }
        Ok(())
    }

    fn undo_data(&mut self, journal: &Journal) -> Result<(), DeployError> {
        let place = self.place;
        if journal.keep_new_data {
            (self.say)("settings and state stay as the new release left them, as was asked for");
        } else {
            self.ended.put_back = data::put_back(place, &journal.id, journal.backup.as_deref())?;
        }
        Ok(())
    }

    fn probation(&mut self, journal: &Journal) -> Result<(), DeployError> {
        if journal.service == Service::None {
            (self.say)("nobody watches it: nothing was started");
            return Ok(());
        }
        let set = ask::settings(self.place).ok();
        let before = Before {
            old_rate_hz: journal.old_rate_hz,
            // A first release has none before it that did better, and one that is gone back to has its time behind it:
            // what this machine can't do is no reason to have nothing.
            set_rate_hz: set
                .as_ref()
                .filter(|s| s.vision.enabled && journal.operation == Operation::Upgrade)
                .map(|s| s.vision.rate_hz),
        };
        let mut watch = Watch::new(self.place, &journal.service, set.as_ref());
        let mut probation = Probation::new(journal.rules, before);
        loop {
            match probation.see(watch.look()) {
                Thought::Open => {}
                Thought::Good(shown) => {
                    self.ended.shown = Some(shown);
                    return Ok(());
                }
                Thought::Bad(why) => return Err(DeployError::new(why)),
            }
            std::thread::sleep(Duration::from_secs_f64(journal.rules.every_s));
        }
    }

    /// The old release is at work again, or it is told that it is not.
    fn check_old(&mut self, journal: &Journal) {
        if !journal.was_running
            || self.hands_off
            || journal.service == Service::None
            || self.ended.trouble.is_some()
        {
            return;
        }
        let Some(trainer) = ask::settings(self.place).ok().and_then(|s| Trainer::of(&s, None)) else {
            return;
        };
        let until = Instant::now() + Duration::from_secs_f64(journal.rules.ready_within_s);
        while let Err(why) = trainer.ready() {
            if Instant::now() > until {
                self.ended.trouble = Some(format!("the old release is not ready: {why}"));
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// What was taken in becomes a release.
fn stage(place: &Installation, journal: &Journal) -> Result<(), DeployError> {
    let folder = releases::folder(place, &journal.to);
    let from = incoming::folder(place);
    if journal.staged && !folder.exists() {
        let all = place.releases();
        std::fs::create_dir_all(&all).map_err(|e| DeployError::io("make", &all, &e))?;
        std::fs::rename(&from, &folder).map_err(|e| DeployError::io("move", &from, &e))?;
        tree::sync_folder(&all)?;
    }
    releases::check_whole(place, &journal.to)?;
    if !guardian(place).exists() {
        // Somebody has to count the starts of a first release, too. That it was found good is written down elsewhere.
        let guards = journal.from.as_ref().unwrap_or(&journal.to);
        tree::point(&guardian(place), &Path::new("../releases").join(guards))?;
    }
    Ok(())
}

fn mark_good(place: &Installation, journal: &Journal) -> Result<(), DeployError> {
    let mut known = Known::read(place)?;
    known.note_good(&journal.to);
    known.service = Some(journal.service.clone());
    known.nginx |= journal.nginx;
    known.write(place)?;
    tree::point(&guardian(place), &Path::new("../releases").join(&journal.to))?;
    guard::forget_starts(place)
}

fn prune(place: &Installation, journal: &Journal) -> Result<(), DeployError> {
    files::forget(place)?;
    data::drop_kept(place)?;
    tree::remove(&incoming::folder(place))?;
    let known = Known::read(place)?;
    let held: Vec<String> = [
        Some(journal.to.clone()),
        journal.from.clone(),
        releases::current(place),
        releases::previous(place, &known),
    ]
    .into_iter()
    .flatten()
    .collect();
    for old in releases::superfluous(&releases::all(place), &known.good, &held) {
        tree::remove(&releases::folder(place, &old))?;
    }
    tree::sync_folder(&place.releases())
}

fn undo_stage(place: &Installation, journal: &Journal) -> Result<(), DeployError> {
    data::drop_kept(place)?;
    tree::remove(&incoming::folder(place))?;
    if journal.staged && releases::current(place).as_ref() != Some(&journal.to) {
        tree::remove(&releases::folder(place, &journal.to))?;
        if std::fs::symlink_metadata(guardian(place)).is_ok() && !guardian(place).exists() {
            journal::remove(&guardian(place))?;
        }
        if place.releases().exists() {
            tree::sync_folder(&place.releases())?;
        }
    }
    if journal.operation == Operation::Install {
        journal.made.take_away()?;
    }
    Ok(())
}

/// The release whose program guards each start.
fn guardian(place: &Installation) -> PathBuf {
    place.deploy().join("good")
}
