//! What to think of the machine itself.

use std::time::Duration;

use super::Finding;
use crate::ops::helpers::{bytes_in_words, duration_in_words};

pub(super) const PLATFORM: &str = "platform";
pub(super) const PROCESSOR: &str = "processor";
pub(super) const MEMORY: &str = "memory";
pub(super) const OPEN_FILES: &str = "open files";
pub(super) const CLOCK: &str = "clock";
pub(super) const SERVICE: &str = "service";

/// What runs here.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Platform {
    /// `Debian GNU/Linux 12 (bookworm)`
    pub system: Option<String>,
    /// Version of the kernel.
    pub kernel: Option<String>,
    /// `linux`, as the program was built.
    pub family: &'static str,
    /// `x86_64`
    pub processor: &'static str,
    /// The build has windows and devices.
    pub whole: bool,
    /// Since the machine was started.
    pub up: Option<Duration>,
}

pub(super) fn platform(facts: &Platform) -> Finding {
    let system = facts.system.as_deref().unwrap_or("an unnamed system");
    let kernel = facts.kernel.as_deref().unwrap_or("of unknown version");
    let up = facts
        .up
        .map(|up| format!(", up {}", duration_in_words(up)))
        .unwrap_or_default();
    let says = format!("{system}, {} {kernel}, {}{up}", facts.family, facts.processor);
    if !facts.whole {
        return Finding::warning(
            PLATFORM,
            format!("{says}; this build has no windows and no devices"),
            "build with the default features: cargo build",
        );
    }
    if facts.family != "linux" {
        return Finding::warning(PLATFORM, says, "use Linux: the trainer was tried on nothing else");
    }
    Finding::ok(PLATFORM, says)
}

/// Processors and how busy they are.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Processor {
    /// Those this program may use.
    pub count: Option<usize>,
    /// `Intel(R) N100`
    pub name: Option<String>,
    /// Programs that wanted to run, averaged over a minute.
    pub load: Option<f64>,
}

pub(super) fn processor(facts: &Processor) -> Finding {
    let Some(count) = facts.count else {
        return Finding::unknown(PROCESSOR, "the system does not tell how many there are", None);
    };
    let name = facts.name.as_deref().unwrap_or("of unknown make");
    let load = facts
        .load
        .map_or_else(|| "load unknown".to_owned(), |l| format!("load {l:.1}"));
    let says = format!("{count} × {name}, {load}");
    if count < 2 {
        let remedy = "use a machine with two cores or more: one looks while the other draws";
        return Finding::warning(PROCESSOR, says, remedy);
    }
    if facts.load.is_some_and(|l| l > count as f64) {
        return Finding::warning(
            PROCESSOR,
            format!("{says}: busier than it can be"),
            "close other programs; `top` shows who is busy",
        );
    }
    Finding::ok(PROCESSOR, says)
}

/// Memory of the machine, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memory {
    pub total: u64,
    /// What programs can still have.
    pub available: u64,
}

/// The trainer holds 250 MB when it draws off-screen; with two windows on a graphics card that has
/// no memory of its own about twice that.
const MEMORY_LEAST_BYTES: u64 = 300_000_000;
const MEMORY_GOOD_BYTES: u64 = 800_000_000;

pub(super) fn memory(facts: Option<Memory>) -> Finding {
    let Some(Memory { total, available }) = facts else {
        return Finding::unknown(MEMORY, "the system does not tell (/proc/meminfo)", None);
    };
    let says = format!("{} free of {}", bytes_in_words(available), bytes_in_words(total));
    let least = bytes_in_words(MEMORY_LEAST_BYTES);
    if available < MEMORY_LEAST_BYTES {
        let remedy = format!("close other programs: the trainer needs {least} or more");
        return Finding::fault(MEMORY, says, remedy);
    }
    if available < MEMORY_GOOD_BYTES {
        let remedy = format!(
            "close other programs: {} should be free",
            bytes_in_words(MEMORY_GOOD_BYTES)
        );
        return Finding::warning(MEMORY, says, remedy);
    }
    Finding::ok(MEMORY, says)
}

/// Open files: the trainer has ten or so, and one for each visitor of its web page.
pub(super) fn open_files(limit: Option<u64>) -> Finding {
    let remedy = "raise it: `ulimit -n 4096` before the start, or LimitNOFILE=4096 in the service";
    match limit {
        None => Finding::ok(OPEN_FILES, "no limit"),
        Some(n) if n < 64 => Finding::fault(OPEN_FILES, format!("at most {n}"), remedy),
        Some(n) if n < 1024 => Finding::warning(OPEN_FILES, format!("at most {n}"), remedy),
        Some(n) => Finding::ok(OPEN_FILES, format!("at most {n}")),
    }
}

/// The clock on the wall.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Clock {
    /// Now, as people write it, and its year.
    pub now: Option<(String, i32)>,
    /// Set over the network; none where nobody knows.
    pub synchronised: Option<bool>,
}

/// The program is no older than this.
const BUILT_YEAR: i32 = 2025;

