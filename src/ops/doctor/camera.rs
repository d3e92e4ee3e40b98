//! What to think of the camera.

use super::Finding;
use crate::ops::devices::{Access, Camera, Format};
use crate::units::ImageSize;

pub(super) const CAMERA: &str = "camera";
pub(super) const PICTURE: &str = "picture";

/// Which camera the settings ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WantedCamera {
    /// The first one, if there is one.
    First,
    /// This one, as written after `camera:`; and the device that leads to.
    This {
        id: String,
        leads_to: std::path::PathBuf,
    },
    /// None: the source is another.
    None { source: String },
}

impl WantedCamera {
    /// The camera that is meant, if it is connected.
    pub(super) fn among<'a>(&self, cameras: &'a [Camera]) -> Option<&'a Camera> {
        match self {
            Self::First => cameras.iter().find(|c| !c.is_blind()),
            Self::This { id, leads_to } => cameras.iter().find(|c| c.id == *id || c.path == *leads_to),
            Self::None { .. } => None,
        }
    }
}

/// The cameras, and what is wanted of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CameraFacts {
    pub wanted: WantedCamera,
    pub size: ImageSize,
    pub rate_hz: f64,
    pub cameras: Vec<Camera>,
    /// Who runs this program.
    pub user: String,
}

pub(super) fn camera(facts: &CameraFacts) -> Finding {
    let names: Vec<_> = facts
        .cameras
        .iter()
        .filter(|c| !c.is_blind())
        .map(title)
        .collect();
    let connected = if names.is_empty() {
        "none is connected".to_owned()
    } else {
        format!("connected: {}", names.join(", "))
    };
    let Some(camera) = facts.wanted.among(&facts.cameras) else {
        return match &facts.wanted {
            WantedCamera::None { source } => {
                Finding::ok(CAMERA, format!("not needed: the source is {source}; {connected}"))
            }
            WantedCamera::First => Finding::warning(
                CAMERA,
                format!("{connected}; the virtual table plays instead"),
                "plug in a USB camera; `billiards-trainer cameras` shows when it is there",
            ),
            WantedCamera::This { id, .. } => Finding::fault(
                CAMERA,
                format!("camera:{id} is not connected; {connected}"),
                "plug it in, or set source to one that is connected",
            ),
        };
    };
    let title = title(camera);
    match &camera.access {
        Access::Granted => {}
        Access::NeedsGroup { group, entered: true } => {
            let says = format!(
                "{title}: {} is in the group {group} only since the last login",
                facts.user
            );
            return Finding::fault(CAMERA, says, "log out and in again, or restart the machine");
        }
        Access::NeedsGroup {
            group,
            entered: false,
        } => {
            let says = format!("{title}: only members of the group {group} may use it");
            let remedy = format!(
                "sudo usermod -aG {group} {}; then log out and in again",
                facts.user
            );
            return Finding::fault(CAMERA, says, remedy);
        }
        Access::Refused(why) => {
            let says = format!("{title}: {} can't be opened ({why})", camera.path.display());
            return Finding::fault(CAMERA, says, "unplug it and plug it in again");
        }
    }
    if let Some(problem) = &camera.problem {
        return Finding::fault(
            CAMERA,
            format!("{title}: {problem}"),
            "unplug it and plug it in again",
        );
    }
    if let Some(users) = camera.used_by.in_words() {
        return if camera.used_by.found.iter().all(|h| is_trainer(&h.program)) {
            Finding::ok(CAMERA, format!("{title}, in use by the running trainer, {users}"))
        } else {
            Finding::fault(
                CAMERA,
                format!("{title} is in use by {users}"),
                "close that program",
            )
        };
    }
    match &camera.formats {
        None => Finding::unknown(CAMERA, format!("{title}; what it offers was not asked"), None),
        Some(formats) => offer(&title, formats, facts),
    }
}

