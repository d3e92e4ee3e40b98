//! The settings: shown, tried out and changed.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::info;

use super::precondition::Tag;
use super::{Answer, Ctx, asked, read_wish};
use crate::api::SettingsPlace;
use crate::api::auth::Caller;
use crate::api::context::Context;
use crate::api::problem::Problem;
use crate::config::{ChangeError, Changes, Effect, Loaded, Source, effect_of, schema};
use crate::system::command::OperatorCommand;

/// What is to be changed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Wish {
    /// Values by key path: a switch, a number, a text, a list of texts; anything else as RON in a text. `null` goes back
    /// to what the settings file says.
    changes: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct WishQuery {
    validate_only: Option<u8>,
}

pub(in crate::api) async fn show(State(context): Ctx) -> Result<Response, Problem> {
    let loaded = load(&context).await?;
    Ok(tag(&loaded).on(view(&loaded)))
}

pub(in crate::api) async fn describe() -> Answer {
    static KEYS: OnceLock<Value> = OnceLock::new();
    let made = tokio::task::spawn_blocking(|| {
        let keys = KEYS.get_or_init(|| schema().map_or(Value::Null, |keys| json!(keys)));
        json!({ "keys": keys })
    });
    made.await.map(Json).map_err(|_| Problem::internal())
}

pub(in crate::api) async fn change(
    State(context): Ctx,
    Extension(caller): Extension<Caller>,
    query: Result<Query<WishQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let query = asked(query)?;
    let only = match query.validate_only {
        None | Some(0) => false,
        Some(1) => true,
        Some(_) => return Err(Problem::invalid("validate_only", "must be 0 or 1")),
    };
    let headers = request.headers().clone();
    let wish: Wish = read_wish(&context, request, "changes").await?;
    let wishes: Vec<_> = (wish.changes.into_iter())
        .map(|(key, value)| Ok((key.clone(), written(&key, value)?)))
        .collect::<Result<_, Problem>>()?;
    let place = place(&context)?;
    // One after the other: each goes by what the one before it left.
    let held = Arc::clone(&context.settings).lock_owned().await;
    let (told, by) = (Arc::clone(&context), context.gate.name_of(&caller));
    // It runs to its end, whether or not anybody still waits for the answer.
    let done = tokio::task::spawn_blocking(move || {
        let _held = held;
        let before = Loaded::load(place.file.as_deref(), &place.overrides)?;
        check_precondition(&headers, &tag(&before), only)?;
        let changes = Changes::read(&place.state_folder)?.with(wishes)?;
        let changed = changes.try_out(&before, place.file.as_deref(), &place.overrides)?;
        if !only {
            changes.keep(&place.state_folder)?;
            info!(%by, keys = ?changed.keys, "settings changed over the network");
            // Where there is no room for this wish the file's change is noticed a moment later.
            let _ = told.send(OperatorCommand::ReloadSettings);
        }
        Ok(changed)
    });
    let changed = done
        .await
        .map_err(|_| Problem::internal())?
        .map_err(Failed::told)?;
    let needs_restart: Vec<&String> = changed
        .keys
        .iter()
        .filter(|key| effect_of(key) == Effect::Process)
        .collect();
    let answer = json!({ "changed": changed.keys, "needs_restart": needs_restart, "validate_only": only });
    Ok(if only {
        Json(answer).into_response()
    } else {
        tag(&changed.loaded).on(answer)
    })
}

/// Why a change was not made.
enum Failed {
    Change(ChangeError),
    Problem(Problem),
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl<E: Into<ChangeError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Change(error.into())
    }
}

impl Failed {
    fn told(self) -> Problem {
        match self {
            Self::Problem(problem) => problem,
            Self::Change(ChangeError::NotHere(key)) => {
                Problem::invalid(key.clone(), ChangeError::NotHere(key).to_string())
            }
            Self::Change(error @ ChangeError::NotKept { .. }) => {
                Problem::new(StatusCode::INSUFFICIENT_STORAGE, "not_kept", error.to_string())
            }
            Self::Change(error @ ChangeError::Damaged { .. }) => damaged(&error),
            Self::Change(ChangeError::Settings(error)) => {
                let faults = error.faults().iter();
                let errors = faults
                    .map(|fault| (fault.key.clone(), fault.reason.clone()))
                    .collect();
                Problem {
                    errors,
                    ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "validation", error.to_string())
                }
            }
        }
    }
}

