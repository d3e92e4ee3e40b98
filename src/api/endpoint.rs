//! One address the server knows: who may use it, what it takes and what it answers.
//!
//! The router and the OpenAPI document are made of the same list, so neither knows of what the other does not.

use std::ops::RangeInclusive;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::auth::tokens::Role;
use super::connection::Peer;
use super::context::Context;
use super::guard::AtHome;
use super::idempotency;
use super::problem::Problem;

/// Where everything but the page and the probes lies.
pub(super) const BASE: &str = "/api/v1";

/// An address with one method.
pub(super) struct Endpoint {
    pub(super) method: Method,
    /// As axum and OpenAPI write it: `/api/v1/modules/{id}`.
    pub(super) path: String,
    /// Who may; `None`: everybody, without a token.
    pub(super) role: Option<Role>,
    /// A browser can't send a token here: a ticket is taken, too.
    pub(super) by_ticket: bool,
    /// Heading in the documentation.
    pub(super) group: &'static str,
    /// What it does, on one line.
    pub(super) summary: &'static str,
    pub(super) query: Vec<Parameter>,
    /// Request headers it goes by, and what for.
    pub(super) headers: Vec<(&'static str, &'static str)>,
    pub(super) body: Option<MakeSchema>,
    pub(super) answer: (StatusCode, Content),
    /// Codes of its own problems, beside those any address may answer.
    pub(super) problems: &'static [&'static str],
    handler: MethodRouter<Arc<Context>>,
}

/// Makes the schema of a type.
pub(super) type MakeSchema = fn(&mut SchemaGenerator) -> Schema;

/// What a good answer is made of.
#[derive(Clone, Copy)]
pub(super) enum Content {
    /// JSON of this shape.
    Json(MakeSchema),
    /// Something else, of this media type.
    Media(&'static str),
    /// Another protocol.
    Upgrade,
}

/// A parameter behind the question mark.
#[derive(Clone)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) schema: Schema,
}

/// Any JSON object: where no type of the program says more.
pub(super) fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object" })
}

/// The schema of a type of the program.
pub(super) fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

