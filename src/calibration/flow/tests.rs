//! Whole calibrations on rigs whose truth is known.

use std::sync::Arc;

use super::*;
use crate::units::Vec3;
use crate::virtual_table::rig::Rig;
use crate::virtual_table::{Options, Pace, SceneName};
use crate::vision::frame::PixelFormat;

/// A table with a few balls, a camera over it, and a projector aslant.
pub(in crate::calibration) fn rig(mirrored: bool, turned: bool) -> Rig {
    rig_under(mirrored, turned, None)
}

/// The same with this camera over it.
pub(in crate::calibration) fn rig_under(mirrored: bool, turned: bool, camera: Option<CameraModel>) -> Rig {
    let options = Options {
        pace: Pace::Fast,
        size: ImageSize::new(1280, 720),
        camera,
        ..Options::new(SceneName::Grid)
    };
    let up = if turned { Vec3::NEG_Y } else { Vec3::Y };
    let mut lens = Lens::pinhole(ImageSize::new(1280, 800), 1050.0);
    lens.radial[0] = -0.015;
    let pose = Pose::looking_at(Vec3::new(0.2, -0.3, 2.6), Vec3::new(0.02, 0.0, 0.0), up);
    let projector = ProjectorModel {
        optics: CameraModel { lens, pose },
        mirrored,
    };
    Rig::new(&options, projector, 2).unwrap()
}

pub(in crate::calibration) fn plan(rig: &Rig) -> Plan {
    Plan {
        table: rig.spec.clone(),
        projector: rig.projector.size(),
        camera_height_m: Some(rig.table.camera().pose.eye_m.z),
        lens: None,
        markers: Vec::new(),
        limit_m: 0.002,
        table_limit_m: 0.0025,
    }
}

fn fault(mut rig: Rig, meddle: impl FnMut(&mut Frame, f64)) -> CalibrationFault {
    let plan = plan(&rig);
    rig.calibrate(plan, meddle).unwrap().0.unwrap_err()
}

/// Paints a rectangle, in shares of the picture.
pub(in crate::calibration) fn paint(
    frame: &mut Frame,
    [left, top, right, bottom]: [f64; 4],
    colour: [u8; 3],
) {
    assert_eq!(frame.format, PixelFormat::Rgb8);
    let (w, h) = (frame.size.width as usize, frame.size.height as usize);
    let pixels = Arc::make_mut(&mut frame.pixels);
    for row in pixels
        .chunks_mut(3 * w)
        .take((bottom * h as f64) as usize)
        .skip((top * h as f64) as usize)
    {
        let (from, to) = ((left * w as f64) as usize, (right * w as f64) as usize);
        for pixel in row[3 * from..3 * to].chunks_mut(3) {
            pixel.copy_from_slice(&colour);
        }
    }
}

#[test]
fn light_lands_where_it_is_meant_however_the_projector_hangs() {
    for (mirrored, turned) in [(false, false), (true, true)] {
        let mut rig = rig(mirrored, turned);
        let plan = plan(&rig);
        let (found, took_s) = rig.calibrate(plan, |_, _| ()).unwrap();
        let found = found.unwrap();
        assert!(took_s < 20.0, "{took_s}");
        assert_eq!(found.projector.mirrored, mirrored);
        assert!(
            (found.latency_s - rig.delay_s()).abs() < 0.001,
            "{}",
            found.latency_s
        );
        assert_lands(&rig, &found);
    }
}

/// Light lands where it is meant, as the camera sees it and on the table, and no worse than is said.
fn assert_lands(rig: &Rig, found: &Calibration) {
    let half = Vec2::new(rig.spec.half_length_m(), rig.spec.half_width_m());
    for (x, y) in [
        (0.0, 0.0),
        (1.0, 1.0),
        (-1.0, 1.0),
        (1.0, -1.0),
        (-1.0, -1.0),
        (0.5, -0.6),
    ] {
        let meant = half * Vec2::new(x, y);
        let pixel = found.projector.pixel(meant.extend(0.0)).unwrap();
        let lands = rig.projector.on_plane(pixel, 0.0).unwrap();
        let seen = rig.table.camera().project(lands.extend(0.0)).unwrap();
        let seen = found.camera.on_plane(seen, 0.0).unwrap();
        assert!(seen.distance(meant) < 0.0005, "{meant}: seen {seen}");
        assert!(seen.distance(meant) <= found.landing.max_m);
        assert!(lands.distance(meant) < 0.0015, "{meant}: lands {lands}");
        assert!(lands.distance(meant) <= 2.5 * found.landing.table_sigma_m);
    }
}

