//! People as far as a camera over the table sees them: hands, arms, shoulders, heads.

use super::company::{Head, Looks};
use super::moment::{CuePose, Finish, Limb, Part, Thing};
use super::render::view::{outer_half_m, rail_height_m};
use super::solid;
use crate::table::TableSpec;
use crate::units::{Vec2, Vec3, unit};

/// How a player stands to a shot: found once, kept for the stroke.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stance {
    /// How far the bridge hand is behind the middle of the cue ball, metres; `None` when no
    /// hand finds room there.
    bridge_m: Option<f64>,
    /// How high wrist and elbow of the bridge arm are held, metres more than usual.
    lift_m: f64,
}

/// A person who is down on a shot.
pub(super) struct Player<'a> {
    pub(super) looks: &'a Looks,
    pub(super) table: &'a TableSpec,
    /// Colour of the cloth, sRGB.
    pub(super) cloth_srgb: [u8; 3],
}

/// From the grip hand to the cue's tip, metres.
const GRIP_M: f64 = 1.20;
/// What a hand keeps clear of a ball, metres.
const CLEAR_M: f64 = 0.002;

impl Player<'_> {
    /// How the player can stand to the cue at `cue` behind a ball at `ball` without touching
    /// any of `balls`, as `before` if possible. `None` when there is no room at all.
    pub(super) fn stance(
        &self,
        cue: &CuePose,
        ball: Vec2,
        balls: &[Vec2],
        before: Option<Stance>,
    ) -> Option<Stance> {
        const BRIDGES_M: [f64; 9] = [0.24, 0.22, 0.26, 0.20, 0.29, 0.18, 0.33, 0.38, 0.155];
        let hands = BRIDGES_M.map(Some);
        let tried = hands
            .into_iter()
            .flat_map(|bridge_m| [0.0, 0.035, 0.08].map(|lift_m| Stance { bridge_m, lift_m }));
        let without = Stance {
            bridge_m: None,
            lift_m: 0.0,
        };
        before
            .into_iter()
            .chain(tried)
            .chain([without])
            .find(|stance| self.has_room(&self.down_on(cue, ball, stance), balls))
    }

    /// The player, down on the shot. The first part starts outside the table.
    pub(super) fn down_on(&self, cue: &CuePose, ball: Vec2, stance: &Stance) -> Thing {
        let along = -cue.axis.truncate().normalize_or(Vec2::X);
        let rise = cue.axis.z / cue.axis.truncate().length().max(0.05);
        let tip = cue.tip_m.truncate();
        // Places are told as: so far behind the bridge, so far to the bridge hand's side, so high.
        let bridge = ball - along * stance.bridge_m.unwrap_or(0.24);
        let side = if self.looks.left_handed {
            -along.perp()
        } else {
            along.perp()
        };
        let at = |b: f64, l: f64, z: f64| (bridge - along * b + side * l).extend(z);
        let cue_z = |b: f64| cue.tip_m.z + rise * ((tip - bridge).dot(along) + b);
        let s = self.looks.size;
        let mut body = Body::of(self.looks, self.cloth_srgb);

        let lean = cue_z(0.5).min(0.45);
        let neck = at(0.53 * s, 0.03, lean + 0.29);
        let shoulders = [
            at(0.50 * s, 0.20 * s, lean + 0.27),
            at(0.66 * s, -0.13 * s, lean + 0.34),
        ];
        let hip = self.outside(bridge - along * (1.15 * s) + side * 0.22, along);
        // Who leans far over the table shows a long back.
        let chest = (shoulders[0] + shoulders[1]) * 0.5;
        body.shirt(hip.extend(0.22), chest - Vec3::Z * 0.05, 0.155 * s, 0.135 * s);
        body.shirt(shoulders[0], shoulders[1], 0.075 * s, 0.078 * s);
        body.skin(chest, neck, 0.06 * s, 0.055 * s);
        body.head(neck, at(0.40 * s, 0.0, cue_z(0.4) + 0.42), along, s);

        let grip_b = GRIP_M * cue.axis.truncate().length() - (tip - bridge).dot(along);
        let grip = at(grip_b, 0.0, cue_z(grip_b));
        let grip_elbow = at(grip_b - 0.03, -0.10, grip.z.min(0.5) + 0.27 * s);
        let wrist = grip + (side * -0.02).extend(0.055);
        body.arm([shoulders[1], grip_elbow, wrist], s);
        body.fist(grip, -along, side, s);

        if stance.bridge_m.is_some() {
            let floor = self.floor_at(bridge);
            let top = (cue_z(0.02) - 0.009 - floor).clamp(0.017, 0.05);
            let wrist = at(0.115 * s, 0.055 * s, floor + 0.034 + stance.lift_m);
            let elbow = at(0.34 * s, 0.16 * s, floor.max(0.03) + 0.12 + 2.0 * stance.lift_m);
            body.arm([shoulders[0], elbow, wrist], s);
            body.gloved = self.looks.glove_srgb;
            body.bridge_hand(wrist, &|b, l, z| at(b * s, l * s, floor + z.min(top)), s);
        }
        Thing { parts: body.parts }
    }

    /// What a hand rests on at a place: the cloth, or a rail.
    fn floor_at(&self, at: Vec2) -> f64 {
        if self.beyond_noses(at) > -0.004 {
            rail_height_m(self.table)
        } else {
            0.0
        }
    }

    /// How far a place is beyond the noses, metres; negative on the cloth.
    fn beyond_noses(&self, at: Vec2) -> f64 {
        (at.x.abs() - self.table.half_length_m()).max(at.y.abs() - self.table.half_width_m())
    }

    /// The nearest place outside the table, for feet; straight back if that is not far.
    fn outside(&self, at: Vec2, along: Vec2) -> Vec2 {
        const BESIDE_M: f64 = 0.16;
        let outer = outer_half_m(self.table) + Vec2::splat(BESIDE_M);
        let is_out = |p: Vec2| p.x.abs() >= outer.x || p.y.abs() >= outer.y;
        let back = (0..7_u8).map(|i| at - along * (0.1 * f64::from(i)));
        back.into_iter().find(|p| is_out(*p)).unwrap_or_else(|| {
            let room = outer - at.abs();
            if room.x < room.y {
                Vec2::new(outer.x.copysign(at.x), at.y)
            } else {
                Vec2::new(at.x, outer.y.copysign(at.y))
            }
        })
    }

    /// Whether a person touches no ball and sinks into no rail.
    fn has_room(&self, person: &Thing, balls: &[Vec2]) -> bool {
        let rail = rail_height_m(self.table);
        let edge = self.table.cushion_width_m + self.table.rail_width_m;
        is_clear(&person.parts, balls, self.table)
            && person.parts.iter().all(|part| {
                let Part::Limb(limb) = part else {
                    return true;
                };
                let ([a, b], [from, to]) = (limb.ends_m, limb.radii_m);
                (0..=4_u8).all(|i| {
                    let share = f64::from(i) / 4.0;
                    let p = a.lerp(b, share);
                    let beyond = self.beyond_noses(p.truncate());
                    let low = p.z - (from + (to - from) * share);
                    beyond < -0.004 || beyond > edge || low > rail - 0.014
                })
            })
    }
}

