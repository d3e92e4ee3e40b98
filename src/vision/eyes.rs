//! The two threads behind vision: one only captures, one only looks. Newest frame wins.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};

use crate::calibration::CameraModel;
use crate::system::faults::{self, Point};
use crate::system::pulse::{HangDetector, Pulse};
use crate::table::TableSpec;
use crate::vision::analyse::Analyser;
use crate::vision::frame::Frame;
use crate::vision::house_set::HouseSet;
use crate::vision::light::Shown;
use crate::vision::observation::Observation;
use crate::vision::picture_watch::PictureFault;
use crate::vision::recording::{Recorder, RecorderStatus};
use crate::vision::source::{FrameSource, SourceError, SourceWatch, Verdict};

/// How long one wait for a frame may take, so that a stop is noticed.
const POLL: Duration = Duration::from_millis(100);
/// First pause before a lost source is opened again; it doubles up to [`REOPEN_MAX`].
const REOPEN_MIN: Duration = Duration::from_millis(100);
/// Longest pause between two tries to open a source.
const REOPEN_MAX: Duration = Duration::from_millis(300);
/// Looking at one frame takes milliseconds: after this long it never ends.
const LOOK_HANGS_AFTER: Duration = Duration::from_millis(1500);
/// Opening a camera takes seconds, asking a stream what it is and starting on it half a minute, waiting for a frame
/// [`POLL`]: after this long the driver hangs.
const CAPTURE_HANGS_AFTER: Duration = Duration::from_secs(30);
/// Analysed frames kept for a busy main loop; older ones are dropped.
const RESULTS_KEPT: usize = 4;

/// Opens the source; called again after a loss.
pub type Opener = Box<dyn FnMut() -> Result<Box<dyn FrameSource>, SourceError> + Send>;

/// Called after every analysed frame, so that a sleeping main loop wakes up. Must not block.
pub type Bell = Arc<dyn Fn() + Send + Sync>;

/// A frame with what was found in it.
#[derive(Clone, Debug)]
pub struct Analysed {
    /// When the picture came from its source, complete.
    pub arrived: Instant,
    /// The picture.
    pub frame: Frame,
    /// What it shows.
    pub observation: Arc<Observation>,
}

/// How the source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceState {
    /// Being opened.
    Opening,
    /// Delivering frames.
    Running,
    /// Gone; the reason says what to do. It is opened again by itself.
    Lost(String),
}

/// Counters and state of the eyes, shared with their threads.
#[derive(Debug)]
pub struct EyesStatus {
    /// Frames the source delivered.
    pub delivered: AtomicU64,
    /// Frames that were replaced by a newer one before they were looked at.
    pub dropped: AtomicU64,
    /// Frames looked at.
    pub analysed: AtomicU64,
    /// Times the source was lost.
    pub losses: AtomicU64,
    /// Frames a second the source gives of itself, as bits of an f64; 0 where it does not say.
    rate_bits: AtomicU64,
    /// Frames left out because they can't be pictures of the table.
    pub unusable: AtomicU64,
    /// What is wrong with the pictures, as its number.
    picture: AtomicU8,
    /// Panics caught while looking.
    pub faults: AtomicU64,
    /// How the recording goes, if there is one.
    recording: Option<Arc<RecorderStatus>>,
    /// The two threads' signs of life.
    capturing: Pulse,
    looking: Pulse,
    state: Mutex<(String, SourceState)>,
}

impl EyesStatus {
    fn new(name: String, recording: Option<Arc<RecorderStatus>>) -> Self {
        Self {
            delivered: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            analysed: AtomicU64::new(0),
            losses: AtomicU64::new(0),
            rate_bits: AtomicU64::new(0),
            unusable: AtomicU64::new(0),
            picture: AtomicU8::new(0),
            faults: AtomicU64::new(0),
            recording,
            capturing: Pulse::default(),
            looking: Pulse::default(),
            state: Mutex::new((name, SourceState::Opening)),
        }
    }

