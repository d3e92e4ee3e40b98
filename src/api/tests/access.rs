//! Who comes in, and who does not.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::client::{Answer, Socket, ask, bearer, get};
use super::world::{World, snapshot};
use crate::api::auth::tokens::{self, Role};
use crate::api::endpoint::Endpoint;
use crate::api::routes::endpoints;
use crate::api::{ApiError, ApiServer, Options};
use crate::system::command::OperatorCommand;

/// A server that asks everybody for a token, and one token of each role.
pub(super) struct Guarded {
    pub(super) world: World,
    folder: PathBuf,
    secrets: Vec<(Role, String)>,
}

impl Guarded {
    pub(super) fn new(name: &str) -> Self {
        let folder = folder(name);
        let secrets = Role::ALL.map(|role| {
            let (_, secret) = tokens::make(&folder, role.name(), role, None).unwrap();
            (role, secret)
        });
        Self {
            world: serve(&folder),
            folder,
            secrets: secrets.to_vec(),
        }
    }

    pub(super) fn secret(&self, role: Role) -> &str {
        &self.secrets.iter().find(|(of, _)| *of == role).unwrap().1
    }

    fn ask(&self, method: &str, path: &str, role: Option<Role>, body: &str) -> Answer {
        let headers = role.map(|role| bearer(self.secret(role))).unwrap_or_default();
        ask(self.world.server.local_addr(), method, path, &headers, body)
    }

