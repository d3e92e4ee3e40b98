//! Who comes in, and as what.
//!
//! On the machine itself, as long as the settings don't ask for more, everybody is at home. From anywhere else, a proxy
//! included, nobody is without a token.

mod guesses;
mod tickets;
pub mod tokens;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use axum::http::{HeaderMap, StatusCode, header};
use tracing::{info, warn};

use super::connection::Peer;
use super::context::Trouble;
use super::problem::Problem;
use guesses::Guesses;
pub(super) use guesses::who;
use tickets::Tickets;
use tokens::{Role, Token, TokenError, now_unix_s, random_hex};

/// A ticket must be used within this time.
pub(super) const TICKET_LASTS: Duration = Duration::from_secs(5);

/// Whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// What is allowed.
    pub(super) role: Role,
    /// Id of the token that was shown; none at home.
    token: Option<String>,
}

impl Caller {
    const fn at_home() -> Self {
        Self {
            role: Role::Admin,
            token: None,
        }
    }

    /// Refuses whoever has not this role.
    pub(super) fn must_be(&self, needed: Role) -> Result<(), Problem> {
        if self.role >= needed {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            format!("This needs the role {needed}; yours is {}.", self.role),
        ))
    }

    #[cfg(test)]
    pub(super) const fn somebody() -> Self {
        Self::at_home()
    }
}

/// Knows the tokens, and those who tried wrong ones.
#[derive(Debug)]
pub(super) struct Gate {
    /// Also at home nobody comes in without a token.
    required: bool,
    folder: Option<PathBuf>,
    tokens: ArcSwap<Vec<Token>>,
    /// The file they were read from, as it was then.
    seen: Mutex<Option<Stamp>>,
    trouble: Trouble,
    guesses: Mutex<Guesses>,
    tickets: Mutex<Tickets>,
}

impl Gate {
    /// A gate with the tokens of a state folder.
    pub(super) fn new(required: bool, folder: Option<&Path>) -> Result<Self, TokenError> {
        let tokens = folder.map(tokens::read).transpose()?.unwrap_or_default();
        Ok(Self {
            required,
            folder: folder.map(Path::to_owned),
            tokens: ArcSwap::from_pointee(tokens),
            seen: Mutex::default(),
            trouble: Trouble::default(),
            guesses: Mutex::new(folder.map(Guesses::read).unwrap_or_default()),
            tickets: Mutex::default(),
        })
    }

    /// Somebody can come in with a token.
    pub(super) fn has_tokens(&self) -> bool {
        let now = now_unix_s();
        self.tokens.load().iter().any(|token| token.holds(now))
    }

    /// Who asks, if that may do what needs this role. `home`: at this machine itself. `ticket`: one that was shown
    /// where it is taken.
    pub(super) fn admit(
        &self,
        home: bool,
        peer: Peer,
        headers: &HeaderMap,
        ticket: Option<&str>,
        needed: Role,
    ) -> Result<Caller, Problem> {
        let from = address_of(peer, headers);
        let caller = match (headers.get(header::AUTHORIZATION), ticket) {
            (Some(shown), _) => self.holder_of(shown.to_str().unwrap_or_default(), from)?,
            (None, Some(ticket)) => lock(&self.tickets)
                .take(ticket, from, Instant::now())
                .filter(|caller| self.still_holds(caller))
                .ok_or_else(|| {
                    refused(
                        "ticket_invalid",
                        "This ticket is used, over, or from another address.",
                    )
                })?,
            (None, None) if !self.required && home => Caller::at_home(),
            (None, None) => {
                return Err(refused(
                    "unauthenticated",
                    "Send a token: `Authorization: Bearer bt_…`; `billiards-trainer token create` makes one.",
                ));
            }
        };
        caller.must_be(needed)?;
        Ok(caller)
    }

