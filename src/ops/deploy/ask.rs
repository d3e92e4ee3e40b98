//! What the running trainer says over HTTP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use serde_json::Value;

use crate::config::{Assignment, ConfigError, Loaded, Overrides, Settings};
use crate::ops::installation::Installation;

/// An answer takes no longer.
const LIMIT: Duration = Duration::from_secs(3);
/// No answer that is read here is longer.
const LONGEST_BYTES: u64 = 4 << 20;

/// A trainer that can be asked.
#[derive(Clone, Debug)]
pub struct Trainer {
    base: String,
    agent: ureq::Agent,
    token: Option<String>,
}

/// The settings an installation runs with, what was changed on its web page among them.
///
/// # Errors
/// When they can't be understood.
pub fn settings(place: &Installation) -> Result<Settings, ConfigError> {
    let state = place.state().to_string_lossy().into_owned();
    let overrides = Overrides {
        variables: Vec::new(),
        command_line: vec![Assignment::new("state_folder", state, "--state-folder")],
    };
    let file = place.site_file();
    let file = file.is_file().then_some(file);
    Ok(Loaded::load(file.as_deref(), &overrides)?.settings)
}

impl Trainer {
    /// The one that runs with these settings; none where they let it be asked by nobody.
    #[must_use]
    pub fn of(settings: &Settings, token: Option<String>) -> Option<Self> {
        let api = &settings.api;
        if !api.enabled || api.port == 0 {
            return None;
        }
        let host = match api.host.parse::<IpAddr>() {
            // Who listens everywhere is reached on this machine's own address.
            Ok(IpAddr::V4(ip)) if ip.is_unspecified() => IpAddr::from(Ipv4Addr::LOCALHOST).to_string(),
            Ok(IpAddr::V6(ip)) if ip.is_unspecified() => format!("[{}]", Ipv6Addr::LOCALHOST),
            Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
            Ok(ip) => ip.to_string(),
            Err(_) => api.host.clone(),
        };
        // This machine itself is served plain connections, too.
        let loopback = ["127.", "localhost", "[::1]"]
            .iter()
            .any(|own| host.starts_with(own));
        let scheme = if api.tls_certificate.is_empty() || loopback {
            "http"
        } else {
            "https"
        };
        Some(Self::at(&format!("{scheme}://{host}:{}", api.port), token))
    }

    /// The one at an address on this machine, `http://127.0.0.1:8000`.
    #[must_use]
    pub fn at(base: &str, token: Option<String>) -> Self {
        // It is this very machine: its certificate is for the names others call it by.
        let tls = ureq::tls::TlsConfig::builder().disable_verification(true).build();
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(LIMIT))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_idle_connections(0)
            .proxy(None)
            .tls_config(tls)
            .build()
            .new_agent();
        Self {
            base: base.to_owned(),
            agent,
            token,
        }
    }

    /// Where it is asked.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Status and JSON of a GET; what is no JSON is null.
    ///
    /// # Errors
    /// In words, when nobody answers.
    pub fn get(&self, path: &str) -> Result<(u16, Value), String> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let mut answer = request.call().map_err(|e| e.to_string())?;
        let status = answer.status().as_u16();
        let text = answer
            .body_mut()
            .with_config()
            .limit(LONGEST_BYTES)
            .read_to_string();
        Ok((
            status,
            text.ok()
                .and_then(|t| serde_json::from_str(&t).ok())
                .unwrap_or(Value::Null),
        ))
    }

    /// The JSON of a GET that went well.
    #[must_use]
    pub fn json(&self, path: &str) -> Option<Value> {
        self.get(path)
            .ok()
            .filter(|(status, _)| *status == 200)
            .map(|(_, json)| json)
    }

    /// It is at work.
    ///
    /// # Errors
    /// Why not.
    pub fn ready(&self) -> Result<(), String> {
        match self.get("/readyz")? {
            (200, _) => Ok(()),
            (status, said) => {
                let detail = said
                    .get("detail")
                    .and_then(Value::as_str)
                    .unwrap_or("it does not say why");
                Err(format!("it answers {status}: {detail}"))
            }
        }
    }

    /// Somebody plays: why that is thought.
    #[must_use]
    pub fn somebody_plays(&self) -> Option<String> {
        let status = self.json("/api/v1/status")?;
        // The virtual table plays by itself.
        if status.get("source")?.as_str()?.starts_with("virtual") {
            return None;
        }
        let table = self.json("/api/v1/table")?;
        if !table.get("known")?.as_bool()? || table.get("stale")?.as_bool()? {
            return None;
        }
        if table.get("at_rest").and_then(Value::as_bool) == Some(false) {
            return Some("balls are moving".to_owned());
        }
        table
            .get("cue")
            .filter(|cue| !cue.is_null())
            .map(|_| "a cue is over the table".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trainer_is_asked_on_this_machine_however_it_listens() {
        let base = |host: &str, port: u16, tls: &str| {
            let mut settings = Settings::default();
            (settings.api.host, settings.api.port) = (host.to_owned(), port);
            tls.clone_into(&mut settings.api.tls_certificate);
            Trainer::of(&settings, None).map(|t| t.base().to_owned())
        };
        assert_eq!(base("0.0.0.0", 8000, "").unwrap(), "http://127.0.0.1:8000");
        assert_eq!(base("::", 81, "c.pem").unwrap(), "http://[::1]:81");
        assert_eq!(
            base("192.168.1.5", 8000, "c.pem").unwrap(),
            "https://192.168.1.5:8000"
        );
        assert_eq!(base("fe80::1", 8000, "").unwrap(), "http://[fe80::1]:8000");
        assert_eq!(base("localhost", 8000, "c.pem").unwrap(), "http://localhost:8000");
        assert_eq!(base("127.0.0.1", 0, ""), None);
        let nobody = Trainer::at("http://127.0.0.1:1", None);
        assert!(nobody.ready().is_err() && nobody.somebody_plays().is_none());
    }
}
