//! `token`: who may come in over the network.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Failure, show, write_table};
use crate::api::auth::tokens::{self, Role, Token, now_unix_s};
use crate::config::{Assignment, Loaded, Overrides, Settings};

/// Makes, lists and revokes the tokens with which the API and its web page are reached from other machines.
#[derive(Debug, Args)]
pub(crate) struct TokenCommand {
    #[command(subcommand)]
    what: What,
    /// Settings file (RON), for its state folder; without it the one that `run` would use.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Set a value on top of the file; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", global = true)]
    set: Vec<Assignment>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make a token. It is shown once; a running trainer knows it within a second.
    Create(Create),
    /// Show the tokens there are, without their secrets.
    List(List),
    /// Take a token away; whoever came in with it is out within a second.
    Revoke(Revoke),
}

#[derive(Debug, Args)]
struct Create {
    /// What it is for: "wall screen", "coach's phone".
    name: String,
    /// What its holder may do: look; work the table; everything.
    #[arg(long, value_enum, default_value = "viewer")]
    role: Role,
    /// It is over after so many days.
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// It is never over.
    #[arg(long, conflicts_with = "days")]
    forever: bool,
    /// Print one JSON document on stdout and nothing else.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct List {
    /// Print one JSON document on stdout and nothing else.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Revoke {
    /// The token's id, as `token list` shows it.
    id: String,
}

impl TokenCommand {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let path = self.config.or_else(Settings::default_path);
        let loaded = Loaded::load(path.as_deref(), &Overrides::of_process(self.set))?;
        let folder = loaded.settings.state_folder()?;
        let failed = |error: tokens::TokenError| Failure::failed(error.to_string());
        match self.what {
            What::Create(create) => {
                let lasts = (!create.forever).then(|| Duration::from_secs(u64::from(create.days) * DAY_S));
                let (token, secret) =
                    tokens::make(&folder, &create.name, create.role, lasts).map_err(failed)?;
                show(&made(&token, &secret, create.json))
            }
            What::List(list) => {
                let tokens = tokens::read(&folder).map_err(failed)?;
                show(&listed(&tokens, list.json)?)
            }
            What::Revoke(revoke) => {
                let token = tokens::revoke(&folder, &revoke.id).map_err(failed)?;
                show(&format!(
                    "Revoked {} ({}, {}).\n",
                    token.id, token.name, token.role
                ))
            }
        }
    }
}

const DAY_S: u64 = 86_400;

fn made(token: &Token, secret: &str, json: bool) -> String {
    if json {
        let view = serde_json::json!({ "token": secret, "id": token.id, "name": token.name, "role": token.role,
            "expires": token.expires_unix_s.map(date) });
        return format!("{view:#}\n");
    }
    let until = token
        .expires_unix_s
        .map_or("for ever".to_owned(), |end| format!("until {}", date(end)));
    format!(
        "{secret}\n\nToken {} ({}), {}, {until}. It is not shown again: copy it now.\n\
         Use it as the header `Authorization: Bearer …`, or paste it where the web page asks for it.\n",
        token.id, token.name, token.role
    )
}

fn listed(tokens: &[Token], json: bool) -> Result<String, Failure> {
    let now = now_unix_s();
    if json {
        let rows: Vec<_> = (tokens.iter())
            .map(|token| {
                serde_json::json!({ "id": token.id, "name": token.name, "role": token.role,
                    "made": date(token.made_unix_s), "expires": token.expires_unix_s.map(date),
                    "holds": token.holds(now) })
            })
            .collect();
        return Ok(format!("{:#}\n", serde_json::json!({ "tokens": rows })));
    }
    if tokens.is_empty() {
        return Ok(
            "There are no tokens: only this machine itself can reach the trainer.\n\
                   billiards-trainer token create \"wall screen\" --role viewer\n"
                .to_owned(),
        );
    }
    let mut rows = vec![["id", "name", "role", "made", "over"].map(ToOwned::to_owned)];
    rows.extend(tokens.iter().map(|token| {
        let over = match token.expires_unix_s {
            None => "never".to_owned(),
            Some(end) if token.holds(now) => date(end),
            Some(end) => format!("{}, it is over", date(end)),
        };
        let role = token.role.name().to_owned();
        [
            token.id.clone(),
            token.name.clone(),
            role,
            date(token.made_unix_s),
            over,
        ]
    }));
    let mut out = Vec::new();
    write_table(&mut out, &rows)
        .map_err(|error| Failure::failed(format!("can't write the list: {error}")))?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// RFC 3339 UTC.
fn date(unix_s: u64) -> String {
    let time = i64::try_from(unix_s)
        .ok()
        .and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
    time.and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| "?".to_owned())
}
