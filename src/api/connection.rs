//! Connections with limits: how many, and how long one may keep us waiting.
//!
//! axum 0.8's `serve` has neither a header timeout nor a connection limit. Both are had
//! here with one rule below HTTP: a connection on which nothing could be written for a
//! while is closed. That covers a client that sends nothing, one that dribbles its
//! headers or its body byte by byte, one that keeps an idle connection, and one that
//! takes nothing. A WebSocket is written to by its pings.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

use super::stats::ApiStats;

/// Time for an established connection between two writes. Longer than the WebSocket's ping interval.
const IDLE: Duration = Duration::from_secs(30);

/// What a client that comes too many gets to read.
const TOO_MANY: &str = concat!(
    "{\"type\":\"urn:billiards-trainer:problem:too_many_connections\",\"title\":\"Service Unavailable\",",
    "\"status\":503,\"detail\":\"Too many connections are open; try again in a moment.\",",
    "\"instance\":\"/\",\"code\":\"too_many_connections\"}"
);

/// A listener that hands out at most so many connections at a time.
pub(super) struct GuardedListener {
    inner: TcpListener,
    places: Arc<Semaphore>,
    first_answer: Duration,
    stats: Arc<ApiStats>,
}

impl GuardedListener {
    /// `first_answer`: how long a new connection has until its first request must be answered.
    pub(super) fn new(inner: TcpListener, max: usize, first_answer: Duration, stats: Arc<ApiStats>) -> Self {
        Self {
            inner,
            places: Arc::new(Semaphore::new(max)),
            first_answer,
            stats,
        }
    }
}

impl Listener for GuardedListener {
    type Io = GuardedStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (GuardedStream, SocketAddr) {
        loop {
            match self.inner.accept().await {
                Ok((stream, peer)) => {
                    // Small answers should not wait for the next packet.
                    let _ = stream.set_nodelay(true);
                    if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
                        self.stats.connected();
                        let guarded = GuardedStream {
                            inner: stream,
                            deadline: Box::pin(tokio::time::sleep(self.first_answer)),
                            stats: Arc::clone(&self.stats),
                            _place: place,
                        };
                        return (guarded, peer);
                    }
                    self.stats.refused();
                    turn_away(stream);
                }
                // The client has already gone, or we are out of file handles for a moment.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

/// Answers without reading, as far as the socket takes it at once, and closes.
fn turn_away(stream: TcpStream) {
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
         content-length: {}\r\nretry-after: 1\r\nconnection: close\r\n\r\n{TOO_MANY}",
        TOO_MANY.len()
    );
    tokio::spawn(async move {
        if stream.writable().await.is_ok() {
            let _ = stream.try_write(answer.as_bytes());
        }
    });
}

/// A connection that closes itself when nothing could be written for too long.
pub(super) struct GuardedStream {
    inner: TcpStream,
    deadline: Pin<Box<Sleep>>,
    stats: Arc<ApiStats>,
    _place: OwnedSemaphorePermit,
}

impl GuardedStream {
    /// What will be read first, without reading it.
    pub(super) async fn first_byte(&self) -> io::Result<u8> {
        let mut byte = [0];
        match self.inner.peek(&mut byte).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(byte[0]),
        }
    }

    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.deadline.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }

    fn wrote(&mut self, result: &Poll<io::Result<usize>>) {
        if matches!(result, Poll::Ready(Ok(n)) if *n > 0) {
            self.deadline.as_mut().reset(Instant::now() + IDLE);
        }
    }
}

impl Drop for GuardedStream {
    fn drop(&mut self) {
        self.stats.disconnected();
    }
}

impl AsyncRead for GuardedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for GuardedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        let result = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.wrote(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.wrote(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

impl Peer {
    /// True when the client runs on this machine.
    pub(super) fn is_local(self) -> bool {
        self.0.ip().to_canonical().is_loopback()
    }
}

impl Connected<IncomingStream<'_, GuardedListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, GuardedListener>) -> Self {
        Self(*stream.remote_addr())
    }
}
