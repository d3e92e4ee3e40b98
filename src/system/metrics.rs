//! The catalogue of everything that is measured, and one second of it.

use serde::Serialize;

/// The part of the program that a metric is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The machine and this process.
    System,
    /// Camera and eyes.
    Vision,
    /// Physics and trainer.
    Core,
    /// The network server.
    Api,
    /// What is drawn on the cloth.
    Projector,
}

/// How a value behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only goes up; starts at zero when the program starts.
    Counter,
}

/// What there is to know about a metric, apart from its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Info {
    /// Lasting name, snake case, ends in the unit: `vision_frame_age_seconds`.
    pub id: &'static str,
    /// `seconds`, `bytes`, `ratio` (0..1), `hertz`, `celsius`, `metres`, …; empty for plain numbers.
    pub unit: &'static str,
    /// Which part it is about.
    pub part: Part,
    /// How it behaves.
    pub kind: Kind,
    /// One line in words.
    pub help: &'static str,
}

macro_rules! catalogue {
    ($($name:ident $part:ident $kind:ident $id:literal $unit:literal $help:literal)*) => {
        /// A measured quantity.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Metric {
            $(#[doc = $help] $name,)*
        }

        impl Metric {
            /// Every metric, in the order of the catalogue.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$name,)*];
            /// How many there are.
            pub const COUNT: usize = [$($id,)*].len();

            /// What there is to know about it.
            #[must_use]
            pub const fn info(self) -> Info {
                match self {
                    $(Self::$name => Info {
                        id: $id, unit: $unit, part: Part::$part, kind: Kind::$kind, help: $help,
                    },)*
                }
            }
        }
    };
}

catalogue! {
    SystemCpu System Gauge "system_cpu_ratio" "ratio" "Processor time in use, share of all cores."
    SystemLoad System Gauge "system_load_average" "" "Load average of the last minute."
    SystemMemoryUsed System Gauge "system_memory_used_ratio" "ratio" "Memory in use, share of all memory."
    SystemMemoryAvailable System Gauge "system_memory_available_bytes" "bytes" "Memory that programs can still have."
    SystemDiskUsed System Gauge "system_disk_used_ratio" "ratio" "Space in use on the disk of the state folder."
    SystemDiskFree System Gauge "system_disk_free_bytes" "bytes" "Free space on the disk of the state folder."
    SystemNetworkReceived System Gauge "system_network_received_bytes_per_second" "bytes_per_second" "Received over all network interfaces but loopback."
    SystemNetworkSent System Gauge "system_network_sent_bytes_per_second" "bytes_per_second" "Sent over all network interfaces but loopback."
    SystemTemperature System Gauge "system_temperature_celsius" "celsius" "The hottest sensor of the machine."
    SystemProcesses System Gauge "system_processes" "" "Processes on the machine."
    ProcessCpu System Gauge "process_cpu_ratio" "ratio" "Processor time of this process, share of one core."
    ProcessThreadCpuMax System Gauge "process_thread_cpu_max_ratio" "ratio" "Processor time of this process's busiest thread, share of one core."
    ProcessMemory System Gauge "process_resident_memory_bytes" "bytes" "Resident memory of this process."
    ProcessMemoryGrowth System Gauge "process_memory_growth_bytes_per_second" "bytes_per_second" "Growth of this process's memory in the slowest five seconds of the last thirty: large only where it grows without a pause."
    ProcessThreads System Gauge "process_threads" "" "Threads of this process."
    ProcessOpenFiles System Gauge "process_open_files" "" "Open file descriptors of this process."
    BackupAge System Gauge "backup_age_seconds" "seconds" "Time since the last good backup."
    BackupVerifyAge System Gauge "backup_verify_age_seconds" "seconds" "Time since backups were last looked through and found whole."
    BackupDrillAge System Gauge "backup_drill_age_seconds" "seconds" "Time since a backup was last restored for practice, and was right."
    LoopRate System Gauge "loop_rate_hertz" "hertz" "Turns of the main loop a second."
    MonitoringCpu System Gauge "monitoring_cpu_ratio" "ratio" "Processor time of monitoring's own threads, share of one core."
    HistoryLost System Counter "history_lost_samples_total" "" "Samples that could not be kept on disk."
    VisionRate Vision Gauge "vision_rate_hertz" "hertz" "Frames analysed a second."
    VisionSourceRate Vision Gauge "vision_source_rate_hertz" "hertz" "Frames delivered by the source a second."
    VisionTimeP50 Vision Gauge "vision_time_p50_seconds" "seconds" "Time to analyse a frame, median."
    VisionTimeP95 Vision Gauge "vision_time_p95_seconds" "seconds" "Time to analyse a frame, 95th percentile."
    VisionFrameAge Vision Gauge "vision_frame_age_seconds" "seconds" "Age of the newest analysed frame."
    VisionFrames Vision Counter "vision_frames_total" "" "Frames analysed."
    VisionDropped Vision Counter "vision_frames_dropped_total" "" "Frames dropped because a newer one was there."
    VisionDropShare Vision Gauge "vision_drop_ratio" "ratio" "Dropped frames, share of those delivered over the last seconds."
    VisionConfidence Vision Gauge "vision_confidence_ratio" "ratio" "Mean confidence of the balls that are seen."
    VisionFaults Vision Counter "vision_faults_total" "" "Faults caught in vision."
    CoreUpdateP50 Core Gauge "core_update_p50_seconds" "seconds" "Time of one turn of the core, median."
    CorePredictionP50 Core Gauge "core_prediction_p50_seconds" "seconds" "Time to predict a shot, median."
    CoreSuggestionP50 Core Gauge "core_suggestion_p50_seconds" "seconds" "Time to make suggestions, median."
    CorePredictionError Core Gauge "core_prediction_error_metres" "metres" "Distance between predicted and true place of rest, median of the last shots."
    CorePredictions Core Counter "core_predictions_total" "" "Shots predicted."
    CoreFaults Core Counter "core_faults_total" "" "Faults caught in the core."
    ApiRequestRate Api Gauge "api_request_rate_hertz" "hertz" "Requests answered a second."
    ApiLatencyP50 Api Gauge "api_latency_p50_seconds" "seconds" "Time to answer a request, median."
    ApiLatencyP95 Api Gauge "api_latency_p95_seconds" "seconds" "Time to answer a request, 95th percentile."
    ApiLatencyP99 Api Gauge "api_latency_p99_seconds" "seconds" "Time to answer a request, 99th percentile."
    ApiRequests Api Counter "api_requests_total" "" "Requests answered."
    ApiErrors Api Counter "api_errors_total" "" "Requests answered with a server error."
    ApiErrorShare Api Gauge "api_error_ratio" "ratio" "Server errors, share of the requests of the last minute."
    ApiClients Api Gauge "api_clients" "" "Connected clients."
    ApiCertificate Api Gauge "api_certificate_remaining_seconds" "seconds" "Time until the network server's certificate is over."
    ApiFaults Api Counter "api_faults_total" "" "Faults caught in the network server."
    ProjectorFrameTime Projector Gauge "projector_frame_time_seconds" "seconds" "Time between two pictures on the projector."
    ProjectorMissed Projector Counter "projector_frames_missed_total" "" "Pictures that came too late for the projector."
    ProjectorLatencyP50 Projector Gauge "projector_latency_p50_seconds" "seconds" "From a frame's capture to the overlay that came of it, median."
    ProjectorLatencyP95 Projector Gauge "projector_latency_p95_seconds" "seconds" "From a frame's capture to the overlay that came of it, 95th percentile."
    ProjectorFaults Projector Counter "projector_faults_total" "" "Faults caught in the projector."
}

