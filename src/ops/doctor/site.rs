//! What to think of what belongs to the trainer: settings, folders, its port, its helper.

use std::path::PathBuf;

use super::Finding;
use crate::ops::devices::Holders;
use crate::ops::helpers::{DiskSpace, bytes_in_words};

pub(super) const SETTINGS: &str = "settings";
pub(super) const STATE_FOLDER: &str = "state folder";
pub(super) const DISK_SPACE: &str = "disk space";
pub(super) const PORT: &str = "port";
pub(super) const FFMPEG: &str = "ffmpeg";

/// The settings as they were read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SettingsFacts {
    pub path: Option<PathBuf>,
    /// What is wrong with them, or with what they lead to.
    pub problem: Option<String>,
    /// `table pool-9ft, source auto`
    pub summary: String,
}

pub(super) fn settings(facts: &SettingsFacts) -> Finding {
    let place = facts.path.as_ref().map(|p| p.display().to_string());
    match (&facts.problem, place) {
        (Some(problem), place) => {
            let place = place.filter(|p| !problem.contains(p));
            let place = place.map(|p| format!("{p}: ")).unwrap_or_default();
            let remedy = "correct that; config/default.ron shows every setting and what it may be";
            Finding::fault(SETTINGS, format!("{place}{problem}"), remedy)
        }
        (None, Some(place)) => Finding::ok(SETTINGS, format!("{place}: {}", facts.summary)),
        (None, None) => Finding::ok(
            SETTINGS,
            format!("no site file, so the defaults: {}", facts.summary),
        ),
    }
}

/// The folder of what the program keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StateFolder {
    /// Nobody says where it is.
    Nowhere,
    /// A file was written for good, read again and deleted.
    Works { folder: PathBuf, is_new: bool },
    /// It was not.
    Fails {
        folder: PathBuf,
        reason: String,
        read_only: bool,
    },
}

pub(super) fn state_folder(facts: &StateFolder) -> Finding {
    match facts {
        StateFolder::Nowhere => Finding::fault(
            STATE_FOLDER,
            "nowhere: neither $STATE_DIRECTORY, $XDG_STATE_HOME nor $HOME is set",
            "set HOME, or start the trainer as a service",
        ),
        StateFolder::Works { folder, is_new } => {
            let new = if *is_new {
                " (is made at the first start)"
            } else {
                ""
            };
            Finding::ok(STATE_FOLDER, format!("{} can be written{new}", folder.display()))
        }
        StateFolder::Fails {
            folder,
            reason,
            read_only,
        } => {
            let folder = folder.display();
            let remedy = if *read_only {
                "the disk is read-only: look for its errors (sudo dmesg | tail), then sudo mount -o remount,rw".to_owned()
            } else {
                format!(
                    "give it to the user who runs the trainer: sudo chown -R USER {folder}; or free the disk"
                )
            };
            Finding::fault(
                STATE_FOLDER,
                format!("{folder} can't be written: {reason}"),
                remedy,
            )
        }
    }
}

/// History, recordings and backups grow: below this there is no room for them.
const DISK_LEAST_BYTES: u64 = 200_000_000;
const DISK_GOOD_BYTES: u64 = 2_000_000_000;
/// A disk with fewer files left is full, whatever room it has.
const FILES_LEAST: u64 = 1000;

