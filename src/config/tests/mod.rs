//! Tests of the settings as a whole.

mod damage;
mod layers;
mod schema;
mod site_file;

/// The file with every setting.
const SHIPPED: &str = include_str!("../../../config/default.ron");

/// Every line of the shipped file that is an example, `// key: value`, made a setting.
pub(super) fn with_examples(shipped: &str) -> String {
    let example = |line: &str| {
        let said = line.trim_start().strip_prefix("// ")?;
        let (key, _) = said.split_once(": ")?;
        let is_key = key
            .chars()
            .all(|c| c.is_ascii_lowercase() || "_0123456789".contains(c));
        (is_key && said.ends_with(',')).then(|| said.to_owned())
    };
    let lines = shipped
        .lines()
        .map(|l| example(l).unwrap_or_else(|| l.to_owned()));
    lines.collect::<Vec<_>>().join("\n")
}

/// A valid site file in which nothing is at its default.
fn all_different() -> String {
    let mut text = with_examples(SHIPPED);
    for (usual, other) in [
        ("environment: production", "environment: development"),
        ("table: \"pool-9ft\"", "table: \"pool-8ft\""),
        ("source: \"auto\"", "source: \"virtual:break\""),
        ("rate_hz: 30.0", "rate_hz: 25"),
        ("width_px: 1920", "width_px: 1280"),
        ("height_px: 1080", "height_px: 720"),
        ("readout_ms: 0.0", "readout_ms: -16.5"),
        ("balls: \"\"", "balls: \"house/balls.ron\""),
        ("assistance: beginner", "assistance: expert"),
        ("minimal: [aim]", "minimal: [aim, ghost]"),
        ("beginner: [aim, ghost, contact", "beginner: [aim, contact"),
        ("intermediate: [aim, ghost, tangent", "intermediate: [aim, ghost"),
        ("advanced: [aim, ghost]", "advanced: [aim]"),
        ("expert: [ghost]", "expert: []"),
        ("theme: auto", "theme: dim"),
        ("gain: None", "gain: Some(7)"),
        ("brightness: 1.0", "brightness: 0.5"),
        ("gamma: 1.0", "gamma: 2.2"),
        ("white: (1.0, 1.0, 1.0)", "white: (1.0, 0.9, 0.8)"),
        ("stick_speed_m_s: 1.8", "stick_speed_m_s: 2.25"),
        ("disabled: false", "disabled: true"),
        ("monitor: \"\"", "monitor: \"HDMI-1\""),
        (
            "corners: None",
            "corners: ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9))",
        ),
        ("profile: \"table\"", "profile: \"hall-2\""),
        ("camera_height_m: None", "camera_height_m: Some(2.45)"),
        ("lens: \"\"", "lens: \"house/lens.ron\""),
        (
            "markers: []",
            "markers: [(1.3, 0.76, 0.045), (-1.3, -0.76, 0.045)]",
        ),
        ("        limit_mm: 2.0", "        limit_mm: 1.5"),
        ("table_limit_mm: 3.0", "table_limit_mm: 2.5"),
        ("check_every_s: 120.0", "check_every_s: 0.0"),
        ("by_itself: true", "by_itself: false"),
        ("host: \"127.0.0.1\"", "host: \"0.0.0.0\""),
        ("port: 8000", "port: 8123"),
        ("enabled: true", "enabled: false"),
        ("log_level: \"info\"", "log_level: \"warn,wgpu=error\""),
        ("state_folder: \"\"", "state_folder: \"/var/lib/table 1\""),
        ("shutdown_timeout_s: 10.0", "shutdown_timeout_s: 4.5"),
        ("health_interval_s: 0.5", "health_interval_s: 0.25"),
        ("worse_after: 2", "worse_after: 4"),
        ("better_after: 3", "better_after: 6"),
        ("monitoring: true", "monitoring: false"),
        ("recovery: true", "recovery: false"),
        ("rules: []", "rules: [(name: \"hot\", warning: 70.0)]"),
        (
            "webhooks: []",
            "webhooks: [(name: \"phone\", url: \"https://ntfy.sh/table\")]",
        ),
        ("repeat_after_s: 1800.0", "repeat_after_s: 600.0"),
        (
            "modules: {}",
            "modules: {\"core\": (rungs: [(action: restart_module, attempts: 2, within_s: 60.0)])}",
        ),
        ("first_pause_s: 0.1", "first_pause_s: 0.2"),
        ("longest_pause_s: 30.0", "longest_pause_s: 20.0"),
        ("jitter: 0.2", "jitter: 0.1"),
        ("stable_s: 60.0", "stable_s: 30.0"),
        ("process_restarts: 3", "process_restarts: 4"),
        ("process_within_s: 600.0", "process_within_s: 300.0"),
        ("memory_share: 0.9", "memory_share: 0.8"),
        ("modules_down: 2", "modules_down: 3"),
    ] {
        assert!(text.contains(usual), "{usual}");
        text = text.replace(usual, other);
    }
    // The table is a smaller one, on which the examples still have to be possible.
    text.replace("length_m: 2.54", "length_m: 2.34")
        .replace("width_m: 1.27", "width_m: 1.17")
}