    /// Frames a second the source gives of itself, where it says so.
    #[must_use]
    pub fn own_rate_hz(&self) -> Option<f64> {
        Some(f64::from_bits(self.rate_bits.load(Ordering::Relaxed))).filter(|r| *r > 0.0)
    }

    /// Name of the source and how it is.
    #[must_use]
    pub fn source(&self) -> (String, SourceState) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How the recording goes, if there is one.
    #[must_use]
    pub fn recording(&self) -> Option<&RecorderStatus> {
        self.recording.as_deref()
    }

    /// Pictures come, and can be pictures of the table.
    #[must_use]
    pub fn is_seeing(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.1 == SourceState::Running && self.picture() == PictureFault::None
    }

    /// What is wrong with the pictures.
    #[must_use]
    pub fn picture(&self) -> PictureFault {
        let number = usize::from(self.picture.load(Ordering::Relaxed));
        PictureFault::ALL.get(number).copied().unwrap_or_default()
    }

    fn set(&self, name: Option<String>, state: SourceState) {
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = name {
            guard.0 = name;
        }
        guard.1 = state;
    }
}

/// Running eyes. Dropping them stops both threads.
#[derive(Debug)]
pub struct Eyes {
    results: Receiver<Analysed>,
    status: Arc<EyesStatus>,
    stop: Arc<AtomicBool>,
    paused: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    /// Whether capturing and looking hang.
    hangs: Mutex<(HangDetector, HangDetector)>,
}

impl Eyes {
    /// Starts capturing and looking. `table` is the table model, `balls` the colours of
    /// the house's own balls, if known; `bell` is rung after every analysed frame; `recorder` takes every frame that is
    /// looked at; `shown` says what the projector shows, `camera` how the camera was calibrated, if it was.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        name: &str,
        open: Opener,
        table: Option<TableSpec>,
        balls: Option<HouseSet>,
        bell: Bell,
        recorder: Option<Recorder>,
        shown: Arc<Shown>,
        camera: Arc<ArcSwapOption<CameraModel>>,
    ) -> std::io::Result<Self> {
        let (frame_in, frame_out) = bounded::<Arrived>(1);
        let (result_in, results) = bounded::<Analysed>(RESULTS_KEPT);
        let status = Arc::new(EyesStatus::new(
            name.to_owned(),
            recorder.as_ref().map(|r| Arc::clone(r.status())),
        ));
        let stop = Arc::new(AtomicBool::new(false));
        let paused = Arc::new(AtomicBool::new(false));

        let capture = {
            let (status, stop, paused, taker) = (
                Arc::clone(&status),
                Arc::clone(&stop),
                Arc::clone(&paused),
                frame_out.clone(),
            );
            std::thread::Builder::new()
                .name("camera".to_owned())
                .spawn(move || capture(open, &frame_in, &taker, &status, &stop, &paused))?
        };
        let look = {
            let (status, stop, taker) = (Arc::clone(&status), Arc::clone(&stop), results.clone());
            std::thread::Builder::new()
                .name("vision".to_owned())
                .spawn(move || {
                    look(
                        table, balls, &frame_out, &result_in, &taker, &status, &stop, &bell, recorder,
                        &shown, &camera,
                    )
                })?
        };
        Ok(Self {
            results,
            status,
            stop,
            paused,
            threads: vec![capture, look],
            hangs: Mutex::new((
                HangDetector::new(CAPTURE_HANGS_AFTER),
                HangDetector::new(LOOK_HANGS_AFTER),
            )),
        })
    }

    /// Analysed frames that have come since the last call, oldest first.
    pub fn take(&self) -> impl Iterator<Item = Analysed> {
        self.results.try_iter()
    }

    /// Counters and source state.
    #[must_use]
    pub fn status(&self) -> &EyesStatus {
        &self.status
    }

    /// Stops or resumes capturing; a paused source keeps its place.
    pub fn pause(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
    }

    /// Stops both threads, waits for them, and gives what they had still seen. Not for a main loop: a source may hang.
    pub fn stop(mut self) -> impl Iterator<Item = Analysed> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().ok();
        }
        let rest: Vec<_> = self.results.try_iter().collect();
        rest.into_iter()
    }

    /// False when a thread has ended by itself, which only a bug can do.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.threads.iter().all(|t| !t.is_finished())
    }

    /// What is wrong with the threads themselves, which only new ones can mend.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        if !self.is_alive() {
            return Some("a vision thread has ended".to_owned());
        }
        let (capturing, looking) = (&self.status.capturing, &self.status.looking);
        let now = Instant::now();
        let mut hangs = self.hangs.lock().unwrap_or_else(PoisonError::into_inner);
        // Both are looked at each time: what held up the one who looks is nobody's fault.
        // One that has not begun yet is not late.
        let captures_late = capturing.turns() > 0 && hangs.0.look(capturing, now);
        let looks_late = looking.turns() > 0 && hangs.1.look(looking, now);
        let age_s = |pulse: &Pulse| pulse.age().unwrap_or_default().as_secs_f64();
        if looks_late {
            let s = age_s(looking);
            return Some(format!("looking at one frame takes {s:.1} s and goes on"));
        }
        let (name, s) = (self.status.source().0, age_s(capturing));
        captures_late.then(|| format!("{name}: the driver has not answered for {s:.1} s"))
    }
}