fn offer(title: &str, formats: &[Format], facts: &CameraFacts) -> Finding {
    let readable: Vec<_> = formats.iter().filter(|f| f.readable).collect();
    let Some(largest) = readable.first() else {
        let offered: Vec<_> = formats.iter().map(|f| f.pixels.as_str()).collect();
        let says = match offered.as_slice() {
            [] => format!("{title} gives no pictures; many cameras have such a second device"),
            offered => format!(
                "{title} gives {}, which the trainer does not read",
                offered.join(", ")
            ),
        };
        let remedy = "choose another: `billiards-trainer cameras` shows what each one gives";
        return Finding::fault(CAMERA, says, remedy);
    };
    let wanted = |f: &&&Format| {
        (f.width_px, f.height_px) == (facts.size.width, facts.size.height)
            && f.rates_hz.first().is_some_and(|r| *r > 0.9 * facts.rate_hz)
    };
    let asked = format!(
        "{}×{} at {}/s",
        facts.size.width, facts.size.height, facts.rate_hz
    );
    match readable.iter().find(wanted) {
        Some(format) => Finding::ok(CAMERA, format!("{title} offers {asked} ({})", format.pixels)),
        None => Finding::warning(
            CAMERA,
            format!(
                "{title} does not offer {asked}; its largest picture is {}",
                in_words(largest)
            ),
            "the nearest is taken; better: set vision.width_px, height_px and rate_hz to what it offers \
             (`billiards-trainer cameras`)",
        ),
    }
}

fn title(camera: &Camera) -> String {
    match &camera.name {
        Some(name) => format!("camera:{} ({name})", camera.id),
        None => format!("camera:{}", camera.id),
    }
}

fn in_words(format: &Format) -> String {
    let size = format!("{}×{} {}", format.width_px, format.height_px, format.pixels);
    match format.rates_hz.first() {
        Some(rate) => format!("{size} at {rate}/s"),
        None => size,
    }
}

/// The system shortens names to 15 letters.
pub(super) fn is_trainer(program: &str) -> bool {
    program == "billiards-train"
}

/// A picture taken for a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "app"),
    allow(dead_code, reason = "a build without cameras takes none")
)]
pub(super) enum PictureFacts {
    /// No camera is wanted.
    NotNeeded,
    /// It was not tried, and why.
    NotTried(String),
    /// It came: what and after how long.
    Taken { size: ImageSize, after_ms: u128 },
    /// It did not, and why.
    Failed(String),
}

