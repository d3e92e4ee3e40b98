//! The panels. They read the snapshot, change nothing, and give back what the operator wants.

use bevy_egui::egui::{
    self, Align, Color32, Layout, Rect, RichText, TextureHandle, TextureOptions, Ui, vec2,
};
use egui_plot::{Corner, HLine, Line, Plot, PlotPoints};

use super::calibration::{calibration, projector};
use super::{look, pictures};
use crate::physics::prediction::EventKind;
use crate::projector::test_picture::TestPicture;
use crate::system::command::{CueCommand, OperatorCommand};
use crate::system::snapshot::{HistorySample, PredictedShot, Snapshot};
use crate::system::status::{HandCue, Health, Lifecycle, ModuleStatus, Severity};
use crate::trainer::aim::Assistance;

/// What the dashboard remembers between two pictures of itself.
#[derive(Default)]
pub struct Dashboard {
    styled: bool,
    source_text: Option<String>,
    /// What the operator has said of the camera's height, metres; 0: nothing.
    camera_height_m: f64,
    camera: Option<(u64, TextureHandle)>,
}

impl std::fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dashboard")
            .field("source_text", &self.source_text)
            .finish_non_exhaustive()
    }
}

/// Height of the bar with the key figures.
const BAR: f32 = 72.0;
/// Height of a picture's heading.
const HEADING: f32 = 26.0;
/// Room between cards.
const GAP: f32 = 8.0;

/// The whole dashboard in one window.
pub fn dashboard(
    ctx: &egui::Context,
    state: &mut Dashboard,
    snapshot: Option<&Snapshot>,
) -> Vec<OperatorCommand> {
    if !state.styled {
        state.styled = true;
        ctx.set_theme(egui::Theme::Dark);
        ctx.set_style_of(egui::Theme::Dark, look::style());
    }
    let mut wishes = Vec::new();
    let area = ctx.content_rect();
    let mut root = Ui::new(
        ctx.clone(),
        "dashboard".into(),
        egui::UiBuilder::new()
            .layer_id(egui::LayerId::background())
            .max_rect(area),
    );
    root.painter().rect_filled(area, 0.0, look::GROUND);
    let Some(snapshot) = snapshot else {
        root.centered_and_justified(|ui| ui.label("starting"));
        return wishes;
    };
    let area = area.shrink(GAP);
    let bar = Rect::from_min_size(area.min, vec2(area.width(), BAR));
    within(&mut root, bar, |ui| key_figures(ui, state, snapshot, &mut wishes));

    let body = Rect::from_min_max(area.min + vec2(0.0, BAR + GAP), area.max);
    // Both pictures as wide as they can be while both fit in height: 16:9 and the table's shape.
    let spec = &snapshot.table_spec;
    let table_shape = ((spec.width_m + 0.26) / (spec.length_m + 0.26)) as f32;
    let camera_shape = snapshot
        .observation
        .as_ref()
        .map_or(9.0 / 16.0, |o| {
            o.image.height as f32 / o.image.width.max(1) as f32
        })
        .clamp(0.3, 1.2);
    let fits = (body.height() - 2.0 * HEADING - GAP) / (camera_shape + table_shape);
    let width = fits.min(body.width() * 0.6).max(200.0);
    let camera = Rect::from_min_size(body.min, vec2(width, HEADING + width * camera_shape));
    let table = Rect::from_min_size(
        camera.left_bottom() + vec2(0.0, GAP),
        vec2(width, HEADING + width * table_shape),
    );
    within(&mut root, camera, |ui| camera_view(ui, state, snapshot));
    within(&mut root, table, |ui| table_view(ui, snapshot, &mut wishes));

    let side = Rect::from_min_max(body.min + vec2(width + GAP, 0.0), body.max);
    within(&mut root, side, |ui| {
        side_column(ui, state, snapshot, &mut wishes)
    });
    wishes
}

fn within<R>(ui: &mut Ui, area: Rect, add: impl FnOnce(&mut Ui) -> R) -> R {
    let mut child = ui.new_child(
        egui::UiBuilder::new()
            .max_rect(area)
            .layout(Layout::top_down(Align::Min)),
    );
    child.set_clip_rect(area);
    add(&mut child)
}

