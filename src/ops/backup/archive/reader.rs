//! Reads an archive that may come from anywhere. What is not exactly as we write it is refused by name.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek as _, SeekFrom};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::super::Progress;
use super::super::error::{BackupError, Cause};
use super::super::manifest::{Broken, Entry, LARGEST_MANIFEST, MANIFEST, Manifest, Side, copy, refused};
use super::blocks::{self, broken, damaged};
use super::{TRAILER, TRAILER_BYTES};
use crate::ops::helpers::{DiskSpace, bytes_in_words};

/// Largest window of the compression that is decoded, as a power of two: 128 MiB of memory.
const LARGEST_WINDOW: u32 = 27;
/// Kept free on the disk, bytes.
const SPARE: u64 = 64 * 1024 * 1024;

/// Unpacks an archive into an empty folder of our own and gives its manifest. Every file in it is then as the
/// manifest says.
///
/// # Errors
/// [`BackupError`] that names the entry; the folder may hold some of the files, and nothing else was written.
pub(in super::super) fn read(
    file: &Path,
    into: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Manifest, BackupError> {
    let failed = |e: &std::io::Error| BackupError::io("read", file, e);
    let mut source = match File::open(file) {
        Ok(source) => source,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let text = format!(
                "there is no file {}; give the path of a file that `backup export` wrote",
                file.display()
            );
            return Err(BackupError::new(Cause::NotFound, text));
        }
        Err(e) => return Err(failed(&e)),
    };
    let bytes = source.metadata().map_err(|e| failed(&e))?;
    if !bytes.is_file() {
        return Err(BackupError::new(
            Cause::Refused,
            format!(
                "{} is no file; give the path of a file that `backup export` wrote",
                file.display()
            ),
        ));
    }
    let framed = check_seal(&mut source, bytes.len()).map_err(|e| e.at(file.display()))?;
    source.seek(SeekFrom::Start(0)).map_err(|e| failed(&e))?;
    let mut entries = Vec::new();
    let unpacked = (|| {
        let mut decoder = zstd::Decoder::new(source.take(framed))
            .map_err(|e| broken(&e))?
            .single_frame();
        decoder.window_log_max(LARGEST_WINDOW).map_err(|e| broken(&e))?;
        // A byte at a time is asked for at the ends.
        let mut stream = BufReader::new(decoder);
        let manifest = unpack(&mut stream, into, progress, &mut entries)?;
        // The one frame is all there is.
        let mut rest = stream.into_inner().finish();
        match rest.read(&mut [0]) {
            Ok(0) => Ok(manifest),
            Ok(_) => Err(refused("the archive", "has data after its end")),
            Err(e) => Err(broken(&e)),
        }
    })();
    unpacked.map_err(|error: BackupError| error.at(file.display()))
}

/// Whether all bytes are as they were written; gives how many come before the seal.
fn check_seal(source: &mut File, bytes: u64) -> Result<u64, BackupError> {
    let Some(framed) = bytes.checked_sub(TRAILER_BYTES) else {
        return Err(damaged("it ends in the middle"));
    };
    let mut hasher = blake3::Hasher::new();
    std::io::copy(&mut source.by_ref().take(framed), &mut hasher).map_err(|e| broken(&e))?;
    let mut trailer = [0; TRAILER_BYTES as usize];
    source.read_exact(&mut trailer).map_err(|e| broken(&e))?;
    let (mark, hash) = trailer.split_at(TRAILER.len());
    if mark != TRAILER {
        return Err(damaged(
            "it has been cut off, or is no file that `backup export` wrote",
        ));
    }
    if hash != hasher.finalize().as_bytes() {
        return Err(damaged("its bytes are not those that were written"));
    }
    Ok(framed)
}

fn unpack(
    stream: &mut impl Read,
    into: &Path,
    progress: &mut dyn FnMut(Progress),
    seen: &mut Vec<String>,
) -> Result<Manifest, BackupError> {
    let manifest = read_manifest(stream)?;
    let declared = manifest.bytes();
    if let Ok(space) = DiskSpace::of(into)
        && declared > space.free_bytes.saturating_sub(SPARE)
    {
        return Err(BackupError::new(
            Cause::NoSpace,
            format!(
                "the backup has {}, and {} are free on the disk of {}; make room there",
                bytes_in_words(declared),
                bytes_in_words(space.free_bytes),
                into.display()
            ),
        ));
    }
    let mut expected: BTreeMap<&str, &Entry> = manifest.files.iter().map(|e| (e.path.as_str(), e)).collect();
    let mut done = 0;
    while let Some(head) = blocks::next(stream)? {
        let Some(entry) = expected.remove(head.name.as_str()) else {
            let twice = seen.contains(&head.name);
            return Err(refused(
                &head.name,
                if twice {
                    "is there twice"
                } else {
                    "is not in the manifest"
                },
            ));
        };
        if head.bytes != entry.bytes {
            return Err(refused(&head.name, "has another size than the manifest says"));
        }
        put(stream, entry, into)?;
        blocks::padding(stream, entry.bytes)?;
        seen.push(head.name);
        done += entry.bytes;
        progress(Progress {
            doing: "unpacking",
            done: (declared > 0).then(|| done as f64 / declared as f64),
        });
    }
    match expected.keys().next() {
        Some(missing) => Err(refused(missing, "is in the manifest and not in the archive")),
        None => Ok(manifest),
    }
}

fn read_manifest(stream: &mut impl Read) -> Result<Manifest, BackupError> {
    let head = blocks::next(stream)?;
    let Some(head) = head.filter(|head| head.name == MANIFEST) else {
        return Err(refused("the archive", "does not begin with its manifest"));
    };
    if head.bytes > LARGEST_MANIFEST {
        return Err(refused(MANIFEST, "is larger than any manifest"));
    }
    let mut text = Vec::new();
    stream
        .by_ref()
        .take(head.bytes)
        .read_to_end(&mut text)
        .map_err(|e| broken(&e))?;
    if text.len() as u64 != head.bytes {
        return Err(damaged("it ends in the middle"));
    }
    blocks::padding(stream, head.bytes)?;
    Manifest::parse(&text)
}

/// Writes one file into the folder. Everything in it was made here, so that no path leads out of it.
fn put(stream: &mut impl Read, entry: &Entry, into: &Path) -> Result<(), BackupError> {
    let to = into.join(&entry.path);
    let cannot_write = |e: &std::io::Error| BackupError::io("write", &to, e);
    if let Some(above) = to.parent() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(above)
            .map_err(|e| cannot_write(&e))?;
    }
    let mut target = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&to)
        .map_err(|e| cannot_write(&e))?;
    let (bytes, hash) =
        copy(&mut stream.by_ref().take(entry.bytes), &mut target).map_err(|Broken(side, e)| match side {
            Side::Read => broken(&e),
            Side::Write => cannot_write(&e),
        })?;
    if bytes != entry.bytes {
        return Err(damaged(&format!("{} ends in the middle", entry.path)));
    }
    entry.is(bytes, &hash)
}
