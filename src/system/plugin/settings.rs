//! New settings while the program runs: read when the file has changed or somebody asks, and never taken half.

use std::time::Instant;

use bevy::prelude::*;

use super::modules::{Module, ModuleLife};
use super::supervise::{Scribe, in_order};
use super::{Board, Operator};
use crate::app::{Config, RunOptions, reload_asked};
use crate::config::{Changes, Effect, FileWatch, Reloaded, Settings, changed_keys, effect_of, reload};
use crate::system::journal::EventKind;
use crate::system::orchestrator::{Wish, wish};

/// How the settings are.
#[derive(Debug, Resource)]
pub struct SettingsState {
    /// The site file, and what was changed while the program ran.
    watches: Vec<FileWatch>,
    /// Why the file is not what is in force.
    pub fault: Option<String>,
    /// Keys that are not what the program was started with, and have no effect before it is started again.
    pub needs_restart: Vec<String>,
    started_with: Settings,
    kept: bool,
}

impl FromWorld for SettingsState {
    fn from_world(world: &mut World) -> Self {
        let options = world.resource::<RunOptions>();
        let site = options.site.as_ref();
        let file = site.and_then(|s| s.loaded.site_file.clone());
        let changes = site.and(options.state_folder.as_deref()).map(Changes::file_in);
        Self {
            watches: file
                .into_iter()
                .chain(changes)
                .map(|file| FileWatch::new(&file))
                .collect(),
            fault: options.last_good_because.clone(),
            needs_restart: Vec::new(),
            started_with: world.resource::<Config>().0.clone(),
            kept: false,
        }
    }
}

/// Reads the settings again where that is due.
pub(super) fn follow_settings(
    mut state: ResMut<SettingsState>,
    mut config: ResMut<Config>,
    mut options: ResMut<RunOptions>,
    mut operator: ResMut<Operator>,
    mut board: ResMut<Board>,
    mut modules: Query<(&Module, &mut ModuleLife)>,
    mut scribe: Scribe,
) {
    let mut changed = false;
    for watch in &mut state.watches {
        changed |= watch.has_changed(Instant::now());
    }
    let asked = reload_asked() | std::mem::take(&mut scribe.supervisor.reload);
    if !(changed || asked) {
        return;
    }
    let Some(site) = options.site.as_mut() else { return };
    let file = site.loaded.site_file.clone();
    match reload(&config, file.as_deref(), &site.overrides) {
        Err(error) => {
            let words = format!("{error}; the settings in force stay as they were");
            error!("{words}");
            scribe.note(EventKind::SettingsChanged, "config", words.as_str());
            state.fault = Some(words);
        }
        Ok(Reloaded { loaded, changed, .. }) => {
            let was_bad = state.fault.take().is_some();
            if changed.is_empty() && !was_bad {
                return;
            }
            let words = if changed.is_empty() {
                "the settings file is good again".to_owned()
            } else {
                format!("settings changed: {}", changed.join(", "))
            };
            info!("{words}");
            scribe.note(EventKind::SettingsChanged, "config", words);
            if changed.iter().any(|key| key == "trainer.assistance") {
                operator.assistance = loaded.settings.trainer.assistance;
            }
            if changed.iter().any(|key| key == "system.recovery") {
                scribe.supervisor.recovery.enabled = loaded.settings.system.recovery;
                scribe.supervisor.changed();
            }
            let under = |section: &str| {
                let inside = |key: &String| key.strip_prefix(section).is_some_and(|r| r.starts_with('.'));
                changed.iter().any(|key| key == section || inside(key))
            };
            if under("recovery") {
                scribe.supervisor.recovery.set(loaded.settings.recovery.clone());
            }
            if under("alerts") {
                board.set(&loaded.settings.alerts, &config.alerts);
            }
            config.0 = loaded.settings.clone();
            site.loaded = loaded;
            // What has just been read has yet to show that it works.
            state.kept = false;
            state.needs_restart = changed_keys(&state.started_with, &config).unwrap_or_default();
            state
                .needs_restart
                .retain(|key| effect_of(key) == Effect::Process);
            let mut lives = in_order(modules.iter_mut());
            for key in changed {
                let Effect::Module(module) = effect_of(&key) else {
                    continue;
                };
                // What an operator has stopped takes its new settings in when it is started.
                let what = wish_for(&key, &config);
                let stopped = lives.iter().any(|l| l.spec.id == module && !l.is_wanted());
                if what == Wish::Restart && stopped {
                    continue;
                }
                match wish(&mut lives, module, what) {
                    // It may work now.
                    Ok(()) => scribe.supervisor.recovery.forget(module),
                    Err(refused) => debug!("{refused}"),
                }
            }
        }
    }
}

/// Switches are wishes of their own; everything else needs a new life to be taken in.
fn wish_for(key: &str, config: &Config) -> Wish {
    let on = match key {
        "vision.enabled" => config.vision.enabled,
        "projector.disabled" => !config.projector.disabled,
        "api.enabled" => config.api.enabled,
        "core_enabled" => config.core_enabled,
        _ => return Wish::Restart,
    };
    if on { Wish::Enable } else { Wish::Disable }
}

/// Keeps a copy of settings with which all came up and stayed up.
pub(super) fn keep_last_good(
    mut state: ResMut<SettingsState>,
    options: Res<RunOptions>,
    modules: Query<&ModuleLife>,
    scribe: Scribe,
    mut well: Local<Option<Instant>>,
) {
    use crate::system::status::Lifecycle::{Disabled, Running};
    if state.kept || state.fault.is_some() {
        return;
    }
    if !modules.iter().all(|l| matches!(l.state, Running | Disabled)) {
        *well = None;
        return;
    }
    let since = *well.get_or_insert_with(Instant::now);
    if since.elapsed().as_secs_f64() < LASTS_S {
        return;
    }
    state.kept = true;
    let (Some(site), Some(folder)) = (&options.site, &options.state_folder) else {
        return;
    };
    if let Some((path, text)) = site.loaded.last_good(folder) {
        scribe.supervisor.keep(path, text);
    }
}

/// Settings are good when all has run with them for this long, seconds.
const LASTS_S: f64 = 10.0;
