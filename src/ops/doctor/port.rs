//! Who listens where the API would.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use super::site::PortState;
use crate::ops::devices::{Holders, holders_of};

/// Whoever listens on the same machine answers within this.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// The trainer's answers are shorter.
const ANSWER_BYTES: u64 = 16 * 1024;

/// Looks who listens at an address.
pub(super) fn look(host: &str, port: u16) -> PortState {
    let resolved = (host, port).to_socket_addrs().map(|mut all| all.next());
    let address = match resolved {
        Ok(Some(address)) => address,
        Ok(None) => return PortState::Impossible("the name leads to no address".to_owned()),
        Err(error) => return PortState::Impossible(error.to_string()),
    };
    match TcpListener::bind(address) {
        Ok(_) => PortState::Free,
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            trainer_at(address).unwrap_or_else(|| PortState::Taken(listeners(port)))
        }
        Err(error) => PortState::Impossible(error.to_string()),
    }
}

/// The trainer, if it is the one who listens.
fn trainer_at(address: SocketAddr) -> Option<PortState> {
    let version = get(address, "/api/v1/version")?;
    let version: serde_json::Value = serde_json::from_str(&version.1).ok()?;
    if version.get("name")?.as_str()? != env!("CARGO_PKG_NAME") {
        return None;
    }
    let live = get(address, "/livez").is_some_and(|answer| answer.0 == 200);
    Some(PortState::Trainer {
        version: version.get("version")?.as_str()?.to_owned(),
        live,
    })
}

/// Status and body of a page; none where no web server answers.
fn get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let mut target = address;
    if target.ip().is_unspecified() {
        // Who listens on all addresses also listens on this one.
        target.set_ip(match target {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    let mut stream = TcpStream::connect_timeout(&target, ANSWER_LIMIT).ok()?;
    stream.set_read_timeout(Some(ANSWER_LIMIT)).ok()?;
    stream.set_write_timeout(Some(ANSWER_LIMIT)).ok()?;
    // The old version of the protocol: whole answers, and the end of it is the end of the body.
    let request = format!("GET {path} HTTP/1.0\r\nHost: {target}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES).read_to_end(&mut answer).ok()?;
    parsed(&String::from_utf8_lossy(&answer))
}

fn parsed(answer: &str) -> Option<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

/// The programs that listen on a TCP port.
fn listeners(port: u16) -> Holders {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|t| std::fs::read_to_string(t).unwrap_or_default());
    let sockets: Vec<String> = tables.iter().flat_map(|t| listening(t, port)).collect();
    holders_of(|target| target.to_str().is_some_and(|t| sockets.iter().any(|s| s == t)))
}

/// `socket:[4711]` of those in a table of `/proc/net` that listen on a port.
fn listening(table: &str, port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    let ending = format!(":{port:04X}");
    table
        .lines()
        .filter_map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            let is_it = words.get(1)?.ends_with(&ending) && *words.get(3)? == LISTEN;
            is_it.then_some(format!("socket:[{}]", words.get(9)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers requests with these bodies in turn; what it is asked is of no interest.
    fn server(answers: &'static [&'static str]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 200];
                assert!(stream.read(&mut request).unwrap() > 0);
                stream.write_all(answer.as_bytes()).unwrap();
            }
            // Goes on listening, so that the port stays taken.
            std::thread::sleep(Duration::from_secs(1000));
        });
        port
    }

    #[test]
    fn who_listens_is_told_apart() {
        const VERSION: &str =
            "HTTP/1.1 200 OK\r\nx: y\r\n\r\n{\"name\":\"billiards-trainer\",\"version\":\"9.9.9\"}";
        let trainer = |live| PortState::Trainer {
            version: "9.9.9".to_owned(),
            live,
        };
        let good = server(&[VERSION, "HTTP/1.1 200 OK\r\n\r\n{}"]);
        assert_eq!(look("127.0.0.1", good), trainer(true));
        let hanging = server(&[VERSION, "HTTP/1.1 503 no\r\n\r\n{}"]);
        assert_eq!(look("127.0.0.1", hanging), trainer(false));
        for answer in [
            &["HTTP/1.1 200 OK\r\n\r\n{\"name\":\"another\",\"version\":\"1\"}"],
            &["HTTP/1.1 404 no\r\n\r\n<html>"],
            &["SSH-2.0-OpenSSH\r\n"],
        ] {
            let found = look("127.0.0.1", server(answer));
            assert!(matches!(found, PortState::Taken(_)), "{found:?}");
        }
        let free = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        assert_eq!(look("localhost", free), PortState::Free);
        let foreign = look("192.0.2.1", free);
        assert!(matches!(foreign, PortState::Impossible(_)), "{foreign:?}");
    }

    #[test]
    fn listening_sockets_are_found_in_the_kernels_table() {
        let table = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0
   1: 0100007F:1F40 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0
   2: 0100007F:1F41 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0
";
        assert_eq!(listening(table, 8000), ["socket:[4711]"]);
        assert!(listening(table, 80).is_empty() && listening("nonsense", 80).is_empty());
        // A real child that listens would need a program for that; this process itself is left out.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let own = std::fs::read_to_string("/proc/net/tcp").unwrap();
        assert_eq!(listening(&own, port).len(), 1);
    }
}
