//! The pipeline under test, from source to tracked table, and the pictures it gets.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::table::TableSpec;
use crate::units::{ImageSize, Vec2};
use crate::virtual_table::{Options, Pace, SceneName, VirtualTable};
use crate::vision::eyes::{Eyes, Opener};
use crate::vision::frame::{Frame, PixelFormat};
use crate::vision::memory::Memory;
use crate::vision::recording::Recorder;
use crate::vision::source::{FrameSource, SourceError};
use crate::vision::track::BallId;

pub(super) const SIZE: ImageSize = ImageSize {
    width: 1280,
    height: 720,
};
pub(super) const SMALL: ImageSize = ImageSize {
    width: 960,
    height: 540,
};
pub(super) const RATE_HZ: f64 = 30.0;
/// Pictures that are shown round and round, each with a noise of its own.
const PICTURES: usize = 24;
/// Nearer than any two balls to each other, metres.
const NEAR_M: f64 = 0.026;

/// Pictures of a table at rest.
pub(super) fn pictures(size: ImageSize) -> Result<Vec<Frame>, String> {
    let options = Options {
        size,
        pace: Pace::Fast,
        ..Options::new(SceneName::Snooker)
    };
    let mut table = VirtualTable::new(&options).map_err(|e| e.to_string())?;
    let mut frames = Vec::new();
    for _ in 0..PICTURES {
        frames.extend(table.next(Duration::from_secs(1)).map_err(|e| e.to_string())?);
    }
    Ok(frames)
}

/// The table in the pictures.
pub(super) fn table() -> TableSpec {
    Options::new(SceneName::Snooker).table
}

/// A camera that gives these pictures round and round.
pub(super) struct Looped {
    pictures: Arc<Vec<Frame>>,
    sequence: u64,
    due: Instant,
}

impl Looped {
    pub(super) fn new(pictures: &Arc<Vec<Frame>>) -> Self {
        Self {
            pictures: Arc::clone(pictures),
            sequence: 0,
            due: Instant::now(),
        }
    }
}

impl FrameSource for Looped {
    fn next(&mut self, timeout: Duration) -> Result<Option<Frame>, SourceError> {
        let now = Instant::now();
        let wait = self.due.saturating_duration_since(now);
        std::thread::sleep(wait.min(timeout));
        if wait > timeout {
            return Ok(None);
        }
        // A camera that nobody reads drops pictures.
        self.due = self.due.max(now) + Duration::from_secs_f64(1.0 / RATE_HZ);
        let index = self.sequence as usize % self.pictures.len().max(1);
        self.sequence += 1;
        Ok(self.pictures.get(index).map(|frame| Frame {
            sequence: self.sequence,
            captured: Instant::now(),
            camera: None,
            truth: None,
            ..frame.clone()
        }))
    }

    fn name(&self) -> String {
        "test camera".to_owned()
    }
}

/// Writes pictures as a film that ffmpeg reads without decoding (YUV4MPEG2), so that it is there at once, whole.
pub(super) fn write_film(path: &Path, frames: &[Frame]) -> Result<(), String> {
    let mut bytes = Vec::new();
    for frame in frames {
        let nv12 = frame.in_format(PixelFormat::Nv12).map_err(|e| e.to_string())?;
        if bytes.is_empty() {
            let (w, h) = (nv12.size.width, nv12.size.height);
            bytes.extend(format!("YUV4MPEG2 W{w} H{h} F30:1 Ip A1:1 C420jpeg\n").bytes());
        }
        bytes.extend(b"FRAME\n");
        let (luma, chroma) = nv12
            .pixels
            .split_at_checked(nv12.size.pixels())
            .unwrap_or_default();
        bytes.extend(luma);
        bytes.extend(chroma.iter().step_by(2));
        bytes.extend(chroma.iter().skip(1).step_by(2));
    }
    crate::config::write_durably(path, &bytes).map_err(|e| format!("can't write {}: {e}", path.display()))
}

/// Eyes and memory.
pub(super) struct Rig {
    eyes: Eyes,
    memory: Memory,
}

impl Rig {
    pub(super) fn start(opener: Opener, recorder: Option<Recorder>) -> Result<Self, String> {
        let table = table();
        let memory = Memory::new(&table, 0.0);
        let eyes = Eyes::start(
            "test",
            opener,
            Some(table),
            None,
            Arc::new(|| ()),
            recorder,
            Arc::default(),
            Arc::default(),
        );
        let eyes = eyes.map_err(|e| e.to_string())?;
        Ok(Self { eyes, memory })
    }

    /// One turn of a main loop.
    pub(super) fn turn(&mut self) {
        std::thread::sleep(Duration::from_millis(2));
        for analysed in self.eyes.take() {
            self.memory.take_in(&analysed.observation);
        }
    }

    /// The state may be old, and is said to be.
    pub(super) fn is_marked(&self) -> bool {
        !self.eyes.status().is_seeing() || self.memory.is_stale(Instant::now(), RATE_HZ)
    }

    /// When the picture was taken that the state is of.
    pub(super) fn seen(&self) -> Option<Instant> {
        self.memory.table().map(|t| t.captured)
    }

    /// The balls of the state, held or new, in order of their ids, and where they lie.
    pub(super) fn balls(&self) -> Vec<(BallId, Vec2)> {
        let balls = self.memory.table().map(|t| t.balls.iter());
        let mut balls: Vec<_> = balls
            .into_iter()
            .flatten()
            .map(|b| (b.id, b.position_m))
            .collect();
        balls.sort_by_key(|(id, _)| *id);
        balls
    }

    /// Each of these balls lies where it lay under the id that it had, and there is no other.
    pub(super) fn has(&self, known: &[(BallId, Vec2)]) -> bool {
        let balls = self.balls();
        let is_same = |((id, place), (old, was)): (&(BallId, Vec2), &(BallId, Vec2))| {
            id == old && place.distance(*was) < NEAR_M
        };
        balls.len() == known.len() && balls.iter().zip(known).all(is_same)
    }

    /// Turns until `done`, at most so long; false where it took longer.
    pub(super) fn turn_until(&mut self, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> bool {
        let end = Instant::now() + limit;
        while Instant::now() < end {
            self.turn();
            if done(self) {
                return true;
            }
        }
        false
    }
}
