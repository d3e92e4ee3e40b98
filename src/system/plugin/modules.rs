//! Modules as entities: who they are, what they need, how they are.

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;

use crate::system::health::{Hysteresis, Inertia, roll_up};
use crate::system::orchestrator::{Duty, Life, Report};
use crate::system::status::{Check, Health, Lifecycle, ModuleStatus};

/// A module of the program, by its id, and its place in the order of starting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Component)]
#[require(HealthState)]
pub struct Module {
    /// `config`, `core`, `vision`, `projector`, `api`.
    pub id: &'static str,
    /// From 0.
    pub place: usize,
}

/// Where a module is in its life, what it depends on, how often it was started.
#[derive(Clone, Debug, Component, Deref, DerefMut)]
pub struct ModuleLife(pub Life);

/// What the last checks said.
#[derive(Clone, Debug, Default, Component)]
pub struct HealthState {
    /// The single checks.
    pub checks: Vec<Check>,
    /// The level shown, after hysteresis.
    pub level: Health,
    /// Keeps the level from flickering.
    pub hysteresis: Hysteresis,
}

impl HealthState {
    /// Takes in new results; true when the level shown is another.
    pub fn update(&mut self, checks: Vec<Check>, inertia: Inertia) -> bool {
        let now = roll_up(checks.iter().map(|c| c.status));
        let certain = checks.iter().any(|c| c.certain && c.status == now);
        let before = std::mem::replace(&mut self.level, self.hysteresis.update(now, certain, inertia));
        self.checks = checks;
        self.level != before
    }

    /// Forgets what was checked: the module is not at work.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Where a module learns what it is to do and says how it is.
#[derive(SystemParam)]
pub struct Desk<'w, 's> {
    modules: Query<'w, 's, (&'static Module, &'static mut ModuleLife)>,
}

impl Desk<'_, '_> {
    /// What the module is to do.
    #[must_use]
    pub fn duty(&self, module: &str) -> Duty {
        let mut all = self.modules.iter();
        let found = all.find(|(m, _)| m.id == module);
        found.map(|(_, life)| life.duty()).unwrap_or_default()
    }

    /// The module says how it is.
    pub fn report(&mut self, module: &str, report: Report) {
        for (m, mut life) in &mut self.modules {
            if m.id == module && life.report != report {
                life.report = report;
                return;
            }
        }
    }
}

/// What a module that has nothing to build and nothing to tear down keeps in mind.
#[derive(Debug, Default)]
pub struct Lived(u32);

impl Lived {
    /// True in the first turn of a new life: then everything is built anew.
    pub fn is_new(&mut self, duty: Duty) -> bool {
        let new = duty.up && duty.life != self.0;
        if new {
            self.0 = duty.life;
        }
        new
    }
}

/// The status line of a module.
#[must_use]
pub fn describe(life: &Life, health: &HealthState, faults: u32) -> ModuleStatus {
    let worst = health
        .checks
        .iter()
        .filter(|c| c.status > Health::Healthy)
        .max_by_key(|c| c.status);
    let message = match (life.state, worst) {
        (Lifecycle::Disabled, _) => "switched off".to_owned(),
        (Lifecycle::Failed, _) => life.reason.clone().unwrap_or_else(|| "failed".to_owned()),
        (Lifecycle::Running | Lifecycle::Starting, Some(check)) => check.message.clone(),
        (Lifecycle::Running, None) => health
            .checks
            .last()
            .map_or_else(|| "running".to_owned(), |check| check.message.clone()),
        (other, _) => other.name().to_owned(),
    };
    ModuleStatus {
        id: life.spec.id,
        lifecycle: life.state,
        health: match life.state {
            // What does nothing any more is not well, whatever was checked last.
            Lifecycle::Failed => Health::Unhealthy,
            Lifecycle::Running => health.level,
            _ => Health::Unknown,
        },
        message,
        checks: health.checks.clone(),
        restarts: life.restarts,
        faults,
    }
}
