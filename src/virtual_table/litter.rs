//! What lies about: chalk, a phone, a triangle, a rest.

use super::moment::{Finish, Inlay, Limb, Part, Slab, Thing};
use super::people::is_clear;
use super::render::view::{outer_half_m, rail_height_m};
use super::solid;
use crate::table::{Geometry, TableSpec};
use crate::units::{Vec2, Vec3, unit};

/// Things on the rails and on the cloth.
#[derive(Clone, Debug, Default)]
pub(super) struct Litter {
    /// On the rails: in nobody's way.
    pub(super) on_rails: Vec<Thing>,
    /// On the cloth, where no ball may roll while they lie there.
    pub(super) on_cloth: Vec<Thing>,
}

const CHALKS: [[u8; 3]; 4] = [[62, 132, 204], [54, 140, 122], [176, 70, 72], [140, 146, 154]];
const WOOD: Finish = Finish {
    srgb: [158, 108, 62],
    gloss: 0.25,
    rough: 0.5,
};

impl Litter {
    /// Spreads things over the rails and, up to `tallest_m` tall, over the cloth between `balls`:
    /// none where balls roll.
    pub(super) fn spread(seed: u64, table: &TableSpec, balls: &[Vec2], tallest_m: f64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut litter = Self::default();
        for _ in 0..random.u8(1..=3) {
            litter.put_on_rail(&mut random, table, 0.016, chalk);
        }
        if random.u8(0..2) == 0 {
            litter.put_on_rail(&mut random, table, 0.085, |at, turn, random| {
                phone(at, turn + 0.15 * (random.f64() - 0.5))
            });
        }
        if tallest_m <= 0.0 {
            return litter;
        }
        let is_tall = tallest_m > 0.06;
        let half = Vec2::new(table.half_length_m(), table.half_width_m());
        let mut put = |random: &mut fastrand::Rng, make: &dyn Fn(Vec2, f64, &mut fastrand::Rng) -> Thing| {
            for _ in 0..40 {
                let at = half * Vec2::new(random.f64() - 0.5, random.f64() - 0.5) * 1.9;
                let turn = random.f64() * std::f64::consts::TAU;
                let thing = make(at, turn, random);
                if litter.fits(&thing, table, balls) {
                    litter.on_cloth.push(thing);
                    return;
                }
            }
        };
        if is_tall && random.u8(0..2) == 0 {
            put(&mut random, &|at, turn, _| triangle(at, turn, table));
        }
        if is_tall && random.u8(0..2) == 0 {
            put(&mut random, &|at, turn, random| {
                rest(at, turn, random.bool(), table)
            });
        }
        if random.u8(0..3) == 0 {
            put(&mut random, &|at, turn, _| phone(at.extend(0.0), turn));
        }
        for _ in 0..random.u8(0..=2) {
            put(&mut random, &|at, turn, random| {
                chalk(at.extend(0.0), turn, random)
            });
        }
        litter
    }

    /// Takes away what a ball at `at` would touch.
    pub(super) fn make_room(&mut self, at: Vec2, table: &TableSpec) {
        self.on_cloth.retain(|thing| is_clear(&thing.parts, &[at], table));
    }

    fn put_on_rail(
        &mut self,
        random: &mut fastrand::Rng,
        table: &TableSpec,
        half_m: f64,
        make: impl Fn(Vec3, f64, &mut fastrand::Rng) -> Thing,
    ) {
        let outer = outer_half_m(table);
        let geometry = Geometry::of(table);
        for _ in 0..30 {
            let middle = 0.5 * table.rail_width_m + (random.f64() - 0.5) * 0.3 * table.rail_width_m;
            let along = 2.0 * random.f64() - 1.0;
            let sign = if random.bool() { 1.0 } else { -1.0 };
            let (at, turn) = if random.f64() < 0.68 {
                (
                    Vec2::new(along * (outer.x - 0.15), sign * (outer.y - middle)),
                    0.0,
                )
            } else {
                let turn = std::f64::consts::FRAC_PI_2;
                (
                    Vec2::new(sign * (outer.x - middle), along * (outer.y - 0.15)),
                    turn,
                )
            };
            let pocket = |p: &crate::table::PocketCircle| p.centre.distance(at) > p.radius + half_m + 0.04;
            let thing = make(at.extend(rail_height_m(table)), turn, random);
            if geometry.pockets.iter().all(pocket) && self.is_apart(&thing) {
                self.on_rails.push(thing);
                return;
            }
        }
    }

