//! A table of one's own: what a site file says about it, on top of a named model.

mod limits;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::balls::BallSpec;
use super::parameters::{BallFriction, Drift, Parameters, Pocket, Restitution};
use super::spec::{PocketShape, TableSpec};
use crate::units::Vec2;
use limits::{check, within};

/// What was measured at a table and its balls; `None` is as the model has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TableMeasures {
    /// Nose to nose along the long side, metres, 0.5..=6.
    pub length_m: Option<f64>,
    /// Nose to nose along the short side, metres, 0.25..=3: at most the length, at least a quarter of it.
    pub width_m: Option<f64>,
    /// Height of the cushion nose above the cloth, metres, 0.6..=2 ball radii.
    pub nose_height_m: Option<f64>,
    /// Width of cloth-covered cushion between nose and wooden rail, metres, 0.02..=0.12.
    pub cushion_width_m: Option<f64>,
    /// Width of the wooden rail outside the cushion, metres, 0.01..=0.5.
    pub rail_width_m: Option<f64>,
    /// Corner pockets, only on a model that has pockets.
    pub corner: PocketMeasures,
    /// Side pockets, only on a model that has pockets.
    pub side: PocketMeasures,
    /// The balls.
    pub ball: BallMeasures,
    /// Mass of the cue ball, kilograms, 0.01..=2; `None`: the same as the other balls'.
    pub cue_ball_mass_kg: Option<f64>,
}

/// What was measured at one kind of pocket; `None` is as the model has it. See [`PocketShape`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PocketMeasures {
    /// Mouth between the two noses, metres: wider than a ball, at most a third of the table's width.
    pub mouth_m: Option<f64>,
    /// Angle by which a jaw opens beyond 45° (corner) or 0° (side), degrees, 0..=44.
    pub jaw_angle_deg: Option<f64>,
    /// Radius of the rounded jaw, metres, 0.001..=0.2.
    pub jaw_radius_m: Option<f64>,
    /// Radius of the hole, metres: larger than a ball's, at most the mouth.
    pub hole_radius_m: Option<f64>,
    /// Shelf between the middle of the mouth and the edge of the hole, metres.
    pub shelf_m: Option<f64>,
}

/// What was measured at the balls; `None` is as the model has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BallMeasures {
    /// Radius, metres, 0.005..=0.06, and at most a 32nd of the table's length.
    pub radius_m: Option<f64>,
    /// Mass, kilograms, 0.01..=2.
    pub mass_kg: Option<f64>,
}

/// How a table was found to play; `None` is as the model plays. See [`Parameters`] for what
/// each of them is; `pressed_balls` is no measure, and not here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PhysicsMeasures {
    /// Gravity, m/s².
    pub gravity_m_s2: Option<f64>,
    /// Friction of a ball that slips on the cloth.
    pub slide_friction: Option<f64>,
    /// Rolling resistance as deceleration over g.
    pub roll_friction: Option<f64>,
    /// Deceleration of the spin about the vertical, rad/s².
    pub spin_down_rad_s2: Option<f64>,
    /// Metres of fall per metre of way along x and y.
    pub slope: Option<Vec2>,
    /// Restitution between two balls.
    pub ball_restitution: Option<RestitutionMeasures>,
    /// Friction between two balls.
    pub ball_friction: Option<BallFriction>,
    /// Restitution of the cushion.
    pub cushion_restitution: Option<RestitutionMeasures>,
    /// Friction between ball and cushion.
    pub cushion_friction: Option<f64>,
    /// Ratio of the tangential to the normal frequency of the cushion's rubber.
    pub cushion_frequency_ratio: Option<f64>,
    /// What a pocket does with a ball.
    pub pocket: Option<PocketPlay>,
    /// Mass of the cue, kg.
    pub cue_mass_kg: Option<f64>,
    /// Mass of the cue's end that causes squirt, kg.
    pub cue_end_mass_kg: Option<f64>,
    /// Restitution between tip and ball.
    pub tip_restitution: Option<f64>,
    /// Friction between chalked tip and ball.
    pub tip_friction: Option<f64>,
    /// Restitution between ball and bed.
    pub bed_restitution: Option<f64>,
    /// How all this changes with the temperature.
    pub drift: Option<Drift>,
    /// How warm the table is, °C, -10..=50; `drift` tells what that changes.
    pub temperature_c: Option<f64>,
}

