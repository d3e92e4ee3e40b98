//! Which ball is which: by how much white it shows and by the colour of its paint, all balls
//! of a picture together.

use std::sync::LazyLock;

use crate::table::{BallKind, BallSet, Group};
use crate::units::Vec2;
use crate::vision::frame::Frame;
use crate::vision::house_set::{HouseBall, HouseSet};
use crate::vision::look::{Look, Shade, hue_distance};
use crate::vision::naming::{Odds, name_looks};

/// Samples taken inside a ball.
pub(super) const SAMPLES: usize = 220;
/// Share of the radius inside which a ball is looked at; beyond, the cloth shines on it.
const INNER: f64 = 0.86;

/// A ball to identify, frame pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject {
    pub(super) centre: Vec2,
    pub(super) radius: f64,
    /// Light at its place over the light in the middle of the table.
    pub(super) light: f64,
}

/// What a ball was found to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Identity {
    pub(super) kind: BallKind,
    /// That the group is right, 0..1.
    pub(super) group_confidence: f64,
    /// That it is this very ball, 0..1.
    pub(super) confidence: f64,
    pub(super) odds: Odds,
    pub(super) look: Look,
}

/// Brightness below which a ball of this look is black. A black ball reflects the cloth or
/// nothing; one of another colour is dark paint unless it is very dark.
fn black_below(look: &Look) -> f64 {
    if look.from_cloth < 30.0 || look.shade.saturation < 0.45 {
        0.37
    } else {
        0.28
    }
}

/// Names every ball. `cloth`: the cloth's usual red, green, blue, 0..255; `house`: how the balls
/// look in this house. Returns what each ball is, in the order of `subjects`.
pub(super) fn identify(
    frame: &Frame,
    subjects: &[Subject],
    only: Option<BallSet>,
    cloth: [f64; 3],
    house: Option<&HouseSet>,
) -> Vec<Identity> {
    let samples: Vec<Vec<([f64; 3], f64)>> = subjects.iter().map(|s| colours_of(frame, s)).collect();
    let white = white_reference(&samples);
    let looks: Vec<Look> = samples.iter().map(|s| look(s, white, cloth)).collect();
    let set = match only.or(house.map(|h| h.set)) {
        None if looks_like_snooker(&looks) => BallSet::Snooker,
        None => BallSet::Pool,
        Some(set) => set,
    };
    let house = house.filter(|h| h.set == set);
    let odds: Vec<Odds> = match set {
        BallSet::Carom => looks.iter().map(|l| carom_odds(l, house)).collect(),
        BallSet::Snooker => snooker_odds(&looks, house),
        BallSet::Pool => pool_odds(&looks, house),
    };
    // A colour of snooker or carom counts even where another fits a little better: it may be the
    // only one left.
    let least = if set == BallSet::Pool { 0.4 } else { 0.0 };
    let names = name_looks(&odds);
    (names.iter().zip(odds).zip(looks))
        .map(|((name, odds), look)| Identity {
            kind: if name.group_confidence < least {
                BallKind::default()
            } else {
                name.kind
            },
            group_confidence: name.group_confidence,
            confidence: name.confidence,
            odds,
            look,
        })
        .collect()
}

/// White, yellow and red.
fn carom_odds(look: &Look, house: Option<&HouseSet>) -> Odds {
    let painted = ln_step((look.paint - 0.4) / 0.06);
    let of = |group: Group, usual: (f64, f64, f64)| {
        let kind = BallKind { group, number: None };
        (
            kind,
            paint_likelihood(look, &Paint::of(house, kind, usual, 15.0)) + painted,
        )
    };
    let cue = BallKind {
        group: Group::Cue,
        number: None,
    };
    let white = ln_step((look.white - 0.6) / 0.06) + ln_step((0.4 - look.paint) / 0.06);
    Odds::of_likelihoods([
        (cue, white),
        of(Group::Yellow, (45.0, 0.85, 0.95)),
        of(Group::Red, (357.0, 0.85, 0.75)),
    ])
}

