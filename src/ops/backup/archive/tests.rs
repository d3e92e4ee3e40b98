//! Hostile and damaged archives.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::super::error::{BackupError, Cause};
use super::super::manifest::tests::{entry, manifest};
use super::super::manifest::{Entry, MANIFEST, Manifest};
use super::writer::seal;

/// A scratch folder: what is packed, the archive, and where it is unpacked to.
struct Bench(PathBuf);

impl Bench {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("billiards-archive-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(folder.join("into")).unwrap();
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("x.tar.zst")
    }

    fn target(&self) -> PathBuf {
        self.0.join("into")
    }

    /// Unpacks a file into a fresh folder; nothing beside it may ever change.
    fn read(&self) -> Result<Manifest, BackupError> {
        std::fs::remove_dir_all(self.target()).unwrap();
        std::fs::create_dir(self.target()).unwrap();
        let before = self.beside();
        let read = super::read(&self.file(), &self.target(), &mut |_| {});
        assert_eq!(self.beside(), before, "something was written outside");
        read
    }

    fn beside(&self) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(&self.0)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Writes a tar archive as one of ours.
    fn put(&self, tar: &[u8]) {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.write_all(tar).unwrap();
        self.put_sealed(&encoder.finish().unwrap());
    }

    fn put_sealed(&self, bytes: &[u8]) {
        std::fs::write(self.file(), bytes).unwrap();
        let mut file = std::fs::File::options()
            .read(true)
            .write(true)
            .open(self.file())
            .unwrap();
        seal(&mut file).unwrap();
    }

