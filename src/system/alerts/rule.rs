//! A rule: which measured value is bad from where on, and what to do then.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ops::helpers::duration_in_words;
use crate::system::status::Severity;

/// From here on a time is told in minutes, hours and days.
const MINUTES_S: f64 = 120.0;
/// Longer than any time that is told.
const MOST_S: f64 = 1e12;

/// Which side of the limit is bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compare {
    /// More than the limit.
    #[default]
    Above,
    /// Less than the limit.
    Below,
}

/// A rule on one measured value. Limits are in the unit of the metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rule {
    /// What it is known by, everywhere: lower-case letters, digits, `_`.
    pub name: String,
    /// The metric it looks at, `system_cpu_ratio`.
    pub metric: String,
    /// The module it speaks for, or `system`. While that is switched off the rule rests.
    pub source: String,
    /// Which side of the limits is bad.
    pub compare: Compare,
    /// A warning from here on; no warnings where there is none.
    pub warning: Option<f64>,
    /// Critical from here on; never critical where there is none.
    pub critical: Option<f64>,
    /// The milder limit is left only here; the other limit gets the same distance.
    /// None: by `hysteresis_share`.
    pub clear: Option<f64>,
    /// Distance from a limit to where it is left, as a share of the limit, 0..1.
    pub hysteresis_share: f64,
    /// Seconds for which it must be seen to hold before it is raised.
    pub for_s: f64,
    /// Seconds for which it must be over before it is cleared.
    pub keep_firing_for_s: f64,
    /// One line; `{value}` and `{limit}` are filled in.
    pub summary: String,
    /// What to do, one line.
    pub remedy: String,
    /// Alerts that say nothing new while this one is open: names of rules or keys of conditions.
    pub inhibits: Vec<String>,
    /// Alerts that this one follows from.
    pub inhibited_by: Vec<String>,
    /// Off: never raised.
    pub enabled: bool,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            name: String::new(),
            metric: String::new(),
            source: "system".to_owned(),
            compare: Compare::Above,
            warning: None,
            critical: None,
            clear: None,
            hysteresis_share: 0.1,
            for_s: 60.0,
            keep_firing_for_s: 30.0,
            summary: String::new(),
            remedy: String::new(),
            inhibits: Vec::new(),
            inhibited_by: Vec::new(),
            enabled: true,
        }
    }
}

impl Rule {
    /// Where a level begins.
    #[must_use]
    pub const fn limit(&self, level: Severity) -> Option<f64> {
        match level {
            Severity::Warning => self.warning,
            Severity::Critical => self.critical,
        }
    }

    /// Where a level ends once it is raised.
    #[must_use]
    pub fn clear_limit(&self, level: Severity) -> Option<f64> {
        let limit = self.limit(level)?;
        let distance = match (self.clear, self.warning.or(self.critical)) {
            (Some(clear), Some(mild)) => (mild - clear).abs(),
            _ => limit.abs() * self.hysteresis_share,
        };
        // A level that was switched off with an endless limit has no distance to it.
        let distance = if distance.is_finite() { distance } else { 0.0 };
        Some(match self.compare {
            Compare::Above => limit - distance,
            Compare::Below => limit + distance,
        })
    }

    /// Whether a level holds at a value; once raised it is judged by the clear limit.
    #[must_use]
    pub fn holds(&self, level: Severity, value: f64, raised: bool) -> bool {
        let limit = if raised {
            self.clear_limit(level)
        } else {
            self.limit(level)
        };
        limit.is_some_and(|limit| match self.compare {
            Compare::Above => value > limit,
            Compare::Below => value < limit,
        })
    }

    /// The summary, filled in.
    #[must_use]
    pub fn words(&self, level: Severity, value: f64) -> String {
        let limit = self
            .limit(level)
            .map_or_else(|| "none".to_owned(), |l| self.figure(l));
        self.summary
            .replace("{value}", &self.figure(value))
            .replace("{limit}", &limit)
    }