fn figure(value: Option<f64>, digits: usize, unit: &str) -> String {
    value.map_or_else(|| "–".to_owned(), |v| format!("{v:.digits$} {unit}"))
}

/// Health, the figures that matter, and what the operator can do.
fn key_figures(ui: &mut Ui, state: &mut Dashboard, snapshot: &Snapshot, wishes: &mut Vec<OperatorCommand>) {
    let status = &snapshot.status;
    let area = ui.max_rect();
    ui.painter().rect_filled(area, 8.0, look::CARD);
    let inner = area.shrink2(vec2(14.0, 8.0));
    within(ui, inner, |ui| {
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            let (colour, sign) = look::health(status.health);
            badge(ui, sign, colour, 34.0);
            ui.vertical(|ui| {
                ui.add_space(6.0);
                ui.spacing_mut().item_spacing.y = 1.0;
                let words = if status.paused {
                    "paused"
                } else {
                    status.health.name()
                };
                ui.label(RichText::new(words).size(21.0).strong());
                ui.label(RichText::new(&status.source).color(look::QUIET).size(13.0));
            });
            ui.add_space(18.0);
            let metrics = &status.metrics;
            tile(ui, "frames a second", &figure(metrics.vision_rate_hz, 1, ""));
            tile(ui, "vision", &figure(metrics.vision_ms_p50, 1, "ms"));
            tile(ui, "frame to overlay", &figure(metrics.latency_ms_p50, 1, "ms"));
            tile(ui, "frame age", &figure(metrics.frame_age_ms, 0, "ms"));

            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let (words, hint) = if status.paused {
                    ("Resume", "look and predict again")
                } else {
                    ("Pause", "stop looking and predicting")
                };
                if ui
                    .add_sized([92.0, 34.0], egui::Button::new(words))
                    .on_hover_text(hint)
                    .clicked()
                {
                    wishes.push(OperatorCommand::Pause(!status.paused));
                }
                let mut level = status.assistance;
                egui::ComboBox::from_id_salt("assistance")
                    .selected_text(level.name())
                    .width(118.0)
                    .show_ui(ui, |ui| {
                        for option in Assistance::ALL {
                            ui.selectable_value(&mut level, option, option.name());
                        }
                    });
                if level != status.assistance {
                    wishes.push(OperatorCommand::SetAssistance(level));
                }
                ui.label(RichText::new("help").color(look::QUIET).size(13.0));
                source_box(ui, state, wishes);
                ui.label(RichText::new("source").color(look::QUIET).size(13.0));
            });
        });
    });
}

/// Usual sources to choose from, and a field for any other.
fn source_box(ui: &mut Ui, state: &mut Dashboard, wishes: &mut Vec<OperatorCommand>) {
    const USUAL: [&str; 6] = [
        "auto",
        "camera:0",
        "camera:1",
        "virtual:practice",
        "virtual:break",
        "virtual:grid",
    ];
    egui::ComboBox::from_id_salt("source")
        .selected_text("change")
        .width(86.0)
        .close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside)
        .show_ui(ui, |ui| {
            for option in USUAL {
                if ui.selectable_label(false, option).clicked() {
                    wishes.push(OperatorCommand::SelectSource(option.to_owned()));
                    ui.close();
                }
            }
            ui.separator();
            let text = state.source_text.get_or_insert_default();
            let field = egui::TextEdit::singleline(text)
                .hint_text("video:FILE, images:FOLDER, recording:FILE, rtsp://…")
                .desired_width(230.0);
            let entered = ui.add(field).lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
            if (entered || ui.button("Use").clicked()) && !text.trim().is_empty() {
                wishes.push(OperatorCommand::SelectSource(text.trim().to_owned()));
                ui.close();
            }
        });
}

fn tile(ui: &mut Ui, label: &str, value: &str) {
    ui.allocate_ui_with_layout(vec2(108.0, 54.0), Layout::top_down(Align::Min), |ui| {
        ui.set_min_width(108.0);
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.label(RichText::new(value).size(24.0).strong());
        ui.label(RichText::new(label).size(12.5).color(look::QUIET));
    });
}

