//! What the network side bears: live clients and requests at the running trainer, and what that does to the table.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use serde::Serialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

use super::manager::{Manager, Setup};
use super::measure::up;

/// How much is let at the trainer.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Live clients.
    pub clients: usize,
    /// Updates a second that each asks for.
    pub rate_hz: f64,
    /// Requests a second, over all connections.
    pub requests_hz: f64,
    /// Connections of those who mean ill: who say nothing, or one byte now and then, of a head or of a body.
    pub hostile: usize,
    /// For how long.
    pub length: Duration,
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Loaded {
    /// Live clients that were let in.
    pub clients: usize,
    /// One more was refused with this status; `None` where it was not refused.
    pub one_too_many: Option<u16>,
    /// Messages that each live client got in a second, on the average.
    pub messages_hz: f64,
    /// Time between two messages of a live client: the median, and 99 in 100, milliseconds.
    pub gap_ms: [f64; 2],
    /// Live clients that were lost.
    pub lost: u64,
    /// Requests answered.
    pub answered: usize,
    /// Requests that were answered with a server error or not at all.
    pub failed: u64,
    /// From when a request was due to its whole answer: 50, 95 and 99 in 100, milliseconds.
    pub answer_ms: [f64; 3],
    /// Connections of those who mean ill that were closed on them.
    pub turned_out: u64,
    /// From a camera's frame to its overlay, 99 in 100, milliseconds: without and with all that.
    pub overlay_p99_ms: [f64; 2],
    /// The trainer's memory, MiB: without and with it.
    pub memory_mib: [f64; 2],
    /// The trainer's processor time, cores: without and with it.
    pub cores: [f64; 2],
}

/// Time between two looks at the trainer's own figures.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Looks before it begins.
const QUIET_LOOKS: u32 = 4;
/// How far the clients stand back behind the trainer.
const NICENESS: i32 = 5;
/// Connections on which the requests are sent.
const CONNECTIONS: usize = 10;
/// What is asked, in turns.
const PATHS: [&str; 6] = ["health", "status", "table", "predict", "modules", "calibration"];

/// Runs `program` on the virtual table in `folder` and lets `load` at it.
///
/// # Errors
/// When it does not start, or does not tell its figures.
pub fn load(program: &Path, folder: &Path, arguments: Vec<String>, load: Load) -> io::Result<Loaded> {
    let setup = Setup {
        arguments,
        ..Setup::default()
    };
    let mut manager = up(program, folder, setup)?;
    manager.wait(LOOK_EVERY);
    let before = watch_trainer(&mut manager, QUIET_LOOKS)?;
    let address = manager.address();
    let (stop, stopped) = watch::channel(false);
    let crowd = std::thread::Builder::new()
        .name("crowd".to_owned())
        .spawn(move || let_loose(address, load, stopped))?;
    let looks = u32::try_from(load.length.as_secs() / LOOK_EVERY.as_secs())
        .unwrap_or(1)
        .max(1);
    let after = watch_trainer(&mut manager, looks)?;
    stop.send_replace(true);
    let told = crowd
        .join()
        .map_err(|_| io::Error::other("the crowd ended badly"))??;
    manager.stop();
    Ok(Loaded {
        overlay_p99_ms: [before.overlay_p99_ms, after.overlay_p99_ms],
        memory_mib: [before.memory_mib, after.memory_mib],
        cores: [before.cores, after.cores],
        ..told
    })
}

/// The trainer's own figures: medians over some looks; of memory the most.
#[derive(Clone, Copy, Debug)]
struct Figures {
    overlay_p99_ms: f64,
    memory_mib: f64,
    cores: f64,
}

fn watch_trainer(manager: &mut Manager, looks: u32) -> io::Result<Figures> {
    let (mut overlay, mut memory, mut cores) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..looks {
        manager.wait(LOOK_EVERY);
        let answer = manager.get("/api/v1/status");
        let metrics = answer.and_then(|(_, status)| status.get("metrics").cloned());
        let figure = |name: &str| metrics.as_ref()?.get(name).and_then(Value::as_f64);
        overlay.extend(figure("loop_ms_p99"));
        memory.extend(figure("process_memory_bytes"));
        cores.extend(figure("process_cpu"));
    }
    let missing = || io::Error::other("the trainer told no figures of itself");
    Ok(Figures {
        overlay_p99_ms: quantile(&mut overlay, 0.5).ok_or_else(missing)?,
        memory_mib: quantile(&mut memory, 1.0).ok_or_else(missing)? / f64::from(1 << 20),
        cores: quantile(&mut cores, 0.5).ok_or_else(missing)?,
    })
}

