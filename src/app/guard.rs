//! One module's panic is that module's fault and nobody else's.
//!
//! A schedule that panics is lost to Bevy (it was taken out of the world to run), so each
//! module's schedule is taken out here, run, and put back whatever happens.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use bevy::ecs::schedule::{ScheduleLabel, SingleThreadedExecutor};
use bevy::prelude::*;

/// Panics per module, for the health checks.
#[derive(Debug, Default, Resource)]
pub struct ModuleFaults {
    faults: HashMap<&'static str, Vec<(Instant, String)>>,
    totals: HashMap<&'static str, u32>,
}

/// A fault counts against a module's health for this long.
const REMEMBERED: Duration = Duration::from_secs(60);

impl ModuleFaults {
    fn record(&mut self, module: &'static str, text: String) {
        *self.totals.entry(module).or_default() += 1;
        let list = self.faults.entry(module).or_default();
        let now = Instant::now();
        list.retain(|(at, _)| now.saturating_duration_since(*at) < REMEMBERED);
        if list.last().is_none_or(|(_, last)| *last != text) {
            error!("module {module} failed: {text}; it goes on with the next turn");
        }
        // Sixty turns a second must not fill the memory.
        if list.len() < 100 {
            list.push((now, text));
        }
    }

    /// Faults of the last minute (counted up to 100).
    #[must_use]
    pub fn recent(&self, module: &str) -> u32 {
        let now = Instant::now();
        self.faults.get(module).map_or(0, |list| {
            list.iter()
                .filter(|(at, _)| now.saturating_duration_since(*at) < REMEMBERED)
                .count() as u32
        })
    }

    /// Faults since start.
    #[must_use]
    pub fn total(&self, module: &str) -> u32 {
        self.totals.get(module).copied().unwrap_or_default()
    }
}

/// A system that runs the schedule `label` and catches what panics in it.
pub fn guarded<L: ScheduleLabel + Clone>(
    label: L,
    module: &'static str,
) -> impl FnMut(&mut World) + Send + Sync + 'static {
    move |world: &mut World| {
        let Some(mut schedule) = world.resource_mut::<Schedules>().remove(label.clone()) else {
            return;
        };
        let result = catch_unwind(AssertUnwindSafe(|| schedule.run(world)));
        if result.is_err() {
            // The executor's notes of what has run are stale after a panic.
            schedule.set_executor(SingleThreadedExecutor::new());
        }
        world.resource_mut::<Schedules>().insert(schedule);
        if let Err(payload) = result {
            let text = payload
                .downcast_ref::<&str>()
                .map(|s| (*s).to_owned())
                .or_else(|| payload.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "unknown panic".to_owned());
            world.resource_mut::<ModuleFaults>().record(module, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_panic_stays_in_its_module() {
        let mut app = App::new();
        app.add_plugins(MinimalPlugins)
            .init_resource::<ModuleFaults>()
            .init_resource::<Counts>();
        for label in [Shaky.intern(), Steady.intern()] {
            app.edit_schedule(label, |s| {
                s.set_executor(SingleThreadedExecutor::new());
            });
        }
        let shaky = |mut c: ResMut<Counts>| {
            c.shaky += 1;
            assert!(!c.shaky.is_multiple_of(3), "every third time");
        };
        app.add_systems(Shaky, (shaky, |mut c: ResMut<Counts>| c.after += 1).chain());
        app.add_systems(Steady, |mut c: ResMut<Counts>| c.steady += 1);
        app.add_systems(
            Update,
            (guarded(Shaky, "shaky"), guarded(Steady, "steady")).chain(),
        );
        for _ in 0..12 {
            app.update();
        }
        let counts = app.world().resource::<Counts>();
        assert_eq!((counts.shaky, counts.after, counts.steady), (12, 8, 12));
        let faults = app.world().resource::<ModuleFaults>();
        assert_eq!(
            (
                faults.recent("shaky"),
                faults.total("shaky"),
                faults.recent("steady")
            ),
            (4, 4, 0)
        );
    }
}