/// Places all over a disc of radius 1, as dense everywhere, none near the rim.
pub(super) fn spots() -> &'static [Vec2; SAMPLES] {
    static SPOTS: LazyLock<[Vec2; SAMPLES]> = LazyLock::new(|| {
        // A sunflower's seeds: each the golden angle on.
        let golden = std::f64::consts::PI * (3.0 - 5.0_f64.sqrt());
        std::array::from_fn(|k| {
            let k = k as f64;
            crate::units::unit(golden * k) * (INNER * ((k + 0.5) / SAMPLES as f64).sqrt())
        })
    });
    &SPOTS
}

/// Colours all over a ball, each with its distance from the middle in radii.
fn colours_of(frame: &Frame, subject: &Subject) -> Vec<([f64; 3], f64)> {
    let gain = 1.0 / subject.light.clamp(0.4, 2.5);
    spots()
        .iter()
        .map(|spot| {
            let p = subject.centre + *spot * subject.radius;
            let c = frame.rgb(p.x.max(0.0) as u32, p.y.max(0.0) as u32);
            (c.map(|c| f64::from(c) * gain), spot.length())
        })
        .collect()
}

/// The white of this picture: the bright, nearly colourless part of all balls. Cue ball,
/// stripes and number circles all carry it, whatever the lamp and the camera's white balance.
fn white_reference(samples: &[Vec<([f64; 3], f64)>]) -> [f64; 3] {
    let mut pale: Vec<(f64, [f64; 3])> = samples
        .iter()
        .flatten()
        .filter_map(|(c, _)| {
            let (lo, hi) = (c[0].min(c[1]).min(c[2]), c[0].max(c[1]).max(c[2]));
            (hi > 110.0 && lo > 0.55 * hi).then_some((c[0] + c[1] + c[2], *c))
        })
        .collect();
    let total: usize = samples.iter().map(Vec::len).sum();
    if pale.len() * 100 < total.max(1) || pale.len() < 12 {
        return [225.0; 3];
    }
    pale.sort_by(|a, b| b.0.total_cmp(&a.0));
    // The brighter half without its top tenth, which is highlights of the lamps.
    let part = pale.get(pale.len() / 10..pale.len() / 2 + 1).unwrap_or_default();
    let n = part.len().max(1) as f64;
    let mut mean = [0.0; 3];
    for (_, c) in part {
        for (m, v) in mean.iter_mut().zip(c) {
            *m += v / n;
        }
    }
    mean.map(|v| v.max(60.0))
}

fn look(samples: &[([f64; 3], f64)], white: [f64; 3], cloth: [f64; 3]) -> Look {
    let cloth_hue = Shade::of_rgb([cloth[0] / white[0], cloth[1] / white[1], cloth[2] / white[2]]).hue_deg;
    let mut reflected = 0.0;
    let mut body: Vec<f64> = Vec::new();
    let n = samples.len().max(1) as f64;
    let (mut pale, mut pale_rim, mut rim, mut dark) = (0.0, 0.0, 0.0, 0.0);
    let mut paint: Vec<[f64; 3]> = Vec::new();
    let mut tone = [0.0; 3];
    for (c, r) in samples {
        let c = [c[0] / white[0], c[1] / white[1], c[2] / white[2]];
        let Shade {
            hue_deg: h,
            saturation: s,
            value: v,
        } = Shade::of_rgb(c);
        let at_rim = *r > 0.66;
        if at_rim {
            rim += 1.0;
        }
        if s < 0.30 && v > 0.55 {
            pale += 1.0;
            for (sum, v) in tone.iter_mut().zip(c) {
                *sum += v;
            }
            if at_rim {
                pale_rim += 1.0;
            }
            continue;
        }
        body.push(v);
        if v < 0.24 {
            dark += 1.0;
        } else if s > 0.25 {
            // White lit by light from the cloth: pale in the cloth's hue.
            if v > 0.42 && s < 0.62 && hue_distance(h, cloth_hue) < 28.0 {
                reflected += 1.0;
            }
            paint.push(c);
        }
    }
    let mut share = paint.len() as f64 / n;
    body.sort_by(f64::total_cmp);
    let body = body.get(body.len() / 2).copied().unwrap_or(1.0);
    let mut white_share = 0.5 * (pale / n + if rim > 0.0 { pale_rim / rim } else { 0.0 });
    // Where most of what is not white is such reflection, it is the underside of a white ball.
    if pale > 0.35 * n && reflected > 0.75 * (n - pale - dark) {
        white_share = (white_share + reflected / n).min(1.0);
        share = (share - reflected / n).max(0.0);
    }
    // The middle of the paint by brightness: neither highlight nor shadow side.
    paint.sort_by(|a, b| (a[0] + a[1] + a[2]).total_cmp(&(b[0] + b[1] + b[2])));
    let part = paint
        .get(paint.len() / 5..(paint.len() * 4).div_ceil(5))
        .unwrap_or_default();
    let mut mean = [0.0; 3];
    for c in part {
        for (m, v) in mean.iter_mut().zip(c) {
            *m += v / part.len() as f64;
        }
    }
    let shade = Shade::of_rgb(mean);
    Look {
        white: white_share,
        dark: dark / n,
        body,
        paint: share,
        shade,
        from_cloth: hue_distance(shade.hue_deg, cloth_hue),
        tone: Shade::of_rgb(tone.map(|sum| sum / f64::max(pale, 1.0))),
    }
}

