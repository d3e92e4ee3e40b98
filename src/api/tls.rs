//! Encrypted connections, on the same port as plain ones. What comes in plain from this machine itself is served as it is
//! (health checks, a proxy); what comes in plain from elsewhere is told where to go, and closed.

use std::fs::Metadata;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::server::TlsStream;
use tracing::info;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::connection::{GuardedListener, GuardedStream, Peer};
use super::context::Trouble;

/// A client has so long to say what it speaks and to agree on keys.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Connections that are ready and wait to be served.
const WAITING: usize = 64;
/// The first byte of every encrypted connection.
const IS_TLS: u8 = 0x16;
/// What somebody gets to read who comes in plain from elsewhere.
const SPEAK_TLS: &str = concat!(
    "{\"type\":\"urn:billiards-trainer:problem:https_required\",\"title\":\"Upgrade Required\",\"status\":426,",
    "\"detail\":\"This server is reached by https:// only.\",\"instance\":\"/\",\"code\":\"https_required\"}"
);

/// The certificate shown, read anew when its files change.
#[derive(Debug)]
pub(super) struct Certificates {
    certificate: PathBuf,
    key: PathBuf,
    current: ArcSwap<CertifiedKey>,
    seen: Mutex<[Option<Stamp>; 2]>,
    trouble: Trouble,
}

type Stamp = (SystemTime, u64);

impl Certificates {
    /// Reads certificate and key, both PEM.
    pub(super) fn open(certificate: &Path, key: &Path) -> Result<Self, String> {
        Ok(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            seen: Mutex::new(stamps(certificate, key)),
            current: ArcSwap::new(read(certificate, key)?),
            trouble: Trouble::default(),
        })
    }

    /// When the certificate is over, Unix seconds; none where it does not say so in a way that is understood.
    pub(super) fn ends_unix_s(&self) -> Option<i64> {
        let shown = self.current.load();
        let (_, told) = X509Certificate::from_der(shown.cert.first()?).ok()?;
        Some(told.validity().not_after.timestamp())
    }

    /// Takes in a certificate that was renewed. To be called now and then.
    pub(super) fn look(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamps(&self.certificate, &self.key);
        if now == *seen {
            return;
        }
        match read(&self.certificate, &self.key) {
            Ok(new) => {
                *seen = now;
                self.current.store(new);
                self.trouble.is_over();
                info!("api: a new certificate is in use");
            }
            // The second of two files may still be on its way; looked at again next time.
            Err(words) => self
                .trouble
                .tell(format!("api: the certificate of before is in use: {words}")),
        }
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn stamps(certificate: &Path, key: &Path) -> [Option<Stamp>; 2] {
    let stamp = |about: Metadata| Some((about.modified().ok()?, about.len()));
    [certificate, key].map(|file| std::fs::metadata(file).ok().and_then(stamp))
}

fn read(certificate: &Path, key: &Path) -> Result<Arc<CertifiedKey>, String> {
    let failed = |file: &Path, reason: &dyn std::fmt::Display| format!("{}: {reason}", file.display());
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificate)
        .map_err(|error| failed(certificate, &error))?
        .collect();
    let chain = chain.map_err(|error| failed(certificate, &error))?;
    if chain.is_empty() {
        return Err(failed(certificate, &"there is no certificate in it (PEM)"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| failed(key, &error))?;
    CertifiedKey::from_der(chain, private, &ring::default_provider())
        .map(Arc::new)
        .map_err(|error| failed(key, &error))
}

/// A listener that hands out connections whose keys are agreed on.
pub(super) struct TlsListener {
    ready: mpsc::Receiver<(Stream, SocketAddr)>,
    local: SocketAddr,
    accepting: JoinHandle<()>,
}

impl TlsListener {
    pub(super) fn new(mut inner: GuardedListener, certificates: Arc<Certificates>) -> io::Result<Self> {
        let local = inner.local_addr()?;
        let provider = Arc::new(ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(certificates);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (sender, ready) = mpsc::channel(WAITING);
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, peer) = inner.accept().await;
                let (acceptor, sender) = (acceptor.clone(), sender.clone());
                // Nobody waits for somebody else's handshake. Their number is bounded by the listener's.
                tokio::spawn(async move {
                    let agreed = tokio::time::timeout(HANDSHAKE, agree(stream, peer, local, acceptor)).await;
                    if let Ok(Some(stream)) = agreed {
                        // Fails only where the server is stopping.
                        let _ = sender.send((stream, peer)).await;
                    }
                });
            }
        });
        Ok(Self {
            ready,
            local,
            accepting,
        })
    }
}

impl Drop for TlsListener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Listener for TlsListener {
    type Io = Stream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Stream, SocketAddr) {
        match self.ready.recv().await {
            Some(ready) => ready,
            // Whoever accepts is gone, and with it the server.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }
}

async fn agree(
    mut stream: GuardedStream,
    peer: SocketAddr,
    local: SocketAddr,
    acceptor: TlsAcceptor,
) -> Option<Stream> {
    if stream.first_byte().await.ok()? == IS_TLS {
        let agreed = acceptor.accept(stream).await.ok()?;
        return Some(Stream::Encrypted(Box::new(agreed)));
    }
    if Peer(peer).is_local() || peer.ip() == local.ip() {
        return Some(Stream::Plain(stream));
    }
    let answer = format!(
        "HTTP/1.1 426 Upgrade Required\r\ncontent-type: application/problem+json\r\nconnection: close\r\n\
         upgrade: TLS/1.3, HTTP/1.1\r\ncontent-length: {}\r\n\r\n{SPEAK_TLS}",
        SPEAK_TLS.len()
    );
    stream.write_all(answer.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()?;
    None
}

/// A connection, encrypted or not.
pub(super) enum Stream {
    Plain(GuardedStream),
    Encrypted(Box<TlsStream<GuardedStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Encrypted(stream) => Pin::new(stream.as_mut()).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Encrypted(stream) => Pin::new(stream.as_mut()).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Encrypted(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Encrypted(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        Self(*stream.remote_addr())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ApiStats;
    use tokio::io::AsyncReadExt as _;
    use tokio::net::{TcpListener, TcpStream};

    /// What somebody at this address gets who speaks plain HTTP.
    fn plain_from(peer: &str) -> Option<String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let at = listener.local_addr().unwrap();
            let mut guarded = GuardedListener::new(listener, 4, HANDSHAKE, Arc::new(ApiStats::default()));
            let mut client = TcpStream::connect(at).await.unwrap();
            client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
            let (stream, _) = guarded.accept().await;
            let provider = Arc::new(ring::default_provider());
            let config = ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth();
            let config = config.with_cert_resolver(Arc::new(
                tokio_rustls::rustls::server::ResolvesServerCertUsingSni::new(),
            ));
            let served = agree(
                stream,
                peer.parse().unwrap(),
                at,
                TlsAcceptor::from(Arc::new(config)),
            )
            .await;
            if served.is_some() {
                return None;
            }
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            Some(answer)
        })
    }

    #[test]
    fn who_comes_in_plain_from_elsewhere_is_told_to_encrypt() {
        let answer = plain_from("203.0.113.7:50000").unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 426 ") && answer.ends_with(SPEAK_TLS),
            "{answer}"
        );
        assert!(serde_json::from_str::<serde_json::Value>(SPEAK_TLS).is_ok());
        assert_eq!(plain_from("127.0.0.1:50000"), None);
    }
}
