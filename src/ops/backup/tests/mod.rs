//! Backups of real folders with the real restic (package restic).

mod cut;
mod faults;
mod planted;
mod policy;
mod whole;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::*;
use crate::ops::installation::Installation;

/// What no backup has.
const NEVER_SAVED: [&str; 3] = [
    "state/recordings/long.bin",
    "state/running",
    "state/.site.ron.999999999-1.new",
];

/// Keeps nothing but the newest.
const LAST_ONLY: Policy = Policy {
    last: 1,
    hourly: 0,
    daily: 0,
    weekly: 0,
    monthly: 0,
};

/// An installation in a scratch folder, with something of everything in it.
struct Bench {
    root: PathBuf,
    place: Installation,
}

impl Bench {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("billiards-backup-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&root));
        let bench = Self {
            place: Installation::at(&root),
            root,
        };
        bench.write("config/site.ron", "(api: (port: 9000))");
        bench.write("config/tls/key.pem", "private");
        bench.write("state/calibration/table.ron", "calibration");
        bench.write("state/tokens.ron", "tokens");
        bench.write("state/drills-1.ron", "drills");
        bench.write("state/recordings/long.bin", &"r".repeat(5000));
        bench.write("state/running", "");
        bench.write("state/.site.ron.999999999-1.new", "half");
        bench.write("logs/a.log", "log");
        bench.write("releases/0.1.0/billiards-trainer", "program");
        std::os::unix::fs::symlink("releases/0.1.0", bench.root.join("current")).unwrap();
        let tokens = bench.root.join("state/tokens.ron");
        std::fs::set_permissions(tokens, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let history = rusqlite::Connection::open(bench.root.join("state/history.sqlite")).unwrap();
        history
            .execute_batch(
                "PRAGMA journal_mode=wal; CREATE TABLE second (t INTEGER PRIMARY KEY, v BLOB NOT NULL);",
            )
            .unwrap();
        bench.add_history(1);
        bench
    }

    fn add_history(&self, t: i64) {
        let history = rusqlite::Connection::open(self.root.join("state/history.sqlite")).unwrap();
        history
            .execute("INSERT INTO second VALUES (?1, zeroblob(100))", [t])
            .unwrap();
    }

    fn history(&self) -> Vec<i64> {
        let history = rusqlite::Connection::open(self.root.join("state/history.sqlite")).unwrap();
        let mut rows = history.prepare("SELECT t FROM second ORDER BY t").unwrap();
        rows.query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root.join(path)).unwrap_or_else(|e| format!("<{e}>"))
    }

    fn open(&self) -> Repository {
        Repository::open(&self.place).unwrap()
    }

    fn create(&self) -> SnapshotInfo {
        self.open()
            .create(&CreateOptions::default(), &mut |_| {})
            .unwrap()
    }

    fn restore(&self, options: &RestoreOptions) -> Result<Restored, BackupError> {
        self.open()
            .restore(Source::Snapshot("latest"), options, &mut |_| {})
    }

    /// Hashes of everything live, by path, but for locks.
    fn live(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for area in ["config", "state", "logs", "releases"] {
            for found in tree::all_below(&self.root.join(area)).unwrap() {
                if found.metadata.is_file() && !found.name.ends_with("lock") {
                    let bytes = std::fs::read(&found.path).unwrap();
                    let hash = blake3::hash(&bytes).to_hex()[..8].to_string();
                    all.insert(format!("{area}/{}", found.name), hash);
                }
            }
        }
        all
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.root));
    }
}

fn parts(parts: &[Part]) -> RestoreOptions {
    RestoreOptions {
        selection: Some(Selection::Parts(parts.to_vec())),
        ..RestoreOptions::default()
    }
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let found = tree::all_below(folder).unwrap();
    found
        .into_iter()
        .filter(|f| f.metadata.is_file())
        .map(|f| f.path)
        .collect()
}