    /// An archive with three files as the program writes it.
    fn good(&self) -> Vec<u8> {
        let contents: [(&str, &[u8]); 3] = [
            ("config/site.ron", b"(api: (port: 9000))"),
            ("state/calibration/table.ron", b"calibration"),
            ("state/tokens.ron", b"tokens of the house"),
        ];
        for (path, bytes) in contents {
            let file = self.0.join("from").join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, bytes).unwrap();
        }
        let manifest = manifest(contents.map(|(path, bytes)| entry(path, bytes)).to_vec());
        super::write(&manifest, &|path| self.0.join("from").join(path), &self.file()).unwrap();
        std::fs::read(self.file()).unwrap()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

type Kind = tar::EntryType;

/// One entry, whatever it says.
fn raw(name: &[u8], kind: Kind, mode: u32, bytes: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(bytes.len() as u64);
    if matches!(kind, Kind::Symlink | Kind::Link) {
        header.set_link_name("/etc/shadow").unwrap();
    }
    header.set_cksum();
    with_header(&header, bytes)
}

fn with_header(header: &tar::Header, bytes: &[u8]) -> Vec<u8> {
    let mut all = header.as_bytes().to_vec();
    all.extend(bytes);
    all.resize(all.len().next_multiple_of(512), 0);
    all
}

fn with_manifest(manifest: &Manifest, entries: &[Vec<u8>]) -> Vec<u8> {
    let mut tar = raw(MANIFEST.as_bytes(), Kind::Regular, 0o600, &manifest.to_text());
    tar.extend(entries.concat());
    tar.resize(tar.len() + 1024, 0);
    tar
}

fn of(files: &[Entry], entries: &[Vec<u8>]) -> Vec<u8> {
    with_manifest(&manifest(files.to_vec()), entries)
}

fn plain(name: &str, bytes: &[u8]) -> Vec<u8> {
    raw(name.as_bytes(), Kind::Regular, 0o644, bytes)
}

#[test]
fn what_is_written_is_read_again_in_any_order() {
    let bench = Bench::new("good");
    bench.good();
    let read = bench.read().unwrap();
    assert_eq!(read.files.len(), 3);
    read.verify(&|area| bench.target().join(area), &["config", "state"])
        .unwrap();
    let files = [entry("state/a", b"1"), entry("state/b", b"22")];
    bench.put(&of(&files, &[plain("state/b", b"22"), plain("state/a", b"1")]));
    assert_eq!(bench.read().unwrap().bytes(), 3);
    // Names longer than a header holds.
    let name = format!("state/{}/{}", "d".repeat(200), "n".repeat(255));
    let file = bench.0.join("from").join(&name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, b"long").unwrap();
    let long = manifest(vec![entry(&name, b"long")]);
    super::write(&long, &|path| bench.0.join("from").join(path), &bench.file()).unwrap();
    assert_eq!(bench.read().unwrap(), long);
}

#[test]
fn hostile_entries_are_refused_by_name() {
    let bench = Bench::new("hostile");
    let ok = [entry("state/a", b"aaaa")];
    let mut sizes = raw(b"state/a", Kind::Regular, 0o644, b"aaaa");
    // A size that lies: 1 TB in the form that octal digits can't say.
    sizes[124] = 0x80;
    let mut huge = tar::Header::from_byte_slice(sizes[..512].try_into().unwrap()).clone();
    huge.set_size(1 << 40);
    huge.set_cksum();
    let mut pax = raw(
        b"PaxHeaders/state-a",
        Kind::XHeader,
        0o644,
        b"18 size=1000000000\n",
    );
    pax.extend(plain("state/a", b"aaaa"));
    let mut latin = raw(b"state/\xe4", Kind::Regular, 0o644, b"aaaa");
    latin.truncate(1024);
    let entries: Vec<(&str, Vec<Vec<u8>>, &str, &str)> = vec![
        (
            "dot dot",
            vec![plain("../a", b"aaaa")],
            "../a",
            "not in the manifest",
        ),
        (
            "absolute",
            vec![plain("/etc/a", b"aaaa")],
            "/etc/a",
            "not in the manifest",
        ),
        (
            "symlink",
            vec![raw(b"state/a", Kind::Symlink, 0o644, b"")],
            "state/a",
            "symbolic link",
        ),
        (
            "hard link",
            vec![raw(b"state/a", Kind::Link, 0o644, b"")],
            "state/a",
            "hard link",
        ),
        (
            "device",
            vec![raw(b"state/a", Kind::Char, 0o644, b"")],
            "state/a",
            "device",
        ),
        (
            "disk",
            vec![raw(b"state/a", Kind::Block, 0o644, b"")],
            "state/a",
            "device",
        ),
        (
            "pipe",
            vec![raw(b"state/a", Kind::Fifo, 0o644, b"")],
            "state/a",
            "pipe",
        ),
        (
            "folder",
            vec![raw(b"state/a", Kind::Directory, 0o755, b"")],
            "state/a",
            "folder",
        ),
        (
            "sparse",
            vec![raw(b"state/a", Kind::GNUSparse, 0o644, b"aaaa")],
            "state/a",
            "sparse",
        ),
        (
            "setuid",
            vec![raw(b"state/a", Kind::Regular, 0o4755, b"aaaa")],
            "state/a",
            "setuid",
        ),
        ("pax", vec![pax], "PaxHeaders/state-a", "PAX"),
        (
            "global pax",
            vec![raw(b"g", Kind::XGlobalHeader, 0o644, b"")],
            "g",
            "PAX",
        ),
        (
            "unknown sort",
            vec![raw(b"state/a", Kind::new(b'Z'), 0o644, b"aaaa")],
            "state/a",
            "unknown sort",
        ),
        (
            "twice",
            vec![plain("state/a", b"aaaa"), plain("state/a", b"aaaa")],
            "state/a",
            "twice",
        ),
        (
            "capitals",
            vec![plain("state/a", b"aaaa"), plain("state/A", b"aaaa")],
            "state/A",
            "not in the manifest",
        ),
        (
            "one more",
            vec![plain("state/a", b"aaaa"), plain("state/b", b"")],
            "state/b",
            "not in the manifest",
        ),
        (
            "smaller",
            vec![plain("state/a", b"aaa")],
            "state/a",
            "another size",
        ),
        (
            "larger",
            vec![plain("state/a", &[b'a'; 100_000])],
            "state/a",
            "another size",
        ),
        ("terabyte", vec![with_header(&huge, b"")], "state/a", "size"),
        ("missing", vec![], "state/a", "not in the archive"),
        ("latin", vec![latin], "state/", "UTF-8"),
        (
            "second manifest",
            vec![plain(MANIFEST, b"{}")],
            MANIFEST,
            "not in the manifest",
        ),
        (
            "long name",
            vec![raw(b"././@LongLink", Kind::GNULongName, 0o644, &[b'a'; 5000])],
            "entry",
            "4096 bytes",
        ),
    ];
    for (case, entries, named, word) in entries {
        bench.put(&of(&ok, &entries));
        let error = bench.read().unwrap_err();
        assert_eq!(error.cause, Cause::Refused, "{case}: {error}");
        let text = error.to_string();
        assert!(
            text.contains(named) && text.contains(word) && !text.contains('\n'),
            "{case}: {text}"
        );
    }
}

#[test]
fn manifests_that_name_what_must_not_be_are_refused() {
    let bench = Bench::new("names");
    let deep = format!("state/{}x", "a/".repeat(100));
    let long = format!("state/{}", "n/".repeat(2046));
    for (path, word) in [
        ("../../etc/passwd", "leads out"),
        ("state/../../x", "leads out"),
        ("/etc/passwd", "absolute"),
        (deep.as_str(), "32 folders"),
        (long.as_str(), "4096 bytes"),
        ("state/e\u{301}", "spell"),
        ("elsewhere/x", "none of the folders"),
    ] {
        let mut tar = of(&[entry(path, b"x")], &[]);
        tar.truncate(tar.len() - 1024);
        tar.extend(plain("state/x", b"x"));
        tar.resize(tar.len() + 1024, 0);
        bench.put(&tar);
        let error = bench.read().unwrap_err();
        assert!(
            error.cause == Cause::Refused && error.to_string().contains(word),
            "{path}: {error}"
        );
    }
    bench.put(&of(&[entry("state/a", b""), entry("state/A", b"")], &[]));
    assert!(
        bench
            .read()
            .unwrap_err()
            .to_string()
            .contains("state/A is there twice")
    );
    // A terabyte that no disk has room for is refused before a byte of it is unpacked.
    let mut large = entry("state/a", b"");
    large.bytes = 1 << 50;
    bench.put(&of(&[large], &[]));
    assert_eq!(bench.read().unwrap_err().cause, Cause::NoSpace);
    let newer = Manifest {
        format: 99,
        ..manifest(vec![])
    };
    bench.put(&with_manifest(&newer, &[]));
    assert_eq!(bench.read().unwrap_err().cause, Cause::Newer);
    bench.put(&plain("state/a", b"a"));
    assert!(
        bench
            .read()
            .unwrap_err()
            .to_string()
            .contains("begin with its manifest")
    );
}

#[test]
fn what_comes_after_the_end_is_refused() {
    let bench = Bench::new("after");
    let good = of(&[entry("state/a", b"aaaa")], &[plain("state/a", b"aaaa")]);
    let refused = |tar: &[u8]| {
        bench.put(tar);
        let error = bench.read().unwrap_err();
        assert!(matches!(error.cause, Cause::Refused | Cause::Damaged), "{error}");
    };
    bench.put(&good);
    bench.read().unwrap();
    // More zeros, another archive, a file after one empty block, something in the padding.
    refused(&[good.clone(), vec![0; 1]].concat());
    refused(&[good.clone(), good.clone()].concat());
    let end = good.len() - 1024;
    refused(&[&good[..end + 512], &plain("state/b", b"b"), &[0; 1024]].concat());
    let mut padding = good.clone();
    padding[end - 1] = 1;
    refused(&padding);
    refused(&good[..end]);
    // A second frame, and a bomb of one: it is not even decoded.
    let frame = zstd::encode_all(&good[..], 3).unwrap();
    let bomb = zstd::encode_all(&vec![0; 100_000_000][..], 3).unwrap();
    bench.put_sealed(&[frame.clone(), bomb].concat());
    assert!(bench.read().unwrap_err().to_string().contains("after its end"));
    bench.put_sealed(&frame);
    bench.read().unwrap();
    // No archive at all.
    for nothing in [&b""[..], b"x", &[0; 40], &[7; 4000]] {
        std::fs::write(bench.file(), nothing).unwrap();
        assert_eq!(bench.read().unwrap_err().cause, Cause::Damaged);
    }
    std::fs::remove_file(bench.file()).unwrap();
    assert_eq!(bench.read().unwrap_err().cause, Cause::NotFound);
    assert_eq!(
        super::read(&bench.target(), &bench.target(), &mut |_| {})
            .unwrap_err()
            .cause,
        Cause::Refused
    );
}

#[test]
fn a_thousand_flipped_bits_and_every_cut_are_found() {
    let bench = Bench::new("flips");
    let good = bench.good();
    bench.read().unwrap();
    let mut random = fastrand::Rng::with_seed(9);
    for _ in 0..1000 {
        let mut bytes = good.clone();
        let at = random.usize(..bytes.len());
        bytes[at] ^= 1 << random.u8(..8);
        std::fs::write(bench.file(), &bytes).unwrap();
        let error = bench.read().unwrap_err();
        assert_eq!(error.cause, Cause::Damaged, "byte {at}: {error}");
        assert_eq!(std::fs::read_dir(bench.target()).unwrap().count(), 0, "byte {at}");
    }
    for length in 0..good.len() {
        std::fs::write(bench.file(), &good[..length]).unwrap();
        assert_eq!(bench.read().unwrap_err().cause, Cause::Damaged, "{length} bytes");
    }
}

#[test]
fn a_link_with_the_name_of_the_unfinished_archive_is_not_followed() {
    let bench = Bench::new("planted");
    let precious = bench.0.join("precious");
    std::fs::write(&precious, "precious").unwrap();
    let beside = bench.0.join(format!(".x.tar.zst.{}.new", std::process::id()));
    std::os::unix::fs::symlink(&precious, &beside).unwrap();
    super::write(&manifest(Vec::new()), &|path| bench.0.join(path), &bench.file()).unwrap();
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "precious");
    assert!(!bench.file().is_symlink() && !beside.is_symlink());
    assert_eq!(bench.read().unwrap(), manifest(Vec::new()));
}

