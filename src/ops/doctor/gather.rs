//! Finds out the facts, on this machine.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::camera::{CameraFacts, PictureFacts, WantedCamera};
use super::machine::{Clock, Memory, Platform, Processor, Service};
use super::screens::{GraphicsFacts, MonitorFacts};
use super::site::{FfmpegFacts, PortFacts, PortState, SettingsFacts, StateFolder};
use super::{Site, port as listeners};
use crate::ops::devices;
use crate::ops::helpers::DiskSpace;
use crate::ops::process::{ProcessError, Program};
use crate::units::ImageSize;
use crate::vision::source::SourceSpec;

/// A program that only tells something does so within this.
const TELL_LIMIT: Duration = Duration::from_secs(5);
const UNIT: &str = "billiards-trainer.service";

pub(super) fn platform() -> Platform {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let up = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    Platform {
        system: value_of(&release, "PRETTY_NAME=").map(|n| n.trim_matches('"').to_owned()),
        kernel: first_line("/proc/sys/kernel/osrelease"),
        family: std::env::consts::OS,
        processor: std::env::consts::ARCH,
        whole: cfg!(feature = "app"),
        up: up
            .split(' ')
            .next()
            .and_then(|s| Duration::try_from_secs_f64(s.parse().ok()?).ok()),
    }
}

pub(super) fn processor() -> Processor {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    Processor {
        count: std::thread::available_parallelism().ok().map(Into::into),
        name: value_of(&info, "model name")
            .and_then(|n| n.trim_start().strip_prefix(':').map(|n| n.trim().to_owned())),
        load: load.split(' ').next().and_then(|l| l.parse().ok()),
    }
}

pub(super) fn memory() -> Option<Memory> {
    let table = std::fs::read_to_string("/proc/meminfo").ok()?;
    let bytes = |key: &str| -> Option<u64> {
        let kilobytes = value_of(&table, key)?.trim().strip_suffix("kB")?.trim();
        kilobytes.parse::<u64>().ok()?.checked_mul(1024)
    };
    Some(Memory {
        total: bytes("MemTotal:")?,
        available: bytes("MemAvailable:")?,
    })
}

pub(super) fn open_files() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

pub(super) fn clock() -> Clock {
    let words = |n: time::OffsetDateTime| {
        let (date, hour, minute) = (n.date(), n.hour(), n.minute());
        (format!("{date} {hour:02}:{minute:02} UTC"), n.year())
    };
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = since
        .ok()
        .and_then(|s| i64::try_from(s.as_secs()).ok())
        .and_then(|s| time::OffsetDateTime::from_unix_timestamp(s).ok());
    let told = Program::new("timedatectl")
        .args(["show", "--property=NTPSynchronized", "--value"])
        .run(TELL_LIMIT);
    Clock {
        now: now.map(words),
        synchronised: told
            .ok()
            .filter(|t| t.ending.is_good())
            .and_then(|t| match t.text().trim() {
                "yes" => Some(true),
                "no" => Some(false),
                _ => None,
            }),
    }
}

pub(super) fn service() -> Service {
    // systemd's own test for whether it runs the machine.
    if !Path::new("/run/systemd/system").is_dir() {
        return Service::Unknown("systemd does not run this machine".to_owned());
    }
    let ask = |question: &str| {
        let told = Program::new("systemctl").args([question, UNIT]).run(TELL_LIMIT);
        told.map(|t| t.text().lines().next().unwrap_or_default().to_owned())
            .map_err(|e| e.to_string())
    };
    match (ask("is-enabled"), ask("is-active")) {
        // Nothing on its output: it complained of an unknown unit, or newer ones say the word.
        (Ok(enabled), Ok(_)) if enabled.is_empty() || enabled == "not-found" => Service::Missing,
        (Ok(enabled), Ok(active)) => Service::Installed { enabled, active },
        (Err(why), _) | (_, Err(why)) => Service::Unknown(why),
    }
}

pub(super) fn settings(site: &Site) -> SettingsFacts {
    let settings = &site.settings;
    let follow = || -> Result<(), String> {
        settings.source.parse::<SourceSpec>().map_err(|e| e.to_string())?;
        let table = settings.table_spec().map_err(|e| e.to_string())?;
        settings.vision.house_set(&table).map(drop)
    };
    SettingsFacts {
        path: site.path.clone(),
        problem: site.problem.clone().or_else(|| follow().err()),
        summary: format!("table {}, source {}", settings.table, shown_source(site)),
    }
}

/// The source without passwords.
fn shown_source(site: &Site) -> String {
    let source = site.settings.source.parse::<SourceSpec>();
    source.map_or_else(|_| "unknown".to_owned(), |s| s.to_string())
}

