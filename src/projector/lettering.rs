//! A small stroke font, so that words can be drawn with the same round pen as lines.

use crate::units::Vec2;

/// Height of a capital letter on the grid the glyphs are written on.
const CAP: f64 = 9.0;
/// Room between two letters on that grid.
const GAP: f64 = 2.6;

/// The strokes of a line of text whose middle is at the origin, y up, for capitals of `height`.
pub(crate) fn strokes(text: &str, height: f64) -> Vec<Vec<Vec2>> {
    let scale = height / CAP;
    let mut lines: Vec<Vec<Vec2>> = Vec::new();
    let mut x = 0.0;
    for letter in text.chars() {
        if letter == ' ' {
            x += 4.0;
            continue;
        }
        let mut right = 0.0_f64;
        for stroke in glyph(letter).split(' ') {
            let digits: Vec<f64> = stroke
                .bytes()
                .map(|b| f64::from(b.saturating_sub(b'0')))
                .collect();
            let mut line = Vec::with_capacity(digits.len() / 2);
            for pair in digits.chunks_exact(2) {
                if let [px, py] = *pair {
                    right = right.max(px);
                    line.push(Vec2::new(x + px, py));
                }
            }
            lines.push(line);
        }
        x += right + GAP;
    }
    let middle = Vec2::new((x - GAP).max(0.0) / 2.0, CAP / 2.0);
    for line in &mut lines {
        for p in line {
            *p = (*p - middle) * scale;
        }
    }
    lines
}

/// Length of a line of text.
pub(crate) fn length(text: &str, height: f64) -> f64 {
    let far = strokes(text, height).into_iter().flatten().map(|p| p.x);
    2.0 * far.fold(0.0, f64::max)
}

/// Strokes as pairs of digits (x right, y up), strokes parted by blanks.
fn glyph(letter: char) -> &'static str {
    match letter.to_ascii_uppercase() {
        'A' | 'Ä' | 'ä' => "003960 1353",
        'B' => "0009 094968664505 4564614000",
        'C' => "6759290702205062",
        'D' => "00093967623000",
        'E' => "69090060 0545",
        'F' => "690900 0545",
        'G' => "67592907022050626444",
        'H' => "0009 6069 0565",
        'I' => "0009",
        'J' => "5952402002",
        'K' => "0900 6903 2560",
        'L' => "090050",
        'M' => "0009346960",
        'N' => "00096069",
        'O' | 'Ö' | 'ö' => "290702204062674929",
        'P' => "00094968654404",
        'Q' => "290702204062674929 4260",
        'R' => "00094968654404 3460",
        'S' => "684919070615546362502001",
        'T' => "0969 3930",
        'U' | 'Ü' | 'ü' => "090220406269",
        'V' => "093069",
        'W' => "0920466089",
        'X' => "0069 0960",
        'Y' => "093569 3530",
        'Z' => "09690060",
        '0' => "293957523020020729",
        '1' => "072920",
        '2' => "07194967660060",
        '3' => "081949686645 254564624010 1001",
        '4' => "40490363",
        '5' => "590905456362401001",
        '6' => "5929060220406263452503",
        '7' => "096920",
        '8' => "290806254566684929 2503022040626345",
        '9' => "1040636749290706244466",
        '.' => "0000",
        ',' => "1100",
        ':' => "0101 0505",
        '-' | '–' | '−' => "0444",
        '+' => "0444 2226",
        '/' => "0049",
        '(' => "29060320",
        ')' => "09262300",
        '%' => "0069 1908172819 5241506152",
        '°' => "1908172819",
        '!' => "0903 0000",
        '?' => "07194967663433 3030",
        '\'' => "0907",
        '=' => "0353 0656",
        '>' => "085400",
        '<' => "580450",
        '×' | '*' => "0256 0652",
        '→' => "0474 477441",
        '_' => "0050",
        _ => "0006363000",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_centred_and_as_high_as_asked() {
        let lines = strokes("HI 8", 0.09);
        let points: Vec<Vec2> = lines.into_iter().flatten().collect();
        let (low, high) = points
            .iter()
            .fold((Vec2::MAX, Vec2::MIN), |(l, h), p| (l.min(*p), h.max(*p)));
        assert!((high.y - low.y - 0.09).abs() < 1e-9);
        assert!((high.x + low.x).abs() < 1e-9 && (high.y + low.y).abs() < 1e-9);
    }

    #[test]
    fn every_glyph_is_made_of_whole_points() {
        for letter in (' '..='~').chain("°×→ÄÖÜ".chars()) {
            for stroke in glyph(letter).split(' ') {
                assert!(stroke.len() % 2 == 0 && stroke.len() >= 4, "{letter}: {stroke}");
            }
        }
        assert!(strokes("", 1.0).is_empty());
    }
}
