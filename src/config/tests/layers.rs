//! Layers: who wins, where a value comes from, and what is refused with which advice.

use std::path::Path;

use super::all_different;
use crate::config::{Assignment, ConfigError, Environment, Layer, Loaded, Overrides, Settings, Source};
use crate::table::TableMeasures;

fn overrides(variables: &[(&str, &str)], set: &[&str]) -> Overrides {
    Overrides {
        variables: variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        command_line: set.iter().map(|text| text.parse().unwrap()).collect(),
    }
}

fn load(text: &str, overrides: &Overrides) -> Result<Loaded, ConfigError> {
    Loaded::from_text(Some((text, Path::new("site.ron"))), overrides)
}

fn source(loaded: &Loaded, key: &str) -> Source {
    loaded.sources().into_iter().find(|s| s.key == key).unwrap()
}

#[test]
fn with_nothing_said_the_defaults_hold() {
    let loaded = Loaded::from_text(None, &Overrides::default()).unwrap();
    assert_eq!(loaded.settings, Settings::default());
    assert!(
        loaded
            .sources()
            .iter()
            .all(|s| s.layer == Layer::Default && s.place.is_empty())
    );
}

#[test]
fn the_later_layer_wins_and_each_value_knows_its_own() {
    let file = "(\n  environment: testing,\n  api: (port: 1001, host: \"0.0.0.0\"),\n)";
    let variables = [("BILLIARDS_API__PORT", "1002")];
    let steps: [(Result<Loaded, _>, u16, Layer, &str); 4] = [
        (
            load("(environment: testing)", &Overrides::default()),
            0,
            Layer::Preset,
            "",
        ),
        (
            load(file, &Overrides::default()),
            1001,
            Layer::SiteFile,
            "site.ron:3:15",
        ),
        (
            load(file, &overrides(&variables, &[])),
            1002,
            Layer::Variable,
            "$BILLIARDS_API__PORT",
        ),
        (
            load(file, &overrides(&variables, &["api.port=1003"])),
            1003,
            Layer::CommandLine,
            "--set api.port",
        ),
    ];
    for (loaded, port, layer, place) in steps {
        let loaded = loaded.unwrap();
        assert_eq!(loaded.settings.api.port, port);
        let source = source(&loaded, "api.port");
        assert_eq!((source.layer, source.place.as_str()), (layer, place));
        assert_eq!(source.value, port.to_string());
    }
}

#[test]
fn environments_differ_as_documented_whoever_names_them() {
    let of = |environment: &str| {
        let by_file = load(&format!("(environment: {environment})"), &Overrides::default()).unwrap();
        let by_variable = load(
            "(environment: production)",
            &overrides(&[("BILLIARDS_ENVIRONMENT", environment)], &[]),
        );
        let set = format!("environment={environment}");
        let by_flag = load(
            "()",
            &overrides(&[("BILLIARDS_ENVIRONMENT", "development")], &[&set]),
        );
        assert_eq!(by_file.settings, by_variable.unwrap().settings);
        assert_eq!(by_file.settings, by_flag.unwrap().settings);
        by_file.settings
    };
    let usual = Settings::default();
    assert_eq!(of("production"), usual);
    let mut development = Settings {
        environment: Environment::Development,
        ..usual.clone()
    };
    "debug".clone_into(&mut development.log_level);
    assert_eq!(of("development"), development);
    let mut testing = Settings {
        environment: Environment::Testing,
        ..usual
    };
    testing.api.port = 0;
    assert_eq!(of("testing"), testing);
    assert!(testing.state_folder().unwrap().starts_with(std::env::temp_dir()));
    "/srv/state".clone_into(&mut testing.state_folder);
    assert_eq!(testing.state_folder().unwrap(), Path::new("/srv/state"));
    // The file is stronger than the environment.
    let loaded = load(
        "(environment: development, log_level: \"info\")",
        &Overrides::default(),
    )
    .unwrap();
    assert_eq!(loaded.settings.log_level, "info");
}

#[test]
fn every_key_can_be_said_in_every_layer() {
    let whole = load(&all_different(), &Overrides::default()).unwrap();
    let said = whole.sources();
    assert!(said.iter().all(|s| s.layer == Layer::SiteFile), "{said:?}");
    let variables: Vec<(String, String)> = said
        .iter()
        .map(|s| {
            (
                format!("BILLIARDS_{}", s.key.replace('.', "__").to_uppercase()),
                s.value.clone(),
            )
        })
        .collect();
    let by_variables = Overrides {
        variables,
        command_line: Vec::new(),
    };
    let command_line = said
        .iter()
        .map(|s| Assignment::new(&s.key, &s.value, "--set"))
        .collect();
    let by_flags = Overrides {
        variables: Vec::new(),
        command_line,
    };
    for overrides in [by_variables, by_flags] {
        let loaded = Loaded::from_text(None, &overrides).unwrap();
        assert_eq!(loaded.settings, whole.settings);
        assert!(loaded.notes.is_empty(), "{:?}", loaded.notes);
    }
}

