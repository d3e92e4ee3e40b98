//! Light of the projector on the cloth, as the eyes are told of it.
//!
//! What is projected lies in the camera's picture, too, a moment later. Camera and projector run freely, so that what is
//! told of a picture is the union of everything that was shown about when it was taken.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::units::{Vec2, distance_to_segment};

/// One line of light on the cloth; a dot where both ends are one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stroke {
    /// One end, metres.
    pub from: Vec2,
    /// The other end, metres.
    pub to: Vec2,
    /// Half of its width, metres.
    pub half_m: f64,
    /// sRGB of a projected pixel in it; black where only some of it is lit, as within words.
    pub colour: [u8; 3],
}

impl Stroke {
    /// How far a place is from the middle of the stroke, metres.
    #[must_use]
    pub fn distance(&self, place: Vec2) -> f64 {
        distance_to_segment(place, self.from, self.to)
    }
}

/// All light that is or may be on the cloth at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Light {
    /// Its lines.
    pub strokes: Vec<Stroke>,
}

/// Most pictures of the projector that are remembered.
const REMEMBERED: usize = 16;
/// From drawing to light on the cloth: one or two pictures of the projector wait in its electronics.
const SHOWN_AFTER: Duration = Duration::from_millis(10);
/// Something that was replaced may still be seen for so long: the projector's delay, and the camera's exposure and readout.
pub(super) const SEEN_FOR: Duration = Duration::from_millis(150);

/// What the projector has shown of late; written by whoever draws, read by the eyes.
#[derive(Debug, Default)]
pub struct Shown(Mutex<VecDeque<(Instant, Arc<Light>)>>);

impl Shown {
    /// From now on, this is shown.
    pub fn show(&self, now: Instant, light: Light) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.back().is_some_and(|(_, last)| **last == light) {
            return;
        }
        if shown.len() >= REMEMBERED {
            shown.pop_front();
        }
        shown.push_back((now, Arc::new(light)));
    }

    /// What may be lit in a picture taken then; `None` where nothing is.
    #[must_use]
    pub fn at(&self, captured: Instant) -> Option<Arc<Light>> {
        let shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lit: Option<Arc<Light>> = None;
        for (i, (since, light)) in shown.iter().enumerate() {
            let replaced = shown.get(i + 1).map(|(at, _)| *at);
            let begun = *since <= captured + SHOWN_AFTER;
            let over = replaced.is_some_and(|at| at + SEEN_FOR < captured);
            if !begun || over || light.strokes.is_empty() {
                continue;
            }
            lit = Some(match lit {
                None => Arc::clone(light),
                Some(before) => {
                    let mut both = before.strokes.clone();
                    both.extend(light.strokes.iter().filter(|s| !before.strokes.contains(s)));
                    Arc::new(Light { strokes: both })
                }
            });
        }
        lit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(x: f64) -> Light {
        Light {
            strokes: vec![Stroke {
                from: Vec2::new(x, -0.3),
                to: Vec2::new(x, 0.3),
                half_m: 0.003,
                colour: [255; 3],
            }],
        }
    }

    #[test]
    fn a_picture_is_told_of_everything_that_may_be_in_it() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let shown = Shown::default();
        assert_eq!(shown.at(start), None);
        shown.show(at(100), bar(0.1));
        shown.show(at(150), bar(0.1));
        shown.show(at(500), bar(0.2));
        shown.show(at(900), Light::default());
        let xs = |ms| {
            shown
                .at(at(ms))
                .map(|l| l.strokes.iter().map(|s| s.from.x).collect::<Vec<_>>())
        };
        assert_eq!(xs(50), None);
        assert_eq!(xs(300), Some(vec![0.1]));
        // Around a change both.
        assert_eq!(xs(495), Some(vec![0.1, 0.2]));
        assert_eq!(xs(640), Some(vec![0.1, 0.2]));
        assert_eq!(xs(700), Some(vec![0.2]));
        assert_eq!(xs(1000), Some(vec![0.2]));
        assert_eq!(xs(1100), None);
        for i in 0..1000 {
            shown.show(at(2000 + i), bar(i as f64));
        }
        assert!(shown.at(at(2999)).unwrap().strokes.len() <= REMEMBERED);
        assert!((bar(0.1).strokes[0].distance(Vec2::new(0.13, 0.34)) - 0.05).abs() < 1e-12);
    }
}
