//! The machine and this process, sampled on a thread of its own.

mod proc;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bevy::prelude::Resource;
use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use sysinfo::{
    Components, CpuRefreshKind, MemoryRefreshKind, Networks, Pid, ProcessRefreshKind, ProcessesToUpdate,
    RefreshKind, System,
};

use crate::ops::backup::{BackupStatus, Done};
use crate::ops::installation::Installation;
use crate::system::metrics::{Metric, Sample};
use crate::system::thread_time::thread_cpu_s;

/// Time between two samples.
const EVERY: Duration = Duration::from_secs(1);
/// Time between two looks at what changes slowly or costs more: disk, sensors, processes, threads.
const SLOW_EVERY: Duration = Duration::from_secs(10);

/// One sample of the machine and of this process. `None`: can't be measured here, or not yet.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ResourceSample {
    /// This process: share of one core.
    pub process_cpu: Option<f64>,
    /// This process's busiest thread over the last ten seconds: share of one core.
    pub process_thread_cpu_max: Option<f64>,
    /// This process: resident bytes.
    pub process_memory_bytes: Option<u64>,
    /// This process: threads.
    pub process_threads: Option<u64>,
    /// This process: open file descriptors.
    pub process_open_files: Option<u64>,
    /// The machine: share of all cores, 0..1.
    pub system_cpu: Option<f64>,
    /// The machine: load average of the last minute.
    pub system_load: Option<f64>,
    /// The machine: share of memory, 0..1.
    pub system_memory: Option<f64>,
    /// The machine: bytes of memory that programs can still have.
    pub system_memory_available_bytes: Option<u64>,
    /// The disk of the state folder: share in use, 0..1.
    pub disk_used: Option<f64>,
    /// The disk of the state folder: bytes that are free for us.
    pub disk_free_bytes: Option<u64>,
    /// All network interfaces but loopback: bytes received a second.
    pub network_received_bytes_per_s: Option<f64>,
    /// All network interfaces but loopback: bytes sent a second.
    pub network_sent_bytes_per_s: Option<f64>,
    /// Time since the last good backup, the last good look through all of them, and the last good restore for practice, seconds.
    pub backup_age_s: [Option<f64>; 3],
    /// The hottest sensor, °C.
    pub temperature_celsius: Option<f64>,
    /// Processes on the machine.
    pub processes: Option<u64>,
    /// This process: growth in the slowest five seconds of the last thirty, bytes a second.
    pub process_memory_growth_bytes_per_s: Option<f64>,
    /// This sampling itself: share of one core.
    pub sampling_cpu: Option<f64>,
}

impl ResourceSample {
    /// Puts what is measured here into a sample of everything. [`Metric::MonitoringCpu`] gets the cost of
    /// this sampling alone.
    pub fn write(&self, sample: &mut Sample) {
        let whole = |value: Option<u64>| value.map(|value| value as f64);
        let [backup, verify, drill] = self.backup_age_s;
        for (metric, value) in [
            (Metric::ProcessCpu, self.process_cpu),
            (Metric::ProcessThreadCpuMax, self.process_thread_cpu_max),
            (Metric::ProcessMemory, whole(self.process_memory_bytes)),
            (
                Metric::ProcessMemoryGrowth,
                self.process_memory_growth_bytes_per_s,
            ),
            (Metric::ProcessThreads, whole(self.process_threads)),
            (Metric::ProcessOpenFiles, whole(self.process_open_files)),
            (Metric::SystemCpu, self.system_cpu),
            (Metric::SystemLoad, self.system_load),
            (Metric::SystemMemoryUsed, self.system_memory),
            (
                Metric::SystemMemoryAvailable,
                whole(self.system_memory_available_bytes),
            ),
            (Metric::SystemDiskUsed, self.disk_used),
            (Metric::SystemDiskFree, whole(self.disk_free_bytes)),
            (Metric::SystemNetworkReceived, self.network_received_bytes_per_s),
            (Metric::SystemNetworkSent, self.network_sent_bytes_per_s),
            (Metric::BackupAge, backup),
            (Metric::BackupVerifyAge, verify),
            (Metric::BackupDrillAge, drill),
            (Metric::SystemTemperature, self.temperature_celsius),
            (Metric::SystemProcesses, whole(self.processes)),
            (Metric::MonitoringCpu, self.sampling_cpu),
        ] {
            sample.set(metric, value);
        }
    }
}

