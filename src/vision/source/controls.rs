//! What a camera must not change by itself: exposure, gain, white balance, focus, frame rate.
//!
//! A camera that adapts makes every ball another colour when somebody in white walks by, and halves its rate in dim light.
//! So it may adapt for a moment after it was opened, and when the light of the room changes for good; then everything is
//! held where it stands. Numbers are those of V4L2's control list (`linux/v4l2-controls.h`).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// What is set; what is not given is held where the camera itself put it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CameraSettings {
    /// Hold everything still; off: the camera adapts as it likes.
    pub lock: bool,
    /// Exposure, milliseconds. A whole number of the projector's frame times (16.67 ms) keeps its colours whole.
    pub exposure_ms: Option<f64>,
    /// Gain, in the camera's own units.
    pub gain: Option<i64>,
    /// White balance, kelvin.
    pub white_balance_k: Option<i64>,
    /// Focus, in the camera's own units (0 is far with most).
    pub focus: Option<i64>,
}

impl Default for CameraSettings {
    fn default() -> Self {
        Self {
            lock: true,
            exposure_ms: None,
            gain: None,
            white_balance_k: None,
            focus: None,
        }
    }
}

/// One control of a camera: its number in V4L2.
type Id = u32;

const AUTO_EXPOSURE: Id = 0x009a_0901;
/// In units of 100 µs.
const EXPOSURE: Id = 0x009a_0902;
/// Lower the rate in dim light.
const EXPOSURE_DYNAMIC_RATE: Id = 0x009a_0903;
const AUTO_GAIN: Id = 0x0098_0912;
const GAIN: Id = 0x0098_0913;
const AUTO_WHITE_BALANCE: Id = 0x0098_090c;
const WHITE_BALANCE: Id = 0x0098_091a;
const AUTO_FOCUS: Id = 0x009a_090c;
const FOCUS: Id = 0x009a_090a;

/// A value, the switch that takes it from the camera, and how that switch is set: by hand, and for the camera in order of
/// preference (3 is what USB cameras call automatic exposure).
const PAIRS: [(&str, Id, Id, i64, &[i64]); 4] = [
    ("exposure", EXPOSURE, AUTO_EXPOSURE, 1, &[3, 0]),
    ("gain", GAIN, AUTO_GAIN, 0, &[1]),
    ("white balance", WHITE_BALANCE, AUTO_WHITE_BALANCE, 0, &[1]),
    ("focus", FOCUS, AUTO_FOCUS, 0, &[1]),
];

/// The controls of an open camera.
pub trait Dials {
    /// The value of a control; `None` where the camera has no such control.
    fn get(&mut self, id: u32) -> Option<i64>;
    /// Sets a control.
    ///
    /// # Errors
    /// Why the camera refuses.
    fn set(&mut self, id: u32, value: i64) -> Result<(), String>;
}

/// What to do with the controls now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The camera may adapt.
    Adapt,
    /// Hold everything where it stands.
    Hold,
}

/// How long a camera may adapt.
const ADAPT_FOR: Duration = Duration::from_secs(2);
/// The picture is so many times as bright, or as dark, as when it was held: the lamp was switched, not a cloud.
const OTHER_LIGHT: f64 = 1.8;
/// For so long, so that nobody who leans over the table counts.
const OTHER_LIGHT_FOR: Duration = Duration::from_secs(4);

/// Holds the controls of one camera, over every time it is opened.
#[derive(Clone, Debug, Default)]
pub struct Holder {
    settings: CameraSettings,
    /// Where they stood when they were held.
    held: BTreeMap<Id, i64>,
    held_brightness: Option<f64>,
    adapting_since: Option<Instant>,
    other_since: Option<Instant>,
    /// What was told already.
    told: Vec<String>,
}