/// Whether parts keep clear of balls that lie at `balls`.
pub(super) fn is_clear(parts: &[Part], balls: &[Vec2], table: &TableSpec) -> bool {
    let r = table.ball.radius_m;
    balls.iter().all(|ball| {
        let centre = ball.extend(r).as_vec3();
        parts
            .iter()
            .all(|part| f64::from(solid::distance(part, centre)) > r + CLEAR_M)
    })
}

/// An arm that reaches in over a rail at `clock_s`, if one does: it points, hovers, and leaves
/// again, always above the balls.
pub(super) fn reaching(looks: &Looks, cloth_srgb: [u8; 3], table: &TableSpec, clock_s: f64) -> Option<Thing> {
    /// From one visit to the next, and how long a visit is, seconds.
    const EVERY_S: f64 = 4.5;
    let shifted = clock_s + (looks.habits % 1000) as f64 * 0.001 * EVERY_S;
    let visit = (shifted / EVERY_S).floor();
    let mut random = fastrand::Rng::with_seed(looks.habits ^ (visit as u64).wrapping_mul(0x9e37_79b9));
    let mut between = |low: f64, high: f64| low + (high - low) * random.f64();
    let lasts_s = between(1.4, 3.2);
    let t = (shifted - visit * EVERY_S) / lasts_s;
    if t >= 1.0 {
        return None;
    }
    let out = outer_half_m(table);
    let half = Vec2::new(table.half_length_m(), table.half_width_m());
    let goal = half * Vec2::new(between(-0.9, 0.9), between(-0.9, 0.9));
    // Over the nearer long rail mostly, over a short one from near it.
    let from_end = goal.x.abs() > 0.55 * half.x && between(0.0, 1.0) < 0.5;
    let beside = between(-0.25, 0.25);
    let stand = if from_end {
        Vec2::new((out.x + 0.3).copysign(goal.x), goal.y + beside)
    } else {
        let near = if between(0.0, 1.0) < 0.8 { goal.y } else { -goal.y };
        Vec2::new(goal.x + beside, (out.y + 0.3).copysign(near))
    };
    let (sway, hover, points) = (between(0.02, 0.09), between(0.085, 0.20), between(0.0, 1.0) < 0.5);
    let ease = |x: f64| {
        let x = x.clamp(0.0, 1.0);
        x * x * (3.0 - 2.0 * x)
    };
    let reach = ease(t / 0.3) * ease((1.0 - t) / 0.3);
    let waver = unit(5.0 * t + 6.0 * between(0.0, 1.0)) * sway;
    let hand = stand.lerp(goal + waver, 0.12 + 0.88 * reach);
    let toward = (goal - stand).normalize_or(Vec2::X);
    let side = if looks.left_handed {
        -toward.perp()
    } else {
        toward.perp()
    };
    let s = looks.size;
    let wrist = (hand - toward * 0.17 * s).extend(hover + 0.05);
    let long = wrist.truncate().distance(stand);
    let shoulder = stand.extend(0.34);
    // A straight arm over the table, the elbow a little out and up.
    let elbow = (wrist.truncate().lerp(stand, 0.47) - side * 0.09 * (1.0 - long).clamp(0.0, 1.0))
        .extend(0.5 * (wrist.z + shoulder.z) + 0.02);
    let mut body = Body::of(looks, cloth_srgb);
    let behind = (stand - toward * 0.25).extend(0.30);
    body.shirt(behind, shoulder, 0.13 * s, 0.075 * s);
    body.arm([shoulder, elbow, wrist], s);
    let at = |f: f64, l: f64, z: f64| wrist + (toward * (f * s) + side * (l * s)).extend(z);
    body.open_hand(wrist, &at, points, s);
    Some(Thing { parts: body.parts })
}