fn quantile(values: &mut [f64], share: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    values.get((last as f64 * share).round() as usize).copied()
}

/// What live clients and requests have noted.
#[derive(Default)]
struct Notes {
    gaps_ms: Mutex<Vec<f64>>,
    answers_ms: Mutex<Vec<f64>>,
    messages: AtomicU64,
    lost: AtomicU64,
    failed: AtomicU64,
    turned_out: AtomicU64,
}

fn let_loose(address: SocketAddr, load: Load, stopped: watch::Receiver<bool>) -> io::Result<Loaded> {
    // Clients are on other machines; here they must not take from the trainer's vision what they would not take there.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let notes = Arc::new(Notes::default());
        let mut clients = Vec::new();
        for _ in 0..load.clients {
            match live_client(address, load.rate_hz, Arc::clone(&notes), stopped.clone()).await {
                Ok(client) => clients.push(tokio::spawn(client)),
                Err(_) => break,
            }
        }
        let one_too_many = live_client(address, load.rate_hz, Arc::clone(&notes), stopped.clone())
            .await
            .err();
        let let_in = clients.len();
        let begun = Instant::now();
        notes.messages.store(0, Relaxed);
        note(&notes.gaps_ms, |gaps| gaps.clear());
        for nth in 0..CONNECTIONS {
            let every = Duration::from_secs_f64(CONNECTIONS as f64 / load.requests_hz);
            let first = every.mul_f64(nth as f64 / CONNECTIONS as f64);
            clients.push(tokio::spawn(requests(
                address,
                (first, every),
                nth,
                Arc::clone(&notes),
                stopped.clone(),
            )));
        }
        for nth in 0..load.hostile {
            clients.push(tokio::spawn(ill_will(
                address,
                nth,
                Arc::clone(&notes),
                stopped.clone(),
            )));
        }
        for client in clients {
            drop(client.await);
        }
        let length_s = begun.elapsed().as_secs_f64();
        let (mut gaps, mut answers) = (taken(&notes.gaps_ms), taken(&notes.answers_ms));
        let of = |values: &mut Vec<f64>, share| quantile(values, share).unwrap_or(f64::NAN);
        Ok(Loaded {
            clients: let_in,
            one_too_many: one_too_many.flatten(),
            messages_hz: notes.messages.load(Relaxed) as f64 / length_s / let_in.max(1) as f64,
            gap_ms: [0.5, 0.99].map(|share| of(&mut gaps, share)),
            lost: notes.lost.load(Relaxed),
            answered: answers.len(),
            failed: notes.failed.load(Relaxed),
            turned_out: notes.turned_out.load(Relaxed),
            answer_ms: [0.5, 0.95, 0.99].map(|share| of(&mut answers, share)),
            ..Loaded::default()
        })
    })
}

fn note(list: &Mutex<Vec<f64>>, how: impl FnOnce(&mut Vec<f64>)) {
    how(&mut list.lock().unwrap_or_else(PoisonError::into_inner));
}