/// [`Restitution`] as a person writes it: a curve has as many points as were measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestitutionMeasures {
    /// The same at every speed.
    Constant(f64),
    /// One to [`Restitution::POINTS`] points (m/s, restitution) in order of speed.
    Curve(Vec<[f64; 2]>),
}

/// [`Pocket`] as a person writes it; `None` is as the model's pockets are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PocketPlay {
    /// It has every ball whose centre passes its edge.
    Edge,
    /// The ball falls and can come out again.
    Drop {
        /// Sunk this deep the ball can't come back, metres.
        depth_m: Option<f64>,
        /// Restitution of the pocket's back.
        liner_restitution: Option<f64>,
        /// Restitution of its facings.
        facing_restitution: Option<f64>,
    },
}

/// A measure that no table can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` {reason}")]
pub struct ImpossibleMeasure {
    /// The field, `corner.mouth_m`.
    pub key: String,
    /// What is wrong and what is allowed.
    pub reason: String,
}

impl ImpossibleMeasure {
    fn new(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            reason: reason.into(),
        }
    }
}

impl TableMeasures {
    /// The model with these measures.
    ///
    /// A cue ball that was not weighed weighs what the other balls weigh, once these were.
    ///
    /// # Errors
    /// [`ImpossibleMeasure`] for the first measure that can't be, alone or beside the others.
    pub fn on(&self, model: &TableSpec) -> Result<TableSpec, ImpossibleMeasure> {
        for (key, pocket, has) in [
            ("corner", &self.corner, model.corner),
            ("side", &self.side, model.side),
        ] {
            if *pocket != PocketMeasures::default() && has.is_none() {
                return Err(ImpossibleMeasure::new(
                    key,
                    format!(
                        "is set, but `{}` has no pockets; leave it out or choose a table with pockets",
                        model.name
                    ),
                ));
            }
        }
        let spec = TableSpec {
            name: model.name.clone(),
            length_m: self.length_m.unwrap_or(model.length_m),
            width_m: self.width_m.unwrap_or(model.width_m),
            nose_height_m: self.nose_height_m.unwrap_or(model.nose_height_m),
            cushion_width_m: self.cushion_width_m.unwrap_or(model.cushion_width_m),
            rail_width_m: self.rail_width_m.unwrap_or(model.rail_width_m),
            corner: model.corner.map(|shape| self.corner.on(&shape)),
            side: model.side.map(|shape| self.side.on(&shape)),
            ball: BallSpec {
                radius_m: self.ball.radius_m.unwrap_or(model.ball.radius_m),
                mass_kg: self.ball.mass_kg.unwrap_or(model.ball.mass_kg),
            },
            cue_ball_mass_kg: self
                .cue_ball_mass_kg
                .or(self.ball.mass_kg)
                .unwrap_or(model.cue_ball_mass_kg),
            ball_set: model.ball_set,
            physics: model.physics,
        };
        check(&spec)?;
        Ok(spec)
    }
}

impl TableSpec {
    /// Could this table be? Its play apart: that is [`Parameters::first_impossible`]'s.
    ///
    /// # Errors
    /// [`ImpossibleMeasure`] for the first measure that can't be, alone or beside the others.
    pub fn check(&self) -> Result<(), ImpossibleMeasure> {
        check(self)
    }
}

impl PocketMeasures {
    fn on(&self, model: &PocketShape) -> PocketShape {
        PocketShape {
            mouth_m: self.mouth_m.unwrap_or(model.mouth_m),
            jaw_angle_deg: self.jaw_angle_deg.unwrap_or(model.jaw_angle_deg),
            jaw_radius_m: self.jaw_radius_m.unwrap_or(model.jaw_radius_m),
            hole_radius_m: self.hole_radius_m.unwrap_or(model.hole_radius_m),
            shelf_m: self.shelf_m.unwrap_or(model.shelf_m),
        }
    }
}

