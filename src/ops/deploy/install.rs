//! Puts a release in place where none is yet.

use std::path::{Path, PathBuf};

use super::ask;
use super::commands::{begun, check_installed, check_manager, finish, not_installed, prepare};
use super::error::DeployError;
use super::incoming;
use super::journal::{Journal, Made, Operation};
use super::lock::DeployLock;
use super::outcome::{Outcome, Tell, Wishes};
use super::service::Service;
use super::{owner, tree};
use crate::config::{Environment, write_durably};
use crate::ops::installation::Installation;

/// What an install sets.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// `environment`.
    pub environment: Option<Environment>,
    /// `api.host`.
    pub host: Option<String>,
    /// `api.port`.
    pub port: Option<u16>,
    /// Key that releases are signed with.
    pub key: Option<PathBuf>,
}

/// Installs.
///
/// # Errors
/// Why it is not done; nothing is then changed.
pub fn install(
    place: &Installation,
    file: &Path,
    site: &Site,
    wishes: &Wishes,
    tell: Tell,
) -> Result<Outcome, DeployError> {
    check_empty(place)?;
    let _lock = DeployLock::take(place)?;
    let mut made = Made::default();
    let service = wishes.service.clone().unwrap_or(Service::Systemd);
    check_manager(place, &service)?;
    let prepared = (|| {
        made.folders = owner::make_folders(place, false)?;
        // Logs say what went wrong, the journal what was done; what is in it keeps the lock's folder, too.
        let lasts = [place.root().to_owned(), place.deploy()];
        made.folders.retain(|folder| !lasts.contains(folder));
        write_site(place, site, &mut made)?;
        prepare(place, file, &service, None, site.environment, wishes, tell)
    })();
    let (incoming_name, checks) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            drop(tree::remove(&incoming::folder(place)));
            drop(made.take_away());
            return Err(error);
        }
    };
    let journal = Journal {
        made,
        ..begun(Operation::Install, None, incoming_name, service, wishes)
    };
    finish(place, journal, checks, tell)
}

/// Nothing is there that an install would have to make room for.
fn check_empty(place: &Installation) -> Result<(), DeployError> {
    let root = place.root().display();
    if Journal::pending(place)?.is_some() {
        return Err(DeployError::new(format!(
            "{root}: a deploy was cut off there; `deploy resume {root}` goes on with it"
        )));
    }
    if let Ok(to) = std::fs::read_link(place.current()) {
        return Err(if place.root().join(&to).is_dir() {
            DeployError::new(format!(
                "{root}: release {} is installed already; use `deploy upgrade FILE {root}`",
                to.display()
            ))
        } else {
            check_installed(place).map_or_else(|e| e, |_| not_installed(place))
        });
    }
    let Ok(entries) = std::fs::read_dir(place.root()) else {
        return if place.root().exists() {
            Err(DeployError::new(format!(
                "{root} is no folder that can be read; choose another target"
            )))
        } else {
            Ok(())
        };
    };
    let ours = [
        "config",
        "state",
        "logs",
        "backups",
        "secrets",
        "releases",
        "deploy",
        "lost+found",
    ];
    let foreign = entries
        .flatten()
        .map(|e| e.file_name())
        .find(|name| !ours.iter().any(|o| *name == **o));
    match foreign {
        None => Ok(()),
        Some(name) => Err(DeployError::new(format!(
            "{root} has something else in it ({}); choose an empty folder, or one that does not exist",
            name.to_string_lossy()
        ))),
    }
}