#[test]
fn an_old_manifest_with_new_data_and_swapped_files_are_found() {
    let bench = Bench::new("old");
    let files = [entry("state/a", b"old1"), entry("state/b", b"old2")];
    bench.put(&of(
        &files,
        &[plain("state/a", b"new1"), plain("state/b", b"old2")],
    ));
    assert!(
        bench
            .read()
            .unwrap_err()
            .to_string()
            .contains("state/a is not as it was saved")
    );
    bench.put(&of(
        &files,
        &[plain("state/a", b"old2"), plain("state/b", b"old1")],
    ));
    assert!(
        bench
            .read()
            .unwrap_err()
            .to_string()
            .contains("state/a is not as it was saved")
    );
}

#[test]
fn a_file_that_can_not_be_written_is_told_and_leaves_nothing() {
    let bench = Bench::new("nowhere");
    bench.good();
    let one = manifest(vec![entry("state/tokens.ron", b"another size")]);
    let from = |path: &str| bench.0.join("from").join(path);
    for file in ["/dev/full/x.tar.zst", "/proc/x.tar.zst", "/nowhere/x.tar.zst"] {
        super::write(&one, &from, Path::new(file)).unwrap_err();
    }
    let before = bench.beside();
    std::fs::remove_file(from("state/tokens.ron")).unwrap();
    super::write(&one, &from, &bench.0.join("y.tar.zst")).unwrap_err();
    assert_eq!(bench.beside(), before);
}
