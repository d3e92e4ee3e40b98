//! The rules every table starts with.

use super::rule::{Compare, Rule};

/// The metrics that the default rules look at.
pub const RULE_METRICS: [&str; 11] = [
    "system_cpu_ratio",
    "system_memory_used_ratio",
    "process_memory_growth_bytes_per_second",
    "system_disk_used_ratio",
    "system_temperature_celsius",
    "vision_rate_hertz",
    "api_error_ratio",
    "api_certificate_remaining_seconds",
    "backup_age_seconds",
    "backup_verify_age_seconds",
    "backup_drill_age_seconds",
];

const HOUR_S: f64 = 3600.0;
const DAY_S: f64 = 24.0 * HOUR_S;

/// The rules every table starts with; the site file changes them and adds to them.
#[must_use]
pub fn default_rules() -> Vec<Rule> {
    vec![
        Rule {
            name: "processor_busy".to_owned(),
            metric: "system_cpu_ratio".to_owned(),
            warning: Some(0.70),
            critical: Some(0.90),
            // Short peaks are work, not trouble.
            for_s: 60.0,
            keep_firing_for_s: 30.0,
            summary: "processor {value} in use (limit {limit})".to_owned(),
            remedy: "close other programs on this computer, or lower `vision.rate_hz`".to_owned(),
            ..Rule::default()
        },
        Rule {
            name: "memory_full".to_owned(),
            metric: "system_memory_used_ratio".to_owned(),
            warning: Some(0.80),
            critical: Some(0.95),
            clear: Some(0.76),
            for_s: 60.0,
            keep_firing_for_s: 30.0,
            summary: "memory {value} in use (limit {limit})".to_owned(),
            remedy: "close other programs on this computer; if it comes back, restart the trainer".to_owned(),
            ..Rule::default()
        },
        Rule {
            name: "memory_leak".to_owned(),
            metric: "process_memory_growth_bytes_per_second".to_owned(),
            // What takes years to matter is for fault prediction; this one would fill 8 GB within the hour.
            warning: Some(2e6),
            critical: Some(20e6),
            clear: Some(1e6),
            for_s: 5.0,
            keep_firing_for_s: 60.0,
            summary: "the trainer's memory grows by {value} without a pause (limit {limit})".to_owned(),
            remedy: "restart the trainer from the dashboard, and send its log to whoever looks after it"
                .to_owned(),
            ..Rule::default()
        },
        Rule {
            name: "disk_full".to_owned(),
            metric: "system_disk_used_ratio".to_owned(),
            warning: Some(0.85),
            critical: Some(0.95),
            clear: Some(0.83),
            for_s: 300.0,
            keep_firing_for_s: 60.0,
            summary: "disk {value} in use (limit {limit})".to_owned(),
            remedy: "delete recordings or old files that nobody needs on this computer".to_owned(),
            ..Rule::default()
        },
        Rule {
            name: "hot".to_owned(),
            metric: "system_temperature_celsius".to_owned(),
            warning: Some(75.0),
            critical: Some(85.0),
            clear: Some(70.0),
            for_s: 120.0,
            keep_firing_for_s: 60.0,
            summary: "the computer is {value} °C warm (limit {limit} °C)".to_owned(),
            remedy: "see that its fan turns and its vents are free of dust".to_owned(),
            ..Rule::default()
        },
        Rule {
            name: "vision_slow".to_owned(),
            metric: "vision_rate_hertz".to_owned(),
            source: "vision".to_owned(),
            compare: Compare::Below,
            warning: Some(15.0),
            critical: Some(5.0),
            clear: Some(16.5),
            for_s: 20.0,
            keep_firing_for_s: 20.0,
            summary: "only {value} pictures a second are looked at (limit {limit})".to_owned(),
            remedy: "give the camera more light, or lower its resolution".to_owned(),
            inhibited_by: vec![
                "vision.source".to_owned(),
                "vision.picture".to_owned(),
                "vision.faults".to_owned(),
            ],
            ..Rule::default()
        },
        Rule {
            name: "api_errors".to_owned(),
            metric: "api_error_ratio".to_owned(),
            source: "api".to_owned(),
            warning: Some(0.05),
            critical: Some(0.10),
            for_s: 60.0,
            keep_firing_for_s: 60.0,
            summary: "{value} of the network requests fail (limit {limit})".to_owned(),
            remedy: "look in the log for what fails; restart module `api` from the dashboard".to_owned(),
            ..Rule::default()
        },
        Rule {
            name: "certificate_ends".to_owned(),
            metric: "api_certificate_remaining_seconds".to_owned(),
            source: "api".to_owned(),
            compare: Compare::Below,
            warning: Some(14.0 * DAY_S),
            critical: Some(3.0 * DAY_S),
            summary: "the certificate of the network server is over in {value} (limit {limit})".to_owned(),
            remedy: "renew the files named in `api.tls_certificate` and `api.tls_key`; new ones are taken in by themselves"
                .to_owned(),
            ..Rule::default()
        },
        // Where nobody has ever made a backup there is nothing to be late with: it is not measured.
        Rule {
            name: "backup_old".to_owned(),
            metric: "backup_age_seconds".to_owned(),
            // One a night, and two hours to make it.
            warning: Some(26.0 * HOUR_S),
            critical: Some(3.0 * DAY_S),
            summary: "the last good backup is {value} old (limit {limit})".to_owned(),
            remedy: "`billiards-trainer backup create` says why there is no newer one".to_owned(),
            ..Rule::default()
        },
        Rule {
            name: "backup_unchecked".to_owned(),
            metric: "backup_verify_age_seconds".to_owned(),
            warning: Some(3.0 * DAY_S),
            critical: Some(8.0 * DAY_S),
            summary: "the backups were last found whole {value} ago (limit {limit})".to_owned(),
            remedy: "`billiards-trainer backup verify` says what is wrong with them".to_owned(),
            ..Rule::default()
        },
        Rule {
            name: "restore_untried".to_owned(),
            metric: "backup_drill_age_seconds".to_owned(),
            warning: Some(9.0 * DAY_S),
            critical: Some(30.0 * DAY_S),
            summary: "a backup was last restored for practice {value} ago (limit {limit})".to_owned(),
            remedy: "`billiards-trainer backup drill` says why it does not succeed".to_owned(),
            ..Rule::default()
        },
    ]
}
