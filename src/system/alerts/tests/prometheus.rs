//! Series and states written as a test for `promtool`, which then is the judge:
//! `tests/bench/alerts.sh`.

use std::fmt::Write as _;
use std::path::PathBuf;

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

use super::model::{case, state};
use super::*;
use crate::system::status::Severity;

/// Seconds of each series.
const SECONDS: usize = 90;

#[test]
#[ignore = "writes files for promtool: see tests/bench/alerts.sh"]
fn series_for_promtool() {
    let folder = std::env::var_os("ALERT_SERIES_TO").map(PathBuf::from).unwrap();
    let count: usize = std::env::var("ALERT_SERIES").map_or(1000, |n| n.parse().unwrap());
    let mut runner = TestRunner::deterministic();
    let mut rules = "groups:\n- name: alerts\n  interval: 1s\n  rules:\n".to_owned();
    let mut series = String::new();
    let mut expected = vec![String::new(); SECONDS];
    let mut transitions = 0;
    for number in 0..count {
        let case = case(false).new_tree(&mut runner).unwrap().current();
        let values: Vec<f64> = case.values.iter().flatten().copied().take(SECONDS).collect();
        let list: Vec<String> = values.iter().map(f64::to_string).collect();
        writeln!(series, "  - series: m{number}\n    values: '{}'", list.join(" ")).unwrap();
        let rule = case.rule;
        let levels = [(Severity::Warning, "warning"), (Severity::Critical, "critical")];
        for (level, name) in levels {
            let Some(limit) = rule.limit(level) else { continue };
            let sign = if rule.compare == Compare::Above { '>' } else { '<' };
            let mild = rule.warning.or(rule.critical).unwrap();
            let clear = limit - (mild - rule.clear.unwrap_or(mild));
            let alert = format!("r{number}_{name}");
            writeln!(
                rules,
                "  - alert: {alert}\n    expr: 'm{number} {sign} {limit} or (m{number} {sign} {clear} and on() \
                 ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}})'\n    for: {}s\n    keep_firing_for: {}s",
                rule.for_s, rule.keep_firing_for_s
            )
            .unwrap();
        }
        let mut bench = Bench::new(vec![rule]);
        let mut before = ["inactive"; 2];
        for (value, expected) in values.iter().zip(&mut expected) {
            bench.second(&[], &|_| Some(*value));
            let states = bench.board.phases("r").map(state);
            for ((_, name), state) in levels.into_iter().zip(states) {
                if state != "inactive" {
                    writeln!(
                        expected,
                        "    - labels: 'ALERTS{{alertname=\"r{number}_{name}\",alertstate=\"{state}\"}}'\n      value: 1"
                    )
                    .unwrap();
                }
            }
            transitions += before.iter().zip(states).filter(|(b, s)| **b != *s).count();
            before = states;
        }
    }
    let mut tests = format!(
        "rule_files: [rules.yml]\nevaluation_interval: 1s\ntests:\n- interval: 1s\n  input_series:\n{series}  promql_expr_test:\n"
    );
    for (second, samples) in expected.iter().enumerate() {
        writeln!(
            tests,
            "  - expr: ALERTS\n    eval_time: {second}s\n    exp_samples:\n{samples}"
        )
        .unwrap();
    }
    std::fs::write(folder.join("rules.yml"), rules).unwrap();
    std::fs::write(folder.join("tests.yml"), tests).unwrap();
    let summary = format!("{count} series of {SECONDS} s, {transitions} transitions\n");
    std::fs::write(folder.join("summary.txt"), summary).unwrap();
}
