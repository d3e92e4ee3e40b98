//! The OpenAPI 3.1 document, made of the list of addresses.

use std::sync::OnceLock;

use axum::Json;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::endpoint::{Content, Endpoint};
use super::idempotency;
use super::problem::{KINDS, Kind};
use super::routes::endpoints;

/// `GET /api/v1/openapi.json`.
pub(super) async fn document() -> Json<&'static Value> {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    Json(DOCUMENT.get_or_init(make))
}

/// Problems that any address may answer.
const ANYWHERE: &[&str] = &[
    "host_not_allowed",
    "too_many_requests",
    "bad_request",
    "internal",
    "timeout",
    "too_many_connections",
    "https_required",
];
/// … that answers only who may come in.
const BEHIND_A_GATE: &[&str] = &[
    "unauthenticated",
    "token_invalid",
    "forbidden",
    "too_many_wrong_tokens",
    "starting",
];
/// … that changes something.
const CHANGING: &[&str] = &[
    "host_missing",
    "origin_not_allowed",
    "key_reused",
    "busy",
    "stopping",
    "body_incomplete",
    "request_timeout",
    "body_too_large",
    "unsupported_media_type",
    "validation",
];
/// … that takes a body.
const WITH_BODY: &[&str] = &["malformed_json"];
/// … that takes parameters.
const WITH_PARAMETERS: &[&str] = &["invalid_query", "validation"];

/// The whole document.
pub(super) fn make() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|s| s.definitions_path = "/components/schemas".into());
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    for endpoint in endpoints() {
        let operation = operation(&endpoint, &mut generator);
        let path = paths.entry(endpoint.path.clone()).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(endpoint.method.as_str().to_lowercase(), operation);
        }
    }
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Problem".to_owned(), problem());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Billiards Trainer",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0" },
            "description": "What the trainer sees, foresees and does. Lengths in metres, the table's frame: origin in \
                            the middle, x toward the foot end, y to the left seen from the head.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "token": {
                "type": "http", "scheme": "bearer",
                "description": "`billiards-trainer token create` makes one. Not needed on the machine itself, unless \
                                the settings say so.",
            } },
        },
    })
}

fn operation(endpoint: &Endpoint, generator: &mut SchemaGenerator) -> Value {
    let mut parameters: Vec<Value> = (endpoint.path.split('/'))
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } }))
        .collect();
    parameters.extend(endpoint.query.iter().map(|parameter| {
        json!({ "name": parameter.name, "in": "query", "description": parameter.about, "schema": parameter.schema })
    }));
    parameters.extend(endpoint.headers.iter().map(|(name, about)| {
        json!({ "name": name, "in": "header", "description": about, "schema": { "type": "string" } })
    }));
    if endpoint.method != axum::http::Method::GET && endpoint.role >= Some(idempotency::FROM) {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header",
            "description": "made up by whoever asks: the same wish with the same key is carried out once within a day",
            "schema": { "type": "string", "minLength": 1, "maxLength": 128 },
        }));
    }
    if endpoint.by_ticket {
        parameters.push(json!({
            "name": "ticket", "in": "query", "description": "in place of a token: one of `POST /api/v1/auth/ticket`",
            "schema": { "type": "string" },
        }));
    }
    let mut operation = json!({
        "operationId": operation_id(endpoint),
        "tags": [endpoint.group],
        "summary": endpoint.summary,
        "parameters": parameters,
        "responses": responses(endpoint, generator),
    });
    let body = endpoint.body.map(
        |make| json!({ "required": true, "content": { "application/json": { "schema": make(generator) } } }),
    );
    let role = endpoint.role.map(|role| {
        let words = format!("Needs the role {role}.");
        (json!([{ "token": [role] }]), words)
    });
    if let Some(map) = operation.as_object_mut() {
        if let Some(body) = body {
            map.insert("requestBody".to_owned(), body);
        }
        if let Some((security, words)) = role {
            map.insert("security".to_owned(), security);
            map.insert("description".to_owned(), json!(words));
        }
    }
    operation
}

/// `get_modules_id` of `GET /api/v1/modules/{id}`.
fn operation_id(endpoint: &Endpoint) -> String {
    let path = endpoint.path.trim_start_matches(super::endpoint::BASE);
    let words = path
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let method = endpoint.method.as_str().to_lowercase();
    std::iter::once(method.as_str())
        .chain(words)
        .collect::<Vec<_>>()
        .join("_")
}

fn responses(endpoint: &Endpoint, generator: &mut SchemaGenerator) -> Value {
    let (status, content) = endpoint.answer;
    let good = match content {
        Content::Json(make) => {
            json!({ "description": "Done", "content": { "application/json": { "schema": make(generator) } } })
        }
        Content::Media(media) => json!({ "description": "Done", "content": { media: {} } }),
        Content::Upgrade => json!({ "description": "WebSocket from here on" }),
    };
    let mut responses = Map::new();
    responses.insert(status.as_str().to_owned(), good);
    for kind in problems_of(endpoint) {
        let answer = responses.entry(kind.status.to_string()).or_insert_with(|| {
            json!({
                "description": "",
                "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
            })
        });
        let so_far = answer
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let told = format!(
            "{so_far}{}`{}`: {}",
            if so_far.is_empty() { "" } else { "; " },
            kind.code,
            kind.about
        );
        if let Some(map) = answer.as_object_mut() {
            map.insert("description".to_owned(), json!(told));
        }
    }
    Value::Object(responses)
}

/// Every problem an address may answer.
pub(super) fn problems_of(endpoint: &Endpoint) -> Vec<&'static Kind> {
    let gated = endpoint.role.is_some();
    let changes = endpoint.method != axum::http::Method::GET;
    let takes_body = endpoint.body.is_some();
    let asked = !endpoint.query.is_empty();
    let lists = [
        (true, ANYWHERE),
        (gated, BEHIND_A_GATE),
        (
            endpoint.by_ticket,
            &["ticket_invalid", "origin_not_allowed", "host_missing"],
        ),
        (changes, CHANGING),
        (takes_body, WITH_BODY),
        (asked, WITH_PARAMETERS),
        (true, endpoint.problems),
    ];
    let codes: Vec<&str> = lists
        .iter()
        .filter(|(on, _)| *on)
        .flat_map(|(_, codes)| codes.iter().copied())
        .collect();
    KINDS.iter().filter(|kind| codes.contains(&kind.code)).collect()
}

/// RFC 9457, with what is ours.
fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status", "detail", "instance", "code"],
        "properties": {
            "type": { "type": "string", "format": "uri" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string", "description": "what was wrong and what to do" },
            "instance": { "type": "string", "description": "the path that was asked" },
            "code": { "type": "string", "enum": KINDS.iter().map(|kind| kind.code).collect::<Vec<_>>() },
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": { "field": { "type": "string" }, "message": { "type": "string" } },
                },
            },
        },
    })
}
