//! The operator's hand on the cue: mouse and keys on another thread.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::render::projection::ProjectedLight;
use crate::units::{Vec2, wrap_angle};

/// Controls a running virtual table from any thread. Cheap to clone.
#[derive(Clone, Debug)]
pub struct VirtualHandle {
    shared: Arc<Mutex<Control>>,
    projection: Arc<Mutex<Option<Arc<ProjectedLight>>>>,
}

/// What the operator wants, and what the table shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Control {
    /// The operator holds the cue.
    pub(super) taken: bool,
    /// Direction of the shot, radians.
    pub(super) direction: f64,
    /// Speed of the stick, m/s.
    pub(super) speed_m_s: f64,
    /// Contact point, ball radii to the left and up.
    pub(super) tip: Vec2,
    /// A stroke is asked for.
    pub(super) shoot: bool,
    /// The cue ball is to be moved here.
    pub(super) place: Option<Vec2>,
    /// The scene is to start again.
    pub(super) restart: bool,
}

impl VirtualHandle {
    /// Slowest and fastest stick that can be asked for, m/s.
    pub const SPEED_M_S: [f64; 2] = [0.2, 10.0];

    pub(super) fn new() -> Self {
        Self {
            shared: Arc::new(Mutex::new(Control {
                taken: false,
                direction: 0.0,
                speed_m_s: 2.0,
                tip: Vec2::ZERO,
                shoot: false,
                place: None,
                restart: false,
            })),
            projection: Arc::default(),
        }
    }

    /// Takes the cue and aims it: radians anticlockwise from +x. Anything not finite is ignored.
    pub fn aim(&self, direction: f64) {
        if direction.is_finite() {
            let mut control = self.lock();
            control.taken = true;
            control.direction = wrap_angle(direction);
        }
    }

    /// Takes the cue where it is and turns it by so many radians.
    pub fn nudge(&self, turn: f64) {
        if turn.is_finite() {
            let mut control = self.lock();
            control.taken = true;
            control.direction = wrap_angle(control.direction + turn);
        }
    }

    /// Sets the speed of the stick for the next [`shoot`](Self::shoot), m/s, limited to
    /// [`SPEED_M_S`](Self::SPEED_M_S).
    pub fn set_speed(&self, speed_m_s: f64) {
        if speed_m_s.is_finite() {
            let [slow, fast] = Self::SPEED_M_S;
            self.lock().speed_m_s = speed_m_s.clamp(slow, fast);
        }
    }

    /// Speed of the stick for the next [`shoot`](Self::shoot), m/s.
    #[must_use]
    pub fn speed_m_s(&self) -> f64 {
        self.lock().speed_m_s
    }

    /// Sets where the tip will meet the ball: ball radii to the left and above the middle,
    /// limited to 0.5 from the middle (beyond that a tip slips off).
    pub fn set_tip_offset(&self, side: f64, height: f64) {
        let tip = Vec2::new(side, height);
        if tip.is_finite() {
            self.lock().tip = tip.clamp_length_max(0.5);
        }
    }

    /// Takes the cue and shoots in the direction it points.
    pub fn shoot(&self) {
        let mut control = self.lock();
        control.taken = true;
        control.shoot = true;
    }

    /// Puts the cue ball (metres), once everything is at rest, as near to this place as it fits.
    pub fn place_cue_ball(&self, position_m: Vec2) {
        if position_m.is_finite() {
            self.lock().place = Some(position_m);
        }
    }

    /// Starts the scene again.
    pub fn restart(&self) {
        self.lock().restart = true;
    }

    /// Gives the cue back to the script.
    pub fn release(&self) {
        let mut control = self.lock();
        control.taken = false;
        control.shoot = false;
    }

    /// True while the operator holds the cue.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.lock().taken
    }

    /// Direction the cue points in now, radians.
    #[must_use]
    pub fn direction(&self) -> f64 {
        self.lock().direction
    }

    /// Changes what a projector throws onto the virtual table, from the next frame on;
    /// `None` switches it off.
    pub fn set_projection(&self, light: Option<Arc<ProjectedLight>>) {
        *self.projection.lock().unwrap_or_else(PoisonError::into_inner) = light;
    }

    /// What the projector throws onto the table.
    pub(super) fn projection(&self) -> Option<Arc<ProjectedLight>> {
        self.projection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Control> {
        // Plain values: whoever panicked while holding the lock left them whole.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
