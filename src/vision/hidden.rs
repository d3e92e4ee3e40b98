//! Which part of the bed something covers: there "no ball is seen" does not mean "no ball is there".

use std::sync::Arc;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use crate::units::Vec2;

/// Side of a cell, metres: less than the radius of any ball.
pub const CELL_M: f64 = 0.02;

/// The cells of a bed where the middle of a ball could not be seen. Nothing is hidden by default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hidden {
    /// Half of the bed's length and width, metres.
    half_m: Vec2,
    columns: usize,
    /// One per cell, row after row from the right side of the table to the left.
    cells: Arc<[bool]>,
}

impl Hidden {
    /// Asks for every cell of a bed (half of its length and width, metres) whether its middle is covered.
    #[must_use]
    pub fn of(half_m: Vec2, is_covered: impl Fn(Vec2) -> bool) -> Self {
        let count = |half: f64| (2.0 * half / CELL_M).ceil().clamp(0.0, 1000.0) as usize;
        let (columns, rows) = (count(half_m.x), count(half_m.y));
        let cells = (0..columns * rows).map(|i| is_covered(middle(half_m, columns, i)));
        Self {
            half_m,
            columns,
            cells: cells.collect(),
        }
    }

    /// True where a ball with its middle at this place (table frame, metres) could not be seen.
    #[must_use]
    pub fn at(&self, place: Vec2) -> bool {
        let cell = (place + self.half_m) / CELL_M;
        let inside = cell.x >= 0.0 && cell.y >= 0.0 && cell.x < self.columns as f64;
        inside && self.cells.get(cell.y as usize * self.columns + cell.x as usize) == Some(&true)
    }

    /// True where every part of the bed is in sight.
    #[must_use]
    pub fn is_none(&self) -> bool {
        !self.cells.contains(&true)
    }

    /// Share of the bed that is hidden, 0..1.
    #[must_use]
    pub fn share(&self) -> f64 {
        let hidden = self.cells.iter().filter(|c| **c).count();
        hidden as f64 / self.cells.len().max(1) as f64
    }

    /// Middles of the hidden cells, metres.
    pub fn places(&self) -> impl Iterator<Item = Vec2> {
        let hidden = self.cells.iter().enumerate().filter(|(_, c)| **c);
        hidden.map(|(i, _)| middle(self.half_m, self.columns, i))
    }

    /// The hidden part as strips one cell high: least and greatest corner, metres.
    #[must_use]
    pub fn strips(&self) -> Vec<[Vec2; 2]> {
        let half_cell = Vec2::splat(0.5 * CELL_M);
        let mut strips: Vec<[Vec2; 2]> = Vec::new();
        for place in self.places() {
            let (least, greatest) = (place - half_cell, place + half_cell);
            match strips.last_mut() {
                Some([_, end]) if end.distance(Vec2::new(least.x, greatest.y)) < 1e-6 => *end = greatest,
                _ => strips.push([least, greatest]),
            }
        }
        strips
    }
}

fn middle(half_m: Vec2, columns: usize, cell: usize) -> Vec2 {
    let (column, row) = (cell % columns.max(1), cell / columns.max(1));
    (Vec2::new(column as f64, row as f64) + 0.5) * CELL_M - half_m
}

/// The shape of `analyze --json`: the share of the bed, and strips of it as `[x0, y0, x1, y1]` in metres.
impl Serialize for Hidden {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let rounded = |v: f64| (v * 1e3).round() / 1e3;
        let strips = self.strips();
        let strips = strips.iter().map(|[a, b]| [a.x, a.y, b.x, b.y].map(rounded));
        let mut out = s.serialize_struct("hidden", 2)?;
        out.serialize_field("share", &rounded(self.share()))?;
        out.serialize_field("strips_m", &strips.collect::<Vec<_>>())?;
        out.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: Vec2 = Vec2::new(1.27, 0.635);

    #[test]
    fn nothing_is_hidden_until_something_covers_it() {
        for hidden in [Hidden::default(), Hidden::of(HALF, |_| false)] {
            assert!(hidden.is_none() && !hidden.at(Vec2::ZERO));
            assert_eq!((hidden.share(), hidden.strips().len()), (0.0, 0));
        }
    }

    #[test]
    fn a_covered_corner_is_hidden_there_and_nowhere_else() {
        let hidden = Hidden::of(HALF, |p| p.x > 0.97 && p.y > 0.335);
        assert!(hidden.at(Vec2::new(1.2, 0.6)) && hidden.at(Vec2::new(1.0, 0.4)));
        assert!(!hidden.at(Vec2::new(0.9, 0.6)) && !hidden.at(Vec2::new(1.2, 0.2)));
        // Beyond the bed nobody looks.
        assert!(!hidden.at(Vec2::new(1.3, 0.6)) && !hidden.at(Vec2::new(-5.0, 0.6)));
        assert!(
            (hidden.share() - 0.3 * 0.3 / (2.54 * 1.27)).abs() < 0.002,
            "{}",
            hidden.share()
        );
    }

    #[test]
    fn strips_cover_the_hidden_cells_once() {
        let hidden = Hidden::of(HALF, |p| p.length() < 0.1 || p.x < -1.2);
        let area = |[a, b]: &[Vec2; 2]| (b.x - a.x) * (b.y - a.y);
        let strips = hidden.strips();
        let sum: f64 = strips.iter().map(area).sum();
        let cells = hidden.places().count() as f64;
        assert!((sum - cells * CELL_M * CELL_M).abs() < 1e-9);
        assert!(strips.len() < 80, "{} strips", strips.len());
        for place in hidden.places() {
            assert!(hidden.at(place));
            let inside = |[a, b]: &&[Vec2; 2]| place.cmpge(*a).all() && place.cmple(*b).all();
            assert_eq!(strips.iter().filter(inside).count(), 1);
        }
    }
}
