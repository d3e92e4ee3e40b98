//! Monitors and projectors: from the kernel, and from the window system where one runs.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::edid::Edid;
use super::xrandr::{self, XOutput};
use crate::ops::process::Program;

/// `xrandr` asks every output again, which takes a while on some.
const XRANDR_LIMIT: Duration = Duration::from_secs(5);

/// A connected output.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MonitorOutput {
    /// What to write into `projector.monitor`: the window system's name, else the kernel's.
    pub name: String,
    /// What the monitor calls itself.
    pub model: Option<String>,
    /// Width in pixels; as in use, else as the monitor likes it best.
    pub width_px: Option<u32>,
    /// Height in pixels.
    pub height_px: Option<u32>,
    /// Pictures a second.
    pub rate_hz: Option<f64>,
    /// Left edge in the window system, pixels.
    pub x_px: Option<i32>,
    /// Upper edge in the window system, pixels.
    pub y_px: Option<i32>,
    /// The operator's; none where the window system is not known.
    pub primary: Option<bool>,
    /// A picture is sent to it; none where that is not known.
    pub in_use: Option<bool>,
}

/// The connected outputs and how they were found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Monitors {
    /// In order of their place, then name.
    pub connected: Vec<MonitorOutput>,
    /// Outputs without a monitor.
    pub free: Vec<String>,
    /// Somebody could be asked: else an empty list says nothing.
    pub known: bool,
    /// What is not known, and what to do about it.
    pub note: Option<String>,
}

/// The monitors of this machine, without opening a window.
#[must_use]
pub fn monitors() -> Monitors {
    let kernel = kernel_outputs(Path::new("/sys/class/drm"));
    let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    // Under Wayland, xrandr tells of outputs that only old programs see.
    let (window_system, note) = if set("WAYLAND_DISPLAY") {
        let note =
            "places are not known under Wayland; names are the kernel's, which most Wayland desktops use";
        (None, Some(note.to_owned()))
    } else if set("DISPLAY") {
        match x_outputs() {
            Ok(outputs) => (Some(outputs), None),
            Err(why) => (None, Some(format!("places are not known: {why}"))),
        }
    } else {
        let note = "places are not known: no display in this session; run this in the desktop session, or with DISPLAY=:0";
        (None, Some(note.to_owned()))
    };
    merged(kernel, window_system, note)
}

fn x_outputs() -> Result<Vec<XOutput>, String> {
    let finished = Program::new("xrandr")
        .args(["--query"])
        .run(XRANDR_LIMIT)
        .map_err(|e| e.to_string())?;
    if !finished.ending.is_good() {
        return Err(format!("xrandr {}", finished.ending));
    }
    Ok(xrandr::parse(&finished.text()))
}

/// An output as the kernel has it.
#[derive(Clone, Debug, PartialEq)]
struct KernelOutput {
    name: String,
    connected: bool,
    in_use: Option<bool>,
    /// Width and height of the first mode, which is the preferred one.
    mode: Option<(u32, u32)>,
    edid: Option<Edid>,
}

/// None where the kernel has no outputs at all.
fn kernel_outputs(folder: &Path) -> Option<Vec<KernelOutput>> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let mut outputs: Vec<_> = entries
        .filter_map(|entry| {
            // card1-HDMI-A-1; the cards themselves have no status.
            let file_name = entry.file_name();
            let name = file_name.to_str()?.strip_prefix("card")?.split_once('-')?.1;
            let read = |what: &str| std::fs::read_to_string(entry.path().join(what)).ok();
            let status = read("status")?;
            Some(KernelOutput {
                name: name.to_owned(),
                connected: status.trim() == "connected",
                in_use: read("enabled").map(|e| e.trim() == "enabled"),
                mode: read("modes").and_then(|m| size_of(m.lines().next()?)),
                edid: std::fs::read(entry.path().join("edid"))
                    .ok()
                    .and_then(|bytes| Edid::parse(&bytes)),
            })
        })
        .collect();
    outputs.sort_by(|a, b| a.name.cmp(&b.name));
    (!outputs.is_empty()).then_some(outputs)
}

/// `1920x1080`, `1920x1080i`
fn size_of(mode: &str) -> Option<(u32, u32)> {
    let (width, height) = mode.trim().split_once('x')?;
    let height = height.trim_end_matches(|c: char| !c.is_ascii_digit());
    Some((width.parse().ok()?, height.parse().ok()?))
}

/// Whether two names are of one connector: the kernel says `HDMI-A-1` where X says `HDMI-1`.
#[must_use]
pub fn same_connector(one: &str, other: &str) -> bool {
    let plain = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.replace("-a-", "-").replace("-d-", "-").replace("-i-", "-")
    };
    plain(one) == plain(other)
}

