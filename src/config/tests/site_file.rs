//! What a site file may say, and how it is refused.

use std::path::Path;

use super::{SHIPPED, with_examples};
use crate::config::{ConfigError, Loaded, Overrides, Settings};
use crate::table::TableSpec;
use crate::table::parameters::Pocket;
use crate::units::Vec2;

fn parse(text: &str) -> Result<Settings, ConfigError> {
    Loaded::from_text(Some((text, Path::new("site.ron"))), &Overrides::default()).map(|l| l.settings)
}

#[test]
fn the_shipped_file_says_the_defaults() {
    let shipped = SHIPPED;
    assert_eq!(parse(shipped).unwrap(), Settings::default());
}

#[test]
fn a_file_may_name_only_what_differs() {
    let settings = parse("(table: \"pool-8ft\", api: (port: 9000))").unwrap();
    assert_eq!((settings.table.as_str(), settings.api.port), ("pool-8ft", 9000));
    assert_eq!(settings.api.host, "127.0.0.1");
}

#[test]
fn an_unknown_key_is_named_with_its_place() {
    let message = parse("(\n  vision: (rate: 30),\n)").unwrap_err().to_string();
    assert!(
        message.starts_with("site.ron:2:") && message.contains("rate"),
        "{message}"
    );
}

#[test]
fn values_out_of_range_are_named_with_the_range() {
    for (text, key) in [
        ("(vision: (rate_hz: 0))", "vision.rate_hz"),
        ("(vision: (rate_hz: NaN))", "vision.rate_hz"),
        ("(trainer: (stick_speed_m_s: -3))", "trainer.stick_speed_m_s"),
        ("(table: \"billiard\")", "table"),
        ("(api: (host: \"table 1\"))", "api.host"),
    ] {
        let message = parse(text).unwrap_err().to_string();
        assert!(message.contains(key), "{message}");
    }
}

#[test]
fn the_examples_of_the_shipped_file_can_be_used_and_name_every_measure() {
    let shipped = SHIPPED;
    let settings = parse(&with_examples(shipped)).unwrap();
    let written = ron::to_string(&(settings.table_measures.clone(), settings.physics.clone())).unwrap();
    assert!(!written.contains("None"), "{written}");
    let spec = settings.table_spec().unwrap();
    assert_eq!(
        (spec.name.as_str(), spec.cue_ball_mass_kg),
        ("pool-9ft, custom", 0.185)
    );
}

#[test]
fn a_site_file_describes_its_own_table() {
    let settings = parse(
        "(
            table: \"pool-7ft\",
            table_measures: (
                length_m: 2.0,
                corner: (mouth_m: 0.125),
                cue_ball_mass_kg: 0.19,
            ),
            physics: (
                slope: (0.001, -0.002),
                cushion_restitution: curve([(0.5, 0.9), (4, 0.8)]),
                pocket: drop(depth_m: 0.012, liner_restitution: 0.3),
            ),
        )",
    )
    .unwrap();
    let spec = settings.table_spec().unwrap();
    let model = TableSpec::named("pool-7ft").unwrap();
    assert_eq!(spec.name, "pool-7ft, custom");
    assert_eq!(
        (spec.length_m, spec.width_m, spec.cue_ball_mass_kg),
        (2.0, model.width_m, 0.19)
    );
    let (corner, usual) = (spec.corner.unwrap(), model.corner.unwrap());
    assert_eq!((corner.mouth_m, corner.shelf_m), (0.125, usual.shelf_m));
    assert_eq!((spec.side, spec.ball), (model.side, model.ball));
    assert_eq!(spec.physics.slope, Vec2::new(0.001, -0.002));
    assert_eq!(spec.physics.roll_friction, model.physics.roll_friction);
    assert!((spec.physics.cushion_restitution.at(2.25) - 0.85).abs() < 1e-12);
    assert_eq!(spec.physics.cushion_restitution.at(9.0), 0.8);
    let Pocket::Drop {
        depth_m,
        liner_restitution,
        ..
    } = spec.physics.pocket
    else {
        unreachable!("the site file says drop");
    };
    assert_eq!((depth_m, liner_restitution), (0.012, 0.3));
}

#[test]
fn a_table_as_its_model_has_it_keeps_its_name() {
    for name in TableSpec::NAMES {
        let model = TableSpec::named(name).unwrap();
        let text = format!(
            "(table: \"{name}\", table_measures: (length_m: {}), physics: (gravity_m_s2: 9.81))",
            model.length_m
        );
        assert_eq!(parse(&text).unwrap().table_spec().unwrap(), model);
    }
}

#[test]
fn an_unknown_measure_is_refused_with_its_place() {
    for (text, word) in [
        ("(\n\n  table_measures: (corner: (mouth: 0.1)),\n)", "mouth"),
        ("(\n\n  table_measures: (radius_m: 0.03),\n)", "radius_m"),
        ("(\n\n  physics: (friction: 0.2),\n)", "friction"),
        (
            "(\n\n  physics: (pocket: drop(depth_m: 0.01, liner_restitution: 0, lip: 1)),\n)",
            "lip",
        ),
        ("(\n\n  physics: (pocket: net),\n)", "net"),
    ] {
        let message = parse(text).unwrap_err().to_string();
        assert!(
            message.starts_with("site.ron:3:") && message.contains(word),
            "{message}"
        );
    }
}

#[test]
fn measures_that_cannot_be_are_named_with_their_section() {
    for (text, key, allowed) in [
        (
            "(table_measures: (side: (mouth_m: 0.01)))",
            "`table_measures.side.mouth_m` is 0.01;",
            "0.06",
        ),
        (
            "(table: \"carom-10ft\", table_measures: (corner: (mouth_m: 0.1)))",
            "`table_measures.corner` is set, but `carom-10ft` has no pockets",
            "leave it out",
        ),
        (
            "(physics: (slope: (0.02, 0)))",
            "`physics.slope` is not possible",
            "roll_friction",
        ),
        (
            "(physics: (temperature_c: 99))",
            "`physics.temperature_c` is 99;",
            "-10 to 50",
        ),
    ] {
        let message = parse(text).unwrap_err().to_string();
        assert!(message.contains(key) && message.contains(allowed), "{message}");
    }
}

#[test]
fn a_missing_file_says_what_to_do() {
    let message = Settings::load(Path::new("/nowhere/site.ron"))
        .unwrap_err()
        .to_string();
    assert!(message.contains("/nowhere/site.ron") && message.contains("--config"));
}