/// Parts of a person being put together.
struct Body {
    parts: Vec<Part>,
    skin: Finish,
    shirt: Finish,
    cuff: Finish,
    sleeve: f64,
    head: Head,
    gloved: Option<[u8; 3]>,
}

/// Makes a place out of how far, how far aside, and how high.
type Place<'a> = &'a dyn Fn(f64, f64, f64) -> Vec3;

impl Body {
    fn of(looks: &Looks, cloth_srgb: [u8; 3]) -> Self {
        let fabric = |srgb| Finish {
            srgb,
            gloss: 0.0,
            rough: 0.45,
        };
        Self {
            parts: Vec::with_capacity(48),
            skin: Finish {
                srgb: looks.skin_srgb,
                gloss: 0.10,
                rough: 0.12,
            },
            shirt: fabric(looks.shirt_srgb.unwrap_or(cloth_srgb)),
            cuff: Finish {
                rough: 0.2,
                ..fabric(looks.cuff_srgb)
            },
            sleeve: looks.sleeve,
            head: looks.head,
            gloved: None,
        }
    }

    fn limb(&mut self, a: Vec3, b: Vec3, from: f64, to: f64, finish: Finish) {
        self.parts.push(Part::Limb(Limb {
            ends_m: [a, b],
            radii_m: [from, to],
            finish,
        }));
    }

    fn shirt(&mut self, a: Vec3, b: Vec3, from: f64, to: f64) {
        self.limb(a, b, from, to, self.shirt);
    }

    fn skin(&mut self, a: Vec3, b: Vec3, from: f64, to: f64) {
        let finish = match self.gloved {
            Some(srgb) => Finish {
                srgb,
                gloss: 0.05,
                rough: 0.2,
            },
            None => self.skin,
        };
        self.limb(a, b, from, to, finish);
    }