#[test]
fn texts_need_no_quotes_outside_the_file_and_short_names_stay() {
    let loaded = load(
        "()",
        &overrides(
            &[
                ("BILLIARDS_HOST", "0.0.0.0"),
                ("BILLIARDS_PORT", "9100"),
                ("BILLIARDS_LOG", "warn"),
                ("BILLIARDS_MONITOR", "HDMI 1, the \"left\" one"),
                ("BILLIARDS_BALLS", "\"with quotes.ron\""),
                ("BILLIARDS_SOURCE", "virtual:nine"),
                ("BILLIARDS_TABLE", "pool-7ft"),
                ("BILLIARDS_VISION", "(rate_hz: 20)"),
                ("BILLIARDS_PROJECTOR__CORNERS", "((0, 0), (1, 0), (1, 1), (0, 1))"),
            ],
            &["vision.width_px=640", "vision.width_px=800"],
        ),
    )
    .unwrap();
    let s = &loaded.settings;
    assert_eq!(
        (s.api.host.as_str(), s.api.port, s.log_level.as_str()),
        ("0.0.0.0", 9100, "warn")
    );
    assert_eq!(s.projector.monitor, "HDMI 1, the \"left\" one");
    assert_eq!(s.vision.balls, "with quotes.ron");
    assert_eq!(
        (s.source.as_str(), s.table.as_str()),
        ("virtual:nine", "pool-7ft")
    );
    assert_eq!((s.vision.rate_hz, s.vision.width_px), (20.0, 800));
    assert!(s.projector.corners.is_some());
    let both = [("BILLIARDS_PORT", "1"), ("BILLIARDS_API__PORT", "2")];
    assert_eq!(load("()", &overrides(&both, &[])).unwrap().settings.api.port, 2);
}

#[test]
fn variables_of_others_are_passed_over_with_a_note_and_slips_are_refused() {
    let loaded = load(
        "()",
        &overrides(&[("BILLIARDS_IMAGE", "x"), ("BILLIARDS_PROT", "1")], &[]),
    )
    .unwrap();
    assert_eq!(loaded.notes.len(), 2);
    assert!(
        loaded.notes[1].contains("did you mean $BILLIARDS_PORT?"),
        "{:?}",
        loaded.notes
    );
    for (variables, set, words) in [
        (
            &[("BILLIARDS_VISOIN__RATE_HZ", "20")][..],
            &[][..],
            "$BILLIARDS_VISOIN__RATE_HZ: `visoin` is no setting; did you mean `vision`?",
        ),
        (
            &[("BILLIARDS_VISION__RATE", "20")],
            &[],
            "`vision.rate` is no setting; did you mean `rate_hz`?",
        ),
        (
            &[("BILLIARDS_PORT", "70000")],
            &[],
            "$BILLIARDS_PORT: `api.port` is 70000; allowed are whole numbers from 0 to 65535",
        ),
        (&[("BILLIARDS_PORT", "")], &[], "`api.port` is empty"),
        (
            &[("BILLIARDS_VISION__ENABLED", "yes")],
            &[],
            "is yes; allowed are true and false",
        ),
        (
            &[],
            &["vision.rate_hz=500"],
            "--set vision.rate_hz: `vision.rate_hz` is 500; allowed are 1 to 240",
        ),
        (&[], &["rate_hz=5"], "did you mean `vision.rate_hz`?"),
        (&[], &["api.port.number=5"], "`api.port` has no keys of its own"),
        (&[], &["vision.rate_hz=(1"], "cannot be read"),
        (
            &[],
            &["physics.ball_friction.floor=0.1"],
            "`physics.ball_friction` cannot be used: ",
        ),
    ] {
        let error = load("()", &overrides(variables, set)).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.exit_code(), if set.is_empty() { 78 } else { 2 });
    }
}

