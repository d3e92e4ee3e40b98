//! The order of everything, in one place.

use bevy::ecs::schedule::{LogLevel, ScheduleBuildSettings, ScheduleLabel, SingleThreadedExecutor};
use bevy::prelude::*;

use super::guard::{MainPulse, ModuleFaults, guarded};

/// The stations of the street, in order. New ones are added here and nowhere else.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreetSystems {
    /// Frames come in and are tracked (`PreUpdate`).
    Perceive,
    /// Aim and prediction (`Update`).
    Aim,
    /// Shapes for the projector (`Update`).
    Draw,
    /// The network thread is looked after (`Update`).
    Serve,
    /// Wishes of the operator (`Last`).
    Apply,
    /// Health, alerts (`Last`).
    Supervise,
    /// The snapshot for dashboard and network (`Last`).
    Publish,
}

/// What the vision module does each turn.
#[derive(ScheduleLabel, Clone, Debug, PartialEq, Eq, Hash)]
pub struct VisionStep;
/// What the core does each turn.
#[derive(ScheduleLabel, Clone, Debug, PartialEq, Eq, Hash)]
pub struct CoreStep;
/// What the core does at its fixed rate, [`crate::physics::LiveTable::RATE_HZ`].
#[derive(ScheduleLabel, Clone, Debug, PartialEq, Eq, Hash)]
pub struct CoreTick;
/// What the projector does each turn.
#[derive(ScheduleLabel, Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProjectorStep;
/// What the API module does each turn.
#[derive(ScheduleLabel, Clone, Debug, PartialEq, Eq, Hash)]
pub struct ApiStep;

/// Configures the order and puts a guard round each module's schedule.
#[derive(Debug)]
pub struct SetsPlugin;

impl Plugin for SetsPlugin {
    fn build(&self, app: &mut App) {
        for label in [
            VisionStep.intern(),
            CoreStep.intern(),
            CoreTick.intern(),
            ProjectorStep.intern(),
            ApiStep.intern(),
        ] {
            app.edit_schedule(label, |schedule| {
                schedule
                    .set_executor(SingleThreadedExecutor::new())
                    .set_build_settings(ScheduleBuildSettings {
                        ambiguity_detection: LogLevel::Error,
                        ..default()
                    });
            });
        }
        app.init_resource::<ModuleFaults>()
            .init_resource::<MainPulse>()
            .configure_sets(
                PreUpdate,
                StreetSystems::Perceive.after(bevy::time::check_delayed_command_queues),
            )
            .configure_sets(
                Update,
                (StreetSystems::Aim, StreetSystems::Draw, StreetSystems::Serve).chain(),
            )
            .configure_sets(
                Last,
                (
                    StreetSystems::Apply,
                    StreetSystems::Supervise,
                    StreetSystems::Publish,
                )
                    .chain(),
            )
            .add_systems(
                PreUpdate,
                guarded(VisionStep, "vision").in_set(StreetSystems::Perceive),
            )
            .add_systems(Update, guarded(CoreStep, "core").in_set(StreetSystems::Aim))
            .add_systems(FixedUpdate, guarded(CoreTick, "core"))
            .add_systems(
                Update,
                guarded(ProjectorStep, "projector").in_set(StreetSystems::Draw),
            )
            .add_systems(Update, guarded(ApiStep, "api").in_set(StreetSystems::Serve));
    }
}