    /// From shoulder over elbow to wrist, with as much sleeve as there is.
    fn arm(&mut self, [shoulder, elbow, wrist]: [Vec3; 3], s: f64) {
        let (thick, middle, thin) = (0.054 * s, 0.043 * s, 0.027 * s);
        self.limb(shoulder, elbow, thick, middle, self.skin);
        // The forearm is thickest below the elbow, and oval at the wrist.
        let belly = elbow.lerp(wrist, 0.25);
        self.limb(elbow, belly, 0.95 * middle, middle, self.skin);
        self.limb(belly, wrist, middle, thin, self.skin);
        let (upper, lower) = (shoulder.distance(elbow), elbow.distance(wrist));
        let end = self.sleeve * (upper + lower);
        let loose = 0.009 * s;
        let (stop, radius, ahead) = if end <= upper {
            let share = end / upper.max(1e-6);
            let stop = shoulder.lerp(elbow, share);
            let radius = thick + (middle - thick) * share + 1.4 * loose;
            self.shirt(shoulder, stop, thick + loose, radius);
            (stop, radius, (elbow - shoulder).normalize_or_zero())
        } else {
            let share = (end - upper) / lower.max(1e-6);
            let stop = elbow.lerp(wrist, share);
            let radius = middle + (thin - middle) * share + loose;
            self.shirt(shoulder, elbow, thick + loose, middle + loose);
            self.shirt(elbow, stop, middle + loose, radius);
            (stop, radius, (wrist - elbow).normalize_or_zero())
        };
        let cuff = self.cuff;
        let wide = if end <= upper { 0.012 } else { 0.028 };
        self.limb(
            stop - ahead * wide,
            stop + ahead * 0.006,
            radius + 0.002,
            radius + 0.0025,
            cuff,
        );
    }

    /// A head that looks along `along`, over its neck.
    fn head(&mut self, neck: Vec3, middle: Vec3, along: Vec2, s: f64) {
        let front = along.extend(-0.25);
        self.skin(neck, middle - front * 0.04, 0.055 * s, 0.06 * s);
        // Face down and forward, the skull behind and above it.
        let face = middle + front * (0.05 * s);
        let back = middle - along.extend(-0.55) * (0.035 * s);
        self.skin(face, back, 0.070 * s, 0.082 * s);
        self.skin(
            face + front * (0.062 * s),
            face + front * (0.07 * s),
            0.017 * s,
            0.013 * s,
        );
        for ear in [-1.0, 1.0] {
            let at = middle + (along.perp() * (ear * 0.079 * s)).extend(-0.01);
            self.skin(at, at - (along * 0.014).extend(-0.012), 0.013 * s, 0.014 * s);
        }
        let dome = |body: &mut Self, srgb, rough, gloss, out: f64| {
            let finish = Finish { srgb, gloss, rough };
            let crown = middle + along.extend(0.7) * (0.010 * s);
            let nape = back - along.extend(0.1) * (0.010 * s);
            body.limb(crown, nape, (0.079 + out) * s, (0.083 + out) * s, finish);
        };
        match self.head {
            Head::Bald => {}
            Head::Hair(srgb) => dome(self, srgb, 1.0, 0.03, 0.005),
            Head::Cap(srgb) => {
                dome(self, srgb, 0.3, 0.0, 0.007);
                let brim = Finish {
                    srgb,
                    gloss: 0.0,
                    rough: 0.2,
                };
                for l in [-0.045, -0.015, 0.015, 0.045] {
                    let aside = (along.perp() * (l * s)).extend(0.022);
                    let root = middle + along.extend(0.0) * (0.05 * s) + aside;
                    let tip = middle + front * ((0.155 - 9.0 * l * l) * s) + aside;
                    self.limb(root, tip, 0.018 * s, 0.016 * s, brim);
                }
            }
        }
    }

    /// Four fingers and a thumb around the cue at `grip`.
    fn fist(&mut self, grip: Vec3, back: Vec2, side: Vec2, s: f64) {
        let at = |b: f64, l: f64, z: f64| grip + (back * (b * s) + side * (l * s)).extend(z * s);
        // The back of the hand lies outside of the cue.
        self.skin(
            at(-0.030, -0.027, 0.026),
            at(0.030, -0.025, 0.024),
            0.017 * s,
            0.016 * s,
        );
        self.skin(
            at(0.0, -0.022, 0.052),
            at(0.0, -0.026, 0.026),
            0.026 * s,
            0.024 * s,
        );
        for (i, thick) in [(-1.5, 0.0095), (-0.5, 0.0098), (0.5, 0.0092), (1.5, 0.0082)] {
            let b = 0.0205 * i;
            self.skin(at(b, -0.030, 0.014), at(b, -0.024, -0.015), thick * s, thick * s);
            self.skin(
                at(b, -0.024, -0.015),
                at(b, 0.012, -0.022),
                thick * s,
                0.92 * thick * s,
            );
            self.skin(
                at(b, 0.012, -0.022),
                at(b, 0.024, -0.002),
                0.92 * thick * s,
                0.85 * thick * s,
            );
        }
        self.skin(
            at(-0.034, -0.012, 0.026),
            at(-0.048, 0.013, 0.016),
            0.012 * s,
            0.010 * s,
        );
        self.skin(
            at(-0.048, 0.013, 0.016),
            at(-0.052, 0.024, -0.006),
            0.010 * s,
            0.0085 * s,
        );
    }

