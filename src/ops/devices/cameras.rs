//! The cameras: what they are, what they offer, and who uses them.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Holders, holders_of};

/// A camera, or what the system lists among them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Camera {
    /// What to write after `camera:`.
    pub id: String,
    /// Its device.
    pub path: PathBuf,
    /// What the maker calls it; none where the system does not tell.
    pub name: Option<String>,
    /// A path that leads to this very camera, whatever is plugged in beside it.
    pub lasting_path: Option<PathBuf>,
    /// Whether this user may open it.
    pub access: Access,
    /// Formats, best first. None: not asked or no answer. Empty: it gives no pictures; many
    /// cameras have such a second device for their settings.
    pub formats: Option<Vec<Format>>,
    /// Why there is no answer.
    pub problem: Option<String>,
    /// Who has it open.
    pub used_by: Holders,
}

impl Camera {
    /// It is known to give no pictures.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        self.formats.as_ref().is_some_and(Vec::is_empty)
    }
}

/// Pictures a camera offers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Format {
    /// Four letters: `MJPG`, `YUYV`, `NV12`.
    pub pixels: String,
    /// Width in pixels; of a camera with any size in a range, the largest.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
    /// Pictures a second, highest first.
    pub rates_hz: Vec<f64>,
    /// The trainer can read it.
    pub readable: bool,
}

/// Whether a device may be opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// For reading and writing, which a camera needs.
    Granted,
    /// Only the members of the group may.
    NeedsGroup {
        /// Its name or number.
        group: String,
        /// The user was entered into it, but has not logged in again since.
        entered: bool,
    },
    /// For another reason.
    Refused(String),
}

/// Who runs this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name, or the number where there is none.
    pub name: String,
}

impl User {
    /// The user of this process.
    #[must_use]
    pub fn current() -> Self {
        let number = rustix::process::geteuid().as_raw().to_string();
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let name = fields_of(&accounts).find(|f| f.get(2) == Some(&number.as_str()));
        let name = name.and_then(|f| f.first().map(|n| (*n).to_owned()));
        Self {
            name: name.unwrap_or(number),
        }
    }
}

/// The cameras of this machine, in order of their numbers.
#[must_use]
pub fn cameras() -> Vec<Camera> {
    let user = User::current();
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    devices(Path::new("/dev"))
        .into_iter()
        .map(|(number, path)| {
            let access = access_to(&path, &user, &groups);
            let (formats, problem) = match (&access, formats_of(&path)) {
                (Access::Granted, Ok(formats)) => (formats, None),
                (Access::Granted, Err(problem)) => (None, Some(problem)),
                _ => (None, None),
            };
            Camera {
                name: name_of(number),
                lasting_path: lasting_path(Path::new("/dev/v4l/by-id"), &path),
                used_by: holders_of(|p| p == path),
                id: number.to_string(),
                path,
                access,
                formats,
                problem,
            }
        })
        .collect()
}

/// The path that leads to this very camera, whatever is plugged in beside it, for a device by number or path; where
/// there is none, or it is one already, what was given.
#[must_use]
pub fn lasting_id(id: &str) -> String {
    let device = if id.bytes().all(|b| b.is_ascii_digit()) {
        PathBuf::from(format!("/dev/video{id}"))
    } else {
        PathBuf::from(id)
    };
    if device.parent() != Some(Path::new("/dev")) {
        return id.to_owned();
    }
    let lasting = lasting_path(Path::new("/dev/v4l/by-id"), &device);
    lasting.map_or_else(|| id.to_owned(), |path| path.to_string_lossy().into_owned())
}

fn devices(folder: &Path) -> Vec<(u32, PathBuf)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .filter_map(|e| {
            let number = e.file_name().to_str()?.strip_prefix("video")?.parse().ok()?;
            Some((number, e.path()))
        })
        .collect();
    found.sort();
    found
}

fn name_of(number: u32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/sys/class/video4linux/video{number}/name")).ok()?;
    // Many makers write their name twice: `HD Webcam: HD Webcam`.
    let name = name.trim();
    match name.split_once(": ") {
        Some((first, second)) if first.starts_with(second) || second.starts_with(first) => {
            Some(first.to_owned())
        }
        _ => Some(name.to_owned()),
    }
}

fn lasting_path(links: &Path, device: &Path) -> Option<PathBuf> {
    let links = std::fs::read_dir(links).ok()?.flatten().map(|e| e.path());
    let mut leading: Vec<_> = links
        .filter(|l| std::fs::canonicalize(l).is_ok_and(|p| p == device))
        .collect();
    leading.sort();
    leading.into_iter().next()
}

fn access_to(path: &Path, user: &User, groups: &str) -> Access {
    use rustix::fs::Access as Mode;
    use std::os::unix::fs::MetadataExt as _;
    let Err(error) = rustix::fs::access(path, Mode::READ_OK | Mode::WRITE_OK) else {
        return Access::Granted;
    };
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) if error == rustix::io::Errno::ACCESS => metadata,
        _ => return Access::Refused(error.to_string()),
    };
    if metadata.mode() & 0o060 != 0o060 {
        return Access::Refused(format!("its mode is {:o}", metadata.mode() & 0o777));
    }
    needs_group(metadata.gid(), user, groups)
}

