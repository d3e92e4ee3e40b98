//! What a state folder holds, and what a program has made of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::error::DeployError;
use super::tree;

/// A state folder at one moment.
#[derive(Debug)]
pub(super) struct Kept {
    /// Lengths of all files, bytes.
    files: BTreeMap<PathBuf, u64>,
    databases: BTreeMap<PathBuf, Form>,
}

impl Kept {
    /// What a folder holds now.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn read(folder: &Path) -> Result<Self, DeployError> {
        Ok(Self {
            files: files(folder)?,
            databases: forms(folder),
        })
    }

    /// What was changed in the forms of files between this and a later moment, in words: what a program can't read it puts aside,
    /// under another name.
    ///
    /// # Errors
    /// What was lost.
    pub(super) fn against(&self, after: &Self) -> Result<Vec<String>, String> {
        let name = |path: &PathBuf| path.to_string_lossy().into_owned();
        let passing = |path: &PathBuf| {
            let name = name(path);
            name == "lock"
                || name == "running"
                || [".new", "-wal", "-shm", "-journal"]
                    .iter()
                    .any(|end| name.ends_with(end))
        };
        for path in after.files.keys().filter(|path| !self.files.contains_key(*path)) {
            let name = name(path);
            if [".newer-", ".corrupt-"].iter().any(|mark| name.contains(mark)) {
                return Err(format!(
                    "it can't read what was kept before, and put it aside as {name}"
                ));
            }
        }
        for (path, bytes) in self.files.iter().filter(|(path, _)| !passing(path)) {
            match after.files.get(path) {
                None => return Err(format!("{} was there before and is gone", name(path))),
                Some(0) if *bytes > 0 => return Err(format!("{} was emptied", name(path))),
                Some(_) => {}
            }
        }
        let mut changes = Vec::new();
        for (path, form) in &self.databases {
            let Some(now) = after.databases.get(path) else {
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
}

/// The databases in a state folder.
pub(super) fn databases(folder: &Path) -> Vec<PathBuf> {
    forms(folder).into_keys().collect()
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

/// How a database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Form {
    version: i64,
    rows: i64,
    whole: bool,
}

/// The databases in a state folder, with what can be told of each.
fn forms(folder: &Path) -> BTreeMap<PathBuf, Form> {
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

/// Copies a database that may be in use.
///
/// # Errors
/// What the database says.
pub(super) fn copy_database(from: &Path, to: &Path) -> Result<(), DeployError> {
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
    use super::super::trial::Scratch;
    use super::super::trial::tests::installation;
    use super::*;

    #[test]
    fn a_database_in_use_is_copied_whole_and_what_is_done_to_the_copy_is_seen() {
        let place = installation("kept");
        let file = place.state().join("history.sqlite");
        let live = Connection::open(&file).unwrap();
        live.execute_batch("PRAGMA journal_mode = wal; PRAGMA user_version = 1; CREATE TABLE a (b); INSERT INTO a VALUES (1), (2)").unwrap();
        std::fs::write(place.state().join("tokens.ron"), "all").unwrap();
        std::fs::write(place.state().join("lock"), "7").unwrap();
        let scratch = Scratch::of(&place, "trial").unwrap();
        let state = scratch.place().state().to_owned();
        let before = Kept::read(&state).unwrap();
        assert_eq!(
            before
                .files
                .keys()
                .map(|p| p.to_str().unwrap())
                .collect::<Vec<_>>(),
            ["history.sqlite", "tokens.ron"]
        );
        assert_eq!(
            before.databases[Path::new("history.sqlite")],
            Form {
                version: 1,
                rows: 2,
                whole: true
            }
        );
        let told = || before.against(&Kept::read(&state).unwrap());
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
        assert_eq!(databases(place.state()), [Path::new("history.sqlite")]);
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
}
