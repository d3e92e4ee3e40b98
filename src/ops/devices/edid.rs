//! What a monitor says of itself in the first block of its EDID (VESA E-EDID 1.3).

/// What a monitor says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Edid {
    /// Maker's three letters and model name: `DEL DELL U2720Q`.
    pub name: Option<String>,
    /// Width, height (pixels) and rate (per second) it likes best.
    pub preferred: Option<(u32, u32, f64)>,
}

impl Edid {
    /// Reads it; none where it is no EDID.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let block: &[u8; 128] = bytes.first_chunk()?;
        let intact = block.iter().fold(0_u8, |sum, b| sum.wrapping_add(*b)) == 0;
        if !block.starts_with(&[0, 255, 255, 255, 255, 255, 255, 0]) || !intact {
            return None;
        }
        let (descriptors, _) = block.get(54..126)?.as_chunks::<18>();
        let model = descriptors.iter().find_map(|d| match d {
            [0, 0, 0, 0xFC, _, text @ ..] => Some(text_of(text)),
            _ => None,
        });
        let words: Vec<String> = [maker(block), model].into_iter().flatten().collect();
        Some(Self {
            name: (!words.is_empty()).then(|| words.join(" ")),
            preferred: descriptors.first().and_then(timing),
        })
    }
}

/// Three letters of five bits each, A = 1.
fn maker(block: &[u8; 128]) -> Option<String> {
    let packed = u16::from_be_bytes([*block.get(8)?, *block.get(9)?]);
    [10, 5, 0]
        .into_iter()
        .map(|shift| match packed >> shift & 31 {
            n @ 1..=26 => char::from_u32(u32::from(n) + 64),
            _ => None,
        })
        .collect()
}

/// Up to a line's end, printable letters only.
fn text_of(bytes: &[u8]) -> String {
    let text = bytes.iter().take_while(|b| **b != b'\n');
    let text: String = text
        .map(|b| char::from(*b))
        .filter(|c| c.is_ascii_graphic() || *c == ' ')
        .collect();
    text.trim().to_owned()
}

/// A detailed timing: width, height, rate.
fn timing(descriptor: &[u8; 18]) -> Option<(u32, u32, f64)> {
    let [c0, c1, w, wb, wh, h, hb, hh, ..] = descriptor.map(u32::from);
    let clock_hz = f64::from(c0 | c1 << 8) * 10_000.0;
    let (width, width_blank) = (w | (wh & 0xF0) << 4, wb | (wh & 0x0F) << 8);
    let (height, height_blank) = (h | (hh & 0xF0) << 4, hb | (hh & 0x0F) << 8);
    let total = f64::from(width + width_blank) * f64::from(height + height_blank);
    (clock_hz > 0.0 && width > 0 && height > 0).then(|| (width, height, clock_hz / total))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A block as a projector with 1920 × 1080 at 60 would give it (CEA-861 timing 16: 148.5 MHz,
    /// 2200 × 1125 with blanking).
    pub fn block() -> [u8; 128] {
        let mut block = [0; 128];
        block[..8].copy_from_slice(&[0, 255, 255, 255, 255, 255, 255, 0]);
        // B = 2, N = 14, Q = 17
        block[8..10].copy_from_slice(&(2_u16 << 10 | 14 << 5 | 17).to_be_bytes());
        let timing = [0x02, 0x3A, 0x80, 0x18, 0x71, 0x38, 0x2D, 0x40];
        block[54..62].copy_from_slice(&timing);
        block[72..90].copy_from_slice(b"\0\0\0\xFC\0TH671ST\n     ");
        let sum = block.iter().fold(0_u8, |s, b| s.wrapping_add(*b));
        block[127] = 0_u8.wrapping_sub(sum);
        block
    }

    #[test]
    fn a_projector_says_its_name_and_what_it_likes() {
        let edid = Edid::parse(&block()).unwrap();
        assert_eq!(edid.name.as_deref(), Some("BNQ TH671ST"));
        assert_eq!(edid.preferred, Some((1920, 1080, 60.0)));
    }

    #[test]
    fn damaged_blocks_are_none_and_no_block_is_too_odd() {
        assert_eq!(Edid::parse(&[]), None);
        assert_eq!(Edid::parse(&block()[..127]), None);
        let mut damaged = block();
        damaged[60] ^= 1;
        assert_eq!(Edid::parse(&damaged), None);
        for seed in 0..2000 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut block = block();
            for _ in 0..random.usize(1..60) {
                block[random.usize(8..127)] = random.u8(..);
            }
            block[127] = 0;
            let sum = block.iter().fold(0_u8, |s, b| s.wrapping_add(*b));
            block[127] = 0_u8.wrapping_sub(sum);
            let edid = Edid::parse(&block).unwrap();
            assert!(
                edid.preferred
                    .is_none_or(|p| p.0 > 0 && p.1 > 0 && p.2.is_finite())
            );
            assert!(
                edid.name
                    .is_none_or(|n| n.chars().all(|c| c.is_ascii_graphic() || c == ' '))
            );
        }
    }
}
