//! Which ball is which: by how much white it shows and by the colour of its paint, all balls
//! of a picture together.

use std::sync::LazyLock;

use super::assignment::assign;
use crate::table::{BallKind, BallSet, Group};
use crate::units::Vec2;
use crate::vision::frame::Frame;

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

/// What a ball looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Look {
    /// Share of white, 0..1, the rim counted as much as the rest.
    pub(super) white: f64,
    /// Share of nearly black.
    pub(super) dark: f64,
    /// Median brightness of what is not white, against white, 0..1.
    pub(super) body: f64,
    /// Share of saturated paint.
    pub(super) paint: f64,
    /// Hue of the paint, degrees.
    pub(super) hue: f64,
    /// Distance of the hue from the cloth's, degrees.
    pub(super) from_cloth: f64,
    /// Saturation of the paint, 0..1.
    pub(super) saturation: f64,
    /// Brightness of the paint against white, 0..1.
    pub(super) value: f64,
}

impl Look {
    /// Brightness below which a ball of this look is black. A black ball reflects the cloth or
    /// nothing; one of another colour is dark paint unless it is very dark.
    fn black_below(&self) -> f64 {
        if self.from_cloth < 30.0 || self.saturation < 0.45 {
            0.37
        } else {
            0.28
        }
    }
}

/// Names every ball. `cloth`: the cloth's usual red, green, blue, 0..255.
/// Returns its kind and how sure the group is, in the order of `subjects`.
pub(super) fn identify(
    frame: &Frame,
    subjects: &[Subject],
    only: Option<BallSet>,
    cloth: [f64; 3],
) -> Vec<(BallKind, f64)> {
    let samples: Vec<Vec<([f64; 3], f64)>> = subjects.iter().map(|s| colours_of(frame, s)).collect();
    let white = white_reference(&samples);
    let looks: Vec<Look> = samples.iter().map(|s| look(s, white, cloth)).collect();
    match only {
        Some(BallSet::Carom) => name_carom(&looks),
        Some(BallSet::Snooker) => name_snooker(&looks),
        None if looks_like_snooker(&looks) => name_snooker(&looks),
        _ => name_pool(&looks),
    }
}