/// With its height measured a fisheye is found on the table; with its lens shown by a board nobody need measure.
#[test]
fn a_fisheye_is_calibrated_on_the_table() {
    let lens = Lens {
        focal_px: Vec2::splat(880.0),
        centre_px: Vec2::new(648.0, 355.0),
        radial: [-0.03, 0.004, 0.0],
        projection: Projection::Fisheye,
        ..Lens::pinhole(ImageSize::new(1280, 720), 880.0)
    };
    let pose = Pose::looking_at(Vec3::new(0.1, -0.15, 2.2), Vec3::new(0.03, 0.0, 0.0), Vec3::Y);
    let camera = CameraModel { lens, pose };
    for known in [None, Some(lens)] {
        let mut rig = rig_under(false, false, Some(camera));
        let mut plan = plan(&rig);
        if known.is_some() {
            (plan.lens, plan.camera_height_m) = (known, None);
        }
        let found = rig.calibrate(plan, |_, _| ()).unwrap().0.unwrap();
        assert_eq!(found.camera.lens.projection, Projection::Fisheye);
        assert_lands(&rig, &found);
    }
}

#[test]
fn a_lens_of_other_pictures_is_refused() {
    let mut rig = rig(false, false);
    let mut plan = plan(&rig);
    plan.lens = Some(Lens::pinhole(ImageSize::new(1024, 768), 900.0));
    let fault = rig.calibrate(plan, |_, _| ()).unwrap().0.unwrap_err();
    assert!(fault.to_string().contains("1024×768"), "{fault}");
}

#[test]
fn a_wall_is_no_table() {
    let fault = fault(rig(false, false), |frame, _| {
        paint(frame, [0.0, 0.0, 1.0, 1.0], [150, 148, 140])
    });
    assert!(matches!(fault, CalibrationFault::NoTable(_)), "{fault}");
}

#[test]
fn without_a_projector_there_is_no_light() {
    let mut rig = rig(false, false);
    let mut flow = Flow::new(plan(&rig));
    let shown = rig.take().unwrap().captured;
    let fault = (0..600).find_map(|_| flow.look(&rig.take().unwrap(), shown).err());
    assert_eq!(fault, Some(CalibrationFault::NoLight));
}

#[test]
fn somebody_who_does_not_keep_still_is_told_so() {
    let mut turn = 0.0;
    let fault = fault(rig(false, false), |frame, _| {
        turn += 0.15;
        let x = 0.3 + 0.3 * f64::sin(turn);
        paint(frame, [x, 0.3, x + 0.15, 0.9], [120, 80, 60]);
    });
    assert_eq!(fault, CalibrationFault::Moving);
}

#[test]
fn a_hand_in_the_light_spoils_nothing_silently() {
    // It comes while dots are counted and goes before the end.
    let mut rig = rig(false, false);
    let plan = plan(&rig);
    let hand = |frame: &mut Frame, share: f64| {
        if (0.3..0.75).contains(&share) {
            paint(frame, [0.45, 0.2, 0.75, 0.7], [190, 140, 120]);
        }
    };
    match rig.calibrate(plan, hand).unwrap().0 {
        Ok(found) => assert!(found.landing.max_m < 0.002),
        Err(fault) => assert!(
            matches!(fault, CalibrationFault::FewDots { .. } | CalibrationFault::NoMap),
            "{fault}"
        ),
    }
}