impl Metric {
    /// The metric with this id.
    #[must_use]
    pub fn named(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.id() == id)
    }

    /// Its lasting name.
    #[must_use]
    pub const fn id(self) -> &'static str {
        self.info().id
    }

    /// Its place in the catalogue.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// All metrics at one moment. `None`: not measured (then).
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Monotonic seconds since start.
    pub at_s: f64,
    values: [Option<f64>; Metric::COUNT],
}

impl Sample {
    /// Nothing is measured yet at `at_s`, monotonic seconds since start.
    #[must_use]
    pub const fn new(at_s: f64) -> Self {
        Self {
            at_s,
            values: [None; Metric::COUNT],
        }
    }

    /// The value of a metric.
    #[must_use]
    pub fn get(&self, metric: Metric) -> Option<f64> {
        self.values.get(metric.index()).copied().flatten()
    }

    /// Sets a value; what is not finite counts as not measured.
    pub fn set(&mut self, metric: Metric, value: impl Into<Option<f64>>) {
        if let Some(slot) = self.values.get_mut(metric.index()) {
            *slot = value.into().filter(|value| value.is_finite());
        }
    }

    /// Every metric with its value, in the order of the catalogue.
    pub fn iter(&self) -> impl Iterator<Item = (Metric, Option<f64>)> + '_ {
        Metric::ALL.into_iter().zip(self.values.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_metric_is_where_its_index_says_and_is_named_by_the_rules() {
        let mut ids = HashSet::new();
        for (place, metric) in Metric::ALL.into_iter().enumerate() {
            let info = metric.info();
            assert_eq!(metric.index(), place);
            assert_eq!(Metric::named(info.id), Some(metric));
            assert!(ids.insert(info.id), "{} is there twice", info.id);
            assert!(
                info.id
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
                "{}",
                info.id
            );
            assert!(
                info.id.ends_with(info.unit),
                "{} does not end in its unit",
                info.id
            );
            assert_eq!(
                info.id.ends_with("_total"),
                info.kind == Kind::Counter,
                "{}",
                info.id
            );
            assert!(
                info.help.ends_with('.') && !info.help.contains('\n'),
                "{}",
                info.id
            );
        }
        assert_eq!(Metric::named("nothing"), None);
    }

    #[test]
    fn a_sample_gives_back_what_was_set_and_leaves_out_what_is_no_number() {
        let mut sample = Sample::new(3.0);
        assert!(sample.iter().all(|(_, value)| value.is_none()));
        sample.set(Metric::ProjectorFaults, 2.0);
        sample.set(Metric::SystemCpu, Some(0.5));
        sample.set(Metric::VisionRate, f64::NAN);
        assert_eq!(sample.get(Metric::ProjectorFaults), Some(2.0));
        assert_eq!(sample.get(Metric::SystemCpu), Some(0.5));
        assert_eq!(sample.get(Metric::VisionRate), None);
        sample.set(Metric::SystemCpu, None);
        assert_eq!(sample.iter().filter(|(_, value)| value.is_some()).count(), 1);
    }
}
