//! Just enough of an HTTP and WebSocket client to talk to the server.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::api::problem::KINDS;

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// Asserts a well-formed problem with this status and code.
    pub(super) fn problem(&self, status: u16, code: &str) -> Value {
        let body = self.json();
        assert_eq!(self.status, status, "{body}");
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{body}"
        );
        assert_eq!(body["code"], code, "{body}");
        let known = KINDS
            .iter()
            .any(|kind| (kind.code, kind.status) == (code, status));
        assert!(known, "{code} with {status} is not among the kinds of problems");
        assert_eq!(body["status"], status, "{body}");
        for member in ["type", "title", "detail", "instance"] {
            assert!(body[member].is_string(), "{member}: {body}");
        }
        body
    }
}

pub(super) fn open(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

/// Sends bytes as they are and reads the one answer.
pub(super) fn raw(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = open(address);
    stream.write_all(request).unwrap();
    read(&mut stream)
}

pub(super) fn read(stream: &mut TcpStream) -> Answer {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut answer = Answer {
        status,
        head,
        body: Vec::new(),
    };
    if let Some(length) = answer.header("content-length") {
        answer.body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut answer.body).unwrap();
    }
    answer
}

pub(super) fn get(address: SocketAddr, path: &str) -> Answer {
    raw(
        address,
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes(),
    )
}

/// Any method, with header lines of the caller's and a JSON body if there is one.
pub(super) fn ask(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let kind = if body.is_empty() {
        String::new()
    } else {
        format!(
            "content-type: application/json\r\ncontent-length: {}\r\n",
            body.len()
        )
    };
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n{headers}{kind}\r\n{body}");
    raw(address, request.as_bytes())
}

/// The header line with a token.
pub(super) fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

pub(super) fn post(address: SocketAddr, path: &str, body: &str) -> Answer {
    post_with(address, path, body, "content-type: application/json\r\n")
}

pub(super) fn post_with(address: SocketAddr, path: &str, body: &str, headers: &str) -> Answer {
    let length = body.len();
    let request =
        format!("POST {path} HTTP/1.1\r\nHost: {address}\r\n{headers}content-length: {length}\r\n\r\n{body}");
    raw(address, request.as_bytes())
}

/// A WebSocket, client side.
pub(super) struct Socket {
    pub(super) stream: TcpStream,
}

impl Socket {
    pub(super) fn connect(address: SocketAddr, headers: &str) -> Result<Self, Answer> {
        Self::connect_to(address, "/api/v1/ws", headers)
    }

    pub(super) fn connect_to(address: SocketAddr, path: &str, headers: &str) -> Result<Self, Answer> {
        let mut stream = open(address);
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let answer = read(&mut stream);
        if answer.status == 101 {
            Ok(Self { stream })
        } else {
            Err(answer)
        }
    }

    pub(super) fn send(&mut self, opcode: u8, payload: &[u8]) {
        self.try_send(opcode, payload).unwrap();
    }

    /// As [`Self::send`], where the other side may have hung up by now.
    pub(super) fn try_send(&mut self, opcode: u8, payload: &[u8]) -> std::io::Result<()> {
        let mut frame = vec![0x80 | opcode];
        match payload.len() {
            n @ 0..=125 => frame.push(0x80 | n as u8),
            n => {
                frame.push(0x80 | 126);
                frame.extend((n as u16).to_be_bytes());
            }
        }
        let mask = [0x12, 0x34, 0x56, 0x78];
        frame.extend(mask);
        frame.extend(payload.iter().enumerate().map(|(i, b)| b ^ mask[i % 4]));
        self.stream.write_all(&frame)
    }

    pub(super) fn say(&mut self, text: &str) {
        self.send(1, text.as_bytes());
    }

    /// The next frame's opcode and payload; `None` when the connection is over.
    pub(super) fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).ok()?;
        let length = match head[1] & 0x7f {
            126 => {
                let mut l = [0; 2];
                self.stream.read_exact(&mut l).ok()?;
                usize::from(u16::from_be_bytes(l))
            }
            127 => {
                let mut l = [0; 8];
                self.stream.read_exact(&mut l).ok()?;
                usize::try_from(u64::from_be_bytes(l)).unwrap()
            }
            n => usize::from(n),
        };
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).ok()?;
        Some((head[0] & 0x0f, payload))
    }

    /// The next message of this type.
    pub(super) fn expect(&mut self, kind: &str) -> Value {
        for _ in 0..200 {
            let (opcode, payload) = self
                .frame()
                .unwrap_or_else(|| panic!("gone while waiting for {kind}"));
            if opcode == 1 {
                let value: Value = serde_json::from_slice(&payload).unwrap();
                if value["type"] == kind {
                    return value;
                }
            }
        }
        panic!("no {kind} among 200 messages")
    }
}