#[test]
fn every_fault_is_told_with_place_key_and_advice() {
    let text = "(
  environment: prodution,
  table: \"pool9ft\",
  rate_hz: 30,
  vision: (rate: 30, rate_hz: 500, width_px: 1.5, enabled: yes, colour: 1),
  trainer: (assistance: \"expert\", assistance: off),
  projector: (corners: ((0, 0), (1, 0), (1, 1), (0, 7)), monitor: HDMI),
  api: (host: \"table 1\", port: -1),
  source: \"virtual:moonlight\",
  log_level: \"loud\",
  system: [],
  physics: (slope: (0.001,)),
)";
    let error = load(text, &Overrides::default()).unwrap_err();
    let told: Vec<String> = error.faults().iter().map(ToString::to_string).collect();
    for expected in [
        "site.ron:2:16: `environment` is prodution; allowed are development, production, testing; did you mean \
         `production`?",
        "site.ron:3:10: `table` is `pool9ft`; allowed are pool-9ft, ",
        "site.ron:4:3: `rate_hz` is no setting; did you mean `vision.rate_hz`?",
        "site.ron:5:12: `vision.rate` is no setting; did you mean `rate_hz`?",
        "site.ron:5:31: `vision.rate_hz` is 500; allowed are 1 to 240",
        "site.ron:5:46: `vision.width_px` is 1.5; allowed are whole numbers",
        "site.ron:5:60: `vision.enabled` is yes; allowed are true and false",
        "site.ron:5:65: `vision.colour` is no setting; allowed are enabled, rate_hz, ",
        "site.ron:6:25: `trainer.assistance` is \"expert\"; write expert without the quotes",
        "site.ron:6:35: `trainer.assistance` is there twice, first at 6:13; leave one out",
        "site.ron:7:53: `projector.corners` is 7; allowed are -1 to 2",
        "site.ron:7:67: `projector.monitor` is HDMI; write a text in quotes",
        "site.ron:8:15: `api.host` is `table 1`; give an IP address",
        "site.ron:8:32: `api.port` is -1; allowed are whole numbers from 0 to 65535",
        "site.ron:9:11: `source` is `virtual:moonlight`; ",
        "site.ron:10:14: `log_level` is `loud`; write error, warn",
        "site.ron:11:11: `system` is []; write a section",
        "site.ron:12:20: `physics.slope` is (0.001); write 2 values",
    ] {
        assert!(
            told.iter().any(|line| line.starts_with(expected)),
            "{expected}\n{}",
            told.join("\n")
        );
    }
    assert_eq!(told.len(), 18, "{}", told.join("\n"));
    assert!(error.to_string().contains("and 17 more"), "{error}");
    assert_eq!(error.exit_code(), 78);
}

#[test]
fn measures_that_cannot_be_have_a_place_too() {
    for (text, place) in [
        (
            "(\n  table_measures: (\n    side: (mouth_m: 0.01),\n  ),\n)",
            "site.ron:3:21: ",
        ),
        ("(\n  physics: (slope: (0.02, 0)),\n)", "site.ron:2:20: "),
        ("(\n  physics: (pocket: drop(lip: 1)),\n)", "site.ron:2:"),
    ] {
        let error = load(text, &Overrides::default()).unwrap_err().to_string();
        assert!(error.starts_with(place) && error.contains('`'), "{error}");
    }
    let error = load(
        "()",
        &overrides(&[("BILLIARDS_TABLE_MEASURES__LENGTH_M", "99")], &[]),
    )
    .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("$BILLIARDS_TABLE_MEASURES__LENGTH_M: "),
        "{error}"
    );
}

#[test]
fn a_scene_with_other_balls_brings_its_own_table_without_measures_of_another() {
    let file = "(table_measures: (cue_ball_mass_kg: 0.19))";
    for (scene, table) in [("break", "pool-9ft, custom"), ("snooker", "snooker-12ft")] {
        let set = format!("source=virtual:{scene}");
        let loaded = load(file, &overrides(&[], &[&set])).unwrap();
        assert_eq!(loaded.settings.table_spec().unwrap().name, table);
        let follows = scene == "snooker";
        assert_eq!(source(&loaded, "table").layer == Layer::Derived, follows);
        assert_eq!(
            loaded.settings.table_measures == TableMeasures::default(),
            follows
        );
        assert_eq!(loaded.notes.len(), usize::from(follows));
    }
    let asked = load(
        file,
        &overrides(&[("BILLIARDS_TABLE", "pool-8ft")], &["source=virtual:snooker"]),
    )
    .unwrap();
    assert_eq!(asked.settings.table, "pool-8ft");
}

#[test]
fn balls_beside_the_site_file_are_used_unless_others_are_named_or_they_do_not_fit() {
    let folder = std::env::temp_dir().join(format!("billiards-beside-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let site = folder.join("site.ron");
    let load = |text: &str| Loaded::from_text(Some((text, &site)), &Overrides::default()).unwrap();
    assert_eq!(load("()").settings.vision.balls, "");
    let beside = folder.join("balls.ron");
    std::fs::write(&beside, "(").unwrap();
    let loaded = load("()");
    assert_eq!(loaded.settings.vision.balls, "");
    assert!(loaded.notes[0].contains("balls.ron"), "{:?}", loaded.notes);
    let balls = "(version: 1, set: pool, balls: [(group: solid, number: Some(1), shade: (hue_deg: 50, saturation: 0.8, \
                 value: 0.9), spread: (hue_deg: 2, saturation: 0.05, value: 0.05), looks: 3)])";
    std::fs::write(&beside, balls).unwrap();
    let loaded = load("()");
    assert_eq!(
        Path::new(&loaded.settings.vision.balls),
        beside,
        "{:?}",
        loaded.notes
    );
    assert_eq!(source(&loaded, "vision.balls").layer, Layer::Derived);
    assert_eq!(loaded.notes.len(), 1);
    // They are of another game.
    assert_eq!(load("(table: \"snooker-12ft\")").settings.vision.balls, "");
    let named = load("(vision: (balls: \"others.ron\"))");
    assert_eq!(
        (named.settings.vision.balls.as_str(), named.notes.len()),
        ("others.ron", 0)
    );
    std::fs::remove_dir_all(&folder).unwrap();
}