/// Of the disk with the state folder; else why it is not known.
pub(super) fn disk_space(facts: &Result<DiskSpace, String>) -> Finding {
    let space = match facts {
        Ok(space) => space,
        Err(why) => return Finding::unknown(DISK_SPACE, why.clone(), None),
    };
    if space.total_bytes == 0 {
        return Finding::unknown(DISK_SPACE, "where the state folder is to be is no disk", None);
    }
    let free = bytes_in_words(space.free_bytes);
    let says = format!(
        "{free} free of {} where the state folder is",
        bytes_in_words(space.total_bytes)
    );
    let remedy = "delete what is not needed; `du -xh / | sort -h | tail` shows what is large";
    if space.read_only {
        return Finding::fault(
            DISK_SPACE,
            format!("{says}, but read-only"),
            "look for the disk's errors (sudo dmesg | tail); an old disk or memory card needs to be replaced",
        );
    }
    if space.free_bytes < DISK_LEAST_BYTES {
        return Finding::fault(DISK_SPACE, says, remedy);
    }
    if let Some(files) = space.free_files.filter(|n| *n < FILES_LEAST) {
        return Finding::fault(
            DISK_SPACE,
            format!("{says}, but room for {files} more files only"),
            remedy,
        );
    }
    if space.free_bytes < DISK_GOOD_BYTES {
        return Finding::warning(DISK_SPACE, says, remedy);
    }
    Finding::ok(DISK_SPACE, says)
}

/// The address the API listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PortFacts {
    /// `127.0.0.1:8000`
    pub address: String,
    pub state: PortState,
}

/// What was found there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PortState {
    /// The API is switched off.
    Off,
    /// Any free port is taken.
    Any,
    /// Nobody listens.
    Free,
    /// The trainer does.
    Trainer { version: String, live: bool },
    /// Somebody else does.
    Taken(Holders),
    /// Nobody may, or the address is not of this machine.
    Impossible(String),
}

pub(super) fn port(facts: &PortFacts) -> Finding {
    let address = &facts.address;
    match &facts.state {
        PortState::Off => Finding::ok(PORT, "not needed: the API is switched off (api.enabled)"),
        PortState::Any => Finding::ok(PORT, "any free one is taken (api.port is 0)"),
        PortState::Free => Finding::ok(PORT, format!("{address} is free")),
        PortState::Trainer { version, live: true } => Finding::ok(
            PORT,
            format!("{address}: the trainer is already running (version {version}); open http://{address}/"),
        ),
        PortState::Trainer { version, live: false } => Finding::fault(
            PORT,
            format!("{address}: the trainer runs (version {version}) but its main loop hangs"),
            "restart it: sudo systemctl restart billiards-trainer",
        ),
        PortState::Taken(holders) => {
            let who = holders.in_words().unwrap_or_else(|| "another program".to_owned());
            let (_, number) = address.rsplit_once(':').unwrap_or(("", address));
            Finding::fault(
                PORT,
                format!("{address} is taken by {who}"),
                format!(
                    "stop that program (sudo ss -tlnp 'sport = {number}' shows it), or choose another api.port"
                ),
            )
        }
        PortState::Impossible(why) => Finding::fault(
            PORT,
            format!("{address} can't be listened on: {why}"),
            "set api.host to 127.0.0.1, 0.0.0.0 or an address of this machine, and api.port above 1023",
        ),
    }
}

/// The decoder of videos and network cameras.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FfmpegFacts {
    /// Its version; else what is wrong with it.
    pub version: Result<String, String>,
    /// The source in the settings needs it.
    pub needed: bool,
}

