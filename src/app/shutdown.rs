//! Ending in good order: signals, a set duration, the operator's wish.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bevy::ecs::message::MessageUpdateSystems;
use bevy::prelude::*;

use super::RunOptions;

/// Turns a signal or the end of a set duration into an orderly exit.
#[derive(Debug)]
pub struct ShutdownPlugin;

impl Plugin for ShutdownPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(Started(Instant::now()))
            .add_systems(First, exit_when_asked.after(MessageUpdateSystems));
    }
}

/// When the application started.
#[derive(Clone, Copy, Debug, Resource)]
pub struct Started(pub Instant);

static STOP: AtomicBool = AtomicBool::new(false);

/// Takes over SIGINT, SIGTERM and SIGHUP: the first asks the main loop to end, a second ends at once.
pub(super) fn listen() -> Result<(), String> {
    ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    })
    .map_err(|e| format!("signals cannot be handled: {e}"))
}

fn exit_when_asked(
    options: Res<RunOptions>,
    started: Res<Started>,
    mut said: Local<bool>,
    mut exit: MessageWriter<AppExit>,
) {
    let over = options.duration.is_some_and(|d| started.0.elapsed() >= d);
    if (over || STOP.load(Ordering::SeqCst)) && !*said {
        *said = true;
        info!("stopping");
        exit.write(AppExit::Success);
    }
}
