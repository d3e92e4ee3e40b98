//! What is known of every key beyond its type: meaning, range, and what a change of it takes.
//!
//! The one place of all ranges but those of measures, which hang together and which
//! `table::custom` judges.

use crate::table::TableSpec;
use crate::virtual_table::SceneName;
use crate::vision::source::SourceSpec;

/// What a change of a key takes to have an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing more.
    Live,
    /// A restart of the module with this name.
    Module(&'static str),
    /// A restart of the program.
    Process,
}

impl Effect {
    /// `live`, `restart of vision`, `restart`.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Live => "live".to_owned(),
            Self::Module(module) => format!("restart of {module}"),
            Self::Process => "restart".to_owned(),
        }
    }
}

/// What a key may be, within its type.
#[derive(Clone, Copy, Debug)]
pub(super) enum Range {
    /// Anything its type holds.
    Any,
    /// From and to; of every number in it.
    Numbers(f64, f64),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// What this accepts, in words.
    Text(fn(&str) -> Result<(), String>, &'static str),
    /// A measure: `Settings::table_spec` judges it.
    Measure,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub path: &'static str,
    pub meaning: &'static str,
    pub range: Range,
    pub effect: Effect,
}

const fn key(path: &'static str, meaning: &'static str, range: Range, effect: Effect) -> Key {
    Key {
        path,
        meaning,
        range,
        effect,
    }
}

const fn measure(path: &'static str, meaning: &'static str) -> Key {
    key(path, meaning, Range::Measure, Effect::Process)
}

const VISION: Effect = Effect::Module("vision");
const CORE: Effect = Effect::Module("core");
const PROJECTOR: Effect = Effect::Module("projector");
const API: Effect = Effect::Module("api");
const LIVE: Effect = Effect::Live;
const PROCESS: Effect = Effect::Process;

/// Every key.
pub(super) const KEYS: &[Key] = &[
    key("environment", "where the program runs", Range::Any, PROCESS),
    key(
        "table",
        "the model nearest to the table",
        Range::OneOf(&TableSpec::NAMES),
        PROCESS,
    ),
    measure(
        "table_measures.length_m",
        "nose to nose along the long side, metres",
    ),
    measure(
        "table_measures.width_m",
        "nose to nose along the short side, metres",
    ),
    measure(
        "table_measures.nose_height_m",
        "height of the cushion noses above the cloth, metres",
    ),
    measure(
        "table_measures.cushion_width_m",
        "cushion from nose to wooden rail, metres",
    ),
    measure("table_measures.rail_width_m", "width of the wooden rail, metres"),
    measure(
        "table_measures.corner.mouth_m",
        "corner pockets: mouth between the noses, metres",
    ),
    measure(
        "table_measures.corner.jaw_angle_deg",
        "corner pockets: how far the jaws open beyond 45 degrees",
    ),
    measure(
        "table_measures.corner.jaw_radius_m",
        "corner pockets: rounding of the jaws, metres",
    ),
    measure(
        "table_measures.corner.hole_radius_m",
        "corner pockets: radius of the hole, metres",
    ),
    measure(
        "table_measures.corner.shelf_m",
        "corner pockets: from the middle of the mouth to the hole, metres",
    ),
    measure(
        "table_measures.side.mouth_m",
        "side pockets: mouth between the noses, metres",
    ),
    measure(
        "table_measures.side.jaw_angle_deg",
        "side pockets: how far the jaws open, degrees",
    ),
    measure(
        "table_measures.side.jaw_radius_m",
        "side pockets: rounding of the jaws, metres",
    ),
    measure(
        "table_measures.side.hole_radius_m",
        "side pockets: radius of the hole, metres",
    ),
    measure(
        "table_measures.side.shelf_m",
        "side pockets: from the middle of the mouth to the hole, metres",
    ),
    measure("table_measures.ball.radius_m", "radius of the balls, metres"),
    measure("table_measures.ball.mass_kg", "mass of a ball, kilograms"),
    measure(
        "table_measures.cue_ball_mass_kg",
        "mass of the cue ball, kilograms",
    ),
    measure("physics.gravity_m_s2", "gravity, m/s²"),
    measure(
        "physics.slide_friction",
        "friction of a ball that slips on the cloth",
    ),
    measure(
        "physics.roll_friction",
        "resistance to rolling, as deceleration over gravity",
    ),
    measure(
        "physics.spin_down_rad_s2",
        "loss of spin about the vertical, rad/s²",
    ),
    measure(
        "physics.slope",
        "metres of fall per metre toward the foot end, and toward the left",
    ),
    measure(
        "physics.ball_restitution",
        "bounce between two balls, by speed in m/s",
    ),
    measure(
        "physics.ball_friction.floor",
        "friction between two balls at high speed of slip",
    ),
    measure(
        "physics.ball_friction.rise",
        "what is added to it at low speed of slip",
    ),
    measure("physics.ball_friction.decay_s_m", "how fast that falls, s/m"),
    measure(
        "physics.cushion_restitution",
        "bounce off the cushion, by speed in m/s",
    ),
    measure("physics.cushion_friction", "friction between ball and cushion"),
    measure(
        "physics.cushion_frequency_ratio",
        "tangential over normal frequency of the cushion's rubber",
    ),
    measure("physics.pocket", "what a pocket does with a ball"),
    measure("physics.cue_mass_kg", "mass of the cue, kilograms"),
    measure(
        "physics.cue_end_mass_kg",
        "the part of it that moves aside with the ball (squirt), kilograms",
    ),
    measure("physics.tip_restitution", "bounce between tip and ball"),
    measure("physics.tip_friction", "friction between chalked tip and ball"),
    measure("physics.bed_restitution", "bounce between ball and bed"),
    measure(
        "physics.drift.holds_at_c",
        "temperature at which the measures hold, °C",
    ),
    measure(
        "physics.drift.slide_friction_per_k",
        "change of slide_friction per kelvin, as a share",
    ),
    measure(
        "physics.drift.roll_friction_per_k",
        "change of roll_friction per kelvin, as a share",
    ),
    measure(
        "physics.drift.cushion_restitution_per_k",
        "change of cushion_restitution per kelvin, as a share",
    ),
    measure("physics.temperature_c", "temperature of the room, °C"),
    key(
        "source",
        "where frames come from",
        Range::Text(source, SOURCES),
        VISION,
    ),
    key("vision.enabled", "look at the table", Range::Any, VISION),
    key(
        "vision.rate_hz",
        "wanted pictures per second",
        Range::Numbers(1.0, 240.0),
        VISION,
    ),
    key(
        "vision.width_px",
        "wanted width of a camera's picture, pixels",
        Range::Numbers(160.0, 7680.0),
        VISION,
    ),
    key(
        "vision.height_px",
        "wanted height of a camera's picture, pixels",
        Range::Numbers(120.0, 4320.0),
        VISION,
    ),
    key(
        "vision.readout_ms",
        "how much later the last row of a picture is exposed than the first, milliseconds; 0: at once, or not known",
        Range::Numbers(-100.0, 100.0),
        VISION,
    ),
    key(
        "vision.camera.lock",
        "hold exposure, gain, white balance and focus of the camera still once it has adapted to the light",
        Range::Any,
        VISION,
    ),
    key(
        "vision.camera.exposure_ms",
        "exposure, milliseconds; None: what the camera finds, then held",
        Range::Numbers(0.1, 1000.0),
        VISION,
    ),
    key(
        "vision.camera.gain",
        "gain in the camera's own units; None: as it stands",
        Range::Numbers(0.0, 100_000.0),
        VISION,
    ),
    key(
        "vision.camera.white_balance_k",
        "white balance, kelvin; None: what the camera finds, then held",
        Range::Numbers(1000.0, 20_000.0),
        VISION,
    ),
    key(
        "vision.camera.focus",
        "focus in the camera's own units; None: what the camera finds, then held",
        Range::Numbers(0.0, 100_000.0),
        VISION,
    ),
    key(
        "vision.balls",
        "file with the colours of the house's own balls; empty: `balls.ron` beside the site file, if there",
        Range::Any,
        VISION,
    ),
    key(
        "recording.folder",
        "every picture that is looked at is recorded into this folder; empty: none is",
        Range::Any,
        VISION,
    ),
    key(
        "recording.limit_gb",
        "all recordings in the folder together, gigabytes; the oldest go first",
        Range::Numbers(0.1, 100_000.0),
        VISION,
    ),
    key("trainer.assistance", "how much help is drawn", Range::Any, LIVE),
    key(
        "trainer.draws.minimal",
        "what minimal help draws",
        Range::Any,
        LIVE,
    ),
    key(
        "trainer.draws.beginner",
        "what a beginner is shown",
        Range::Any,
        LIVE,
    ),
    key(
        "trainer.draws.intermediate",
        "what an intermediate player is shown",
        Range::Any,
        LIVE,
    ),
    key(
        "trainer.draws.advanced",
        "what an advanced player is shown",
        Range::Any,
        LIVE,
    ),
    key(
        "trainer.draws.expert",
        "what an expert is shown",
        Range::Any,
        LIVE,
    ),
    key(
        "trainer.stick_speed_m_s",
        "speed of the stick assumed for a shot that is only aimed, m/s",
        Range::Numbers(0.1, 15.0),
        LIVE,
    ),
    key("projector.disabled", "do not project", Range::Any, PROJECTOR),
    key(
        "projector.monitor",
        "name of the projector's monitor; empty: the second one, or a window",
        Range::Any,
        LIVE,
    ),
    key(
        "projector.corners",
        "head-left, foot-left, foot-right, head-right corner of the noses in the projected picture, as fractions \
         of its width and height",
        Range::Numbers(-1.0, 2.0),
        LIVE,
    ),
    key(
        "projector.theme",
        "how lines are coloured; auto: as cloth and light ask for",
        Range::Any,
        LIVE,
    ),
    key(
        "projector.gain",
        "light of full white on the cloth as a multiple of the room's light there; None: as the calibration measured it",
        Range::Numbers(0.01, 1000.0),
        LIVE,
    ),
    key(
        "projector.tone.brightness",
        "light of white as a share of all the projector gives",
        Range::Numbers(0.05, 1.0),
        LIVE,
    ),
    key(
        "projector.tone.gamma",
        "exponent of light: more than 1 makes faint light fainter, less brighter",
        Range::Numbers(0.3, 3.0),
        LIVE,
    ),
    key(
        "projector.tone.white",
        "red, green and blue of white, against a tint of lamp or lens",
        Range::Numbers(0.05, 1.0),
        LIVE,
    ),
    key(
        "calibration.profile",
        "name under which the calibration is kept in the state folder",
        Range::Text(plain_name, "letters, digits, - and _, at most 64"),
        Effect::Process,
    ),
    key(
        "calibration.camera_height_m",
        "height of the camera's lens above the cloth as measured with a tape, metres; None: not measured",
        Range::Numbers(0.3, 10.0),
        LIVE,
    ),
    key(
        "calibration.lens",
        "file with the camera's lens that `calibrate camera` made; empty: the lens is found on the table",
        Range::Any,
        LIVE,
    ),
    key(
        "calibration.markers",
        "round stickers of 6 to 30 mm on rails or bed, as measured from the table's middle: toward the foot, to the left, \
         height above the cloth, metres",
        Range::Numbers(-4.0, 4.0),
        LIVE,
    ),
    key(
        "calibration.limit_mm",
        "a calibration whose light lands worse than this anywhere is refused, millimetres",
        Range::Numbers(0.1, 100.0),
        LIVE,
    ),
    key(
        "calibration.table_limit_mm",
        "a calibration that knows the table less well than this (one standard deviation) is refused, millimetres",
        Range::Numbers(0.1, 100.0),
        LIVE,
    ),
    key(
        "calibration.check_every_s",
        "time between two checks of where light lands: faint dots for half a second between shots, seconds; 0: none",
        Range::Numbers(0.0, 86_400.0),
        LIVE,
    ),
    key(
        "calibration.by_itself",
        "calibrate again without being asked where camera, table or projector were moved and the table is clear",
        Range::Any,
        LIVE,
    ),
    key("api.enabled", "listen on the network", Range::Any, API),
    key(
        "api.host",
        "address to listen on",
        Range::Text(host, "an IP address such as 127.0.0.1 or 0.0.0.0, or localhost"),
        API,
    ),
    key(
        "api.port",
        "port to listen on; 0 takes any free one",
        Range::Any,
        API,
    ),
    key(
        "api.require_token",
        "also on this machine nobody comes in without a token: for a proxy that does not say for whom it asks",
        Range::Any,
        API,
    ),
    key(
        "api.tls_certificate",
        "file with the certificate shown to browsers and those that vouch for it (PEM); empty: connections are not encrypted",
        Range::Any,
        API,
    ),
    key("api.tls_key", "file with its private key (PEM)", Range::Any, API),
    key(
        "api.names",
        "further names of this machine, where a proxy on it passes on its own, such as table7.club.example",
        Range::Any,
        API,
    ),
    key(
        "api.origins",
        "pages of other sites that may ask, such as https://club.example",
        Range::Any,
        API,
    ),
    key("core_enabled", "aim and predict", Range::Any, CORE),
    key(
        "log_level",
        "how much is logged",
        Range::Text(
            log_level,
            "error, warn, info, debug, trace, off, or a filter like info,wgpu=error",
        ),
        PROCESS,
    ),
    key(
        "state_folder",
        "folder of what the program keeps; empty: $STATE_DIRECTORY, else billiards-trainer in the user's state folder",
        Range::Any,
        PROCESS,
    ),
    key(
        "shutdown_timeout_s",
        "longest time each module may take to stop, seconds",
        Range::Numbers(0.1, 300.0),
        LIVE,
    ),
    key(
        "system.health_interval_s",
        "time between two looks at the health of all modules, seconds",
        Range::Numbers(0.1, 3600.0),
        LIVE,
    ),
    key(
        "system.worse_after",
        "bad checks in a row before a state gets worse",
        Range::Numbers(1.0, 100.0),
        LIVE,
    ),
    key(
        "system.better_after",
        "good checks in a row before a state gets better",
        Range::Numbers(1.0, 100.0),
        LIVE,
    ),
    key(
        "system.monitoring",
        "watch health and performance",
        Range::Any,
        LIVE,
    ),
    key("system.recovery", "repair by itself what fails", Range::Any, LIVE),
    key(
        "alerts.rules",
        "changes to the usual alert rules, and rules of the site's own",
        Range::Any,
        LIVE,
    ),
    key(
        "alerts.webhooks",
        "who is told over the network",
        Range::Any,
        LIVE,
    ),
    key(
        "alerts.repeat_after_s",
        "a critical alert that nobody has acknowledged is told again after this long, seconds",
        Range::Numbers(300.0, 604_800.0),
        LIVE,
    ),
    key(
        "recovery.modules",
        "what is done about a module in trouble, by module, where it is not the usual",
        Range::Any,
        LIVE,
    ),
    key(
        "recovery.first_pause_s",
        "first pause between two attempts, seconds; it doubles from one to the next",
        Range::Numbers(0.01, 600.0),
        LIVE,
    ),
    key(
        "recovery.longest_pause_s",
        "longest pause between two attempts, seconds",
        Range::Numbers(0.1, 3600.0),
        LIVE,
    ),
    key(
        "recovery.jitter",
        "pauses are longer or shorter by up to this share",
        Range::Numbers(0.0, 0.9),
        LIVE,
    ),
    key(
        "recovery.stable_s",
        "an attempt has helped when all was well for this long, seconds",
        Range::Numbers(1.0, 3600.0),
        LIVE,
    ),
    key(
        "recovery.process_restarts",
        "after so many restarts of the program it comes up in safe mode",
        Range::Numbers(1.0, 100.0),
        LIVE,
    ),
    key(
        "recovery.process_within_s",
        "time those restarts are counted over, seconds",
        Range::Numbers(10.0, 86_400.0),
        LIVE,
    ),
    key(
        "recovery.memory_share",
        "share of memory in use above which caches are cleared",
        Range::Numbers(0.5, 1.0),
        LIVE,
    ),
    key(
        "recovery.modules_down",
        "with so many of core, vision and API in trouble at once the program is restarted",
        Range::Numbers(1.0, 3.0),
        PROCESS,
    ),
];

/// What is known of a key; of one within a list or choice, what is known of that.
pub(super) fn known(path: &str) -> Option<&'static Key> {
    let mut path = path;
    loop {
        if let Some(key) = KEYS.iter().find(|key| key.path == path) {
            return Some(key);
        }
        path = path.rsplit_once(['.', '[']).map(|(section, _)| section)?;
    }
}

