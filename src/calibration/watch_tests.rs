//! Cameras that are bumped, projectors that are moved or switched off, and what is thought of it.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::flow::tests::{paint, plan, rig, rig_under};
use super::flow::{Calibration, Cross};
use super::look::Look;
use super::profile::{Devices, Profile};
use super::spots::Spots;
use super::watch::{Change, Doubt, Watch};
use super::{CameraModel, Pose};
use crate::units::{Vec2, Vec3};
use crate::virtual_table::rig::Rig;

/// What the rig's calibration finds.
fn calibrated() -> &'static Calibration {
    static FOUND: OnceLock<Calibration> = OnceLock::new();
    FOUND.get_or_init(|| {
        let mut rig = rig(false, false);
        let plan = plan(&rig);
        rig.calibrate(plan, |_, _| ()).unwrap().0.unwrap()
    })
}

fn profile() -> Profile {
    let devices = Devices {
        table: "pool-9ft".to_owned(),
        source: "camera:0".to_owned(),
        monitor: "HDMI-1".to_owned(),
    };
    Profile::of(calibrated(), &devices, None, "2026-11-29T12:00:00Z".to_owned())
}

const LIMIT_M: f64 = 0.002;

fn look(rig: &mut Rig) -> Option<Look> {
    let spec = rig.spec.clone();
    Look::at(&rig.take().unwrap(), &calibrated().camera, &spec)
}

/// The rig's camera, moved and turned.
fn bumped(shift_m: Vec3, turn: Vec3) -> CameraModel {
    let camera = *rig(false, false).table.camera();
    let pose: Pose = camera.pose.moved(turn, shift_m);
    CameraModel { pose, ..camera }
}

#[test]
fn a_camera_is_where_it_was_or_as_far_off_as_it_was_bumped() {
    let still = look(&mut rig(false, false)).unwrap();
    assert!(still.off_m < 0.0007, "{still:?}");
    let then = calibrated().sight.unwrap();
    assert!((still.edge_px / then.edge_px - 1.0).abs() < 0.15);
    assert!((still.bed_light / then.bed_light - 1.0).abs() < 0.05);
    // A shift is seen as a shift, a turn about the line of sight as one at the corners, 1.4 m away.
    let cases = [
        (Vec3::new(0.004, 0.0, 0.0), Vec3::ZERO, 0.004),
        (Vec3::new(0.0, -0.012, 0.0), Vec3::ZERO, 0.012),
        (Vec3::new(0.03, 0.0, 0.0), Vec3::ZERO, 0.03),
        (Vec3::ZERO, Vec3::new(0.0, 0.0, 0.004), 0.0057),
    ];
    for (shift_m, turn, off_m) in cases {
        let mut rig = rig_under(false, false, Some(bumped(shift_m, turn)));
        let seen = look(&mut rig).unwrap();
        assert!(
            (seen.off_m - off_m).abs() < 0.001 + 0.1 * off_m,
            "{shift_m} {turn}: {seen:?}"
        );
    }
}

#[test]
fn who_stands_at_one_side_hides_nothing_and_who_covers_the_camera_all() {
    let mut rig = rig(false, false);
    let spec = rig.spec.clone();
    let mut frame = rig.take().unwrap();
    paint(&mut frame, [0.3, 0.6, 0.5, 1.0], [60, 40, 90]);
    let seen = Look::at(&frame, &calibrated().camera, &spec).unwrap();
    assert!(seen.off_m < 0.001, "{seen:?}");
    paint(&mut frame, [0.0, 0.0, 1.0, 1.0], [60, 40, 90]);
    assert_eq!(Look::at(&frame, &calibrated().camera, &spec), None);
}

fn check(rig: &mut Rig) -> Spots {
    let (spots, took_s) = rig.check_light(calibrated()).unwrap();
    assert!(took_s < 1.5, "{took_s}");
    let spots = spots.unwrap();
    assert!(spots.shown >= 5, "{spots:?}");
    spots
}

fn worst(spots: &Spots) -> f64 {
    let off = spots.seen.iter().map(|spot| spot.meant_m.distance(spot.seen_m));
    off.fold(0.0, f64::max)
}

#[test]
fn a_few_dots_tell_where_light_lands() {
    let well = check(&mut rig(false, false));
    assert_eq!(well.seen.len(), well.shown);
    assert!(worst(&well) < 0.0007, "{well:?}");

    let mut pushed = rig(false, false);
    pushed.projector.optics.pose.eye_m.x += 0.006;
    let off = check(&mut pushed);
    assert_eq!(off.seen.len(), off.shown);
    assert!((worst(&off) - 0.006).abs() < 0.001, "{off:?}");

    // Switched off.
    let mut dark = rig(false, false);
    dark.projector.optics.pose.eye_m = Vec3::new(50.0, 0.0, 3.0);
    assert_eq!(check(&mut dark).seen, Vec::new());
}

fn seen(off_m: f64) -> Option<Look> {
    let then = calibrated().sight.unwrap();
    Some(Look { off_m, ..then })
}

fn spots(seen: usize, off_m: f64) -> Spots {
    let cross = |i: usize| {
        let meant_m = Vec2::new(0.1 * i as f64, 0.0);
        Cross {
            meant_m,
            seen_m: meant_m + Vec2::new(0.0, off_m),
        }
    };
    Spots {
        shown: 8,
        seen: (0..seen).map(cross).collect(),
    }
}