fn badge(ui: &mut Ui, sign: &str, colour: Color32, size: f32) {
    let (area, _) = ui.allocate_exact_size(vec2(size, size), egui::Sense::hover());
    ui.painter().circle_filled(area.center(), size / 2.0, colour);
    let font = egui::FontId::proportional(size * 0.48);
    ui.painter().text(
        area.center(),
        egui::Align2::CENTER_CENTER,
        sign,
        font,
        Color32::BLACK,
    );
}

fn heading(ui: &mut Ui, title: &str, note: &str) {
    ui.horizontal(|ui| {
        ui.set_height(HEADING - 6.0);
        ui.label(RichText::new(title).strong());
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add(egui::Label::new(RichText::new(note).color(look::QUIET).size(13.0)).truncate());
        });
    });
}

/// The newest frame with what was found in it.
fn camera_view(ui: &mut Ui, state: &mut Dashboard, snapshot: &Snapshot) {
    let area = ui.max_rect();
    let note = match &snapshot.observation {
        Some(o) => format!("{} balls, {}×{}", o.balls.len(), o.image.width, o.image.height),
        None => "no picture yet".to_owned(),
    };
    heading(ui, "Camera", &note);
    let picture = Rect::from_min_max(area.min + vec2(0.0, HEADING), area.max);
    ui.painter().rect_filled(picture, 4.0, Color32::BLACK);
    if let Some(frame) = &snapshot.frame {
        // No finer than the screen shows it.
        let step = (frame.size.width as f32 / (picture.width() * ui.ctx().pixels_per_point()).max(1.0))
            .round()
            .max(1.0) as u32;
        let stale = state
            .camera
            .as_ref()
            .is_none_or(|(shown, _)| *shown != frame.sequence);
        if stale {
            let rgb = frame.to_rgb(step);
            let size = [rgb.width() as usize, rgb.height() as usize];
            let image = egui::ColorImage::from_rgb(size, rgb.as_raw());
            match &mut state.camera {
                Some((shown, texture)) => {
                    texture.set(image, TextureOptions::LINEAR);
                    *shown = frame.sequence;
                }
                None => {
                    state.camera = Some((
                        frame.sequence,
                        ui.ctx().load_texture("camera", image, TextureOptions::LINEAR),
                    ))
                }
            }
        }
        if let Some((_, texture)) = &state.camera {
            let whole = Rect::from_min_max(egui::Pos2::ZERO, egui::pos2(1.0, 1.0));
            ui.painter().image(texture.id(), picture, whole, Color32::WHITE);
        }
        pictures::found(ui, picture, snapshot);
    }
    pictures::rim(ui, picture);
}

/// The tracked table from above. On the virtual table the cue can be taken here.
/// Probability of the first pocketing that is predicted.
fn odds(shot: &PredictedShot) -> Option<f64> {
    let spread = shot.spread.as_ref()?;
    let first = shot.prediction.events.iter().find_map(|event| match event.kind {
        EventKind::Pocketed(ball, pocket) => Some((ball, pocket)),
        _ => None,
    });
    let (ball, pocket) = first?;
    Some(spread.balls.get(ball)?.pocket_probability(pocket))
}