    /// An open bridge: the hand rests on fingertips and heel beside the cue, the cue runs
    /// between thumb and first knuckle. `at` takes how far behind, aside and up.
    fn bridge_hand(&mut self, wrist: Vec3, at: Place<'_>, s: f64) {
        // Knuckle, middle joint, tip; the thickness of the finger.
        let fingers = [
            (
                [
                    (0.020, 0.018, 0.036),
                    (-0.022, 0.015, 0.030),
                    (-0.068, 0.013, 0.009),
                ],
                0.0104,
            ),
            (
                [
                    (0.016, 0.038, 0.036),
                    (-0.026, 0.041, 0.032),
                    (-0.070, 0.046, 0.009),
                ],
                0.0106,
            ),
            (
                [
                    (0.022, 0.057, 0.034),
                    (-0.015, 0.066, 0.029),
                    (-0.052, 0.077, 0.0085),
                ],
                0.0100,
            ),
            (
                [
                    (0.034, 0.074, 0.029),
                    (0.008, 0.087, 0.024),
                    (-0.018, 0.102, 0.008),
                ],
                0.0088,
            ),
        ];
        for ([knuckle, joint, tip], thick) in fingers {
            let [knuckle, joint, tip] = [knuckle, joint, tip].map(|(b, l, z)| at(b, l, z));
            self.skin(wrist.lerp(knuckle, 0.22), knuckle, 0.0185 * s, 1.25 * thick * s);
            self.skin(knuckle, joint, 1.12 * thick * s, thick * s);
            self.skin(joint, tip, thick * s, 0.86 * thick * s);
        }
        // The heel, and the ball of the thumb.
        self.skin(wrist, at(0.060, 0.045, 0.022), 0.022 * s, 0.022 * s);
        self.skin(wrist, at(0.058, 0.068, 0.020), 0.021 * s, 0.018 * s);
        self.skin(
            at(0.086, 0.034, 0.022),
            at(0.056, 0.014, 0.022),
            0.019 * s,
            0.014 * s,
        );
        self.skin(
            at(0.056, 0.014, 0.022),
            at(0.026, -0.006, 0.027),
            0.0125 * s,
            0.0105 * s,
        );
        self.skin(
            at(0.026, -0.006, 0.027),
            at(0.000, -0.011, 0.036),
            0.0105 * s,
            0.0088 * s,
        );
    }

    /// A hand in the air, back up; `at` takes how far ahead of the wrist, aside (toward the
    /// thumb) and up.
    fn open_hand(&mut self, wrist: Vec3, at: Place<'_>, points: bool, s: f64) {
        let rows = [
            (0.026, 0.034, 0.0106, 0.092),
            (0.009, 0.012, 0.0108, 0.100),
            (-0.009, -0.013, 0.0102, 0.092),
            (-0.026, -0.036, 0.0090, 0.072),
        ];
        for (i, (l, spread, thick, long)) in rows.into_iter().enumerate() {
            let knuckle = at(0.088 - 0.004 * i as f64, l, 0.004);
            self.skin(at(0.012, 0.5 * l, 0.0), knuckle, 0.0195 * s, 1.25 * thick * s);
            if points && i > 0 {
                // Curled in.
                let joint = at(0.112, 1.05 * l, -0.014);
                self.skin(knuckle, joint, 1.1 * thick * s, thick * s);
                self.skin(joint, at(0.085, l, -0.028), thick * s, 0.9 * thick * s);
            } else {
                let joint = at(0.088 + 0.48 * long, 0.5 * (l + spread) * 1.15, -0.004);
                let tip = at(0.088 + long, 1.35 * spread, -0.022);
                self.skin(knuckle, joint, 1.1 * thick * s, thick * s);
                self.skin(joint, tip, thick * s, 0.85 * thick * s);
            }
        }
        self.skin(wrist, at(0.05, 0.0, 0.0), 0.024 * s, 0.024 * s);
        let (ball, joint) = (at(0.045, 0.036, -0.010), at(0.074, 0.054, -0.018));
        self.skin(at(0.016, 0.016, -0.004), ball, 0.018 * s, 0.0145 * s);
        self.skin(ball, joint, 0.0125 * s, 0.0105 * s);
        let tip = if points {
            at(0.098, 0.040, -0.024)
        } else {
            at(0.104, 0.063, -0.024)
        };
        self.skin(joint, tip, 0.0105 * s, 0.0088 * s);
    }
}