pub(super) fn picture(facts: &PictureFacts) -> Finding {
    match facts {
        PictureFacts::NotNeeded => Finding::ok(PICTURE, "not needed: the source is no camera"),
        PictureFacts::NotTried(why) => Finding::unknown(PICTURE, format!("not tried: {why}"), None),
        PictureFacts::Taken { size, after_ms } => Finding::ok(
            PICTURE,
            format!(
                "the camera gave one of {}×{} after {after_ms} ms",
                size.width, size.height
            ),
        ),
        PictureFacts::Failed(why) => Finding::fault(
            PICTURE,
            why.clone(),
            "plug the camera into another USB port, not through a hub; then try another cable, then another camera",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::Verdict::{Fault, Ok, Unknown, Warning};
    use super::*;
    use crate::ops::devices::{Holder, Holders};

    fn format(pixels: &str, width_px: u32, height_px: u32, rate: f64) -> Format {
        Format {
            pixels: pixels.to_owned(),
            width_px,
            height_px,
            rates_hz: vec![rate],
            readable: pixels == "MJPG",
        }
    }

    fn webcam(id: &str) -> Camera {
        Camera {
            id: id.to_owned(),
            path: PathBuf::from(format!("/dev/video{id}")),
            name: Some("HD Webcam".to_owned()),
            lasting_path: None,
            access: Access::Granted,
            formats: Some(vec![format("MJPG", 1920, 1080, 30.0)]),
            problem: None,
            used_by: Holders::default(),
        }
    }

    fn judged(wanted: WantedCamera, cameras: &[Camera]) -> Finding {
        camera(&CameraFacts {
            wanted,
            size: ImageSize::new(1920, 1080),
            rate_hz: 30.0,
            cameras: cameras.to_vec(),
            user: "anna".to_owned(),
        })
    }

    fn this(id: &str) -> WantedCamera {
        WantedCamera::This {
            id: id.to_owned(),
            leads_to: PathBuf::from(id),
        }
    }

    #[test]
    fn a_camera_that_is_missing_matters_as_much_as_it_is_wanted() {
        let none = WantedCamera::None {
            source: "virtual".to_owned(),
        };
        assert_eq!(judged(none, &[]).verdict, Ok);
        assert_eq!(judged(WantedCamera::First, &[]).verdict, Warning);
        let missing = judged(this("2"), &[webcam("0")]);
        assert_eq!(missing.verdict, Fault);
        assert!(missing.says.contains("camera:0 (HD Webcam)"), "{}", missing.says);
        for wanted in [WantedCamera::First, this("0"), this("/dev/video0")] {
            assert_eq!(judged(wanted, &[webcam("0")]).verdict, Ok);
        }
        // The second device of a camera is passed over.
        let blind = Camera {
            formats: Some(Vec::new()),
            ..webcam("0")
        };
        let found = judged(WantedCamera::First, &[blind.clone(), webcam("1")]);
        assert!(
            found.verdict == Ok && found.says.contains("camera:1"),
            "{found:?}"
        );
        assert!(judged(this("0"), &[blind]).says.contains("gives no pictures"));
    }

    #[test]
    fn a_camera_that_may_not_be_used_says_what_to_do() {
        let kept_out = |entered| Camera {
            access: Access::NeedsGroup {
                group: "video".to_owned(),
                entered,
            },
            formats: None,
            ..webcam("0")
        };
        let remedy = |c: Camera| judged(WantedCamera::First, &[c]).remedy.unwrap();
        assert!(remedy(kept_out(false)).contains("sudo usermod -aG video anna"));
        assert!(remedy(kept_out(true)).starts_with("log out"));
        let used_by = |program: &str| Camera {
            used_by: Holders {
                found: vec![Holder {
                    pid: 81,
                    program: program.to_owned(),
                }],
                all_seen: true,
            },
            ..webcam("0")
        };
        let busy = judged(WantedCamera::First, &[used_by("cheese")]);
        assert_eq!(
            (busy.verdict, busy.says.contains("cheese (pid 81)")),
            (Fault, true)
        );
        assert_eq!(
            judged(WantedCamera::First, &[used_by("billiards-train")]).verdict,
            Ok
        );
    }

    #[test]
    fn what_a_camera_offers_is_held_against_what_is_wanted() {
        let with = |formats: Option<Vec<Format>>| {
            let camera = Camera {
                formats,
                ..webcam("0")
            };
            judged(WantedCamera::First, &[camera]).verdict
        };
        assert_eq!(with(None), Unknown);
        assert_eq!(with(Some(vec![format("MJPG", 1920, 1080, 29.97)])), Ok);
        assert_eq!(with(Some(vec![format("MJPG", 1920, 1080, 15.0)])), Warning);
        assert_eq!(with(Some(vec![format("MJPG", 1280, 720, 30.0)])), Warning);
        assert_eq!(with(Some(vec![format("H264", 1920, 1080, 30.0)])), Fault);
    }

    #[test]
    fn a_picture_that_was_not_taken_is_unknown_and_one_that_failed_a_fault() {
        let failed = picture(&PictureFacts::Failed("no picture for 3 s".to_owned()));
        assert_eq!(failed.verdict, Fault);
        let not_tried = picture(&PictureFacts::NotTried("it is in use".to_owned()));
        assert_eq!(
            (not_tried.verdict, picture(&PictureFacts::NotNeeded).verdict),
            (Unknown, Ok)
        );
    }
}
