//! When pictures are handed to the graphics card.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bevy::prelude::*;
use bevy::render::{Render, RenderApp, RenderSystems};

/// When a picture was handed to the graphics card last.
#[derive(Clone, Debug, Resource)]
pub(super) struct Submitted {
    since: Instant,
    /// Nanoseconds later; 0: never.
    after: Arc<AtomicU64>,
}

impl Default for Submitted {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            after: Arc::default(),
        }
    }
}

impl Submitted {
    /// Has the renderer note it.
    pub(super) fn connect(app: &mut App) {
        let submitted = app.world().resource::<Self>().clone();
        if let Some(renderer) = app.get_sub_app_mut(RenderApp) {
            renderer
                .insert_resource(submitted)
                .add_systems(Render, note_submission.in_set(RenderSystems::Cleanup));
        }
    }

    /// When it was last.
    pub(super) fn last(&self) -> Option<Instant> {
        let after = self.after.load(Ordering::Relaxed);
        (after > 0).then(|| self.since + Duration::from_nanos(after))
    }
}

/// In the renderer, when it has handed over all pictures.
fn note_submission(submitted: Res<Submitted>) {
    let after = submitted.since.elapsed().as_nanos();
    (submitted.after).store(u64::try_from(after).unwrap_or(u64::MAX), Ordering::Relaxed);
}
