//! The numbers on the balls, drawn with a pen.

/// Side of a number's picture in cells.
const SIDE: usize = 48;

type Stroke = &'static [(f32, f32)];

const ZERO: &[Stroke] = &[&[
    (0.0, 0.5),
    (0.19, 0.4),
    (0.27, 0.18),
    (0.28, -0.12),
    (0.2, -0.4),
    (0.0, -0.5),
    (-0.2, -0.4),
    (-0.28, -0.12),
    (-0.27, 0.18),
    (-0.19, 0.4),
    (0.0, 0.5),
]];
const ONE: &[Stroke] = &[&[(-0.16, 0.3), (0.06, 0.5), (0.06, -0.5)]];
const TWO: &[Stroke] = &[&[
    (-0.28, 0.26),
    (-0.2, 0.43),
    (0.0, 0.5),
    (0.2, 0.43),
    (0.27, 0.25),
    (0.2, 0.04),
    (-0.28, -0.5),
    (0.3, -0.5),
]];
const THREE: &[Stroke] = &[&[
    (-0.26, 0.38),
    (-0.05, 0.5),
    (0.18, 0.44),
    (0.25, 0.27),
    (0.16, 0.09),
    (-0.06, 0.04),
    (0.18, -0.04),
    (0.28, -0.22),
    (0.2, -0.42),
    (-0.03, -0.5),
    (-0.28, -0.38),
]];
const FOUR: &[Stroke] = &[&[(0.12, -0.5), (0.12, 0.5), (-0.3, -0.2), (0.32, -0.2)]];
const FIVE: &[Stroke] = &[&[
    (0.26, 0.5),
    (-0.2, 0.5),
    (-0.25, 0.05),
    (0.0, 0.12),
    (0.2, 0.05),
    (0.28, -0.17),
    (0.2, -0.4),
    (0.0, -0.5),
    (-0.28, -0.4),
]];
const SIX: &[Stroke] = &[&[
    (0.2, 0.48),
    (-0.08, 0.3),
    (-0.24, 0.02),
    (-0.28, -0.2),
    (-0.2, -0.42),
    (0.0, -0.5),
    (0.2, -0.42),
    (0.27, -0.22),
    (0.18, -0.03),
    (0.0, 0.05),
    (-0.18, -0.02),
    (-0.27, -0.18),
]];
const SEVEN: &[Stroke] = &[&[(-0.28, 0.5), (0.28, 0.5), (-0.08, -0.5)]];
const EIGHT: &[Stroke] = &[
    &[
        (0.0, 0.5),
        (0.2, 0.43),
        (0.24, 0.27),
        (0.16, 0.1),
        (0.0, 0.04),
        (-0.16, 0.1),
        (-0.24, 0.27),
        (-0.2, 0.43),
        (0.0, 0.5),
    ],
    &[
        (0.0, 0.04),
        (0.2, -0.05),
        (0.28, -0.24),
        (0.2, -0.43),
        (0.0, -0.5),
        (-0.2, -0.43),
        (-0.28, -0.24),
        (-0.2, -0.05),
        (0.0, 0.04),
    ],
];
const NINE: &[Stroke] = &[&[
    (-0.2, -0.48),
    (0.08, -0.3),
    (0.24, -0.02),
    (0.28, 0.2),
    (0.2, 0.42),
    (0.0, 0.5),
    (-0.2, 0.42),
    (-0.27, 0.22),
    (-0.18, 0.03),
    (0.0, -0.05),
    (0.18, 0.02),
    (0.27, 0.18),
]];

fn strokes(digit: u8) -> &'static [Stroke] {
    match digit {
        0 => ZERO,
        1 => ONE,
        2 => TWO,
        3 => THREE,
        4 => FOUR,
        5 => FIVE,
        6 => SIX,
        7 => SEVEN,
        8 => EIGHT,
        _ => NINE,
    }
}

/// A number as a small picture of ink, covering −1..1 in both directions.
pub(super) struct Numeral {
    ink: Vec<f32>,
}

impl Numeral {
    pub(super) fn new(number: u8) -> Self {
        let digits: Vec<u8> = if number >= 10 {
            vec![number / 10, number % 10]
        } else {
            vec![number]
        };
        let (scale, narrow) = if digits.len() == 2 {
            (1.0, 0.78)
        } else {
            (1.15, 1.0)
        };
        let mut ink = Vec::with_capacity(SIDE * SIDE);
        for row in 0..SIDE {
            for column in 0..SIDE {
                let at = |i: usize| (i as f32 + 0.5) / SIDE as f32 * 2.0 - 1.0;
                let (x, y) = (at(column), -at(row));
                let mut distance = f32::MAX;
                for (i, &digit) in digits.iter().enumerate() {
                    let middle = (i as f32 - (digits.len() as f32 - 1.0) / 2.0) * 0.66;
                    let local = glam::Vec2::new((x - middle) / narrow, y) / scale;
                    for stroke in strokes(digit) {
                        for pair in stroke.windows(2) {
                            if let [a, b] = pair {
                                distance = distance.min(to_segment(local, (*a).into(), (*b).into()));
                            }
                        }
                    }
                }
                ink.push(1.0 - super::smoothstep(0.075, 0.135, distance));
            }
        }
        Self { ink }
    }

    /// How much ink is at (x, y), −1..1, interpolated.
    pub(super) fn ink(&self, x: f32, y: f32) -> f32 {
        let cell = |v: f32| ((v + 1.0) * 0.5 * SIDE as f32 - 0.5).clamp(0.0, (SIDE - 1) as f32);
        let (cx, cy) = (cell(x), cell(-y));
        let (ix, iy) = (cx as usize, cy as usize);
        let (u, v) = (cx - ix as f32, cy - iy as f32);
        let at = |dx: usize, dy: usize| {
            let i = (iy + dy).min(SIDE - 1) * SIDE + (ix + dx).min(SIDE - 1);
            self.ink.get(i).copied().unwrap_or(0.0)
        };
        (at(0, 0) * (1.0 - u) + at(1, 0) * u) * (1.0 - v) + (at(0, 1) * (1.0 - u) + at(1, 1) * u) * v
    }
}

fn to_segment(p: glam::Vec2, a: glam::Vec2, b: glam::Vec2) -> f32 {
    let along = b - a;
    let t = ((p - a).dot(along) / along.length_squared().max(1e-9)).clamp(0.0, 1.0);
    p.distance(a + along * t)
}
