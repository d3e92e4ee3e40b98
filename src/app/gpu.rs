//! The graphics card can be lost: a driver that resets, a cable that is pulled, a machine that slept.
//!
//! Bevy 0.19 can ask for a new one but does not build anew what was on the old one, so only a new process mends that.

use bevy::prelude::*;
use bevy::render::error_handler::{RenderError, RenderErrorHandler, RenderErrorPolicy};
use bevy::render::renderer::RenderDevice;

use crate::system::faults::{self, Does};

/// Why nothing can be drawn any more.
#[derive(Debug, Default, Resource)]
pub struct DrawingFailed(pub Option<String>);

/// What Bevy calls when the graphics card has failed: it draws no more, and recovery decides what is done.
pub(super) const HANDLER: RenderErrorHandler = RenderErrorHandler(note);

fn note(error: &RenderError, world: &mut World, _: &mut World) -> RenderErrorPolicy {
    let mut failed = world.get_resource_or_init::<DrawingFailed>();
    if failed.0.is_none() {
        let first = error.description.lines().find(|line| !line.trim().is_empty());
        let words = first.unwrap_or("the driver says no more").trim();
        failed.0 = Some(format!("the graphics card has failed ({:?}: {words})", error.ty));
    }
    RenderErrorPolicy::StopRendering
}

/// Loses it on purpose.
pub(super) fn lose_on_purpose(device: Option<Res<RenderDevice>>) {
    if faults::active(Does::LoseGpu).is_some()
        && let Some(device) = device
    {
        device.wgpu_device().destroy();
    }
}