    pub(super) fn hold(&self) -> Duration {
        Duration::try_from_secs_f64(self.for_s).unwrap_or_default()
    }

    pub(super) fn keep(&self) -> Duration {
        Duration::try_from_secs_f64(self.keep_firing_for_s).unwrap_or_default()
    }

    /// A figure as people read it: shares as per cent, bytes as MB or GB, long times in words, others as they are.
    fn figure(&self, value: f64) -> String {
        if self.metric.ends_with("_ratio") {
            format!("{:.0} %", value * 100.0)
        } else if self.metric.ends_with("_bytes") || self.metric.ends_with("_bytes_per_second") {
            let rate = if self.metric.ends_with("second") {
                " a second"
            } else {
                ""
            };
            if value.abs() < 1e9 {
                format!("{:.0} MB{rate}", value / 1e6)
            } else {
                format!("{:.1} GB{rate}", value / 1e9)
            }
        } else if self.metric.ends_with("_seconds") && value.abs() >= MINUTES_S {
            duration_in_words(Duration::from_secs_f64(value.abs().min(MOST_S)))
        } else if value.abs() < 10.0 && value.fract() != 0.0 {
            format!("{value:.2}")
        } else if value.abs() < 100.0 && value.fract() != 0.0 {
            format!("{value:.1}")
        } else {
            format!("{value:.0}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy() -> Rule {
        Rule {
            metric: "system_cpu_ratio".to_owned(),
            warning: Some(0.7),
            critical: Some(0.9),
            summary: "processor {value} in use, limit {limit}".to_owned(),
            ..Rule::default()
        }
    }

    #[test]
    fn each_level_is_left_at_a_limit_of_its_own() {
        let near = |a: Option<f64>, b: f64| (a.unwrap() - b).abs() < 1e-12;
        let rule = busy();
        assert!(near(rule.clear_limit(Severity::Warning), 0.63));
        assert!(near(rule.clear_limit(Severity::Critical), 0.81));
        let rule = Rule {
            clear: Some(0.65),
            ..busy()
        };
        assert!(near(rule.clear_limit(Severity::Warning), 0.65));
        assert!(near(rule.clear_limit(Severity::Critical), 0.85));
        let slow = Rule {
            compare: Compare::Below,
            warning: None,
            critical: Some(5.0),
            clear: Some(8.0),
            ..busy()
        };
        assert!(near(slow.clear_limit(Severity::Critical), 8.0));
        assert_eq!(slow.clear_limit(Severity::Warning), None);
        let off = Rule {
            critical: Some(f64::INFINITY),
            ..busy()
        };
        assert!(!off.holds(Severity::Critical, f64::MAX, true));
    }

    #[test]
    fn a_level_holds_beyond_its_limit_and_is_kept_down_to_the_clear_limit() {
        let rule = busy();
        assert!(!rule.holds(Severity::Warning, 0.7, false));
        assert!(rule.holds(Severity::Warning, 0.71, false));
        assert!(rule.holds(Severity::Warning, 0.64, true));
        assert!(!rule.holds(Severity::Warning, 0.62, true));
        assert!(!rule.holds(Severity::Critical, 0.85, false));
        assert!(rule.holds(Severity::Critical, 0.85, true));
    }

    #[test]
    fn figures_are_written_as_people_read_them() {
        let words = busy().words(Severity::Critical, 0.934);
        assert_eq!(words, "processor 93 % in use, limit 90 %");
        let of = |metric: &str, value| {
            Rule {
                metric: metric.to_owned(),
                ..busy()
            }
            .figure(value)
        };
        assert_eq!(of("free_bytes", 3.4e8), "340 MB");
        assert_eq!(of("free_bytes", 3.44e9), "3.4 GB");
        assert_eq!(of("growth_bytes_per_second", 9.96e6), "10 MB a second");
        assert_eq!(of("rate_hz", 4.257), "4.26");
        assert_eq!(of("rate_hz", 15.0), "15");
        assert_eq!(of("age_ms", 512.3), "512");
    }
}