/// A value as `--set` takes it; none for going back.
fn written(key: &str, value: Value) -> Result<Option<String>, Problem> {
    let wrong = |words: &str| Err(Problem::invalid(key, words));
    Ok(match value {
        Value::Null => None,
        Value::Bool(on) => Some(on.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if text.len() <= 4096 => Some(text),
        Value::String(_) => return wrong("is longer than 4096 bytes"),
        Value::Array(list) if list.iter().all(Value::is_string) => Some(json!(list).to_string()),
        _ => return wrong("must be a switch, a number, a text, a list of texts, or RON in a text"),
    })
}

async fn load(context: &Context) -> Result<Loaded, Problem> {
    let place = place(context)?;
    let loaded = tokio::task::spawn_blocking(move || Loaded::load(place.file.as_deref(), &place.overrides));
    let loaded = loaded.await.map_err(|_| Problem::internal())?;
    loaded.map_err(|error| damaged(&error))
}

fn damaged(error: &dyn std::error::Error) -> Problem {
    Problem::new(StatusCode::CONFLICT, "settings_damaged", error.to_string())
}

fn place(context: &Context) -> Result<SettingsPlace, Problem> {
    let place = context.options.settings.clone();
    place.ok_or_else(|| Problem::unavailable("no_settings", "This server knows of no settings."))
}

/// The settings with where each comes from.
fn view(loaded: &Loaded) -> Value {
    let sources: BTreeMap<String, Value> = (loaded.sources().into_iter())
        .map(
            |Source {
                 key,
                 value,
                 layer,
                 place,
             }| {
                let value = without_secrets(&value, key.starts_with("alerts.webhooks"));
                // What is a text is told as one, too: RON escapes otherwise than JSON.
                let text = ron::from_str::<String>(&value)
                    .ok()
                    .filter(|_| value.starts_with('"'));
                (
                    key,
                    json!({ "value": value, "text": text, "layer": layer, "place": place }),
                )
            },
        )
        .collect();
    json!({ "settings": sources, "notes": loaded.notes, "site_file": loaded.site_file })
}

/// A value without the passwords that addresses may have in them; of those that are `secret` only the host is shown.
fn without_secrets(value: &str, secret: bool) -> String {
    let mut shown = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let host = after.find(['/', '"', '?', '#', ' ']).unwrap_or(after.len());
        let (authority, tail) = after.split_at(host);
        match authority.rsplit_once('@') {
            Some((_, host)) => {
                shown.push_str("…@");
                shown.push_str(host);
            }
            None => shown.push_str(authority),
        }
        rest = tail;
        if secret && !tail.starts_with('"') {
            shown.push_str("/…");
            rest = tail.find('"').and_then(|end| tail.get(end..)).unwrap_or_default();
        }
    }
    shown.push_str(rest);
    shown
}

/// Tells one state of the settings from another: values, and who said them.
fn tag(loaded: &Loaded) -> Tag {
    let lines = loaded.sources().into_iter().map(
        |Source {
             key, value, layer, ..
         }| format!("{key}={value} {}\n", layer.name()),
    );
    Tag::of(&lines.collect::<String>())
}

/// Whoever changes must have read what is there; whoever only tries out need not.
fn check_precondition(headers: &HeaderMap, tag: &Tag, only: bool) -> Result<(), Problem> {
    if tag.is_named_by(headers)? || only {
        Ok(())
    } else {
        Err(precondition_required())
    }
}

fn precondition_required() -> Problem {
    Problem::new(
        StatusCode::PRECONDITION_REQUIRED,
        "precondition_required",
        "Send the ETag of `GET /api/v1/config` as If-Match, so that nobody's changes are lost.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_addresses_are_not_shown() {
        for (value, shown) in [
            ("\"rtsp://user:pa:ss@10.0.0.5/1\"", "\"rtsp://…@10.0.0.5/1\""),
            ("\"http://10.0.0.5/a@b\"", "\"http://10.0.0.5/a@b\""),
            (
                "[(url: \"https://k@x/y\"), (url: \"https://z\")]",
                "[(url: \"https://…@x/y\"), (url: \"https://z\")]",
            ),
            ("25.0", "25.0"),
        ] {
            assert_eq!(without_secrets(value, false), shown);
        }
        let hooks = "[(name: \"a\", url: \"https://u:p@x/T0/B1?key=1\"), (url: \"https://z\")]";
        assert_eq!(
            without_secrets(hooks, true),
            "[(name: \"a\", url: \"https://…@x/…\"), (url: \"https://z\")]"
        );
    }
}
