//! `backup`: what the trainer knows, saved and restored.

mod words;

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use words::{created, drilled, exported, json, key_shown, listed, pinned, pruned, restored};

use super::{Failure, show};
use crate::config::{Loaded, Overrides, Settings};
use crate::ops::backup::{
    BackupError, CreateOptions, Depth, Key, Kind, Part, Policy, Progress, Repository, RestoreOptions,
    Selection, Source,
};
use crate::ops::installation::Installation;

/// Saves what the trainer knows, and restores it.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    #[command(subcommand)]
    what: Command,
    /// Folder of the installation; without it the one this program belongs to, else /opt/billiards-trainer, else
    /// the settings and state folder that `run` would use.
    #[arg(long, value_name = "DIR", global = true)]
    system_dir: Option<PathBuf>,
    /// Print one JSON document on stdout and nothing else.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Save what there is now. Only what is new takes room.
    #[command(visible_alias = "backup")]
    Create(Create),
    /// Show the backups there are.
    List,
    /// Look whether all backups are whole.
    Verify(Verify),
    /// Bring back what was saved; what is there now is saved first.
    Restore(Restore),
    /// Remove the backups that are old enough.
    Prune(Prune),
    /// Keep a backup for good.
    Pin(Named),
    /// Keep a backup no longer than others.
    Unpin(Named),
    /// Restore the newest backup into a scratch folder and look at everything in it.
    Drill(DrillOf),
    /// The key without which nobody reads the backups.
    Key(KeyCommand),
    /// Write a backup into one file, to be carried to another machine. It is not encrypted.
    Export(Export),
}