impl Drop for Eyes {
    /// Tells both threads to end and does not wait: a source may hang in its driver, and the
    /// main loop must not hang with it.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn capture(
    mut open: Opener,
    sender: &Sender<Arrived>,
    taker: &Receiver<Arrived>,
    status: &EyesStatus,
    stop: &AtomicBool,
    paused: &AtomicBool,
) {
    let stopped = || stop.load(Ordering::Relaxed);
    let mut pause = REOPEN_MIN;
    let mut watch = SourceWatch::new(Instant::now());
    while !stopped() {
        status.capturing.beat();
        // A source that panics (a driver library may) is a source that is lost.
        let session = AssertUnwindSafe(|| {
            deliver(
                &mut open, &mut watch, sender, taker, status, stop, paused, &mut pause,
            )
        });
        let lost = match catch_unwind(session) {
            Ok(Some(error)) => error,
            Ok(None) => return,
            Err(_) => SourceError::Failed(format!("{} failed inside; it is opened again", status.source().0)),
        };
        status.losses.fetch_add(1, Ordering::Relaxed);
        let text = lost.to_string();
        if status.source().1 != SourceState::Lost(text.clone()) {
            tracing::warn!("{text}; trying again");
        }
        status.set(None, SourceState::Lost(text));
        let until = Instant::now() + pause;
        while Instant::now() < until && !stopped() {
            status.capturing.beat();
            std::thread::sleep(Duration::from_millis(20));
        }
        pause = (pause * 2).min(REOPEN_MAX);
    }
}