/// The first site file, and the key, where they are not there yet.
fn write_site(place: &Installation, site: &Site, made: &mut Made) -> Result<(), DeployError> {
    let mut api = Vec::new();
    api.extend(site.host.as_ref().map(|host| format!("host: {host:?}")));
    api.extend(site.port.map(|port| format!("port: {port}")));
    let mut lines = Vec::new();
    lines.extend(
        site.environment
            .map(|e| format!("    environment: {},\n", e.name())),
    );
    if !api.is_empty() {
        lines.push(format!("    api: ({}),\n", api.join(", ")));
    }
    let text = format!(
        "// What differs from the defaults at this table; `billiards-trainer config schema` knows every setting.\n(\n{})\n",
        lines.concat()
    );
    let file = place.site_file();
    if !file.exists() {
        write_site_file(file, text.as_bytes(), made)?;
    }
    if let Some(key) = &site.key {
        let text = std::fs::read(key).map_err(|e| DeployError::io("read", key, &e))?;
        let file = place.config().join("release.pub");
        if !file.exists() {
            write_site_file(file, &text, made)?;
        }
    }
    let settings = ask::settings(place).map_err(|e| DeployError::new(e.to_string()))?;
    let host = settings.api.host.parse::<std::net::IpAddr>();
    let alone = host.map_or(settings.api.host == "localhost", |ip| ip.is_loopback());
    if !alone && !place.state().join("tokens.ron").exists() {
        return Err(DeployError::new(format!(
            "api.host is {}: without a token the trainer listens on this machine only; make one first (`billiards-trainer token \
             create NAME --set state_folder={}`), or leave out --host",
            settings.api.host,
            place.state().display()
        )));
    }
    Ok(())
}

fn write_site_file(file: PathBuf, text: &[u8], made: &mut Made) -> Result<(), DeployError> {
    write_durably(&file, text).map_err(|e| DeployError::io("write", &file, &e))?;
    made.files.push((file, blake3::hash(text).to_hex().to_string()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn root(name: &str) -> PathBuf {
        let root = std::env::temp_dir().join(format!("billiards-commands-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&root));
        root
    }

    #[test]
    fn where_something_is_already_nothing_is_installed() {
        let root = root("empty");
        let place = Installation::at(&root);
        assert!(check_empty(&place).is_ok());
        fs::create_dir_all(place.state()).unwrap();
        assert!(check_empty(&place).is_ok());
        tree::point(&place.current(), Path::new("releases/1.0.0")).unwrap();
        let told = || check_empty(&place).unwrap_err().to_string();
        assert!(told().contains("which is not there"), "{}", told());
        fs::create_dir_all(place.releases().join("1.0.0")).unwrap();
        assert!(told().contains("deploy upgrade"), "{}", told());
        fs::remove_file(place.current()).unwrap();
        fs::write(root.join("thesis.odt"), "").unwrap();
        assert!(told().contains("thesis.odt"), "{}", told());
        fs::remove_dir_all(&root).unwrap();
        fs::write(&root, "").unwrap();
        assert!(told().contains("no folder"), "{}", told());
        fs::remove_file(&root).unwrap();
    }

    #[test]
    fn the_first_site_file_says_what_was_asked_for_and_a_later_one_is_kept() {
        let root = root("site");
        let place = Installation::at(&root);
        let site = Site {
            environment: Some(Environment::Development),
            port: Some(9123),
            ..Site::default()
        };
        let mut made = Made::default();
        write_site(&place, &site, &mut made).unwrap();
        let settings = ask::settings(&place).unwrap();
        assert_eq!(
            (settings.environment, settings.api.port),
            (Environment::Development, 9123)
        );
        assert_eq!(made.files.len(), 1);
        assert_eq!(made.files[0].0, place.site_file());
        fs::write(place.site_file(), "(api: (port: 9000))").unwrap();
        write_site(&place, &site, &mut made).unwrap();
        assert_eq!(ask::settings(&place).unwrap().api.port, 9000);
        assert_eq!(made.files.len(), 1);
        // Nobody is to be let in from elsewhere before there is a token.
        fs::write(place.site_file(), "(api: (host: \"0.0.0.0\"))").unwrap();
        assert!(
            write_site(&place, &site, &mut made)
                .unwrap_err()
                .to_string()
                .contains("token create")
        );
        fs::create_dir_all(place.state()).unwrap();
        fs::write(place.state().join("tokens.ron"), "[]").unwrap();
        write_site(&place, &site, &mut made).unwrap();
        fs::remove_dir_all(&root).unwrap();
    }
}
