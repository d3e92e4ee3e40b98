//! A long run on the virtual table: nothing may grow.

use std::fmt;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::manager::{Manager, Setup, ended};
use crate::system::history::trend::Trend;

/// One look at the process.
#[derive(Clone, Copy, Debug, Serialize)]
struct Look {
    at_s: f64,
    memory_bytes: f64,
    open_files: f64,
    threads: f64,
}

/// What a long run showed.
#[derive(Debug, Serialize)]
pub struct Soak {
    /// How long it ran, seconds.
    pub length_s: f64,
    /// Resident memory at the beginning and at the end, bytes: medians of a tenth of the run each, after the first.
    pub memory_bytes: (f64, f64),
    /// Growth of memory, bytes an hour, over the second half.
    pub memory_growth_bytes_h: f64,
    /// Open files at the beginning and at the end.
    pub open_files: (f64, f64),
    /// Threads at the beginning and at the end.
    pub threads: (f64, f64),
    /// Starts of the process.
    pub starts: usize,
    /// Restarts of modules.
    pub module_restarts: u64,
    /// How it ended.
    pub end: String,
    clean_end: bool,
}

/// Memory may grow by so much in an hour: less than a machine loses in a year of nights.
const GROWTH_BYTES_H: f64 = 4e6;

impl Soak {
    /// Nothing grew, nothing was restarted, and it ended in good order.
    #[must_use]
    pub fn is_flat(&self) -> bool {
        // Of a short run the slope says little: then the ends count.
        let memory =
            self.memory_growth_bytes_h < GROWTH_BYTES_H || self.memory_bytes.1 < 1.01 * self.memory_bytes.0;
        let flat = |(a, b): (f64, f64)| b <= a + 2.0;
        memory
            && flat(self.open_files)
            && flat(self.threads)
            && self.starts == 1
            && self.module_restarts == 0
            && self.clean_end
    }
}

impl fmt::Display for Soak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mb = |b: f64| b / 1e6;
        writeln!(f, "{:.0} min on the virtual table", self.length_s / 60.0)?;
        writeln!(
            f,
            "memory      {:.1} → {:.1} MB, {:+.2} MB an hour in the second half",
            mb(self.memory_bytes.0),
            mb(self.memory_bytes.1),
            mb(self.memory_growth_bytes_h)
        )?;
        writeln!(
            f,
            "open files  {:.0} → {:.0}",
            self.open_files.0, self.open_files.1
        )?;
        writeln!(f, "threads     {:.0} → {:.0}", self.threads.0, self.threads.1)?;
        writeln!(
            f,
            "restarts    {} of modules, {} of the process",
            self.module_restarts,
            self.starts - 1
        )?;
        write!(f, "end         {}", self.end)
    }
}

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Runs the trainer for `length` and looks at it all the while.
///
/// # Errors
/// When it does not start, or ends before there was anything to see.
pub fn soak(program: &Path, folder: &Path, length: Duration, tell: impl Fn(String)) -> io::Result<Soak> {
    let mut manager = Manager::start(program, folder, Setup::default())?;
    let began = Instant::now();
    let mut looks: Vec<Look> = Vec::new();
    let mut told = Instant::now();
    while began.elapsed() < length {
        manager.wait(LOOK_EVERY);
        let Some(look) = manager
            .pid()
            .and_then(|pid| look(pid, began.elapsed().as_secs_f64()))
        else {
            continue;
        };
        looks.push(look);
        if told.elapsed() >= Duration::from_secs(60) {
            told = Instant::now();
            tell(format!(
                "{:5.0} min  {:.1} MB  {} files  {} threads",
                look.at_s / 60.0,
                look.memory_bytes / 1e6,
                look.open_files,
                look.threads
            ));
        }
    }
    let module_restarts = super::measure::restarts(&manager).values().sum();
    let starts = manager.starts.len();
    let (end, clean_end) = match manager.stop() {
        Some((status, took)) => (
            format!("{} after {:.1} s", ended(status), took.as_secs_f64()),
            status.success(),
        ),
        None => ("it did not end when told to".to_owned(), false),
    };
    let few = || io::Error::other("too short a run to say anything; give it a few minutes");
    // What is built in the first tenth belongs to the start.
    let steady = looks
        .get(looks.len() / 10..)
        .filter(|l| l.len() >= 20)
        .ok_or_else(few)?;
    let tenth = steady.len() / 10;
    let ends = |of: fn(&Look) -> f64| {
        let median = |part: &[Look]| {
            let mut values: Vec<f64> = part.iter().map(of).collect();
            crate::system::rolling::quantile(&mut values, 0.5).unwrap_or_default()
        };
        let (first, last) = (steady.get(..=tenth), steady.get(steady.len() - tenth - 1..));
        (
            median(first.unwrap_or_default()),
            median(last.unwrap_or_default()),
        )
    };
    let late = steady.get(steady.len() / 2..).unwrap_or_default();
    let points: Vec<(f64, f64)> = late.iter().map(|l| (l.at_s, l.memory_bytes)).collect();
    Ok(Soak {
        length_s: began.elapsed().as_secs_f64(),
        memory_bytes: ends(|l| l.memory_bytes),
        memory_growth_bytes_h: Trend::of(&points).map_or(0.0, |t| t.slope_per_s * 3600.0),
        open_files: ends(|l| l.open_files),
        threads: ends(|l| l.threads),
        starts,
        module_restarts,
        end,
        clean_end,
    })
}

fn look(pid: u32, at_s: f64) -> Option<Look> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let figure = |key: &str| -> Option<f64> {
        let line = status.lines().find(|l| l.starts_with(key))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    Some(Look {
        at_s,
        memory_bytes: figure("VmRSS:")? * 1024.0,
        open_files: std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as f64,
        threads: figure("Threads:")?,
    })
}
