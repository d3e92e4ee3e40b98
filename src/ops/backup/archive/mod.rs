//! One file with everything in it, to be carried to another machine.
//!
//! It is a tar archive in one Zstandard frame, which any `tar --zstd` reads; the manifest is its first entry. After
//! the frame comes a skippable one, which such programs pass over, with the BLAKE3 hash of all bytes before it: so
//! every changed bit is found, wherever it is. Nothing in it is encrypted.

mod blocks;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub(super) use reader::read;
pub(super) use writer::write;

/// The start of a skippable frame of 32 bytes, as RFC 8878 has it.
const TRAILER: [u8; 8] = [0x5A, 0x2A, 0x4D, 0x18, 32, 0, 0, 0];
/// Bytes of the trailer with its hash.
const TRAILER_BYTES: u64 = 40;
