//! Steps under way: their pictures go to the projector, frames go to them.

use std::sync::Arc;
use std::time::Instant;

use crate::calibration::flow::CalibrationFault;
use crate::calibration::session::{Progress, Session};
use crate::calibration::{Pattern, ProjectorModel};
use crate::virtual_table::ProjectedLight;
use crate::vision::plugin::VisionState;

/// What is shown for some steps, since when, and what they have seen of it.
#[derive(Debug)]
pub(super) struct Showing<F> {
    session: Session<F>,
    pattern: Arc<Pattern>,
    shown: Instant,
    last_frame: Option<u64>,
    /// Where the virtual table is the source, this throws the pattern on it.
    thrower: Option<ProjectorModel>,
}

impl<F: Send + 'static> Showing<F> {
    pub(super) fn new(session: Session<F>, thrower: Option<ProjectorModel>) -> Self {
        Self {
            pattern: session.wanted(),
            session,
            shown: Instant::now(),
            last_frame: None,
            thrower,
        }
    }

    pub(super) const fn pattern(&self) -> &Arc<Pattern> {
        &self.pattern
    }

    pub(super) fn progress(&self) -> Progress {
        self.session.progress()
    }

    /// What came of it, once.
    pub(super) fn take_outcome(&self) -> Option<Result<F, CalibrationFault>> {
        self.session.take_outcome()
    }

    /// Shows what is wanted, and hands in the newest frame. True where something else is shown than before.
    pub(super) fn follow(&mut self, vision: &VisionState) -> bool {
        let wanted = self.session.wanted();
        let other = !Arc::ptr_eq(&wanted, &self.pattern);
        if other {
            if let (Some(thrower), Some(table)) = (&self.thrower, vision.hand.get()) {
                table.set_projection(ProjectedLight::by_projector(&wanted, thrower).ok().map(Arc::new));
            }
            self.pattern = wanted;
            self.shown = Instant::now();
        }
        if let Some(latest) = &vision.latest
            && self.last_frame != Some(latest.frame.sequence)
        {
            self.last_frame = Some(latest.frame.sequence);
            self.session
                .offer(latest.frame.clone(), &self.pattern, self.shown);
        }
        other
    }

    /// Ends them; the table is dark where they threw light.
    pub(super) fn end(self, vision: &VisionState) {
        if self.thrower.is_some()
            && let Some(table) = vision.hand.get()
        {
            table.set_projection(None);
        }
    }
}