/// The newest sample. The thread ends when this handle and its clones are gone.
#[derive(Clone, Debug, Resource)]
pub struct Resources {
    newest: Arc<Mutex<ResourceSample>>,
    /// Closed when the last handle goes: that wakes the thread up.
    _alive: Arc<Sender<()>>,
}

impl Resources {
    /// Starts sampling, without a disk.
    #[must_use]
    pub fn start() -> Self {
        Self::begin(None)
    }

    /// Starts sampling; `state` is the folder whose disk is looked at.
    #[must_use]
    pub fn start_with(state: PathBuf) -> Self {
        Self::begin(Some(state))
    }

    fn begin(state: Option<PathBuf>) -> Self {
        let (alive, gone) = bounded(1);
        let resources = Self {
            newest: Arc::default(),
            _alive: Arc::new(alive),
        };
        let newest = resources.newest.clone();
        let spawned = std::thread::Builder::new()
            .name("resources".to_owned())
            .spawn(move || {
                let mut sampler = Sampler::new(state);
                loop {
                    let sample = sampler.sample();
                    *newest.lock().unwrap_or_else(PoisonError::into_inner) = sample;
                    if gone.recv_timeout(EVERY) == Err(RecvTimeoutError::Disconnected) {
                        break;
                    }
                }
            });
        if let Err(error) = spawned {
            tracing::warn!("processor and memory are not measured: no thread can be started ({error})");
        }
        resources
    }