impl Endpoint {
    /// `GET` of an address below [`BASE`].
    pub(super) fn get<H, T>(group: &'static str, path: &str, role: Role, handler: H) -> Self
    where
        H: Handler<T, Arc<Context>>,
        T: 'static,
    {
        Self::below(Method::GET, group, path, role, on(MethodFilter::GET, handler))
    }

    /// `POST`, which is accepted and carried out a moment later.
    pub(super) fn post<H, T>(group: &'static str, path: &str, role: Role, handler: H) -> Self
    where
        H: Handler<T, Arc<Context>>,
        T: 'static,
    {
        Self::below(Method::POST, group, path, role, on(MethodFilter::POST, handler))
            .answers(StatusCode::ACCEPTED)
    }

    /// `PUT`, which is done when it is answered.
    pub(super) fn put<H, T>(group: &'static str, path: &str, role: Role, handler: H) -> Self
    where
        H: Handler<T, Arc<Context>>,
        T: 'static,
    {
        Self::below(Method::PUT, group, path, role, on(MethodFilter::PUT, handler))
    }

    /// `DELETE`, accepted like `POST`.
    pub(super) fn delete<H, T>(group: &'static str, path: &str, role: Role, handler: H) -> Self
    where
        H: Handler<T, Arc<Context>>,
        T: 'static,
    {
        Self::below(
            Method::DELETE,
            group,
            path,
            role,
            on(MethodFilter::DELETE, handler),
        )
        .answers(StatusCode::ACCEPTED)
    }

    /// `GET` of an address that everybody may have.
    pub(super) fn open<H, T>(group: &'static str, path: &str, handler: H) -> Self
    where
        H: Handler<T, Arc<Context>>,
        T: 'static,
    {
        let handler = on(MethodFilter::GET, handler);
        Self::new(Method::GET, group, path.to_owned(), None, handler)
    }

    fn below(
        method: Method,
        group: &'static str,
        path: &str,
        role: Role,
        handler: MethodRouter<Arc<Context>>,
    ) -> Self {
        Self::new(method, group, format!("{BASE}{path}"), Some(role), handler)
    }

    fn new(
        method: Method,
        group: &'static str,
        path: String,
        role: Option<Role>,
        handler: MethodRouter<Arc<Context>>,
    ) -> Self {
        Self {
            method,
            path,
            role,
            by_ticket: false,
            group,
            summary: "",
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            answer: (StatusCode::OK, Content::Json(any_object)),
            problems: &[],
            handler,
        }
    }

    /// What it does.
    pub(super) const fn told(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    /// From elsewhere it is for those who have this role.
    pub(super) const fn needs(mut self, role: Role) -> Self {
        self.role = Some(role);
        self
    }

    /// Takes a ticket, too.
    pub(super) const fn by_ticket(mut self) -> Self {
        self.by_ticket = true;
        self
    }

    /// May have this behind the question mark.
    pub(super) fn asks(mut self, name: &'static str, about: &'static str, schema: Schema) -> Self {
        self.query.push(Parameter { name, about, schema });
        self
    }

    /// Is a long list, of which one page is answered.
    pub(super) fn paged(self, limit: RangeInclusive<usize>) -> Self {
        let limit = json_schema!({ "type": "integer", "minimum": limit.start(), "maximum": limit.end() });
        let before = json_schema!({ "type": "integer", "minimum": 0, "maximum": u64::MAX });
        self.asks("limit", "at most so many, the newest", limit).asks(
            "before",
            "only those before this one",
            before,
        )
    }

    /// Goes by this header.
    pub(super) fn reads(mut self, name: &'static str, about: &'static str) -> Self {
        self.headers.push((name, about));
        self
    }

    /// Takes a body of this shape.
    pub(super) const fn takes(mut self, body: MakeSchema) -> Self {
        self.body = Some(body);
        self
    }

    /// Answers with this status.
    pub(super) const fn answers(mut self, status: StatusCode) -> Self {
        self.answer.0 = status;
        self
    }

    /// Answers with JSON of this type.
    pub(super) const fn gives<T: JsonSchema>(mut self) -> Self {
        self.answer.1 = Content::Json(schema_of::<T>);
        self
    }

    /// Answers with something else than JSON.
    pub(super) const fn gives_media(mut self, media: &'static str) -> Self {
        self.answer.1 = Content::Media(media);
        self
    }

    /// Speaks another protocol from there on.
    pub(super) const fn upgrades(mut self) -> Self {
        self.answer = (StatusCode::SWITCHING_PROTOCOLS, Content::Upgrade);
        self
    }

    /// May answer with these problems of its own.
    pub(super) const fn may_fail(mut self, problems: &'static [&'static str]) -> Self {
        self.problems = problems;
        self
    }

    /// Puts it behind its gate and into the router.
    pub(super) fn add_to(self, router: Router<Arc<Context>>, context: &Arc<Context>) -> Router<Arc<Context>> {
        let handler = match self.role {
            None => self.handler,
            Some(role) => {
                let door = Door {
                    context: Arc::clone(context),
                    role,
                    by_ticket: self.by_ticket,
                };
                self.handler.route_layer(from_fn_with_state(door, admit))
            }
        };
        router.route(&self.path, handler)
    }
}

/// What stands before one address.
#[derive(Clone)]
struct Door {
    context: Arc<Context>,
    role: Role,
    by_ticket: bool,
}

/// Lets in who may come in, and tells the handler who that is.
async fn admit(
    State(door): State<Door>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let ticket = request
        .uri()
        .query()
        .filter(|_| door.by_ticket)
        .and_then(ticket_in);
    let gate = &door.context.gate;
    let home = request.extensions().get::<AtHome>().is_some();
    let caller = gate.admit(home, peer, request.headers(), ticket, door.role)?;
    let changes = *request.method() != Method::GET && *request.method() != Method::HEAD;
    request.extensions_mut().insert(caller.clone());
    if changes && door.role >= idempotency::FROM {
        idempotency::once(&door.context, caller, request, next).await
    } else {
        Ok(next.run(request).await)
    }
}

/// The ticket among the parameters.
fn ticket_in(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| pair.strip_prefix("ticket="))
}