fn table_view(ui: &mut Ui, snapshot: &Snapshot, wishes: &mut Vec<OperatorCommand>) {
    let area = ui.max_rect();
    let fallen = |shot: &PredictedShot| {
        (0..shot.prediction.paths.len())
            .filter(|i| shot.prediction.pocket_of(*i).is_some())
            .count()
    };
    let held = snapshot.status.hand_cue.filter(|cue| cue.taken);
    let note = match (held, &snapshot.shot, &snapshot.table) {
        (Some(cue), ..) => {
            let speed = cue.stick_speed_m_s;
            format!("your cue: wheel {speed:.1} m/s, arrows turn, space shoots, Esc gives it back")
        }
        (None, Some(shot), _) => {
            let speed = shot.intent.stick_speed_m_s;
            format!(
                "at {speed:.1} m/s: {} pocketed{}, {:.1} s",
                fallen(shot),
                odds(shot).map_or_else(String::new, |odds| format!(" ({:.0} % sure)", 100.0 * odds)),
                shot.prediction.duration_s
            )
        }
        (None, None, Some(table)) if !table.at_rest => "balls are moving".to_owned(),
        (None, None, Some(table)) => format!("{} balls, no shot aimed", table.balls.len()),
        (None, None, None) => String::new(),
    };
    heading(ui, "Table", &note);
    if snapshot.shot.is_some() {
        let button = Rect::from_min_size(area.min + vec2(52.0, 1.0), vec2(70.0, HEADING - 8.0));
        let words = RichText::new("Show it").size(12.0);
        let asked = ui
            .put(button, egui::Button::new(words))
            .on_hover_text("let the aimed shot roll on this picture (R)")
            .clicked();
        let typed = !ui.ctx().egui_wants_keyboard_input() && ui.input(|i| i.key_pressed(egui::Key::R));
        if asked || typed {
            wishes.push(OperatorCommand::Rehearse);
        }
    }
    let picture = Rect::from_min_max(area.min + vec2(0.0, HEADING), area.max);
    pictures::table(ui, picture, snapshot);
    if let Some(cue) = snapshot.status.hand_cue {
        hand_cue(ui, picture, cue, snapshot, wishes);
    }
}

/// Mouse and keys on the virtual table's cue: drag aims, wheel sets the speed, space shoots.
fn hand_cue(ui: &mut Ui, area: Rect, cue: HandCue, snapshot: &Snapshot, wishes: &mut Vec<OperatorCommand>) {
    let taken = cue.taken;
    let mut response = ui.interact(area, "cue".into(), egui::Sense::click_and_drag());
    if !taken {
        response = response.on_hover_text("drag to take the cue and aim");
    }
    let pointer = response
        .interact_pointer_pos()
        .filter(|_| response.dragged() || response.clicked());
    let cue_ball = snapshot
        .table
        .as_ref()
        .and_then(|t| t.cue_ball().map(|b| b.position_m));
    if let (Some(at), Some(ball)) = (pointer, cue_ball) {
        let toward = pictures::on_table(area, snapshot, at) - ball;
        if toward.length() > 0.01 {
            wishes.push(OperatorCommand::Cue(CueCommand::Aim(
                toward.to_angle().to_degrees(),
            )));
        }
    }
    if response.hovered() {
        let wheel = ui.input(|i| f64::from(i.smooth_scroll_delta().y));
        if wheel != 0.0 {
            let speed = (cue.stick_speed_m_s + wheel * 0.0025).clamp(0.2, 10.0);
            wishes.push(OperatorCommand::Cue(CueCommand::Speed(speed)));
        }
    }
    // Keys belong to a text field while one is being written in.
    let keys_move_light = snapshot.status.test_picture == Some(TestPicture::Table);
    if !taken || keys_move_light || ui.ctx().egui_wants_keyboard_input() {
        return;
    }
    ui.input(|input| {
        let step = if input.modifiers.shift { 1.0 } else { 0.1 };
        for (key, turn) in [(egui::Key::ArrowLeft, step), (egui::Key::ArrowRight, -step)] {
            if input.key_pressed(key) {
                wishes.push(OperatorCommand::Cue(CueCommand::Turn(turn)));
            }
        }
        if input.key_pressed(egui::Key::Space) {
            wishes.push(OperatorCommand::Cue(CueCommand::Shoot));
        }
        if input.key_pressed(egui::Key::Escape) {
            wishes.push(OperatorCommand::Cue(CueCommand::Release));
        }
    });
}

fn side_column(ui: &mut Ui, state: &mut Dashboard, snapshot: &Snapshot, wishes: &mut Vec<OperatorCommand>) {
    ui.spacing_mut().item_spacing.y = GAP;
    let width = ui.available_width();
    look::card().show(ui, |ui| {
        ui.set_width(width - 24.0);
        modules(ui, snapshot, wishes);
    });
    look::card().show(ui, |ui| {
        ui.set_width(width - 24.0);
        calibration(ui, &mut state.camera_height_m, &snapshot.calibration, wishes);
        projector(ui, snapshot.status.test_picture, &snapshot.calibration, wishes);
    });
    look::card().show(ui, |ui| {
        ui.set_width(width - 24.0);
        alerts(ui, snapshot, wishes);
    });
    let plot_height = ((ui.available_height() - 60.0) * 0.42).clamp(90.0, 190.0);
    look::card().show(ui, |ui| {
        ui.set_width(width - 24.0);
        plots(ui, snapshot, plot_height);
    });
    let rest = ui.available_height();
    look::card().show(ui, |ui| {
        ui.set_width(width - 24.0);
        ui.set_height((rest - 18.0).max(40.0));
        log(ui, snapshot);
    });
}

