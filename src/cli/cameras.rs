//! `cameras`: which cameras are connected, and what they offer.

use std::io::Write;

use clap::Args;
use serde::Serialize;

use super::Failure;
use crate::ops::devices::{Access, Camera, Format, User, cameras};

/// Lists the connected cameras: what to call them, what they offer, who uses them.
#[derive(Debug, Args)]
pub(crate) struct Cameras {
    /// Print one JSON document on stdout and nothing else.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document {
    cameras: Vec<Camera>,
}

impl Cameras {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let cameras = cameras();
        let mut out = std::io::stdout().lock();
        let written = if self.json {
            super::write_json(&mut out, &Document { cameras })
        } else {
            write_cameras(&mut out, &cameras, &User::current().name)
        };
        written.map_err(|e| Failure::failed(format!("can't write to standard output: {e}")))
    }
}

fn write_cameras(out: &mut impl Write, cameras: &[Camera], user: &str) -> std::io::Result<()> {
    if cameras.iter().all(Camera::is_blind) {
        writeln!(
            out,
            "No camera is connected.\n\
             Plug a USB camera in, wait a few seconds and try again. If it still is not here, `lsusb` tells\n\
             whether the machine sees it at all: if not, try another cable and another USB port.\n\
             Without a camera: billiards-trainer run --source virtual, or a network camera by its address."
        )?;
    }
    let mut first = true;
    for camera in cameras.iter().filter(|c| !c.is_blind()) {
        if !std::mem::take(&mut first) {
            writeln!(out)?;
        }
        write_camera(out, camera, user)?;
    }
    for camera in cameras.iter().filter(|c| c.is_blind()) {
        let name = camera.name.as_deref().unwrap_or("unnamed");
        writeln!(
            out,
            "\ncamera:{} ({name}) gives no pictures: not a camera, or another one's second device.",
            camera.id
        )?;
    }
    Ok(())
}

fn write_camera(out: &mut impl Write, camera: &Camera, user: &str) -> std::io::Result<()> {
    let name = camera.name.as_deref().unwrap_or("unnamed");
    writeln!(out, "camera:{}  {name}", camera.id)?;
    let mut line = |what: &str, text: &str| writeln!(out, "  {what:<8}  {text}");
    line("device", &camera.path.display().to_string())?;
    if let Some(path) = &camera.lasting_path {
        line(
            "for good",
            &format!(
                "camera:{} (the same camera, whatever else is plugged in)",
                path.display()
            ),
        )?;
    }
    match (camera.used_by.in_words(), camera.used_by.all_seen) {
        (Some(users), _) => line("in use", &format!("by {users}"))?,
        (None, true) => line("in use", "by nobody")?,
        (None, false) => line(
            "in use",
            "by none of this user's programs; sudo shows those of others",
        )?,
    }
    match &camera.access {
        Access::Granted => {}
        Access::NeedsGroup { group, entered: true } => {
            line(
                "access",
                &format!("refused until {user} has logged out and in again (group {group})"),
            )?;
        }
        Access::NeedsGroup {
            group,
            entered: false,
        } => {
            line(
                "access",
                &format!("refused; do: sudo usermod -aG {group} {user}, then log out and in again"),
            )?;
        }
        Access::Refused(why) => line(
            "access",
            &format!("refused ({why}); unplug it and plug it in again"),
        )?,
    }
    if let Some(problem) = &camera.problem {
        line(
            "offers",
            &format!("nothing: {problem}; unplug it and plug it in again"),
        )?;
    }
    match &camera.formats {
        None if cfg!(not(feature = "app")) => line("offers", "not asked: this build has no cameras")?,
        None => {}
        Some(formats) => {
            for (i, format) in formats.iter().enumerate() {
                line(if i == 0 { "offers" } else { "" }, &in_words(format))?;
            }
        }
    }
    Ok(())
}

fn in_words(format: &Format) -> String {
    let rates: Vec<_> = format.rates_hz.iter().map(ToString::to_string).collect();
    let rates = match rates.as_slice() {
        [] => "rate unknown".to_owned(),
        rates => format!("{} a second", rates.join(", ")),
    };
    let size = format!("{} × {}", format.width_px, format.height_px);
    let note = if format.readable {
        ""
    } else {
        "  (not read by the trainer)"
    };
    format!("{:<4}  {size:<11}  {rates}{note}", format.pixels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::devices::{Holder, Holders};

    fn written(cameras: &[Camera]) -> String {
        let mut out = Vec::new();
        write_cameras(&mut out, cameras, "anna").unwrap();
        String::from_utf8(out).unwrap()
    }

    fn camera(id: &str) -> Camera {
        let format = |pixels: &str, rates_hz: Vec<f64>| Format {
            pixels: pixels.to_owned(),
            width_px: 1920,
            height_px: 1080,
            rates_hz,
            readable: pixels != "H264",
        };
        Camera {
            id: id.to_owned(),
            path: format!("/dev/video{id}").into(),
            name: Some("HD Webcam".to_owned()),
            lasting_path: Some("/dev/v4l/by-id/usb-HD-index0".into()),
            access: Access::Granted,
            formats: Some(vec![format("MJPG", vec![30.0, 29.97]), format("H264", vec![])]),
            problem: None,
            used_by: Holders {
                found: vec![Holder {
                    pid: 81,
                    program: "cheese".to_owned(),
                }],
                all_seen: true,
            },
        }
    }

    #[test]
    fn a_camera_is_described_with_what_to_write_for_it() {
        assert_eq!(
            written(&[
                camera("0"),
                Camera {
                    formats: Some(Vec::new()),
                    ..camera("1")
                }
            ]),
            "camera:0  HD Webcam\n  \
               device    /dev/video0\n  \
               for good  camera:/dev/v4l/by-id/usb-HD-index0 (the same camera, whatever else is plugged in)\n  \
               in use    by cheese (pid 81)\n  \
               offers    MJPG  1920 × 1080  30, 29.97 a second\n            \
                         H264  1920 × 1080  rate unknown  (not read by the trainer)\n\
             \n\
             camera:1 (HD Webcam) gives no pictures: not a camera, or another one's second device.\n"
        );
    }

    #[test]
    fn none_and_none_that_may_be_used_say_what_to_do() {
        assert!(written(&[]).starts_with("No camera is connected.\nPlug a USB camera in"));
        let kept_out = Camera {
            access: Access::NeedsGroup {
                group: "video".to_owned(),
                entered: false,
            },
            formats: None,
            used_by: Holders::default(),
            ..camera("0")
        };
        let text = written(&[kept_out]);
        assert!(
            text.contains("sudo usermod -aG video anna") && text.contains("sudo shows"),
            "{text}"
        );
    }
}