/// Opens the source and passes on its frames until it is lost (the reason) or told to stop (`None`).
fn deliver(
    open: &mut Opener,
    watch: &mut SourceWatch,
    sender: &Sender<Arrived>,
    taker: &Receiver<Arrived>,
    status: &EyesStatus,
    stop: &AtomicBool,
    paused: &AtomicBool,
    pause: &mut Duration,
) -> Option<SourceError> {
    let mut source = match open() {
        Ok(source) => source,
        Err(error) => return Some(error),
    };
    status.set(Some(source.name()), SourceState::Opening);
    status
        .rate_bits
        .store(source.rate_hz().unwrap_or(0.0).to_bits(), Ordering::Relaxed);
    watch.opened(Instant::now());
    let live = source.is_live();
    let mut patience = source.patience();
    if let Some(rate_hz) = source.rate_hz() {
        // A slow source is silent by nature.
        patience.next = patience.next.max(Duration::from_secs_f64(3.0 / rate_hz.max(0.1)));
    }
    let failed = |name: &str, why: &str| Some(SourceError::Failed(format!("{name}: {why}")));
    let mut delivering = false;
    while !stop.load(Ordering::Relaxed) {
        status.capturing.beat();
        faults::point(Point::Capture);
        if paused.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
            watch.rested(Instant::now());
            continue;
        }
        match source.next(POLL) {
            Ok(Some(frame)) => {
                let verdict = watch.picture(&frame, live, Instant::now());
                status.picture.store(watch.fault() as u8, Ordering::Relaxed);
                status.delivered.fetch_add(1, Ordering::Relaxed);
                if verdict != Verdict::Use {
                    status.unusable.fetch_add(1, Ordering::Relaxed);
                    if let Verdict::Reopen(why) = verdict {
                        return failed(&source.name(), &why);
                    }
                    continue;
                }
                if !delivering {
                    delivering = true;
                    *pause = REOPEN_MIN;
                    status.set(None, SourceState::Running);
                    let (w, h) = (frame.size.width, frame.size.height);
                    tracing::info!("{} delivers {w}×{h} pictures", source.name());
                }
                let arrived = Instant::now();
                let replaced = send_newest(sender, taker, Arrived { frame, arrived });
                status.dropped.fetch_add(replaced, Ordering::Relaxed);
            }
            Ok(None) => {
                if let Some(why) = watch.silence(patience, Instant::now()) {
                    return failed(&source.name(), &why);
                }
            }
            Err(error) => {
                // What was wrong with the pictures of a source that is gone says nothing any more.
                status.picture.store(PictureFault::None as u8, Ordering::Relaxed);
                return Some(error);
            }
        }
    }
    None
}