#[derive(Debug, Args)]
struct Create {
    /// How much: release, configuration, state and logs; or configuration and state. `incremental` means data:
    /// every backup holds everything and takes room only for what is new.
    #[arg(long, value_enum, default_value = "data")]
    kind: Kind,
    /// Never remove it.
    #[arg(long)]
    pin: bool,
    /// A word to find it by; may be repeated.
    #[arg(long, value_name = "WORD")]
    tag: Vec<String>,
    /// Write it into this file (.tar.zst) instead of the repository. It is not encrypted.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["pin", "tag"])]
    backup_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Verify {
    /// Also read data back: `all`, a part like 1/7, or `next`, of seven parts the one whose turn it is.
    #[arg(long, value_name = "PART")]
    data: Option<Depth>,
}

#[derive(Debug, Args)]
struct Restore {
    /// Which backup: the beginning of its id.
    #[arg(default_value = "latest")]
    snapshot: String,
    /// Only this; may be repeated.
    #[arg(long, value_enum, value_name = "PART")]
    part: Vec<Part>,
    /// Logs and release, too, if they were saved.
    #[arg(long, conflicts_with_all = ["part", "file"])]
    all: bool,
    /// Only this file, by its path in the backup (state/tokens.ron) or where it lies.
    #[arg(long, value_name = "PATH", conflicts_with = "part")]
    file: Option<String>,
    /// Only say what would change.
    #[arg(long)]
    dry_run: bool,
    /// Go back to what was there before the last restore.
    #[arg(long, conflicts_with_all = ["snapshot", "part", "all", "file", "backup_file"])]
    undo: bool,
    /// Restore from this file instead of the repository.
    #[arg(long, value_name = "FILE", conflicts_with = "snapshot")]
    backup_file: Option<PathBuf>,
    /// Do not save first what is there now.
    #[arg(long)]
    without_backup: bool,
}

#[derive(Debug, Args)]
struct Prune {
    /// Only say what would be removed.
    #[arg(long)]
    dry_run: bool,
    /// Keep so many of the newest.
    #[arg(long, value_name = "N", default_value_t = Policy::default().last)]
    keep_last: u32,
    /// Keep the newest of so many hours.
    #[arg(long, value_name = "N", default_value_t = Policy::default().hourly)]
    keep_hourly: u32,
    /// Keep the newest of so many days.
    #[arg(long, value_name = "N", default_value_t = Policy::default().daily)]
    keep_daily: u32,
    /// Keep the newest of so many weeks.
    #[arg(long, value_name = "N", default_value_t = Policy::default().weekly)]
    keep_weekly: u32,
    /// Keep the newest of so many months.
    #[arg(long, value_name = "N", default_value_t = Policy::default().monthly)]
    keep_monthly: u32,
}

#[derive(Debug, Args)]
struct Named {
    /// Which backup: the beginning of its id, or `latest`.
    snapshot: String,
}

#[derive(Debug, Args)]
struct DrillOf {
    /// Which backup: the beginning of its id.
    #[arg(default_value = "latest")]
    snapshot: String,
}

#[derive(Debug, Args)]
struct KeyCommand {
    #[command(subcommand)]
    what: KeyWhat,
}

#[derive(Debug, Subcommand)]
enum KeyWhat {
    /// Show the key, to be written down and kept elsewhere.
    Show,
    /// Take a key that was written down: from standard input, or a file.
    Set {
        /// File with the key in it.
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct Export {
    /// The file to write (.tar.zst).
    file: PathBuf,
    /// Which backup: the beginning of its id.
    #[arg(default_value = "latest")]
    snapshot: String,
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        Self::failed(error.to_string())
    }
}

impl Backup {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let place = installation(self.system_dir.as_deref())?;
        // Not before it is needed: who only looks makes nothing.
        let open = || Repository::open(&place);
        let mut teller = Teller::new(self.json);
        let mut tell = |progress| teller.tell(progress);
        let text = match self.what {
            Command::Create(Create {
                kind,
                backup_file: Some(file),
                ..
            }) => exported(&open()?.create_file(kind, &file, &mut tell)?, &file, self.json)?,
            Command::Create(create) => {
                let options = CreateOptions {
                    kind: create.kind,
                    tags: create.tag,
                    pinned: create.pin,
                };
                created(&open()?.create(&options, &mut tell)?, self.json)?
            }
            Command::List => {
                let found = Repository::find(&place)?;
                let list = found.map_or_else(|| Ok(Vec::new()), |found| found.list())?;
                listed(&list, self.json)?
            }
            Command::Verify(verify) => {
                let says = open()?.verify(verify.data.unwrap_or(Depth::Structure))?;
                if self.json {
                    json(&serde_json::json!({ "whole": true, "says": says }))?
                } else {
                    format!("{says}.\n")
                }
            }
            Command::Restore(restore) => {
                let (source, options) = restore.meant();
                let source = source.as_source();
                restored(&open()?.restore(source, &options, &mut tell)?, self.json)?
            }
            Command::Prune(prune) => {
                let policy = Policy {
                    last: prune.keep_last,
                    hourly: prune.keep_hourly,
                    daily: prune.keep_daily,
                    weekly: prune.keep_weekly,
                    monthly: prune.keep_monthly,
                };
                pruned(&open()?.prune(&policy, prune.dry_run)?, self.json)?
            }
            Command::Pin(named) => pinned(&open()?.pin(&named.snapshot, true)?, self.json)?,
            Command::Unpin(named) => pinned(&open()?.pin(&named.snapshot, false)?, self.json)?,
            Command::Drill(of) => drilled(&open()?.drill(&of.snapshot, &mut tell)?, self.json)?,
            Command::Key(key) => match key.what {
                KeyWhat::Show => key_shown(&Key::of(&place)?, self.json)?,
                KeyWhat::Set { from } => {
                    open()?.set_key(&Key::parse(&key_text(from.as_deref())?)?)?;
                    if self.json {
                        json(&serde_json::json!({ "set": true }))?
                    } else {
                        "The key is set.\n".to_owned()
                    }
                }
            },
            Command::Export(export) => {
                let done = open()?.export(&export.snapshot, &export.file, &mut tell)?;
                exported(&done, &export.file, self.json)?
            }
        };
        teller.end();
        show(&text)
    }
}

/// Where to restore from, with what it is called by.
enum Origin {
    Snapshot(String),
    File(PathBuf),
    Undo,
}

impl Origin {
    fn as_source(&self) -> Source<'_> {
        match self {
            Self::Snapshot(name) => Source::Snapshot(name),
            Self::File(file) => Source::Archive(file),
            Self::Undo => Source::Undo,
        }
    }
}

