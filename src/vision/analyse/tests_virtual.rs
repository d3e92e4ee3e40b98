//! The eye on the virtual table's frames, against what is really there.

use super::*;
use crate::table::{BallSet, TableMeasures};
use crate::virtual_table::{Options, Pace, SceneName, VirtualTable};
use crate::vision::source::FrameSource as _;
use std::time::Duration;

/// Sums over the frames of a scene.
#[derive(Debug, Default)]
struct Score {
    balls: usize,
    found: usize,
    extra: usize,
    group: usize,
    cues: usize,
    cues_found: usize,
    off_mm: Vec<f64>,
    turned_deg: Vec<f64>,
    ms: Vec<f64>,
}

fn score(scene: SceneName, skip: u64, frames: usize, calibrated: bool) -> Score {
    score_with(&Options::new(scene), skip, frames, calibrated)
}

fn score_with(options: &Options, skip: u64, frames: usize, calibrated: bool) -> Score {
    let options = Options {
        pace: Pace::Fast,
        ..options.clone()
    };
    let mut source = VirtualTable::new(&options).unwrap();
    let known = calibrated || options.table.ball_set != BallSet::Pool;
    let mut analyser = Analyser::new(known.then(|| options.table.clone()));
    let mut out = Score::default();
    for _ in 0..frames {
        source.skip(skip);
        let mut frame = source.next(Duration::from_secs(1)).unwrap().unwrap();
        let truth = frame.truth.clone().unwrap();
        if !calibrated {
            frame.camera = None;
        }
        let seen = analyser.analyse(&frame);
        out.ms.push(seen.timing_ms.last().unwrap().1);
        let gate = if calibrated { 0.01 } else { 0.03 };
        let mut used = vec![false; seen.balls.len()];
        for ball in &truth.balls {
            out.balls += 1;
            let near = seen
                .balls
                .iter()
                .enumerate()
                .filter(|(i, _)| !used[*i])
                .filter_map(|(i, b)| Some((i, b, b.position_m?.distance(ball.position_m))))
                .min_by(|a, b| a.2.total_cmp(&b.2));
            if let Some((i, b, off)) = near.filter(|n| n.2 < gate) {
                used[i] = true;
                out.found += 1;
                out.group += usize::from(b.kind.group == ball.kind.group);
                out.off_mm.push(off * 1e3);
            }
        }
        out.extra += used.iter().filter(|u| !**u).count();
        if let Some(cue) = truth.cue {
            out.cues += 1;
            if let Some(c) = seen.cues.first() {
                out.cues_found += 1;
                out.turned_deg.push(
                    c.direction
                        .map_or(90.0, |d| d.angle_to(cue.direction).abs().to_degrees()),
                );
            }
        }
    }
    for v in [&mut out.off_mm, &mut out.turned_deg, &mut out.ms] {
        v.sort_by(f64::total_cmp);
    }
    out
}

fn middle(v: &[f64]) -> f64 {
    v.get(v.len() / 2).copied().unwrap_or(f64::NAN)
}

#[test]
fn the_grid_of_the_virtual_table_is_seen_whole() {
    let s = score(SceneName::Grid, 0, 2, true);
    assert_eq!((s.found, s.extra), (s.balls, 0), "{s:?}");
    assert!(middle(&s.off_mm) < 1.0, "{} mm", middle(&s.off_mm));
    assert!(s.group * 10 >= s.balls * 9, "{} of {} groups", s.group, s.balls);
}

#[test]
fn the_grid_of_a_custom_table_is_seen_whole() {
    let mut measures = TableMeasures::default();
    (measures.length_m, measures.width_m) = (Some(2.1), Some(1.1));
    (measures.nose_height_m, measures.cushion_width_m) = (Some(0.034), Some(0.045));
    measures.ball.radius_m = Some(0.026);
    let options = Options {
        table: measures.on(&TableSpec::pool_9ft()).unwrap(),
        ..Options::new(SceneName::Grid)
    };
    let s = score_with(&options, 0, 2, true);
    assert_eq!((s.found, s.extra), (s.balls, 0), "{s:?}");
    assert!(middle(&s.off_mm) < 1.0, "{} mm", middle(&s.off_mm));
}

#[test]
fn the_empty_virtual_table_is_empty() {
    for calibrated in [true, false] {
        let s = score(SceneName::Empty, 0, 1, calibrated);
        assert_eq!((s.balls, s.extra), (0, 0));
    }
}

