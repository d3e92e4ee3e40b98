//! A release at work on a copy of settings and state, beside the one that runs: no projector, no camera, another port.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use super::ask::Trainer;
use super::error::DeployError;
use super::{owner, tree};
use crate::ops::installation::Installation;
use crate::ops::process::{End, Ending, Program, Running};

/// How long a program may take to end when it is asked to.
const STOP_GRACE: Duration = Duration::from_secs(15);
/// Runs a program as somebody else, and only as long as this one; of util-linux, which every Linux has.
const SETPRIV: &str = "setpriv";

/// A folder with a copy of settings and state, removed when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    place: Installation,
}

impl Scratch {
    /// Makes one below the folder `deploy`, with a copy of what an installation has.
    ///
    /// # Errors
    /// What the system says.
    pub fn of(place: &Installation, name: &str) -> Result<Self, DeployError> {
        let root = place.deploy().join(name);
        tree::remove(&root)?;
        let scratch = Self {
            place: Installation::at(&root),
        };
        std::fs::create_dir_all(&root).map_err(|e| DeployError::io("make", &root, &e))?;
        tree::copy(place.config(), scratch.place.config())?;
        tree::copy(place.state(), scratch.place.state())?;
        // A database that is being written to is copied by its own means; its files one by one would not fit together.
        for (path, _) in databases(place.state()) {
            let copy = scratch.place.state().join(&path);
            copy_database(&place.state().join(&path), &copy)?;
        }
        // The marks of the one that runs say nothing here.
        for mark in ["lock", "running"] {
            tree::remove(&scratch.place.state().join(mark))?;
        }
        owner::give(&root)?;
        Ok(scratch)
    }

    /// It, laid out as an installation.
    #[must_use]
    pub const fn place(&self) -> &Installation {
        &self.place
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(tree::remove(self.place.root()));
    }
}

/// A program as it is run to be tried: as the service's user where there is one, and with nothing of this process's
/// surroundings.
#[must_use]
pub fn tame(program: &Path, home: &Path, arguments: impl IntoIterator<Item = OsString>) -> Program {
    // It goes with this process, however that ends.
    let mut words: Vec<OsString> = vec![SETPRIV.into(), "--pdeathsig=KILL".into()];
    if let Some((user, group)) = owner::service_user() {
        words.extend([
            format!("--reuid={user}").into(),
            format!("--regid={group}").into(),
        ]);
        words.extend(["--init-groups".into(), "--no-new-privs".into()]);
    }
    words.extend(["env".into(), "-i".into(), "-C".into(), home.into()]);
    for name in ["PATH", "LANG", "LD_LIBRARY_PATH"] {
        if let Some(value) = std::env::var_os(name) {
            let mut word = OsString::from(format!("{name}="));
            word.push(value);
            words.push(word);
        }
    }
    let mut word = OsString::from("HOME=");
    word.push(home);
    words.push(word);
    words.push(program.into());
    words.extend(arguments);
    let mut words = words.into_iter();
    let first = words.next().unwrap_or_default();
    Program::new(first.to_string_lossy()).args(words)
}

/// A program that runs beside the trainer.
pub struct Beside {
    /// How to ask it.
    pub trainer: Trainer,
    running: Running,
}

