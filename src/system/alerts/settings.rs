//! What the site file may say about alerts.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::check::{self, Known};
use super::defaults::default_rules;
use super::rule::{Compare, Rule};
use crate::system::status::Severity;

/// What the site file may say about alerts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertSettings {
    /// Changes to the default rules, and rules of the site's own.
    pub rules: Vec<RuleChange>,
    /// Who is told over the network.
    pub webhooks: Vec<Webhook>,
    /// A critical alert that nobody has acknowledged is told again after so many seconds, 300 or more.
    pub repeat_after_s: f64,
}

impl Default for AlertSettings {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            webhooks: Vec::new(),
            repeat_after_s: 1800.0,
        }
    }
}

impl AlertSettings {
    /// The rules in force: the default ones as the site changes them, then its own.
    ///
    /// # Errors
    /// One line that names the rule or webhook which can't be, and why.
    pub fn rules_in_force(&self, known: &Known) -> Result<Vec<Rule>, String> {
        if !(300.0..=7.0 * 86400.0).contains(&self.repeat_after_s) {
            return Err(format!(
                "alerts: repeat_after_s is {}; it must be 300 (five minutes) to 604800 (a week)",
                self.repeat_after_s
            ));
        }
        check::webhooks(&self.webhooks)?;
        let mut rules = default_rules();
        for (index, change) in self.rules.iter().enumerate() {
            if self
                .rules
                .iter()
                .take(index)
                .any(|other| other.name == change.name)
            {
                return Err(format!(
                    "alert rule `{}`: it stands twice in the file; make it one",
                    change.name
                ));
            }
            if let Some(rule) = rules.iter_mut().find(|r| r.name == change.name) {
                change.apply(rule);
            } else {
                let mut rule = Rule::default();
                change.apply(&mut rule);
                rules.push(rule);
            }
        }
        check::rules(&rules, known)?;
        Ok(rules)
    }

    /// Time after which an unacknowledged critical alert is told again.
    #[must_use]
    pub fn repeat_after(&self) -> Duration {
        Duration::try_from_secs_f64(self.repeat_after_s).unwrap_or(Duration::from_secs(1800))
    }
}

/// A change to the rule of that name, or a new rule. What is not said stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuleChange {
    /// Which rule: lower-case letters, digits, `_`.
    pub name: String,
    /// See [`Rule::metric`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// See [`Rule::source`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// See [`Rule::compare`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compare: Option<Compare>,
    /// See [`Rule::warning`]. `inf` (below: `-inf`) switches this level off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<f64>,
    /// See [`Rule::critical`]. `inf` (below: `-inf`) switches this level off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub critical: Option<f64>,
    /// See [`Rule::clear`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clear: Option<f64>,
    /// See [`Rule::hysteresis_share`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hysteresis_share: Option<f64>,
    /// See [`Rule::for_s`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_s: Option<f64>,
    /// See [`Rule::keep_firing_for_s`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_firing_for_s: Option<f64>,
    /// See [`Rule::summary`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// See [`Rule::remedy`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// See [`Rule::inhibits`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inhibits: Option<Vec<String>>,
    /// See [`Rule::inhibited_by`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inhibited_by: Option<Vec<String>>,
    /// See [`Rule::enabled`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

impl RuleChange {
    fn apply(&self, rule: &mut Rule) {
        fn set<T: Clone>(place: &mut T, said: Option<&T>) {
            if let Some(said) = said {
                place.clone_from(said);
            }
        }
        // The default rule's place to clear belongs to its own limit: it does not fit another one.
        if (self.warning.is_some() || self.critical.is_some()) && self.clear.is_none() {
            rule.clear = None;
        }
        // A distance that the site asks for must not be hidden by the default place to clear.
        if self.hysteresis_share.is_some() && self.clear.is_none() {
            rule.clear = None;
        }
        rule.name.clone_from(&self.name);
        rule.warning = self.warning.or(rule.warning);
        rule.critical = self.critical.or(rule.critical);
        rule.clear = self.clear.or(rule.clear);
        set(&mut rule.metric, self.metric.as_ref());
        set(&mut rule.source, self.source.as_ref());
        set(&mut rule.compare, self.compare.as_ref());
        set(&mut rule.hysteresis_share, self.hysteresis_share.as_ref());
        set(&mut rule.for_s, self.for_s.as_ref());
        set(&mut rule.keep_firing_for_s, self.keep_firing_for_s.as_ref());
        set(&mut rule.summary, self.summary.as_ref());
        set(&mut rule.remedy, self.remedy.as_ref());
        set(&mut rule.inhibits, self.inhibits.as_ref());
        set(&mut rule.inhibited_by, self.inhibited_by.as_ref());
        set(&mut rule.enabled, self.enabled.as_ref());
        if rule.summary.is_empty() {
            rule.summary = format!("{}: {{value}} (limit {{limit}})", rule.name);
        }
    }
}

/// Somebody who is told over the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhook {
    /// What it is called in logs and status; its address is never shown, for it may hold a secret.
    pub name: String,
    /// Where to POST to: `http://…` or `https://…`.
    pub url: String,
    /// What is milder than this is not sent: `warning` or `critical`.
    pub min_severity: Severity,
    /// The header that carries the secret.
    pub header: String,
    /// A file whose first line is the header's whole value, `Bearer abc…`; read anew for every request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// Off: nothing is sent.
    pub enabled: bool,
}

