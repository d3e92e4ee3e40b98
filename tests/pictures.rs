//! What a person sees: the program is started as a user starts it, its pictures are fetched
//! and looked at. Drawn in software, so that no graphics card is needed.
#![cfg(feature = "app")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may end where its ground is missing"
)]

#[path = "support/mod.rs"]
mod support;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use image::RgbImage;
use support::{get, get_json, request};

/// A running trainer; it ends with the test.
struct Trainer {
    child: Child,
    address: String,
    said: Vec<String>,
    /// Its state, where nobody needs that afterwards.
    state: Option<PathBuf>,
}

impl Trainer {
    fn start(display: Option<&str>, arguments: &[&str]) -> Self {
        // Two of them run beside each other: each has its own folder.
        static STARTS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let start = STARTS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let state = std::env::temp_dir().join(format!("billiards-pictures-{}-{start}", std::process::id()));
        let mut trainer = Self::start_in(&state, display, arguments);
        trainer.state = Some(state);
        trainer
    }

    fn start_in(state: &Path, display: Option<&str>, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_billiards-trainer"));
        command
            .args(["run", "--port", "0"])
            .args(arguments)
            .stderr(Stdio::piped())
            .stdout(Stdio::null());
        command
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("DISPLAY")
            .env_remove("BILLIARDS_CONFIG");
        if let Some(display) = display {
            command.env("DISPLAY", display);
        }
        command.arg("--state-folder").arg(state);
        let mut child = command.spawn().expect("the program starts");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let address = loop {
            let line = lines
                .next()
                .expect("the address is printed before the program ends")
                .unwrap();
            said.push(line.clone());
            if let Some((_, rest)) = line.split_once("http://") {
                break rest.split_whitespace().next().unwrap().to_owned();
            }
        };
        // Keeps reading, so that the program never waits for somebody to read its log.
        std::thread::spawn(move || for _ in lines.map_while(Result::ok) {});
        Self {
            child,
            address,
            said,
            state: None,
        }
    }

    fn picture(&self, path: &str) -> RgbImage {
        let (code, body) = get(&self.address, path);
        assert_eq!(code, 200, "{path}: {}", String::from_utf8_lossy(&body));
        image::load_from_memory(&body).expect("a picture").into_rgb8()
    }

    /// Waits until a shot is aimed and predicted.
    fn aimed_shot(&self) -> serde_json::Value {
        let found = (0..600).find_map(|_| {
            std::thread::sleep(Duration::from_millis(100));
            Some(get_json(&self.address, "/api/v1/predict")).filter(|answer| !answer["shot"].is_null())
        });
        assert!(
            found.is_some(),
            "no shot was predicted; the program said {:?}",
            self.said
        );
        found.unwrap_or_default()
    }
}

impl Drop for Trainer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if let Some(state) = &self.state {
            std::fs::remove_dir_all(state).ok();
        }
    }
}

/// An X server without a screen.
struct Screen {
    server: Child,
    name: String,
}

impl Screen {
    fn open(size: &str) -> Self {
        let screen = format!("{size}x24");
        Self::start(Command::new("Xvfb").args(["-screen", "0", &screen]))
    }

    /// Two monitors that can be plugged in and out: `DUMMY0` is the operator's, `DUMMY1` the projector.
    fn with_two_monitors(state: &Path) -> Self {
        let config = state.join("xorg.conf");
        std::fs::write(
            &config,
            "Section \"Device\"\n Identifier \"device\"\n Driver \"dummy\"\n VideoRam 65536\nEndSection\n\
             Section \"Monitor\"\n Identifier \"any\"\n HorizSync 5-1000\n VertRefresh 5-200\nEndSection\n\
             Section \"Screen\"\n Identifier \"screen\"\n Device \"device\"\n Monitor \"any\"\n DefaultDepth 24\nEndSection\n",
        )
        .unwrap();
        let log = state.join("xorg.log");
        let screen = Self::start(
            Command::new("Xorg")
                .args(["-novtswitch", "-sharevts"])
                .arg("-config")
                .arg(config)
                .arg("-logfile")
                .arg(log),
        );
        screen.set_monitor("DUMMY0", Some("1280x800"));
        screen.set_monitor("DUMMY1", Some("1280x720"));
        screen
    }

