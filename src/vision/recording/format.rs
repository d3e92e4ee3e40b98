//! The bytes of a recording.
//!
//! All numbers little-endian. A file is a head, then records, then (if it was closed in good order) an index:
//!
//! | part | bytes |
//! |---|---|
//! | head | `BTREC001`, length u32, CRC-32 u32, then so many bytes of JSON ([`Header`]) |
//! | record | 48 bytes of [`RecordHead`], then its payload |
//! | tail | offset of the index record u64, `BTRECEND` |

use std::time::Duration;

use glam::DMat3;
use serde::{Deserialize, Serialize};

use crate::calibration::{CameraModel, Lens, Pose, Projection};
use crate::units::{ImageSize, Vec2, Vec3};
use crate::vision::frame::PixelFormat;
use crate::vision::light::{Light, Stroke};

pub(super) const MAGIC: &[u8; 8] = b"BTREC001";
pub(super) const TAIL_MAGIC: &[u8; 8] = b"BTRECEND";
/// Bytes before the JSON of the head.
pub(super) const PREFIX_BYTES: usize = 16;
/// Bytes of a [`RecordHead`].
pub(super) const HEAD_BYTES: usize = 48;
/// Bytes of the tail.
pub(super) const TAIL_BYTES: usize = 16;
/// Longest JSON of the head that is believed.
pub(super) const MAX_HEADER_BYTES: usize = 1 << 20;
/// Longest payload that is believed: twice an uncompressed 4K picture.
pub(super) const MAX_PAYLOAD_BYTES: usize = 64 << 20;

/// What a recording is of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Header {
    /// Program and version that made it.
    pub program: String,
    /// When it began, RFC 3339 UTC.
    pub began: String,
    /// The source as the user wrote it, without passwords.
    pub source: String,
    /// The table model in use.
    pub table: String,
    /// File of the house's own balls, if one was in use.
    pub balls: String,
    /// `vision.readout_ms` of the settings then in use.
    pub readout_ms: f64,
}

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordKind {
    /// A picture.
    Frame,
    /// The calibration that belongs to the pictures after it; empty: none is known.
    Camera,
    /// What the projector lights in the pictures after it; empty: nothing, as far as is known.
    Light,
    /// Where the pictures are.
    Index,
}

impl RecordKind {
    const ALL: [Self; 4] = [Self::Frame, Self::Camera, Self::Light, Self::Index];

    /// True where the marker of some kind stands.
    pub(super) fn is_marked(bytes: &[u8]) -> bool {
        Self::ALL.iter().any(|kind| bytes.starts_with(kind.marker()))
    }

    const fn marker(self) -> &'static [u8; 4] {
        match self {
            Self::Frame => b"FRAM",
            Self::Camera => b"CAMR",
            Self::Light => b"LITE",
            Self::Index => b"INDX",
        }
    }
}

/// How the bytes of a recorded picture are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// As in memory.
    Raw(PixelFormat),
    /// A JPEG as the camera sent it.
    Jpeg,
}

impl Layout {
    const ALL: [Self; 4] = [
        Self::Raw(PixelFormat::Rgb8),
        Self::Raw(PixelFormat::Yuyv),
        Self::Raw(PixelFormat::Nv12),
        Self::Jpeg,
    ];

    fn number(self) -> u8 {
        Self::ALL.iter().position(|l| *l == self).unwrap_or_default() as u8
    }
}

/// What stands before each payload.
///
/// | at | what |
/// |---|---|
/// | 0 | marker: `FRAM`, `CAMR`, `LITE` or `INDX` |
/// | 4 | layout: 0 RGB, 1 YUYV, 2 NV12, 3 JPEG; then three zeros |
/// | 8, 12 | width and height in pixels, u32 |
/// | 16, 20 | length of the payload and its CRC-32, u32 |
/// | 24 | sequence number of the picture, u64 |
/// | 32 | when it was taken, nanoseconds since the first picture, i64 |
/// | 40 | zero, u32 |
/// | 44 | CRC-32 of the 44 bytes before, u32 |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordHead {
    pub kind: RecordKind,
    pub layout: Layout,
    pub size: ImageSize,
    pub length: u32,
    pub payload_crc: u32,
    pub sequence: u64,
    pub t_ns: i64,
}

impl RecordHead {
    /// One without a picture.
    pub(super) fn plain(kind: RecordKind, payload: &[u8]) -> Self {
        Self {
            kind,
            layout: Layout::Raw(PixelFormat::Rgb8),
            size: ImageSize::new(0, 0),
            length: payload.len() as u32,
            payload_crc: crc32fast::hash(payload),
            sequence: 0,
            t_ns: 0,
        }
    }

    pub(super) fn to_bytes(self) -> [u8; HEAD_BYTES] {
        let mut bytes = Vec::with_capacity(HEAD_BYTES);
        bytes.extend(self.kind.marker());
        bytes.extend([self.layout.number(), 0, 0, 0]);
        for number in [self.size.width, self.size.height, self.length, self.payload_crc] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(self.sequence.to_le_bytes());
        bytes.extend(self.t_ns.to_le_bytes());
        bytes.extend([0; 4]);
        let crc = crc32fast::hash(&bytes);
        bytes.extend(crc.to_le_bytes());
        let mut all = [0; HEAD_BYTES];
        all.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        all
    }