    /// The newest sample.
    #[must_use]
    pub fn latest(&self) -> ResourceSample {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes samples, on the thread that it is called from; not more than one a second.
#[derive(Debug)]
pub struct Sampler {
    system: System,
    networks: Networks,
    components: Components,
    own: Option<Pid>,
    state: Option<PathBuf>,
    /// Whose backups are looked at.
    installation: Option<Installation>,
    threads: proc::Threads,
    newest: ResourceSample,
    grown: Grown,
    /// When the newest was taken, and the processor seconds of this thread then.
    taken: Option<(Instant, Option<f64>)>,
    slow_taken: Option<Instant>,
}

impl Sampler {
    /// `state`: the folder whose disk is looked at.
    #[must_use]
    pub fn new(state: Option<PathBuf>) -> Self {
        Self {
            system: System::new_with_specifics(
                RefreshKind::nothing()
                    .with_cpu(CpuRefreshKind::nothing().with_cpu_usage())
                    .with_memory(MemoryRefreshKind::nothing().with_ram()),
            ),
            networks: Networks::new_with_refreshed_list(),
            components: Components::new(),
            own: sysinfo::get_current_pid().ok(),
            installation: Installation::of_running(state.clone()),
            state,
            threads: proc::Threads::default(),
            newest: ResourceSample::default(),
            grown: Grown::default(),
            taken: None,
            slow_taken: None,
        }
    }

    /// A new sample; the former one when that is younger than nine tenths of a second.
    pub fn sample(&mut self) -> ResourceSample {
        let now = Instant::now();
        let passed = self.taken.map(|(taken, _)| now.saturating_duration_since(taken));
        if passed.is_some_and(|passed| passed < EVERY.mul_f64(0.9)) {
            return self.newest;
        }
        // Shares and rates are differences between two readings: the first one says nothing.
        let passed_s = passed.map(|passed| passed.as_secs_f64());
        self.machine(passed_s);
        self.process(now, passed_s);
        if self
            .slow_taken
            .is_none_or(|taken| now.saturating_duration_since(taken) >= SLOW_EVERY.mul_f64(0.95))
        {
            self.slow_taken = Some(now);
            self.slow(now);
        }
        let cpu_s = thread_cpu_s();
        let before = self.taken.and_then(|(_, before)| before);
        self.newest.sampling_cpu = (|| Some((cpu_s? - before?) / passed_s?))();
        self.taken = Some((now, cpu_s));
        self.newest
    }

    fn machine(&mut self, passed_s: Option<f64>) {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        self.networks.refresh(true);
        let outside = || self.networks.iter().filter(|(name, _)| *name != "lo");
        let rate = |bytes: u64| passed_s.map(|passed_s| bytes as f64 / passed_s);
        let total = self.system.total_memory() as f64;
        let sample = &mut self.newest;
        sample.system_cpu = passed_s.map(|_| f64::from(self.system.global_cpu_usage()) / 100.0);
        sample.system_memory = (total > 0.0).then(|| self.system.used_memory() as f64 / total);
        sample.system_memory_available_bytes = (total > 0.0).then(|| self.system.available_memory());
        sample.system_load = cfg!(unix).then(|| System::load_average().one);
        sample.network_received_bytes_per_s = rate(outside().map(|(_, data)| data.received()).sum());
        sample.network_sent_bytes_per_s = rate(outside().map(|(_, data)| data.transmitted()).sum());
    }

    fn process(&mut self, now: Instant, passed_s: Option<f64>) {
        let Some(pid) = self.own else { return };
        let kind = ProcessRefreshKind::nothing().with_cpu().with_memory();
        self.system
            .refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, kind);
        let process = self.system.process(pid);
        let sample = &mut self.newest;
        sample.process_cpu = process
            .filter(|_| passed_s.is_some())
            .map(|process| f64::from(process.cpu_usage()) / 100.0);
        sample.process_memory_bytes = process.map(sysinfo::Process::memory);
        self.grown.push(now, sample.process_memory_bytes);
        sample.process_memory_growth_bytes_per_s = self.grown.slowest_bytes_per_s();
        sample.process_threads = proc::thread_count();
        sample.process_open_files = proc::open_files();
    }

    fn slow(&mut self, now: Instant) {
        self.components.refresh(true);
        let sample = &mut self.newest;
        sample.temperature_celsius = self
            .components
            .iter()
            .filter_map(|sensor| sensor.temperature().map(f64::from))
            // What is not connected shows values that no living machine has.
            .filter(|celsius| (-40.0..=150.0).contains(celsius))
            .max_by(f64::total_cmp);
        sample.processes = proc::processes();
        sample.process_thread_cpu_max = self.threads.busiest(now);
        let disk = self.state.as_deref().and_then(disk);
        sample.disk_used = disk.map(|(used, _)| used);
        sample.disk_free_bytes = disk.map(|(_, free)| free);
        sample.backup_age_s = self.installation.as_ref().map_or([None; 3], backup_ages_s);
    }
}

/// How old the last good backup, verification and drill are.
fn backup_ages_s(place: &Installation) -> [Option<f64>; 3] {
    let status = BackupStatus::load(place);
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    // A clock that was put back makes nothing younger than new.
    let age = |done: &Done| done.last_good_unix_s.map(|at| (now - at).max(0) as f64);
    [&status.backup, &status.verify, &status.drill].map(age)
}

/// Memory of the last half minute.
#[derive(Debug, Default)]
struct Grown(VecDeque<(Instant, f64)>);

/// Pieces of time that are compared, and how many of them must show growth.
const PIECE: Duration = Duration::from_secs(5);
const PIECES: u32 = 6;

impl Grown {
    fn push(&mut self, now: Instant, bytes: Option<u64>) {
        let Some(bytes) = bytes else { return };
        self.0.push_back((now, bytes as f64));
        // One older than the span is needed to know how it began.
        let is_old = |(at, _): &(Instant, f64)| now.saturating_duration_since(*at) >= PIECE * PIECES;
        while self.0.get(1).is_some_and(is_old) {
            self.0.pop_front();
        }
    }

