//! What stands out of its surroundings, on a grid of places.

use crate::units::Vec2;

/// Something on a grid that is not as what is around it.
pub(super) struct Blob {
    /// Its middle: column and row.
    pub(super) centre: Vec2,
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// It begins in the first row, or ends in the last.
    pub(super) is_cut_off: bool,
}

impl Blob {
    /// All that is at least half as odd as the oddest place, in one piece; `None` where it goes on beyond either end.
    pub(super) fn around(odd: &[f64], columns: usize, peak: usize) -> Option<Self> {
        let sign = odd.get(peak)?.signum();
        let least = 0.5 * odd.get(peak)?.abs();
        let mut taken = vec![false; odd.len()];
        let mut next = vec![peak];
        let [mut left, mut right, mut top, mut bottom] =
            [peak % columns, peak % columns, peak / columns, peak / columns];
        let (mut sum, mut centre) = (0.0, Vec2::ZERO);
        while let Some(at) = next.pop() {
            let is_part = odd.get(at).is_some_and(|d| sign * d >= least);
            let Some(taken) = taken.get_mut(at).filter(|taken| is_part && !**taken) else {
                continue;
            };
            *taken = true;
            let (column, row) = (at % columns, at / columns);
            if column == 0 || column + 1 == columns {
                return None;
            }
            (left, right) = (left.min(column), right.max(column));
            (top, bottom) = (top.min(row), bottom.max(row));
            // What is barely part of it counts little, so that no edge jumps.
            let weight = sign * odd.get(at)? - 0.8 * least;
            sum += weight;
            centre += Vec2::new(column as f64, row as f64) * weight;
            next.extend([at - 1, at + 1, at.wrapping_sub(columns), at + columns]);
        }
        (sum > 0.0).then(|| Self {
            centre: centre / sum,
            columns: right - left + 1,
            rows: bottom - top + 1,
            is_cut_off: top == 0 || (bottom + 1) * columns >= odd.len(),
        })
    }
}
