//! Fine-tuning in the projector's own window while the table's test picture is shown: by arrow keys, and by dragging.

use std::time::Instant;

use bevy::input::ButtonState;
use bevy::input::keyboard::KeyboardInput;
use bevy::prelude::*;
use bevy::window::CursorMoved;

use super::ProjectorView;
use super::light::Mapped;
use crate::app::Stage;
use crate::projector::test_picture::{FINE_MM, STEP_MM, TestPicture};
use crate::system::command::OperatorCommand;
use crate::system::plugin::Operator;
use crate::units::{MM_PER_M, Vec2};

/// Moves the light as keys and pointer say.
pub(super) fn fine_tune(
    mut keys: MessageReader<KeyboardInput>,
    mut moves: MessageReader<CursorMoved>,
    held: Res<ButtonInput<KeyCode>>,
    buttons: Res<ButtonInput<MouseButton>>,
    view: Res<ProjectorView>,
    operator: Res<Operator>,
    stage: Res<Stage>,
    mapped: Query<&Mapped>,
    mut dragged: Local<Option<Vec2>>,
) {
    let of_table = operator.test_picture(Instant::now()) == Some(TestPicture::Table);
    let (Some(window), Some((width, height)), true) = (view.window, view.size, of_table) else {
        keys.clear();
        moves.clear();
        *dragged = None;
        return;
    };
    let shift = held.any_pressed([KeyCode::ShiftLeft, KeyCode::ShiftRight]);
    let step = if shift { FINE_MM } else { STEP_MM } / MM_PER_M;
    let mut by_m = Vec2::ZERO;
    for key in keys.read().filter(|key| key.window == window) {
        if key.state == ButtonState::Pressed {
            by_m += step * direction(key.key_code);
        }
    }
    let dragging = buttons.pressed(MouseButton::Left);
    for moved in moves.read().filter(|moved| moved.window == window) {
        let (x, y) = (f64::from(moved.position.x), f64::from(moved.position.y));
        let ndc = Vec2::new(
            2.0 * x / f64::from(width) - 1.0,
            1.0 - 2.0 * y / f64::from(height),
        );
        let place = mapped.iter().next().and_then(|mapped| mapped.0.ndc.invert(ndc));
        if let (Some(before), Some(now), true) = (*dragged, place, dragging) {
            by_m += now - before;
        }
        *dragged = place;
    }
    if by_m != Vec2::ZERO {
        let wish = OperatorCommand::NudgeProjector {
            x_mm: by_m.x * MM_PER_M,
            y_mm: by_m.y * MM_PER_M,
        };
        // A full queue means the main loop is far behind: the operator will press again.
        stage.commands.try_send(wish).ok();
    }
}

/// Toward the foot end and to the left, as seen from the head with the foot end on the right: as on the dashboard.
const fn direction(key: KeyCode) -> Vec2 {
    match key {
        KeyCode::ArrowLeft => Vec2::NEG_X,
        KeyCode::ArrowRight => Vec2::X,
        KeyCode::ArrowUp => Vec2::Y,
        KeyCode::ArrowDown => Vec2::NEG_Y,
        _ => Vec2::ZERO,
    }
}
