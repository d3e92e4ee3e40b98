//! Pictures of projector and dashboard for the network, made only while somebody looks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bevy::asset::RenderAssetUsages;
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat, TextureUsages};
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};
use bevy::tasks::AsyncComputeTaskPool;

use super::{Display, Stage};
use crate::api::PictureSlot;
use crate::dashboard::plugin::DashboardView;
use crate::projector::plugin::ProjectorView;
use crate::system::snapshot::EncodedImage;

/// Takes pictures of projector and dashboard on request.
#[derive(Debug)]
pub struct PicturesPlugin;

impl Plugin for PicturesPlugin {
    fn build(&self, app: &mut App) {
        let stage = app.world().resource::<Stage>();
        stage.projector_picture.announce_renderer();
        stage.dashboard_picture.announce_renderer();
        app.add_systems(PostUpdate, take_pictures);
    }
}

/// A picture is wanted for this long after somebody asked for it.
pub const WANTED_FOR: Duration = Duration::from_secs(3);
/// Time between two pictures of the same thing.
const EVERY: Duration = Duration::from_millis(200);

/// A picture a camera can draw into and that can be read back.
#[must_use]
pub fn target_picture(width: u32, height: u32) -> Image {
    let size = Extent3d {
        width,
        height,
        depth_or_array_layers: 1,
    };
    let mut image = Image::new_fill(
        size,
        TextureDimension::D2,
        &[0, 0, 0, 255],
        TextureFormat::Rgba8UnormSrgb,
        RenderAssetUsages::RENDER_WORLD,
    );
    image.texture_descriptor.usage |= TextureUsages::RENDER_ATTACHMENT | TextureUsages::COPY_SRC;
    image
}

fn take_pictures(
    mut commands: Commands,
    stage: Res<Stage>,
    projector: Res<ProjectorView>,
    dashboard: Res<DashboardView>,
    mut cameras: Query<&mut Camera>,
    mut taken: Local<[Option<Instant>; 2]>,
) {
    let offscreen = matches!(stage.display, Display::Offscreen(_));
    let targets = [
        (
            &stage.projector_picture,
            projector.picture.as_ref(),
            projector.window,
            projector.camera,
        ),
        (
            &stage.dashboard_picture,
            dashboard.picture.as_ref(),
            dashboard.window,
            dashboard.camera,
        ),
    ];
    for ((slot, picture, window, camera), last) in targets.into_iter().zip(taken.iter_mut()) {
        let wanted = slot.is_wanted(WANTED_FOR);
        // Off-screen, what nobody looks at is not drawn at all.
        if offscreen
            && let Some(mut camera) = camera.and_then(|c| cameras.get_mut(c).ok())
            && camera.is_active != wanted
        {
            camera.is_active = wanted;
            // What has just been switched on shows nothing yet.
            *last = Some(Instant::now());
        }
        if !wanted || last.is_some_and(|at| at.elapsed() < EVERY) {
            continue;
        }
        let shot = match (picture, window) {
            (Some(picture), _) => Screenshot::image(picture.clone()),
            (None, Some(window)) => Screenshot::window(window),
            (None, None) => continue,
        };
        *last = Some(Instant::now());
        let slot = Arc::clone(slot);
        commands
            .spawn(shot)
            .observe(move |captured: On<ScreenshotCaptured>| encode(&captured.image, &slot));
    }
}

/// Compresses a picture on a task, off the main loop.
fn encode(image: &Image, slot: &Arc<PictureSlot>) {
    let (image, slot) = (image.clone(), Arc::clone(slot));
    AsyncComputeTaskPool::get()
        .spawn(async move {
            let Ok(picture) = image.try_into_dynamic() else {
                return;
            };
            let mut png = Vec::new();
            let encoder = image::codecs::png::PngEncoder::new_with_quality(
                &mut png,
                image::codecs::png::CompressionType::Fast,
                image::codecs::png::FilterType::Sub,
            );
            if picture.into_rgb8().write_with_encoder(encoder).is_ok() {
                slot.store(Arc::new(EncodedImage { png }));
            }
        })
        .detach();
}
