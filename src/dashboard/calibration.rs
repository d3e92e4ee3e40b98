//! The card from which camera and projector are calibrated.

use bevy_egui::egui::{self, Align, Layout, RichText, Ui, vec2};

use super::look;
use crate::calibration::status::CalibrationStatus;
use crate::projector::test_picture::{ALL, FINE_MM, STEP_MM, TestPicture};
use crate::system::command::OperatorCommand;
use crate::units::MM_PER_M;

/// Heights of a camera that can be said, metres.
const HEIGHTS_M: std::ops::RangeInclusive<f64> = 0.0..=10.0;
/// Lower than this nobody hangs a camera: it means that nobody has measured.
const LEAST_M: f64 = 0.3;

/// `height_m`: what the operator has said of the camera's height; 0: nothing.
pub(super) fn calibration(
    ui: &mut Ui,
    height_m: &mut f64,
    status: &CalibrationStatus,
    wishes: &mut Vec<OperatorCommand>,
) {
    if let Some(progress) = status.running {
        ui.horizontal(|ui| {
            ui.label(RichText::new("Calibrating").strong());
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if ui
                    .small_button("end")
                    .on_hover_text("what was kept before holds")
                    .clicked()
                {
                    wishes.push(OperatorCommand::CancelCalibration);
                }
                let bar = egui::ProgressBar::new(progress.share as f32).text(progress.words);
                ui.add(bar.desired_width(ui.available_width()));
            });
        });
        return;
    }
    ui.horizontal(|ui| {
        ui.label(RichText::new("Calibration").strong());
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let begin = ui.small_button("calibrate").on_hover_text(
                "Take the balls off the table, keep people and cues out of the picture. It takes ten seconds. \
                 Right click for more.",
            );
            if begin.clicked() {
                let camera_height_m = (*height_m >= LEAST_M).then_some(*height_m);
                wishes.push(OperatorCommand::Calibrate {
                    camera_height_m,
                    job: None,
                });
            }
            begin.context_menu(|ui| {
                if ui.button("go back to the one before").clicked() {
                    wishes.push(OperatorCommand::RollBackCalibration);
                    ui.close();
                }
            });
            let height = egui::DragValue::new(height_m)
                .range(HEIGHTS_M)
                .speed(0.01)
                .max_decimals(2)
                .suffix(" m");
            ui.add_sized(vec2(64.0, 20.0), height).on_hover_text(
                "Height of the camera's lens above the cloth, measured with a tape; 0: not measured. \
                 With it the table is known twice as well.",
            );
            ui.label(RichText::new("camera height").color(look::QUIET).size(13.0));
        });
    });
    let (words, colour) = in_words(status);
    ui.add(egui::Label::new(RichText::new(&words).color(colour).size(13.5)).truncate())
        .on_hover_text(words);
}

/// Test pictures, and fine-tuning by arrow keys while that of the table is shown.
pub(super) fn projector(
    ui: &mut Ui,
    shown: Option<TestPicture>,
    status: &CalibrationStatus,
    wishes: &mut Vec<OperatorCommand>,
) {
    ui.horizontal(|ui| {
        ui.label(RichText::new("Test picture").strong());
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            for (picture, name) in ALL.into_iter().rev() {
                let on = shown == Some(picture);
                if ui.selectable_label(on, name).clicked() {
                    wishes.push(OperatorCommand::ShowTestPicture((!on).then_some(picture)));
                }
            }
        });
    });
    let Some(profile) = status
        .profile
        .as_ref()
        .filter(|_| shown == Some(TestPicture::Table))
    else {
        return;
    };
    ui.horizontal(|ui| {
        let nudge = profile.nudge_m * MM_PER_M;
        let words = format!(
            "arrow keys move the light by 1 mm, with shift by 0.2; now {:+.1}, {:+.1} mm",
            nudge.x, nudge.y
        );
        ui.label(RichText::new(words).color(look::QUIET).size(13.0));
        if ui.small_button("zero").clicked() {
            wishes.push(OperatorCommand::NudgeProjector {
                x_mm: -nudge.x,
                y_mm: -nudge.y,
            });
        }
    });
    if ui.ctx().egui_wants_keyboard_input() {
        return;
    }
    ui.input(|input| {
        let step_mm = if input.modifiers.shift { FINE_MM } else { STEP_MM };
        for (key, x, y) in [
            (egui::Key::ArrowLeft, -1.0, 0.0),
            (egui::Key::ArrowRight, 1.0, 0.0),
            (egui::Key::ArrowUp, 0.0, 1.0),
            (egui::Key::ArrowDown, 0.0, -1.0),
        ] {
            if input.key_pressed(key) {
                wishes.push(OperatorCommand::NudgeProjector {
                    x_mm: x * step_mm,
                    y_mm: y * step_mm,
                });
            }
        }
    });
}

/// What holds, or what went wrong last.
fn in_words(status: &CalibrationStatus) -> (String, egui::Color32) {
    match (&status.last, &status.profile, &status.unfit) {
        (Some(said), ..) if !said.good => (
            said.words.clone(),
            look::health(crate::system::status::Health::Degraded).0,
        ),
        (_, Some(_), Some(why)) => (
            format!("the calibration {why}"),
            look::health(crate::system::status::Health::Degraded).0,
        ),
        (_, Some(_), None) if status.doubt.is_some() || status.change.is_some() => (
            status
                .doubt
                .as_ref()
                .or(status.change.as_ref())
                .cloned()
                .unwrap_or_default(),
            look::health(crate::system::status::Health::Degraded).0,
        ),
        (_, Some(profile), None) => (
            format!(
                "light lands within {:.1} mm, {:.0} ms after it is drawn; the table is known to {:.1} mm; {}",
                profile.landing_max_m * MM_PER_M,
                profile.latency_s * 1e3,
                profile.table_sigma_m * MM_PER_M,
                profile.made.get(..10).unwrap_or_default(),
            ),
            look::QUIET,
        ),
        (_, None, _) => ("none yet".to_owned(), look::QUIET),
    }
}