pub(super) fn state_folder(site: &Site) -> StateFolder {
    let folder = site.settings.state_folder();
    folder.map_or(StateFolder::Nowhere, |folder| tried(&folder))
}

/// Writes a file there as the trainer would, reads it again, and leaves nothing behind.
fn tried(folder: &Path) -> StateFolder {
    let missing: Vec<_> = folder.ancestors().take_while(|f| !f.exists()).collect();
    let file = folder.join(format!(".doctor-{}", std::process::id()));
    let text = b"The doctor was here.";
    let written = crate::config::write_durably(&file, text).and_then(|()| {
        let back = std::fs::read(&file)?;
        std::fs::remove_file(&file)?;
        (back == text)
            .then_some(())
            .ok_or_else(|| std::io::Error::other("what was written came back changed"))
    });
    let folder = folder.to_owned();
    let outcome = match written {
        Ok(()) => StateFolder::Works {
            folder,
            is_new: !missing.is_empty(),
        },
        Err(error) => StateFolder::Fails {
            folder,
            read_only: error.kind() == std::io::ErrorKind::ReadOnlyFilesystem,
            reason: error.to_string(),
        },
    };
    for folder in missing {
        // Whoever put something into it meanwhile keeps it.
        std::fs::remove_dir(folder).ok();
    }
    outcome
}

pub(super) fn disk_space(site: &Site) -> Result<DiskSpace, String> {
    let folder = site.settings.state_folder().map_err(|e| e.to_string())?;
    let there = folder.ancestors().find(|f| f.is_dir());
    let there = there.ok_or_else(|| format!("{} leads nowhere", folder.display()))?;
    DiskSpace::of(there).map_err(|e| format!("{}: {e}", there.display()))
}

pub(super) fn port(site: &Site) -> PortFacts {
    let api = &site.settings.api;
    let state = match (api.enabled, api.port) {
        (false, _) => PortState::Off,
        (true, 0) => PortState::Any,
        (true, port) => listeners::look(&api.host, port),
    };
    PortFacts {
        address: format!("{}:{}", api.host, api.port),
        state,
    }
}

pub(super) fn ffmpeg(site: &Site) -> FfmpegFacts {
    let told = Program::new("ffmpeg")
        .args(["-hide_banner", "-version"])
        .run(TELL_LIMIT);
    let failed = |error| match error {
        // What to do is said beside it.
        ProcessError::Missing { .. } => "not installed".to_owned(),
        error => error.to_string(),
    };
    let version = told.map_err(failed).and_then(|told| {
        if !told.ending.is_good() {
            return Err(format!("ffmpeg {}", told.ending));
        }
        let text = told.text();
        let version = value_of(&text, "ffmpeg version ").and_then(|v| v.split(' ').next());
        Ok(version.unwrap_or("unknown").to_owned())
    });
    FfmpegFacts {
        version,
        needed: matches!(site.settings.source.parse(), Ok(SourceSpec::Video(_))),
    }
}

pub(super) fn camera(site: &Site) -> CameraFacts {
    let vision = &site.settings.vision;
    CameraFacts {
        wanted: wanted_camera(site),
        size: ImageSize::new(vision.width_px, vision.height_px),
        rate_hz: vision.rate_hz,
        cameras: devices::cameras(),
        user: devices::User::current().name,
    }
}

fn wanted_camera(site: &Site) -> WantedCamera {
    if !site.settings.vision.enabled {
        return WantedCamera::None {
            source: "switched off (vision.enabled)".to_owned(),
        };
    }
    match site.settings.source.parse::<SourceSpec>() {
        Ok(SourceSpec::Auto) => WantedCamera::First,
        Ok(SourceSpec::Camera(id)) => WantedCamera::This {
            leads_to: std::fs::canonicalize(&id).unwrap_or_else(|_| PathBuf::from(&id)),
            id,
        },
        _ => WantedCamera::None {
            source: shown_source(site),
        },
    }
}

/// Takes one picture with the camera that is wanted, unless somebody uses it.
#[cfg(feature = "app")]
pub(super) fn picture(site: &Site) -> PictureFacts {
    use crate::vision::source::{CameraSettings, CameraSource, FrameSource as _, Held, Holder, SourceError};
    let facts = camera(site);
    if matches!(facts.wanted, WantedCamera::None { .. }) {
        return PictureFacts::NotNeeded;
    }
    let Some(camera) = facts.wanted.among(&facts.cameras) else {
        return PictureFacts::NotTried("no camera is connected".to_owned());
    };
    if let Some(users) = camera.used_by.in_words() {
        return PictureFacts::NotTried(format!("the camera is in use by {users}"));
    }
    if camera.access != devices::Access::Granted {
        return PictureFacts::NotTried("the camera may not be used".to_owned());
    }
    let start = std::time::Instant::now();
    // A look that changes nothing.
    let held = Held::new(std::sync::Mutex::new(Holder::new(CameraSettings {
        lock: false,
        ..CameraSettings::default()
    })));
    let source = CameraSource::open(&camera.id, facts.size, facts.rate_hz, &held);
    let taken = source.and_then(|mut source| match source.next(source.patience().first)? {
        Some(frame) => Ok(frame.size),
        None => Err(SourceError::Failed(format!(
            "{}: no picture comes",
            source.name()
        ))),
    });
    match taken {
        Ok(size) => PictureFacts::Taken {
            size,
            after_ms: start.elapsed().as_millis(),
        },
        Err(error) => PictureFacts::Failed(error.to_string()),
    }
}

