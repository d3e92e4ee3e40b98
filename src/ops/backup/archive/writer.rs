//! Writes an archive, so that there is the whole of it or none.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::super::error::BackupError;
use super::super::manifest::{MANIFEST, Manifest};
use super::super::step::step;
use super::super::swap::sync_folder;
use super::TRAILER;

/// Zstandard's level: its usual one.
const LEVEL: i32 = 3;

/// Writes an archive of the files of a manifest, each found by its path. Readable for this user only: it has tokens
/// and perhaps the keys of a certificate in it.
pub(in super::super) fn write(
    manifest: &Manifest,
    place: &dyn Fn(&str) -> PathBuf,
    file: &Path,
) -> Result<u64, BackupError> {
    let failed = |e: &std::io::Error| BackupError::io("write", file, e);
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let beside = folder.join(format!(".{name}.{}.new", std::process::id()));
    // What a dead process left, or a link that somebody put there: never followed.
    drop(std::fs::remove_file(&beside));
    let written = File::options()
        .write(true)
        .read(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .map_err(|e| failed(&e))
        .and_then(|mut out| fill(&mut out, manifest, place).map_err(|e| failed(&e)))
        .and_then(|bytes| {
            std::fs::rename(&beside, file)
                .map(|()| bytes)
                .map_err(|e| failed(&e))
        });
    match written {
        Ok(bytes) => sync_folder(folder).map(|()| bytes),
        Err(error) => {
            drop(std::fs::remove_file(&beside));
            Err(error)
        }
    }
}

fn fill(out: &mut File, manifest: &Manifest, place: &dyn Fn(&str) -> PathBuf) -> std::io::Result<u64> {
    let mut frame = zstd::Encoder::new(&mut *out, LEVEL)?;
    frame.include_checksum(true)?;
    let mut tar = tar::Builder::new(frame);
    let text = manifest.to_text();
    append(&mut tar, MANIFEST, text.len() as u64, 0o600, text.as_slice())?;
    for entry in &manifest.files {
        step();
        append(
            &mut tar,
            &entry.path,
            entry.bytes,
            entry.mode,
            File::open(place(&entry.path))?,
        )?;
    }
    tar.into_inner()?.finish()?;
    seal(out)
}

/// Hashes what is there, and adds that.
pub(super) fn seal(out: &mut File) -> std::io::Result<u64> {
    out.seek(SeekFrom::Start(0))?;
    let mut hasher = blake3::Hasher::new();
    std::io::copy(out, &mut hasher)?;
    out.write_all(&TRAILER)?;
    out.write_all(hasher.finalize().as_bytes())?;
    out.sync_all()?;
    out.stream_position()
}

fn append<W: Write>(
    tar: &mut tar::Builder<W>,
    path: &str,
    bytes: u64,
    mode: u32,
    contents: impl std::io::Read,
) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(mode);
    header.set_entry_type(tar::EntryType::Regular);
    tar.append_data(&mut header, path, contents)
}
