//! How a player holds the cue: what differs from player to player and from stroke to stroke.

use crate::physics::CueStrike;

/// A player's way with the cue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Manner {
    /// Elevation of the butt that the player is used to, radians.
    pub elevation: f64,
    /// How far it differs from stroke to stroke (1 σ), radians.
    pub spread: f64,
    /// Side spin: the farthest the tip goes to the side, ball radii.
    pub side: f64,
}

impl Manner {
    /// No stroke is flatter or steeper than this, degrees, as long as nothing is in the way.
    pub const ELEVATIONS_DEG: [f64; 2] = [2.0, 8.0];

    /// A player drawn by a seed: any elevation of [`Self::ELEVATIONS_DEG`], within a degree of it from stroke
    /// to stroke, with some side.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5717_c4e5);
        let [least, most] = Self::ELEVATIONS_DEG;
        Self {
            elevation: (least + (most - least) * random.f64()).to_radians(),
            spread: 1_f64.to_radians(),
            side: 0.45,
        }
    }

    /// The stroke as this player makes it.
    pub(super) fn of_strike(&self, strike: CueStrike, random: &mut fastrand::Rng) -> CueStrike {
        // A sum of three uniform numbers is normal enough.
        let normal = 2.0 * (random.f64() + random.f64() + random.f64() - 1.5);
        let [least, most] = Self::ELEVATIONS_DEG.map(f64::to_radians);
        // Every second stroke is in the middle, or nearly.
        let reach = if random.bool() { self.side } else { 0.05 };
        CueStrike {
            elevation: (self.elevation + self.spread * normal).clamp(least, most),
            side: reach * (2.0 * random.f64() - 1.0),
            ..strike
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_player_keeps_within_what_people_do_and_players_differ() {
        let strike = CueStrike {
            stick_speed_m_s: 2.0,
            direction: 0.3,
            elevation: 0.0,
            side: 0.0,
            height: 0.1,
        };
        let mut random = fastrand::Rng::with_seed(5);
        let mut usual = Vec::new();
        for seed in 0..50 {
            let manner = Manner::of_seed(seed);
            assert_eq!(manner, Manner::of_seed(seed));
            usual.push(manner.elevation.to_degrees());
            for _ in 0..20 {
                let played = manner.of_strike(strike, &mut random);
                let off = (played.elevation - manner.elevation).to_degrees().abs();
                assert!((1.999..8.001).contains(&played.elevation.to_degrees()) && off < 3.01);
                assert!(played.side.abs() <= manner.side && played.first_impossible().is_none());
                assert_eq!(
                    (played.direction, played.height),
                    (strike.direction, strike.height)
                );
            }
        }
        let (low, high) = (
            usual.iter().copied().fold(9.0, f64::min),
            usual.iter().copied().fold(0.0, f64::max),
        );
        assert!(low < 3.0 && high > 7.0, "{low} {high}");
    }
}