    fn start(server: &mut Command) -> Self {
        let mut server = server
            .args(["-displayfd", "1", "-nolisten", "tcp", "-noreset"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the X server is installed (deploy/install-packages.sh test)");
        let mut number = String::new();
        BufReader::new(server.stdout.take().unwrap())
            .read_line(&mut number)
            .unwrap();
        assert!(!number.trim().is_empty(), "the X server did not start");
        Self {
            server,
            name: format!(":{}", number.trim()),
        }
    }

    /// Where a window of this name lies on the desktop.
    fn window_corner(&self, name: &str) -> Option<(i32, i32)> {
        let ended = Command::new("xwininfo")
            .args(["-display", &self.name, "-name", name])
            .output();
        let ended = ended.expect("xwininfo is installed (deploy/install-packages.sh test)");
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        let number = |what: &str| {
            said.lines()
                .find_map(|line| line.trim().strip_prefix(what)?.trim().parse().ok())
        };
        Some((
            number("Absolute upper-left X:")?,
            number("Absolute upper-left Y:")?,
        ))
    }

    /// Gives a monitor this mode, or takes it out.
    fn set_monitor(&self, monitor: &str, mode: Option<&str>) {
        match mode {
            Some(mode) => {
                self.xrandr(&["--addmode", monitor, mode]);
                let place: &[&str] = if monitor == "DUMMY0" {
                    &["--primary"]
                } else {
                    &["--right-of", "DUMMY0"]
                };
                self.xrandr(&[&["--output", monitor, "--mode", mode], place].concat());
            }
            None => self.xrandr(&["--output", monitor, "--off"]),
        }
    }

    /// Moves a monitor to a place on the desktop.
    fn place_monitor(&self, monitor: &str, (x, y): (i32, i32)) {
        self.xrandr(&["--output", monitor, "--pos", &format!("{x}x{y}")]);
    }

    fn xrandr(&self, arguments: &[&str]) {
        let ended = Command::new("xrandr")
            .args(["--display", &self.name])
            .args(arguments)
            .output();
        let ended = ended.expect("xrandr is installed (deploy/install-packages.sh test)");
        assert!(ended.status.success(), "{arguments:?}: {ended:?}");
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
    }
}

/// Some light, not much, and a dark frame round the table.
fn is_a_projection(picture: &RgbImage) -> bool {
    let (w, h) = (f64::from(picture.width()), f64::from(picture.height()));
    let lit = picture.pixels().filter(|p| p.0.iter().any(|c| *c > 60)).count() as f64 / (w * h);
    let dark = |x, y| picture.get_pixel(x, y).0 == [0, 0, 0];
    let frame_dark = (0..picture.width()).all(|x| dark(x, 0) && dark(x, picture.height() - 1));
    lit > 0.0005 && lit < 0.10 && frame_dark
}

/// Pixel of a table point in an uncalibrated projector picture.
fn pixel(picture: &RgbImage, x: f64, y: f64) -> (u32, u32) {
    use billiards_trainer::projector::keystone::table_to_ndc;
    use billiards_trainer::table::TableSpec;
    use billiards_trainer::units::Vec2;
    let (w, h) = (f64::from(picture.width()), f64::from(picture.height()));
    let map = table_to_ndc(&TableSpec::pool_9ft(), None, w, h).unwrap();
    let ndc = map.apply(Vec2::new(x, y)).unwrap();
    (((ndc.x + 1.0) / 2.0 * w) as u32, ((1.0 - ndc.y) / 2.0 * h) as u32)
}

/// Brightest value in a small neighbourhood.
fn light_at(picture: &RgbImage, x: f64, y: f64, reach: u32) -> u8 {
    let (px, py) = pixel(picture, x, y);
    let mut most = 0;
    for y in py.saturating_sub(reach)..=(py + reach).min(picture.height() - 1) {
        for x in px.saturating_sub(reach)..=(px + reach).min(picture.width() - 1) {
            most = most.max(*picture.get_pixel(x, y).0.iter().max().unwrap());
        }
    }
    most
}

/// The ball stays dark, the line of aim in front of it is lit.
fn check_aim(trainer: &Trainer, path: &str) {
    trainer.aimed_shot();
    // The cue moves while we look: a picture and the shot it shows may be a turn apart.
    let agreed = (0..60).any(|_| {
        std::thread::sleep(Duration::from_millis(130));
        let picture = trainer.picture(path);
        if !is_a_projection(&picture) {
            return false;
        }
        let shot = &trainer.aimed_shot()["shot"];
        let (Some(at), Some(direction)) = (cue_ball(trainer), shot["intent"]["direction_deg"].as_f64())
        else {
            return false;
        };
        let (sin, cos) = direction.to_radians().sin_cos();
        let ahead = light_at(&picture, at.0 + 0.055 * cos, at.1 + 0.055 * sin, 2);
        let on_ball = light_at(&picture, at.0, at.1, 6);
        ahead > 120 && on_ball < 40
    });
    assert!(
        agreed,
        "the line of aim is drawn in front of the cue ball and never on it"
    );
}

fn cue_ball(trainer: &Trainer) -> Option<(f64, f64)> {
    let table = get_json(&trainer.address, "/api/v1/table");
    let ball = table["balls"]
        .as_array()?
        .iter()
        .find(|b| b["group"] == "cue")?
        .clone();
    Some((ball["position"][0].as_f64()?, ball["position"][1].as_f64()?))
}

/// The dashboard shows the camera's cloth, words, and more than a few colours.
fn check_dashboard(picture: &RgbImage) {
    let colours: std::collections::HashSet<[u8; 3]> = picture.pixels().map(|p| p.0.map(|c| c / 16)).collect();
    assert!(colours.len() > 60, "only {} different colours", colours.len());
    let bright = picture.pixels().filter(|p| p.0.iter().all(|c| *c > 200)).count();
    assert!(bright > 500, "words are readable: {bright} bright pixels");
}

/// Held by each test: the trainer looks and draws on the processor here, and two at once on two cores are too slow to be as they
/// are at a table.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn off_screen_the_projector_and_the_dashboard_are_drawn_and_served() {
    let _alone = alone();
    let trainer = Trainer::start(None, &["--source", "virtual:still"]);
    check_aim(&trainer, "/api/v1/projector.png");
    let dashboard = trainer.picture("/api/v1/dashboard.png");
    assert_eq!(dashboard.dimensions(), (1280, 800));
    check_dashboard(&dashboard);
    let (code, page) = get(&trainer.address, "/");
    assert!(code == 200 && String::from_utf8_lossy(&page).contains("<html"));
}

/// A whole calibration as a user starts it: the virtual table's hidden projector is found, and the file is there. Then that
/// projector is pushed aside while the trainer runs: it is noticed, and calibrated anew.
#[test]
fn camera_and_projector_are_calibrated_from_the_command_line_and_watched_ever_after() {
    let _alone = alone();
    let state = std::env::temp_dir().join(format!("billiards-calibrate-{}", std::process::id()));
    let ended = Command::new(env!("CARGO_BIN_EXE_billiards-trainer"))
        .args([
            "calibrate",
            "all",
            "--camera-height",
            "2.6",
            "--source",
            "virtual:empty",
        ])
        .args(["--headless", "--no-api", "--state-folder"])
        .arg(&state)
        .env_remove("BILLIARDS_CONFIG")
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&ended.stdout);
    let log = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}\n{log}");
    assert_eq!(
        said.lines()
            .filter(|line| line.starts_with("calibrated: light lands within"))
            .count(),
        1,
        "{said}"
    );
    let before =
        std::fs::read_to_string(state.join("calibration/table.ron")).expect("what was found is kept");
    assert!(before.contains("landing_max_m"), "{before}");

    let settings = state.join("site.ron");
    std::fs::write(&settings, "(calibration: (check_every_s: 1.0))").unwrap();
    let settings = settings.to_str().unwrap();
    let usual = ["--headless", "--source", "virtual:empty", "--config", settings];
    let trainer = Trainer::start_in(&state, None, &usual);
    let well = calibration_when(&trainer, "a check", |now| now["checked_off_mm"].is_number());
    assert!(well["checked_off_mm"].as_f64().unwrap() < 1.5, "{well}");
    assert_eq!((&well["in_force"], well["doubt"].is_null()), (&true.into(), true));
    let first = well["profile"]["made"].clone();
    // One that is ended half-way leaves what was there.
    assert_eq!(
        request(&trainer.address, "POST", "/api/v1/calibration", "{}"),
        202
    );
    calibration_when(&trainer, "a calibration", |now| now["running"].is_object());
    assert_eq!(
        request(&trainer.address, "DELETE", "/api/v1/calibration", ""),
        202
    );
    let kept = calibration_when(&trainer, "its end", |now| now["running"].is_null());
    assert_eq!(
        (&kept["profile"]["made"], &kept["in_force"]),
        (&first, &true.into())
    );
    assert_eq!(last_job(&trainer)["state"], "cancelled");
    drop(trainer);
    assert_eq!(
        std::fs::read_to_string(state.join("calibration/table.ron")).unwrap(),
        before
    );

    let script = state.join("faults.ron");
    std::fs::write(
        &script,
        "[(at_s: 0, does: push_projector, for_s: 99999, size: 8)]",
    )
    .unwrap();
    let pushed = [
        "--environment",
        "testing",
        "--fault-script",
        script.to_str().unwrap(),
    ];
    let trainer = Trainer::start_in(&state, None, &[&usual[..], &pushed[..]].concat());
    let off = calibration_when(&trainer, "the doubt", |now| now["doubt"].is_string());
    assert!(
        off["doubt"].as_str().unwrap().contains("projector was moved"),
        "{off}"
    );
    assert_eq!(off["in_force"], false);
    calibration_when(&trainer, "a new calibration", |now| {
        now["in_force"] == true && now["profile"]["made"] != first
    });
    drop(trainer);
    std::fs::remove_dir_all(state).unwrap();
}

