//! `evaluate replay`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use crate::cli::{Failure, balls_from, table_named};
use crate::table::TableSpec;
use crate::virtual_table::{Options, SceneName, VirtualTable};
use crate::vision::eyes::{Eyes, Opener};
use crate::vision::recording::replay::{Replayed, printed, replay};
use crate::vision::recording::{Header, Limits, Reader, Recorder};
use crate::vision::source::FrameSource;
use crate::vision::track::{TableState, Tracker};

/// Plays a recording through eyes and tracker, twice, and shows whether both gave the same, bit for bit.
///
/// Without a file it first records a break of the virtual table, live, and compares what was tracked live with what is
/// tracked again from the disk.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// A recording (`run --record DIR`).
    file: Option<PathBuf>,
    /// How long to record, where no file is given, seconds.
    #[arg(long, default_value_t = 8.0, value_name = "SECONDS")]
    seconds: f64,
    /// Table model instead of the one the recording names.
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// Colours of the house's own balls, a file that `calibrate balls` made.
    #[arg(long, value_name = "FILE")]
    balls: Option<PathBuf>,
    /// Print one JSON document on stdout and nothing else.
    #[arg(long)]
    json: bool,
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
struct Outcome {
    file: String,
    pictures: usize,
    length_s: f64,
    bytes: u64,
    closed_well: bool,
    damaged: usize,
    first_damage: Option<String>,
    states: usize,
    /// Print of all states, first and second time.
    prints: [String; 2],
    pictures_per_s: f64,
    /// States tracked live, while it was recorded.
    live: Option<Live>,
}

#[derive(Debug, Serialize)]
struct Live {
    states: usize,
    /// Pictures the disk was too slow for.
    not_recorded: u64,
    print: String,
    /// Of as many states, so many are equal in every bit, times included.
    equal: usize,
}

impl Outcome {
    fn is_exact(&self) -> bool {
        let live = self.live.as_ref().is_none_or(|live| {
            live.equal == self.states && live.states == self.states && live.not_recorded == 0
        });
        self.states > 0 && self.prints[0] == self.prints[1] && live
    }
}

impl Replay {
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        let table = table_named(self.table.as_deref())?;
        let balls = balls_from(self.balls.as_deref(), table.as_ref())?;
        let scratch = std::env::temp_dir().join(format!("billiards-replay-{}", std::process::id()));
        let outcome = match &self.file {
            Some(file) => {
                let mut reader = Reader::open(file).map_err(|e| Failure::failed(e.to_string()))?;
                let table = match table {
                    Some(table) => table,
                    None => table_named(Some(&reader.header().table))?.unwrap_or_else(TableSpec::pool_9ft),
                };
                play(&mut reader, file, &table, balls.as_ref(), None)
            }
            None => record_and_play(&scratch, self.seconds.clamp(1.0, 600.0)),
        };
        drop(std::fs::remove_dir_all(&scratch));
        let outcome = outcome.map_err(Failure::failed)?;
        let mut out = std::io::stdout();
        let text = if self.json {
            serde_json::to_string_pretty(&outcome).map_err(|e| Failure::failed(e.to_string()))?
        } else {
            in_words(&outcome)
        };
        // Nobody reads a closed pipe.
        let _ = writeln!(out, "{text}");
        if outcome.is_exact() {
            Ok(())
        } else {
            Err(Failure::failed("the replay did not give the same again"))
        }
    }
}

/// What was tracked live.
struct Tracked {
    base: Instant,
    states: Vec<TableState>,
    not_recorded: u64,
}

/// The first picture is there by then, or never.
const START_LIMIT: Duration = Duration::from_secs(60);

