//! Who is at the table besides the camera, and what they have left lying about.

/// People and their things. Nobody by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Company {
    /// Who holds the cue while somebody aims.
    pub(super) player: Option<Looks>,
    /// Who reaches in now and then.
    pub(super) visitor: Option<Looks>,
    /// Chalk, phone, triangle and rest lie about; the number says where.
    pub(super) litter: Option<u64>,
}

/// How a person looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Looks {
    pub(super) skin_srgb: [u8; 3],
    /// Sleeves and shirt; `None` for the colour of the table's own cloth.
    pub(super) shirt_srgb: Option<[u8; 3]>,
    pub(super) cuff_srgb: [u8; 3],
    /// Share of the arm under the sleeve, 0..1.
    pub(super) sleeve: f64,
    /// A glove on the bridge hand.
    pub(super) glove_srgb: Option<[u8; 3]>,
    pub(super) head: Head,
    pub(super) left_handed: bool,
    /// Length of everything, 1 for a tall man.
    pub(super) size: f64,
    /// When and where this person does things.
    pub(super) habits: u64,
}

/// What is seen of a head from above.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Head {
    Bald,
    Hair([u8; 3]),
    Cap([u8; 3]),
}

/// Skins, sRGB, pale to dark.
const SKINS: [[u8; 3]; 7] = [
    [240, 205, 182],
    [232, 186, 156],
    [220, 168, 134],
    [198, 142, 106],
    [166, 112, 78],
    [124, 80, 56],
    [84, 54, 40],
];

/// Shirts, sRGB: black, white, greys, navy, red, bottle green, yellow, light blue, brown, pink.
const SHIRTS: [[u8; 3]; 11] = [
    [26, 26, 30],
    [232, 232, 230],
    [120, 122, 126],
    [62, 64, 70],
    [28, 38, 74],
    [150, 30, 34],
    [24, 72, 48],
    [214, 172, 46],
    [134, 172, 208],
    [96, 66, 46],
    [214, 130, 150],
];

const HAIR: [[u8; 3]; 6] = [
    [28, 24, 22],
    [58, 38, 26],
    [104, 70, 42],
    [176, 138, 88],
    [150, 148, 146],
    [126, 58, 30],
];

const CAPS: [[u8; 3]; 4] = [[24, 24, 28], [150, 28, 32], [32, 52, 104], [214, 210, 200]];

impl Company {
    /// Nobody, and nothing lies about.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            player: None,
            visitor: None,
            litter: None,
        }
    }

    /// People and things, always the same for the same seed; never quite nobody.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x00c0_4a17);
        let player = Looks::any(&mut random);
        let visitor = Looks::any(&mut random);
        let litter = random.u64(..);
        let (plays, visits, lies) = (random.f64(), random.f64(), random.f64());
        Self {
            player: (plays < 0.8).then_some(player),
            visitor: (visits < 0.6).then_some(visitor),
            litter: (lies < 0.7 || (plays >= 0.8 && visits >= 0.6)).then_some(litter),
        }
    }
}

impl Looks {
    fn any(random: &mut fastrand::Rng) -> Self {
        let mut one_of = |colours: &[[u8; 3]]| random.choice(colours).copied().unwrap_or([128; 3]);
        let (skin_srgb, shirt, cuff_srgb) = (one_of(&SKINS), one_of(&SHIRTS), one_of(&SHIRTS));
        let (hair, cap) = (one_of(&HAIR), one_of(&CAPS));
        // One in eight is dressed in the cloth's own colour, to make it hard for eyes.
        let shirt_srgb = (random.f64() > 0.125).then_some(shirt);
        let sleeve = match random.u8(0..10) {
            0 => 0.08,
            1..=3 => 0.36,
            4 => 0.72,
            _ => 0.97,
        };
        let head = match random.u8(0..10) {
            0..=1 => Head::Bald,
            2..=3 => Head::Cap(cap),
            _ => Head::Hair(hair),
        };
        Self {
            skin_srgb,
            shirt_srgb,
            // Most cuffs are of the shirt's own colour.
            cuff_srgb: if random.u8(0..3) > 0 {
                shirt_srgb.unwrap_or(cuff_srgb)
            } else {
                cuff_srgb
            },
            sleeve,
            glove_srgb: (random.u8(0..4) == 0).then_some([30, 30, 34]),
            head,
            left_handed: random.u8(0..8) == 0,
            size: 0.88 + 0.14 * random.f64(),
            habits: random.u64(..),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn company_is_the_same_for_the_same_seed_and_differs_between_seeds() {
        assert_eq!(Company::none(), Company::default());
        let mut kinds = [0; 3];
        for seed in 0..200 {
            let company = Company::of_seed(seed);
            assert_eq!(company, Company::of_seed(seed));
            assert_ne!(company, Company::of_seed(seed + 1));
            assert_ne!(company, Company::none());
            kinds[0] += usize::from(company.player.is_some());
            kinds[1] += usize::from(company.visitor.is_some());
            kinds[2] += usize::from(company.litter.is_some());
        }
        assert!(kinds.iter().all(|k| (90..190).contains(k)), "{kinds:?}");
    }
}
