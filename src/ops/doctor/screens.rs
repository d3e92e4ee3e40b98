//! What to think of display, monitors and graphics.

use super::Finding;
use crate::ops::devices::{Monitors, same_connector};

pub(super) const DISPLAY: &str = "display";
pub(super) const MONITORS: &str = "monitors";
pub(super) const GRAPHICS: &str = "graphics";

/// The window system: which one answers, or why none does. None: not asked.
pub(super) fn display(facts: &Option<Result<String, String>>) -> Finding {
    match facts {
        None => Finding::unknown(DISPLAY, "this build has no windows", None),
        Some(Ok(which)) => Finding::ok(DISPLAY, format!("{which} answers")),
        Some(Err(why)) => Finding::warning(
            DISPLAY,
            format!("{why}; drawn off-screen, for the web page only"),
            "run this in the desktop session (over ssh: DISPLAY=:0 billiards-trainer doctor)",
        ),
    }
}

/// The monitors, and which one is to be the projector.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct MonitorFacts {
    pub monitors: Monitors,
    pub projector_off: bool,
    /// `projector.monitor`
    pub wanted: String,
}

pub(super) fn monitors(facts: &MonitorFacts) -> Finding {
    let connected = &facts.monitors.connected;
    let names: Vec<_> = connected
        .iter()
        .map(|m| match &m.model {
            Some(model) => format!("{} ({model})", m.name),
            None => m.name.clone(),
        })
        .collect();
    let list = names.join(", ");
    let plug = "connect the projector and switch it on; `billiards-trainer monitors` shows when it is there";
    if facts.projector_off {
        return Finding::ok(
            MONITORS,
            "not needed: the projector is switched off (projector.disabled)",
        );
    }
    if !facts.monitors.known {
        let says = "neither the kernel (/sys/class/drm) nor a window system lists any";
        let remedy = facts.monitors.note.as_deref();
        return Finding::unknown(MONITORS, says, remedy);
    }
    if connected.is_empty() {
        return Finding::warning(MONITORS, "none is connected", plug);
    }
    if !facts.wanted.is_empty() {
        let Some(found) = connected.iter().find(|m| same_connector(&m.name, &facts.wanted)) else {
            let says = format!("{} is not connected; connected: {list}", facts.wanted);
            return Finding::fault(
                MONITORS,
                says,
                format!("{plug}, or set projector.monitor to another"),
            );
        };
        // With a place it comes from the window system, whose name must be matched to the letter.
        if found.name != facts.wanted && found.x_px.is_some() {
            let says = format!("{} is called {} here", facts.wanted, found.name);
            return Finding::fault(
                MONITORS,
                says,
                format!("set projector.monitor to \"{}\"", found.name),
            );
        }
        return Finding::ok(MONITORS, format!("{list}; the projector is {}", facts.wanted));
    }
    if connected.len() == 1 {
        let says = format!("only {list}: the projector's picture is a window on it");
        return Finding::warning(MONITORS, says, plug);
    }
    Finding::ok(MONITORS, list)
}

/// A graphics adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AdapterFacts {
    pub name: String,
    /// Name and version.
    pub driver: String,
    /// `Vulkan`
    pub interface: String,
    /// It computes on the processor.
    pub software: bool,
}

/// Adapters in the order in which the trainer would take them. None: not asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GraphicsFacts {
    pub adapters: Option<Vec<AdapterFacts>>,
    pub projector_off: bool,
}

pub(super) fn graphics(facts: &GraphicsFacts) -> Finding {
    let Some(adapters) = &facts.adapters else {
        return Finding::unknown(GRAPHICS, "this build has no graphics", None);
    };
    let Some(best) = adapters.first() else {
        let says = "no adapter: nothing can be drawn";
        let remedy = "install a driver, or the software one: sudo apt install mesa-vulkan-drivers";
        return if facts.projector_off {
            Finding::warning(GRAPHICS, says, remedy)
        } else {
            Finding::fault(GRAPHICS, says, remedy)
        };
    };
    let driver = if best.driver.is_empty() {
        "driver unnamed".to_owned()
    } else {
        best.driver.clone()
    };
    let says = format!("{}, {driver}, {}", best.name, best.interface);
    if best.software {
        return Finding::warning(
            GRAPHICS,
            format!("{says}: draws on the processor, which is slow"),
            "if the machine has a graphics card, install its driver; and let the user into the group render",
        );
    }
    Finding::ok(GRAPHICS, says)
}

#[cfg(test)]
mod tests {
    use super::super::Verdict::{self, Fault, Ok, Unknown, Warning};
    use super::*;
    use crate::ops::devices::MonitorOutput;

    fn told(connected: &[(&str, Option<i32>)], known: bool, wanted: &str) -> Verdict {
        let output = |(name, x_px): &(&str, Option<i32>)| MonitorOutput {
            name: (*name).to_owned(),
            model: None,
            width_px: None,
            height_px: None,
            rate_hz: None,
            x_px: *x_px,
            y_px: None,
            primary: None,
            in_use: None,
        };
        let monitors = Monitors {
            connected: connected.iter().map(output).collect(),
            known,
            ..Monitors::default()
        };
        let wanted = wanted.to_owned();
        super::monitors(&MonitorFacts {
            monitors,
            projector_off: false,
            wanted,
        })
        .verdict
    }

    #[test]
    fn monitors_are_held_against_the_one_that_is_wanted() {
        let (panel, projector) = (("eDP-1", Some(0)), ("HDMI-1", Some(1920)));
        assert_eq!(told(&[panel, projector], true, ""), Ok);
        assert_eq!(told(&[panel, projector], true, "HDMI-1"), Ok);
        assert_eq!(told(&[panel], true, ""), Warning);
        assert_eq!(told(&[], true, ""), Warning);
        assert_eq!(told(&[], false, ""), Unknown);
        assert_eq!(told(&[panel], true, "HDMI-1"), Fault);
        // X wants its own name; while only the kernel was asked, its name will do.
        assert_eq!(told(&[panel, projector], true, "HDMI-A-1"), Fault);
        assert_eq!(told(&[("HDMI-A-1", None)], true, "HDMI-1"), Ok);
    }

    #[test]
    fn displays_and_graphics() {
        assert_eq!(display(&None).verdict, Unknown);
        assert_eq!(display(&Some(Err("no display".to_owned()))).verdict, Warning);
        let adapter = |software| AdapterFacts {
            name: "a".to_owned(),
            driver: String::new(),
            interface: "Vulkan".to_owned(),
            software,
        };
        let told = |adapters, projector_off| {
            graphics(&GraphicsFacts {
                adapters,
                projector_off,
            })
            .verdict
        };
        assert_eq!(told(Some(vec![adapter(false), adapter(true)]), false), Ok);
        assert_eq!(told(Some(vec![adapter(true)]), false), Warning);
        assert_eq!(
            (told(Some(vec![]), false), told(Some(vec![]), true)),
            (Fault, Warning)
        );
        assert_eq!(told(None, false), Unknown);
    }
}
