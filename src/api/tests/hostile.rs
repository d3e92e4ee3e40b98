//! Requests nobody sends by mistake: each is refused or means what RFC 9112 says, and the server goes on.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use super::client::{get, open};
use super::world::{World, snapshot};

/// Everything that comes back until the server hangs up or has said all.
fn answers(at: SocketAddr, request: &[u8]) -> String {
    let mut stream = open(at);
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    // Who is refused early may find the connection closed.
    let _ = stream.write_all(request);
    let _ = stream.shutdown(Shutdown::Write);
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    String::from_utf8_lossy(&all).into_owned()
}

fn statuses(text: &str) -> Vec<u16> {
    text.match_indices("HTTP/1.1 ")
        .filter_map(|(at, _)| text.get(at + 9..at + 12)?.parse().ok())
        .collect()
}

#[test]
fn smuggled_and_malformed_requests_get_nothing_done() {
    let world = World::new(Some(snapshot(1)), |options| {
        options.request_timeout = Duration::from_millis(300);
    });
    let at = world.server.local_addr();
    let json = "content-type: application/json\r\n";
    let hidden = "POST /api/v1/shutdown HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let refused = [
        // Two lengths, lengths that are none.
        format!(
            "POST /api/v1/command HTTP/1.1\r\nHost: localhost\r\n{json}content-length: 3\r\ncontent-length: 60\r\n\r\n{{}}{hidden}"
        ),
        format!(
            "POST /api/v1/command HTTP/1.1\r\nHost: localhost\r\n{json}content-length: +3\r\n\r\n{{}}{hidden}"
        ),
        format!(
            "POST /api/v1/command HTTP/1.1\r\nHost: localhost\r\n{json}content-length: -1\r\n\r\n{hidden}"
        ),
        format!(
            "POST /api/v1/command HTTP/1.1\r\nHost: localhost\r\n{json}content-length: 0x10\r\n\r\n{hidden}"
        ),
        format!(
            "POST /api/v1/command HTTP/1.1\r\nHost: localhost\r\n{json}content-length: 99999999999999999999999\r\n\r\n{hidden}"
        ),
        // Encodings that are none, chunks that are none.
        format!(
            "POST /api/v1/command HTTP/1.1\r\nHost: localhost\r\n{json}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}"
        ),
        format!(
            "POST /api/v1/command HTTP/1.1\r\nHost: localhost\r\n{json}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n{hidden}"
        ),
        format!(
            "POST /api/v1/command HTTP/1.1\r\nHost: localhost\r\n{json}transfer-encoding: chunked\r\n\r\n-1\r\n\r\n{hidden}"
        ),
        format!(
            "POST /api/v1/command HTTP/1.1\r\nHost: localhost\r\n{json}transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n{hidden}"
        ),
        // Headers that are none.
        format!("GET /livez HTTP/1.1\r\nHost : localhost\r\n\r\n{hidden}"),
        format!("GET /livez HTTP/1.1\r\nHost: localhost\r\nx: a\0b\r\n\r\n{hidden}"),
        format!("GET /livez HTTP/1.1\r\nno colon\r\n\r\n{hidden}"),
        format!("GET /livez HTTP/9.9\r\nHost: localhost\r\n\r\n{hidden}"),
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{hidden}"),
        format!("GET  /livez HTTP/1.1\r\nHost: localhost\r\n\r\n{hidden}"),
        // Too much of anything.
        format!(
            "GET /livez HTTP/1.1\r\nHost: localhost\r\n{}\r\n{hidden}",
            "x: y\r\n".repeat(2000)
        ),
        format!(
            "GET /livez HTTP/1.1\r\nHost: localhost\r\nx: {}\r\n\r\n{hidden}",
            "y".repeat(900_000)
        ),
        format!(
            "GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n{hidden}",
            "x".repeat(900_000)
        ),
    ];
    for request in &refused {
        let told = answers(at, request.as_bytes());
        let shown: String = request.chars().take(160).collect();
        let statuses = statuses(&told);
        assert!(
            statuses.len() <= 1 && statuses.iter().all(|s| (400..500).contains(s)),
            "{shown}: {statuses:?}"
        );
        assert!(world.commands.is_empty(), "{shown}");
    }
    // Encoding goes before length (RFC 9112, 6.3): what follows the last chunk is a request of its own, for all who read it.
    let both = format!(
        "POST /api/v1/predict HTTP/1.1\r\nHost: localhost\r\n{json}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\nGET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    );
    let told = statuses(&answers(at, both.as_bytes()));
    assert!(
        told == [422, 200] || told.iter().all(|s| (400..500).contains(s)),
        "{told:?}"
    );
    assert_eq!(get(at, "/livez").status, 200);
    assert_eq!(world.shared.stats.panics(), 0);
}

#[test]
fn paths_lead_nowhere_else() {
    let world = World::usual();
    let at = world.server.local_addr();
    for path in [
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "/api/v1/../../etc/passwd",
        "//etc/passwd",
        "/app.js/../../etc/passwd",
        "/api/v1/modules/..%2f..%2fetc%2fpasswd",
        "/api/v1/shots/..%2f..%2fetc%2fpasswd",
        "/%00",
        "/api/v1/modules/%00",
        "/api//v1/health",
    ] {
        let answer = get(at, path);
        answer.problem(404, "not_found");
        assert!(!answer.text().contains("root:"), "{path}");
    }
    // A request for another server.
    let other = answers(
        at,
        b"GET http://evil.example/api/v1/table HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    assert!(other.contains("host_not_allowed"), "{other}");
    for method in ["TRACE", "CONNECT", "PATCH", "DELETE", "BREW"] {
        let request =
            format!("{method} /api/v1/table HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let told = statuses(&answers(at, request.as_bytes()));
        assert!(told.iter().all(|s| (400..500).contains(s)), "{method}: {told:?}");
    }
    assert!(world.commands.is_empty());
}