fn look(
    table: Option<TableSpec>,
    balls: Option<HouseSet>,
    frames: &Receiver<Arrived>,
    sender: &Sender<Analysed>,
    taker: &Receiver<Analysed>,
    status: &EyesStatus,
    stop: &AtomicBool,
    bell: &Bell,
    recorder: Option<Recorder>,
    shown: &Shown,
    camera: &ArcSwapOption<CameraModel>,
) {
    let begin = || Analyser::new(table.clone()).with_house_set(balls.clone());
    let mut analyser = begin();
    while !stop.load(Ordering::Relaxed) {
        status.looking.beat();
        let Arrived { mut frame, arrived } = match frames.recv_timeout(POLL) {
            Ok(one) => one,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        // No projector shines on the virtual table, and a recording knows its own light.
        if frame.light.is_none() && frame.truth.is_none() {
            frame.light = shown.at(frame.captured);
        }
        // A source that knows its camera knows best.
        if frame.camera.is_none() {
            frame.camera = camera.load_full().filter(|c| c.lens.image == frame.size);
        }
        if let Some(recorder) = &recorder {
            recorder.record(&frame);
        }
        let result = catch_unwind(AssertUnwindSafe(|| {
            faults::point(Point::Look);
            analyser.analyse(&frame)
        }));
        let Ok(observation) = result else {
            // Whatever it had learned may be half written: begin afresh with the next frame.
            if status.faults.fetch_add(1, Ordering::Relaxed) == 0 {
                tracing::error!("looking at a frame failed inside; vision begins afresh with the next one");
            }
            analyser = begin();
            continue;
        };
        status.analysed.fetch_add(1, Ordering::Relaxed);
        send_newest(
            sender,
            taker,
            Analysed {
                arrived,
                frame,
                observation: Arc::new(observation),
            },
        );
        bell();
    }
}

/// A picture on its way from the source.
struct Arrived {
    frame: Frame,
    arrived: Instant,
}

/// Sends into a bounded channel, dropping the oldest entries if it is full; says how many were dropped.
fn send_newest<T>(sender: &Sender<T>, taker: &Receiver<T>, mut item: T) -> u64 {
    let mut dropped = 0;
    while let Err(TrySendError::Full(back)) = sender.try_send(item) {
        dropped += u64::from(taker.try_recv().is_ok());
        item = back;
    }
    dropped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::ImageSize;
    use crate::vision::frame::PixelFormat;

    /// Delivers `left` frames, then fails.
    struct Failing {
        left: u32,
        sequence: u64,
    }

    impl FrameSource for Failing {
        fn next(&mut self, _: Duration) -> Result<Option<Frame>, SourceError> {
            std::thread::sleep(Duration::from_millis(1));
            if self.left == 0 {
                return Err(SourceError::Failed("test: unplugged".to_owned()));
            }
            self.left -= 1;
            self.sequence += 1;
            let bytes = (0..192_u32).map(|i| (i + self.sequence as u32) as u8).collect();
            Ok(Frame::new(self.sequence, ImageSize::new(8, 8), PixelFormat::Rgb8, bytes).ok())
        }

        fn name(&self) -> String {
            "test".to_owned()
        }
    }

    /// Eyes on such a source, with nothing known beforehand.
    fn eyes(
        name: &str,
        open: impl FnMut() -> Result<Box<dyn FrameSource>, SourceError> + Send + 'static,
    ) -> Eyes {
        let opener: Opener = Box::new(open);
        Eyes::start(
            name,
            opener,
            None,
            None,
            Arc::new(|| ()),
            None,
            Arc::default(),
            Arc::default(),
        )
        .unwrap()
    }

    fn wait_for(what: impl Fn() -> bool) -> bool {
        (0..2000).any(|_| {
            std::thread::sleep(Duration::from_millis(5));
            what()
        })
    }

    #[test]
    fn a_lost_source_is_opened_again_and_frames_go_on() {
        let eyes = eyes("test", || Ok(Box::new(Failing { left: 5, sequence: 0 })));
        assert!(wait_for(|| eyes.status().losses.load(Ordering::Relaxed) >= 2));
        assert!(eyes.status().delivered.load(Ordering::Relaxed) >= 10);
        assert!(wait_for(|| eyes.take().count() > 0));
        assert!(eyes.is_alive());
    }

    /// Gives one frame a second.
    struct Slow(u64);

    impl FrameSource for Slow {
        fn next(&mut self, timeout: Duration) -> Result<Option<Frame>, SourceError> {
            self.0 += 1;
            if !self.0.is_multiple_of(10) {
                std::thread::sleep(timeout);
                return Ok(None);
            }
            let bytes = (0..192_u32).map(|i| (i + self.0 as u32) as u8).collect();
            Ok(Frame::new(self.0, ImageSize::new(8, 8), PixelFormat::Rgb8, bytes).ok())
        }

        fn rate_hz(&self) -> Option<f64> {
            Some(1.0)
        }

        fn name(&self) -> String {
            "slow".to_owned()
        }
    }

    #[test]
    fn a_slow_source_is_not_taken_for_a_silent_one() {
        let eyes = eyes("slow", || Ok(Box::new(Slow(8))));
        assert!(wait_for(|| eyes.status().delivered.load(Ordering::Relaxed) >= 3));
        assert_eq!(eyes.status().losses.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_source_that_cannot_be_opened_says_why() {
        let eyes = eyes("camera:9", || {
            Err(SourceError::Failed("no such camera".to_owned()))
        });
        assert!(wait_for(|| eyes.status().source()
            == (
                "camera:9".to_owned(),
                SourceState::Lost("no such camera".to_owned())
            )));
    }

    #[test]
    fn the_newest_item_wins_and_drops_are_counted() {
        let (sender, taker) = bounded(1);
        assert_eq!(send_newest(&sender, &taker, 1), 0);
        assert_eq!(send_newest(&sender, &taker, 2), 1);
        assert_eq!(taker.try_recv(), Ok(2));
    }
}
