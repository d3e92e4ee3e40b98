//! Reads a recording, whole, cut or damaged.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::format::{
    Entry, HEAD_BYTES, Header, Layout, MAGIC, MAX_HEADER_BYTES, PREFIX_BYTES, RecordHead, RecordKind,
    TAIL_BYTES, TAIL_MAGIC, duration_of, parse_camera, parse_index, parse_light, u32_at, u64_at,
};
use crate::calibration::CameraModel;
use crate::vision::frame::{Frame, PixelFormat};
use crate::vision::jpeg::decode_jpeg;
use crate::vision::light::Light;

/// Bytes looked through at once for the next whole record.
const SEARCH_BYTES: usize = 1 << 20;

/// Why a recording, or a picture of it, can't be read. The text says what, where and what to do.
#[derive(Debug, thiserror::Error)]
#[error("recording:{}: {what}", path.display())]
pub struct ReadingError {
    path: PathBuf,
    what: String,
}

/// An open recording.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    file: File,
    length: u64,
    header: Header,
    entries: Vec<Entry>,
    closed_well: bool,
    /// The calibration read last, with the offset of its record.
    camera: Option<(u64, Option<Arc<CameraModel>>)>,
    /// The same of the light.
    light: Option<(u64, Option<Arc<Light>>)>,
}

impl Reader {
    /// Opens a recording. One that was cut (a power cut, a full disk) has what came before the cut.
    ///
    /// # Errors
    /// [`ReadingError`] when it can't be read or is none.
    pub fn open(path: &Path) -> Result<Self, ReadingError> {
        let failed = |what: String| ReadingError {
            path: path.to_owned(),
            what,
        };
        let unreadable = |e: io::Error| failed(format!("can't be read ({e}); check the path"));
        let mut file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        let mut prefix = [0; PREFIX_BYTES];
        let is_ours = file.read_exact(&mut prefix).is_ok() && prefix.starts_with(MAGIC);
        if !is_ours {
            return Err(failed(
                "is not a recording of this program; choose another file".to_owned(),
            ));
        }
        let header = read_header(&mut file, &prefix).ok_or_else(|| {
            failed("is damaged in its first bytes, and nothing can be read without them".to_owned())
        })?;
        let begin = file.stream_position().map_err(unreadable)?;
        let mut reader = Self {
            path: path.to_owned(),
            file,
            length,
            header,
            entries: Vec::new(),
            closed_well: true,
            camera: None,
            light: None,
        };
        match reader.read_index() {
            Some(entries) => reader.entries = entries,
            None => {
                reader.closed_well = false;
                reader.entries = reader.search(begin).map_err(unreadable)?;
            }
        }
        Ok(reader)
    }

    /// What it is of.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// How many pictures it holds.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// It holds no picture.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// From its first to its last picture.
    #[must_use]
    pub fn duration(&self) -> Duration {
        let t = |e: Option<&Entry>| e.map_or(0, |e| e.t_ns);
        duration_of(t(self.entries.last()).saturating_sub(t(self.entries.first())))
    }

    /// False where it was cut or damaged, so that its index had to be made anew.
    #[must_use]
    pub const fn closed_well(&self) -> bool {
        self.closed_well
    }

    /// Size of the file in bytes.
    #[must_use]
    pub const fn file_bytes(&self) -> u64 {
        self.length
    }

    /// When a picture was taken, after the first.
    #[must_use]
    pub fn time(&self, index: usize) -> Option<Duration> {
        self.entries.get(index).map(|e| duration_of(e.t_ns))
    }