/// `cargo test --no-default-features --lib vision -- --ignored --nocapture virtual`
#[test]
#[ignore = "prints figures of every scene"]
fn figures_of_the_virtual_scenes() {
    for scene in SceneName::ALL {
        for calibrated in [true, false] {
            let s = score(scene, 25, 8, calibrated);
            eprintln!(
                "{:9} {} found {}/{} extra {} group {} off median {:.2} max {:.2} mm; cue {}/{} off {:.2}°; {:.1} ms",
                scene.name(),
                if calibrated { "calibrated " } else { "picture    " },
                s.found,
                s.balls,
                s.extra,
                s.group,
                middle(&s.off_mm),
                s.off_mm.last().copied().unwrap_or(0.0),
                s.cues_found,
                s.cues,
                middle(&s.turned_deg),
                middle(&s.ms),
            );
        }
    }
}

#[test]
#[ignore]
#[expect(clippy::print_stdout, reason = "prints")]
fn tmp_misses() {
    use crate::virtual_table::domain::as_calibrated;
    for seed in [1000u64, 77, 5] {
        for room in 0..40 {
            let domain = seed * 1_000_003 + room;
            let options = Options::of_domain(domain);
            let mut table = VirtualTable::new(&options).unwrap();
            let mut analyser = Analyser::new(Some(options.table.clone()));
            let camera = std::sync::Arc::new(as_calibrated(&table.camera(), domain));
            let mut random = fastrand::Rng::with_seed(domain);
            for _ in 0..5 {
                table.skip(random.u64(5..150));
                let mut frame = table.next(Duration::from_secs(1)).unwrap().unwrap();
                frame.camera = Some(camera.clone());
                let seen = analyser.analyse(&frame);
                let truth = frame.truth.clone().unwrap();
                let view = analyser.calibrated.as_ref().unwrap().view.clone();
                let grid = analyser.picture.grid;
                for s in &seen.balls {
                    if (s.confidence * 1000.0).fract() > 0.0 {}
                    let hit = truth
                        .balls
                        .iter()
                        .any(|b| s.position_m.is_some_and(|p| p.distance(b.position_m) < 0.02));
                    let p = grid.on_grid(s.center_px);
                    let r = view.bed.ball_radius(p, view.radius_m);
                    let mut v: Vec<f32> = Vec::new();
                    let (mut lo, mut hi) = (255u8, 0u8);
                    let local = analyser.field.around(p);
                    let mut tint = [0f32; 3];
                    for k in 0..100 {
                        let q = p + crate::units::unit(2.4 * k as f64) * (0.085 * r * (k as f64).sqrt());
                        let px = analyser.picture.at(q.x as isize, q.y as isize);
                        v.push(analyser.field.deviation(local, px.map(f32::from)));
                        lo = lo.min(px[3]);
                        hi = hi.max(px[3]);
                        tint[0] += (f32::from(px[0]) - local.red * f32::from(px[3])) / 100.0;
                        tint[1] += (f32::from(px[2]) - local.blue * f32::from(px[3])) / 100.0;
                        tint[2] += (f32::from(px[3]) - local.brightness) / 100.0;
                    }
                    v.sort_by(f32::total_cmp);
                    let mut tt: Vec<f32> = Vec::new();
                    for k in 0..100 {
                        let q = p + crate::units::unit(2.4 * k as f64) * (0.085 * r * (k as f64).sqrt());
                        let px = analyser.picture.at(q.x as isize, q.y as isize).map(f32::from);
                        let y = px[3].max(0.25 * local.brightness);
                        let t = ((px[0] - local.red * px[3]).powi(2) + (px[2] - local.blue * px[3]).powi(2))
                            .sqrt();
                        tt.push(t / y);
                    }
                    tt.sort_by(f32::total_cmp);
                    let filled = analyser.filled(p, r);
                    if hit && filled > 0.8 {
                        continue;
                    }
                    println!(
                        "{} {domain} {:?} cloth {:?} at {:.0} filled {filled:.2} pocket {:.2} depth {:.2} dev p20 {:.2} p50 {:.2} p80 {:.2} p95 {:.2} p98 {:.2} TT {:.3} {:.3} {:.3} range {} tint {tint:.1?} local {local:.2?} noise {:.1}",
                        if hit { "TRUE " } else { "FALSE" },
                        s.kind.group,
                        options.cloth_srgb,
                        s.center_px,
                        view.bed.pocket_distance(p),
                        view.bed.depth(p) / r,
                        v[20],
                        v[50],
                        v[80],
                        v[95],
                        v[98],
                        tt[20],
                        tt[50],
                        tt[80],
                        hi - lo,
                        options.noise_levels
                    );
                }
            }
        }
    }
}
