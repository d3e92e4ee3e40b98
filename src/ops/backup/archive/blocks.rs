//! The blocks of a tar archive, as far as we write them. Everything else is refused.

use std::io::Read;

use super::super::error::{BackupError, Cause};
use super::super::manifest::refused;

/// Bytes of a block.
pub(super) const BLOCK: usize = 512;
/// Longest name in an entry of its own, bytes.
const LONGEST_NAME: u64 = 4097;

/// The head of an entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub name: String,
    pub bytes: u64,
}

/// Reads to the head of the next entry; none at the end of the archive.
pub(super) fn next(source: &mut impl Read) -> Result<Option<Head>, BackupError> {
    let Some(header) = header(source)? else {
        return Ok(None);
    };
    if header.entry_type() != tar::EntryType::GNULongName {
        let name = name_of(&header.path_bytes())?;
        return Ok(Some(head(&header, name)?));
    }
    let bytes = size(&header, "a long name")?;
    if bytes > LONGEST_NAME {
        return Err(refused("an entry", "has a name of more than 4096 bytes"));
    }
    let mut name = vec![0; usize::try_from(bytes).unwrap_or(0)];
    fill(source, &mut name)?;
    padding(source, bytes)?;
    let name = name_of(name.strip_suffix(&[0]).unwrap_or(&name))?;
    match self::header(source)? {
        Some(header) => Ok(Some(head(&header, name)?)),
        None => Err(refused(&name, "is a name without a file")),
    }
}

fn head(header: &tar::Header, name: String) -> Result<Head, BackupError> {
    use tar::EntryType as Is;
    let what = match header.entry_type() {
        Is::Regular => None,
        Is::Continuous => Some("is a contiguous file"),
        Is::Directory => Some("is a folder"),
        Is::Symlink => Some("is a symbolic link"),
        Is::Link => Some("is a hard link"),
        Is::Char | Is::Block => Some("is a device"),
        Is::Fifo => Some("is a pipe (FIFO)"),
        Is::GNUSparse => Some("is a sparse file"),
        Is::GNULongName | Is::GNULongLink => Some("has two names"),
        Is::XGlobalHeader | Is::XHeader => Some("has a PAX header, which may say another size or name"),
        _ => Some("is of an unknown sort"),
    };
    if let Some(what) = what {
        return Err(refused(&name, what));
    }
    let mode = header
        .mode()
        .map_err(|_| refused(&name, "has unreadable permissions"))?;
    if mode & !0o777 != 0 {
        return Err(refused(
            &name,
            "has permissions that no saved file has (setuid, say)",
        ));
    }
    Ok(Head {
        bytes: size(header, &name)?,
        name,
    })
}

/// The next header with a right checksum; none at the end, which is two empty blocks and nothing more.
fn header(source: &mut impl Read) -> Result<Option<tar::Header>, BackupError> {
    let mut block = [0; BLOCK];
    fill(source, &mut block)?;
    if block.iter().all(|b| *b == 0) {
        fill(source, &mut block)?;
        if block.iter().any(|b| *b != 0) {
            return Err(refused("the archive", "goes on after its end"));
        }
        return match source.read(&mut [0]) {
            Ok(0) => Ok(None),
            Ok(_) => Err(refused("the archive", "has data after its end")),
            Err(e) => Err(broken(&e)),
        };
    }
    let header = tar::Header::from_byte_slice(&block).clone();
    // All bytes, with the field itself as blanks.
    let sum: u32 = (block.iter().enumerate())
        .map(|(at, byte)| {
            if (148..156).contains(&at) {
                32
            } else {
                u32::from(*byte)
            }
        })
        .sum();
    match header.cksum() {
        Ok(said) if said == sum => Ok(Some(header)),
        _ => Err(damaged("the head of an entry is damaged")),
    }
}

/// Only what is written in octal digits: other forms can say what no disk holds.
fn size(header: &tar::Header, name: &str) -> Result<u64, BackupError> {
    let field = header.as_old().size;
    let digits = field.iter().all(|b| matches!(b, b'0'..=b'7' | b' ' | 0));
    let size = header.entry_size().ok().filter(|_| digits);
    size.ok_or_else(|| refused(name, "has an unreadable size"))
}

fn name_of(bytes: &[u8]) -> Result<String, BackupError> {
    std::str::from_utf8(bytes)
        .map(ToOwned::to_owned)
        .map_err(|_| refused(&String::from_utf8_lossy(bytes), "has a name that is not UTF-8"))
}

/// What is between the end of an entry and the next block, which must be empty.
pub(super) fn padding(source: &mut impl Read, bytes: u64) -> Result<(), BackupError> {
    let over = usize::try_from(bytes % BLOCK as u64).unwrap_or(0);
    let mut rest = vec![0; (BLOCK - over) % BLOCK];
    fill(source, &mut rest)?;
    if rest.iter().any(|b| *b != 0) {
        return Err(refused("the archive", "has data between its entries"));
    }
    Ok(())
}

fn fill(source: &mut impl Read, buffer: &mut [u8]) -> Result<(), BackupError> {
    source.read_exact(buffer).map_err(|e| broken(&e))
}

/// What can't be read on is damaged, or cut off.
pub(super) fn broken(error: &std::io::Error) -> BackupError {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => damaged("it ends in the middle"),
        _ => damaged(&error.to_string()),
    }
}

pub(super) fn damaged(what: &str) -> BackupError {
    BackupError::new(
        Cause::Damaged,
        format!(
            "the backup is damaged: {what}; nothing was changed, copy the file again or take another one"
        ),
    )
}
