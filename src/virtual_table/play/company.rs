//! Who stands at the table and what lies on it, besides balls and cue.

use super::{Phase, Play};
use crate::units::Vec2;
use crate::virtual_table::company::Company;
use crate::virtual_table::litter::Litter;
use crate::virtual_table::moment::Thing;
use crate::virtual_table::people::{self, Player};
use crate::virtual_table::scene::SceneName;

impl Play {
    /// The same play with people and things around.
    pub(in crate::virtual_table) fn among(mut self, company: Company, cloth_srgb: [u8; 3]) -> Self {
        self.company = company;
        self.cloth_srgb = cloth_srgb;
        self.spread_litter();
        self.take_stance();
        self
    }

    /// Puts everything where it lies when a scene begins.
    pub(super) fn spread_litter(&mut self) {
        // Where the cue turns around only what it passes over, where balls roll nothing.
        let tallest_m = match self.scene {
            SceneName::Grid | SceneName::Empty => f64::INFINITY,
            SceneName::Still if self.company.player.is_none() => 0.023,
            _ => 0.0,
        };
        self.litter = self.company.litter.map_or_else(Litter::default, |seed| {
            Litter::spread(seed, &self.table, &self.places(), tallest_m)
        });
    }

    /// Chooses how the player stands to the cue; as long as balls roll it stays as it was.
    pub(super) fn take_stance(&mut self) {
        if !matches!(self.phase, Phase::Rolling(_)) {
            self.stance = self.player().and_then(|player| {
                let (cue, _) = self.cue()?;
                player.stance(&cue, self.cue_ball()?, &self.places(), self.stance)
            });
        }
    }

    /// People and things that are there now.
    pub(super) fn things(&self) -> Vec<Thing> {
        let mut things: Vec<Thing> = Vec::new();
        things.extend(self.litter.on_rails.iter().cloned());
        things.extend(self.litter.on_cloth.iter().cloned());
        let player = self.player_now();
        if player.is_none()
            && let Some(looks) = &self.company.visitor
        {
            things.extend(people::reaching(
                looks,
                self.cloth_srgb,
                &self.table,
                self.clock_s,
            ));
        }
        things.extend(player);
        things
    }

    fn player_now(&self) -> Option<Thing> {
        let (player, stance) = self.player().zip(self.stance.as_ref())?;
        let (cue, _) = self.cue()?;
        let ball = match &self.phase {
            Phase::Rolling(roll) => roll.met,
            _ => self.cue_ball()?,
        };
        let thing = player.down_on(&cue, ball, stance);
        // A ball that comes back makes the player jump up.
        people::is_clear(&thing.parts, &self.places(), &self.table).then_some(thing)
    }

    fn player(&self) -> Option<Player<'_>> {
        let looks = self.company.player.as_ref()?;
        Some(Player {
            looks,
            table: &self.table,
            cloth_srgb: self.cloth_srgb,
        })
    }

    fn places(&self) -> Vec<Vec2> {
        self.on_table().map(|ball| ball.state.position).collect()
    }
}