    /// Whether a thing touches no ball, no cushion it does not reach over, and nothing else.
    fn fits(&self, thing: &Thing, table: &TableSpec, balls: &[Vec2]) -> bool {
        let (hl, hw) = (table.half_length_m(), table.half_width_m());
        let rail = rail_height_m(table);
        let inside = points(thing).all(|(p, r)| {
            let beyond = (p.x.abs() - hl).max(p.y.abs() - hw) + r;
            beyond < -0.01 || p.z - r > rail - 0.004
        });
        inside && is_clear(&thing.parts, balls, table) && self.is_apart(thing)
    }

    fn is_apart(&self, thing: &Thing) -> bool {
        self.on_rails.iter().chain(&self.on_cloth).all(|other| {
            points(thing).all(|(p, r)| {
                let near = |part| f64::from(solid::distance(part, p.as_vec3())) < r + 0.01;
                !other.parts.iter().any(near)
            })
        })
    }
}

/// Spheres that fill a thing about.
fn points(thing: &Thing) -> impl Iterator<Item = (Vec3, f64)> + '_ {
    const STEPS: u8 = 60;
    thing.parts.iter().flat_map(|part| {
        (0..=STEPS).map(move |i| {
            let share = f64::from(i) / f64::from(STEPS);
            match part {
                Part::Limb(limb) => {
                    let ([a, b], [from, to]) = (limb.ends_m, limb.radii_m);
                    (a.lerp(b, share), from + (to - from) * share)
                }
                Part::Slab(slab) => {
                    let long = slab.half_m.x.max(slab.half_m.y);
                    let turned = if slab.half_m.x < slab.half_m.y {
                        slab.turn + std::f64::consts::FRAC_PI_2
                    } else {
                        slab.turn
                    };
                    let off = unit(turned) * (long * (2.0 * share - 1.0));
                    (slab.middle_m + off.extend(0.0), slab.half_m.x.min(slab.half_m.y))
                }
            }
        })
    })
}

/// A cube of chalk that stands at `at`: paper around it, a hollow worn into its top.
fn chalk(at: Vec3, turn: f64, random: &mut fastrand::Rng) -> Thing {
    const HALF_M: f64 = 0.0112;
    let srgb = random.choice(CHALKS).unwrap_or([62, 132, 204]);
    let finish = |share: f64| Finish {
        srgb: srgb.map(|c| (f64::from(c) * share) as u8),
        gloss: 0.0,
        rough: 0.35,
    };
    Thing {
        parts: vec![Part::Slab(Slab {
            middle_m: at + Vec3::Z * HALF_M,
            half_m: Vec3::splat(HALF_M),
            corner_m: 0.0012,
            turn: turn + 0.8 * (random.f64() - 0.5),
            top: finish(1.0),
            side: finish(0.8),
            inlay: Some(Inlay {
                half_m: Vec2::splat(0.0068),
                corner_m: 0.0068,
                finish: finish(0.55),
            }),
        })],
    }
}

/// A phone on its back, its screen dark.
fn phone(at: Vec3, turn: f64) -> Thing {
    let case = Finish {
        srgb: [72, 74, 80],
        gloss: 0.3,
        rough: 0.0,
    };
    Thing {
        parts: vec![Part::Slab(Slab {
            middle_m: at + Vec3::Z * 0.0042,
            half_m: Vec3::new(0.0765, 0.0365, 0.0042),
            corner_m: 0.0095,
            turn,
            top: case,
            side: Finish {
                srgb: [90, 90, 96],
                ..case
            },
            inlay: Some(Inlay {
                half_m: Vec2::new(0.0735, 0.0335),
                corner_m: 0.0075,
                finish: Finish {
                    srgb: [10, 11, 14],
                    gloss: 1.0,
                    rough: 0.0,
                },
            }),
        })],
    }
}

