//! Ending in good order: signals, a set duration, the operator's wish, a restart that was decided on.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, Instant};

use bevy::ecs::message::MessageUpdateSystems;
use bevy::prelude::*;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};

use super::{RunOptions, log_file};

/// Turns a signal or the end of a set duration into an orderly end.
#[derive(Debug)]
pub struct ShutdownPlugin;

impl Plugin for ShutdownPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(Started(Instant::now()))
            .init_resource::<Ending>()
            .add_systems(First, end_when_asked.after(MessageUpdateSystems));
    }
}

/// When the application started.
#[derive(Clone, Copy, Debug, Resource)]
pub struct Started(pub Instant);

/// The end of the program, once it is decided: modules are stopped first.
#[derive(Clone, Copy, Debug, Default, Resource)]
pub struct Ending(Option<(Instant, u8)>);

impl Ending {
    /// Decides that the program ends with this exit code. The first decision counts, but one for another code than 0
    /// stands against one for 0.
    pub fn begin(&mut self, code: u8) {
        match &mut self.0 {
            None => {
                info!("stopping");
                self.0 = Some((Instant::now(), code));
            }
            Some((_, decided)) if *decided == 0 => *decided = code,
            Some(_) => {}
        }
    }

    /// How long ago that was, and the exit code.
    #[must_use]
    pub fn decided(&self) -> Option<(Duration, u8)> {
        self.0.map(|(at, code)| (at.elapsed(), code))
    }
}

/// Signals to end that have come in.
static STOPS: AtomicU8 = AtomicU8::new(0);
static RELOAD: AtomicBool = AtomicBool::new(false);

/// Takes over SIGINT and SIGTERM: the first asks the main loop to end, a second ends at once. SIGHUP asks for the
/// settings to be read again, SIGUSR1 for a new log file.
pub(super) fn listen() -> Result<(), String> {
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP, SIGUSR1])
        .map_err(|e| format!("signals cannot be handled: {e}"))?;
    let thread = std::thread::Builder::new().name("signals".to_owned());
    let listening = thread.spawn(move || {
        for signal in signals.forever() {
            match signal {
                SIGHUP => RELOAD.store(true, Ordering::SeqCst),
                SIGUSR1 => log_file::begin_anew(),
                _ if STOPS.fetch_add(1, Ordering::SeqCst) > 0 => std::process::exit(130),
                _ => {}
            }
        }
    });
    listening
        .map(drop)
        .map_err(|e| format!("signals cannot be handled: {e}"))
}

/// True once after each SIGHUP.
pub(crate) fn reload_asked() -> bool {
    RELOAD.swap(false, Ordering::SeqCst)
}

fn end_when_asked(options: Res<RunOptions>, started: Res<Started>, mut ending: ResMut<Ending>) {
    let over = options.duration.is_some_and(|d| started.0.elapsed() >= d);
    if (over || STOPS.load(Ordering::SeqCst) > 0) && ending.decided().is_none() {
        ending.begin(0);
    }
}
