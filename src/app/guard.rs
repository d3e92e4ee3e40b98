//! One module's panic is that module's fault and nobody else's.
//!
//! A schedule that panics is lost to Bevy (it was taken out of the world to run), so each
//! module's schedule is taken out here, run, and put back whatever happens.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use bevy::ecs::schedule::{ScheduleLabel, SingleThreadedExecutor};
use bevy::prelude::*;

use crate::system::crash::text_of;
use crate::system::orchestrator::Report;
use crate::system::plugin::modules::{Module, ModuleLife};
use crate::system::pulse::{Pulse, Stage};
use crate::system::status::Lifecycle;

/// The main loop's sign of life.
#[derive(Clone, Debug, Default, Resource)]
pub struct MainPulse(pub Pulse);

/// Panics per module, for the health checks.
#[derive(Debug, Default, Resource)]
pub struct ModuleFaults {
    faults: HashMap<&'static str, Vec<Instant>>,
    totals: HashMap<&'static str, u32>,
}

/// A fault counts against a module's health for this long.
const REMEMBERED: Duration = Duration::from_secs(60);

impl ModuleFaults {
    fn record(&mut self, module: &'static str) {
        *self.totals.entry(module).or_default() += 1;
        let list = self.faults.entry(module).or_default();
        let now = Instant::now();
        list.retain(|at| now.saturating_duration_since(*at) < REMEMBERED);
        // Sixty turns a second must not fill the memory.
        if list.len() < 100 {
            list.push(now);
        }
    }

    /// Faults of the last minute (counted up to 100).
    #[must_use]
    pub fn recent(&self, module: &str) -> u32 {
        let now = Instant::now();
        self.faults.get(module).map_or(0, |list| {
            list.iter()
                .filter(|at| now.saturating_duration_since(**at) < REMEMBERED)
                .count() as u32
        })
    }

    /// Faults since start.
    #[must_use]
    pub fn total(&self, module: &str) -> u32 {
        self.totals.get(module).copied().unwrap_or_default()
    }
}

/// A system that runs the schedule `label` while its module has something to do, and catches what panics in it: the
/// module is broken then.
pub fn guarded<L: ScheduleLabel + Clone>(
    label: L,
    module: &'static str,
) -> impl FnMut(&mut World) + Send + Sync + 'static {
    let mut lives: Option<QueryState<(&Module, &mut ModuleLife)>> = None;
    move |world: &mut World| {
        let lives = lives.get_or_insert_with(|| world.query());
        let is_at_work = |(m, life): (&Module, &ModuleLife)| {
            // One that has failed gets to clear away what is left of it.
            let clears = life.state == Lifecycle::Failed && life.report != Report::Down;
            m.id == module && (life.is_active() || clears)
        };
        if !lives.iter(world).any(is_at_work) {
            return;
        }
        let Some(mut schedule) = world.resource_mut::<Schedules>().remove(label.clone()) else {
            return;
        };
        let pulse = world.resource::<MainPulse>().0.clone();
        pulse.enter(Stage::of_module(module));
        let result = catch_unwind(AssertUnwindSafe(|| schedule.run(world)));
        pulse.enter(Stage::Between);
        if result.is_err() {
            // The executor's notes of what has run are stale after a panic.
            schedule.set_executor(SingleThreadedExecutor::new());
        }
        world.resource_mut::<Schedules>().insert(schedule);
        let Err(payload) = result else { return };
        world.resource_mut::<ModuleFaults>().record(module);
        let text = text_of(&*payload);
        // One line: the rest is in the log and the crash report.
        let text: String = text
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .take(200)
            .collect();
        for (m, mut life) in lives.iter_mut(world) {
            if m.id != module {
                continue;
            }
            life.report = if life.is_active() {
                error!("module {module} failed inside: {text}");
                Report::Broken(format!("failed inside: {text}"))
            } else {
                // It can't even clear away: what is left of it stays until its next life.
                Report::Down
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::orchestrator::{Life, MODULES};

    #[derive(ScheduleLabel, Clone, Debug, PartialEq, Eq, Hash)]
    struct Shaky;
    #[derive(ScheduleLabel, Clone, Debug, PartialEq, Eq, Hash)]
    struct Steady;

    #[derive(Resource, Default)]
    struct Counts {
        shaky: u32,
        after: u32,
        steady: u32,
    }

    /// Both executors: the panic stays in its schedule, which goes on with the next turn.
    #[test]
    fn a_panic_stays_in_its_module() {
        for single in [true, false] {
            let mut app = App::new();
            app.add_plugins(MinimalPlugins)
                .init_resource::<ModuleFaults>()
                .init_resource::<MainPulse>()
                .init_resource::<Counts>();
            if single {
                for label in [Shaky.intern(), Steady.intern()] {
                    app.edit_schedule(label, |s| {
                        s.set_executor(SingleThreadedExecutor::new());
                    });
                }
            }
            for (place, spec) in MODULES.into_iter().enumerate() {
                let mut life = Life::new(spec, true, Instant::now());
                life.state = Lifecycle::Running;
                app.world_mut()
                    .spawn((Module { id: spec.id, place }, ModuleLife(life)));
            }
            let shaky = |mut c: ResMut<Counts>| {
                c.shaky += 1;
                assert!(!c.shaky.is_multiple_of(3), "every third time");
            };
            app.add_systems(Shaky, (shaky, |mut c: ResMut<Counts>| c.after += 1).chain());
            app.add_systems(Steady, |mut c: ResMut<Counts>| c.steady += 1);
            app.add_systems(
                Update,
                (guarded(Shaky, "vision"), guarded(Steady, "core")).chain(),
            );
            for _ in 0..12 {
                app.update();
            }
            let counts = app.world().resource::<Counts>();
            assert_eq!((counts.shaky, counts.steady), (12, 12));
            // Once panicked, a schedule has the single-threaded executor: what follows a panic does not run.
            assert_eq!(counts.after, if single { 8 } else { 9 });
            let faults = app.world().resource::<ModuleFaults>();
            assert_eq!(
                (
                    faults.recent("vision"),
                    faults.total("vision"),
                    faults.recent("core")
                ),
                (4, 4, 0)
            );
            let world = app.world_mut();
            let mut lives = world.query::<(&Module, &ModuleLife)>();
            for (module, life) in lives.iter(world) {
                let broken = matches!(&life.report, Report::Broken(why) if why.contains("every third time"));
                assert_eq!(broken, module.id == "vision");
            }
        }
    }
}
