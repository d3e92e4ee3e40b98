//! A picture that is only made while somebody wants it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::system::snapshot::EncodedImage;

/// A place for one picture. The reader notes that it wants it, the maker looks whether
/// anybody does before it goes to the trouble, and puts the newest one in.
#[derive(Debug, Default)]
pub struct PictureSlot {
    inner: Mutex<Inner>,
    drawn: AtomicBool,
}

#[derive(Debug, Default)]
struct Inner {
    wanted: Option<Instant>,
    picture: Option<(Instant, Arc<EncodedImage>)>,
}

impl PictureSlot {
    /// Says that there is a renderer that will put pictures in.
    pub fn announce_renderer(&self) {
        self.drawn.store(true, Ordering::Relaxed);
    }

    /// True when a renderer puts pictures in.
    #[must_use]
    pub fn is_drawn(&self) -> bool {
        self.drawn.load(Ordering::Relaxed)
    }

    /// Notes that a picture is wanted now.
    pub fn want(&self) {
        self.lock().wanted = Some(Instant::now());
    }

    /// True when somebody asked for the picture during the last `within`.
    #[must_use]
    pub fn is_wanted(&self, within: Duration) -> bool {
        self.lock().wanted.is_some_and(|at| at.elapsed() <= within)
    }

    /// Puts in the newest picture.
    pub fn store(&self, picture: Arc<EncodedImage>) {
        self.announce_renderer();
        self.lock().picture = Some((Instant::now(), picture));
    }

    /// Lets go of the picture.
    pub fn clear(&self) {
        self.lock().picture = None;
    }

    /// The picture, if it is not older than `max_age`.
    #[must_use]
    pub fn latest(&self, max_age: Duration) -> Option<Arc<EncodedImage>> {
        let inner = self.lock();
        let (at, picture) = inner.picture.as_ref()?;
        (at.elapsed() <= max_age).then(|| Arc::clone(picture))
    }

    /// A panic elsewhere can't leave these two plain values half changed.
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