    /// One picture, as if the first had been taken at `base`.
    ///
    /// # Errors
    /// [`ReadingError`] when there is no such picture or its bytes are damaged.
    pub fn frame(&mut self, index: usize, base: Instant) -> Result<Frame, ReadingError> {
        let Some(entry) = self.entries.get(index).copied() else {
            return Err(self.failed(format!("has no picture {index}; it has {}", self.len())));
        };
        let damaged = |what: &str| format!("picture {index} at byte {} is damaged ({what})", entry.offset);
        let record = self.record(entry.offset, RecordKind::Frame);
        let (head, payload) = record.map_err(|what| self.failed(damaged(&what)))?;
        let camera = self.camera(entry.camera_offset);
        let camera = camera.map_err(|what| self.failed(damaged(&what)))?;
        let light = self.light(entry.light_offset);
        let light = light.map_err(|what| self.failed(damaged(&what)))?;
        let (size, format, pixels, encoded) = match head.layout {
            Layout::Raw(format) => (head.size, format, payload, None),
            Layout::Jpeg => {
                let decoded = decode_jpeg(&payload).map_err(|what| self.failed(damaged(&what)))?;
                (decoded.0, PixelFormat::Rgb8, decoded.1, Some(Arc::new(payload)))
            }
        };
        if size != head.size {
            return Err(self.failed(damaged("another size than it says")));
        }
        let frame = Frame::new(head.sequence, size, format, pixels);
        let frame = frame.map_err(|e| self.failed(damaged(&e.to_string())))?;
        let captured = match u64::try_from(head.t_ns) {
            Ok(after) => base.checked_add(Duration::from_nanos(after)),
            Err(_) => base.checked_sub(Duration::from_nanos(head.t_ns.unsigned_abs())),
        };
        Ok(Frame {
            captured: captured.unwrap_or(base),
            camera,
            light,
            encoded,
            ..frame
        })
    }

    fn failed(&self, what: String) -> ReadingError {
        ReadingError {
            path: self.path.clone(),
            what,
        }
    }

    fn camera(&mut self, offset: u64) -> Result<Option<Arc<CameraModel>>, String> {
        if offset == 0 {
            return Ok(None);
        }
        if let Some((at, camera)) = &self.camera
            && *at == offset
        {
            return Ok(camera.clone());
        }
        let (_, payload) = self.record(offset, RecordKind::Camera)?;
        let camera = if payload.is_empty() {
            None
        } else {
            Some(Arc::new(parse_camera(&payload).ok_or("its calibration")?))
        };
        self.camera = Some((offset, camera.clone()));
        Ok(camera)
    }

    fn light(&mut self, offset: u64) -> Result<Option<Arc<Light>>, String> {
        if offset == 0 {
            return Ok(None);
        }
        if let Some((at, light)) = &self.light
            && *at == offset
        {
            return Ok(light.clone());
        }
        let (_, payload) = self.record(offset, RecordKind::Light)?;
        let light = parse_light(&payload).ok_or("its light")?;
        let light = (!light.strokes.is_empty()).then(|| Arc::new(light));
        self.light = Some((offset, light.clone()));
        Ok(light)
    }

    fn record(&mut self, offset: u64, kind: RecordKind) -> Result<(RecordHead, Vec<u8>), String> {
        let head = self.head(offset).ok_or("its head")?;
        if head.kind != kind {
            return Err("another record than expected".to_owned());
        }
        let mut payload = vec![0; head.length as usize];
        self.file.read_exact(&mut payload).map_err(|e| e.to_string())?;
        if crc32fast::hash(&payload) != head.payload_crc {
            return Err("its bytes".to_owned());
        }
        Ok((head, payload))
    }

    /// The head at an offset, if an undamaged one stands there and its payload is whole; the file is then at the payload.
    fn head(&mut self, offset: u64) -> Option<RecordHead> {
        let mut bytes = [0; HEAD_BYTES];
        self.file.seek(SeekFrom::Start(offset)).ok()?;
        self.file.read_exact(&mut bytes).ok()?;
        let head = RecordHead::parse(&bytes)?;
        let end = offset
            .checked_add(HEAD_BYTES as u64)?
            .checked_add(u64::from(head.length))?;
        (end <= self.length).then_some(head)
    }

    fn read_index(&mut self) -> Option<Vec<Entry>> {
        let mut tail = [0; TAIL_BYTES];
        self.file.seek(SeekFrom::End(-(TAIL_BYTES as i64))).ok()?;
        self.file.read_exact(&mut tail).ok()?;
        if !tail.ends_with(TAIL_MAGIC) {
            return None;
        }
        let (_, payload) = self.record(u64_at(&tail, 0)?, RecordKind::Index).ok()?;
        parse_index(&payload)
    }

