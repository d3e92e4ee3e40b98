//! The main loop sleeps between turns; a new observation wakes it, so that a line on the
//! cloth never waits for a timer.

use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bevy::app::PluginsState;
use bevy::prelude::*;
use bevy::tasks::tick_global_task_pools_on_main_thread;
use bevy::winit::{EventLoopProxyWrapper, WinitUserEvent};

use super::Stage;

/// Without a bell the loop turns this often.
const TURN: Duration = Duration::from_micros(16_667);

/// Wakes the main loop. Ringing never blocks.
#[derive(Default)]
pub struct Bell {
    rung: Mutex<bool>,
    waiting: Condvar,
    window_loop: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl std::fmt::Debug for Bell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bell")
            .field("rung", &self.rung)
            .finish_non_exhaustive()
    }
}

impl Bell {
    /// Wakes the main loop, or makes its next sleep end at once.
    pub fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.waiting.notify_one();
        if let Some(wake) = self.window_loop.get() {
            wake();
        }
    }

    /// Sleeps until the bell rings, at most `limit`.
    fn wait(&self, limit: Duration) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.waiting.wait_timeout_while(rung, limit, |rung| !*rung);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}

/// Runs an application that has no windows.
pub(super) fn runner(bell: Arc<Bell>) -> impl FnOnce(App) -> AppExit + 'static {
    move |mut app| {
        while app.plugins_state() == PluginsState::Adding {
            tick_global_task_pools_on_main_thread();
        }
        app.finish();
        app.cleanup();
        loop {
            app.update();
            if let Some(exit) = app.should_exit() {
                return exit;
            }
            bell.wait(TURN);
        }
    }
}

/// Connects the bell with the loop that serves the windows.
pub(super) fn wake_window_loop(stage: Res<Stage>, proxy: Res<EventLoopProxyWrapper>) {
    let proxy = (**proxy).clone();
    let connected = stage.bell.window_loop.set(Box::new(move || {
        // It fails only when the loop has ended.
        proxy.send_event(WinitUserEvent::WakeUp).ok();
    }));
    if connected.is_err() {
        warn!("the main loop's bell was connected twice");
    }
}
