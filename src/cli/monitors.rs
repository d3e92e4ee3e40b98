//! `monitors`: which monitors and projectors are connected.

use std::io::Write;

use clap::Args;

use super::{Failure, write_table};
use crate::ops::devices::{MonitorOutput, Monitors as Found, monitors};

/// Lists the connected monitors and projectors: name for projector.monitor, size, rate, place.
#[derive(Debug, Args)]
pub(crate) struct Monitors {
    /// Print one JSON document on stdout and nothing else.
    #[arg(long)]
    json: bool,
}

impl Monitors {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let found = monitors();
        let mut out = std::io::stdout().lock();
        let written = if self.json {
            super::write_json(&mut out, &found)
        } else {
            write_monitors(&mut out, &found)
        };
        written.map_err(|e| Failure::failed(format!("can't write to standard output: {e}")))
    }
}

fn write_monitors(out: &mut impl Write, found: &Found) -> std::io::Result<()> {
    if !found.known {
        writeln!(
            out,
            "This machine lists no monitors: neither the kernel (/sys/class/drm) nor a window system knows any.\n\
             On a real machine, install the driver of its graphics card.\n\
             Without a monitor: billiards-trainer run --headless, and open its web page."
        )?;
    } else if found.connected.is_empty() {
        writeln!(
            out,
            "No monitor is connected.\n\
             Connect the projector, switch it on, and try again; if it still is not here, try another cable."
        )?;
    } else {
        let rows: Vec<_> = found.connected.iter().map(row).collect();
        let head = ["name", "size", "rate", "place", "use", "model"].map(ToOwned::to_owned);
        write_table(out, &[&[head], rows.as_slice()].concat())?;
        writeln!(
            out,
            "\nFor the projector: billiards-trainer run --monitor NAME, or projector.monitor in the settings file."
        )?;
    }
    if !found.free.is_empty() {
        writeln!(out, "Nothing is connected to {}.", found.free.join(", "))?;
    }
    match &found.note {
        Some(note) => writeln!(out, "Note: {note}."),
        None => Ok(()),
    }
}

fn row(monitor: &MonitorOutput) -> [String; 6] {
    let unknown = || "unknown".to_owned();
    let both = |a: Option<String>, b: Option<String>, between: &str| match (a, b) {
        (Some(a), Some(b)) => format!("{a}{between}{b}"),
        _ => unknown(),
    };
    let words = |n: Option<u32>| n.map(|n| n.to_string());
    let edges = |n: Option<i32>| n.map(|n| n.to_string());
    let usage = match (monitor.in_use, monitor.primary) {
        (Some(false), _) => "off",
        (_, Some(true)) => "on, primary",
        (Some(true), _) => "on",
        (None, _) => "unknown",
    };
    [
        monitor.name.clone(),
        both(words(monitor.width_px), words(monitor.height_px), " × "),
        monitor.rate_hz.map_or_else(unknown, |r| format!("{r:.1} Hz")),
        both(edges(monitor.x_px), edges(monitor.y_px), ", "),
        usage.to_owned(),
        monitor.model.clone().unwrap_or_else(unknown),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(found: &Found) -> String {
        let mut out = Vec::new();
        write_monitors(&mut out, found).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn monitors_stand_in_a_table_and_what_is_unknown_is_said() {
        let projector = MonitorOutput {
            name: "HDMI-1".to_owned(),
            model: Some("BNQ TH671ST".to_owned()),
            width_px: Some(1920),
            height_px: Some(1080),
            rate_hz: Some(60.0),
            x_px: Some(1366),
            y_px: Some(0),
            primary: Some(false),
            in_use: Some(true),
        };
        let panel = MonitorOutput {
            name: "eDP-1".to_owned(),
            model: None,
            rate_hz: None,
            x_px: None,
            primary: None,
            in_use: None,
            ..projector.clone()
        };
        let text = written(&Found {
            connected: vec![projector, panel],
            free: vec!["DP-1".to_owned()],
            known: true,
            note: Some("places are not known: x".to_owned()),
        });
        let start = "\
name    size         rate     place    use      model
HDMI-1  1920 × 1080  60.0 Hz  1366, 0  on       BNQ TH671ST
eDP-1   1920 × 1080  unknown  unknown  unknown  unknown
";
        assert!(text.starts_with(start), "{text}");
        assert!(
            text.ends_with("Nothing is connected to DP-1.\nNote: places are not known: x.\n"),
            "{text}"
        );
    }

    #[test]
    fn none_says_what_to_do() {
        assert!(written(&Found::default()).contains("--headless"));
        let none = Found {
            known: true,
            ..Found::default()
        };
        assert!(written(&none).starts_with("No monitor is connected.\nConnect the projector"));
    }
}