    /// Goes from record to record; where one is damaged, looks for the next whole one.
    fn search(&mut self, begin: u64) -> io::Result<Vec<Entry>> {
        let (mut at, mut camera_offset, mut light_offset) = (begin, 0, 0);
        let mut entries = Vec::new();
        while at < self.length {
            let Some(head) = self.head(at) else {
                match self.next_head(at + 1)? {
                    Some(next) => at = next,
                    None => break,
                }
                continue;
            };
            match head.kind {
                RecordKind::Frame => entries.push(Entry {
                    offset: at,
                    camera_offset,
                    light_offset,
                    t_ns: head.t_ns,
                }),
                RecordKind::Camera => camera_offset = at,
                RecordKind::Light => light_offset = at,
                RecordKind::Index => {}
            }
            at += HEAD_BYTES as u64 + u64::from(head.length);
        }
        Ok(entries)
    }

    /// Offset of the next undamaged head at or after `from`.
    fn next_head(&mut self, from: u64) -> io::Result<Option<u64>> {
        let mut start = from;
        let mut block = Vec::new();
        while start < self.length {
            block.clear();
            self.file.seek(SeekFrom::Start(start))?;
            (&self.file)
                .take((SEARCH_BYTES + HEAD_BYTES) as u64)
                .read_to_end(&mut block)?;
            for (i, window) in block.windows(HEAD_BYTES).enumerate().take(SEARCH_BYTES) {
                // The marker first: a checksum at every byte would take minutes.
                let is_marked = RecordKind::is_marked(window);
                let whole = || RecordHead::parse(window.first_chunk::<HEAD_BYTES>()?);
                if is_marked && whole().is_some() && self.head(start + i as u64).is_some() {
                    return Ok(Some(start + i as u64));
                }
            }
            start += SEARCH_BYTES as u64;
        }
        Ok(None)
    }
}

