//! The description of the API, against the API.

use std::collections::BTreeSet;

use serde_json::Value;

use super::client::get;
use super::world::World;
use crate::api::openapi::{make, problems_of};
use crate::api::problem::KINDS;
use crate::api::routes::endpoints;

#[test]
fn every_address_is_described_once_and_the_description_is_served() {
    let document = make();
    let mut names = BTreeSet::new();
    for endpoint in endpoints() {
        let pointer = format!(
            "/paths/{}/{}",
            endpoint.path.replace('/', "~1"),
            endpoint.method.as_str().to_lowercase()
        );
        let operation = document.pointer(&pointer).unwrap_or_else(|| panic!("{pointer}"));
        assert!(
            names.insert(operation["operationId"].as_str().unwrap().to_owned()),
            "{operation}"
        );
        assert!(
            operation["summary"].as_str().is_some_and(|s| s.len() > 8),
            "{pointer}"
        );
        let placeholders = endpoint.path.matches('{').count();
        let in_path = operation["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|p| p["in"] == "path")
            .count();
        assert_eq!(in_path, placeholders, "{pointer}");
        for kind in problems_of(&endpoint) {
            assert!(
                operation["responses"][kind.status.to_string()].is_object(),
                "{pointer} {}",
                kind.code
            );
        }
        for code in endpoint.problems {
            assert!(
                KINDS.iter().any(|kind| kind.code == *code),
                "{code} is no kind of problem"
            );
        }
    }
    let served = get(World::usual().server.local_addr(), "/api/v1/openapi.json").json();
    assert_eq!(served, document);
}

/// Every reference leads somewhere.
#[test]
fn the_description_holds_together() {
    fn walk(value: &Value, document: &Value) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(to)) = map.get("$ref") {
                    let pointer = to.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{to}");
                }
                map.values().for_each(|value| walk(value, document));
            }
            Value::Array(list) => list.iter().for_each(|value| walk(value, document)),
            _ => {}
        }
    }
    let document = make();
    walk(&document, &document);
    let wishes = &document["components"]["schemas"]["OperatorCommand"];
    assert!(
        wishes["oneOf"].as_array().is_some_and(|of| of.len() > 10),
        "{wishes}"
    );
}

/// Each kind of problem is provoked by a test.
#[test]
fn every_problem_has_a_test() {
    let tests = concat!(
        include_str!("mod.rs"),
        include_str!("access.rs"),
        include_str!("jobs.rs"),
        include_str!("live.rs"),
        include_str!("problems.rs"),
        include_str!("pictures.rs"),
        include_str!("serving.rs"),
        include_str!("settings.rs"),
        include_str!("what_if.rs")
    );
    let missing: Vec<_> = (KINDS.iter())
        // Written below HTTP, where it has a test of its own.
        .filter(|kind| kind.code != "https_required")
        .filter(|kind| !tests.contains(&format!("problem({}, \"{}\")", kind.status, kind.code)))
        .map(|kind| kind.code)
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

const REFERENCE: &str = include_str!("../../../docs/API_REFERENCE.md");

/// What stands between a marker and its end.
fn between(marker: &str) -> &'static str {
    let after = REFERENCE.split_once(&format!("<!-- {marker}:")).unwrap().1;
    after
        .split_once("-->")
        .unwrap()
        .1
        .split_once("<!-- end -->")
        .unwrap()
        .0
        .trim()
}

#[test]
fn the_reference_knows_every_address_and_every_problem() {
    let mut addresses = String::new();
    let mut group = "";
    for endpoint in endpoints() {
        if group != endpoint.group {
            group = endpoint.group;
            addresses += &format!("\n### {group}\n\n| | address | role | |\n|---|---|---|---|\n");
        }
        let role = endpoint.role.map_or("–", crate::api::auth::tokens::Role::name);
        let query: Vec<_> = endpoint
            .query
            .iter()
            .map(|p| format!("`{}`: {}", p.name, p.about))
            .collect();
        let asked = if query.is_empty() {
            String::new()
        } else {
            format!("; {}", query.join(", "))
        };
        addresses += &format!(
            "| `{}` | `{}` | {role} | {}{asked} |\n",
            endpoint.method, endpoint.path, endpoint.summary
        );
    }
    assert_eq!(
        between("addresses"),
        addresses.trim(),
        "docs/API_REFERENCE.md needs this:\n{addresses}"
    );
    let mut problems = "| status | `code` | when |\n|---|---|---|\n".to_owned();
    for kind in KINDS {
        problems += &format!("| {} | `{}` | {} |\n", kind.status, kind.code, kind.about);
    }
    assert_eq!(
        between("problems"),
        problems.trim(),
        "docs/API_REFERENCE.md needs this:\n{problems}"
    );
}

/// The examples of the reference, run as they stand there against a server that asks for a token.
#[test]
fn the_examples_of_the_reference_run() {
    let guarded = super::access::Guarded::new("examples");
    let run = |language: &str, program: &str, arguments: &[&str]| {
        let code = REFERENCE
            .split_once(&format!("```{language}\n"))
            .unwrap()
            .1
            .split_once("```")
            .unwrap()
            .0;
        let ended = std::process::Command::new(program)
            .args(arguments)
            .arg(code)
            .env("TRAINER", format!("http://{}", guarded.world.server.local_addr()))
            .env("TOKEN", guarded.secret(crate::api::auth::tokens::Role::Operator))
            .output()
            .unwrap_or_else(|error| panic!("{program}: {error} (deploy/install-packages.sh test)"));
        assert!(
            ended.status.success(),
            "{}",
            String::from_utf8_lossy(&ended.stderr)
        );
        String::from_utf8_lossy(&ended.stdout).into_owned()
    };
    let table: Value = serde_json::from_str(&run("sh", "sh", &["-c"])).unwrap();
    assert_eq!(table["spec"]["name"], "pool-9ft");
    assert!(run("python", "python3", &["-c"]).contains("stick_ball"));
    assert_eq!(run("js", "node", &["--input-type=module", "-e"]), "pausing\n");
    assert_eq!(
        guarded.world.commands.try_recv(),
        Ok(crate::system::command::OperatorCommand::Pause(true))
    );
}
