//! A small service manager: starts the trainer, feeds on its keep-alive, starts it again when it ends badly.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// What `WatchdogSec=` would be.
const WATCHDOG: Duration = Duration::from_secs(10);
/// What `RestartSec=` would be.
const RESTART_AFTER: Duration = Duration::from_millis(200);
/// What `StartLimitBurst=` would be.
const MOST_STARTS: usize = 8;

/// One start of the trainer.
#[derive(Debug)]
pub struct Start {
    /// When.
    pub at: Instant,
    /// When it said that it is ready.
    pub ready: Option<Instant>,
    /// When it was gone, and how.
    pub end: Option<(Instant, ExitStatus)>,
}

/// How the trainer is started.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Arguments beyond those of every run.
    pub arguments: Vec<String>,
    /// The faults of the first start.
    pub script: String,
    /// The faults happen in every start, not only in the first.
    pub every_start: bool,
    /// Shell words before the program, `ulimit -n 64;`.
    pub before: String,
    /// Display for its windows; without one it is headless.
    pub display: Option<String>,
    /// Environment variables.
    pub variables: Vec<(String, String)>,
}

/// The trainer under its service manager. Dropping it ends both.
pub struct Manager {
    program: PathBuf,
    folder: PathBuf,
    setup: Setup,
    port: u16,
    socket: UnixDatagram,
    child: Option<Child>,
    fed: Instant,
    due: Option<Instant>,
    /// Every start so far.
    pub starts: Vec<Start>,
}

impl Manager {
    /// Starts the trainer with its state in `folder`.
    ///
    /// # Errors
    /// When no port, socket or process can be had.
    pub fn start(program: &Path, folder: &Path, setup: Setup) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join("notify");
        drop(std::fs::remove_file(&path));
        let socket = UnixDatagram::bind(&path)?;
        socket.set_nonblocking(true)?;
        // Free now; whoever takes it in between makes the case fail with a clear word.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut manager = Self {
            program: program.to_owned(),
            folder: folder.to_owned(),
            setup,
            port,
            socket,
            child: None,
            fed: Instant::now(),
            due: None,
            starts: Vec::new(),
        };
        manager.launch()?;
        Ok(manager)
    }

    fn launch(&mut self) -> std::io::Result<()> {
        let state = self.folder.join("state");
        let mut arguments: Vec<String> = ["run", "--environment", "testing", "--seed", "3"]
            .map(str::to_owned)
            .into();
        arguments.extend(["--port".to_owned(), self.port.to_string()]);
        arguments.extend(["--state-folder".to_owned(), state.to_string_lossy().into_owned()]);
        if self.setup.display.is_none() {
            arguments.push("--headless".to_owned());
        }
        if !self.setup.arguments.iter().any(|a| a == "--source") {
            arguments.extend(["--source", "virtual:practice"].map(str::to_owned));
        }
        arguments.extend(self.setup.arguments.iter().cloned());
        let script = self.folder.join("faults.ron");
        if self.starts.is_empty() || self.setup.every_start {
            let faults = if self.setup.script.is_empty() {
                "[]"
            } else {
                &self.setup.script
            };
            std::fs::write(&script, faults)?;
        } else {
            std::fs::write(&script, "[]")?;
        }
        arguments.extend(["--fault-script".to_owned(), script.to_string_lossy().into_owned()]);
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("log"))?;
        let mut command = if self.setup.before.is_empty() {
            Command::new(&self.program)
        } else {
            let mut shell = Command::new("sh");
            shell
                .args(["-c", &format!("{} exec \"$0\" \"$@\"", self.setup.before)])
                .arg(&self.program);
            shell
        };
        command
            .args(arguments)
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY");
        command.env("NOTIFY_SOCKET", self.folder.join("notify"));
        command.env("WATCHDOG_USEC", WATCHDOG.as_micros().to_string());
        if let Some(display) = &self.setup.display {
            command.env("DISPLAY", display);
        }
        command.envs(self.setup.variables.iter().cloned());
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        self.child = Some(child);
        self.fed = Instant::now();
        self.due = None;
        self.starts.push(Start {
            at: Instant::now(),
            ready: None,
            end: None,
        });
        Ok(())
    }

    /// One look at the trainer: what it says, whether it is still there, whether a new one is due.
    pub fn turn(&mut self) {
        let mut buffer = [0u8; 512];
        while let Ok(n) = self.socket.recv(&mut buffer) {
            let text = String::from_utf8_lossy(buffer.get(..n).unwrap_or_default()).into_owned();
            self.fed = Instant::now();
            if let Some(start) = self
                .starts
                .last_mut()
                .filter(|s| s.ready.is_none() && text.contains("READY=1"))
            {
                start.ready = Some(Instant::now());
            }
        }
        if self.fed.elapsed() > WATCHDOG {
            self.signal(Signal::ABORT);
        }
        let ended = self
            .child
            .as_mut()
            .and_then(|child| child.try_wait().ok().flatten());
        if let Some(status) = ended {
            self.child = None;
            if let Some(start) = self.starts.last_mut() {
                start.end = Some((Instant::now(), status));
            }
            let again = !status.success() && self.starts.len() < MOST_STARTS;
            self.due = again.then(|| Instant::now() + RESTART_AFTER);
        }
        if self.due.is_some_and(|due| Instant::now() >= due) && self.launch().is_err() {
            self.due = None;
        }
    }

    /// Turns for so long.
    pub fn wait(&mut self, length: Duration) {
        let until = Instant::now() + length;
        while Instant::now() < until {
            self.turn();
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Turns until `done`, at most `limit`; true when it was.
    pub fn wait_until(&mut self, limit: Duration, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let until = Instant::now() + limit;
        while Instant::now() < until {
            self.turn();
            if done(self) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }

    /// Sends a signal to the trainer.
    pub fn signal(&self, signal: Signal) {
        let pid = self
            .child
            .as_ref()
            .and_then(|c| i32::try_from(c.id()).ok())
            .and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It fails only where the process has just ended.
            let _ = kill_process(pid, signal);
        }
    }

    /// Status code and JSON of a GET, `None` where nobody answers within half a second.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<(u16, Value)> {
        let address = self.address();
        let limit = Duration::from_millis(500);
        let mut stream = TcpStream::connect_timeout(&address, limit).ok()?;
        stream.set_read_timeout(Some(limit)).ok()?;
        stream.set_write_timeout(Some(limit)).ok()?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )
        .ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let text = String::from_utf8_lossy(&answer);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let code = head.split(' ').nth(1)?.parse().ok()?;
        Some((code, serde_json::from_str(body).unwrap_or(Value::Null)))
    }

    /// The process id of the trainer, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Where the trainer listens.
    #[must_use]
    pub fn address(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Asks the trainer to end; its exit status and how long that took, `None` where it had to be killed.
    pub fn stop(&mut self) -> Option<(ExitStatus, Duration)> {
        let asked = Instant::now();
        self.signal(Signal::TERM);
        while asked.elapsed() < Duration::from_secs(15) {
            if let Some(status) = self.child.as_mut().and_then(|c| c.try_wait().ok().flatten()) {
                self.child = None;
                return Some((status, asked.elapsed()));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }
}

/// How a process ended, in words.
#[must_use]
pub fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown".to_owned(),
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}