fn record_and_play(folder: &Path, seconds: f64) -> Result<Outcome, String> {
    let options = Options {
        size: crate::units::ImageSize::new(1280, 720),
        ..Options::new(SceneName::Break)
    };
    let table = options.table.clone();
    let header = Header {
        source: "virtual:break".to_owned(),
        table: table.name.to_string(),
        ..Header::default()
    };
    let recorder = Recorder::start(folder, header, Limits::gigabytes(50.0))?;
    let (path, status) = (recorder.path().to_owned(), Arc::clone(recorder.status()));
    let base = recorder.base_cell();
    let opener: Opener = Box::new(move || {
        let table = VirtualTable::new(&options);
        table
            .map(|t| Box::new(t) as Box<dyn FrameSource>)
            .map_err(|e| crate::vision::source::SourceError::Failed(e.to_string()))
    });
    let eyes = Eyes::start(
        "virtual:break",
        opener,
        Some(table.clone()),
        None,
        Arc::new(|| ()),
        Some(recorder),
        Arc::default(),
        Arc::default(),
    );
    let eyes = eyes.map_err(|e| e.to_string())?;
    let mut tracker = Tracker::new(&table);
    let mut states = Vec::new();
    let (length, latest) = (Duration::from_secs_f64(seconds), Instant::now() + START_LIMIT);
    while Instant::now() < base.get().map_or(latest, |first| *first + length) {
        std::thread::sleep(Duration::from_millis(2));
        states.extend(
            eyes.take()
                .filter_map(|analysed| tracker.update(&analysed.observation)),
        );
    }
    let results = eyes.stop();
    states.extend(results.filter_map(|analysed| tracker.update(&analysed.observation)));
    let base = base.get().copied().ok_or("no picture came")?;
    let live = Tracked {
        base,
        states,
        not_recorded: status.left_out.load(std::sync::atomic::Ordering::Relaxed),
    };
    let mut reader = Reader::open(&path).map_err(|e| e.to_string())?;
    play(&mut reader, &path, &table, None, Some(&live))
}

fn play(
    reader: &mut Reader,
    file: &Path,
    table: &TableSpec,
    balls: Option<&crate::vision::house_set::HouseSet>,
    live: Option<&Tracked>,
) -> Result<Outcome, String> {
    let base = live.map_or_else(Instant::now, |live| live.base);
    let mut again = live.map(|live| live.states.iter());
    let mut equal = 0;
    let start = Instant::now();
    let mut compare = |state: &TableState| {
        let then = again.as_mut().and_then(Iterator::next);
        // As text: floats are written so that other bits are another text.
        equal += usize::from(then.is_some_and(|then| format!("{then:?}") == format!("{state:?}")));
    };
    let first = replay(reader, base, table, balls, &mut compare).map_err(|e| e.to_string())?;
    let took_s = start.elapsed().as_secs_f64();
    let second = replay(reader, base, table, balls, |_| ()).map_err(|e| e.to_string())?;
    let print = |replayed: &Replayed| format!("{:016x}", replayed.print);
    Ok(Outcome {
        file: file.display().to_string(),
        pictures: first.pictures,
        length_s: reader.duration().as_secs_f64(),
        bytes: reader.file_bytes(),
        closed_well: reader.closed_well(),
        damaged: first.damaged,
        first_damage: first.first_damage.clone(),
        states: first.states,
        prints: [print(&first), print(&second)],
        pictures_per_s: first.pictures as f64 / took_s.max(1e-9),
        live: live.map(|live| Live {
            states: live.states.len(),
            not_recorded: live.not_recorded,
            print: format!(
                "{:016x}",
                live.states.iter().fold(Replayed::default().print, printed)
            ),
            equal,
        }),
    })
}

fn in_words(outcome: &Outcome) -> String {
    let mut lines = vec![format!(
        "{}: {} pictures in {:.1} s, {:.1} MB{}",
        outcome.file,
        outcome.pictures,
        outcome.length_s,
        outcome.bytes as f64 / 1e6,
        if outcome.closed_well {
            ""
        } else {
            ", cut or damaged: its index was made anew"
        }
    )];
    if let Some(damage) = &outcome.first_damage {
        lines.push(format!(
            "{} damaged pictures were left out; the first: {damage}",
            outcome.damaged
        ));
    }
    if let Some(live) = &outcome.live {
        lines.push(format!(
            "live     {} states, print {}, {} pictures not recorded",
            live.states, live.print, live.not_recorded
        ));
        lines.push(format!(
            "live = replay in {} of {} states, bit for bit",
            live.equal, outcome.states
        ));
    }
    let [first, second] = &outcome.prints;
    lines.push(format!(
        "replay   {} states, print {first}; again {second}: {}; {:.0} pictures/s",
        outcome.states,
        if first == second { "equal" } else { "NOT EQUAL" },
        outcome.pictures_per_s
    ));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_tracked_live_is_tracked_again_bit_for_bit() {
        let folder = std::env::temp_dir().join(format!("billiards-replay-test-{}", std::process::id()));
        let outcome = record_and_play(&folder, 2.5);
        std::fs::remove_dir_all(&folder).unwrap();
        let outcome = outcome.unwrap();
        assert!(
            outcome.is_exact() && outcome.states > 10 && outcome.closed_well,
            "{outcome:?}"
        );
        let live = outcome.live.unwrap();
        assert_eq!(live.print, outcome.prints[0]);
    }
}
