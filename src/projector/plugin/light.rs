//! Shapes as light: one mesh, through the projector's own projection.

use std::sync::Arc;
use std::time::Instant;

use bevy::asset::RenderAssetUsages;
use bevy::camera::visibility::RenderLayers;
use bevy::camera::{CameraProjection, Projection, SubCameraView};
use bevy::math::{Mat4, Vec3A, Vec4};
use bevy::mesh::{Indices, PrimitiveTopology};
use bevy::prelude::*;
use bevy::sprite_render::AlphaMode2d;

use super::place::ProjectorWindow;
use super::{Drawn, FADE_STEPS, ProjectorView};
use crate::app::{Config, PROJECTOR_LAYER, Stage};
use crate::calibration::plugin::Calibrating;
use crate::calibration::{Homography, Pattern};
use crate::projector::keystone::Mapping;
use crate::projector::tessellate::Triangles;

/// Marks the mesh that holds every line.
#[derive(Debug, Component)]
pub(super) struct Light;

/// A homography as a camera projection: the graphics card divides, so lines stay crisp.
#[derive(Clone, Debug)]
struct Keystone(Homography);

impl CameraProjection for Keystone {
    fn get_clip_from_view(&self) -> Mat4 {
        let m = self.0.matrix().as_mat3();
        // Constant depth with a slight slope in z keeps the drawing order.
        let (depth, slope) = (0.5, 1e-4);
        let column = |c: Vec3| Vec4::new(c.x, c.y, depth * c.z, c.z);
        let (x, y, t) = (m.x_axis.to_array(), m.y_axis.to_array(), m.z_axis.to_array());
        Mat4::from_cols(
            column(x.into()),
            column(y.into()),
            Vec4::new(0.0, 0.0, slope, 0.0),
            column(t.into()),
        )
    }

    fn get_clip_from_view_for_sub(&self, _: &SubCameraView) -> Mat4 {
        self.get_clip_from_view()
    }

    fn update(&mut self, _: f32, _: f32) {}

    fn far(&self) -> f32 {
        1000.0
    }

    fn get_frustum_corners(&self, _: f32, _: f32) -> [Vec3A; 8] {
        [Vec3A::ZERO; 8]
    }
}

pub(super) fn spawn_light(
    mut commands: Commands,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<ColorMaterial>>,
) {
    let layer = RenderLayers::layer(PROJECTOR_LAYER);
    let material = materials.add(ColorMaterial {
        alpha_mode: AlphaMode2d::Blend,
        ..default()
    });
    commands.spawn((
        Light,
        Mesh2d(meshes.add(mesh_of(&Triangles::default()))),
        MeshMaterial2d(material),
        layer,
    ));
}

/// Fits the projection to the size of the picture.
pub(super) fn follow_size(
    mut commands: Commands,
    mut view: ResMut<ProjectorView>,
    config: Res<Config>,
    stage: Res<Stage>,
    calibrating: Res<Calibrating>,
    drawn: Res<Drawn>,
    windows: Query<&Window, With<ProjectorWindow>>,
    mut applied: Local<Option<(Entity, (u32, u32), u64, bool)>>,
) {
    if view.picture.is_none() {
        view.size = windows
            .iter()
            .next()
            .map(|w| (w.physical_width().max(1), w.physical_height().max(1)));
        if view.size.is_none() {
            view.window = None;
        }
    }
    let (Some(camera), Some(size)) = (view.camera, view.size) else {
        return;
    };
    let now = Some((camera, size, calibrating.version(), drawn.pattern.is_some()));
    if *applied == now {
        return;
    }
    *applied = now;
    let (w, h) = (f64::from(size.0), f64::from(size.1));
    let by_corners = |corners| Mapping::by_corners(&stage.table, corners, w, h);
    let mapping = match (&drawn.pattern, calibrating.projector()) {
        (Some(_), _) => Mapping::pixels(w, h),
        (None, Some(projector)) => Mapping::calibrated(projector),
        (None, None) => {
            let set = by_corners(config.projector.corners);
            view.keystone_bad = set.is_none();
            set
        }
    };
    if let Some(mapping) = mapping.or_else(|| by_corners(None)) {
        commands
            .entity(camera)
            .insert((Projection::custom(Keystone(mapping.ndc)), Mapped(mapping)));
    }
}

/// How places come into the projector's picture.
#[derive(Clone, Copy, Debug, Component)]
pub(super) struct Mapped(pub(super) Mapping);

/// Puts the shapes into the mesh and the lines of text.
pub(super) fn draw(
    drawn: Res<Drawn>,
    config: Res<Config>,
    mapped: Query<Ref<Mapped>>,
    light: Query<&Mesh2d, With<Light>>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut done: Local<(u64, Option<Arc<Pattern>>, u8)>,
) {
    let Some(mapped) = mapped.iter().next() else {
        return;
    };
    let pattern = drawn.pattern.as_ref();
    let same_pattern = pattern.map(Arc::as_ptr) == done.1.as_ref().map(Arc::as_ptr);
    let steps = drawn.steps_left(Instant::now());
    if done.0 == drawn.version
        && same_pattern
        && done.2 == steps
        && !mapped.is_changed()
        && !config.is_changed()
    {
        return;
    }
    *done = (drawn.version, pattern.cloned(), steps);
    let opacity = f32::from(steps) / f32::from(FADE_STEPS);
    let mut triangles = match pattern {
        Some(pattern) => Triangles::of_marks(&pattern.marks),
        None => mapped.0.triangles(&drawn.shapes, &drawn.theme),
    };
    if pattern.is_none() {
        for colour in &mut triangles.colours {
            colour[3] *= opacity;
            *colour = config.projector.tone.of(*colour);
        }
    }
    for handle in &light {
        if let Some(mut mesh) = meshes.get_mut(&handle.0) {
            *mesh = mesh_of(&triangles);
        }
    }
}

fn mesh_of(triangles: &Triangles) -> Mesh {
    let mut mesh = Mesh::new(PrimitiveTopology::TriangleList, RenderAssetUsages::default());
    // A mesh needs a triangle; one without area shows nothing.
    if triangles.indices.is_empty() {
        mesh.insert_attribute(Mesh::ATTRIBUTE_POSITION, vec![[0.0_f32; 3]; 3]);
        mesh.insert_attribute(Mesh::ATTRIBUTE_COLOR, vec![[0.0_f32; 4]; 3]);
        mesh.insert_indices(Indices::U32(vec![0, 1, 2]));
        return mesh;
    }
    let positions: Vec<[f32; 3]> = triangles.positions.iter().map(|p| [p[0], p[1], 0.0]).collect();
    mesh.insert_attribute(Mesh::ATTRIBUTE_POSITION, positions);
    mesh.insert_attribute(Mesh::ATTRIBUTE_COLOR, triangles.colours.clone());
    mesh.insert_indices(Indices::U32(triangles.indices.clone()));
    mesh
}