fn read_header(file: &mut File, prefix: &[u8]) -> Option<Header> {
    let length = u32_at(prefix, 8)? as usize;
    if length > MAX_HEADER_BYTES {
        return None;
    }
    let mut json = vec![0; length];
    file.read_exact(&mut json).ok()?;
    if crc32fast::hash(&json) != u32_at(prefix, 12)? {
        return None;
    }
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::{Lens, Pose};
    use crate::units::{ImageSize, Vec2, Vec3};
    use crate::vision::recording::{Limits, Recorder};

    const PICTURES: usize = 6;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("billiards-recording-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn camera(height_m: f64) -> CameraModel {
        CameraModel {
            lens: Lens::pinhole(ImageSize::new(8, 6), 7.3),
            pose: Pose::looking_at(
                Vec3::new(0.1, 0.2, height_m / 3.0),
                Vec3::ZERO,
                Vec3::new(0.0, 1.0, 0.1),
            ),
        }
    }

    /// Pictures of all layouts, with calibrations that change.
    fn pictures(base: Instant) -> Vec<Frame> {
        let size = ImageSize::new(8, 6);
        let mut jpeg = Vec::new();
        image::RgbImage::from_fn(8, 6, |x, y| image::Rgb([(x * 30) as u8, (y * 40) as u8, 90]))
            .write_with_encoder(image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 90))
            .unwrap();
        let formats = [PixelFormat::Rgb8, PixelFormat::Yuyv, PixelFormat::Nv12];
        let (first, second) = (Arc::new(camera(2.0)), Arc::new(camera(2.1)));
        (0..PICTURES)
            .map(|i| {
                let format = formats[i % 3];
                let bytes = (0..format.byte_len(size))
                    .map(|b| (b * 7 + i * 31) as u8)
                    .collect();
                let mut frame = Frame::new(10 + 2 * i as u64, size, format, bytes).unwrap();
                frame.captured = base + Duration::from_nanos(33_333_333 * i as u64 + 7);
                frame.camera = [
                    None,
                    Some(&first),
                    Some(&first),
                    Some(&second),
                    None,
                    Some(&second),
                ][i]
                    .cloned();
                if (2..5).contains(&i) {
                    let stroke = crate::vision::light::Stroke {
                        from: Vec2::new(0.1, -0.2) / 3.0,
                        to: Vec2::X,
                        half_m: 0.0035,
                        colour: [1, 2, i as u8],
                    };
                    frame.light = Some(Arc::new(Light {
                        strokes: vec![stroke; i - 1],
                    }));
                }
                if i == 3 {
                    frame.pixels = Arc::new(decode_jpeg(&jpeg).unwrap().1);
                    frame.format = PixelFormat::Rgb8;
                    frame.encoded = Some(Arc::new(jpeg.clone()));
                }
                frame
            })
            .collect()
    }

    fn recorded(folder: &Path, frames: &[Frame]) -> PathBuf {
        let limits = Limits {
            total_bytes: 1 << 30,
            free_bytes: 0,
        };
        let header = Header {
            source: "virtual".to_owned(),
            table: "pool-9ft".to_owned(),
            ..Header::default()
        };
        let recorder = Recorder::start(folder, header, limits).unwrap();
        for frame in frames {
            recorder.record(frame);
        }
        recorder.path().to_owned()
    }

    fn is_same(a: &Frame, b: &Frame) -> bool {
        (a.sequence, a.captured, a.size, a.format) == (b.sequence, b.captured, b.size, b.format)
            && a.pixels == b.pixels
            && a.encoded == b.encoded
            && a.camera == b.camera
            && a.light == b.light
    }

    #[test]
    fn pictures_come_back_as_they_went_with_their_times_and_calibrations() {
        let folder = folder("whole");
        let base = Instant::now();
        let frames = pictures(base);
        let path = recorded(&folder, &frames);
        let mut reader = Reader::open(&path).unwrap();
        assert!(reader.closed_well() && reader.len() == PICTURES);
        assert_eq!(
            (reader.header().table.as_str(), reader.header().source.as_str()),
            ("pool-9ft", "virtual")
        );
        // In any order; the first was taken 7 ns after `base`.
        for i in [5, 0, 3, 1, 4, 2] {
            let frame = reader.frame(i, frames[0].captured).unwrap();
            assert!(is_same(&frame, &frames[i]), "{i}: {frame:?}");
        }
        assert!(
            reader
                .frame(6, base)
                .unwrap_err()
                .to_string()
                .contains("it has 6")
        );
        assert_eq!(reader.duration(), Duration::from_nanos(33_333_333 * 5));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_file_cut_at_any_byte_has_every_picture_that_was_whole_by_then() {
        let folder = folder("cut");
        let base = Instant::now();
        let frames = pictures(base);
        let whole = std::fs::read(recorded(&folder, &frames)).unwrap();
        let cut = folder.join("cut.btr");
        let mut most = 0;
        for length in 0..whole.len() {
            std::fs::write(&cut, &whole[..length]).unwrap();
            match Reader::open(&cut) {
                Ok(mut reader) => {
                    assert!(!reader.closed_well() && reader.len() >= most, "{length}");
                    most = reader.len();
                    for i in 0..reader.len() {
                        let frame = reader.frame(i, frames[0].captured).unwrap();
                        assert!(is_same(&frame, &frames[i]), "{length}, {i}");
                    }
                }
                Err(error) => {
                    let text = error.to_string();
                    assert!(
                        most == 0 && text.starts_with("recording:") && !text.contains('\n'),
                        "{text}"
                    );
                }
            }
        }
        assert_eq!(most, PICTURES);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_byte_that_flipped_costs_one_picture_at_most_and_is_told_in_one_line() {
        let folder = folder("flip");
        let base = Instant::now();
        let frames = pictures(base);
        let whole = std::fs::read(recorded(&folder, &frames)).unwrap();
        let spoilt = folder.join("spoilt.btr");
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            std::fs::write(&spoilt, &bytes).unwrap();
            let mut reader = match Reader::open(&spoilt) {
                Ok(reader) => reader,
                Err(error) => {
                    // Only in the head of the file.
                    assert!(at < 300 && !error.to_string().contains('\n'), "{at}: {error}");
                    continue;
                }
            };
            // Every picture that is given is one that was taken.
            let (mut good, mut uncalibrated) = (0, 0);
            for i in 0..reader.len() {
                match reader.frame(i, frames[0].captured) {
                    Ok(frame) => {
                        let then = frames.iter().find(|f| f.sequence == frame.sequence).unwrap();
                        assert!(
                            frame.pixels == then.pixels && frame.captured == then.captured,
                            "{at}"
                        );
                        good += 1;
                        uncalibrated += usize::from(frame.camera != then.camera || frame.light != then.light);
                    }
                    Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
                }
            }
            assert!(
                good + 2 >= PICTURES && uncalibrated == 0,
                "{at}: {good}, {uncalibrated}"
            );
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