impl Holder {
    /// Nothing held yet.
    #[must_use]
    pub fn new(settings: CameraSettings) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }

    /// The camera was opened: what is given is set, what was held before is held again at once. Gives complaints that were
    /// not told before, one line each.
    pub fn opened(&mut self, dials: &mut impl Dials, now: Instant) -> Vec<String> {
        if !self.settings.lock {
            return Vec::new();
        }
        let mut complaints = Vec::new();
        if dials.get(EXPOSURE_DYNAMIC_RATE).is_some_and(|v| v != 0) {
            complaints.extend(dials.set(EXPOSURE_DYNAMIC_RATE, 0).err());
        }
        if self.held.is_empty() {
            self.adapting_since = Some(now);
            complaints.extend(self.adapt(dials));
        } else {
            complaints.extend(self.restore(dials));
        }
        self.news(complaints)
    }

    /// A picture came; what there is to do.
    pub fn picture(&mut self, brightness: f64, now: Instant) -> Option<Step> {
        if !self.settings.lock {
            return None;
        }
        if let Some(since) = self.adapting_since {
            return (now.saturating_duration_since(since) >= ADAPT_FOR).then_some(Step::Hold);
        }
        let ratio = brightness.max(1.0) / self.held_brightness?.max(1.0);
        if (1.0 / OTHER_LIGHT..=OTHER_LIGHT).contains(&ratio) {
            self.other_since = None;
            return None;
        }
        let since = *self.other_since.get_or_insert(now);
        (now.saturating_duration_since(since) >= OTHER_LIGHT_FOR).then_some(Step::Adapt)
    }

    /// Does that step. Gives complaints that were not told before, one line each.
    pub fn take(&mut self, step: Step, dials: &mut impl Dials, brightness: f64, now: Instant) -> Vec<String> {
        self.other_since = None;
        let complaints = match step {
            Step::Adapt => {
                self.adapting_since = Some(now);
                self.adapt(dials)
            }
            Step::Hold => {
                self.adapting_since = None;
                self.held_brightness = Some(brightness);
                self.hold(dials)
            }
        };
        self.news(complaints)
    }

    fn wanted(&self, id: Id) -> Option<i64> {
        match id {
            EXPOSURE => self.settings.exposure_ms.map(|ms| (ms * 10.0).round() as i64),
            GAIN => self.settings.gain,
            WHITE_BALANCE => self.settings.white_balance_k,
            FOCUS => self.settings.focus,
            _ => None,
        }
    }

    /// Lets go of what is not given.
    fn adapt(&self, dials: &mut impl Dials) -> Vec<String> {
        let mut complaints = Vec::new();
        for (name, id, switch, by_hand, automatic) in PAIRS {
            if let Some(value) = self.wanted(id) {
                complaints.extend(fix(dials, name, id, value, switch, by_hand));
            } else if dials.get(switch).is_some_and(|v| v == by_hand) {
                // One that knows neither stays as it is.
                let _ = automatic.iter().any(|value| dials.set(switch, *value).is_ok());
            }
        }
        complaints
    }

    fn hold(&mut self, dials: &mut impl Dials) -> Vec<String> {
        self.held.clear();
        for (_, id, switch, ..) in PAIRS {
            let value = self.wanted(id).or_else(|| dials.get(id));
            // Without a switch the camera does not touch it by itself, and without a value there is nothing to hold.
            if let (Some(value), Some(_)) = (value, dials.get(switch)) {
                self.held.insert(id, value);
            }
        }
        self.restore(dials)
    }

    fn restore(&self, dials: &mut impl Dials) -> Vec<String> {
        let mut complaints = Vec::new();
        for (name, id, switch, by_hand, _) in PAIRS {
            if let Some(value) = self.wanted(id).or_else(|| self.held.get(&id).copied()) {
                complaints.extend(fix(dials, name, id, value, switch, by_hand));
            }
        }
        complaints
    }

    fn news(&mut self, complaints: Vec<String>) -> Vec<String> {
        let news: Vec<_> = complaints
            .into_iter()
            .filter(|c| !self.told.contains(c))
            .collect();
        self.told.extend(news.iter().cloned());
        news
    }
}