impl Default for Webhook {
    fn default() -> Self {
        Self {
            name: String::new(),
            url: String::new(),
            min_severity: Severity::Warning,
            header: "Authorization".to_owned(),
            token_file: None,
            enabled: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::defaults::RULE_METRICS;
    use super::*;

    fn read(text: &str) -> Result<Vec<Rule>, String> {
        let settings: AlertSettings = ron::Options::default()
            .with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME)
            .from_str(text)
            .map_err(|e| e.to_string())?;
        settings.rules_in_force(&Known {
            metrics: &RULE_METRICS,
            conditions: &["forecast.disk"],
        })
    }

    #[test]
    fn the_default_rules_are_sound_and_are_in_force_where_nothing_is_said() {
        assert_eq!(read("()"), Ok(default_rules()));
        assert_eq!(default_rules().len(), RULE_METRICS.len());
    }

    #[test]
    fn a_site_changes_one_thing_of_a_rule_or_adds_its_own() {
        let rules = read(
            r#"(rules: [
                (name: "processor_busy", warning: 0.8),
                (name: "hot", enabled: false),
                (name: "vision_slow", critical: -inf),
                (name: "dark", metric: "vision_rate_hertz", compare: below, critical: 1.0, for_s: 5,
                 inhibits: ["vision_slow", "forecast.disk"]),
            ])"#,
        )
        .unwrap();
        let of = |name: &str| rules.iter().find(|r| r.name == name).unwrap();
        assert_eq!(of("processor_busy").warning, Some(0.8));
        assert_eq!(of("processor_busy").critical, Some(0.9));
        assert!(!of("hot").enabled);
        assert!(!of("vision_slow").holds(Severity::Critical, 0.0, false));
        assert_eq!(of("dark").words(Severity::Critical, 0.5), "dark: 0.50 (limit 1)");
        assert_eq!(rules.len(), default_rules().len() + 1);
        // What is said for the site goes out and comes back.
        let settings = AlertSettings {
            rules: vec![RuleChange {
                name: "hot".to_owned(),
                warning: Some(70.0),
                ..RuleChange::default()
            }],
            webhooks: vec![Webhook::default()],
            ..AlertSettings::default()
        };
        let text = ron::to_string(&settings).unwrap();
        assert_eq!(ron::from_str::<AlertSettings>(&text).unwrap(), settings);
        let json = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<AlertSettings>(&json).unwrap(), settings);
    }

    #[test]
    fn what_can_not_be_is_refused_in_one_line_that_names_it() {
        for (text, name, why) in [
            (
                r#"(rules: [(name: "hot", speed: 3)])"#,
                "speed",
                "nexpected field",
            ),
            (r#"(rules: [(name: "hot"), (name: "hot")])"#, "`hot`", "twice"),
            (
                r#"(rules: [(name: "Hot!", metric: "vision_rate_hertz", warning: 1.0)])"#,
                "`Hot!`",
                "lower-case",
            ),
            (
                r#"(rules: [(name: "odd", metric: "moon_phase", warning: 1.0)])"#,
                "`odd`",
                "moon_phase",
            ),
            (
                r#"(rules: [(name: "disk_fulll", warning: 80.0)])"#,
                "`disk_fulll`",
                "did you mean `disk_full`",
            ),
            (
                r#"(rules: [(name: "odd", metric: "vision_rate_hertz")])"#,
                "`odd`",
                "no limit",
            ),
            (
                r#"(rules: [(name: "hot", warning: 90.0)])"#,
                "`hot`",
                "wrong way round",
            ),
            (
                r#"(rules: [(name: "vision_slow", critical: 20.0)])"#,
                "`vision_slow`",
                "wrong way round",
            ),
            (r#"(rules: [(name: "hot", clear: 80.0)])"#, "`hot`", "clear"),
            (
                r#"(rules: [(name: "hot", hysteresis_share: 1.5)])"#,
                "`hot`",
                "hysteresis_share",
            ),
            (r#"(rules: [(name: "hot", for_s: -1.0)])"#, "`hot`", "for_s"),
            (r#"(rules: [(name: "hot", warning: NaN)])"#, "`hot`", "number"),
            (
                r#"(rules: [(name: "hot", inhibited_by: ["hott"])])"#,
                "`hot`",
                "did you mean `hot`",
            ),
            (
                r#"(rules: [(name: "hot", inhibits: ["hot"])])"#,
                "`hot`",
                "circle",
            ),
            (
                r#"(rules: [(name: "hot", inhibits: ["disk_full"]), (name: "disk_full", inhibits: ["hot"])])"#,
                "hot",
                "circle",
            ),
            // By way of a built-in one: the camera silences the rate, which would silence the camera.
            (
                r#"(rules: [(name: "vision_slow", inhibits: ["vision.source"])])"#,
                "vision_slow",
                "circle",
            ),
            (r"(repeat_after_s: 10)", "repeat_after_s", "300"),
            (r#"(webhooks: [(name: "a", url: "ftp://x")])"#, "`a`", "http"),
            (r#"(webhooks: [(name: "a", url: "http://")])"#, "`a`", "http"),
            (r#"(webhooks: [(url: "http://x")])"#, "webhook", "name"),
            (
                r#"(webhooks: [(name: "a", url: "http://x", header: "A B")])"#,
                "`a`",
                "header",
            ),
            (
                r#"(webhooks: [(name: "a", url: "http://x"), (name: "a", url: "http://y")])"#,
                "`a`",
                "twice",
            ),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(name) && error.contains(why), "{text}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}