/// White, yellow and red, each once.
fn name_carom(looks: &[Look]) -> Vec<(BallKind, f64)> {
    const GROUPS: [Group; 3] = [Group::Cue, Group::Yellow, Group::Red];
    let likelihoods: Vec<[f64; 3]> = looks
        .iter()
        .map(|l| {
            [
                ln_step((l.white - 0.6) / 0.06) + ln_step((0.4 - l.paint) / 0.06),
                paint_likelihood(l, 45.0, 0.85, 0.95, 15.0) + ln_step((l.paint - 0.4) / 0.06),
                paint_likelihood(l, 357.0, 0.85, 0.75, 15.0) + ln_step((l.paint - 0.4) / 0.06),
            ]
        })
        .collect();
    let costs: Vec<Vec<f64>> = likelihoods
        .iter()
        .map(|l| l.iter().map(|v| -v).chain(looks.iter().map(|_| 9.0)).collect())
        .collect();
    let chosen = assign(&costs);
    likelihoods
        .iter()
        .enumerate()
        .map(|(i, l)| {
            let Some((group, own)) = chosen.get(i).and_then(|c| GROUPS.get(*c).zip(l.get(*c))) else {
                return (BallKind::default(), 0.0);
            };
            let total: f64 = l.iter().map(|v| v.exp()).sum::<f64>() + 0.002;
            let kind = BallKind {
                group: *group,
                number: None,
            };
            (kind, own.exp() / total)
        })
        .collect()
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
    let (cloth_hue, ..) = hsv([cloth[0] / white[0], cloth[1] / white[1], cloth[2] / white[2]]);
    let mut reflected = 0.0;
    let mut body: Vec<f64> = Vec::new();
    let n = samples.len().max(1) as f64;
    let (mut pale, mut pale_rim, mut rim, mut dark) = (0.0, 0.0, 0.0, 0.0);
    let mut paint: Vec<[f64; 3]> = Vec::new();
    for (c, r) in samples {
        let c = [c[0] / white[0], c[1] / white[1], c[2] / white[2]];
        let (h, s, v) = hsv(c);
        let at_rim = *r > 0.66;
        if at_rim {
            rim += 1.0;
        }
        if s < 0.30 && v > 0.55 {
            pale += 1.0;
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
    let (hue, saturation, value) = hsv(mean);
    Look {
        white: white_share,
        dark: dark / n,
        body,
        paint: share,
        hue,
        from_cloth: hue_distance(hue, cloth_hue),
        saturation,
        value,
    }
}

/// Hue in degrees, saturation and value of a colour whose white is 1.
fn hsv([r, g, b]: [f64; 3]) -> (f64, f64, f64) {
    let (lo, hi) = (r.min(g).min(b), r.max(g).max(b));
    let range = hi - lo;
    if range < 1e-9 {
        return (0.0, 0.0, hi);
    }
    let hue = if hi <= r {
        60.0 * ((g - b) / range)
    } else if hi <= g {
        60.0 * ((b - r) / range + 2.0)
    } else {
        60.0 * ((r - g) / range + 4.0)
    };
    (hue.rem_euclid(360.0), range / hi.max(1e-9), hi)
}

fn hue_distance(a: f64, b: f64) -> f64 {
    let d = (a - b).rem_euclid(360.0);
    d.min(360.0 - d)
}

/// ln of a logistic step.
fn ln_step(x: f64) -> f64 {
    -(1.0 + (-x).exp()).ln()
}

/// Paints by pool number modulo eight: hue (degrees), saturation, value against white, and how much
/// rarer than the usual (ln).
type Paint = (u8, f64, f64, f64, f64);

/// The usual colours, and those that single balls of many sets have instead.
const USUAL_PAINTS: [Paint; 13] = [
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
const TELEVISION_PAINTS: [Paint; 7] = [
    (1, 43.0, 0.85, 0.90, 0.0),
    (2, 226.0, 0.80, 0.50, 0.0),
    (3, 358.0, 0.85, 0.75, 0.0),
    (4, 335.0, 0.55, 0.85, 0.0),
    (5, 275.0, 0.60, 0.45, 0.0),
    (6, 85.0, 0.70, 0.60, 0.0),
    (7, 22.0, 0.62, 0.58, 0.0),
];

/// How much rarer television sets are (ln): one odd ball does not make one.
const TELEVISION_RARITY: f64 = -3.0;

fn paint_likelihood(look: &Look, hue: f64, saturation: f64, value: f64, hue_spread: f64) -> f64 {
    let h = hue_distance(look.hue, hue) / hue_spread;
    let s = (look.saturation - saturation) / 0.25;
    let v = (look.value.min(1.1) - value) / 0.20;
    // A heavy tail: a colour that fits nothing is odd under every number alike.
    let q = 0.5 * (h * h + s * s + v * v);
    -q.min(6.0 + 0.15 * q)
}

/// ln likelihood of a pool number for a look, in a set of these paints.
fn pool_likelihood(look: &Look, number: u8, paints: &[Paint]) -> f64 {
    let w = look.white;
    match BallKind::pool(number).group {
        Group::Cue => {
            ln_step((w - 0.78) / 0.04)
                + ln_step((0.12 - look.paint) / 0.03)
                + ln_step((0.15 - look.dark) / 0.03)
        }
        Group::Eight => {
            // Black: dark, little white; what colour there is comes from the cloth.
            ln_step((look.black_below() - look.body) / 0.025) + ln_step((0.32 - w) / 0.04)
        }
        group => {
            let white = if group == Group::Stripe {
                ln_step((w - 0.22) / 0.035) + ln_step((0.93 - w) / 0.03)
            } else {
                ln_step((0.22 - w) / 0.035)
            };
            let paint = paints
                .iter()
                .filter(|p| p.0 % 8 == number % 8)
                .map(|p| p.4 + paint_likelihood(look, p.1, p.2, p.3, 13.0))
                .fold(f64::MIN, f64::max);
            // With hardly any paint in sight its colour says little.
            let known = (look.paint / 0.10).min(1.0);
            white
                + paint * known
                + ln_step((look.paint - 0.03) / 0.02)
                + ln_step((look.body - look.black_below() + 0.07) / 0.03)
        }
    }
}

/// Pool numbers, the cue ball's 0 among them.
const NUMBERS: usize = 16;

/// ln likelihood of a ball without a number.
const NONE: f64 = -9.0;

/// Every ball's likelihoods in a set of these paints, the joint choice of numbers (each once; more balls
/// than numbers, or one that fits none, stay without), and how well the whole set fits.
fn in_set(looks: &[Look], paints: &[Paint]) -> (Vec<Vec<f64>>, Vec<usize>, f64) {
    let numbers = || 0..NUMBERS as u8;
    let likelihoods: Vec<Vec<f64>> = looks
        .iter()
        .map(|l| numbers().map(|n| pool_likelihood(l, n, paints)).collect())
        .collect();
    let costs: Vec<Vec<f64>> = likelihoods
        .iter()
        .map(|l| {
            let none = looks.iter().map(|_| -NONE);
            l.iter().map(|v| -v).chain(none).collect()
        })
        .collect();
    let chosen = assign(&costs);
    let fit = costs
        .iter()
        .zip(&chosen)
        .filter_map(|(c, n)| c.get(*n))
        .sum::<f64>();
    (likelihoods, chosen, -fit)
}

fn name_pool(looks: &[Look]) -> Vec<(BallKind, f64)> {
    let usual = in_set(looks, &USUAL_PAINTS);
    let television = in_set(looks, &TELEVISION_PAINTS);
    let (likelihoods, chosen, _) = if television.2 + TELEVISION_RARITY > usual.2 {
        television
    } else {
        usual
    };
    likelihoods
        .iter()
        .enumerate()
        .map(|(i, l)| {
            let number = chosen.get(i).copied().filter(|n| *n < NUMBERS);
            let groups = [Group::Cue, Group::Eight, Group::Solid, Group::Stripe];
            let odds: Vec<f64> = groups
                .iter()
                .map(|g| {
                    (0..NUMBERS as u8)
                        .filter(|n| Group::of_pool_number(*n) == *g)
                        .filter_map(|n| l.get(n as usize))
                        .fold(f64::MIN, |a, b| a.max(*b))
                        .exp()
                })
                .collect();
            // What fits nothing at all keeps some doubt.
            let total: f64 = odds.iter().sum::<f64>() + 0.002;
            let of = |group: Group| {
                groups
                    .iter()
                    .zip(&odds)
                    .find(|(g, _)| **g == group)
                    .map_or(0.0, |(_, o)| o / total)
            };
            let best = groups
                .iter()
                .zip(&odds)
                .max_by(|a, b| a.1.total_cmp(b.1))
                .map_or(Group::Unknown, |(g, _)| *g);
            // The joint choice counts if the ball itself does not speak against it.
            let group = number.map_or(best, |n| Group::of_pool_number(n as u8));
            let group = if of(group) < 0.2 { best } else { group };
            let confidence = of(group);
            if confidence < 0.4 {
                return (BallKind::default(), confidence);
            }
            let number = number
                .map(|n| n as u8)
                .filter(|n| Group::of_pool_number(*n) == group);
            (BallKind { group, number }, confidence)
        })
        .collect()
}

/// Many reds of one kind and hardly a stripe: the fifteen reds of snooker.
fn looks_like_snooker(looks: &[Look]) -> bool {
    let reds = looks
        .iter()
        .filter(|l| l.white < 0.2 && l.paint > 0.4 && l.saturation > 0.6 && hue_distance(l.hue, 355.0) < 18.0)
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

fn name_snooker(looks: &[Look]) -> Vec<(BallKind, f64)> {
    // The reds of this picture, whatever its white balance: the most common red look.
    let median = |f: &dyn Fn(&Look) -> f64| {
        let mut v: Vec<f64> = looks
            .iter()
            .filter(|l| l.white < 0.2 && l.paint > 0.4 && hue_distance(l.hue, 355.0) < 18.0)
            .map(f)
            .collect();
        v.sort_by(f64::total_cmp);
        v.get(v.len() / 2).copied()
    };
    let turned = |l: &Look| (l.hue + 180.0).rem_euclid(360.0);
    let red = (
        median(&turned).map_or(355.0, |h| (h + 180.0).rem_euclid(360.0)),
        median(&|l| l.saturation).unwrap_or(0.9),
        median(&|l| l.value).unwrap_or(0.75),
    );
    // How alike they are tells how far the brown may be from them.
    let spread = (
        (2.5 * median(&|l| hue_distance(l.hue, red.0)).unwrap_or(2.0)).clamp(1.8, 5.0),
        (2.5 * median(&|l| (l.saturation - red.1).abs()).unwrap_or(0.05)).clamp(0.04, 0.12),
    );
    let mut columns: Vec<Group> = vec![Group::Cue, Group::Black];
    columns.extend(SNOOKER_PAINTS.iter().map(|p| p.0));
    columns.extend([Group::Red; 15]);
    let likelihood = |l: &Look, g: Group| match g {
        Group::Cue => ln_step((l.white - 0.6) / 0.06) + ln_step((0.4 - l.paint) / 0.06),
        Group::Black => ln_step((0.34 - l.body) / 0.025) + ln_step((0.3 - l.white) / 0.05),
        Group::Red => {
            let h = hue_distance(l.hue, red.0) / spread.0;
            let s = (l.saturation - red.1) / spread.1;
            let v = (l.value - red.2) / 0.15;
            let q = 0.5 * (h * h + s * s + v * v);
            -q.min(5.0 + 0.1 * q) + ln_step((0.45 - l.white) / 0.05) + ln_step((0.6 - l.dark) / 0.06)
        }
        g => SNOOKER_PAINTS.iter().find(|p| p.0 == g).map_or(-20.0, |p| {
            paint_likelihood(l, p.1, p.2, p.3, 12.0)
                + ln_step((0.6 - l.white) / 0.05)
                + ln_step((0.6 - l.dark) / 0.06)
        }),
    };
    let costs: Vec<Vec<f64>> = looks
        .iter()
        .map(|l| {
            columns
                .iter()
                .map(|g| -likelihood(l, *g))
                .chain((0..looks.len()).map(|_| 9.0))
                .collect()
        })
        .collect();
    let chosen = assign(&costs);
    let groups: Vec<Group> = {
        let mut g = columns.clone();
        g.truncate(8);
        g
    };
    looks
        .iter()
        .enumerate()
        .map(|(i, l)| {
            let Some(group) = chosen.get(i).and_then(|c| columns.get(*c)).copied() else {
                return (BallKind::default(), 0.0);
            };
            let total: f64 = groups.iter().map(|g| likelihood(l, *g).exp()).sum::<f64>() + 0.002;
            let confidence = likelihood(l, group).exp() / total;
            // Being the only one left of its colour counts even where another fits a little better.
            (BallKind { group, number: None }, confidence.clamp(0.3, 1.0))
        })
        .collect()
}