fn merged(
    kernel: Option<Vec<KernelOutput>>,
    window_system: Option<Vec<XOutput>>,
    note: Option<String>,
) -> Monitors {
    let known = kernel.is_some() || window_system.is_some();
    let (plugged, free): (Vec<_>, Vec<_>) = kernel.into_iter().flatten().partition(|o| o.connected);
    let mut connected: Vec<MonitorOutput> = plugged.into_iter().map(from_kernel).collect();
    for output in window_system.into_iter().flatten() {
        let place = output.place;
        let told = MonitorOutput {
            name: output.name,
            model: None,
            width_px: place.map(|p| p.0),
            height_px: place.map(|p| p.1),
            rate_hz: output.rate_hz,
            x_px: place.map(|p| p.2),
            y_px: place.map(|p| p.3),
            primary: Some(output.primary),
            in_use: Some(place.is_some()),
        };
        match connected.iter_mut().find(|m| same_connector(&m.name, &told.name)) {
            Some(same) => {
                *same = MonitorOutput {
                    model: same.model.take(),
                    width_px: told.width_px.or(same.width_px),
                    height_px: told.height_px.or(same.height_px),
                    rate_hz: told.rate_hz.or(same.rate_hz),
                    ..told
                }
            }
            None => connected.push(told),
        }
    }
    connected.sort_by(|a, b| {
        let key = |m: &MonitorOutput| (m.x_px.is_none(), m.x_px, m.y_px);
        key(a).cmp(&key(b)).then_with(|| a.name.cmp(&b.name))
    });
    Monitors {
        connected,
        free: free.into_iter().map(|o| o.name).collect(),
        known,
        note,
    }
}

fn from_kernel(output: KernelOutput) -> MonitorOutput {
    let preferred = output.edid.as_ref().and_then(|e| e.preferred);
    let size = output.mode.or(preferred.map(|p| (p.0, p.1)));
    MonitorOutput {
        name: output.name,
        width_px: size.map(|s| s.0),
        height_px: size.map(|s| s.1),
        // The rate belongs to the size it was told with.
        rate_hz: preferred.filter(|p| size == Some((p.0, p.1))).map(|p| p.2),
        model: output.edid.and_then(|e| e.name),
        x_px: None,
        y_px: None,
        primary: None,
        in_use: output.in_use,
    }
}

#[cfg(test)]
mod tests {
    use super::super::edid::tests::block;
    use super::*;

    /// What the kernel would show, in a folder of the test's own.
    fn made_up(test: &str) -> Option<Vec<KernelOutput>> {
        let root = std::env::temp_dir().join(format!("billiards-drm-{test}-{}", std::process::id()));
        let output = |name: &str, status: &str, modes: &str, edid: &[u8]| {
            let folder = root.join(name);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("status"), format!("{status}\n")).unwrap();
            std::fs::write(folder.join("enabled"), "enabled\n").unwrap();
            std::fs::write(folder.join("modes"), modes).unwrap();
            std::fs::write(folder.join("edid"), edid).unwrap();
        };
        output("card1-HDMI-A-1", "connected", "1920x1080\n1280x720\n", &block());
        output("card1-eDP-1", "connected", "1366x768\n", b"");
        output("card1-DP-1", "disconnected", "", b"");
        std::fs::create_dir_all(root.join("card1")).unwrap();
        std::fs::write(root.join("version"), "drm").unwrap();
        let found = kernel_outputs(&root);
        std::fs::remove_dir_all(root).unwrap();
        found
    }

    #[test]
    fn the_kernel_tells_names_sizes_and_models() {
        let found = merged(made_up("kernel"), None, None);
        assert_eq!(found.free, ["DP-1"]);
        let [projector, panel] = found.connected.as_slice() else {
            unreachable!("two are connected: {found:?}");
        };
        assert_eq!(
            (projector.name.as_str(), panel.name.as_str()),
            ("HDMI-A-1", "eDP-1")
        );
        assert_eq!(projector.model.as_deref(), Some("BNQ TH671ST"));
        assert_eq!((projector.width_px, projector.rate_hz), (Some(1920), Some(60.0)));
        assert_eq!(
            (panel.width_px, panel.rate_hz, panel.model.clone()),
            (Some(1366), None, None)
        );
        assert_eq!((panel.x_px, panel.primary), (None, None));
    }

    #[test]
    fn the_window_system_knows_better() {
        let seen = xrandr::parse(
            "eDP-1 connected primary 1366x768+1280+0\n   1366x768  59.97*\n\
             HDMI-1 connected 1280x720+0+0\n   1280x720  50.00*\nVIRTUAL-1 connected\n",
        );
        let found = merged(made_up("window"), Some(seen), None);
        let names: Vec<_> = found.connected.iter().map(|m| m.name.as_str()).collect();
        assert_eq!(names, ["HDMI-1", "eDP-1", "VIRTUAL-1"]);
        let projector = &found.connected[0];
        assert_eq!(projector.model.as_deref(), Some("BNQ TH671ST"));
        assert_eq!((projector.width_px, projector.rate_hz), (Some(1280), Some(50.0)));
        assert_eq!((projector.x_px, projector.primary), (Some(0), Some(false)));
        assert_eq!(found.connected[2].in_use, Some(false));
    }

    #[test]
    fn nobody_to_ask_is_not_the_same_as_none() {
        assert!(!merged(kernel_outputs(Path::new("/nowhere")), None, None).known);
        let none = merged(None, Some(Vec::new()), None);
        assert!(none.known && none.connected.is_empty());
        assert!(same_connector("HDMI-A-1", "HDMI-1") && same_connector("DVI-D-1", "dvi-1"));
        assert!(!same_connector("HDMI-A-1", "HDMI-2") && !same_connector("DP-1", "eDP-1"));
    }
}
