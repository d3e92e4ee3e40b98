//! What a table can measure.

use std::f64::consts::SQRT_2;

use super::ImpossibleMeasure;
use crate::table::geometry::Jaw;
use crate::table::{PocketShape, TableSpec};

/// The smallest gap, in ball radii, that counts as wider than a ball, and the smallest hole
/// that counts as larger than one.
const WIDER: f64 = 2.1;
const LARGER: f64 = 1.05;

/// Could this table be? What the rules of any game ask for is far inside these limits.
pub(super) fn check(spec: &TableSpec) -> Result<(), ImpossibleMeasure> {
    let radius = spec.ball.radius_m;
    within("length_m", spec.length_m, 0.5, 6.0)?;
    let narrowest = (spec.length_m / 4.0).max(0.25);
    within("width_m", spec.width_m, narrowest, spec.length_m.min(3.0))?;
    within("cushion_width_m", spec.cushion_width_m, 0.02, 0.12)?;
    within("rail_width_m", spec.rail_width_m, 0.01, 0.5)?;
    // A rack of five rows reaches 8 radii from the foot spot, which lies a quarter of the
    // length from the foot cushion.
    within("ball.radius_m", radius, 0.005, (spec.length_m / 32.0).min(0.06))?;
    within("ball.mass_kg", spec.ball.mass_kg, 0.01, 2.0)?;
    within("cue_ball_mass_kg", spec.cue_ball_mass_kg, 0.01, 2.0)?;
    within("nose_height_m", spec.nose_height_m, 0.6 * radius, 2.0 * radius)?;
    let (Some(corner), Some(side)) = (spec.corner, spec.side) else {
        return Ok(());
    };
    let depth = spec.cushion_width_m;
    let cut = corner.mouth_m / SQRT_2;
    let corner_jaw = Jaw::corner(&corner, depth);
    let throat = Throat {
        width_m: SQRT_2 * (cut + depth - corner_jaw.reach_m),
        behind_m: (depth + corner_jaw.reach_m) / SQRT_2,
    };
    check_pocket("corner", spec, &corner, &corner_jaw, &throat)?;
    let side_jaw = Jaw::side(&side, depth);
    let throat = Throat {
        width_m: side.mouth_m - 2.0 * side_jaw.reach_m,
        behind_m: depth,
    };
    check_pocket("side", spec, &side, &side_jaw, &throat)?;

    let nose_ends = cut + corner_jaw.tangent_m;
    if spec.half_width_m() - nose_ends < radius {
        return Err(no_nose("corner.jaw_radius_m", corner.jaw_radius_m));
    }
    if spec.half_length_m() - nose_ends - side.mouth_m / 2.0 - side_jaw.tangent_m < radius {
        return Err(no_nose("side.mouth_m", side.mouth_m));
    }
    // A ball that falls must not leave the table before the pocket has it.
    let corner_back = corner.corner_depth_m() / SQRT_2 + corner.hole_radius_m;
    let back = corner_back.max(side.side_depth_m() + side.hole_radius_m);
    if back > depth + spec.rail_width_m {
        return Err(ImpossibleMeasure::new(
            "rail_width_m",
            format!(
                "is {}; the pockets reach out of such a table: allowed is at least {}",
                spec.rail_width_m,
                ceil(back - depth)
            ),
        ));
    }
    Ok(())
}

/// Where the facings of a pocket end; distances along the diagonal for a corner.
struct Throat {
    /// From one end to the other, metres.
    width_m: f64,
    /// How far behind the middle of the mouth, metres.
    behind_m: f64,
}

fn check_pocket(
    kind: &str,
    spec: &TableSpec,
    shape: &PocketShape,
    jaw: &Jaw,
    throat: &Throat,
) -> Result<(), ImpossibleMeasure> {
    let key = |field: &str| format!("{kind}.{field}");
    let radius = spec.ball.radius_m;
    within(&key("mouth_m"), shape.mouth_m, WIDER * radius, spec.width_m / 3.0)?;
    within(&key("jaw_angle_deg"), shape.jaw_angle_deg, 0.0, 44.0)?;
    within(&key("jaw_radius_m"), shape.jaw_radius_m, 0.001, 0.2)?;
    within(
        &key("hole_radius_m"),
        shape.hole_radius_m,
        LARGER * radius,
        shape.mouth_m,
    )?;
    if throat.width_m < 2.0 * radius {
        return Err(ImpossibleMeasure::new(
            key("jaw_angle_deg"),
            format!(
                "is {}; behind a mouth of {} m such jaws leave no room for a ball: allowed is a smaller angle",
                shape.jaw_angle_deg, shape.mouth_m
            ),
        ));
    }
    if jaw.tangent_m * jaw.lean_cos >= spec.cushion_width_m {
        return Err(ImpossibleMeasure::new(
            key("jaw_radius_m"),
            format!(
                "is {}; such a jaw is larger than a cushion of {} m: allowed is a smaller radius",
                shape.jaw_radius_m, spec.cushion_width_m
            ),
        ));
    }
    // A hole before the mouth would catch balls that run along the cushion.
    within(&key("shelf_m"), shape.shelf_m, -0.5 * radius, throat.behind_m)?;
    // At the hole's centre, or a little before the facings end, a ball that touches a facing must
    // be over the hole already.
    let hole = shape.hole_radius_m;
    let centre_m = shape.shelf_m + hole;
    let at_m = centre_m.min(throat.behind_m - 0.5 * radius).max(0.0);
    let gap_m = shape.mouth_m + (throat.width_m - shape.mouth_m) * at_m / throat.behind_m;
    let aside_m = (gap_m / 2.0 - radius).max(0.0);
    if (centre_m - at_m).hypot(aside_m) > hole {
        return Err(ImpossibleMeasure::new(
            key("hole_radius_m"),
            format!(
                "is {hole}; a ball could run past such a hole: allowed is a larger one, or one behind a \
                 shorter shelf_m"
            ),
        ));
    }
    Ok(())
}

fn no_nose(key: &str, value: f64) -> ImpossibleMeasure {
    ImpossibleMeasure::new(
        key,
        format!(
            "is {value}; no straight cushion is left between two pockets: allowed are smaller mouths and jaw radii"
        ),
    )
}

/// The next hundredth of a millimetre: as fine as a message should be, and allowed if it says so.
fn ceil(value: f64) -> f64 {
    (value * 1e5).ceil() / 1e5
}

/// Refuses what is not a number from `low` to `high`.
pub(super) fn within(key: &str, value: f64, low: f64, high: f64) -> Result<(), ImpossibleMeasure> {
    let (low, high) = (ceil(low), -ceil(-high));
    if (low..=high).contains(&value) {
        Ok(())
    } else {
        Err(ImpossibleMeasure::new(
            key,
            format!("is {value}; allowed are {low} to {high}"),
        ))
    }
}
