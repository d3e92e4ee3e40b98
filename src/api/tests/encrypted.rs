//! Encrypted connections, as curl makes them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::client::get;
use super::world::{World, snapshot};
use crate::api::{ApiError, ApiServer, Options};

/// A new certificate for this machine, of its own make.
fn certify(folder: &Path) -> (PathBuf, PathBuf) {
    std::fs::create_dir_all(folder).unwrap();
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    let made = Command::new("openssl")
        .args(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
                .split(' '),
        )
        .args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .expect("openssl is installed (deploy/install-packages.sh test)");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (certificate, key)
}

fn curl(trusting: &Path, arguments: &[&str]) -> Option<String> {
    let ended = Command::new("curl")
        .arg("-sS")
        .arg("--cacert")
        .arg(trusting)
        .args(arguments)
        .output()
        .unwrap();
    ended
        .status
        .success()
        .then(|| String::from_utf8_lossy(&ended.stdout).into_owned())
}

/// What comes within ten seconds.
fn poll<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    (0..100).find_map(|_| {
        std::thread::sleep(Duration::from_millis(100));
        look()
    })
}

#[test]
fn connections_are_encrypted_and_a_renewed_certificate_is_taken_in() {
    let folder = std::env::temp_dir().join(format!("billiards-tls-{}", std::process::id()));
    let (certificate, key) = certify(&folder);
    let old = folder.join("old.pem");
    std::fs::copy(&certificate, &old).unwrap();
    let files = (certificate.clone(), key.clone());
    let world = World::new(Some(snapshot(1)), |options| options.tls = Some(files));
    let at = world.server.local_addr();
    assert!(world.server.url().starts_with("https://"));
    let health = format!("https://{at}/api/v1/health");
    assert!(curl(&old, &[&health]).is_some_and(|text| text.contains("\"health\":\"healthy\"")));
    for version in [
        ["--tlsv1.2", "--tls-max", "1.2"],
        ["--tlsv1.3", "--tls-max", "1.3"],
    ] {
        assert!(
            curl(&old, &[&version[..], &[&health]].concat()).is_some(),
            "{version:?}"
        );
    }
    // It was made for two days, a moment ago.
    let ends = poll(|| world.shared.stats.certificate_ends_unix_s()).unwrap();
    let left = ends - time::OffsetDateTime::now_utc().unix_timestamp();
    assert!((2 * 86_400 - 600..=2 * 86_400).contains(&left), "{left} s");
    // What this machine asks itself need not be.
    assert_eq!(get(at, "/livez").status, 200);

    certify(&folder);
    let renewed = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        curl(&certificate, &[&health]).is_some()
    });
    assert!(renewed && curl(&old, &[&health]).is_none());
    // Half of a renewal leaves the one before in use.
    std::fs::write(&certificate, "half").unwrap();
    std::thread::sleep(Duration::from_millis(1200));
    assert!(curl(&old, &["-k", &health]).is_some());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_certificate_that_is_none_is_told_before_anything_listens() {
    let folder = std::env::temp_dir().join(format!("billiards-tls-none-{}", std::process::id()));
    let (certificate, key) = certify(&folder);
    let (other, _) = certify(&folder.join("other"));
    let world = World::usual();
    let empty = folder.join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    for (certificate, key, named) in [
        (folder.join("none.pem"), key.clone(), "none.pem"),
        (certificate.clone(), PathBuf::new(), "check api.tls"),
        (empty, key.clone(), "empty.pem"),
        (key.clone(), certificate, "key.pem"),
        (other, key, "key.pem"),
    ] {
        let options = Options {
            port: 0,
            tls: Some((certificate, key)),
            ..Options::default()
        };
        let error = ApiServer::start(options, world.shared.clone()).unwrap_err();
        let line = error.to_string();
        assert!(
            matches!(error, ApiError::Tls(_)) && line.contains(named) && !line.contains('\n'),
            "{line}"
        );
    }
    std::fs::remove_dir_all(folder).unwrap();
}