/// ln of a logistic step.
fn ln_step(x: f64) -> f64 {
    -(1.0 + (-x).exp()).ln()
}

/// Paint by pool number modulo eight: hue (degrees), saturation, value against white, and ln of how
/// common it is.
type PoolPaint = (u8, f64, f64, f64, f64);

/// The usual colours, and those that single balls of many sets have instead.
const USUAL_PAINTS: [PoolPaint; 13] = [
    (1, 43.0, 0.85, 0.90, 0.0),
    (2, 226.0, 0.80, 0.50, 0.0),
    (3, 358.0, 0.85, 0.75, 0.0),
    (4, 268.0, 0.60, 0.42, 0.0),
    (5, 20.0, 0.85, 0.88, 0.0),
    (6, 158.0, 0.75, 0.38, 0.0),
    (7, 352.0, 0.75, 0.45, 0.0),
    (7, 18.0, 0.65, 0.50, -1.0),
    (4, 335.0, 0.55, 0.85, -1.5),
    (5, 275.0, 0.60, 0.45, -2.5),
    (6, 85.0, 0.70, 0.60, -1.5),
    (7, 165.0, 0.50, 0.75, -2.0),
    (6, 165.0, 0.50, 0.75, -2.0),
];

/// The colours of television sets: pink 4, purple 5, pale green 6, tan 7.
const TELEVISION_PAINTS: [PoolPaint; 7] = [
    (1, 43.0, 0.85, 0.90, 0.0),
    (2, 226.0, 0.80, 0.50, 0.0),
    (3, 358.0, 0.85, 0.75, 0.0),
    (4, 335.0, 0.55, 0.85, 0.0),
    (5, 275.0, 0.60, 0.45, 0.0),
    (6, 85.0, 0.70, 0.60, 0.0),
    (7, 22.0, 0.62, 0.58, 0.0),
];

/// ln of how common television sets are: one odd ball does not make one.
const TELEVISION_COMMON: f64 = -3.0;

/// A paint to compare with: shade and how far looks lie from it (1 σ).
#[derive(Clone, Copy)]
struct Paint {
    shade: Shade,
    spread: Shade,
    /// ln of how common it is.
    common: f64,
}

impl Paint {
    /// A usual paint: hue (degrees), saturation, value; the spread of the hue.
    fn usual((hue_deg, saturation, value): (f64, f64, f64), hue_spread_deg: f64) -> Self {
        Self {
            shade: Shade {
                hue_deg,
                saturation,
                value,
            },
            spread: Shade {
                hue_deg: hue_spread_deg,
                saturation: 0.25,
                value: 0.20,
            },
            common: 0.0,
        }
    }

    /// What was taught of a ball. Light and way up differ more than they did while it was taught.
    fn taught(ball: &HouseBall) -> Self {
        Self {
            shade: ball.shade,
            spread: Shade {
                hue_deg: ball.spread.hue_deg.hypot(TAUGHT_SPREAD.hue_deg),
                saturation: ball.spread.saturation.hypot(TAUGHT_SPREAD.saturation),
                value: ball.spread.value.hypot(TAUGHT_SPREAD.value),
            },
            common: 0.0,
        }
    }

    /// As taught, else as usual.
    fn of(house: Option<&HouseSet>, kind: BallKind, usual: (f64, f64, f64), hue_spread_deg: f64) -> Self {
        let taught = house.and_then(|h| h.ball(kind));
        taught.map_or_else(|| Self::usual(usual, hue_spread_deg), Self::taught)
    }
}

