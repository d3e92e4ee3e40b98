//! `evaluate vision --speed`: how long each step takes on one core.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cli::Failure;
use crate::units::ImageSize;
use crate::virtual_table::{Options, Pace, SceneName, VirtualTable};
use crate::vision::analyse::Analyser;
use crate::vision::evaluate::quantile;
use crate::vision::frame::{Frame, PixelFormat};
use crate::vision::source::FrameSource as _;

const SIZES: [(&str, ImageSize); 3] = [
    ("720p", ImageSize::new(1280, 720)),
    ("1080p", ImageSize::new(1920, 1080)),
    ("4K", ImageSize::new(3840, 2160)),
];
const FORMATS: [(&str, PixelFormat); 3] = [
    ("YUYV", PixelFormat::Yuyv),
    ("NV12", PixelFormat::Nv12),
    ("RGB", PixelFormat::Rgb8),
];
/// Different pictures looked at in turn, and how often all of them.
const PICTURES: usize = 12;
const ROUNDS: usize = 10;
/// From frame to frame of a camera at 30 Hz.
const FRAME_TIME: Duration = Duration::from_micros(33_333);

/// Looks at pictures of practice (eight balls, a player with a cue) and of a full rack, in every
/// size and format; with `pictures` also writes them there as PNG, for other programs to be
/// measured on.
pub(super) fn measure(as_json: bool, pictures: Option<&Path>) -> Result<String, Failure> {
    let mut rows = Vec::new();
    for (size_name, size) in SIZES {
        eprintln!("drawing {PICTURES} pictures at {size_name}");
        let drawn = draw(size)?;
        if let Some(folder) = pictures {
            write(&drawn, folder, size_name)?;
        }
        for (format_name, format) in FORMATS {
            rows.push((size_name, format_name, times(&drawn, format)?));
        }
    }
    Ok(if as_json {
        let row = |(size, format, times): &(&str, &str, Steps)| json!({ "picture": size, "format": format, "ms": times.as_json() });
        Value::from(rows.iter().map(row).collect::<Vec<_>>()).to_string() + "\n"
    } else {
        in_words(&rows)
    })
}

/// Milliseconds by step, of every look.
#[derive(Default)]
struct Steps {
    /// In the order in which they come.
    names: Vec<&'static str>,
    ms: BTreeMap<&'static str, Vec<f64>>,
}

impl Steps {
    fn add(&mut self, laps: &[(&'static str, f64)]) {
        // A step that is taken twice counts once, with the sum.
        let mut sums: BTreeMap<&'static str, f64> = BTreeMap::new();
        for (name, ms) in laps {
            *sums.entry(name).or_default() += ms;
            if !self.names.contains(name) {
                self.names.push(name);
            }
        }
        for (name, ms) in sums {
            self.ms.entry(name).or_default().push(ms);
        }
    }

    fn at(&self, name: &str, share: f64) -> f64 {
        self.ms
            .get(name)
            .and_then(|ms| quantile(ms, share))
            .unwrap_or(0.0)
    }

    fn as_json(&self) -> Value {
        self.names
            .iter()
            .map(|name| {
                let [p50, p99] = [0.5, 0.99].map(|share| self.at(name, share));
                ((*name).to_owned(), json!({ "p50": p50, "p99": p99 }))
            })
            .collect::<serde_json::Map<_, _>>()
            .into()
    }
}

fn draw(size: ImageSize) -> Result<Vec<Frame>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::failed(format!("the virtual table: {error}"));
    let mut frames = Vec::new();
    for scene in [SceneName::Practice, SceneName::Break] {
        let options = Options {
            size,
            pace: Pace::Fast,
            ..Options::new(scene)
        };
        let mut table = VirtualTable::new(&options).map_err(|e| failed(&e))?;
        for _ in 0..PICTURES / 2 {
            table.skip(10);
            frames.extend(table.next(Duration::from_secs(1)).map_err(|e| failed(&e))?);
        }
    }
    Ok(frames)
}

fn times(drawn: &[Frame], format: PixelFormat) -> Result<Steps, Failure> {
    let frames: Vec<Frame> = drawn
        .iter()
        .map(|frame| {
            frame
                .in_format(format)
                .map_err(|e| Failure::failed(e.to_string()))
        })
        .collect::<Result<_, _>>()?;
    let mut analyser = Analyser::new(None);
    // The first look learns the table and the cloth; it is not what a frame costs.
    for frame in frames.iter().take(1) {
        analyser.analyse(frame);
    }
    let mut steps = Steps::default();
    let mut captured = Instant::now();
    for frame in (0..ROUNDS).flat_map(|_| &frames) {
        // As a camera would take them, so that what is done now and then is done as often.
        captured += FRAME_TIME;
        let frame = Frame {
            captured,
            ..frame.clone()
        };
        steps.add(&analyser.analyse(&frame).timing_ms);
    }
    Ok(steps)
}

fn write(drawn: &[Frame], folder: &Path, size_name: &str) -> Result<(), Failure> {
    let folder = folder.join(size_name);
    let failed = |error: &dyn std::fmt::Display| {
        Failure::failed(format!("can't write into {}: {error}", folder.display()))
    };
    std::fs::create_dir_all(&folder).map_err(|e| failed(&e))?;
    for frame in drawn {
        let file = folder.join(format!("{:03}.png", frame.sequence));
        frame.to_rgb(1).save(file).map_err(|e| failed(&e))?;
    }
    Ok(())
}

fn in_words(rows: &[(&str, &str, Steps)]) -> String {
    let names = rows
        .first()
        .map(|(_, _, times)| times.names.clone())
        .unwrap_or_default();
    let mut text = format!("{:<14}", "ms, p50 / p99");
    for name in &names {
        let _ = write!(text, "{name:>15}");
    }
    text.push('\n');
    for (size, format, times) in rows {
        let _ = write!(text, "{:<14}", format!("{size} {format}"));
        for name in &names {
            let both = format!("{:.2} / {:.2}", times.at(name, 0.5), times.at(name, 0.99));
            let _ = write!(text, "{both:>15}");
        }
        text.push('\n');
    }
    text
}
