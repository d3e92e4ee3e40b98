//! Asks the API over the network as anybody would: that it runs is no proof that it answers.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time between two questions.
const EVERY: Duration = Duration::from_secs(1);
/// An answer may take this long.
const LIMIT: Duration = Duration::from_millis(800);

/// How the API answered last: after how long, or why not.
pub(super) type Answer = Result<Duration, String>;

/// A thread that asks once a second, for as long as this lives.
#[derive(Debug)]
pub(super) struct Probe(Arc<Mutex<Option<Answer>>>);

impl Probe {
    /// Starts asking at `address`.
    pub(super) fn start(address: SocketAddr) -> std::io::Result<Self> {
        let newest = Arc::new(Mutex::new(None));
        let weak = Arc::downgrade(&newest);
        std::thread::Builder::new()
            .name("api-probe".to_owned())
            .spawn(move || {
                let address = reachable(address);
                while weak.strong_count() > 0 {
                    let answer = ask(address);
                    let Some(newest) = weak.upgrade() else { return };
                    *newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
                    drop(newest);
                    std::thread::sleep(EVERY);
                }
            })?;
        Ok(Self(newest))
    }

    /// The last answer; `None` before the first.
    pub(super) fn newest(&self) -> Option<Answer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Who listens everywhere is reached on this machine's own address.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

fn ask(address: SocketAddr) -> Answer {
    let asked = Instant::now();
    let answer = (|| {
        let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        // In one piece: whoever answers the first piece and hangs up would reset the connection.
        let request = format!("GET /livez HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut head = [0u8; 12];
        stream.read_exact(&mut head).map(|()| head)
    })();
    match answer {
        Ok(head) if head.ends_with(b" 200") => Ok(asked.elapsed()),
        Ok(head) => Err(format!(
            "http://{address}/livez answers `{}`",
            String::from_utf8_lossy(&head)
        )),
        Err(error) => Err(format!("http://{address}/livez does not answer: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn an_answer_is_measured_and_none_is_told() {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let address = reachable(listener.local_addr().unwrap());
        assert!(address.ip().is_loopback());
        let serve = std::thread::spawn(move || {
            for answer in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 503 No\r\n\r\n"] {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        assert!(ask(address).is_ok());
        assert!(ask(address).unwrap_err().contains("503"));
        serve.join().unwrap();
        assert!(ask(address).unwrap_err().contains("does not answer"));
    }
}