/// A wooden triangle that fits around fifteen balls.
fn triangle(at: Vec2, turn: f64, table: &TableSpec) -> Thing {
    let r = table.ball.radius_m;
    let bar = 0.0075;
    // Inner circle of the triangle around five rows of balls, plus half a bar.
    let inner = (4.0 * r * 3.0_f64.sqrt()) / 3.0 + r + 0.002 + bar;
    let half = inner * 3.0_f64.sqrt();
    // So much of each sharp corner is cut off.
    let cut = 0.9 * r;
    let parts = (0..3_u8).map(|i| {
        let angle = turn + f64::from(i) * std::f64::consts::TAU / 3.0;
        Part::Slab(Slab {
            middle_m: (at + unit(angle) * inner).extend(0.022),
            half_m: Vec3::new(bar, half - 1.155 * cut + 0.6 * bar, 0.022),
            corner_m: 0.006,
            turn: angle,
            top: WOOD,
            side: Finish { gloss: 0.1, ..WOOD },
            inlay: None,
        })
    });
    // Short bars join the long ones.
    let corners = (0..3_u8).map(|i| {
        let angle = turn + (f64::from(i) + 0.5) * std::f64::consts::TAU / 3.0;
        Part::Slab(Slab {
            middle_m: (at + unit(angle) * (2.0 * inner - cut)).extend(0.022),
            half_m: Vec3::new(bar, 0.577 * cut + 0.6 * bar, 0.022),
            corner_m: 0.006,
            turn: angle,
            top: WOOD,
            side: Finish { gloss: 0.1, ..WOOD },
            inlay: None,
        })
    });
    Thing {
        parts: parts.chain(corners).collect(),
    }
}

/// A rest with its head at `at`: it lies on the cloth, or reaches in over the rail behind.
fn rest(at: Vec2, turn: f64, reaches_in: bool, table: &TableSpec) -> Thing {
    const LENGTH_M: f64 = 1.35;
    let outer = outer_half_m(table);
    let brass = Finish {
        srgb: [176, 142, 74],
        gloss: 0.5,
        rough: 0.1,
    };
    let mut back = unit(turn);
    let mut lift = 0.0;
    if reaches_in {
        // Over the nearer long rail, more or less straight.
        back = Vec2::new(0.5 * turn.cos(), 1.0_f64.copysign(at.y)).normalize_or(Vec2::Y);
        // The stick lies on the rail.
        let edge = (outer.y - at.y.abs()) / back.y.abs().max(0.1);
        lift = (rail_height_m(table) + 0.006)
            / (edge - table.rail_width_m - table.cushion_width_m - 0.01).max(0.05);
    }
    let place = |s: f64, aside: f64, z: f64| (at + back * s + back.perp() * aside).extend(z);
    let stick = |s: f64, radius: f64| place(s, 0.0, radius + 0.002 + lift * s);
    let mut parts = vec![
        Part::Limb(Limb {
            ends_m: [stick(0.0, 0.0085), stick(LENGTH_M, 0.0125)],
            radii_m: [0.0085, 0.0125],
            finish: Finish {
                srgb: [186, 138, 84],
                gloss: 0.3,
                rough: 0.25,
            },
        }),
        Part::Limb(Limb {
            ends_m: [stick(0.0, 0.0095), stick(0.05, 0.0095)],
            radii_m: [0.0098, 0.0098],
            finish: brass,
        }),
    ];
    // The cross of a rest, standing on two of its feet.
    for aside in [-0.034, 0.034] {
        parts.push(Part::Limb(Limb {
            ends_m: [place(-0.004, aside, 0.007), place(-0.004, -aside, 0.052)],
            radii_m: [0.0062, 0.0052],
            finish: brass,
        }));
    }
    Thing { parts }
}