#[test]
fn a_bump_is_believed_when_seen_thrice_and_over_when_the_camera_is_back() {
    let mut watch = Watch::over(&profile(), LIMIT_M);
    watch.looked(seen(0.009));
    watch.looked(seen(0.0));
    watch.looked(seen(0.009));
    watch.looked(seen(0.009));
    assert_eq!(watch.doubt(), None);
    watch.looked(seen(0.009));
    assert_eq!(watch.doubt(), Some(Doubt::TableElsewhere { off_m: 0.009 }));
    for _ in 0..3 {
        assert!(watch.doubt().is_some());
        watch.looked(seen(0.001));
    }
    assert_eq!(watch.doubt(), None);
}

#[test]
fn cushions_in_another_light_ask_for_a_check_and_no_more() {
    let now = Instant::now();
    let every = Some(Duration::from_secs(600));
    let mut watch = Watch::over(&profile(), LIMIT_M);
    let still = now.checked_sub(Duration::from_secs(9));
    watch.checked(&spots(8, 0.0), now);
    assert!(!watch.wants_check(now + Duration::from_secs(30), still, every));
    for _ in 0..10 {
        watch.looked(seen(0.003));
    }
    assert_eq!(watch.doubt(), None);
    assert!(watch.wants_check(now + Duration::from_secs(30), still, every));
    watch.checked(&spots(8, 0.004), now);
    assert_eq!(watch.doubt(), Some(Doubt::LightElsewhere { off_m: 0.004 }));
    watch.checked(&spots(8, 0.001), now);
    assert_eq!((watch.doubt(), watch.last_off_m()), (None, Some(0.001)));
}

#[test]
fn light_is_checked_at_the_start_at_rest_and_now_and_then() {
    let now = Instant::now();
    let at = |s: u64| now + Duration::from_secs(s);
    let every = Some(Duration::from_secs(60));
    let mut watch = Watch::over(&profile(), LIMIT_M);
    assert!(
        !watch.wants_check(at(10), None, every),
        "somebody is over the table"
    );
    assert!(
        !watch.wants_check(at(10), Some(at(9)), every),
        "for a moment only"
    );
    assert!(!watch.wants_check(at(10), Some(at(5)), None), "switched off");
    assert!(watch.wants_check(at(10), Some(at(5)), every));
    watch.checked(&spots(7, 0.0), at(10));
    assert!(!watch.wants_check(at(40), Some(at(5)), every));
    assert!(watch.wants_check(at(71), Some(at(5)), every));
}

#[test]
fn light_is_missing_when_it_was_looked_for_twice() {
    let now = Instant::now();
    let mut watch = Watch::over(&profile(), LIMIT_M);
    let nothing_shown = Spots::default();
    watch.checked(&nothing_shown, now);
    watch.checked(&nothing_shown, now);
    watch.checked(&spots(0, 0.0), now);
    assert_eq!(watch.doubt(), None);
    // It is looked for again soon.
    let every = Some(Duration::from_secs(600));
    assert!(watch.wants_check(now + Duration::from_secs(6), Some(now), every));
    watch.checked(&spots(0, 0.0), now);
    assert_eq!(watch.doubt(), Some(Doubt::NoLight));
    assert!(!Doubt::NoLight.asks_for_calibration());
    watch.checked(&spots(8, 0.0), now);
    assert_eq!(watch.doubt(), None);
}

#[test]
fn one_dot_on_a_piece_of_chalk_raises_no_doubt() {
    let mut watch = Watch::over(&profile(), LIMIT_M);
    let mut seen = spots(8, 0.0005);
    seen.seen[3].seen_m += Vec2::new(0.02, 0.0);
    watch.checked(&seen, Instant::now());
    assert_eq!(watch.doubt(), None);
}

#[test]
fn cushions_that_are_never_seen_are_told() {
    let mut watch = Watch::over(&profile(), LIMIT_M);
    for _ in 0..29 {
        watch.looked(None);
    }
    assert_eq!(watch.doubt(), None);
    watch.looked(None);
    assert_eq!(watch.doubt(), Some(Doubt::TableNotSeen));
}

#[test]
fn blur_and_other_lamps_are_told_and_spoil_no_line() {
    let mut watch = Watch::over(&profile(), LIMIT_M);
    let then = calibrated().sight.unwrap();
    let soft = Look {
        off_m: 0.0,
        edge_px: 2.0 * then.edge_px,
        ..then
    };
    for _ in 0..3 {
        assert_eq!(watch.change(), None);
        watch.looked(Some(soft));
    }
    assert!(matches!(watch.change(), Some(Change::Blurred { .. })));
    let bright = Look {
        off_m: 0.0,
        bed_light: 3.0 * then.bed_light,
        ..then
    };
    for _ in 0..3 {
        watch.looked(Some(bright));
    }
    assert!(matches!(watch.change(), Some(Change::OtherLight { times }) if (times - 3.0).abs() < 1e-6));
    assert_eq!(watch.doubt(), None);
}

/// A really blurred picture, not only a number.
#[test]
fn a_lens_out_of_focus_widens_the_edges() {
    let mut rig = rig(false, false);
    let spec = rig.spec.clone();
    let mut frame = rig.take().unwrap();
    let size = frame.size;
    let picture = image::RgbImage::from_raw(size.width, size.height, frame.pixels.to_vec()).unwrap();
    frame.pixels = Arc::new(image::imageops::blur(&picture, 4.0).into_raw());
    let mut watch = Watch::over(&profile(), LIMIT_M);
    for _ in 0..3 {
        watch.looked(Look::at(&frame, &calibrated().camera, &spec));
    }
    assert!(
        matches!(watch.change(), Some(Change::Blurred { .. })),
        "{:?}",
        watch.change()
    );
}