    /// Growth in the slowest piece, bytes a second, or 0; `None` before there are enough. A step, a cache that is full
    /// at last, a picture that comes and goes: none of them grows in every piece.
    fn slowest_bytes_per_s(&self) -> Option<f64> {
        let (end, _) = *self.0.back()?;
        let at = |piece: u32| {
            let mut young = self.0.iter().rev();
            young.find(|(at, _)| end.saturating_duration_since(*at) >= PIECE * piece)
        };
        let mut slowest = f64::INFINITY;
        for piece in 0..PIECES {
            let ((late, more), (early, less)) = (at(piece)?, at(piece + 1)?);
            let passed_s = late.saturating_duration_since(*early).as_secs_f64();
            slowest = slowest.min((more - less) / passed_s.max(1.0));
        }
        Some(slowest.max(0.0))
    }
}

/// Share in use and free bytes of the disk that a folder is on, or will be on. As `df` counts: what is
/// kept back for the administrator is neither used nor free.
fn disk(folder: &std::path::Path) -> Option<(f64, u64)> {
    let there = folder.ancestors().find(|folder| folder.exists())?;
    let disk = rustix::fs::statvfs(if there.as_os_str().is_empty() {
        ".".as_ref()
    } else {
        there
    })
    .ok()?;
    let used = disk.f_blocks.saturating_sub(disk.f_bfree) as f64;
    let usable = used + disk.f_bavail as f64;
    (usable > 0.0).then(|| (used / usable, disk.f_bavail.saturating_mul(disk.f_frsize)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_machine_can_measure_is_measured_and_plausible() {
        let mut sampler = Sampler::new(Some(std::env::temp_dir().join("not/there/yet")));
        let first = sampler.sample();
        assert_eq!(
            (
                first.system_cpu,
                first.network_sent_bytes_per_s,
                first.sampling_cpu
            ),
            (None, None, None)
        );
        assert_eq!(sampler.sample(), first, "not more than once a second");
        let work = std::thread::spawn(|| {
            let begin = Instant::now();
            while begin.elapsed() < EVERY {
                std::hint::spin_loop();
            }
        });
        work.join().unwrap();
        let sample = sampler.sample();
        assert!(
            sample.system_cpu.is_some_and(|share| share > 0.0 && share <= 1.0),
            "{sample:?}"
        );
        assert!(
            sample
                .system_memory
                .is_some_and(|share| share > 0.0 && share < 1.0),
            "{sample:?}"
        );
        assert!(
            sample.process_memory_bytes.is_some_and(|bytes| bytes > 1_000_000),
            "{sample:?}"
        );
        assert!(
            sample.disk_used.is_some_and(|share| (0.0..=1.0).contains(&share)),
            "{sample:?}"
        );
        assert!(sample.process_cpu.is_some_and(|share| share > 0.1), "{sample:?}");
        if cfg!(target_os = "linux") {
            assert!(sample.process_threads.is_some_and(|n| n >= 2), "{sample:?}");
            assert!(
                sample
                    .process_open_files
                    .is_some_and(|n| (3..10_000).contains(&n)),
                "{sample:?}"
            );
            assert!(sample.processes.is_some_and(|n| n >= 1), "{sample:?}");
            assert!(
                sample
                    .sampling_cpu
                    .is_some_and(|share| (0.0..0.5).contains(&share)),
                "{sample:?}"
            );
            assert!(sample.system_load.is_some());
        }
        let mut all = Sample::new(1.0);
        sample.write(&mut all);
        assert_eq!(all.get(Metric::SystemCpu), sample.system_cpu);
        assert_eq!(all.get(Metric::VisionRate), None);
    }

    #[test]
    fn the_thread_samples_and_ends_with_its_last_handle() {
        let resources = Resources::start();
        let other = resources.clone();
        drop(resources);
        let newest = Arc::downgrade(&other.newest);
        while other.latest() == ResourceSample::default() {
            std::thread::yield_now();
        }
        assert_eq!(other.latest().disk_used, None);
        drop(other);
        while newest.strong_count() > 0 {
            std::thread::yield_now();
        }
    }

    /// What is told of memory that is `bytes(s)` after s seconds, at the end of each.
    fn growth(bytes: impl Fn(u32) -> f64, length_s: u32) -> Vec<Option<f64>> {
        let (mut grown, start) = (Grown::default(), Instant::now());
        (0..length_s)
            .map(|s| {
                grown.push(start + Duration::from_secs(s.into()), Some(bytes(s) as u64));
                assert!(grown.0.len() < 40);
                grown.slowest_bytes_per_s()
            })
            .collect()
    }

    #[test]
    fn only_memory_that_grows_without_a_pause_is_told() {
        let leak = growth(|s| 3e8 + 1e7 * f64::from(s), 90);
        assert!(leak[..30].iter().all(Option::is_none), "too early to tell");
        assert!(
            leak[30..]
                .iter()
                .all(|g| g.is_some_and(|g| (g - 1e7).abs() < 1.0))
        );
        // A camera in 4K is opened; a cache fills in ten seconds; pictures come and go.
        for calm in [
            growth(|s| if s < 40 { 3e8 } else { 8e8 }, 120),
            growth(|s| 3e8 + 2e7 * f64::from(s.clamp(40, 50)), 120),
            growth(|s| 3e8 + 5e7 * f64::from(s % 7), 120),
        ] {
            assert!(calm[30..].iter().all(|g| *g == Some(0.0)), "{calm:?}");
        }
    }
}