impl Restore {
    fn meant(self) -> (Origin, RestoreOptions) {
        let selection = match (self.file, self.all) {
            (Some(file), _) => Some(Selection::File(file)),
            (None, true) => {
                let mut parts = Part::DATA.to_vec();
                parts.extend([Part::Logs, Part::Release]);
                Some(Selection::Parts(parts))
            }
            (None, false) => (!self.part.is_empty()).then_some(Selection::Parts(self.part)),
        };
        let options = RestoreOptions {
            selection,
            dry_run: self.dry_run,
            check_settings: true,
            save_before: !self.without_backup,
        };
        let from = match (self.undo, self.backup_file) {
            (true, _) => Origin::Undo,
            (false, Some(file)) => Origin::File(file),
            (false, None) => Origin::Snapshot(self.snapshot),
        };
        (from, options)
    }
}

/// The installation that is meant.
fn installation(system_dir: Option<&Path>) -> Result<Installation, Failure> {
    if let Some(folder) = system_dir {
        if !folder.is_dir() {
            return Err(Failure::failed(format!(
                "there is no folder {}; make it, or name another with --system-dir",
                folder.display()
            )));
        }
        return Ok(Installation::at(folder));
    }
    if let Some(place) = Installation::of_this_program() {
        return Ok(place);
    }
    if Path::new(Installation::USUAL).is_dir() {
        return Ok(Installation::at(Installation::USUAL));
    }
    let site = Settings::default_path();
    // Settings that can't be read leave the state where it usually is, so that good ones can be restored.
    let settings =
        Loaded::load(site.as_deref(), &Overrides::of_process(Vec::new())).map(|loaded| loaded.settings);
    let state = settings.unwrap_or_default().state_folder()?;
    Installation::at_home(site.as_deref(), state).ok_or_else(|| {
        Failure::failed("nobody says where the trainer is installed; name its folder with --system-dir")
    })
}

/// Says on stderr how far it is: one line that changes on a terminal, else a line for each part of the work.
struct Teller {
    quiet: bool,
    on_terminal: bool,
    doing: &'static str,
}

impl Teller {
    fn new(quiet: bool) -> Self {
        Self {
            quiet,
            on_terminal: std::io::stderr().is_terminal(),
            doing: "",
        }
    }

    fn tell(&mut self, progress: Progress) {
        if self.quiet {
            return;
        }
        let changed = self.doing != progress.doing;
        self.doing = progress.doing;
        let mut out = std::io::stderr().lock();
        // Nobody who listens no more wants to know.
        if self.on_terminal {
            let done = progress
                .done
                .map_or_else(String::new, |done| format!(" {:.0} %", done * 100.0));
            write!(out, "\r\x1b[K{} …{done}", progress.doing).ok();
            out.flush().ok();
        } else if changed {
            writeln!(out, "{} …", progress.doing).ok();
        }
    }

    fn end(&self) {
        if !self.quiet && self.on_terminal && !self.doing.is_empty() {
            write!(std::io::stderr().lock(), "\r\x1b[K").ok();
        }
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.end();
    }
}

fn key_text(from: Option<&Path>) -> Result<String, Failure> {
    // Longer than any key.
    const MOST: u64 = 4096;
    let mut text = String::new();
    let read = match from {
        Some(file) => std::fs::File::open(file).and_then(|f| f.take(MOST).read_to_string(&mut text)),
        None => {
            if std::io::stdin().is_terminal() {
                eprintln!("Type the key, then Enter and Ctrl-D:");
            }
            std::io::stdin().lock().take(MOST).read_to_string(&mut text)
        }
    };
    match read {
        Ok(_) => Ok(text),
        Err(e) => Err(Failure::failed(format!(
            "can't read the key: {e}; give it on standard input or with --from FILE"
        ))),
    }
}