impl Beside {
    /// Starts it on a scratch folder, looking at `source`, with settings of its own.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(
        program: &Path,
        scratch: &Installation,
        source: &str,
        set: &[String],
    ) -> Result<Self, DeployError> {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
        let port = free
            .map_err(|e| DeployError::new(format!("no port is free on this machine: {e}")))?
            .port();
        let mut arguments: Vec<OsString> = vec!["run".into(), "--headless".into()];
        if scratch.site_file().is_file() {
            arguments.extend(["--config".into(), scratch.site_file().into()]);
        }
        let state = scratch.state().to_owned().into_os_string();
        arguments.extend([
            "--state-folder".into(),
            state,
            "--host".into(),
            "127.0.0.1".into(),
        ]);
        arguments.extend([
            "--port".into(),
            port.to_string().into(),
            "--source".into(),
            source.into(),
        ]);
        arguments.extend(["--no-projector".into(), "--no-recovery".into()]);
        // It must be seen here by whoever asks, and tell nobody else.
        for set in [
            "alerts.webhooks=[]",
            "api.require_token=false",
            "api.tls_certificate=",
            "api.tls_key=",
            "recording.folder=",
        ] {
            arguments.extend(["--set".into(), set.into()]);
        }
        for set in set {
            arguments.extend(["--set".into(), set.into()]);
        }
        let mut running = tame(program, scratch.root(), arguments)
            .niceness(5)
            .start()
            .map_err(|e| DeployError::new(e.to_string()))?;
        if let Some(mut output) = running.take_output() {
            // Nobody reads it, but somebody has to.
            drop(
                std::thread::Builder::new()
                    .name("trial-out".to_owned())
                    .spawn(move || std::io::copy(&mut output, &mut std::io::sink())),
            );
        }
        Ok(Self {
            trainer: Trainer::at(&format!("http://127.0.0.1:{port}"), None),
            running,
        })
    }

    /// Waits until it has been ready `looks` times in a row.
    ///
    /// # Errors
    /// Why it was not.
    pub fn wait_ready(&mut self, limit: Duration, looks: u32) -> Result<Duration, String> {
        let started = Instant::now();
        let mut ready = 0;
        loop {
            if let Some(ending) = self.running.ended() {
                return Err(format!("it {}", ended(ending)));
            }
            let why = match self.trainer.ready() {
                Ok(()) => {
                    ready += 1;
                    if ready >= looks {
                        return Ok(started.elapsed());
                    }
                    String::new()
                }
                Err(why) => {
                    ready = 0;
                    why
                }
            };
            if started.elapsed() > limit {
                return Err(format!(
                    "it was not ready within {:.0} s: {why}",
                    limit.as_secs_f64()
                ));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// It still runs; else how it ended.
    ///
    /// # Errors
    /// How it ended.
    pub fn lives(&mut self) -> Result<(), String> {
        self.running
            .ended()
            .map_or(Ok(()), |ending| Err(format!("it {}", ended(ending))))
    }

    /// Asks it to end.
    ///
    /// # Errors
    /// When it does not end well.
    pub fn stop(mut self) -> Result<(), String> {
        match self.running.stop(STOP_GRACE) {
            Some(ending) if ending.is_good() => Ok(()),
            Some(ending) => Err(format!("asked to end, it {}", ended(&ending))),
            None => Err("asked to end, it did not".to_owned()),
        }
    }
}

/// How it ended, as a part of a sentence.
pub(super) fn ended(ending: &Ending) -> String {
    match ending.end {
        End::Signal(_) => format!("was {ending}"),
        _ => ending.to_string(),
    }
}

/// Tries a program on a copy of settings and state. Gives what it changed in the forms of its files, in words.
///
/// # Errors
/// Why it may not take over.
pub fn try_out(program: &Path, scratch: &Scratch, limit: Duration) -> Result<Vec<String>, String> {
    let words = |e: DeployError| e.to_string();
    let state = scratch.place.state();
    let before = files(state).map_err(words)?;
    let forms = databases(state);
    let mut beside = Beside::start(program, &scratch.place, "virtual", &[]).map_err(words)?;
    beside.wait_ready(limit, 3)?;
    beside.stop()?;
    let after = files(state).map_err(words)?;
    compared(&before, &after, &forms, &databases(state))
}

/// Names and lengths of all files below a folder.
fn files(folder: &Path) -> Result<BTreeMap<PathBuf, u64>, DeployError> {
    fn into(root: &Path, below: &Path, all: &mut BTreeMap<PathBuf, u64>) -> std::io::Result<()> {
        for entry in std::fs::read_dir(root.join(below))?.flatten() {
            let (meta, shown) = (entry.metadata()?, below.join(entry.file_name()));
            if meta.is_dir() {
                into(root, &shown, all)?;
            } else {
                all.insert(shown, meta.len());
            }
        }
        Ok(())
    }
    let mut all = BTreeMap::new();
    into(folder, Path::new(""), &mut all).map_err(|e| DeployError::io("read", folder, &e))?;
    Ok(all)
}

/// What came of a state folder: what a program can't read it puts aside, under another name.
fn compared(
    before: &BTreeMap<PathBuf, u64>,
    after: &BTreeMap<PathBuf, u64>,
    forms: &BTreeMap<PathBuf, Form>,
    forms_after: &BTreeMap<PathBuf, Form>,
) -> Result<Vec<String>, String> {
    let name = |path: &PathBuf| path.to_string_lossy().into_owned();
    let passing = |path: &PathBuf| {
        let name = name(path);
        name == "lock"
            || name == "running"
            || [".new", "-wal", "-shm", "-journal"]
                .iter()
                .any(|end| name.ends_with(end))
    };
    for path in after.keys().filter(|path| !before.contains_key(*path)) {
        let name = name(path);
        if [".newer-", ".corrupt-"].iter().any(|mark| name.contains(mark)) {
            return Err(format!(
                "it can't read what was kept before, and put it aside as {name}"
            ));
        }
    }
    for (path, bytes) in before.iter().filter(|(path, _)| !passing(path)) {
        match after.get(path) {
            None => return Err(format!("{} was there before and is gone", name(path))),
            Some(0) if *bytes > 0 => return Err(format!("{} was emptied", name(path))),
            Some(_) => {}
        }
    }
    let mut changes = Vec::new();
    for (path, form) in forms {
        let Some(now) = forms_after.get(path) else {
            return Err(format!("{} is no database any more", name(path)));
        };
        if !now.whole && form.whole {
            return Err(format!("{} was damaged", name(path)));
        }
        if now.version < form.version {
            return Err(format!(
                "{} went back from form {} to {}",
                name(path),
                form.version,
                now.version
            ));
        }
        // What is too old is deleted by every release; that is never most of it.
        if now.rows < form.rows / 2 {
            return Err(format!(
                "{} had {} rows and has {}",
                name(path),
                form.rows,
                now.rows
            ));
        }
        if now.version > form.version {
            changes.push(format!(
                "{} goes from form {} to {}",
                name(path),
                form.version,
                now.version
            ));
        }
    }
    Ok(changes)
}

/// How a database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Form {
    version: i64,
    rows: i64,
    whole: bool,
}

/// The databases in a state folder, with what can be told of each.
fn databases(folder: &Path) -> BTreeMap<PathBuf, Form> {
    use std::io::Read as _;
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| {
            // What a link leads to is not the trainer's, whatever it is.
            if !entry.file_type().is_ok_and(|kind| kind.is_file()) {
                return false;
            }
            let mut head = [0; 16];
            let read = std::fs::File::open(entry.path()).and_then(|mut f| f.read_exact(&mut head));
            read.is_ok() && head == *b"SQLite format 3\0"
        })
        .map(|entry| {
            let form = form(&entry.path()).unwrap_or(Form {
                version: 0,
                rows: 0,
                whole: false,
            });
            (PathBuf::from(entry.file_name()), form)
        })
        .collect()
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}