fn modules(ui: &mut Ui, snapshot: &Snapshot, wishes: &mut Vec<OperatorCommand>) {
    ui.horizontal(|ui| {
        ui.label(RichText::new("Modules").strong());
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let metrics = &snapshot.status.metrics;
            let cpu = metrics
                .process_cpu
                .map_or_else(|| "–".to_owned(), |c| format!("{:.0} % of a core", c * 100.0));
            let memory = metrics
                .process_memory_bytes
                .map_or_else(|| "–".to_owned(), |b| format!("{} MB", b / 1_000_000));
            ui.label(
                RichText::new(format!("{cpu}, {memory}"))
                    .color(look::QUIET)
                    .size(13.0),
            );
        });
    });
    ui.spacing_mut().item_spacing.y = 3.0;
    for module in &snapshot.status.modules {
        ui.horizontal(|ui| {
            let (colour, sign) = look::health(module.health);
            badge(
                ui,
                sign,
                if module.lifecycle == Lifecycle::Disabled {
                    look::LINE
                } else {
                    colour
                },
                20.0,
            );
            ui.allocate_ui_with_layout(vec2(76.0, 22.0), Layout::left_to_right(Align::Center), |ui| {
                ui.set_min_width(76.0);
                ui.label(module.id);
            });
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                module_buttons(ui, module, wishes);
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    let text = RichText::new(&module.message).color(look::QUIET).size(13.5);
                    let details: Vec<_> = module
                        .checks
                        .iter()
                        .map(|c| format!("{}: {}, {}", c.name, c.status.name(), c.message))
                        .collect();
                    ui.add(egui::Label::new(text).truncate())
                        .on_hover_text(details.join("\n"));
                });
            });
        });
    }
}

/// What can be done with a module as it is: the likeliest as a button, the rest behind a right click on it.
fn module_buttons(ui: &mut Ui, module: &ModuleStatus, wishes: &mut Vec<OperatorCommand>) {
    let id = || module.id.to_owned();
    let (word, hover, wish) = match module.lifecycle {
        // Everything needs it.
        _ if module.id == "config" => return,
        Lifecycle::Running => ("restart", "start it again", OperatorCommand::RestartModule(id())),
        Lifecycle::Failed | Lifecycle::Offline => ("start", "start it", OperatorCommand::StartModule(id())),
        Lifecycle::Disabled => (
            "switch on",
            "take it into service",
            OperatorCommand::EnableModule(id()),
        ),
        Lifecycle::Starting | Lifecycle::Stopping => return,
    };
    let off = module.lifecycle == Lifecycle::Disabled;
    let more = if off { "" } else { "; right click for more" };
    let button = ui
        .small_button(word)
        .on_hover_text(format!("{}: {hover}{more}", module.id));
    if button.clicked() {
        wishes.push(wish);
    }
    if !off {
        button.context_menu(|ui| {
            if module.lifecycle == Lifecycle::Running && ui.button("stop").clicked() {
                wishes.push(OperatorCommand::StopModule(id()));
            }
            if ui.button("switch off").clicked() {
                wishes.push(OperatorCommand::DisableModule(id()));
            }
        });
    }
}