    /// `None` where this is no undamaged head.
    pub(super) fn parse(bytes: &[u8; HEAD_BYTES]) -> Option<Self> {
        let (signed, crc) = bytes.split_at_checked(HEAD_BYTES - 4)?;
        if crc != crc32fast::hash(signed).to_le_bytes() {
            return None;
        }
        let marker = bytes.first_chunk::<4>()?;
        let kind = RecordKind::ALL.into_iter().find(|kind| kind.marker() == marker)?;
        let length = u32_at(bytes, 16)?;
        Some(Self {
            kind,
            layout: *Layout::ALL.get(usize::from(*bytes.get(4)?))?,
            size: ImageSize::new(u32_at(bytes, 8)?, u32_at(bytes, 12)?),
            length: (length as usize <= MAX_PAYLOAD_BYTES).then_some(length)?,
            payload_crc: u32_at(bytes, 20)?,
            sequence: u64_at(bytes, 24)?,
            t_ns: u64_at(bytes, 32)?.cast_signed(),
        })
    }
}

/// Where a picture is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Of its head, bytes from the beginning of the file.
    pub offset: u64,
    /// Of the record of its calibration; 0: none.
    pub camera_offset: u64,
    /// The same of its light.
    pub light_offset: u64,
    pub t_ns: i64,
}

const ENTRY_BYTES: usize = 32;

pub(super) fn index_bytes(entries: &[Entry]) -> Vec<u8> {
    entries
        .iter()
        .flat_map(|e| [e.offset, e.camera_offset, e.light_offset, e.t_ns.cast_unsigned()])
        .flat_map(u64::to_le_bytes)
        .collect()
}

pub(super) fn parse_index(bytes: &[u8]) -> Option<Vec<Entry>> {
    if !bytes.len().is_multiple_of(ENTRY_BYTES) {
        return None;
    }
    let entry = |chunk: &[u8]| {
        Some(Entry {
            offset: u64_at(chunk, 0)?,
            camera_offset: u64_at(chunk, 8)?,
            light_offset: u64_at(chunk, 16)?,
            t_ns: u64_at(chunk, 24)?.cast_signed(),
        })
    };
    bytes.chunks_exact(ENTRY_BYTES).map(entry).collect()
}

/// A calibration, bit for bit.
pub(super) fn camera_bytes(camera: &CameraModel) -> Vec<u8> {
    let CameraModel { lens, pose } = camera;
    let mut numbers = vec![
        f64::from(lens.image.width),
        f64::from(lens.image.height),
        lens.focal_px.x,
        lens.focal_px.y,
        lens.centre_px.x,
        lens.centre_px.y,
    ];
    numbers.extend(lens.radial);
    numbers.extend(lens.tangential);
    numbers.extend(pose.eye_m.to_array());
    numbers.extend(pose.rotation.to_cols_array());
    // Recordings of before know of no fisheye.
    if lens.projection == Projection::Fisheye {
        numbers.push(1.0);
    }
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}

pub(super) fn parse_camera(bytes: &[u8]) -> Option<CameraModel> {
    let numbers: Vec<f64> = bytes
        .chunks_exact(8)
        .filter_map(|chunk| Some(f64::from_le_bytes(*chunk.first_chunk::<8>()?)))
        .collect();
    let &[
        w,
        h,
        fx,
        fy,
        cx,
        cy,
        r0,
        r1,
        r2,
        t0,
        t1,
        ex,
        ey,
        ez,
        ref rest @ ..,
    ] = numbers.as_slice()
    else {
        return None;
    };
    let (rotation, projection) = match rest {
        [rotation @ .., 1.0] if rest.len() == 10 => (rotation, Projection::Fisheye),
        rotation => (rotation, Projection::Perspective),
    };
    let rotation: &[f64; 9] = rotation.try_into().ok()?;
    Some(CameraModel {
        lens: Lens {
            image: ImageSize::new(w as u32, h as u32),
            focal_px: Vec2::new(fx, fy),
            centre_px: Vec2::new(cx, cy),
            radial: [r0, r1, r2],
            tangential: [t0, t1],
            projection,
        },
        pose: Pose {
            eye_m: Vec3::new(ex, ey, ez),
            rotation: DMat3::from_cols_array(rotation),
        },
    })
}

/// Light, bit for bit: five f64 and a colour for each stroke.
pub(super) fn light_bytes(light: &Light) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(light.strokes.len() * STROKE_BYTES);
    for stroke in &light.strokes {
        for number in [
            stroke.from.x,
            stroke.from.y,
            stroke.to.x,
            stroke.to.y,
            stroke.half_m,
        ] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(stroke.colour);
        bytes.push(0);
    }
    bytes
}

const STROKE_BYTES: usize = 44;

pub(super) fn parse_light(bytes: &[u8]) -> Option<Light> {
    if !bytes.len().is_multiple_of(STROKE_BYTES) {
        return None;
    }
    let stroke = |chunk: &[u8]| {
        let number = |at: usize| Some(f64::from_bits(u64_at(chunk, at)?));
        Some(Stroke {
            from: Vec2::new(number(0)?, number(8)?),
            to: Vec2::new(number(16)?, number(24)?),
            half_m: number(32)?,
            colour: *chunk.get(40..)?.first_chunk::<3>()?,
        })
    };
    let strokes: Option<Vec<Stroke>> = bytes.chunks_exact(STROKE_BYTES).map(stroke).collect();
    Some(Light { strokes: strokes? })
}

/// The head of a file.
pub(super) fn file_head(header: &Header) -> Result<Vec<u8>, serde_json::Error> {
    let json = serde_json::to_vec(header)?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend((json.len() as u32).to_le_bytes());
    bytes.extend(crc32fast::hash(&json).to_le_bytes());
    bytes.extend(json);
    Ok(bytes)
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk::<4>()?))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk::<8>()?))
}

/// Nanoseconds as a time, never negative.
pub(super) const fn duration_of(ns: i64) -> Duration {
    Duration::from_nanos(if ns < 0 { 0 } else { ns.cast_unsigned() })
}
