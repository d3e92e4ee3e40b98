//! What is broken, and what must come of it.

/// One fault and what is promised about it.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The number in the fault matrix, with a letter where there are several.
    pub id: &'static str,
    /// In words.
    pub what: &'static str,
    /// The fault script.
    pub script: &'static str,
    /// How it is shown.
    pub kind: Kind,
    /// It is part of the quick run.
    pub quick: bool,
}

/// How a fault is measured, and what must come of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Something goes wrong in one module and comes right again.
    Module {
        /// Which.
        module: &'static str,
        /// Noticed within, seconds.
        detect_s: f64,
        /// All well within, seconds after it was noticed, or where the fault lasts, after its end.
        recover_s: f64,
        /// The module is started again for it.
        restarts: bool,
    },
    /// The process goes and a new one comes.
    Process {
        /// Gone within, seconds after the fault.
        detect_s: f64,
        /// The new one is ready within, seconds after that.
        recover_s: f64,
    },
    /// Nothing may be restarted by it, and all must be well at the end.
    Harmless,
    /// It crashes at every start: it must end in safe mode.
    CrashLoop,
    /// Killed again and again.
    KillNine,
    /// Told to end again and again, under load.
    Terminate,
    /// All processors are busy.
    Starved,
    /// It may open only few files.
    FewFiles,
    /// The projector's window is closed on a real display.
    Window,
    /// The graphics card is lost.
    LostGpu,
    /// The settings file is spoilt, and the signal to read it comes.
    Settings,
    /// The file of the history is spoilt between two runs.
    History,
    /// The disk of the state folder is really full, then really read-only.
    Disk,
    /// The clock jumps.
    Clock,
    /// Nobody on the network can be reached.
    Offline,
    /// An alert is raised, and nothing else happens.
    Alert {
        /// Its key.
        name: &'static str,
        /// Within, seconds after the fault.
        within_s: f64,
    },
}

const fn case(id: &'static str, what: &'static str, script: &'static str, kind: Kind, quick: bool) -> Case {
    Case {
        id,
        what,
        script,
        kind,
        quick,
    }
}

const fn module(module: &'static str, detect_s: f64, recover_s: f64, restarts: bool) -> Kind {
    Kind::Module {
        module,
        detect_s,
        recover_s,
        restarts,
    }
}