fn alerts(ui: &mut Ui, snapshot: &Snapshot, wishes: &mut Vec<OperatorCommand>) {
    const SHOWN: usize = 3;
    let alerts = &snapshot.status.alerts;
    if alerts.is_empty() {
        ui.label(RichText::new("No alerts").color(look::QUIET));
        return;
    }
    ui.label(RichText::new(format!("Alerts ({})", alerts.len())).strong());
    for alert in alerts.iter().take(SHOWN) {
        ui.horizontal(|ui| {
            let level = if alert.severity == Severity::Critical {
                Health::Unhealthy
            } else {
                Health::Degraded
            };
            let (colour, sign) = look::health(level);
            badge(ui, sign, colour, 18.0);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if alert.acknowledged {
                    ui.label(RichText::new("seen").color(look::QUIET).size(13.0));
                } else if ui.small_button("seen").on_hover_text("mark as seen").clicked() {
                    wishes.push(OperatorCommand::AcknowledgeAlert(alert.id));
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    let mut text = RichText::new(&alert.message);
                    if alert.muted.is_some() {
                        text = text.color(look::QUIET);
                    }
                    let more = [Some(&alert.message), Some(&alert.remedy), alert.muted.as_ref()];
                    let more: Vec<&str> = more.into_iter().flatten().map(String::as_str).collect();
                    ui.add(egui::Label::new(text).truncate())
                        .on_hover_text(more.join("\n"));
                });
            });
        });
    }
    if alerts.len() > SHOWN {
        ui.label(RichText::new(format!("and {} more", alerts.len() - SHOWN)).color(look::QUIET));
    }
}

fn plots(ui: &mut Ui, snapshot: &Snapshot, height: f32) {
    type Pick = fn(&HistorySample) -> Option<f64>;
    let series: [(&str, &str, f64, Pick); 3] = [
        ("Frames a second", "", 30.0, |s| s.rate_hz),
        ("Frame to overlay", "ms", 12.0, |s| s.latency_ms),
        ("Frame age", "ms", 100.0, |s| s.frame_age_ms),
    ];
    ui.columns(series.len(), |columns| {
        for (ui, (title, unit, target, pick)) in columns.iter_mut().zip(series) {
            let title = if unit.is_empty() {
                title.to_owned()
            } else {
                format!("{title} ({unit})")
            };
            ui.label(RichText::new(title).size(13.5));
            let last = snapshot.history.last().map_or(0.0, |s| s.uptime_s);
            // A second without a measurement is a gap in the line, not a bridge over it.
            let points: Vec<[f64; 2]> = snapshot
                .history
                .iter()
                .map(|s| [s.uptime_s - last, pick(s).unwrap_or(f64::NAN)])
                .collect();
            let top = points
                .iter()
                .map(|p| p[1])
                .filter(|v| v.is_finite())
                .fold(target * 1.3, f64::max)
                * 1.05;
            Plot::new(title_id(target, unit))
                .height(height - 24.0)
                .show_axes([false, true])
                .show_grid([false, true])
                .y_axis_min_width(26.0)
                .allow_drag(false)
                .allow_zoom(false)
                .allow_scroll(false)
                .allow_boxed_zoom(false)
                .show_crosshair(false)
                .include_y(0.0)
                .include_y(top)
                .default_x_bounds(-120.0, 0.0)
                .coordinates_formatter(
                    Corner::LeftBottom,
                    egui_plot::CoordinatesFormatter::new(|p, _| format!("{:.0} s: {:.1}", p.x, p.y)),
                )
                .show(ui, |plot| {
                    plot.hline(HLine::new("target", target).color(look::LINE));
                    plot.line(
                        Line::new("value", PlotPoints::from(points))
                            .color(look::ACCENT)
                            .width(2.0),
                    );
                });
        }
    });
}

fn title_id(target: f64, unit: &str) -> String {
    format!("plot {target} {unit}")
}

fn log(ui: &mut Ui, snapshot: &Snapshot) {
    ui.label(RichText::new("Log").strong());
    egui::ScrollArea::vertical()
        .auto_shrink(false)
        .stick_to_bottom(true)
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            for line in snapshot.log.iter() {
                let colour = match line.level {
                    "ERROR" => look::health(Health::Unhealthy).0,
                    "WARN" => look::health(Health::Degraded).0,
                    _ => look::QUIET,
                };
                let clock = line.time.get(11..19).unwrap_or_default();
                ui.horizontal_wrapped(|ui| {
                    ui.label(RichText::new(clock).monospace().size(12.5).color(look::QUIET));
                    ui.label(RichText::new(&line.message).size(13.0).color(colour));
                });
            }
        });
}