/// How far looks lie from a taught paint at least (1 σ).
const TAUGHT_SPREAD: Shade = Shade {
    hue_deg: 12.0,
    saturation: 0.20,
    value: 0.16,
};

fn paint_likelihood(look: &Look, paint: &Paint) -> f64 {
    let h = hue_distance(look.shade.hue_deg, paint.shade.hue_deg) / paint.spread.hue_deg;
    let s = (look.shade.saturation - paint.shade.saturation) / paint.spread.saturation;
    // Much brighter than white is a matter of light, not of paint.
    let v = (look.shade.value.min(1.1) - paint.shade.value.min(1.1)) / paint.spread.value;
    // A heavy tail: a colour that fits nothing is odd under every number alike.
    let q = 0.5 * (h * h + s * s + v * v);
    paint.common - q.min(6.0 + 0.15 * q)
}

/// How well a ball's white fits the cue ball's as taught: one that yellowed is told from a stripe's.
fn tone_likelihood(look: &Look, house: Option<&HouseSet>) -> f64 {
    const SPREAD: f64 = 0.06;
    house.and_then(|h| h.ball(BallKind::pool(0))).map_or(0.0, |cue| {
        let level = |shade: Shade| Shade { value: 0.0, ..shade };
        let off = level(look.tone).apart(level(cue.shade)) / SPREAD;
        -(0.5 * off * off).min(2.0)
    })
}

/// The pool balls, in whichever of the sets that are sold all looks together fit better.
fn pool_odds(looks: &[Look], house: Option<&HouseSet>) -> Vec<Odds> {
    let in_set = |paints: &[PoolPaint]| {
        let mut fit = 0.0;
        let odds = |look: &Look| {
            let fits: [_; 16] = std::array::from_fn(|number| {
                let kind = BallKind::pool(number as u8);
                (kind, pool_likelihood(look, kind, house, paints))
            });
            fit += fits.iter().map(|f| f.1).fold(f64::MIN, f64::max);
            Odds::of_likelihoods(fits)
        };
        let odds: Vec<Odds> = looks.iter().map(odds).collect();
        (odds, fit)
    };
    let (usual, television) = (in_set(&USUAL_PAINTS), in_set(&TELEVISION_PAINTS));
    if television.1 + TELEVISION_COMMON > usual.1 {
        television.0
    } else {
        usual.0
    }
}

fn pool_likelihood(look: &Look, kind: BallKind, house: Option<&HouseSet>, paints: &[PoolPaint]) -> f64 {
    let w = look.white;
    let black_below = black_below(look);
    match kind.group {
        Group::Cue => {
            ln_step((w - 0.78) / 0.04)
                + ln_step((0.12 - look.paint) / 0.03)
                + ln_step((0.15 - look.dark) / 0.03)
                + tone_likelihood(look, house)
        }
        Group::Eight => {
            // Black: dark, little white; what colour there is comes from the cloth.
            ln_step((black_below - look.body) / 0.025) + ln_step((0.32 - w) / 0.04)
        }
        group => {
            let white = if group == Group::Stripe {
                ln_step((w - 0.22) / 0.035) + ln_step((0.93 - w) / 0.03)
            } else {
                ln_step((0.22 - w) / 0.035)
            };
            let paint = house.and_then(|h| h.ball(kind)).map_or_else(
                || sold_paint_likelihood(look, kind, paints),
                |ball| paint_likelihood(look, &Paint::taught(ball)),
            );
            // With hardly any paint in sight its colour says little.
            let known = (look.paint / 0.10).min(1.0);
            white
                + paint * known
                + ln_step((look.paint - 0.03) / 0.02)
                + ln_step((look.body - black_below + 0.07) / 0.03)
        }
    }
}

/// The best of the paints a pool number has in a set as it is sold.
fn sold_paint_likelihood(look: &Look, kind: BallKind, paints: &[PoolPaint]) -> f64 {
    let number = kind.number.unwrap_or_default();
    let paints = paints.iter().filter(|p| p.0 % 8 == number % 8);
    let fits = paints.map(|p| {
        let paint = Paint {
            common: p.4,
            ..Paint::usual((p.1, p.2, p.3), 13.0)
        };
        paint_likelihood(look, &paint)
    });
    fits.fold(f64::MIN, f64::max)
}

