//! What tells a growth from everything else that goes up for a while.

use crate::system::history::trend::{Trend, median};

/// A growth that leads to the limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Growth {
    /// Time of the newest point.
    pub seen_at_s: f64,
    /// Half of it is gone when the values fall below this.
    pub floor: f64,
    /// From then on, seconds: by how it goes now, by the steepest slope, by the flattest.
    pub reaches_in_s: f64,
    pub low_s: f64,
    pub high_s: Option<f64>,
    /// 0..1.
    pub confidence: f64,
}

impl Growth {
    /// The growth over these points (seconds, value) that goes on through all parts and leads to the
    /// limit; `now`: the level of the last moments.
    pub fn of(points: &[(f64, f64)], limit: f64, now: f64, asked: Demands) -> Option<Self> {
        let parts = asked.parts;
        let newest = points.last()?.0;
        let mut middles = Vec::with_capacity(parts);
        for part in points.chunks(points.len().div_ceil(parts)) {
            let mut values: Vec<f64> = part.iter().map(|p| p.1).collect();
            middles.push(median(&mut values)?);
        }
        let steps: Vec<f64> = middles
            .iter()
            .zip(middles.iter().skip(1))
            .map(|(a, b)| b - a)
            .collect();
        let mean_step = steps.iter().sum::<f64>() / steps.len() as f64;
        let least_step = steps.iter().copied().fold(f64::INFINITY, f64::min);
        // The cheap questions first: nearly always one of them has the answer.
        if steps.len() + 1 != parts || mean_step <= 0.0 || least_step < asked.part * mean_step {
            return None;
        }
        let trend = Trend::of(points)?;
        let growth = trend.slope_per_s * trend.span_s;
        if trend.z < asked.z || growth < asked.growth * trend.noise || trend.slope_per_s <= 0.0 {
            return None;
        }
        // What slows down is extrapolated by how it goes now.
        let last_step = steps.last()? / mean_step;
        let slope = trend.slope_per_s * last_step.clamp(asked.part.max(0.2), 1.0);
        let left = limit - trend.now;
        let reaches_in_s = left / slope;
        if left <= 0.0 || reaches_in_s > asked.ahead * trend.span_s {
            return None;
        }
        // What comes to rest gains less from half to half, and together no more than this series.
        let (first, middle, last) = (middles.first()?, middles.get(parts / 2)?, middles.last()?);
        let (gain, ratio) = (last - middle, (last - middle) / (middle - first));
        if ratio < asked.steady && trend.now + gain * ratio / (1.0 - ratio) < limit {
            return None;
        }
        // The line does not see a fall that has only just come.
        let floor = trend.now - growth / 2.0;
        if now < floor {
            return None;
        }
        let signal = growth / (growth + NEW.growth * trend.noise);
        Some(Self {
            seen_at_s: newest,
            floor,
            reaches_in_s,
            low_s: left / trend.high_per_s.max(slope),
            high_s: Some(trend.low_per_s.min(slope))
                .filter(|slope| *slope > 0.0)
                .map(|slope| left / slope),
            confidence: signal * (least_step / mean_step).clamp(0.0, 1.0).sqrt(),
        })
    }
}

/// What is asked of a growth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demands {
    /// Parts of the span that all have to grow.
    pub parts: usize,
    /// Least growth from part to part, as a share of the mean one.
    pub part: f64,
    /// Least of Mann–Kendall's Z. Chance gives 4 once in 30,000 times; neighbours that resemble each
    /// other give it more often.
    pub z: f64,
    /// Least growth over the span, in scatters round the line.
    pub growth: f64,
    /// A second half that grows by a smaller share than this of the first slows down.
    pub steady: f64,
    /// How far is looked ahead, in spans.
    pub ahead: f64,
}

pub(super) const NEW: Demands = Demands {
    parts: 5,
    part: 0.35,
    z: 5.0,
    growth: 4.0,
    steady: 0.85,
    ahead: 2.5,
};
/// From day to day.
pub(super) const DAYS: Demands = Demands {
    parts: 3,
    part: 0.6,
    ahead: 1.5,
    ..NEW
};
/// While little is known of the time before: it may be the first flank of a sawtooth.
pub(super) const AT_FIRST: Demands = Demands { ahead: 0.8, ..NEW };
/// Once it is told, until it is taken back.
pub(super) const TOLD: Demands = Demands {
    parts: 3,
    part: -0.5,
    z: 2.0,
    growth: 1.0,
    steady: 0.0,
    ahead: 5.0,
};
