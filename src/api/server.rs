//! Starting and stopping the server.

use std::future::IntoFuture as _;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use tokio::sync::watch;
use tracing::{error, info};

use super::auth::Gate;
use super::auth::tokens::TokenError;
use super::connection::{GuardedListener, Peer};
use super::context::{Context, stopped};
use super::tls::{Certificates, TlsListener};
use super::{Options, Shared, feed, routes};

/// Threads for encoding pictures and for simulations.
const WORKERS: usize = 3;
/// How far the thread stands back behind others, 0 (not at all) to 19.
const NICENESS: i32 = 5;
/// New tokens, revoked ones and new certificates are noticed within this time.
const LOOK: Duration = Duration::from_millis(500);
/// Time open requests get to end once the server is told to stop.
const GRACE: Duration = Duration::from_secs(2);
/// A new connection's first answer may take this much longer than its request.
const ANSWERING: Duration = Duration::from_secs(2);

/// Why the server can't run. The text says what, where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Somebody else listens there.
    #[error(
        "port {port} on {host} is already in use: stop the program that uses it, or choose another port in the api settings"
    )]
    InUse {
        /// Host as asked for.
        host: String,
        /// Port as asked for.
        port: u16,
    },
    /// The host is no address of this machine, or the port is not for us.
    #[error("cannot listen on {host}:{port}: {source}; check host and port in the api settings")]
    Bind {
        /// Host as asked for.
        host: String,
        /// Port as asked for.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
    /// From elsewhere nobody could come in, or everybody.
    #[error(
        "{host} can be reached from other machines, and there is no token with which to come in: \
         `billiards-trainer token create NAME --role viewer` makes one, or set api.host to 127.0.0.1"
    )]
    NoToken {
        /// Host as asked for.
        host: String,
    },
    /// Who may come in is not known.
    #[error(transparent)]
    Tokens(#[from] TokenError),
    /// Connections can't be encrypted.
    #[error("connections can't be encrypted: {0}; check api.tls_certificate and api.tls_key")]
    Tls(String),
    /// The system gives us no thread or event queue.
    #[error("cannot start the api thread: {0}; the machine is out of resources")]
    Start(io::Error),
}

/// The running server: one thread named `api`. Dropping it stops it.
#[derive(Debug)]
pub struct ApiServer {
    address: SocketAddr,
    scheme: &'static str,
    /// The same socket as the thread's.
    socket: TcpListener,
    stop: watch::Sender<bool>,
    done: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl ApiServer {
    /// Binds, then serves on a thread of its own.
    ///
    /// # Errors
    /// [`ApiError`] when the address can't be bound or the thread not started.
    pub fn start(options: Options, shared: Shared) -> Result<Self, ApiError> {
        let listener = bind(&options)?;
        let gate = Gate::new(options.require_token, options.state_folder.as_deref())?;
        listener.set_nonblocking(true).map_err(ApiError::Start)?;
        let address = listener.local_addr().map_err(ApiError::Start)?;
        let certificates = match &options.tls {
            Some((certificate, key)) => {
                let opened = Certificates::open(certificate, key).map_err(ApiError::Tls)?;
                Some(Arc::new(opened))
            }
            None => None,
        };
        let scheme = if certificates.is_some() { "https" } else { "http" };
        if !address.ip().is_loopback() && !gate.has_tokens() {
            return Err(ApiError::NoToken { host: options.host });
        }
        let socket = listener.try_clone().map_err(ApiError::Start)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(WORKERS)
            .thread_name("api-worker")
            .build()
            .map_err(ApiError::Start)?;
        let (stop, stopped) = watch::channel(false);
        let (finished, done) = bounded(1);
        let context = Arc::new(Context::new(options, shared, address, gate, stopped));
        let thread = std::thread::Builder::new()
            .name("api".to_owned())
            .spawn(move || {
                give_way();
                runtime.block_on(serve(listener, context, certificates));
                runtime.shutdown_timeout(Duration::from_millis(200));
                // Nobody waiting any more is no error.
                let _ = finished.send(());
            })
            .map_err(ApiError::Start)?;
        info!(%address, "api listens");
        Ok(Self {
            address,
            scheme,
            socket,
            stop,
            done,
            thread: Some(thread),
        })
    }

    /// The address it listens on, with the port the system chose where 0 was asked for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What to write into a browser.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// True while the thread serves.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.thread.as_ref().is_some_and(|t| !t.is_finished())
    }

