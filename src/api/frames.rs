//! Encoded pictures, made once per frame however many clients ask.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use image::codecs::jpeg::JpegEncoder;
use serde::Deserialize;

use super::context::Context;
use super::picture;
use super::problem::Problem;
use super::slot::PictureSlot;
use crate::system::snapshot::Snapshot;

/// Different pictures (sizes, with and without marks) kept at one time.
const PLACES: usize = 8;
/// Width of a projector picture drawn in software, pixels.
const PROJECTOR_WIDTH: u32 = 1280;
/// How often, and after which pause each, a picture is looked for that has just been asked for.
const RENDER_TRIES: u32 = 60;
const RENDER_PAUSE: Duration = Duration::from_millis(50);
/// How recent a picture of the renderer must be to be passed on.
const RENDERED_WITHIN: Duration = Duration::from_secs(2);

/// How well a JPEG keeps what it shows; few steps, so that clients share pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Quality {
    /// For a slow network.
    Low,
    #[default]
    Usual,
    /// To look closely.
    High,
}

impl Quality {
    /// As the encoder counts it, 1 to 100.
    const fn percent(self) -> u8 {
        match self {
            Self::Low => 45,
            Self::Usual => 82,
            Self::High => 94,
        }
    }
}

/// How the newest frame is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// With what was found in it.
    pub(super) annotate: bool,
    /// At most so many pixels wide.
    pub(super) width: Option<u32>,
    pub(super) quality: Quality,
}

/// What a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// The newest frame, at most `width` pixels wide.
    Frame {
        annotate: bool,
        width: u32,
        quality: Quality,
    },
    /// The overlay, drawn in software.
    Overlay,
}

/// What a picture was made of: another source may start counting anew, so time counts too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Made {
    sequence: u64,
    at: Option<Instant>,
}

type Place = Arc<tokio::sync::Mutex<Option<(Made, Bytes)>>>;

/// The pictures made last, one per view.
#[derive(Default)]
pub(super) struct Pictures {
    places: Mutex<Vec<(View, Place)>>,
}

impl Pictures {
    fn place(&self, view: View) -> Place {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, place)) = places.iter().find(|(v, _)| *v == view) {
            return Arc::clone(place);
        }
        if places.len() >= PLACES {
            places.remove(0);
        }
        let place = Place::default();
        places.push((view, Arc::clone(&place)));
        place
    }
}

/// The newest frame as JPEG, with the mark of what it was made of.
pub(super) async fn frame_jpeg(context: &Context, wanted: Wanted) -> Result<(Made, Bytes), Problem> {
    let snapshot = context.snapshot()?;
    let Some(frame) = &snapshot.frame else {
        return Err(Problem::unavailable("no_frame", "No frame has been seen yet."));
    };
    // Sizes in steps, so that clients with slightly different screens share a picture.
    let width = wanted
        .width
        .unwrap_or(frame.size.width)
        .div_ceil(16)
        .saturating_mul(16);
    let view = View::Frame {
        annotate: wanted.annotate,
        width: width.clamp(64, frame.size.width.max(64)),
        quality: wanted.quality,
    };
    let made = Made {
        sequence: frame.sequence,
        at: Some(frame.captured),
    };
    make(context, view, made, snapshot).await
}

/// The projector's picture as PNG, and whether the renderer made it.
pub(super) async fn projector_png(context: &Context) -> Result<(bool, Bytes), Problem> {
    if let Some(png) = rendered(&context.shared.projector).await {
        return Ok((true, png));
    }
    let snapshot = context.snapshot()?;
    let made = Made {
        sequence: snapshot.sequence,
        at: None,
    };
    let (_, bytes) = make(context, View::Overlay, made, snapshot).await?;
    Ok((false, bytes))
}

/// The dashboard's picture as PNG.
pub(super) async fn dashboard_png(context: &Context) -> Result<Bytes, Problem> {
    rendered(&context.shared.dashboard).await.ok_or_else(|| {
        Problem::unavailable(
            "not_drawn",
            "the dashboard is not drawn here; /api/v1/status says why under `display`",
        )
    })
}

/// A picture by the renderer. The first one after a while takes a few turns of the main loop.
async fn rendered(slot: &PictureSlot) -> Option<Bytes> {
    slot.want();
    if !slot.is_drawn() {
        return None;
    }
    for _ in 0..RENDER_TRIES {
        if let Some(picture) = slot.latest(RENDERED_WITHIN) {
            return Some(Bytes::copy_from_slice(&picture.png));
        }
        tokio::time::sleep(RENDER_PAUSE).await;
    }
    None
}

/// Encodes on a thread that may be busy; whoever asks for the same meanwhile waits for the same.
async fn make(
    context: &Context,
    view: View,
    made: Made,
    snapshot: Arc<Snapshot>,
) -> Result<(Made, Bytes), Problem> {
    let place = context.pictures.place(view);
    let mut kept = place.lock().await;
    if let Some((of, bytes)) = kept.as_ref()
        && (*of == made || (of.at == made.at && of.sequence > made.sequence))
    {
        return Ok((*of, bytes.clone()));
    }
    let encoded = tokio::task::spawn_blocking(move || encode(view, &snapshot)).await;
    let bytes = match encoded {
        Ok(Some(bytes)) => Bytes::from(bytes),
        _ => return Err(Problem::internal()),
    };
    *kept = Some((made, bytes.clone()));
    Ok((made, bytes))
}

fn encode(view: View, snapshot: &Snapshot) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    match view {
        View::Frame {
            annotate,
            width,
            quality,
        } => {
            let frame = snapshot.frame.as_ref()?;
            let mut rgb = frame.to_rgb(1);
            if width < rgb.width() {
                let height = (f64::from(rgb.height()) * f64::from(width) / f64::from(rgb.width())).round();
                rgb = image::imageops::thumbnail(&rgb, width, (height as u32).max(1));
            }
            if annotate && let Some(seen) = &snapshot.observation {
                rgb = picture::annotate(rgb, seen);
            }
            JpegEncoder::new_with_quality(&mut bytes, quality.percent())
                .encode_image(&rgb)
                .ok()?;
        }
        View::Overlay => {
            let rgb = picture::overlay(&snapshot.shapes, &snapshot.table_spec, PROJECTOR_WIDTH);
            rgb.write_to(&mut std::io::Cursor::new(&mut bytes), image::ImageFormat::Png)
                .ok()?;
        }
    }
    Some(bytes)
}