/// What a change of this key takes. A key that nobody described takes a restart. A section
/// takes the most that any of its keys takes.
#[must_use]
pub fn effect_of(path: &str) -> Effect {
    if let Some(key) = known(path) {
        return key.effect;
    }
    let inside = |key: &&Key| {
        key.path
            .strip_prefix(path)
            .is_some_and(|rest| rest.starts_with('.'))
    };
    let mut effects = KEYS.iter().filter(inside).map(|key| key.effect);
    match effects.next() {
        Some(first) if effects.all(|e| e == first) => first,
        _ => Effect::Process,
    }
}

const SOURCES: &str = "auto, virtual, virtual:SCENE, camera:ID, video:FILE, images:DIR_OR_GLOB, recording:FILE, http://… or rtsp://…";

fn source(text: &str) -> Result<(), String> {
    match text.parse() {
        Ok(SourceSpec::Virtual(scene)) if !scene.is_empty() => {
            scene.parse::<SceneName>().map(drop).map_err(|e| e.to_string())
        }
        Ok(_) => Ok(()),
        Err(e) => Err(e.to_string()),
    }
}

fn host(text: &str) -> Result<(), String> {
    if text == "localhost" || text.parse::<std::net::IpAddr>().is_ok() {
        Ok(())
    } else {
        Err("give an IP address such as 127.0.0.1 or 0.0.0.0".to_owned())
    }
}

fn plain_name(text: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if (1..=64).contains(&text.len()) && text.chars().all(plain) {
        Ok(())
    } else {
        Err("write a name of letters, digits, - and _, at most 64".to_owned())
    }
}

fn log_level(text: &str) -> Result<(), String> {
    let words = "write error, warn, info, debug or trace";
    // A bare unknown word would be taken for the name of a part of the program, and silence the rest.
    let plain = !text.contains(['=', ',']);
    if plain && text.parse::<tracing_subscriber::filter::LevelFilter>().is_err() {
        return Err(words.to_owned());
    }
    tracing_subscriber::EnvFilter::try_new(text)
        .map(drop)
        .map_err(|e| format!("{words}; {e}"))
}