/// Many reds of one kind and hardly a stripe: the fifteen reds of snooker.
fn looks_like_snooker(looks: &[Look]) -> bool {
    let reds = looks
        .iter()
        .filter(|l| {
            l.white < 0.2
                && l.paint > 0.4
                && l.shade.saturation > 0.6
                && hue_distance(l.shade.hue_deg, 355.0) < 18.0
        })
        .count();
    let stripes = looks
        .iter()
        .filter(|l| l.white > 0.26 && l.white < 0.8 && l.paint > 0.1)
        .count();
    reds >= 4 && stripes <= 1 + looks.len() / 12
}

/// Snooker colours: group, hue, saturation, value against white.
const SNOOKER_PAINTS: [(Group, f64, f64, f64); 5] = [
    (Group::Yellow, 42.0, 0.85, 0.95),
    (Group::Green, 168.0, 0.80, 0.45),
    (Group::Brown, 14.0, 0.75, 0.55),
    (Group::Blue, 210.0, 0.85, 0.65),
    (Group::Pink, 352.0, 0.50, 0.95),
];

fn snooker_odds(looks: &[Look], house: Option<&HouseSet>) -> Vec<Odds> {
    let plain = |group: Group| BallKind { group, number: None };
    let taught = Paint::of(house, plain(Group::Red), (355.0, 0.9, 0.75), 12.0).shade;
    // The reds of this picture, whatever its white balance: the most common red look.
    let median = |f: &dyn Fn(&Shade) -> f64| {
        let mut v: Vec<f64> = looks
            .iter()
            .filter(|l| {
                l.white < 0.2 && l.paint > 0.4 && hue_distance(l.shade.hue_deg, taught.hue_deg) < 18.0
            })
            .map(|l| f(&l.shade))
            .collect();
        v.sort_by(f64::total_cmp);
        v.get(v.len() / 2).copied()
    };
    let turned = |s: &Shade| (s.hue_deg + 180.0).rem_euclid(360.0);
    let red = Shade {
        hue_deg: median(&turned).map_or(taught.hue_deg, |h| (h + 180.0).rem_euclid(360.0)),
        saturation: median(&|s| s.saturation).unwrap_or(taught.saturation),
        value: median(&|s| s.value).unwrap_or(taught.value),
    };
    // How alike they are tells how far the brown may be from them.
    let alike = Shade {
        hue_deg: (2.5 * median(&|s| hue_distance(s.hue_deg, red.hue_deg)).unwrap_or(2.0)).clamp(1.8, 5.0),
        saturation: (2.5 * median(&|s| (s.saturation - red.saturation).abs()).unwrap_or(0.05))
            .clamp(0.04, 0.12),
        value: 0.15,
    };
    let likelihood = |l: &Look, g: Group| match g {
        Group::Cue => ln_step((l.white - 0.6) / 0.06) + ln_step((0.4 - l.paint) / 0.06),
        Group::Black => ln_step((0.34 - l.body) / 0.025) + ln_step((0.3 - l.white) / 0.05),
        Group::Red => {
            let h = hue_distance(l.shade.hue_deg, red.hue_deg) / alike.hue_deg;
            let s = (l.shade.saturation - red.saturation) / alike.saturation;
            let v = (l.shade.value - red.value) / alike.value;
            let q = 0.5 * (h * h + s * s + v * v);
            -q.min(5.0 + 0.1 * q) + ln_step((0.45 - l.white) / 0.05) + ln_step((0.6 - l.dark) / 0.06)
        }
        g => SNOOKER_PAINTS.iter().find(|p| p.0 == g).map_or(-20.0, |p| {
            paint_likelihood(l, &Paint::of(house, plain(g), (p.1, p.2, p.3), 12.0))
                + ln_step((0.6 - l.white) / 0.05)
                + ln_step((0.6 - l.dark) / 0.06)
        }),
    };
    let groups = [Group::Cue, Group::Red].into_iter().chain(Group::COLOURS);
    looks
        .iter()
        .map(|l| Odds::of_likelihoods(groups.clone().map(|g| (plain(g), likelihood(l, g)))))
        .collect()
}
