//! Colours and sizes of the dashboard, in one place.

use bevy_egui::egui::{self, Color32, CornerRadius, FontFamily, FontId, Margin, Stroke, TextStyle};

use crate::system::status::Health;
use crate::table::BallKind;

/// Behind everything.
pub(super) const GROUND: Color32 = Color32::from_rgb(18, 21, 26);
/// A card on the ground.
pub(super) const CARD: Color32 = Color32::from_rgb(28, 33, 40);
/// Lines between things.
pub(super) const LINE: Color32 = Color32::from_rgb(52, 60, 71);
/// Words.
pub(super) const TEXT: Color32 = Color32::from_rgb(232, 236, 241);
/// Words that matter less.
pub(super) const QUIET: Color32 = Color32::from_rgb(150, 161, 175);
/// What can be pressed.
pub(super) const ACCENT: Color32 = Color32::from_rgb(86, 180, 233);

/// Cloth of the table view.
pub(super) const CLOTH: Color32 = Color32::from_rgb(22, 92, 84);
/// Wood of the table view.
pub(super) const WOOD: Color32 = Color32::from_rgb(74, 48, 34);
/// Holes of the table view.
pub(super) const HOLE: Color32 = Color32::from_rgb(8, 9, 10);

/// Colour and sign of a level of health: the sign tells without the colour.
pub(super) const fn health(level: Health) -> (Color32, &'static str) {
    match level {
        Health::Healthy => (Color32::from_rgb(0, 190, 140), "OK"),
        Health::Unknown => (Color32::from_rgb(150, 161, 175), "?"),
        Health::Degraded => (Color32::from_rgb(240, 190, 40), "!"),
        Health::Unhealthy => (Color32::from_rgb(240, 100, 60), "X"),
    }
}

/// Colour of a ball's paint.
pub(super) const fn paint(kind: BallKind) -> Color32 {
    let [r, g, b] = kind.paint_srgb();
    Color32::from_rgb(r, g, b)
}

/// The style of the whole dashboard.
pub(super) fn style() -> egui::Style {
    let mut style = egui::Style {
        visuals: egui::Visuals::dark(),
        ..egui::Style::default()
    };
    let font = |size| FontId::new(size, FontFamily::Proportional);
    style.text_styles = [
        (TextStyle::Heading, font(19.0)),
        (TextStyle::Body, font(15.0)),
        (TextStyle::Button, font(15.0)),
        (TextStyle::Small, font(12.5)),
        (TextStyle::Monospace, FontId::new(13.0, FontFamily::Monospace)),
    ]
    .into();
    style.spacing.item_spacing = egui::vec2(8.0, 6.0);
    style.spacing.button_padding = egui::vec2(12.0, 5.0);
    style.spacing.interact_size.y = 28.0;
    let visuals = &mut style.visuals;
    visuals.panel_fill = GROUND;
    visuals.window_fill = CARD;
    visuals.extreme_bg_color = Color32::from_rgb(14, 16, 20);
    visuals.override_text_color = Some(TEXT);
    visuals.selection.bg_fill = Color32::from_rgb(30, 90, 125);
    visuals.widgets.noninteractive.bg_stroke = Stroke::new(1.0, LINE);
    for widget in [
        &mut visuals.widgets.noninteractive,
        &mut visuals.widgets.inactive,
        &mut visuals.widgets.hovered,
        &mut visuals.widgets.active,
        &mut visuals.widgets.open,
    ] {
        widget.corner_radius = CornerRadius::same(6);
    }
    style
}

/// The frame of a card.
pub(super) fn card() -> egui::Frame {
    egui::Frame::new()
        .fill(CARD)
        .corner_radius(CornerRadius::same(8))
        .inner_margin(Margin::symmetric(12, 8))
}