    fn holder_of(&self, shown: &str, from: IpAddr) -> Result<Caller, Problem> {
        let now = now_unix_s();
        let scheme = shown
            .get(..7)
            .filter(|scheme| scheme.eq_ignore_ascii_case("bearer "));
        let text = scheme.and_then(|_| shown.get(7..)).map(str::trim);
        let tokens = self.tokens.load();
        if let Some(token) = text.and_then(|text| tokens::find(&tokens, text, now)) {
            return Ok(Caller {
                role: token.role,
                token: Some(token.id.clone()),
            });
        }
        // A right token comes in whatever others at this address have tried: it can't be guessed anyway.
        let mut guesses = lock(&self.guesses);
        if let Some(wait_s) = guesses.waits_s(from, now) {
            return Err(Problem {
                retry_after_s: Some(u32::try_from(wait_s).unwrap_or(u32::MAX)),
                ..Problem::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "too_many_wrong_tokens",
                    format!("Too many wrong tokens came from this address; wait {wait_s} s."),
                )
            });
        }
        guesses.wrong(from, now);
        drop(guesses);
        warn!(%from, "somebody showed a wrong token");
        Err(refused(
            "token_invalid",
            "This token is unknown, over, or was revoked; `billiards-trainer token create` makes a new one.",
        ))
    }

    /// The token with which somebody came in has not been revoked since.
    pub(super) fn still_holds(&self, caller: &Caller) -> bool {
        let now = now_unix_s();
        let holds = |id: &String| self.tokens.load().iter().any(|t| t.id == *id && t.holds(now));
        caller.token.as_ref().is_none_or(holds)
    }

    /// What the token was called when it was made.
    pub(super) fn name_of(&self, caller: &Caller) -> String {
        let Some(id) = &caller.token else {
            return "local".to_owned();
        };
        let tokens = self.tokens.load();
        let token = tokens.iter().find(|token| token.id == *id);
        token.map_or_else(|| "revoked".to_owned(), |token| token.name.clone())
    }

    /// A ticket for this caller.
    pub(super) fn ticket(&self, peer: Peer, headers: &HeaderMap, caller: Caller) -> Result<String, Problem> {
        let text = random_hex::<24>().map_err(|error| {
            warn!("no tickets for live connections: {error}");
            Problem::internal()
        })?;
        lock(&self.tickets).keep(text.clone(), address_of(peer, headers), caller, Instant::now());
        Ok(text)
    }

    /// Takes in tokens that were made or revoked, and keeps what was learned of guesses.
    pub(super) fn look(&self) {
        let Some(folder) = &self.folder else { return };
        let stamp = Some(Stamp::of(&tokens::file_in(folder)));
        if std::mem::replace(&mut *lock(&self.seen), stamp) != stamp {
            match tokens::read(folder) {
                Ok(tokens) => {
                    self.trouble.is_over();
                    if **self.tokens.load() != tokens {
                        info!("api: {} tokens", tokens.len());
                        self.tokens.store(Arc::new(tokens));
                    }
                }
                Err(error) => {
                    self.trouble
                        .tell(format!("api: the tokens of before hold: {error}"));
                    // Looked at again next time, whether or not the file changes.
                    *lock(&self.seen) = None;
                }
            }
        }
        self.keep();
    }

    /// Keeps what was learned of guesses, where that is new.
    pub(super) fn keep(&self) {
        let Some(folder) = &self.folder else { return };
        let keep = lock(&self.guesses).take_news();
        if let Some(text) = keep
            && let Err(error) = guesses::keep(folder, &text)
        {
            warn!("api: who showed wrong tokens is forgotten at the next start: {error}");
        }
    }
}

/// Tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp(Option<(SystemTime, u64)>);

impl Stamp {
    fn of(file: &Path) -> Self {
        let stamp = |data: std::fs::Metadata| Some((data.modified().ok()?, data.len()));
        Self(std::fs::metadata(file).ok().and_then(stamp))
    }
}

/// Where a request comes from: a proxy on this machine tells it last in its header.
pub(super) fn address_of(peer: Peer, headers: &HeaderMap) -> IpAddr {
    let last = headers.get_all("x-forwarded-for").iter().next_back();
    let told = last.and_then(|v| v.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    match told {
        Some(told) if peer.is_local() => told,
        _ => peer.0.ip(),
    }
}

/// A proxy on this machine speaks for others; its header gives it away.
pub(super) fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key("x-forwarded-for") || headers.contains_key(header::FORWARDED)
}

fn refused(code: &'static str, detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, code, detail)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