impl PhysicsMeasures {
    /// How the model plays with these measures, at the temperature they name.
    ///
    /// # Errors
    /// [`ImpossibleMeasure`] for the first that no table can have ([`Parameters::first_impossible`]).
    pub fn on(&self, model: &Parameters) -> Result<Parameters, ImpossibleMeasure> {
        let mut parameters = *model;
        let to = &mut parameters;
        replace(&mut to.gravity_m_s2, self.gravity_m_s2);
        replace(&mut to.slide_friction, self.slide_friction);
        replace(&mut to.roll_friction, self.roll_friction);
        replace(&mut to.spin_down_rad_s2, self.spin_down_rad_s2);
        replace(&mut to.slope, self.slope);
        if let Some(measured) = &self.ball_restitution {
            to.ball_restitution = measured.points("ball_restitution")?;
        }
        replace(&mut to.ball_friction, self.ball_friction);
        if let Some(measured) = &self.cushion_restitution {
            to.cushion_restitution = measured.points("cushion_restitution")?;
        }
        replace(&mut to.cushion_friction, self.cushion_friction);
        replace(&mut to.cushion_frequency_ratio, self.cushion_frequency_ratio);
        replace(&mut to.pocket, self.pocket.map(|pocket| pocket.on(model.pocket)));
        replace(&mut to.cue_mass_kg, self.cue_mass_kg);
        replace(&mut to.cue_end_mass_kg, self.cue_end_mass_kg);
        replace(&mut to.tip_restitution, self.tip_restitution);
        replace(&mut to.tip_friction, self.tip_friction);
        replace(&mut to.bed_restitution, self.bed_restitution);
        replace(&mut to.drift, self.drift);
        if let Some(name) = parameters.first_impossible() {
            let reason = format!("is not possible; {}", allowed(name));
            return Err(ImpossibleMeasure::new(name, reason));
        }
        let Some(celsius) = self.temperature_c else {
            return Ok(parameters);
        };
        within("temperature_c", celsius, -10.0, 50.0)?;
        let parameters = parameters.at_temperature(celsius);
        match parameters.first_impossible() {
            Some(name) => Err(ImpossibleMeasure::new(
                "temperature_c",
                format!(
                    "is {celsius}; there {name} would not be possible any more: {}",
                    allowed(name)
                ),
            )),
            None => Ok(parameters),
        }
    }
}

impl PocketPlay {
    fn on(self, model: Pocket) -> Pocket {
        let Self::Drop {
            depth_m,
            liner_restitution,
            facing_restitution,
        } = self
        else {
            return Pocket::Edge;
        };
        let mut pocket = match model {
            Pocket::Edge => Pocket::DROP,
            Pocket::Drop { .. } => model,
        };
        if let Pocket::Drop {
            depth_m: depth,
            liner_restitution: liner,
            facing_restitution: facing,
        } = &mut pocket
        {
            replace(depth, depth_m);
            replace(liner, liner_restitution);
            replace(facing, facing_restitution);
        }
        pocket
    }
}

impl RestitutionMeasures {
    fn points(&self, key: &str) -> Result<Restitution, ImpossibleMeasure> {
        let points = match self {
            Self::Constant(e) => return Ok(Restitution::Constant(*e)),
            Self::Curve(points) => points,
        };
        let (Some(last), true) = (points.last(), points.len() <= Restitution::POINTS) else {
            return Err(ImpossibleMeasure::new(
                key,
                format!(
                    "is a curve of {} points; allowed are 1 to {}",
                    points.len(),
                    Restitution::POINTS
                ),
            ));
        };
        // Beyond its last point a curve is constant, so that point may be there more than once.
        let mut curve = [*last; Restitution::POINTS];
        for (slot, point) in curve.iter_mut().zip(points) {
            *slot = *point;
        }
        Ok(Restitution::Curve(curve))
    }
}

fn replace<T>(usual: &mut T, measured: Option<T>) {
    if let Some(measured) = measured {
        *usual = measured;
    }
}

/// What [`Parameters::first_impossible`] wants of the parameter with this name.
fn allowed(name: &str) -> &'static str {
    match name {
        "slope" => {
            "allowed is a fall of up to 0.005, and less than 0.9 times roll_friction, or balls roll off by themselves"
        }
        "ball_restitution" | "cushion_restitution" => {
            "allowed are numbers above 0 up to 1, in a curve in order of speed"
        }
        "ball_friction" => "allowed are numbers from 0",
        "cushion_frequency_ratio" => "allowed are numbers between 1 and 2",
        "pocket" => {
            "allowed are a depth_m above 0, a liner_restitution of 0 to 1, a facing_restitution above 0 up to 1"
        }
        "tip_restitution" => "allowed are numbers above 0 up to 1",
        "bed_restitution" => "allowed are 0 to 1",
        "drift" => "allowed are -0.05 to 0.05 per kelvin",
        _ => "allowed are numbers above 0",
    }
}