fn form(path: &Path) -> rusqlite::Result<Form> {
    let connection = open(path)?;
    let check: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    let tables: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut rows = 0;
    for table in tables {
        let table = table.replace('"', "\"\"");
        rows += connection.query_row(&format!("SELECT count(*) FROM \"{table}\""), [], |row| {
            row.get::<_, i64>(0)
        })?;
    }
    Ok(Form {
        version: connection.pragma_query_value(None, "user_version", |row| row.get(0))?,
        rows,
        whole: check == "ok",
    })
}

fn copy_database(from: &Path, to: &Path) -> Result<(), DeployError> {
    for beside in ["", "-wal", "-shm"] {
        let mut name = to.as_os_str().to_owned();
        name.push(beside);
        tree::remove(Path::new(&name))?;
    }
    let copied = open(from).and_then(|from| {
        let mut new = Connection::open(to)?;
        rusqlite::backup::Backup::new(&from, &mut new)?.run_to_completion(1000, Duration::ZERO, None)
    });
    copied.map_err(|e| {
        DeployError::new(format!(
            "can't copy {}: {e}; `billiards-trainer backup verify` tells more",
            from.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installation(name: &str) -> Installation {
        let root = std::env::temp_dir().join(format!("billiards-trial-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&root));
        let place = Installation::at(root);
        std::fs::create_dir_all(place.config()).unwrap();
        std::fs::create_dir_all(place.state()).unwrap();
        place
    }

    #[test]
    fn a_database_in_use_is_copied_whole_and_what_is_done_to_the_copy_is_seen() {
        let place = installation("copy");
        let file = place.state().join("history.sqlite");
        let live = Connection::open(&file).unwrap();
        live.execute_batch("PRAGMA journal_mode = wal; PRAGMA user_version = 1; CREATE TABLE a (b); INSERT INTO a VALUES (1), (2)").unwrap();
        std::fs::write(place.state().join("tokens.ron"), "all").unwrap();
        std::fs::write(place.state().join("lock"), "7").unwrap();
        let scratch = Scratch::of(&place, "trial").unwrap();
        let state = scratch.place().state().to_owned();
        let (before, forms) = (files(&state).unwrap(), databases(&state));
        assert_eq!(
            before.keys().map(|p| p.to_str().unwrap()).collect::<Vec<_>>(),
            ["history.sqlite", "tokens.ron"]
        );
        assert_eq!(
            forms[Path::new("history.sqlite")],
            Form {
                version: 1,
                rows: 2,
                whole: true
            }
        );
        let told = || compared(&before, &files(&state).unwrap(), &forms, &databases(&state));
        assert_eq!(told(), Ok(vec![]));
        let sql = |text: &str| {
            Connection::open(state.join("history.sqlite"))
                .unwrap()
                .execute_batch(text)
                .unwrap()
        };
        sql("PRAGMA user_version = 2; INSERT INTO a VALUES (3)");
        assert_eq!(told().unwrap(), ["history.sqlite goes from form 1 to 2"]);
        sql("PRAGMA user_version = 0");
        assert!(told().unwrap_err().contains("went back"));
        sql("PRAGMA user_version = 1; DELETE FROM a");
        assert!(told().unwrap_err().contains("had 2 rows and has 0"));
        sql("INSERT INTO a VALUES (1), (2)");
        std::fs::write(state.join("tokens.ron"), "").unwrap();
        assert!(told().unwrap_err().contains("emptied"));
        std::fs::remove_file(state.join("tokens.ron")).unwrap();
        assert!(told().unwrap_err().contains("gone"));
        std::fs::write(state.join("tokens.ron"), "all").unwrap();
        std::fs::write(state.join("history.sqlite.newer-5"), "").unwrap();
        assert!(told().unwrap_err().contains("put it aside"));
        std::fs::remove_file(state.join("history.sqlite.newer-5")).unwrap();
        std::fs::write(state.join("history.sqlite"), "SQLite format 3\0 and no more").unwrap();
        assert!(told().unwrap_err().contains("damaged"));
        // A link is no database of this state, whatever it leads to.
        let other = place.root().join("other.sqlite");
        Connection::open(&other)
            .unwrap()
            .execute_batch("CREATE TABLE secret (x)")
            .unwrap();
        std::os::unix::fs::symlink(&other, place.state().join("linked.sqlite")).unwrap();
        assert_eq!(
            databases(place.state()).into_keys().collect::<Vec<_>>(),
            [Path::new("history.sqlite")]
        );
        let root = scratch.place().root().to_owned();
        drop(scratch);
        assert!(!root.exists());
        // The one in use never noticed.
        assert_eq!(
            live.query_row("SELECT count(*) FROM a", [], |r| r.get::<_, i64>(0))
                .unwrap(),
            2
        );
        std::fs::remove_dir_all(place.root()).unwrap();
    }

    #[test]
    fn a_program_that_does_not_come_up_is_told_with_its_last_words() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = installation("words");
        let program = place.root().join("program");
        std::fs::write(
            &program,
            "#!/bin/sh\necho \"no such setting in $HOME\" >&2\nexit 78\n",
        )
        .unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let scratch = Scratch::of(&place, "trial").unwrap();
        let told = try_out(&program, &scratch, Duration::from_secs(30)).unwrap_err();
        assert!(
            told.contains("code 78: no such setting in") && told.contains("deploy/trial"),
            "{told}"
        );
        drop(scratch);
        std::fs::remove_dir_all(place.root()).unwrap();
    }
}
