//! Small letters for annotated pictures: a 3 × 5 pixel face of the letters the annotations use.

use image::{Rgb, RgbImage};

use crate::units::Vec2;

/// Writes `text` with its top left at `at`, each dot `scale` × `scale` pixels. Letters the
/// face does not have are left out.
pub(super) fn draw_text(picture: &mut RgbImage, text: &str, at: Vec2, scale: i32, colour: Rgb<u8>) {
    let (w, h) = (picture.width() as i32, picture.height() as i32);
    for (i, letter) in text.chars().enumerate() {
        let rows = face(letter);
        let x0 = at.x as i32 + i as i32 * 4 * scale;
        for (y, row) in rows.iter().enumerate() {
            for x in 0..3 {
                if row & (4 >> x) == 0 {
                    continue;
                }
                for dy in 0..scale {
                    for dx in 0..scale {
                        let (px, py) = (x0 + x * scale + dx, at.y as i32 + y as i32 * scale + dy);
                        if (0..w).contains(&px) && (0..h).contains(&py) {
                            picture.put_pixel(px as u32, py as u32, colour);
                        }
                    }
                }
            }
        }
    }
}

/// Five rows of three dots.
const fn face(letter: char) -> [u8; 5] {
    match letter {
        '0' | 'o' => [7, 5, 5, 5, 7],
        '1' => [2, 6, 2, 2, 7],
        '2' => [7, 1, 7, 4, 7],
        '3' => [7, 1, 7, 1, 7],
        '4' => [5, 5, 7, 1, 1],
        '5' | 's' => [7, 4, 7, 1, 7],
        '6' => [7, 4, 7, 5, 7],
        '7' => [7, 1, 1, 1, 1],
        '8' => [7, 5, 7, 5, 7],
        '9' => [7, 5, 7, 1, 7],
        'a' => [2, 5, 7, 5, 5],
        'b' => [6, 5, 6, 5, 6],
        'c' => [7, 4, 4, 4, 7],
        'd' => [6, 5, 5, 5, 6],
        'e' => [7, 4, 6, 4, 7],
        'g' => [7, 4, 5, 5, 7],
        'h' => [5, 5, 7, 5, 5],
        'i' => [7, 2, 2, 2, 7],
        'k' => [5, 5, 6, 5, 5],
        'l' => [4, 4, 4, 4, 7],
        'n' => [7, 5, 5, 5, 5],
        'p' => [7, 5, 7, 4, 4],
        'r' => [6, 5, 6, 5, 5],
        't' => [7, 2, 2, 2, 2],
        'u' => [5, 5, 5, 5, 7],
        'w' => [5, 5, 5, 7, 5],
        'y' => [5, 5, 2, 2, 2],
        _ => [0; 5],
    }
}
