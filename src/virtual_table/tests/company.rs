use super::*;
use crate::virtual_table::moment::{Finish, Limb, Moment, Part, Slab, Thing};
use crate::virtual_table::people::is_clear;
use crate::virtual_table::render::view::outer_half_m;

const RED: Finish = Finish {
    srgb: [220, 20, 20],
    gloss: 0.0,
    rough: 0.0,
};

fn sphere(at: Vec3, radius: f64) -> Thing {
    Thing {
        parts: vec![Part::Limb(Limb {
            ends_m: [at; 2],
            radii_m: [radius; 2],
            finish: RED,
        })],
    }
}

fn with(things: Vec<Thing>) -> Moment {
    Moment {
        things,
        ..Moment::default()
    }
}

fn bytes(table: &mut VirtualTable, moment: &Moment) -> Vec<u8> {
    table.canvas.draw(moment);
    table.canvas.bytes().to_vec()
}

#[test]
fn a_limb_without_length_is_drawn_where_a_sphere_is_seen() {
    let options = Options {
        size: ImageSize::new(1280, 720),
        ..small(SceneName::Empty)
    };
    let mut table = VirtualTable::new(&options).unwrap();
    let empty = bytes(&mut table, &Moment::default());
    for (at, radius) in [
        (Vec3::new(0.6, 0.3, 0.25), 0.05),
        (Vec3::new(-0.8, -0.1, 0.05), 0.03),
        (Vec3::new(0.1, 0.2, 0.6), 0.09),
    ] {
        let full = bytes(&mut table, &with(vec![sphere(at, radius)]));
        let outline = table.camera.silhouette(at, radius, 90);
        let middle = outline.iter().sum::<Vec2>() / outline.len() as f64;
        let size = outline.iter().map(|p| p.distance(middle)).sum::<f64>() / outline.len() as f64;
        let (mut sum, mut count) = (Vec2::ZERO, 0.0);
        for (i, (now, before)) in full.chunks(3).zip(empty.chunks(3)).enumerate() {
            // Its shadow leaves the cloth blue.
            if now != before && now[0] > now[2] && before[0] < before[2] {
                sum += Vec2::new((i % 1280) as f64 + 0.5, (i / 1280) as f64 + 0.5);
                count += 1.0;
            }
        }
        let area = std::f64::consts::PI * size * size;
        assert!((count / area - 1.0).abs() < 0.10, "{count} px of {area}");
        let off = (sum / count).distance(middle);
        assert!(off < 0.5, "off by {off} px");
    }
    assert!(bytes(&mut table, &Moment::default()) == empty);
}

#[test]
fn things_hide_and_throw_shadows() {
    let mut table = VirtualTable::new(&small(SceneName::Empty)).unwrap();
    let empty = bytes(&mut table, &Moment::default());
    let slab = Thing {
        parts: vec![Part::Slab(Slab {
            middle_m: Vec3::new(-0.5, 0.1, 0.03),
            half_m: Vec3::new(0.12, 0.06, 0.03),
            corner_m: 0.01,
            turn: 0.4,
            top: RED,
            side: RED,
            inlay: None,
        })],
    };
    let things = with(vec![sphere(Vec3::new(0.5, 0.0, 0.09), 0.06), slab]);
    let full = bytes(&mut table, &things);
    let camera = table.camera();
    let sum = |bytes: &[u8], at: Vec3| -> i32 {
        let px = camera.project(at).unwrap();
        let i = 3 * (px.y as usize * 640 + px.x as usize);
        bytes[i..i + 3].iter().map(|b| i32::from(*b)).sum()
    };
    for (top, beside) in [
        (Vec3::new(0.5, 0.0, 0.15), Vec3::new(0.56, 0.05, 0.0)),
        (Vec3::new(-0.5, 0.1, 0.06), Vec3::new(-0.5, 0.02, 0.0)),
    ] {
        let px = camera.project(top).unwrap();
        let i = 3 * (px.y as usize * 640 + px.x as usize);
        assert!(full[i] > 90 && full[i + 2] < 80, "{:?}", &full[i..i + 3]);
        assert!(sum(&full, beside) < sum(&empty, beside) - 12);
    }
    let far = Vec3::new(0.0, -0.4, 0.0);
    assert_eq!(sum(&full, far), sum(&empty, far));
}