fn needs_group(gid: u32, user: &User, groups: &str) -> Access {
    let number = gid.to_string();
    let group = fields_of(groups).find(|f| f.get(2) == Some(&number.as_str()));
    let entered = group
        .as_ref()
        .and_then(|f| f.get(3))
        .is_some_and(|members| members.split(',').any(|m| m == user.name));
    let group = group.and_then(|f| f.first().map(|n| (*n).to_owned()));
    Access::NeedsGroup {
        group: group.unwrap_or(number),
        entered,
    }
}

fn fields_of(table: &str) -> impl Iterator<Item = Vec<&str>> {
    table.lines().map(|l| l.split(':').collect())
}

/// Asks without changing anything, so that it may be done while another program takes pictures.
#[cfg(all(feature = "app", target_os = "linux"))]
fn formats_of(path: &Path) -> Result<Option<Vec<Format>>, String> {
    use v4l::video::Capture as _;
    let ask = || -> std::io::Result<Vec<Format>> {
        let device = v4l::Device::with_path(path)?;
        let mut formats = Vec::new();
        for offered in device.enum_formats()? {
            let pixels = offered.fourcc.to_string();
            for size in device.enum_framesizes(offered.fourcc).unwrap_or_default() {
                let (width_px, height_px) = match size.size {
                    v4l::framesize::FrameSizeEnum::Discrete(s) => (s.width, s.height),
                    v4l::framesize::FrameSizeEnum::Stepwise(s) => (s.max_width, s.max_height),
                };
                let intervals = device.enum_frameintervals(offered.fourcc, width_px, height_px);
                formats.push(Format {
                    readable: ["MJPG", "YUYV", "NV12"].contains(&pixels.as_str()),
                    rates_hz: rates(&intervals.unwrap_or_default()),
                    pixels: pixels.clone(),
                    width_px,
                    height_px,
                });
            }
        }
        Ok(formats)
    };
    // The library trusts what drivers tell it.
    let mut formats = std::panic::catch_unwind(ask)
        .map_err(|_| "its driver gives nonsense".to_owned())?
        .map_err(|e| format!("it can't be opened ({e})"))?;
    formats.sort_by_key(|f| {
        (
            !f.readable,
            std::cmp::Reverse(u64::from(f.width_px) * u64::from(f.height_px)),
        )
    });
    Ok(Some(formats))
}

/// A build without devices does not ask.
#[cfg(not(all(feature = "app", target_os = "linux")))]
fn formats_of(_: &Path) -> Result<Option<Vec<Format>>, String> {
    Ok(None)
}

#[cfg(all(feature = "app", target_os = "linux"))]
fn rates(intervals: &[v4l::frameinterval::FrameInterval]) -> Vec<f64> {
    use v4l::frameinterval::FrameIntervalEnum;
    let rate = |f: &v4l::Fraction| {
        let rate = f64::from(f.denominator) / f64::from(f.numerator);
        // 29.97 is said as that.
        (rate.is_finite() && rate > 0.0).then(|| (rate * 100.0).round() / 100.0)
    };
    let mut rates: Vec<f64> = intervals
        .iter()
        .filter_map(|i| match &i.interval {
            FrameIntervalEnum::Discrete(f) => rate(f),
            // Any rate up to that of the shortest interval.
            FrameIntervalEnum::Stepwise(s) => rate(&s.min),
        })
        .collect();
    rates.sort_by(|a, b| b.total_cmp(a));
    rates.dedup();
    rates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_listed_by_number_with_their_lasting_names() {
        let root = std::env::temp_dir().join(format!("billiards-devices-{}", std::process::id()));
        std::fs::create_dir_all(root.join("links")).unwrap();
        for name in ["video10", "video2", "video-codec", "sound"] {
            std::fs::write(root.join(name), "").unwrap();
        }
        let found = devices(&root);
        let numbers: Vec<_> = found.iter().map(|d| d.0).collect();
        assert_eq!(numbers, [2, 10]);
        let link = root.join("links/usb-maker-index0");
        std::os::unix::fs::symlink(root.join("video10"), &link).unwrap();
        let device = std::fs::canonicalize(root.join("video10")).unwrap();
        assert_eq!(lasting_path(&root.join("links"), &device), Some(link));
        assert_eq!(lasting_path(&root.join("links"), &root.join("video2")), None);
        assert_eq!(lasting_path(&root.join("nowhere"), &device), None);
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn who_is_kept_out_learns_of_the_group() {
        let groups = "root:x:0:\nvideo:x:44:anna,ben\nrender:x:105:\n";
        let user = |name: &str| User {
            name: name.to_owned(),
        };
        let needs = |group: &str, entered| Access::NeedsGroup {
            group: group.to_owned(),
            entered,
        };
        assert_eq!(needs_group(44, &user("ben"), groups), needs("video", true));
        assert_eq!(needs_group(44, &user("an"), groups), needs("video", false));
        assert_eq!(needs_group(105, &user("ben"), groups), needs("render", false));
        assert_eq!(needs_group(77, &user("ben"), groups), needs("77", false));
        let missing = access_to(Path::new("/dev/video-none"), &user("ben"), groups);
        assert!(matches!(missing, Access::Refused(_)), "{missing:?}");
    }
}
