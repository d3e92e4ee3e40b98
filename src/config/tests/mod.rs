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