/// The part of the fault matrix that needs no virtual machine.
pub const CASES: &[Case] = &[
    case(
        "F1",
        "camera unplugged for 3 s",
        "[(at_s: 6, does: lose_camera, for_s: 3)]",
        module("vision", 1.0, 1.0, false),
        true,
    ),
    case(
        "F2",
        "camera gives one picture again and again",
        "[(at_s: 6, does: freeze_picture, for_s: 3)]",
        module("vision", 1.5, 1.0, false),
        true,
    ),
    case(
        "F2b",
        "camera gives no frames for 4 s",
        "[(at_s: 6, does: stall_camera, for_s: 4)]",
        module("vision", 1.5, 1.0, false),
        false,
    ),
    case(
        "F3",
        "lens covered for 3 s",
        "[(at_s: 6, does: black_picture, for_s: 3)]",
        module("vision", 3.0, 1.0, false),
        false,
    ),
    case(
        "F3b",
        "picture white for 3 s",
        "[(at_s: 6, does: white_picture, for_s: 3)]",
        module("vision", 3.0, 1.0, false),
        false,
    ),
    case(
        "F4",
        "picture is noise for 3 s",
        "[(at_s: 6, does: noise_picture, for_s: 3)]",
        module("vision", 3.0, 1.0, false),
        false,
    ),
    case(
        "F4b",
        "every second frame of another size for 5 s",
        "[(at_s: 6, does: bad_frames, for_s: 5)]",
        module("vision", 3.0, 5.0, false),
        false,
    ),
    case(
        "F5",
        "camera fails for a moment",
        "[(at_s: 6, does: lose_camera, for_s: 0.2)]",
        module("vision", 1.0, 1.0, false),
        false,
    ),
    case(
        "F6",
        "panic in vision's systems",
        "[(at_s: 6, does: panic, point: vision_step)]",
        module("vision", 1.0, 3.0, true),
        true,
    ),
    case(
        "F6b",
        "panic while looking at a frame",
        "[(at_s: 6, does: panic, point: look)]",
        module("vision", 1.5, 3.0, false),
        false,
    ),
    case(
        "F6c",
        "panic while capturing",
        "[(at_s: 6, does: panic, point: capture)]",
        module("vision", 1.0, 3.0, false),
        false,
    ),
    case(
        "F6d",
        "panic in the core",
        "[(at_s: 6, does: panic, point: core_step)]",
        module("core", 1.0, 3.0, true),
        true,
    ),
    case(
        "F6e",
        "panic in the projector",
        "[(at_s: 6, does: panic, point: projector_step)]",
        module("projector", 1.0, 3.0, true),
        false,
    ),
    case(
        "F7",
        "looking at a frame never ends",
        "[(at_s: 6, does: hang, point: look)]",
        module("vision", 3.0, 3.0, true),
        true,
    ),
    case(
        "F7b",
        "the core never ends",
        "[(at_s: 6, does: hang, point: core_step)]",
        Kind::Process {
            detect_s: 3.0,
            recover_s: 5.0,
        },
        true,
    ),
    case(
        "F8",
        "the main loop stands still",
        "[(at_s: 6, does: hang, point: main_loop)]",
        Kind::Process {
            detect_s: 3.0,
            recover_s: 5.0,
        },
        false,
    ),
    case(
        "F9",
        "the projector's window is closed",
        "[(at_s: 8, does: close_window)]",
        Kind::Window,
        false,
    ),
    case(
        "F10",
        "the graphics card is lost",
        "[(at_s: 6, does: lose_gpu)]",
        Kind::LostGpu,
        false,
    ),
    case(
        "F11",
        "the API's thread panics",
        "[(at_s: 6, does: panic, point: api_thread)]",
        module("api", 1.0, 1.0, true),
        true,
    ),
    case(
        "F11b",
        "the API's thread hangs",
        "[(at_s: 6, does: hang, point: api_thread, for_s: 2.5)]",
        module("api", 3.0, 1.0, true),
        false,
    ),
    case(
        "F12",
        "the disk is full for 5 s",
        "[(at_s: 6, does: fail_writes, for_s: 5), (at_s: 6.5, does: panic, point: core_step)]",
        module("config", 2.0, 3.0, false),
        false,
    ),
    case(
        "F14",
        "few files may be open, 200 connections",
        "[]",
        Kind::FewFiles,
        false,
    ),
    case(
        "F13",
        "the disk is really full, then read-only",
        "[]",
        Kind::Disk,
        false,
    ),
    case(
        "F15",
        "settings spoilt while running and before (F16)",
        "[]",
        Kind::Settings,
        false,
    ),
    case(
        "F17",
        "memory leaks, 10 MB a second",
        "[(at_s: 6, does: leak_memory, for_s: 60, size: 10)]",
        Kind::Alert {
            name: "memory_leak",
            within_s: 60.0,
        },
        false,
    ),
    case("F18", "all processors busy for 15 s", "[]", Kind::Starved, false),
    case(
        "F19",
        "the clock jumps by hours, days, to 1970",
        "[]",
        Kind::Clock,
        false,
    ),
    case(
        "F20",
        "SIGTERM at any time, under load, 10 times",
        "[]",
        Kind::Terminate,
        false,
    ),
    case("F21", "kill -9 at any time, 5 times", "[]", Kind::KillNine, false),
    case(
        "F21b",
        "the process aborts",
        "[(at_s: 6, does: abort)]",
        Kind::Process {
            detect_s: 1.0,
            recover_s: 5.0,
        },
        false,
    ),
    case(
        "F32",
        "20,000 lines a second in the log for 5 s",
        "[(at_s: 6, does: flood_log, for_s: 5, size: 20000)]",
        Kind::Harmless,
        false,
    ),
    case(
        "F6f",
        "two stalls of 0.8 s in the main loop",
        "[(at_s: 6, does: hang, point: main_loop, for_s: 0.8), (at_s: 8, does: hang, point: main_loop, for_s: 0.8)]",
        Kind::Harmless,
        false,
    ),
    case("F33", "no network, nobody to be told", "[]", Kind::Offline, false),
    case(
        "F34",
        "it crashes at every start",
        "[(at_s: 1, does: abort)]",
        Kind::CrashLoop,
        false,
    ),
    case("F35", "the history's file is spoilt", "[]", Kind::History, false),
];
