//! Whether rules and webhooks can be as they are written.

use super::condition::KNOWN_CONDITIONS;
use super::rule::{Compare, Rule};
use super::settings::Webhook;

/// Rules at most.
const MAX_RULES: usize = 256;
/// Webhooks at most.
const MAX_WEBHOOKS: usize = 8;
/// Characters of a text at most.
const MAX_TEXT: usize = 300;
/// Seconds of any duration at most: a week.
const MAX_S: f64 = 7.0 * 86400.0;

/// The names that rules may use.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// Ids of metrics that are measured.
    pub metrics: &'a [&'a str],
    /// Keys of conditions besides [`KNOWN_CONDITIONS`].
    pub conditions: &'a [&'a str],
}

/// Checks all rules.
///
/// # Errors
/// One line that names the rule, what is wrong with it, and what to do.
pub(super) fn rules(rules: &[Rule], known: &Known) -> Result<(), String> {
    if rules.len() > MAX_RULES {
        return Err(format!(
            "alert rules: {} are too many; {MAX_RULES} at most",
            rules.len()
        ));
    }
    for (index, rule) in rules.iter().enumerate() {
        let wrong = |what: String| {
            Err(format!(
                "alert rule `{}`: {what}",
                super::one_line(&rule.name, 64)
            ))
        };
        if !is_name(&rule.name) {
            return wrong("a name has 1 to 64 lower-case letters, digits or `_`".to_owned());
        }
        if rules.iter().take(index).any(|other| other.name == rule.name) {
            return wrong("there are two of this name; give one another".to_owned());
        }
        if rule.metric.is_empty() {
            // Whoever wants to change one that is there has written its name wrong.
            let others = rules.iter().map(|other| other.name.as_str());
            return wrong(format!(
                "there is no alert of this name to change, and a new one needs a `metric`{}",
                like(&rule.name, others.filter(|other| *other != rule.name))
            ));
        }
        if !known.metrics.contains(&rule.metric.as_str()) {
            return wrong(format!(
                "there is no metric `{}`{}",
                super::one_line(&rule.metric, 64),
                like(&rule.metric, known.metrics.iter().copied())
            ));
        }
        if let Some(what) = limits(rule).or_else(|| texts(rule)) {
            return wrong(what);
        }
        for name in rule.inhibits.iter().chain(&rule.inhibited_by) {
            let names = || {
                let built_in = KNOWN_CONDITIONS.iter().map(|(key, _)| *key);
                let rules = rules.iter().map(|r| r.name.as_str());
                rules.chain(built_in).chain(known.conditions.iter().copied())
            };
            if !names().any(|n| n == name) {
                return wrong(format!(
                    "there is no alert `{}` to inhibit or to be inhibited by{}",
                    super::one_line(name, 64),
                    like(name, names())
                ));
            }
        }
    }
    circle(rules)
}

fn limits(rule: &Rule) -> Option<String> {
    let given = [
        ("warning", rule.warning),
        ("critical", rule.critical),
        ("clear", rule.clear),
    ];
    if let Some((name, _)) = given.iter().find(|(_, value)| value.is_some_and(f64::is_nan)) {
        return Some(format!("{name} is not a number"));
    }
    let Some(mild) = rule.warning.or(rule.critical) else {
        return Some("it has no limit; give `warning`, `critical` or both".to_owned());
    };
    if let (Some(warning), Some(critical)) = (rule.warning, rule.critical) {
        let (rightly, word) = match rule.compare {
            // A level that is switched off stands at the far end, or the warning alone does.
            Compare::Above => (warning < critical || warning == f64::INFINITY, "higher"),
            Compare::Below => (warning > critical || warning == f64::NEG_INFINITY, "lower"),
        };
        if !rightly {
            return Some(format!(
                "its limits are the wrong way round: critical ({critical}) must be {word} than warning ({warning})"
            ));
        }
    }
    if let Some(clear) = rule.clear {
        let rightly = match rule.compare {
            Compare::Above => clear <= mild,
            Compare::Below => clear >= mild,
        };
        if !rightly || clear.is_infinite() {
            return Some(format!(
                "clear ({clear}) must be on the good side of the limit ({mild})"
            ));
        }
    }
    if !(0.0..1.0).contains(&rule.hysteresis_share) {
        return Some(format!(
            "hysteresis_share is {}; it must be 0 or more and less than 1",
            rule.hysteresis_share
        ));
    }
    [
        ("for_s", rule.for_s),
        ("keep_firing_for_s", rule.keep_firing_for_s),
    ]
    .into_iter()
    .find(|(_, value)| !(0.0..=MAX_S).contains(value))
    .map(|(name, value)| format!("{name} is {value}; it must be 0 to {MAX_S}"))
}

