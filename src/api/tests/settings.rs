//! Settings shown, tried out and changed.

use std::path::PathBuf;

use super::client::{Answer, ask};
use super::world::{World, snapshot};
use crate::api::SettingsPlace;
use crate::config::{Assignment, Loaded, Overrides};
use crate::system::command::OperatorCommand;

struct House {
    world: World,
    folder: PathBuf,
    place: SettingsPlace,
}

impl House {
    fn new(name: &str, site: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("billiards-house-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("site.ron");
        std::fs::write(&file, site).unwrap();
        let state_folder = folder.join("state");
        let place = SettingsPlace {
            file: Some(file),
            overrides: Overrides {
                command_line: vec![Assignment::new(
                    "state_folder",
                    state_folder.display(),
                    "--state-folder",
                )],
                ..Overrides::default()
            },
            state_folder,
        };
        let settings = Some(place.clone());
        let world = World::new(Some(snapshot(1)), |options| options.settings = settings);
        Self { world, folder, place }
    }

    fn get(&self, path: &str) -> Answer {
        ask(self.world.server.local_addr(), "GET", path, "", "")
    }

    fn put(&self, query: &str, tag: Option<&str>, body: &str) -> Answer {
        let headers = tag.map(|tag| format!("if-match: {tag}\r\n")).unwrap_or_default();
        let path = format!("/api/v1/config{query}");
        ask(self.world.server.local_addr(), "PUT", &path, &headers, body)
    }

    fn rate_hz(&self) -> f64 {
        let loaded = Loaded::load(self.place.file.as_deref(), &self.place.overrides).unwrap();
        loaded.settings.vision.rate_hz
    }
}

impl Drop for House {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

#[test]
fn settings_are_shown_tried_out_changed_and_put_back() {
    let house = House::new(
        "change",
        "(vision: (rate_hz: 25), source: \"rtsp://me:secret@10.0.0.5/1\")",
    );
    let shown = house.get("/api/v1/config");
    let tag = shown.header("etag").unwrap().to_owned();
    let settings = &shown.json()["settings"];
    assert_eq!(settings["vision.rate_hz"]["value"], "25");
    assert_eq!(settings["vision.rate_hz"]["layer"], "site_file");
    assert_eq!(settings["source"]["value"], "\"rtsp://…@10.0.0.5/1\"");
    let schema = house.get("/api/v1/config/schema").json();
    let keys = schema["keys"].as_array().unwrap();
    assert!(
        keys.iter()
            .any(|key| key["key"] == "vision.rate_hz" && key["range"]["max"] == 240.0),
        "{keys:?}"
    );

    let wish = r#"{"changes":{"vision.rate_hz":50,"trainer.assistance":"expert","api.names":["table7"]}}"#;
    let tried = house.put("?validate_only=1", None, wish);
    assert_eq!(tried.status, 200, "{}", tried.text());
    assert_eq!(
        tried.json()["changed"],
        serde_json::json!(["api.names", "trainer.assistance", "vision.rate_hz"])
    );
    assert_eq!((house.rate_hz(), house.world.commands.is_empty()), (25.0, true));

    let done = house.put("", Some(&tag), wish);
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(
        house.world.commands.try_recv(),
        Ok(OperatorCommand::ReloadSettings)
    );
    assert_eq!(house.rate_hz(), 50.0);
    let after = house.get("/api/v1/config");
    assert_eq!(after.header("etag"), done.header("etag"));
    assert_eq!(after.json()["settings"]["vision.rate_hz"]["layer"], "changed");
    // The file is as somebody wrote it.
    assert!(
        std::fs::read_to_string(house.place.file.as_ref().unwrap())
            .unwrap()
            .contains("25")
    );

    let tag = after.header("etag").unwrap();
    assert_eq!(
        house
            .put("", Some(tag), r#"{"changes":{"vision.rate_hz":null}}"#)
            .status,
        200
    );
    assert_eq!(house.rate_hz(), 25.0);
}

#[test]
fn changes_that_can_not_be_are_refused_and_nobodys_are_lost() {
    let house = House::new("refuse", "(vision: (rate_hz: 25))");
    let tag = house.get("/api/v1/config").header("etag").unwrap().to_owned();
    let fifty = r#"{"changes":{"vision.rate_hz":50}}"#;
    house.put("", None, fifty).problem(428, "precondition_required");
    house
        .put("", Some("\"0123456789abcdef\""), fifty)
        .problem(412, "precondition_failed");
    for (body, field) in [
        (r#"{"changes":{"vision.rate_hz":0}}"#, "vision.rate_hz"),
        (r#"{"changes":{"vision.rate_hz":{"a":1}}}"#, "vision.rate_hz"),
        (r#"{"changes":{"vision.rat_hz":1}}"#, "vision.rat_hz"),
        (r#"{"changes":{"state_folder":"/tmp"}}"#, "state_folder"),
        (r#"{"change":{}}"#, "changes"),
    ] {
        let problem = house.put("", Some(&tag), body).problem(422, "validation");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    house
        .put("?validate_only=2", None, fifty)
        .problem(422, "validation");
    house.put("?dry_run=1", None, fifty).problem(400, "invalid_query");
    // Two at once: one is told to look again.
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let put = |hz: u32| {
            house
                .put(
                    "",
                    Some(&tag),
                    &format!(r#"{{"changes":{{"vision.rate_hz":{hz}}}}}"#),
                )
                .status
        };
        let tries = [40, 41].map(|hz| scope.spawn(move || put(hz)));
        tries.map(|t| t.join().unwrap()).into()
    });
    assert!(statuses.contains(&200) && statuses.contains(&412), "{statuses:?}");
    // Changes that somebody has spoilt are not written over.
    let spoilt = house.place.state_folder.join("changed-settings.ron");
    std::fs::write(&spoilt, "{").unwrap();
    let now = house.get("/api/v1/config").header("etag").unwrap().to_owned();
    house.put("", Some(&now), fifty).problem(409, "settings_damaged");
    assert_eq!(std::fs::read_to_string(&spoilt).unwrap(), "{");
    std::fs::remove_file(&spoilt).unwrap();
    // A disk that takes nothing.
    std::fs::remove_dir_all(&house.place.state_folder).unwrap();
    std::fs::write(&house.place.state_folder, "no folder").unwrap();
    let now = house.get("/api/v1/config").header("etag").unwrap().to_owned();
    house.put("", Some(&now), fifty).problem(507, "not_kept");
    // A file that nobody can read any more.
    std::fs::write(house.place.file.as_ref().unwrap(), "(vision: (").unwrap();
    house.get("/api/v1/config").problem(409, "settings_damaged");
    ask(
        World::usual().server.local_addr(),
        "GET",
        "/api/v1/config",
        "",
        "",
    )
    .problem(503, "no_settings");
}
