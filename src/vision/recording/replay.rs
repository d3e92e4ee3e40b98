//! A recording through the same eyes: what was tracked then is tracked again, bit for bit.

use std::time::Instant;

use super::{Reader, ReadingError};
use crate::table::TableSpec;
use crate::vision::analyse::Analyser;
use crate::vision::house_set::HouseSet;
use crate::vision::track::{TableState, Tracker};

/// What a replay gave.
#[derive(Debug)]
pub struct Replayed {
    /// Pictures looked at.
    pub pictures: usize,
    /// Pictures whose bytes are damaged; they were left out.
    pub damaged: usize,
    /// What the first damaged one said.
    pub first_damage: Option<String>,
    /// States that were tracked.
    pub states: usize,
    /// A print of every bit of all states but their absolute times.
    pub print: u64,
}

impl Default for Replayed {
    fn default() -> Self {
        Self {
            pictures: 0,
            damaged: 0,
            first_damage: None,
            states: 0,
            // Where FNV-1a begins.
            print: 0xcbf2_9ce4_8422_2325,
        }
    }
}

/// Looks at every picture of a recording, as if the first had been taken at `base`, and hands each state to `take`.
///
/// # Errors
/// None of a damaged picture, which is left out and counted; of a recording in which no picture is whole.
pub fn replay(
    reader: &mut Reader,
    base: Instant,
    table: &TableSpec,
    balls: Option<&HouseSet>,
    mut take: impl FnMut(&TableState),
) -> Result<Replayed, ReadingError> {
    let mut analyser = Analyser::new(Some(table.clone())).with_house_set(balls.cloned());
    let mut tracker = Tracker::new(table).with_readout(reader.header().readout_ms / 1e3);
    let mut replayed = Replayed::default();
    let mut damage = None;
    for index in 0..reader.len() {
        let frame = match reader.frame(index, base) {
            Ok(frame) => frame,
            Err(error) => {
                replayed.damaged += 1;
                damage.get_or_insert(error);
                continue;
            }
        };
        replayed.pictures += 1;
        if let Some(state) = tracker.update(&analyser.analyse(&frame)) {
            replayed.states += 1;
            replayed.print = printed(replayed.print, &state);
            take(&state);
        }
    }
    match damage {
        Some(error) if replayed.pictures == 0 => Err(error),
        damage => {
            replayed.first_damage = damage.map(|e| e.to_string());
            Ok(replayed)
        }
    }
}

/// FNV-1a of a state as text: floats are written so that other bits are another text. Times differ from one run of the
/// program to the next and are left out; positions and velocities follow from them.
#[must_use]
pub fn printed(print: u64, state: &TableState) -> u64 {
    let text = format!("{state:?}");
    let mut print = print;
    for (i, part) in text.split("Instant {").enumerate() {
        let part = match part.split_once('}') {
            Some((_, after)) if i > 0 => after,
            _ => part,
        };
        for byte in part.bytes() {
            print = (print ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    print
}
