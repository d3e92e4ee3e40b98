//! Modules as entities: who they are, what they need, how they are.

use bevy::prelude::*;

use crate::system::health::Hysteresis;
use crate::system::status::{Check, Health, Lifecycle, ModuleStatus};

/// A module of the program, by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Component)]
#[require(LifecycleState, HealthState, Restarts)]
pub struct Module(pub &'static str);

/// Where a module is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Component)]
pub struct LifecycleState(pub Lifecycle);

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
    /// Takes in new results.
    pub fn update(&mut self, checks: Vec<Check>) {
        let now = crate::system::health::roll_up(checks.iter().map(|c| c.status));
        self.level = self.hysteresis.update(now);
        self.checks = checks;
    }
}

/// How often a module was started again.
#[derive(Clone, Copy, Debug, Default, Component)]
pub struct Restarts(pub u32);

/// Asks for a module to be started again.
#[derive(Clone, Debug, Message)]
pub struct RestartModule(pub String);

/// The status line of a module.
#[must_use]
pub fn describe(
    module: Module,
    life: LifecycleState,
    health: &HealthState,
    restarts: Restarts,
    faults: u32,
) -> ModuleStatus {
    let worst = health
        .checks
        .iter()
        .filter(|c| c.status > Health::Healthy)
        .max_by_key(|c| c.status);
    let message = match (life.0, worst) {
        (Lifecycle::Disabled, _) => "switched off".to_owned(),
        (Lifecycle::Running | Lifecycle::Failed | Lifecycle::Starting, Some(check)) => check.message.clone(),
        (Lifecycle::Running, None) => health
            .checks
            .last()
            .map_or_else(|| "running".to_owned(), |check| check.message.clone()),
        (other, _) => other.name().to_owned(),
    };
    ModuleStatus {
        id: module.0,
        lifecycle: life.0,
        health: if life.0 == Lifecycle::Disabled {
            Health::Unknown
        } else {
            health.level
        },
        message,
        checks: health.checks.clone(),
        restarts: restarts.0,
        faults,
    }
}