    /// The address of a job that was just asked for.
    fn job(&self) -> String {
        let answer = self.ask("POST", "/api/v1/calibration", Some(Role::Operator), "{}");
        answer.header("location").unwrap().to_owned()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

fn folder(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("billiards-access-{name}-{}", std::process::id()))
}

fn serve(folder: &std::path::Path) -> World {
    World::new(Some(snapshot(1)), |options| {
        options.require_token = true;
        options.state_folder = Some(folder.to_owned());
        options.allowed_origins = vec!["https://club.example".to_owned()];
    })
}

/// An address that is there for every placeholder; `job` is that of a job.
fn filled(endpoint: &Endpoint, job: &str) -> String {
    if endpoint.path.contains("jobs/") {
        return job.to_owned();
    }
    endpoint.path.replace("{verb}", "restart").replace(
        "{id}",
        match endpoint.path.as_str() {
            path if path.contains("modules") => "vision",
            path if path.contains("shots") => "2",
            _ => "7",
        },
    )
}

#[test]
fn every_address_lets_in_every_role_that_may_and_no_other() {
    let guarded = Guarded::new("table");
    let job = guarded.job();
    for endpoint in endpoints() {
        for role in [None, Some(Role::Viewer), Some(Role::Operator), Some(Role::Admin)] {
            let path = filled(&endpoint, &job);
            let body = match endpoint.method.as_str() {
                "POST" if path.ends_with("/command") => r#"{"pause":true}"#,
                "POST" => "{}",
                _ => "",
            };
            let answer = guarded.ask(endpoint.method.as_str(), &path, role, body);
            let may = endpoint
                .role
                .is_none_or(|needed| role.is_some_and(|role| role >= needed));
            match (may, role) {
                (true, _) => assert!(
                    ![401, 403, 404, 405, 429].contains(&answer.status) || path.contains("silences/7"),
                    "{} {path} as {role:?}: {}",
                    endpoint.method,
                    answer.status
                ),
                (false, None) => {
                    answer.problem(401, "unauthenticated");
                    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
                }
                (false, Some(_)) => {
                    answer.problem(403, "forbidden");
                }
            }
            guarded.world.commands.try_iter().for_each(drop);
        }
    }
}

#[test]
fn some_wishes_need_an_admin() {
    let guarded = Guarded::new("wishes");
    let wishes = [
        ("/api/v1/command", "\"shutdown\""),
        ("/api/v1/command", "\"reload_settings\""),
        ("/api/v1/command", r#"{"stop_module":"api"}"#),
        ("/api/v1/modules/api/disable", ""),
        (
            "/api/v1/command",
            r#"{"recover":{"module":"system","action":"restart_process"}}"#,
        ),
        ("/api/v1/recovery", r#"{"module":"system","action":"safe_mode"}"#),
    ];
    for (path, body) in wishes {
        guarded
            .ask("POST", path, Some(Role::Operator), body)
            .problem(403, "forbidden");
        assert!(guarded.world.commands.is_empty());
        assert_eq!(guarded.ask("POST", path, Some(Role::Admin), body).status, 202);
        assert!(guarded.world.commands.try_recv().is_ok());
    }
    let who = guarded
        .ask("GET", "/api/v1/auth/who", Some(Role::Operator), "")
        .json();
    assert_eq!(
        (&who["role"], &who["name"]),
        (&"operator".into(), &"operator".into())
    );
}

#[test]
fn at_home_nobody_is_asked_and_a_proxy_is_not_at_home() {
    let world = World::usual();
    let at = world.server.local_addr();
    assert_eq!(get(at, "/api/v1/auth/who").json()["role"], "admin");
    for header in ["x-forwarded-for: 10.0.0.7\r\n", "forwarded: for=10.0.0.7\r\n"] {
        ask(at, "GET", "/api/v1/health", header, "").problem(401, "unauthenticated");
        ask(at, "POST", "/api/v1/shutdown", header, "").problem(401, "unauthenticated");
        assert_eq!(ask(at, "GET", "/livez", header, "").status, 200);
    }
    // Nor is a page of another site, in a browser here, whose name leads here.
    for bound in ["127.0.0.1", "0.0.0.0"] {
        let folder = folder(&format!("rebound-{bound}"));
        tokens::make(&folder, "one", Role::Viewer, None).unwrap();
        let world = World::new(Some(snapshot(1)), |options| {
            options.host = bound.to_owned();
            options.state_folder = Some(folder.clone());
            options.allowed_hosts = vec!["table7.example".to_owned()];
            options.allowed_origins = vec!["https://club.example".to_owned()];
        });
        let at = std::net::SocketAddr::from(([127, 0, 0, 1], world.server.local_addr().port()));
        let as_host = |host: &str, more: &str| {
            let request = format!("POST /api/v1/shutdown HTTP/1.1\r\nHost: {host}\r\n{more}\r\n");
            super::client::raw(at, request.as_bytes())
        };
        let port = at.port();
        let evil = as_host(
            &format!("evil.example:{port}"),
            &format!("origin: http://evil.example:{port}\r\n"),
        );
        assert!([401, 403].contains(&evil.status), "{}", evil.status);
        as_host("table7.example", "").problem(401, "unauthenticated");
        as_host(&format!("127.0.0.1:{port}"), "origin: https://club.example\r\n")
            .problem(401, "unauthenticated");
        assert!(world.commands.is_empty());
        assert_eq!(as_host(&format!("localhost:{port}"), "").status, 202);
        std::fs::remove_dir_all(folder).unwrap();
    }
    // A token that is shown counts, also at home.
    ask(at, "GET", "/api/v1/health", &bearer("bt_no"), "").problem(401, "token_invalid");
    assert!(world.commands.is_empty());
}

#[test]
fn nobody_listens_to_other_machines_without_a_token() {
    let folder = folder("open");
    let world = World::usual();
    let start = || {
        let options = Options {
            host: "0.0.0.0".to_owned(),
            port: 0,
            state_folder: Some(folder.clone()),
            ..Options::default()
        };
        ApiServer::start(options, world.shared.clone())
    };
    let refused = start().unwrap_err();
    assert!(matches!(refused, ApiError::NoToken { .. }), "{refused}");
    assert!(refused.to_string().contains("token create"), "{refused}");
    let past = Some(Duration::ZERO);
    tokens::make(&folder, "over", Role::Admin, past).unwrap();
    assert!(matches!(start().unwrap_err(), ApiError::NoToken { .. }));
    std::fs::write(folder.join("tokens.ron"), "[(").unwrap();
    assert!(matches!(start().unwrap_err(), ApiError::Tokens(_)));
    std::fs::remove_file(folder.join("tokens.ron")).unwrap();
    tokens::make(&folder, "wall", Role::Viewer, None).unwrap();
    assert!(start().is_ok());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn who_guesses_has_to_wait_also_after_a_restart() {
    let mut guarded = Guarded::new("guess");
    let guess = |guarded: &Guarded| {
        let at = guarded.world.server.local_addr();
        ask(at, "GET", "/api/v1/health", &bearer("bt_00000000_wrong"), "")
    };
    for _ in 0..7 {
        let answer = guess(&guarded);
        if answer.status == 429 {
            break;
        }
        answer.problem(401, "token_invalid");
    }
    let told = guess(&guarded);
    told.problem(429, "too_many_wrong_tokens");
    assert!(
        told.header("retry-after")
            .is_some_and(|s| s.parse::<u32>().is_ok_and(|s| s >= 1))
    );
    // Whoever has a right one comes in, here and elsewhere: others can't keep them out.
    assert_eq!(
        guarded
            .ask("GET", "/api/v1/health", Some(Role::Viewer), "")
            .status,
        200
    );
    guess(&guarded).problem(429, "too_many_wrong_tokens");
    let elsewhere = format!(
        "x-forwarded-for: 1.2.3.4, 10.0.0.9\r\n{}",
        bearer(guarded.secret(Role::Viewer))
    );
    let at = guarded.world.server.local_addr();
    assert_eq!(ask(at, "GET", "/api/v1/health", &elsewhere, "").status, 200);

    // Some more, so that the wait outlasts a restart.
    let started = Instant::now();
    let waits = || {
        guess(&guarded)
            .header("retry-after")
            .and_then(|s| s.parse::<u64>().ok())
    };
    while waits().is_none_or(|wait| wait < 8) && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(200));
    }
    let again = serve(&guarded.folder);
    let before = std::mem::replace(&mut guarded.world, again);
    assert!(before.server.stop(Duration::from_secs(5)));
    guarded.world = serve(&guarded.folder);
    guess(&guarded).problem(429, "too_many_wrong_tokens");
}

#[test]
fn a_revoked_token_is_out_within_a_moment_also_where_it_was_in() {
    let guarded = Guarded::new("revoked");
    let at = guarded.world.server.local_addr();
    let headers = bearer(guarded.secret(Role::Viewer));
    let mut live = Socket::connect(at, &headers).ok().unwrap();
    live.say(r#"{"type":"subscribe","topics":["state"]}"#);
    live.expect("state");
    let id = tokens::read(&guarded.folder).unwrap().remove(0).id;
    tokens::revoke(&guarded.folder, &id).unwrap();
    let closed = std::iter::from_fn(|| live.frame()).find(|(opcode, _)| *opcode == 8);
    assert_eq!(closed.map(|(_, p)| u16::from_be_bytes([p[0], p[1]])), Some(4401));
    ask(at, "GET", "/api/v1/health", &headers, "").problem(401, "token_invalid");
    // A new one is known as soon.
    let (_, secret) = tokens::make(&guarded.folder, "new", Role::Viewer, None).unwrap();
    let known = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        let from = format!("x-forwarded-for: 10.1.1.1\r\n{}", bearer(&secret));
        ask(at, "GET", "/api/v1/health", &from, "").status == 200
    });
    assert!(known);
}

#[test]
fn a_ticket_opens_a_live_connection_once() {
    let guarded = Guarded::new("ticket");
    let at = guarded.world.server.local_addr();
    let new = || {
        let answer = guarded.ask("POST", "/api/v1/auth/ticket", Some(Role::Viewer), "");
        assert_eq!(answer.status, 201);
        answer.json()["ticket"].as_str().unwrap().to_owned()
    };
    let ticket = new();
    let path = format!("/api/v1/ws?ticket={ticket}");
    let mut live = Socket::connect_to(at, &path, "").ok().unwrap();
    live.say(r#"{"type":"subscribe","topics":["health"]}"#);
    live.expect("health");
    Socket::connect_to(at, &path, "")
        .err()
        .unwrap()
        .problem(401, "ticket_invalid");
    let stream = format!("/api/v1/stream.mjpeg?width=320&ticket={}", new());
    assert_eq!(get(at, &stream).status, 200);
    // Nowhere else.
    get(at, &format!("/api/v1/health?ticket={}", new())).problem(401, "unauthenticated");
    Socket::connect(at, "")
        .err()
        .unwrap()
        .problem(401, "unauthenticated");
}

#[test]
fn pages_of_named_sites_may_ask_with_a_token_of_theirs() {
    let guarded = Guarded::new("cors");
    let at = guarded.world.server.local_addr();
    let friend = "origin: https://club.example\r\n";
    let asked = format!("{friend}access-control-request-method: POST\r\n");
    let preflight = ask(at, "OPTIONS", "/api/v1/command", &asked, "");
    assert_eq!(
        (preflight.status, preflight.header("access-control-allow-origin")),
        (204, Some("https://club.example"))
    );
    let headers = format!("{friend}{}", bearer(guarded.secret(Role::Operator)));
    let done = ask(at, "POST", "/api/v1/command", &headers, r#"{"pause":true}"#);
    assert_eq!(
        (
            done.status,
            done.header("access-control-allow-origin"),
            done.header("vary")
        ),
        (202, Some("https://club.example"), Some("origin"))
    );
    assert_eq!(
        guarded.world.commands.try_recv(),
        Ok(OperatorCommand::Pause(true))
    );
    let refused = ask(at, "POST", "/api/v1/command", friend, r#"{"pause":true}"#);
    refused.problem(401, "unauthenticated");
    let stranger = "origin: https://evil.example\r\naccess-control-request-method: POST\r\n";
    let preflight = ask(at, "OPTIONS", "/api/v1/command", stranger, "");
    assert_eq!(preflight.header("access-control-allow-origin"), None);
    assert!(preflight.status >= 400);
    let stranger = format!(
        "origin: https://evil.example\r\n{}",
        bearer(guarded.secret(Role::Operator))
    );
    ask(at, "POST", "/api/v1/command", &stranger, r#"{"pause":true}"#).problem(403, "origin_not_allowed");
}

#[test]
fn a_secret_is_in_no_answer() {
    let guarded = Guarded::new("secret");
    let secret = guarded.secret(Role::Admin).to_owned();
    let job = guarded.job();
    for endpoint in endpoints().iter().filter(|e| e.method == "GET" && !e.by_ticket) {
        let answer = guarded.ask("GET", &filled(endpoint, &job), Some(Role::Admin), "");
        assert!(
            !answer.text().contains(&secret) && !answer.head.contains(&secret),
            "{}",
            endpoint.path
        );
    }
}

#[test]
fn a_wish_that_comes_twice_is_carried_out_once() {
    let guarded = Guarded::new("twice");
    let at = guarded.world.server.local_addr();
    let operator = bearer(guarded.secret(Role::Operator));
    let admin = bearer(guarded.secret(Role::Admin));
    let wish = |who: &str, key: &str, body: &str| {
        ask(
            at,
            "POST",
            "/api/v1/command",
            &format!("{who}idempotency-key: {key}\r\n"),
            body,
        )
    };
    let sent = || guarded.world.commands.try_iter().count();
    let pause = r#"{"pause":true}"#;
    let (first, again) = (wish(&operator, "k1", pause), wish(&operator, "k1", pause));
    assert_eq!((first.status, again.status, sent()), (202, 202, 1));
    assert_eq!(first.body, again.body);
    assert_eq!(
        (
            first.header("idempotency-replayed"),
            again.header("idempotency-replayed")
        ),
        (None, Some("true"))
    );
    wish(&operator, "k1", r#"{"pause":false}"#).problem(409, "key_reused");
    assert_eq!(sent(), 0);
    // Another key, another caller, and none at all are other wishes.
    assert_eq!(wish(&operator, "k2", pause).status, 202);
    assert_eq!((wish(&admin, "k1", pause).status, sent()), (202, 2));
    for _ in 0..2 {
        assert_eq!(ask(at, "POST", "/api/v1/command", &operator, pause).status, 202);
    }
    assert_eq!(sent(), 2);
    // What was refused may be tried again.
    wish(&operator, "k3", "\"rehearsed\"").problem(422, "validation");
    assert_eq!((wish(&operator, "k3", pause).status, sent()), (202, 1));
    wish(&operator, &"k".repeat(200), pause).problem(422, "validation");
    // Many at once are one.
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| wish(&operator, "k4", pause).status))
            .collect();
        tries.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!((statuses, sent()), (vec![202; 8], 1));
}

#[test]
fn who_asks_too_often_from_elsewhere_has_to_wait_and_nobody_else() {
    let world = World::usual();
    let at = world.server.local_addr();
    let from = |address: &str| {
        ask(
            at,
            "GET",
            "/livez",
            &format!("x-forwarded-for: {address}\r\n"),
            "",
        )
    };
    let refused = (0..2000)
        .map(|_| from("10.0.0.7"))
        .find(|answer| answer.status != 200)
        .unwrap();
    refused.problem(429, "too_many_requests");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!((from("10.0.0.8").status, get(at, "/livez").status), (200, 200));
}