fn texts(rule: &Rule) -> Option<String> {
    let texts = [
        ("source", &rule.source),
        ("summary", &rule.summary),
        ("remedy", &rule.remedy),
    ];
    texts
        .into_iter()
        .find(|(_, text)| text.chars().count() > MAX_TEXT || text.chars().any(char::is_control))
        .map(|(name, _)| format!("{name} must be one line of at most {MAX_TEXT} characters"))
}

/// Everybody whom `name` is inhibited by.
pub(super) fn inhibitors<'a>(rules: &'a [Rule], name: &'a str) -> impl Iterator<Item = &'a str> {
    let built_in = KNOWN_CONDITIONS
        .iter()
        .filter(move |(key, _)| *key == name)
        .flat_map(|(_, by)| by.iter().copied());
    let on = rules.iter().filter(|r| r.enabled);
    built_in.chain(on.flat_map(move |rule| {
        let own = rule.inhibited_by.iter().filter(move |_| rule.name == name);
        let others = rule.inhibits.iter().any(|n| n == name).then_some(&rule.name);
        own.chain(others).map(String::as_str)
    }))
}

/// Alerts that silence each other would never be told.
fn circle(rules: &[Rule]) -> Result<(), String> {
    for rule in rules.iter().filter(|r| r.enabled) {
        let mut seen = vec![rule.name.as_str()];
        let mut next = 0;
        while let Some(name) = seen.get(next).copied() {
            next += 1;
            for by in inhibitors(rules, name) {
                if by == rule.name {
                    return Err(format!(
                        "alert rule `{}`: it is inhibited in a circle, by way of `{name}`; break it",
                        rule.name
                    ));
                }
                if !seen.contains(&by) {
                    seen.push(by);
                }
            }
        }
    }
    Ok(())
}

/// Checks all webhooks.
///
/// # Errors
/// One line that names the webhook, what is wrong with it, and what to do.
pub(super) fn webhooks(webhooks: &[Webhook]) -> Result<(), String> {
    if webhooks.len() > MAX_WEBHOOKS {
        return Err(format!(
            "webhooks: {} are too many; {MAX_WEBHOOKS} at most",
            webhooks.len()
        ));
    }
    for (index, hook) in webhooks.iter().enumerate() {
        let wrong = |what: &str| Err(format!("webhook `{}`: {what}", super::one_line(&hook.name, 64)));
        if !is_name(&hook.name) {
            return wrong("a name has 1 to 64 lower-case letters, digits or `_`");
        }
        if webhooks.iter().take(index).any(|other| other.name == hook.name) {
            return wrong("it stands twice in the file; make it one");
        }
        let rest = hook
            .url
            .strip_prefix("http://")
            .or_else(|| hook.url.strip_prefix("https://"));
        let host = rest
            .and_then(|r| r.split(['/', '?', '#']).next())
            .unwrap_or_default();
        if host.is_empty() || hook.url.len() > 2000 || hook.url.chars().any(|c| !c.is_ascii_graphic()) {
            return wrong("its address must be http://HOST/… or https://HOST/…");
        }
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if hook.header.is_empty() || hook.header.len() > 64 || !hook.header.chars().all(token) {
            return wrong("`header` must be the name of an HTTP header, such as Authorization");
        }
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (1..=64).contains(&name.len()) && name.chars().all(fits)
}

/// `; did you mean …`, where something is written nearly alike.
fn like<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    let alike = |other: &str| {
        let same = name
            .chars()
            .zip(other.chars())
            .take_while(|(a, b)| a == b)
            .count();
        same.max(
            name.chars()
                .rev()
                .zip(other.chars().rev())
                .take_while(|(a, b)| a == b)
                .count(),
        )
    };
    names
        .map(|other| (alike(other), other))
        .filter(|(same, _)| *same >= 3)
        .max_by_key(|(same, other)| (*same, std::cmp::Reverse(other.len())))
        .map_or_else(String::new, |(_, other)| format!("; did you mean `{other}`?"))
}
