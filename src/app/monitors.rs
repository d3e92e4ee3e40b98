//! Monitors that come, go or change their size while the trainer runs under X11.
//!
//! The server tells of it, but the window library never hears it: events of this extension come to it through Xlib,
//! which drops those that nobody has taught it (winit 0.30), and of a monitor it knows it keeps the size of the start
//! (Bevy 0.19). A projector that was unplugged would look as if it were there. So a connection of our own listens, has
//! the window library look again, and says what sizes are now.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bevy::prelude::*;
use bevy::window::{Monitor, RawHandleWrapper};
use raw_window_handle::RawWindowHandle;
use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::randr::{ConnectionExt as _, NotifyMask};
use x11rb::protocol::xproto::{AtomEnum, ConnectionExt as _, PropMode};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use super::wake::Bell;

/// Follows monitors under X11; does nothing elsewhere.
pub(super) struct MonitorsPlugin {
    /// Rung when something has changed.
    pub(super) bell: Arc<Bell>,
}

impl Plugin for MonitorsPlugin {
    fn build(&self, app: &mut App) {
        let said = Said::default();
        match Listener::connect(said.clone(), Arc::clone(&self.bell)) {
            Ok(Some(listener)) => {
                let spawned = std::thread::Builder::new()
                    .name("monitors".to_owned())
                    .spawn(move || listener.listen());
                match spawned {
                    Ok(_) => {
                        app.insert_resource(said).add_systems(First, follow);
                    }
                    Err(error) => warn!("monitors that change are not noticed: {error}"),
                }
            }
            Ok(None) => {}
            Err(error) => warn!("monitors that change are not noticed: {error}"),
        }
    }
}

/// What the X server says.
#[derive(Clone, Debug, Default, Resource)]
struct Said(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Monitors as they are now, and how often that has changed.
    monitors: Mutex<(u64, Vec<Place>)>,
    /// One of our own windows; none is 0.
    window: AtomicU32,
}

/// A monitor on the desktop, pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    name: String,
    corner: IVec2,
    size: UVec2,
}

/// Own connection to the X server.
struct Listener {
    connection: RustConnection,
    root: u32,
    said: Said,
    bell: Arc<Bell>,
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Changes come in several events; the last is waited for this long.
const SETTLES: Duration = Duration::from_millis(50);
/// At the start a window is waited for so many times as long: a minute.
const PATIENCE: u32 = 1200;

impl Listener {
    /// `None` where there is no X server, or windows are Wayland's.
    fn connect(said: Said, bell: Arc<Bell>) -> Result<Option<Self>, Failed> {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if !set("DISPLAY") || set("WAYLAND_DISPLAY") {
            return Ok(None);
        }
        let (connection, screen) = x11rb::connect(None)?;
        let screen = connection.setup().roots.get(screen);
        let root = screen.ok_or("the X server has no screen")?.root;
        let wanted = NotifyMask::SCREEN_CHANGE | NotifyMask::CRTC_CHANGE | NotifyMask::OUTPUT_CHANGE;
        connection.randr_select_input(root, wanted)?.check()?;
        Ok(Some(Self {
            connection,
            root,
            said,
            bell,
        }))
    }

    /// Until the connection ends, with the server or the program.
    fn listen(self) {
        let ended = loop {
            if let Err(error) = self.hear() {
                break error;
            }
        };
        warn!("monitors that change are not noticed any more: {ended}");
    }

    /// Waits for a change, and tells of it.
    fn hear(&self) -> Result<(), Failed> {
        let is_ours =
            |event: &Event| matches!(event, Event::RandrNotify(_) | Event::RandrScreenChangeNotify(_));
        if !is_ours(&self.connection.wait_for_event()?) {
            return Ok(());
        }
        std::thread::sleep(SETTLES);
        while self.connection.poll_for_event()?.is_some() {}
        let mut places = Vec::new();
        for monitor in self
            .connection
            .randr_get_monitors(self.root, true)?
            .reply()?
            .monitors
        {
            let name = self.connection.get_atom_name(monitor.name)?.reply()?.name;
            places.push(Place {
                name: String::from_utf8_lossy(&name).into_owned(),
                corner: IVec2::new(monitor.x.into(), monitor.y.into()),
                size: UVec2::new(monitor.width.into(), monitor.height.into()),
            });
        }
        let shared = &self.said.0;
        {
            let mut monitors = shared.monitors.lock().unwrap_or_else(PoisonError::into_inner);
            if monitors.1 == places {
                return Ok(());
            }
            *monitors = (monitors.0 + 1, places);
        }
        let window = (0..PATIENCE).find_map(|_| {
            let window = shared.window.load(Ordering::Relaxed);
            if window == 0 {
                std::thread::sleep(SETTLES);
            }
            (window != 0).then_some(window)
        });
        if let Some(window) = window {
            // The window library looks at its monitors anew when this property of any of its windows changes.
            self.connection
                .change_property8(
                    PropMode::REPLACE,
                    window,
                    AtomEnum::RESOURCE_MANAGER,
                    AtomEnum::STRING,
                    b"",
                )?
                // A window that has just gone is no reason to stop listening.
                .ignore_error();
            self.connection.sync()?;
        }
        self.bell.ring();
        Ok(())
    }
}

/// Tells the listener a window, and takes over what monitors measure now.
fn follow(
    said: Res<Said>,
    windows: Query<&RawHandleWrapper>,
    mut monitors: Query<&mut Monitor>,
    mut followed: Local<u64>,
) {
    let window = windows.iter().next().map(RawHandleWrapper::get_window_handle);
    let window = match window {
        Some(RawWindowHandle::Xlib(handle)) => u32::try_from(handle.window).unwrap_or(0),
        Some(RawWindowHandle::Xcb(handle)) => handle.window.get(),
        _ => 0,
    };
    said.0.window.store(window, Ordering::Relaxed);
    let now = said.0.monitors.lock().unwrap_or_else(PoisonError::into_inner);
    if now.0 == *followed {
        return;
    }
    *followed = now.0;
    for mut monitor in &mut monitors {
        let place = now
            .1
            .iter()
            .find(|place| Some(&place.name) == monitor.name.as_ref());
        if let Some(place) = place
            && (monitor.physical_size() != place.size || monitor.physical_position != place.corner)
        {
            (monitor.physical_width, monitor.physical_height) = place.size.into();
            monitor.physical_position = place.corner;
        }
    }
}
