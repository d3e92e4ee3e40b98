//! Processor and memory, sampled on a thread of its own.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bevy::prelude::Resource;
use sysinfo::{
    CpuRefreshKind, MemoryRefreshKind, ProcessRefreshKind, ProcessesToUpdate, RefreshKind, System,
};

/// Time between two samples.
const EVERY: Duration = Duration::from_secs(1);

/// One sample of the machine and of this process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ResourceSample {
    /// This process: share of one core.
    pub process_cpu: Option<f64>,
    /// This process: resident bytes.
    pub process_memory_bytes: Option<u64>,
    /// The machine: share of all cores, 0..1.
    pub system_cpu: Option<f64>,
    /// The machine: share of memory, 0..1.
    pub system_memory: Option<f64>,
}

/// The newest sample.
#[derive(Clone, Debug, Default, Resource)]
pub struct Resources(Arc<Mutex<ResourceSample>>);

impl Resources {
    /// Starts sampling; ends by itself when this handle and its clones are gone.
    #[must_use]
    pub fn start() -> Self {
        let shared = Self::default();
        let weak = Arc::downgrade(&shared.0);
        let spawned = std::thread::Builder::new()
            .name("resources".to_owned())
            .spawn(move || {
                let mut system = System::new_with_specifics(
                    RefreshKind::nothing()
                        .with_cpu(CpuRefreshKind::nothing().with_cpu_usage())
                        .with_memory(MemoryRefreshKind::nothing().with_ram()),
                );
                let own = sysinfo::get_current_pid().ok();
                // Shares are differences between two readings: the first one says nothing.
                let mut first = true;
                while let Some(shared) = weak.upgrade() {
                    system.refresh_cpu_usage();
                    system.refresh_memory();
                    if let Some(pid) = own {
                        let kind = ProcessRefreshKind::nothing().with_cpu().with_memory();
                        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, kind);
                    }
                    let process = own.and_then(|pid| system.process(pid));
                    let total = system.total_memory() as f64;
                    let sample = ResourceSample {
                        process_cpu: process
                            .filter(|_| !first)
                            .map(|p| f64::from(p.cpu_usage()) / 100.0),
                        process_memory_bytes: process.map(sysinfo::Process::memory),
                        system_cpu: (!first).then(|| f64::from(system.global_cpu_usage()) / 100.0),
                        system_memory: (total > 0.0).then(|| system.used_memory() as f64 / total),
                    };
                    *shared.lock().unwrap_or_else(PoisonError::into_inner) = sample;
                    drop(shared);
                    first = false;
                    std::thread::sleep(EVERY);
                }
            });
        if let Err(error) = spawned {
            tracing::warn!("processor and memory are not measured: no thread can be started ({error})");
        }
        shared
    }

    /// The newest sample.
    #[must_use]
    pub fn latest(&self) -> ResourceSample {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