fn taken(list: &Mutex<Vec<f64>>) -> Vec<f64> {
    std::mem::take(&mut *list.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A live client that is connected and has subscribed, to be run until it is stopped; else the status that refused it.
async fn live_client(
    address: SocketAddr,
    rate_hz: f64,
    notes: Arc<Notes>,
    mut stopped: watch::Receiver<bool>,
) -> Result<impl Future<Output = ()>, Option<u16>> {
    let stream = TcpStream::connect(address).await.map_err(|_| None)?;
    let connected = client_async(format!("ws://{address}/api/v1/ws"), stream).await;
    let (mut socket, _) = connected.map_err(|error| match error {
        SocketError::Http(answer) => Some(answer.status().as_u16()),
        _ => None,
    })?;
    let wish = serde_json::json!({ "type": "subscribe", "topics": ["state", "event"], "rate_hz": rate_hz });
    socket
        .send(Message::text(wish.to_string()))
        .await
        .map_err(|_| None)?;
    Ok(async move {
        let mut last: Option<Instant> = None;
        let mut gaps = Vec::new();
        loop {
            let message = tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => break,
                message = socket.next() => message,
            };
            match message {
                Some(Ok(Message::Text(text))) if text.starts_with("{\"type\":\"state\"") => {
                    notes.messages.fetch_add(1, Relaxed);
                    gaps.extend(last.map(|last| last.elapsed().as_secs_f64() * 1e3));
                    last = Some(Instant::now());
                }
                Some(Ok(_)) => {}
                _ => {
                    notes.lost.fetch_add(1, Relaxed);
                    break;
                }
            }
        }
        note(&notes.gaps_ms, |all| all.append(&mut gaps));
    })
}

/// Asks at fixed times, whether or not the answer before has come late: what waits counts.
async fn requests(
    address: SocketAddr,
    (first, every): (Duration, Duration),
    nth: usize,
    notes: Arc<Notes>,
    mut stopped: watch::Receiver<bool>,
) {
    let begun = Instant::now() + first;
    let mut connection: Option<BufReader<TcpStream>> = None;
    for count in 0_u32.. {
        let due = begun + every * count;
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep_until(due.into()) => {}
        }
        let path = PATHS
            .get((nth + count as usize) % PATHS.len())
            .copied()
            .unwrap_or("health");
        let asked = async {
            let mut open = match connection.take() {
                Some(open) => open,
                None => BufReader::new(TcpStream::connect(address).await?),
            };
            let status = ask(&mut open, address, path).await?;
            connection = Some(open);
            io::Result::Ok(status)
        };
        match asked.await {
            Ok(status) if status < 500 => {
                note(&notes.answers_ms, |all| {
                    all.push(due.elapsed().as_secs_f64() * 1e3)
                });
            }
            _ => {
                notes.failed.fetch_add(1, Relaxed);
            }
        }
    }
}

/// Holds a connection for as long as it is borne, again and again.
async fn ill_will(address: SocketAddr, nth: usize, notes: Arc<Notes>, mut stopped: watch::Receiver<bool>) {
    let head: &[u8] = match nth % 3 {
        0 => b"",
        1 => b"GET /api/v1/health HTTP/1.1\r\nHost: ",
        _ => b"POST /api/v1/predict HTTP/1.1\r\nHost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n",
    };
    let hold = async {
        loop {
            let held = async {
                let mut stream = TcpStream::connect(address).await?;
                stream.write_all(head).await?;
                let mut byte = [0];
                loop {
                    // One byte a second, but for those who say nothing.
                    match tokio::time::timeout(Duration::from_secs(1), stream.read(&mut byte)).await {
                        Ok(Ok(0)) => return io::Result::Ok(()),
                        // Hung up on, or an answer on the way to that.
                        Ok(Err(_)) => return Ok(()),
                        Ok(Ok(_)) => {}
                        Err(_) if head.is_empty() => {}
                        Err(_) => stream.write_all(b"x").await?,
                    }
                }
            };
            if held.await.is_ok() {
                notes.turned_out.fetch_add(1, Relaxed);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        _ = stopped.wait_for(|stop| *stop) => {}
        () = hold => {}
    }
}

/// One request on a connection that stays; the status, once the whole answer has come.
async fn ask(open: &mut BufReader<TcpStream>, address: SocketAddr, path: &str) -> io::Result<u16> {
    let request = format!("GET /api/v1/{path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    open.get_mut().write_all(request.as_bytes()).await?;
    let (mut status, mut length, mut line) = (None, 0, String::new());
    loop {
        line.clear();
        if open.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let text = line.trim_end();
        if text.is_empty() {
            break;
        }
        if status.is_none() {
            status = text.split(' ').nth(1).and_then(|word| word.parse().ok());
        } else if let Some((name, value)) = text.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    open.read_exact(&mut body).await?;
    status.ok_or_else(|| io::Error::other("no status"))
}
