//! Where the program can draw: windows, off-screen, or nowhere. Found out before Bevy starts,
//! because Bevy ends the program when there is no display or no graphics adapter.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// A graphics adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adapter {
    /// The driver's name for it.
    pub name: String,
    /// It computes on the processor.
    pub software: bool,
    /// The interfaces it was found with.
    pub backends: wgpu::Backends,
}

/// Where the program draws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Display {
    /// Projector and dashboard in windows.
    Windows(Adapter),
    /// Drawn into pictures that the API serves; with the reason.
    Offscreen(Adapter),
    /// Not drawn at all; the reason says what to do.
    None(String),
}

impl Display {
    /// Looks for a display and an adapter; says in the log what was chosen and why.
    #[must_use]
    pub fn choose(headless: bool) -> Self {
        let window_system = if headless {
            Err("--headless was asked for".to_owned())
        } else {
            window_system()
        };
        let Some(adapter) = find_adapter() else {
            let reason =
                "no graphics adapter: install a driver, or the software one (mesa-vulkan-drivers)".to_owned();
            tracing::warn!("projector and dashboard are not drawn, {reason}; everything else runs");
            return Self::None(reason);
        };
        match window_system {
            Ok(()) => {
                tracing::info!("drawing in windows on {}", adapter.name);
                Self::Windows(adapter)
            }
            Err(reason) => {
                tracing::info!("drawing off-screen on {} ({reason})", adapter.name);
                Self::Offscreen(adapter)
            }
        }
    }

    /// One line for the status.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Windows(a) => format!("windows on {}", a.name),
            Self::Offscreen(a) => format!("off-screen on {}", a.name),
            Self::None(reason) => format!("not drawn: {reason}"),
        }
    }
}

/// Whether a window system answers; else why not.
pub(crate) fn window_system() -> Result<(), String> {
    let wayland = std::env::var_os("WAYLAND_DISPLAY").filter(|v| !v.is_empty());
    if let Some(name) = wayland {
        let folder = std::env::var_os("XDG_RUNTIME_DIR")
            .map(PathBuf::from)
            .unwrap_or_default();
        // The window library takes Wayland where it is named, and does not fall back to X.
        return UnixStream::connect(folder.join(&name))
            .map(drop)
            .map_err(|_| format!("WAYLAND_DISPLAY={} does not answer", name.display()));
    }
    match std::env::var("DISPLAY") {
        Ok(name) if !name.is_empty() => x11_answers(&name)
            .then_some(())
            .ok_or_else(|| format!("DISPLAY={name} does not answer")),
        _ => Err("no display: neither WAYLAND_DISPLAY nor DISPLAY leads to one".to_owned()),
    }
}

/// Connects to an X server as named by `[host]:number[.screen]`.
fn x11_answers(name: &str) -> bool {
    let Some((host, rest)) = name.rsplit_once(':') else {
        return false;
    };
    let Ok(number) = rest.split('.').next().unwrap_or_default().parse::<u16>() else {
        return false;
    };
    if host.is_empty() || host == "unix" {
        return UnixStream::connect(format!("/tmp/.X11-unix/X{number}")).is_ok();
    }
    let Some(port) = number.checked_add(6000) else {
        return false;
    };
    (host, port)
        .to_socket_addrs()
        .is_ok_and(|mut all| all.any(|a| TcpStream::connect_timeout(&a, Duration::from_secs(2)).is_ok()))
}

/// The adapter that Bevy will take, with the interface it is reached by: Vulkan and its like
/// before OpenGL, a real one before a software one. What the environment asks for stands first.
fn find_adapter() -> Option<Adapter> {
    let asked = wgpu::Backends::from_env();
    [wgpu::Backends::PRIMARY, wgpu::Backends::SECONDARY]
        .into_iter()
        .find_map(|backends| {
            let backends = asked.unwrap_or(backends);
            let descriptor = wgpu::InstanceDescriptor {
                backends,
                ..wgpu::InstanceDescriptor::new_without_display_handle()
            };
            let instance = wgpu::Instance::new(descriptor);
            bevy::tasks::block_on(instance.enumerate_adapters(backends))
                .iter()
                .map(wgpu::Adapter::get_info)
                .map(|info| Adapter {
                    name: info.name,
                    software: info.device_type == wgpu::DeviceType::Cpu,
                    backends,
                })
                .min_by_key(|a| a.software)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_that_lead_nowhere_are_no_display() {
        for name in [
            "",
            "0",
            ":",
            ":x",
            ":987",
            "unix:987",
            "nohost.invalid:1",
            ":70000",
        ] {
            assert!(!x11_answers(name), "{name}");
        }
    }
}