#[test]
fn redrawing_what_moved_is_enough_with_company_too() {
    for (scene, seed, stretches) in [
        (SceneName::Practice, 1, [25, 8, 20, 30, 25]),
        (SceneName::Still, 5, [1, 1, 30, 1, 40]),
        (SceneName::Grid, 3, [2, 9, 11, 20, 35]),
    ] {
        let mut table = VirtualTable::new(&Options {
            company: Company::of_seed(seed),
            ..small(scene)
        })
        .unwrap();
        for stretch in stretches {
            table.skip(stretch);
            let moment = table.play.moment();
            table.canvas.draw(&moment);
            let kept = table.canvas.bytes().to_vec();
            table.canvas.draw_all(&moment);
            assert!(kept == table.canvas.bytes(), "{scene} frame {}", table.sequence);
        }
    }
}

#[test]
fn people_come_from_outside_and_nothing_touches_a_resting_ball() {
    let (mut players, mut visits, mut on_cloth) = (0, 0, 0);
    for seed in 0..24 {
        let scene = [
            SceneName::Still,
            SceneName::Grid,
            SceneName::Practice,
            SceneName::Snooker,
            SceneName::Break,
            SceneName::Carom,
        ][seed as usize % 6];
        let spec = scene.usual_table();
        let mut play =
            Play::new(&spec, scene, seed, VirtualHandle::new()).among(Company::of_seed(seed), [20, 90, 160]);
        let outer = outer_half_m(&spec);
        for tick in 0..240 {
            let moment = play.moment();
            let resting: Vec<Vec2> = moment
                .balls
                .iter()
                .filter(|b| b.velocity_m_s == Vec3::ZERO)
                .map(|b| b.centre_m.truncate())
                .collect();
            for thing in &moment.things {
                assert!(is_clear(&thing.parts, &resting, &spec), "{scene} {seed} {tick}");
                // Only people have so many parts.
                if thing.parts.len() < 20 {
                    on_cloth +=
                        usize::from(matches!(&thing.parts[..], [Part::Slab(s)] if s.middle_m.z < 0.02));
                    continue;
                }
                let Part::Limb(first) = &thing.parts[0] else {
                    panic!("a body is a limb");
                };
                let from = first.ends_m[0];
                assert!(
                    from.x.abs() > outer.x || from.y.abs() > outer.y,
                    "{scene} {seed} {from}"
                );
                players += usize::from(moment.cue.is_some());
                visits += usize::from(moment.cue.is_none());
            }
            play.step(1.0 / 15.0);
        }
    }
    assert!(
        players > 300 && visits > 200 && on_cloth > 0,
        "{players} {visits} {on_cloth}"
    );
}

#[test]
fn a_shot_clears_the_cloth_and_nobody_in_the_way_means_all_is_seen() {
    let spec = TableSpec::pool_9ft();
    for seed in 0..12 {
        let handle = VirtualHandle::new();
        let mut play =
            Play::new(&spec, SceneName::Grid, seed, handle.clone()).among(Company::of_seed(seed), [0; 3]);
        handle.aim(0.3);
        handle.shoot();
        for _ in 0..30 {
            play.step(1.0 / 30.0);
            if play.moment().balls.iter().any(|b| b.velocity_m_s != Vec3::ZERO) {
                let low = |thing: &Thing| matches!(&thing.parts[..], [Part::Slab(s)] if s.middle_m.z < 0.02);
                assert!(!play.moment().things.iter().any(low));
            }
        }
    }
    let mut alone = VirtualTable::new(&small(SceneName::Grid)).unwrap();
    let seen = frame(&mut alone);
    assert!(alone.play.moment().things.is_empty());
    assert!(seen.truth.unwrap().balls.iter().all(|b| b.visible >= 1.0));
}
