//! The core: what is aimed, and what it will do.

use std::sync::Arc;
use std::time::Instant;

use bevy::prelude::*;

use crate::app::{Config, CoreStep, CoreTick, Stage};
use crate::physics::LiveTable;
use crate::system::faults::{self, Point};
use crate::system::orchestrator::Report;
use crate::system::plugin::modules::{Desk, Lived};
use crate::system::plugin::{Measured, Operator};
use crate::system::snapshot::{PredictedShot, RehearsedBall};
use crate::table::TableSpec;
use crate::trainer::played::{Played, Shot};
use crate::trainer::predict::Predictor;
use crate::trainer::rehearsal::Rehearsal;
use crate::vision::plugin::VisionState;

/// Predicts the aimed shot.
#[derive(Debug)]
pub struct CorePlugin;

impl Plugin for CorePlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<CoreState>()
            .insert_resource(Time::<Fixed>::from_hz(LiveTable::RATE_HZ))
            .add_systems(CoreStep, (keep_shots, predict).chain())
            .add_systems(CoreTick, roll);
    }
}

/// What the core knows.
#[derive(Debug, Default, Resource)]
pub struct CoreState {
    /// The shot being aimed.
    pub shot: Option<Arc<PredictedShot>>,
    /// Shots as they were played, the oldest first.
    pub played: Arc<Vec<Arc<Shot>>>,
    record: Played,
    predictor: Option<Predictor>,
    earlier: u64,
    rehearsal: Option<Rehearsal>,
}

impl CoreState {
    /// Shots predicted since start.
    #[must_use]
    pub fn predicted(&self) -> u64 {
        self.earlier + self.predictor.as_ref().map_or(0, |p| p.predicted)
    }

    /// Throws away everything that was concluded: it follows anew from the next observation.
    fn forget(&mut self) {
        self.earlier = self.predicted();
        (self.shot, self.rehearsal, self.predictor) = (None, None, None);
    }

    /// Begins to show the aimed shot as it would roll; false when there is none.
    pub fn rehearse(&mut self, table: &TableSpec) -> bool {
        self.rehearsal = self.shot.as_ref().and_then(|shot| Rehearsal::of(shot, table));
        self.rehearsal.is_some()
    }

    /// The balls of the shot that is being shown.
    #[must_use]
    pub fn rehearsed(&self) -> Option<Arc<Vec<RehearsedBall>>> {
        self.rehearsal.as_ref().map(Rehearsal::balls)
    }
}

/// One tick of the shot that is being shown.
fn roll(mut core: ResMut<CoreState>) {
    // Nobody has to look for changes while nothing is shown.
    if core.rehearsal.is_some() && !core.rehearsal.as_mut().is_some_and(Rehearsal::step) {
        core.rehearsal = None;
    }
}

/// Takes in what the table was like since the last turn.
fn keep_shots(mut core: ResMut<CoreState>, vision: Res<VisionState>) {
    let mut ended = false;
    for table in &vision.news {
        ended |= core.record.see(table);
    }
    if ended {
        core.played = Arc::new(core.record.shots().iter().cloned().collect());
    }
}

fn predict(
    mut core: ResMut<CoreState>,
    vision: Res<VisionState>,
    config: Res<Config>,
    stage: Res<Stage>,
    operator: Res<Operator>,
    mut desk: Desk,
    mut lived: Local<Lived>,
    mut measured: ResMut<Measured>,
) {
    faults::point(Point::CoreStep);
    let core = &mut *core;
    let duty = desk.duty("core");
    if lived.is_new(duty) || !duty.up {
        core.forget();
    }
    desk.report("core", if duty.up { Report::Up } else { Report::Down });
    if !duty.up || operator.paused {
        return;
    }
    let Some(table) = vision.seen_table() else {
        core.shot = None;
        return;
    };
    // Taken out while it works: should it panic, a fresh one takes its place.
    let mut predictor = core
        .predictor
        .take()
        .unwrap_or_else(|| Predictor::new(&stage.table));
    let before = predictor.predicted;
    let start = Instant::now();
    // Whoever holds the virtual cue has set its speed; otherwise it is assumed.
    let held = vision.hand.state().filter(|cue| cue.taken);
    let stick_speed_m_s = held.map_or(config.trainer.stick_speed_m_s, |cue| cue.stick_speed_m_s);
    match predictor.update(table, stick_speed_m_s) {
        Ok(shot) => core.shot = Some(shot),
        Err(_) => core.shot = None,
    }
    if predictor.predicted > before {
        measured
            .prediction_us
            .push(start, start.elapsed().as_secs_f64() * 1e6);
    }
    core.predictor = Some(predictor);
}
