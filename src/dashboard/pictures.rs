//! The camera picture with what was found, and the table from above.

use std::sync::LazyLock;

use bevy_egui::egui::{
    self, Align2, Color32, FontId, Pos2, Rect, Shape as Paint, Stroke, StrokeKind, pos2, vec2,
};

use super::look;
use crate::projector::drawing::arrow_corner;
use crate::projector::overlay::Geometry as Form;
use crate::projector::theme::Theme;
use crate::system::snapshot::Snapshot;
use crate::table::{BallKind, Geometry, Group};
use crate::units::{Vec2, unit};
use crate::vision::track::BallMotion;

/// Share of a table's size that is added round the noses for rails and pockets.
const RAIL_M: f64 = 0.13;

/// Draws noses, balls and cue over the camera picture, which fills `area`.
pub(super) fn found(ui: &egui::Ui, area: Rect, snapshot: &Snapshot) {
    let Some(seen) = &snapshot.observation else { return };
    let scale = vec2(
        area.width() / seen.image.width.max(1) as f32,
        area.height() / seen.image.height.max(1) as f32,
    );
    let at = |p: Vec2| {
        pos2(
            area.left() + p.x as f32 * scale.x,
            area.top() + p.y as f32 * scale.y,
        )
    };
    let painter = ui.painter().with_clip_rect(area);
    if let Some(table) = &seen.table {
        let corners = table.corners_px.map(at).to_vec();
        painter.add(Paint::closed_line(corners, Stroke::new(1.5, look::ACCENT)));
        for pocket in table.pockets_px {
            painter.circle_stroke(at(pocket), 6.0, Stroke::new(1.5, look::ACCENT));
        }
    }
    for ball in &seen.balls {
        let radius = (ball.radius_px as f32 * scale.x).max(3.0) + 2.0;
        let known = ball.kind.group != Group::Unknown;
        let colour = if known {
            Color32::WHITE
        } else {
            look::health(crate::system::status::Health::Degraded).0
        };
        painter.circle_stroke(at(ball.center_px), radius, Stroke::new(1.5, colour));
        let label = name(ball.kind);
        let place = at(ball.center_px) + vec2(radius + 2.0, -radius - 2.0);
        let font = FontId::proportional(12.0);
        painter.text(
            place + vec2(1.0, 1.0),
            Align2::LEFT_CENTER,
            &label,
            font.clone(),
            Color32::BLACK,
        );
        painter.text(place, Align2::LEFT_CENTER, &label, font, colour);
    }
    for cue in &seen.cues {
        painter.line_segment(
            [at(cue.butt_px), at(cue.tip_px)],
            Stroke::new(2.0, Color32::from_rgb(240, 228, 66)),
        );
        painter.circle_filled(at(cue.tip_px), 4.0, Color32::from_rgb(240, 228, 66));
    }
}

/// The overlay's colours on a screen: those for a cloth that nobody has seen.
static ON_SCREEN: LazyLock<Theme> = LazyLock::new(Theme::default);

/// Points per metre of the table view.
fn scale(area: Rect, snapshot: &Snapshot) -> f64 {
    let spec = &snapshot.table_spec;
    let (x, y) = (spec.length_m + 2.0 * RAIL_M, spec.width_m + 2.0 * RAIL_M);
    (f64::from(area.width()) / x).min(f64::from(area.height()) / y)
}

/// The place on the table under a point of the table view, metres.
pub(super) fn on_table(area: Rect, snapshot: &Snapshot, at: Pos2) -> Vec2 {
    let off = at - area.center();
    Vec2::new(f64::from(off.x), -f64::from(off.y)) / scale(area, snapshot).max(1e-9)
}