/// A build without devices takes none.
#[cfg(not(feature = "app"))]
pub(super) fn picture(site: &Site) -> PictureFacts {
    if matches!(wanted_camera(site), WantedCamera::None { .. }) {
        return PictureFacts::NotNeeded;
    }
    PictureFacts::NotTried("this build has no cameras".to_owned())
}

#[cfg(feature = "app")]
pub(super) fn display(_: &Site) -> Option<Result<String, String>> {
    let named = ["WAYLAND_DISPLAY", "DISPLAY"].into_iter().find_map(|name| {
        let value = std::env::var(name).ok().filter(|v| !v.is_empty())?;
        Some(format!("{name}={value}"))
    });
    Some(crate::app::window_system().map(|()| named.unwrap_or_else(|| "a window system".to_owned())))
}

#[cfg(not(feature = "app"))]
pub(super) fn display(_: &Site) -> Option<Result<String, String>> {
    None
}

pub(super) fn monitors(site: &Site) -> MonitorFacts {
    let projector = &site.settings.projector;
    MonitorFacts {
        monitors: devices::monitors(),
        projector_off: projector.disabled,
        wanted: projector.monitor.clone(),
    }
}

pub(super) fn graphics(site: &Site) -> GraphicsFacts {
    GraphicsFacts {
        adapters: adapters(),
        projector_off: site.settings.projector.disabled,
    }
}

/// As the trainer looks for them: OpenGL only where nothing else is; real ones before software.
#[cfg(feature = "app")]
fn adapters() -> Option<Vec<super::screens::AdapterFacts>> {
    use wgpu::{Backends, Instance, InstanceDescriptor};
    let mut found = Vec::new();
    for backends in [Backends::PRIMARY, Backends::SECONDARY] {
        if found.is_empty() {
            let backends = Backends::from_env().unwrap_or(backends);
            let instance = Instance::new(InstanceDescriptor {
                backends,
                ..InstanceDescriptor::new_without_display_handle()
            });
            let adapters = futures_lite::future::block_on(instance.enumerate_adapters(backends));
            found.extend(adapters.iter().map(|a| facts_of(&a.get_info())));
        }
    }
    found.sort_by_key(|a| a.software);
    Some(found)
}

#[cfg(feature = "app")]
fn facts_of(info: &wgpu::AdapterInfo) -> super::screens::AdapterFacts {
    super::screens::AdapterFacts {
        name: info.name.clone(),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        interface: format!("{:?}", info.backend),
        software: info.device_type == wgpu::DeviceType::Cpu,
    }
}

#[cfg(not(feature = "app"))]
fn adapters() -> Option<Vec<super::screens::AdapterFacts>> {
    None
}

/// What follows a key at the beginning of a line.
fn value_of<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|l| l.strip_prefix(key))
}

fn first_line(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    text.lines().next().map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_tried_and_left_as_it_was() {
        let root = std::env::temp_dir().join(format!("billiards-state-{}", std::process::id()));
        let folder = root.join("deep/state");
        let works = |is_new| StateFolder::Works {
            folder: folder.clone(),
            is_new,
        };
        assert_eq!(tried(&folder), works(true));
        assert!(!root.exists());
        std::fs::create_dir_all(&folder).unwrap();
        assert_eq!(tried(&folder), works(false));
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        // A file stands where the folder should be.
        let file = folder.join("file");
        std::fs::write(&file, "mine").unwrap();
        assert!(matches!(
            tried(&file),
            StateFolder::Fails { read_only: false, .. }
        ));
        assert_eq!(std::fs::read(&file).unwrap(), b"mine");
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn this_machine_tells_of_itself() {
        let memory = memory().unwrap();
        assert!(memory.available > 0 && memory.available <= memory.total);
        assert!(processor().count.unwrap() > 0);
        assert!(platform().up.unwrap() > Duration::ZERO);
        assert!(clock().now.unwrap().1 > 2024);
    }
}
