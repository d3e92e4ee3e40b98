//! What a user may write for `--source`.

use std::fmt;
use std::str::FromStr;

/// A frame source as written by a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceSpec {
    /// First camera, else the virtual table.
    Auto,
    /// The virtual table with the named scene (empty: the default one).
    Virtual(String),
    /// A camera by index or device path.
    Camera(String),
    /// A video file or network stream, read through ffmpeg.
    Video(String),
    /// A picture, a folder of pictures, or a glob.
    Images(String),
    /// A recorded session, or the newest of a folder.
    Recording(String),
}

/// Text that names no source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown source `{0}`; write auto, virtual, virtual:SCENE, camera:ID, video:FILE, images:DIR_OR_GLOB, \
     recording:FILE_OR_DIR, http://… or rtsp://…"
)]
pub struct UnknownSource(pub String);

impl FromStr for SourceSpec {
    type Err = UnknownSource;

    fn from_str(text: &str) -> Result<Self, UnknownSource> {
        let text = text.trim();
        let unknown = || UnknownSource(text.to_owned());
        if ["http://", "https://", "rtsp://"]
            .iter()
            .any(|p| text.starts_with(p))
        {
            return Ok(Self::Video(text.to_owned()));
        }
        match text.split_once(':') {
            None if text == "auto" => Ok(Self::Auto),
            None if text == "virtual" => Ok(Self::Virtual(String::new())),
            Some((_, "")) => Err(unknown()),
            Some(("virtual", scene)) => Ok(Self::Virtual(scene.to_owned())),
            Some(("camera", id)) => Ok(Self::Camera(id.to_owned())),
            Some(("video", file)) => Ok(Self::Video(file.to_owned())),
            Some(("recording", path)) => Ok(Self::Recording(path.to_owned())),
            Some(("images", path)) => Ok(Self::Images(path.to_owned())),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Virtual(scene) if scene.is_empty() => f.write_str("virtual"),
            Self::Virtual(scene) => write!(f, "virtual:{scene}"),
            Self::Camera(id) => write!(f, "camera:{id}"),
            Self::Video(url) if url.contains("://") => f.write_str(&super::video::masked(url)),
            Self::Video(file) => write!(f, "video:{file}"),
            Self::Images(path) => write!(f, "images:{path}"),
            Self::Recording(path) => write!(f, "recording:{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_back_as_written() {
        for text in [
            "auto",
            "virtual",
            "virtual:break",
            "camera:0",
            "camera:/dev/video2",
            "video:a b.mp4",
            "images:*.jpg",
            "recording:a b.btr",
            "rtsp://cam/1",
        ] {
            assert_eq!(text.parse::<SourceSpec>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_refused_with_the_list() {
        for text in ["", "webcam", "camera:", "file:x", "virtual:"] {
            let message = text.parse::<SourceSpec>().unwrap_err().to_string();
            assert!(
                message.contains("camera:ID") && message.contains(text),
                "{message}"
            );
        }
    }
}