/// Two that show the same throw every dot twice: whose it is nobody can say.
#[test]
fn two_projectors_are_one_too_many() {
    let mut rig = rig(false, false);
    let mut second = rig.projector;
    second.optics.pose = Pose::looking_at(Vec3::new(-0.4, 0.5, 2.4), Vec3::new(0.05, 0.02, 0.0), Vec3::Y);
    rig.second = Some(second);
    let fault = fault(rig, |_, _| ());
    assert!(
        matches!(fault, CalibrationFault::FewDots { .. } | CalibrationFault::NoMap),
        "{fault}"
    );
    assert!(fault.to_string().contains("only this projector") || fault.to_string().contains("dots of light"));
}

/// A lamp mirrored by a polished rail or a wet cloth: white in all pictures, no dot is seen in it.
#[test]
fn glare_hides_dots_and_spoils_nothing() {
    let mut rig = rig(false, false);
    let plan = plan(&rig);
    let glare = |frame: &mut Frame, _: f64| paint(frame, [0.55, 0.35, 0.68, 0.5], [255, 255, 255]);
    let found = rig.calibrate(plan, glare).unwrap().0.unwrap();
    assert!(found.landing.max_m < 0.002, "{:?}", found.landing.max_m);
}

#[test]
fn a_camera_that_is_bumped_meanwhile_is_noticed() {
    let fault = fault(rig(false, false), |frame, share| {
        if share > 0.95 {
            // Three pixels to the right.
            Arc::make_mut(&mut frame.pixels).rotate_right(9);
        }
    });
    assert_eq!(fault, CalibrationFault::Moved);
}

#[test]
fn a_picture_of_another_size_ends_it() {
    let mut rig = rig(false, false);
    let mut flow = Flow::new(plan(&rig));
    let frame = rig.take().unwrap();
    let shown = frame.captured;
    let later = (0..40).map(|_| rig.take().unwrap()).last().unwrap();
    assert_eq!(flow.look(&later, shown), Ok(None));
    let mut small = Frame::new(
        0,
        ImageSize::new(640, 360),
        PixelFormat::Rgb8,
        vec![90; 640 * 360 * 3],
    )
    .unwrap();
    small.captured = rig.take().unwrap().captured;
    assert_eq!(flow.look(&small, shown), Err(CalibrationFault::PictureChanged));
}

#[test]
fn markers_that_somebody_measured_are_used_and_wrong_ones_are_named() {
    let new_rig = || rig(false, false);
    let spec = new_rig().spec;
    // On the rails, between their sights.
    let (y, z) = (
        spec.half_width_m() + spec.cushion_width_m + 0.06,
        spec.nose_height_m + 0.008,
    );
    let places = vec![Vec3::new(0.8, y, z), Vec3::new(-0.8, -y, z)];
    let calibrated = |markers: &[Vec3], stuck: &[Vec3]| {
        let mut rig = new_rig();
        let camera = rig.table.camera();
        let plan = Plan {
            markers: markers.to_vec(),
            ..plan(&rig)
        };
        let stick = |frame: &mut Frame, _: f64| {
            for at in stuck {
                let size = Vec2::new(f64::from(frame.size.width), f64::from(frame.size.height));
                let (low, high) = (
                    camera.project(*at).unwrap() - 4.0,
                    camera.project(*at).unwrap() + 4.0,
                );
                let (low, high) = (low / size, high / size);
                paint(frame, [low.x, low.y, high.x, high.y], [250; 3]);
            }
        };
        rig.calibrate(plan, stick).unwrap().0
    };
    let without = calibrated(&[], &[]).unwrap().landing;
    let with = calibrated(&places, &places).unwrap().landing;
    assert!(
        with.table_sigma_m < without.table_sigma_m,
        "{} {}",
        with.table_sigma_m,
        without.table_sigma_m
    );
    let unseen = calibrated(&places, &places[..1]).unwrap_err();
    assert!(
        matches!(unseen, CalibrationFault::MarkerUnseen { number: 2, .. }),
        "{unseen}"
    );
    let aside = places[1] + Vec3::new(0.015, 0.0, 0.0);
    let elsewhere = calibrated(&places, &[places[0], aside]).unwrap_err();
    assert!(
        matches!(elsewhere, CalibrationFault::MarkerElsewhere { number: 2, off_m } if (0.01..0.02).contains(&off_m)),
        "{elsewhere}"
    );
}