/// Draws the table from above with balls, cue and overlay; foot end to the right.
pub(super) fn table(ui: &egui::Ui, area: Rect, snapshot: &Snapshot) {
    let spec = &snapshot.table_spec;
    let (full_x, full_y) = (spec.length_m + 2.0 * RAIL_M, spec.width_m + 2.0 * RAIL_M);
    let scale = scale(area, snapshot);
    let centre = area.center();
    let at = |p: Vec2| pos2(centre.x + (p.x * scale) as f32, centre.y - (p.y * scale) as f32);
    let length = |m: f64| (m * scale) as f32;
    let rect = |x: f64, y: f64| Rect::from_center_size(centre, vec2(length(2.0 * x), length(2.0 * y)));
    let painter = ui.painter().with_clip_rect(area);
    let (hl, hw) = (spec.half_length_m(), spec.half_width_m());
    painter.rect_filled(rect(full_x / 2.0, full_y / 2.0), 8.0, look::WOOD);
    let cushion = spec.cushion_width_m;
    painter.rect_filled(
        rect(hl + cushion, hw + cushion),
        2.0,
        Color32::from_rgb(16, 72, 66),
    );
    painter.rect_filled(rect(hl, hw), 0.0, look::CLOTH);
    diamonds(&painter, hl, hw, cushion, at);
    let geometry = Geometry::of(spec);
    for pocket in &geometry.pockets {
        painter.circle_filled(at(pocket.centre), length(pocket.radius), look::HOLE);
    }
    for shape in snapshot.shapes.iter() {
        let look = ON_SCREEN.style(shape.meaning);
        let [r, g, b] = look.colour;
        let colour = Color32::from_rgb(r, g, b).gamma_multiply(look.opacity(shape.fade) as f32);
        let stroke = Stroke::new(length(look.form.width_m).max(1.5), colour);
        match &shape.geometry {
            Form::Polyline { points, dashed } => {
                let points: Vec<Pos2> = points.iter().map(|p| at(*p)).collect();
                if *dashed {
                    painter.extend(Paint::dashed_line(&points, stroke, 6.0, 4.0));
                } else {
                    painter.add(Paint::line(points, stroke));
                }
            }
            Form::Ring { centre, radius } => {
                painter.circle_stroke(at(*centre), length(*radius), stroke);
            }
            Form::Disc { centre, radius } => {
                painter.circle_filled(at(*centre), length(*radius).max(2.0), colour);
            }
            Form::Arrow { tip, back } => {
                let corners = [
                    *tip,
                    arrow_corner(*back, *tip, 1.0),
                    arrow_corner(*back, *tip, -1.0),
                ];
                painter.add(Paint::convex_polygon(
                    corners.map(at).to_vec(),
                    colour,
                    Stroke::NONE,
                ));
            }
            Form::Area { left, right } => {
                let faint = Color32::from_rgb(r, g, b).gamma_multiply(look.area_opacity(shape.fade) as f32);
                let rungs: Vec<(Pos2, Pos2)> =
                    left.iter().zip(right).map(|(l, r)| (at(*l), at(*r))).collect();
                for pair in rungs.windows(2) {
                    if let [(a, b), (c, d)] = pair {
                        let piece = vec![*a, *b, *d, *c];
                        painter.add(Paint::convex_polygon(piece, faint, Stroke::NONE));
                    }
                }
            }
            Form::Text {
                at: place,
                height,
                text,
            } => {
                painter.text(
                    at(*place),
                    Align2::CENTER_CENTER,
                    text,
                    FontId::proportional(length(height * 1.6)),
                    colour,
                );
            }
        }
    }
    let Some(state) = &snapshot.table else {
        painter.text(
            centre,
            Align2::CENTER_CENTER,
            "no table seen yet",
            FontId::proportional(18.0),
            look::QUIET,
        );
        return;
    };
    if let Some(cue) = &state.cue {
        let butt = cue.tip_m - cue.direction * 1.45;
        painter.line_segment(
            [at(butt), at(cue.tip_m)],
            Stroke::new(length(0.02).max(2.0), Color32::from_rgb(205, 170, 120)),
        );
        painter.circle_filled(
            at(cue.tip_m),
            length(0.009).max(2.0),
            Color32::from_rgb(40, 90, 170),
        );
    }
    if let Some(rehearsal) = &snapshot.rehearsal {
        let radius = length(spec.ball.radius_m).max(4.0);
        for shown in rehearsal.iter() {
            let kind = state.balls.iter().find(|b| b.id == shown.id).map(|b| b.kind);
            let paint = look::paint(kind.unwrap_or_default());
            painter.circle_filled(at(shown.position_m), radius, paint.gamma_multiply(0.55));
            let rim = Stroke::new(if shown.moves { 2.5 } else { 1.5 }, Color32::WHITE);
            painter.circle_stroke(at(shown.position_m), radius, rim);
        }
    }
    for ball in &state.balls {
        disc(
            &painter,
            at(ball.position_m),
            length(spec.ball.radius_m).max(4.0),
            ball.kind,
            ball.motion == BallMotion::Held,
        );
    }
}