    /// Tells the thread to end in good order, and stops listening at once, whatever the thread is at: another server
    /// can have the address.
    pub fn begin_stop(&self) {
        self.stop.send_replace(true);
        // It fails only where it no longer listens.
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
    }

    /// Ends open requests in good order and closes live connections with a word. Returns
    /// true when all was done within `deadline`; else the thread is left to end by itself.
    pub fn stop(mut self, deadline: Duration) -> bool {
        self.stop.send_replace(true);
        let thread = self.thread.take();
        if self.done.recv_timeout(deadline) == Err(RecvTimeoutError::Timeout) {
            return false;
        }
        thread.is_none_or(|t| t.join().is_ok())
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.begin_stop();
    }
}

fn bind(options: &Options) -> Result<TcpListener, ApiError> {
    let (host, port) = (options.host.clone(), options.port);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let bound = (bare, port)
        .to_socket_addrs()
        .and_then(|addresses| TcpListener::bind(addresses.collect::<Vec<_>>().as_slice()));
    bound.map_err(|source| {
        if source.kind() == io::ErrorKind::AddrInUse {
            ApiError::InUse { host, port }
        } else {
            ApiError::Bind { host, port, source }
        }
    })
}

/// Whoever looks from afar can wait for a moment; the table can't.
fn give_way() {
    let thread = rustix::thread::gettid();
    // It is only a wish; a system that does not know it serves as well.
    let _ = rustix::process::setpriority_process(Some(thread), NICENESS);
}

async fn serve(listener: TcpListener, context: Arc<Context>, certificates: Option<Arc<Certificates>>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            error!(%error, "api can't use its socket");
            return;
        }
    };
    let guarded = GuardedListener::new(
        listener,
        context.options.max_connections,
        context.options.request_timeout + ANSWERING,
        Arc::clone(&context.shared.stats),
    );
    let mut publisher = tokio::spawn(feed::publish(Arc::clone(&context)));
    let gate = Arc::clone(&context.gate);
    let stats = Arc::clone(&context.shared.stats);
    let mut follower = tokio::spawn(follow(Arc::clone(&gate), certificates.clone(), stats));
    let stop = context.stop.clone();
    let service = routes::router(context).into_make_service_with_connect_info::<Peer>();
    let server: Pin<Box<dyn Future<Output = io::Result<()>> + Send>> = match certificates {
        None => Box::pin(
            axum::serve(guarded, service)
                .with_graceful_shutdown(stopped(stop.clone()))
                .into_future(),
        ),
        Some(certificates) => match TlsListener::new(guarded, certificates) {
            Ok(tls) => Box::pin(
                axum::serve(tls, service)
                    .with_graceful_shutdown(stopped(stop.clone()))
                    .into_future(),
            ),
            Err(error) => {
                error!(%error, "api can't encrypt");
                return;
            }
        },
    };
    tokio::select! {
        served = server => {
            if let Err(error) = served {
                error!(%error, "api stopped serving");
            }
        }
        // Without it the live connections are dead: better all ends, and is started again.
        Err(error) = &mut publisher => error!(%error, "api's live feed broke"),
        Err(error) = &mut follower => error!(%error, "api no longer knows its tokens"),
        () = async {
            stopped(stop).await;
            tokio::time::sleep(GRACE).await;
        } => {}
    }
    publisher.abort();
    follower.abort();
    gate.keep();
}

/// Runs as long as the server: tokens are made and revoked, and certificates renewed, by other programs.
async fn follow(gate: Arc<Gate>, certificates: Option<Arc<Certificates>>, stats: Arc<super::ApiStats>) {
    loop {
        let (gate, certificates, stats) = (Arc::clone(&gate), certificates.clone(), Arc::clone(&stats));
        // A disk may hang; the network side must not.
        let looked = tokio::task::spawn_blocking(move || {
            gate.look();
            if let Some(certificates) = certificates {
                certificates.look();
                stats.certificate_ends(certificates.ends_unix_s());
            }
        });
        if looked.await.is_err() {
            error!("a look at tokens and certificates went wrong");
        }
        tokio::time::sleep(LOOK).await;
    }
}