/// The job that was asked for last.
fn last_job(trainer: &Trainer) -> serde_json::Value {
    get_json(&trainer.address, "/api/v1/jobs")["jobs"][0].clone()
}

/// What the trainer says of its calibration once that is so.
fn calibration_when(
    trainer: &Trainer,
    what: &str,
    is_so: impl Fn(&serde_json::Value) -> bool,
) -> serde_json::Value {
    let found = (0..900).find_map(|_| {
        std::thread::sleep(Duration::from_millis(100));
        Some(get_json(&trainer.address, "/api/v1/calibration")).filter(|now| is_so(now))
    });
    let last = get_json(&trainer.address, "/api/v1/calibration");
    assert!(found.is_some(), "{what} did not come: {last}");
    found.unwrap_or_default()
}

#[test]
fn in_windows_the_projector_and_the_dashboard_are_drawn() {
    let _alone = alone();
    let screen = Screen::open("1920x1080");
    let trainer = Trainer::start(Some(&screen.name), &["--source", "virtual:still"]);
    check_aim(&trainer, "/api/v1/projector.png");
    check_dashboard(&trainer.picture("/api/v1/dashboard.png"));
}

/// The projector's window comes to lie there.
fn projector_goes_to(screen: &Screen, corner: (i32, i32)) {
    let at = || screen.window_corner("Billiards Trainer: projector");
    let there = (0..300).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        at() == Some(corner)
    });
    assert!(there, "the window lies at {:?}, its monitor at {corner:?}", at());
}