/// Takes a value from the camera and sets it: the switch first, else it is refused.
fn fix(dials: &mut impl Dials, name: &str, id: Id, value: i64, switch: Id, by_hand: i64) -> Option<String> {
    if dials.get(switch).is_some_and(|v| v != by_hand)
        && let Err(why) = dials.set(switch, by_hand)
    {
        return Some(format!(
            "its {name} can't be held ({why}); it will adapt by itself"
        ));
    }
    if dials.get(id).is_none() {
        return Some(format!("it has no {name} that can be set"));
    }
    let refused = dials.set(id, value).err();
    // Drivers round to their own steps; some call that a refusal.
    refused.map(|why| format!("its {name} can't be set to {value} ({why}); it stays near that"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A camera like most USB ones, whose automatics follow the light.
    struct Webcam {
        values: BTreeMap<Id, i64>,
        refuses: Option<Id>,
    }

    impl Webcam {
        fn new() -> Self {
            let values = [
                (AUTO_EXPOSURE, 3),
                (EXPOSURE, 156),
                (EXPOSURE_DYNAMIC_RATE, 1),
                (GAIN, 64),
                (AUTO_WHITE_BALANCE, 1),
                (WHITE_BALANCE, 4600),
            ];
            Self {
                values: values.into(),
                refuses: None,
            }
        }

        fn light(&mut self, exposure: i64, kelvin: i64) {
            if self.values[&AUTO_EXPOSURE] == 3 {
                self.values.insert(EXPOSURE, exposure);
            }
            if self.values[&AUTO_WHITE_BALANCE] == 1 {
                self.values.insert(WHITE_BALANCE, kelvin);
            }
        }
    }

    impl Dials for Webcam {
        fn get(&mut self, id: u32) -> Option<i64> {
            self.values.get(&id).copied()
        }

        fn set(&mut self, id: u32, value: i64) -> Result<(), String> {
            let automatic = id == EXPOSURE && self.values[&AUTO_EXPOSURE] != 1
                || id == WHITE_BALANCE && self.values[&AUTO_WHITE_BALANCE] != 0;
            if self.refuses == Some(id) || automatic || !self.values.contains_key(&id) {
                return Err("Rejected".to_owned());
            }
            self.values.insert(id, value);
            Ok(())
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_camera_adapts_for_a_moment_and_is_then_held_over_every_reopening() {
        let (mut camera, mut now) = (Webcam::new(), Instant::now());
        let mut holder = Holder::new(CameraSettings::default());
        assert_eq!(holder.opened(&mut camera, now), Vec::<String>::new());
        assert_eq!(camera.values[&EXPOSURE_DYNAMIC_RATE], 0);
        camera.light(300, 3200);
        now += SECOND;
        assert_eq!(holder.picture(110.0, now), None);
        now += SECOND;
        assert_eq!(holder.picture(110.0, now), Some(Step::Hold));
        assert!(holder.take(Step::Hold, &mut camera, 110.0, now).is_empty());
        camera.light(20, 6000);
        assert_eq!(
            (camera.values[&EXPOSURE], camera.values[&WHITE_BALANCE]),
            (300, 3200)
        );
        // Unplugged: it has forgotten everything, and is at once as it was.
        camera = Webcam::new();
        assert!(holder.opened(&mut camera, now).is_empty());
        assert_eq!(
            (camera.values[&AUTO_EXPOSURE], camera.values[&EXPOSURE]),
            (1, 300)
        );
        assert_eq!(camera.values[&WHITE_BALANCE], 3200);
        assert_eq!(holder.picture(112.0, now + 10 * SECOND), None);
    }

    #[test]
    fn another_light_for_good_lets_it_adapt_and_a_shadow_does_not() {
        let (mut camera, mut now) = (Webcam::new(), Instant::now());
        let mut holder = Holder::new(CameraSettings::default());
        holder.opened(&mut camera, now);
        now += 3 * SECOND;
        holder.take(Step::Hold, &mut camera, 100.0, now);
        for brightness in [30.0, 30.0, 30.0, 100.0, 30.0, 30.0] {
            assert_eq!(holder.picture(brightness, now), None);
            now += SECOND;
        }
        for _ in 0..2 {
            assert_eq!(holder.picture(30.0, now), None);
            now += SECOND;
        }
        assert_eq!(holder.picture(30.0, now), Some(Step::Adapt));
        holder.take(Step::Adapt, &mut camera, 30.0, now);
        camera.light(900, 2700);
        assert_eq!(holder.picture(95.0, now + 2 * SECOND), Some(Step::Hold));
        holder.take(Step::Hold, &mut camera, 95.0, now);
        assert_eq!(
            (camera.values[&AUTO_EXPOSURE], camera.values[&EXPOSURE]),
            (1, 900)
        );
    }

    #[test]
    fn what_is_given_is_set_and_a_refusal_is_told_once() {
        let settings = CameraSettings {
            exposure_ms: Some(16.67),
            focus: Some(0),
            ..CameraSettings::default()
        };
        let (mut camera, now) = (Webcam::new(), Instant::now());
        let mut holder = Holder::new(settings);
        camera.refuses = Some(WHITE_BALANCE);
        let told = holder.opened(&mut camera, now);
        assert_eq!(told, ["it has no focus that can be set"]);
        assert_eq!(
            (camera.values[&AUTO_EXPOSURE], camera.values[&EXPOSURE]),
            (1, 167)
        );
        let told = holder.take(Step::Hold, &mut camera, 90.0, now);
        assert!(told.len() == 1 && told[0].contains("white balance"), "{told:?}");
        assert!(holder.opened(&mut camera, now).is_empty());
        let mut free = Holder::new(CameraSettings {
            lock: false,
            ..settings
        });
        let mut camera = Webcam::new();
        assert!(free.opened(&mut camera, now).is_empty() && free.picture(9.0, now + 9 * SECOND).is_none());
        assert_eq!(camera.values, Webcam::new().values);
    }
}
