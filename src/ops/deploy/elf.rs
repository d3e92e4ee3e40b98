//! For which machine a program was made, read from its first bytes.

use std::path::Path;

/// What is wrong with a program file, as a part of a sentence; none: it is made for this machine.
///
/// # Errors
/// What the system says when the file can't be read.
pub fn foreign(path: &Path) -> std::io::Result<Option<String>> {
    use std::io::Read as _;
    let mut head = Vec::new();
    std::fs::File::open(path)?.take(20).read_to_end(&mut head)?;
    Ok(judged(&head, std::env::consts::ARCH))
}

/// Where the ELF header has what is looked for: class, byte order, type, machine.
fn judged(head: &[u8], processor: &str) -> Option<String> {
    let at = |index: usize| head.get(index).copied().unwrap_or(0);
    if head.get(..4) != Some(b"\x7fELF") || head.len() < 20 {
        return Some("it is no program for Linux".to_owned());
    }
    let (class, order) = (at(4), at(5));
    let word = |index| {
        let bytes = [at(index), at(index + 1)];
        if order == 2 {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        }
    };
    // Executable, or position-independent executable.
    if !matches!(word(16), 2 | 3) {
        return Some("it is a part of a program, not a program".to_owned());
    }
    let made_for = match (word(18), class) {
        (62, 2) => "x86_64",
        (62, _) => "x32",
        (3, _) => "x86",
        (183, _) => "aarch64",
        (40, _) => "arm",
        (243, 2) => "riscv64",
        (243, _) => "riscv32",
        (22, _) => "s390x",
        (21, _) => "powerpc64",
        _ => "another processor",
    };
    let order_fits = (order == 1) == cfg!(target_endian = "little");
    (made_for != processor || !order_fits)
        .then(|| format!("it is made for {made_for}, and this machine is {processor}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_is_for_this_machine_and_others_are_told_apart() {
        assert_eq!(foreign(&std::env::current_exe().unwrap()).unwrap(), None);
        assert!(foreign(Path::new("/nowhere/at/all")).is_err());
        let head = |class: u8, order: u8, kind: u8, machine: u8| {
            let mut head = [0; 20];
            head[..4].copy_from_slice(b"\x7fELF");
            (head[4], head[5], head[16], head[18]) = (class, order, kind, machine);
            head
        };
        assert_eq!(judged(&head(2, 1, 3, 62), "x86_64"), None);
        assert_eq!(judged(&head(2, 1, 2, 183), "aarch64"), None);
        for (bytes, words) in [
            (head(2, 1, 3, 183).to_vec(), "aarch64"),
            (head(1, 1, 3, 62).to_vec(), "x32"),
            (head(1, 1, 3, 3).to_vec(), "x86,"),
            (head(2, 1, 1, 62).to_vec(), "part of a program"),
            (head(2, 1, 4, 62).to_vec(), "part of a program"),
            (b"#!/bin/sh\nexec true\n".to_vec(), "no program"),
            (head(2, 1, 3, 62)[..19].to_vec(), "no program"),
            (Vec::new(), "no program"),
        ] {
            let told = judged(&bytes, "x86_64").unwrap();
            assert!(told.contains(words), "{told}");
        }
    }
}