/// A projector that is unplugged, or shows another size, has no lines; when it is back as it was calibrated they are back,
/// without a new calibration.
#[test]
fn a_projector_that_goes_and_comes_back_keeps_its_calibration() {
    let _alone = alone();
    let state = std::env::temp_dir().join(format!("billiards-monitors-{}", std::process::id()));
    std::fs::create_dir_all(&state).unwrap();
    let screen = Screen::with_two_monitors(&state);
    let trainer = Trainer::start_in(&state, Some(&screen.name), &["--source", "virtual:empty"]);
    let begun = (0..600).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        get(&trainer.address, "/readyz").0 == 200
    });
    assert!(begun, "it is ready");
    let height = r#"{"camera_height_m": 2.6}"#;
    assert_eq!(
        request(&trainer.address, "POST", "/api/v1/calibration", height),
        202
    );
    let holds = |now: &serde_json::Value| now["in_force"] == true;
    let first = calibration_when(&trainer, "a calibration", holds)["profile"]["made"].clone();
    let job = last_job(&trainer);
    let words = job["words"].as_str().unwrap_or_default();
    assert!(
        job["state"] == "done" && words.starts_with("calibrated: light lands within"),
        "{job}"
    );

    screen.set_monitor("DUMMY1", None);
    let gone = calibration_when(&trainer, "the missing projector", |now| now["unfit"].is_string());
    assert_eq!(gone["in_force"], false, "{gone}");
    screen.set_monitor("DUMMY1", Some("1280x720"));
    let back = calibration_when(&trainer, "the projector again", holds);
    assert_eq!(back["profile"]["made"], first);

    screen.set_monitor("DUMMY1", Some("1024x768"));
    let other = calibration_when(&trainer, "the other size", |now| now["unfit"].is_string());
    assert!(other["unfit"].as_str().unwrap().contains("1024"), "{other}");
    screen.set_monitor("DUMMY1", Some("1280x720"));
    let back = calibration_when(&trainer, "the right size", holds);
    assert_eq!(back["profile"]["made"], first);

    // The operator's monitor grows, and the projector's lies further to the right.
    screen.set_monitor("DUMMY0", Some("1600x900"));
    screen.set_monitor("DUMMY1", Some("1280x720"));
    projector_goes_to(&screen, (1600, 0));
    // Nothing but its place changes.
    screen.place_monitor("DUMMY1", (1700, 50));
    projector_goes_to(&screen, (1700, 50));
    drop(trainer);
    std::fs::remove_dir_all(state).unwrap();
}