pub(super) fn clock(facts: &Clock) -> Finding {
    let set = "set it: sudo timedatectl set-ntp true (without a network: sudo timedatectl set-time …)";
    let Some((now, year)) = &facts.now else {
        return Finding::fault(CLOCK, "stands before 1970 or beyond all years", set);
    };
    if *year < BUILT_YEAR || *year > BUILT_YEAR + 75 {
        return Finding::fault(CLOCK, format!("{now}: that can't be"), set);
    }
    match facts.synchronised {
        Some(true) => Finding::ok(CLOCK, format!("{now}, kept right over the network")),
        Some(false) => Finding::warning(
            CLOCK,
            format!("{now}, not kept right over the network"),
            "sudo timedatectl set-ntp true; without a network, look at it now and then",
        ),
        None => Finding::unknown(
            CLOCK,
            format!("{now}; whether it is kept right over the network is not known"),
            Some("compare it with a watch"),
        ),
    }
}

/// The unit of the service manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// There is no systemd here, or it does not answer; why.
    Unknown(String),
    /// There is no such unit.
    Missing,
    /// The words of `systemctl`: `enabled`, `active`.
    Installed { enabled: String, active: String },
}

pub(super) fn service(facts: &Service) -> Finding {
    match facts {
        Service::Unknown(why) => Finding::unknown(SERVICE, why.clone(), None),
        Service::Missing => Finding::warning(
            SERVICE,
            "not installed: the trainer does not start by itself after a power cut",
            "install deploy/systemd/billiards-trainer.service, or start the trainer by hand",
        ),
        Service::Installed { enabled, active } => {
            let says = format!("{enabled}, {active}");
            let starts = ["enabled", "enabled-runtime", "static", "linked"].contains(&enabled.as_str());
            match active.as_str() {
                "failed" => Finding::fault(
                    SERVICE,
                    says,
                    "see why: journalctl -u billiards-trainer -n 50; then sudo systemctl restart billiards-trainer",
                ),
                _ if !starts => Finding::warning(
                    SERVICE,
                    format!("{says}: does not start by itself"),
                    "sudo systemctl enable billiards-trainer",
                ),
                "active" | "activating" | "reloading" => Finding::ok(SERVICE, says),
                _ => Finding::warning(SERVICE, says, "sudo systemctl start billiards-trainer"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict::{Fault, Ok, Unknown, Warning};
    use super::*;

    #[test]
    fn platforms() {
        let good = Platform {
            system: Some("Debian 12".to_owned()),
            kernel: Some("6.1".to_owned()),
            family: "linux",
            processor: "x86_64",
            whole: true,
            up: Some(Duration::from_secs(7200)),
        };
        assert_eq!(platform(&good).says, "Debian 12, linux 6.1, x86_64, up 2 h");
        assert_eq!(platform(&good).verdict, Ok);
        let other = Platform {
            family: "macos",
            ..good.clone()
        };
        let half = Platform { whole: false, ..good };
        assert_eq!(
            (platform(&other).verdict, platform(&half).verdict),
            (Warning, Warning)
        );
    }

    #[test]
    fn processors_and_memory() {
        let cores = |count, load| Processor {
            count,
            load,
            name: None,
        };
        for (facts, verdict) in [
            (cores(Some(4), Some(3.9)), Ok),
            (cores(Some(4), None), Ok),
            (cores(Some(4), Some(4.1)), Warning),
            (cores(Some(1), Some(0.0)), Warning),
            (cores(None, Some(0.0)), Unknown),
        ] {
            assert_eq!(processor(&facts).verdict, verdict, "{facts:?}");
        }
        let free = |available| {
            memory(Some(Memory {
                total: 4_000_000_000,
                available,
            }))
        };
        assert_eq!(free(2_000_000_000).says, "2.0 GB free of 4.0 GB");
        assert_eq!(free(2_000_000_000).verdict, Ok);
        assert_eq!(
            (free(500_000_000).verdict, free(299_999_999).verdict),
            (Warning, Fault)
        );
        assert_eq!(memory(None).verdict, Unknown);
        let limits = [None, Some(1024), Some(1023), Some(63)].map(|n| open_files(n).verdict);
        assert_eq!(limits, [Ok, Ok, Warning, Fault]);
    }

    #[test]
    fn clocks() {
        let told = |year, synchronised| {
            let now = Some((format!("{year}-05-01 12:00"), year));
            clock(&Clock { now, synchronised }).verdict
        };
        assert_eq!(told(2026, Some(true)), Ok);
        assert_eq!(told(2026, Some(false)), Warning);
        assert_eq!(told(2026, None), Unknown);
        assert_eq!((told(1970, Some(true)), told(2190, None)), (Fault, Fault));
        assert_eq!(clock(&Clock::default()).verdict, Fault);
    }

    #[test]
    fn services() {
        let unit = |enabled: &str, active: &str| {
            let installed = Service::Installed {
                enabled: enabled.to_owned(),
                active: active.to_owned(),
            };
            service(&installed).verdict
        };
        assert_eq!(unit("enabled", "active"), Ok);
        assert_eq!(unit("enabled", "failed"), Fault);
        assert_eq!(unit("disabled", "active"), Warning);
        assert_eq!(unit("enabled", "inactive"), Warning);
        assert_eq!(service(&Service::Missing).verdict, Warning);
        assert_eq!(
            service(&Service::Unknown("no systemd".to_owned())).verdict,
            Unknown
        );
    }
}