/// A ball as a person knows it: paint, stripe, number.
fn disc(painter: &egui::Painter, at: Pos2, radius: f32, kind: BallKind, held: bool) {
    let paint = look::paint(kind);
    let white = Color32::from_rgb(245, 242, 232);
    painter.circle_filled(
        at + vec2(radius * 0.18, radius * 0.22),
        radius,
        Color32::from_black_alpha(90),
    );
    if kind.group == Group::Stripe {
        painter.circle_filled(at, radius, white);
        let (half, n) = (0.62_f64, 12);
        let side = |sign: f64| {
            (0..=n).map(move |i| {
                let angle = (f64::from(i) / f64::from(n) * 2.0 - 1.0) * half;
                unit(if sign > 0.0 {
                    angle
                } else {
                    std::f64::consts::PI + angle
                })
            })
        };
        let band = side(1.0)
            .chain(side(-1.0))
            .map(|p| at + vec2(p.x as f32, p.y as f32) * radius)
            .collect();
        painter.add(Paint::convex_polygon(band, paint, Stroke::NONE));
    } else {
        painter.circle_filled(at, radius, paint);
    }
    if let Some(number) = kind.number.filter(|n| *n > 0) {
        painter.circle_filled(at, radius * 0.56, white);
        painter.text(
            at,
            Align2::CENTER_CENTER,
            number.to_string(),
            FontId::proportional(radius * 0.95),
            Color32::BLACK,
        );
    }
    if kind.group == Group::Unknown {
        painter.text(
            at,
            Align2::CENTER_CENTER,
            "?",
            FontId::proportional(radius * 1.4),
            Color32::WHITE,
        );
    }
    let rim = if held {
        Stroke::new(2.0, look::health(crate::system::status::Health::Degraded).0)
    } else {
        Stroke::new(1.0, Color32::from_black_alpha(120))
    };
    painter.circle_stroke(at, radius, rim);
}

fn diamonds(painter: &egui::Painter, hl: f64, hw: f64, cushion: f64, at: impl Fn(Vec2) -> Pos2) {
    let ivory = Color32::from_rgb(222, 214, 196);
    let off = cushion + (RAIL_M - cushion) / 2.0;
    for i in 1..8 {
        let x = -hl + hl / 4.0 * f64::from(i);
        for y in [hw + off, -hw - off] {
            if i != 4 {
                painter.circle_filled(at(Vec2::new(x, y)), 2.0, ivory);
            }
        }
    }
    for i in 1..4 {
        let y = -hw + hw / 2.0 * f64::from(i);
        for x in [hl + off, -hl - off] {
            painter.circle_filled(at(Vec2::new(x, y)), 2.0, ivory);
        }
    }
}

/// A frame round a picture.
pub(super) fn rim(ui: &egui::Ui, area: Rect) {
    ui.painter()
        .rect_stroke(area, 4.0, Stroke::new(1.0, look::LINE), StrokeKind::Inside);
}

fn name(kind: BallKind) -> String {
    match (kind.group, kind.number) {
        (Group::Cue, _) => "cue".to_owned(),
        (Group::Unknown, _) => "?".to_owned(),
        (_, Some(number)) => number.to_string(),
        (group, None) => group.name().to_owned(),
    }
}