pub(super) fn ffmpeg(facts: &FfmpegFacts) -> Finding {
    let remedy = "sudo apt install ffmpeg";
    match &facts.version {
        Ok(version) => Finding::ok(FFMPEG, format!("version {version}")),
        Err(why) if facts.needed => Finding::fault(FFMPEG, format!("{why}; the source needs it"), remedy),
        Err(why) => Finding::warning(
            FFMPEG,
            format!("{why}; only videos and network cameras need it"),
            remedy,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict::{Fault, Ok as Good, Unknown, Warning};
    use super::*;
    use crate::ops::devices::Holder;

    #[test]
    fn settings_that_are_wrong_name_their_file_once() {
        let facts = |path: Option<&str>, problem: Option<&str>| SettingsFacts {
            path: path.map(PathBuf::from),
            problem: problem.map(ToOwned::to_owned),
            summary: "table pool-9ft, source auto".to_owned(),
        };
        let wrong = settings(&facts(Some("site.ron"), Some("setting `table` is wrong")));
        assert_eq!(
            (wrong.verdict, wrong.says.as_str()),
            (Fault, "site.ron: setting `table` is wrong")
        );
        let placed = settings(&facts(Some("site.ron"), Some("site.ron:3:1: unexpected")));
        assert_eq!(placed.says, "site.ron:3:1: unexpected");
        assert_eq!(settings(&facts(Some("site.ron"), None)).verdict, Good);
        assert!(settings(&facts(None, None)).says.contains("defaults"));
    }

    #[test]
    fn folders_and_disks() {
        let fails = |read_only| {
            let folder = PathBuf::from("/var/lib/x");
            state_folder(&StateFolder::Fails {
                folder,
                reason: "no".to_owned(),
                read_only,
            })
        };
        assert_eq!(fails(false).verdict, Fault);
        assert!(fails(true).remedy.unwrap().contains("read-only"));
        assert_eq!(state_folder(&StateFolder::Nowhere).verdict, Fault);
        let works = StateFolder::Works {
            folder: PathBuf::from("/x"),
            is_new: true,
        };
        assert_eq!(state_folder(&works).verdict, Good);

        let disk = |free_bytes, free_files, read_only| {
            let total_bytes = 100_000_000_000;
            disk_space(&Ok(DiskSpace {
                free_bytes,
                total_bytes,
                free_files,
                read_only,
            }))
            .verdict
        };
        assert_eq!(disk(50_000_000_000, Some(1_000_000), false), Good);
        assert_eq!(disk(50_000_000_000, None, false), Good);
        assert_eq!(disk(1_000_000_000, None, false), Warning);
        assert_eq!(disk(100_000_000, None, false), Fault);
        assert_eq!(disk(50_000_000_000, Some(3), false), Fault);
        assert_eq!(disk(50_000_000_000, None, true), Fault);
        let none = DiskSpace {
            free_bytes: 0,
            total_bytes: 0,
            free_files: None,
            read_only: false,
        };
        assert_eq!(disk_space(&Ok(none)).verdict, Unknown);
        assert_eq!(disk_space(&Err("no".to_owned())).verdict, Unknown);
    }

    #[test]
    fn ports() {
        let told = |state| {
            let address = "127.0.0.1:8000".to_owned();
            port(&PortFacts { address, state })
        };
        let trainer = |live| PortState::Trainer {
            version: "0.1.0".to_owned(),
            live,
        };
        for state in [PortState::Off, PortState::Any, PortState::Free, trainer(true)] {
            assert_eq!(told(state.clone()).verdict, Good, "{state:?}");
        }
        assert!(told(trainer(true)).says.contains("already running"));
        assert_eq!(told(trainer(false)).verdict, Fault);
        let nginx = Holders {
            found: vec![Holder {
                pid: 7,
                program: "nginx".to_owned(),
            }],
            all_seen: false,
        };
        let taken = told(PortState::Taken(nginx));
        assert_eq!(taken.says, "127.0.0.1:8000 is taken by nginx (pid 7)");
        assert!(taken.remedy.unwrap().contains("sport = 8000"));
        let taken = told(PortState::Taken(Holders::default()));
        assert!(taken.verdict == Fault && taken.says.contains("another program"));
        assert_eq!(told(PortState::Impossible("denied".to_owned())).verdict, Fault);
    }

    #[test]
    fn ffmpeg_matters_where_the_source_needs_it() {
        let missing = Err("ffmpeg is not installed".to_owned());
        let told = |version: &Result<String, String>, needed| {
            ffmpeg(&FfmpegFacts {
                version: version.clone(),
                needed,
            })
            .verdict
        };
        assert_eq!((told(&missing, true), told(&missing, false)), (Fault, Warning));
        assert_eq!(told(&Ok("5.1".to_owned()), true), Good);
    }
}
