//! The application without a window: the whole street against the truth of the virtual table,
//! the order of its systems, and what the program says to bad input.
#![cfg(feature = "app")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may end where its ground is missing"
)]

#[path = "support/mod.rs"]
mod support;

mod street {
    use bevy::ecs::schedule::{LogLevel, ScheduleBuildSettings};
    use bevy::prelude::*;
    use bevy::state::app::StatesPlugin;
    use billiards_trainer::app::{Config, Display, LogRing, RunOptions, Stage, TrainerPlugins};
    use billiards_trainer::config::Settings;
    use billiards_trainer::system::command::OperatorCommand;
    use billiards_trainer::system::plugin::RunSummary;
    use billiards_trainer::system::status::{Health, Lifecycle};

    use super::support;

    /// The application on the virtual table, not drawn, API on any free port.
    fn application(source: &str) -> App {
        let mut settings = Settings {
            source: source.to_owned(),
            ..Settings::default()
        };
        settings.api.port = 0;
        let display = Display::None("not drawn in this test".to_owned());
        let stage = Stage::on(display, &settings).expect("a known table");
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, StatesPlugin))
            .insert_resource(LogRing::default())
            .insert_resource(Config(settings))
            .insert_resource(RunOptions { seed: 7, ..default() })
            .insert_resource(stage)
            .add_plugins(TrainerPlugins);
        app.finish();
        app.cleanup();
        app
    }

    /// Turns the main loop until `done`, or until far more turns than that can take.
    fn turn_until(app: &mut App, mut done: impl FnMut(&World) -> bool) -> bool {
        (0..60_000).any(|_| {
            app.update();
            std::thread::sleep(std::time::Duration::from_millis(2));
            done(app.world())
        })
    }

    #[test]
    fn the_whole_street_agrees_with_the_truth() {
        let mut app = application("virtual:practice");
        let seen = turn_until(&mut app, |world| {
            let stage = world.resource::<Stage>();
            let shots = stage
                .snapshot
                .load()
                .as_ref()
                .map_or(0, |s| s.status.metrics.shots_predicted);
            world.resource::<RunSummary>().frames >= 150 && shots >= 3
        });
        assert!(seen, "150 frames and three predicted shots");

        let summary = app.world().resource::<RunSummary>();
        let (recall, wrong) = (summary.recall().unwrap(), summary.false_share().unwrap());
        let (median, p95) = (summary.error_mm(0.5).unwrap(), summary.error_mm(0.95).unwrap());
        assert!(recall >= 0.98, "balls found: {recall}");
        assert!(wrong <= 0.01, "false balls: {wrong}");
        assert!(
            median <= 2.0 && p95 <= 8.0,
            "position error: median {median} mm, p95 {p95} mm"
        );

        // What the network says is what the table is.
        let snapshot = app.world().resource::<Stage>().snapshot.load_full().unwrap();
        let address = address(&app);
        let table = support::get_json(&address, "/api/v1/table");
        assert_eq!(
            table["balls"].as_array().unwrap().len(),
            snapshot.table.as_ref().unwrap().balls.len()
        );
        let status = support::get_json(&address, "/api/v1/status");
        let display = status["display"].as_str().unwrap();
        assert!(display.contains("not drawn"), "{display}");
    }

    fn address(app: &App) -> String {
        let health = app
            .world()
            .resource::<billiards_trainer::system::plugin::ApiHealth>();
        health.address.clone().expect("the API listens")
    }

    #[test]
    fn an_empty_table_has_no_balls_and_pause_stops_the_frames() {
        let mut app = application("virtual:empty");
        assert!(turn_until(&mut app, |world| world
            .resource::<RunSummary>()
            .frames
            >= 30));
        let snapshot = app.world().resource::<Stage>().snapshot.load_full().unwrap();
        assert!(snapshot.table.as_ref().unwrap().balls.is_empty());
        assert!(snapshot.shapes.is_empty());

        let stage = app.world().resource::<Stage>().clone();
        stage.commands.send(OperatorCommand::Pause(true)).unwrap();
        turn_until(&mut app, |_| {
            stage.snapshot.load().as_ref().is_some_and(|s| s.status.paused)
        });
        for _ in 0..200 {
            app.update();
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let paused_at = app.world().resource::<RunSummary>().frames;
        for _ in 0..200 {
            app.update();
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert_eq!(app.world().resource::<RunSummary>().frames, paused_at);

        // A source that does not exist is a fault of vision and of nobody else.
        stage.commands.send(OperatorCommand::Pause(false)).unwrap();
        stage
            .commands
            .send(OperatorCommand::SelectSource(
                "images:/nowhere/at/all.png".to_owned(),
            ))
            .unwrap();
        let lost = turn_until(&mut app, |_| {
            stage.snapshot.load().as_ref().is_some_and(|s| {
                s.status
                    .modules
                    .iter()
                    .any(|m| m.id == "vision" && m.health == Health::Unhealthy)
            })
        });
        assert!(lost);
        let snapshot = stage.snapshot.load_full().unwrap();
        for module in snapshot
            .status
            .modules
            .iter()
            .filter(|m| m.id == "config" || m.id == "api")
        {
            assert_eq!(module.health, Health::Healthy, "{module:?}");
        }
    }

    /// Lifecycle and restarts of a module as the snapshot tells them.
    fn life_of(stage: &Stage, id: &str) -> Option<(Lifecycle, u32)> {
        let snapshot = stage.snapshot.load_full()?;
        let module = snapshot.status.modules.iter().find(|m| m.id == id)?;
        Some((module.lifecycle, module.restarts))
    }

    #[test]
    fn modules_are_switched_off_stopped_and_started_again_while_the_others_run() {
        let mut app = application("virtual:empty");
        let stage = app.world().resource::<Stage>().clone();
        let is = |id: &str, life: Lifecycle| life_of(&stage, id).is_some_and(|l| l.0 == life);
        let all = ["config", "core", "vision", "projector", "api"];
        assert!(turn_until(&mut app, |_| all
            .iter()
            .all(|id| is(id, Lifecycle::Running))));

        // Switched off: no fault, no alert, nobody else touched.
        let say = |command| stage.commands.send(command).unwrap();
        say(OperatorCommand::DisableModule("vision".to_owned()));
        assert!(turn_until(&mut app, |_| is("vision", Lifecycle::Disabled)));
        let off = std::time::Instant::now();
        turn_until(&mut app, |_| off.elapsed().as_secs_f64() > 4.0);
        let status = stage.snapshot.load_full().unwrap().status.clone();
        assert!(
            status.alerts.iter().all(|a| a.source != "vision"),
            "{:?}",
            status.alerts
        );
        assert_ne!(status.health, Health::Unhealthy, "{:?}", status.modules);
        say(OperatorCommand::EnableModule("vision".to_owned()));
        assert!(turn_until(&mut app, |_| is("vision", Lifecycle::Running)));

        for (command, id) in [
            (OperatorCommand::StopModule("api".to_owned()), "api"),
            (OperatorCommand::StopModule("core".to_owned()), "core"),
        ] {
            say(command);
            assert!(turn_until(&mut app, |_| is(id, Lifecycle::Offline)));
            say(OperatorCommand::StartModule(id.to_owned()));
            assert!(turn_until(&mut app, |_| is(id, Lifecycle::Running)));
        }
        say(OperatorCommand::RestartModule("projector".to_owned()));
        assert!(turn_until(&mut app, |_| life_of(&stage, "projector")
            == Some((Lifecycle::Running, 1))));
        assert_eq!(life_of(&stage, "config"), Some((Lifecycle::Running, 0)));

        // The end: every module is down, in the reverse order of starting.
        say(OperatorCommand::Shutdown);
        assert!((0..60_000).any(|_| {
            app.update();
            std::thread::sleep(std::time::Duration::from_millis(1));
            app.should_exit().is_some()
        }));
        assert_eq!(app.should_exit(), Some(AppExit::Success));
        let events = stage.snapshot.load_full().unwrap().events.clone();
        let down = events.iter().rev().filter(|e| e.message.ends_with("→ offline"));
        let down: Vec<_> = down.map(|e| e.module.as_str()).take(5).collect();
        assert_eq!(down, all);
    }

    #[test]
    fn no_two_systems_depend_on_luck() {
        let mut app = application("virtual:empty");
        let labels: Vec<_> = app
            .world()
            .resource::<Schedules>()
            .iter()
            .map(|(_, s)| s.label())
            .collect();
        for label in labels {
            app.edit_schedule(label, |schedule| {
                schedule.set_build_settings(ScheduleBuildSettings {
                    ambiguity_detection: LogLevel::Error,
                    ..default()
                });
            });
        }
        // An ambiguity makes the schedule refuse to build, which ends the test.
        for _ in 0..3 {
            app.update();
        }
    }
}

mod bad_input {
    use std::path::PathBuf;
    use std::process::{Command, Output};

    fn run(arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_billiards-trainer"))
            .args(arguments)
            // Away from any settings of whoever runs the tests.
            .current_dir(std::env::temp_dir())
            .env("XDG_CONFIG_HOME", "/nonexistent")
            .env_remove("BILLIARDS_CONFIG")
            .env_remove("BILLIARDS_SOURCE")
            .env_remove("BILLIARDS_TABLE")
            .env_remove("BILLIARDS_PORT")
            .output()
            .expect("the program starts")
    }

    /// The exit code and the words on stderr, of which the reason is one line.
    fn refusal(arguments: &[&str]) -> (i32, String) {
        let output = run(arguments);
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!words.contains("panicked"), "{words}");
        (output.status.code().unwrap_or(-1), words)
    }

    fn folder(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("billiards-bad-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn sources_that_cannot_work_are_refused_before_anything_opens() {
        let empty = folder("empty");
        let images = format!("images:{}", empty.display());
        for (source, code, word) in [
            ("webcam", 2, "camera:ID"),
            ("virtual:moonlight", 2, "practice"),
            ("camera:97", 1, "no such camera"),
            ("images:/nowhere/*.png", 1, "no pictures"),
            ("video:/nowhere/clip.mp4", 1, "no such file"),
            (images.as_str(), 1, "no pictures"),
        ] {
            let (exit, words) = refusal(&["run", "--headless", "--source", source]);
            assert!(exit == code && words.contains(word), "{source}: {exit} {words}");
            assert_eq!(words.trim().lines().count(), 1, "{words}");
        }
        std::fs::remove_dir_all(empty).unwrap();
    }

    #[test]
    fn settings_that_cannot_be_understood_name_file_line_and_key() {
        let dir = folder("settings");
        for (text, word) in [
            ("(\n visoin: (),\n)", "visoin"),
            ("(\n vision: (rate_hz: \"fast\"),\n)", "site.ron:2"),
            ("(vision: (rate_hz: 0.0))", "vision.rate_hz"),
            ("not settings at all", "site.ron:1"),
        ] {
            let path = dir.join("site.ron");
            std::fs::write(&path, text).unwrap();
            let (exit, words) = refusal(&["run", "--headless", "--config", path.to_str().unwrap()]);
            assert!(exit == 78 && words.contains(word), "{text}: {exit} {words}");
            assert_eq!(
                std::fs::read_to_string(&path).unwrap(),
                text,
                "the file stays as it was"
            );
        }
        let (exit, words) = refusal(&["run", "--config", "/nowhere/site.ron"]);
        assert!(exit == 78 && words.contains("/nowhere/site.ron"), "{words}");
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_port_in_use_is_told_with_what_to_do() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port().to_string();
        let (exit, words) = refusal(&["run", "--headless", "--source", "virtual", "--port", &port]);
        assert!(
            exit == 1 && words.contains(&port) && words.contains("--port"),
            "{exit} {words}"
        );
    }

    #[test]
    fn an_unknown_log_level_is_refused_and_does_not_silence_the_program() {
        let (exit, words) = refusal(&[
            "run",
            "--headless",
            "--source",
            "virtual",
            "--log-level",
            "verbose",
        ]);
        assert!(exit == 2 && words.contains("verbose"), "{exit} {words}");
    }

    #[test]
    fn options_that_make_no_sense_are_wrong_usage() {
        for arguments in [
            &["run", "--duration", "soon"][..],
            &["run", "--table", "ping-pong"],
            &["run", "--assistance", "all"],
            &["run", "--port", "70000"],
            &["run", "--debug", "--log-level", "info"],
            &["fly"],
            &[],
        ] {
            assert_eq!(refusal(arguments).0, 2, "{arguments:?}");
        }
    }

    #[test]
    fn damaged_pictures_are_entries_with_an_error_and_the_others_are_still_looked_at() {
        let dir = folder("pictures");
        let good = dir.join("good.png");
        image::RgbImage::from_pixel(64, 36, image::Rgb([20, 120, 100]))
            .save(&good)
            .unwrap();
        let whole = std::fs::read(&good).unwrap();
        let cut = dir.join("cut.png");
        std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
        let nothing = dir.join("nothing.jpg");
        std::fs::write(&nothing, b"").unwrap();
        let output = run(&[
            "analyze",
            "--json",
            cut.to_str().unwrap(),
            nothing.to_str().unwrap(),
            "/nowhere/x.jpg",
            good.to_str().unwrap(),
        ]);
        assert_eq!(output.status.code(), Some(1));
        let list: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
        let list = list.as_array().unwrap();
        assert_eq!(list.len(), 4);
        for entry in &list[..3] {
            assert!(entry["error"].is_string() && entry["file"].is_string(), "{entry}");
        }
        assert_eq!(list[3]["balls"].as_array().unwrap().len(), 0);
        std::fs::remove_dir_all(dir).unwrap();
    }
}
