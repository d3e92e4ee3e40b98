//! Connected regions of a mask, as runs of pixels.

use crate::units::Vec2;

/// Row, first column, one past the last column.
pub(super) type Run = (u32, u32, u32);

/// A connected set of marked pixels.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Region {
    /// Sorted by row and column.
    pub(super) runs: Vec<Run>,
    /// Left, top, right, bottom (one past) of all runs.
    pub(super) bounds: [u32; 4],
    area: usize,
}

impl Region {
    /// Number of pixels.
    pub(super) fn len(&self) -> usize {
        self.area
    }

    /// True where a place lies on one of its pixels.
    pub(super) fn contains(&self, p: Vec2) -> bool {
        let (x, y) = (p.x.max(0.0) as u32, p.y.max(0.0) as u32);
        let [l, t, r, b] = self.bounds;
        let row = self.runs.partition_point(|run| run.0 < y);
        let inside = p.x >= 0.0 && p.y >= 0.0 && (l..r).contains(&x) && (t..b).contains(&y);
        let mut runs = self.runs.iter().skip(row).take_while(|run| run.0 == y);
        inside && runs.any(|run| (run.1..run.2).contains(&x))
    }

    /// Width and height in pixels.
    pub(super) fn size(&self) -> (usize, usize) {
        let [x0, y0, x1, y1] = self.bounds;
        ((x1 - x0) as usize, (y1 - y0) as usize)
    }

    fn add(&mut self, run: Run) {
        let (y, x0, x1) = run;
        if self.runs.is_empty() {
            self.bounds = [x0, y, x1, y + 1];
        } else {
            let [l, t, r, b] = self.bounds;
            self.bounds = [l.min(x0), t.min(y), r.max(x1), b.max(y + 1)];
        }
        self.area += (x1 - x0) as usize;
        self.runs.push(run);
    }

    /// Centroid and the central second moments (xx, xy, yy), pixel centres at half-integers.
    pub(super) fn moments(&self) -> Moments {
        // About a place inside, so that no digits are lost.
        let [left, top, ..] = self.bounds.map(f64::from);
        let (mut n, mut sx, mut sy, mut sxx, mut sxy, mut syy) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
        for &(y, x0, x1) in &self.runs {
            let (y, a, b) = (
                f64::from(y) + 0.5 - top,
                f64::from(x0) - left,
                f64::from(x1) - left,
            );
            // Sums over the run's pixels, their own width's variance included.
            let (count, first, second) = (b - a, 0.5 * (b * b - a * a), (b * b * b - a * a * a) / 3.0);
            n += count;
            sx += first;
            sy += y * count;
            sxx += second;
            sxy += first * y;
            syy += (y * y + 1.0 / 12.0) * count;
        }
        let n = f64::max(n, 1.0);
        let (x, y) = (sx / n, sy / n);
        Moments {
            centre: Vec2::new(left + x, top + y),
            xx: sxx / n - x * x,
            xy: sxy / n - x * y,
            yy: syy / n - y * y,
        }
    }
}

/// First and second moments of a region.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moments {
    /// Centroid.
    pub(super) centre: Vec2,
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Moments {
    /// 1 for a disc of this area, less for anything less compact (a disc's variances sum to r²/2).
    pub(super) fn compactness(&self, area: usize) -> f64 {
        area as f64 / (std::f64::consts::TAU * (self.xx + self.yy))
    }

    /// Standard deviations along the longer and the shorter axis, and the longer axis.
    pub(super) fn axes(&self) -> (f64, f64, Vec2) {
        let angle = 0.5 * (2.0 * self.xy).atan2(self.xx - self.yy);
        let mean = (self.xx + self.yy) / 2.0;
        let half = ((self.xx - self.yy) / 2.0).hypot(self.xy);
        (
            (mean + half).max(0.0).sqrt(),
            (mean - half).max(0.0).sqrt(),
            Vec2::new(angle.cos(), angle.sin()),
        )
    }
}

/// Connected regions (8-neighbours) of the pixels that are not 0, at least `least` pixels large.
/// Looks at the rows and columns inside `window` (left, top, right, bottom) only.
pub(super) fn regions(mask: &[u8], w: usize, window: [usize; 4], least: usize) -> Vec<Region> {
    let [left, top, right, bottom] = window;
    let mut runs: Vec<Run> = Vec::new();
    for y in top..bottom {
        let Some(row) = mask.get(y * w + left..y * w + right) else {
            continue;
        };
        // Most of a table is empty: thirty-two at a time.
        let (mut x, mut rest) = (left as u32, row);
        while !rest.is_empty() {
            let empty = rest
                .chunks(32)
                .take_while(|some| some.iter().fold(0, |a, b| a | b) == 0);
            let skip = (32 * empty.count()).min(rest.len());
            let after = rest.get(skip..).unwrap_or_default();
            let full = after
                .chunks(32)
                .take_while(|some| some.iter().fold(0, |a, b| a | b) != 0);
            let length = (32 * full.count()).min(after.len());
            let (some, next) = after.split_at(length);
            runs_of(some, |on| *on != 0, (y as u32, x + skip as u32), &mut runs);
            (x, rest) = (x + (skip + length) as u32, next);
        }
    }
    connect(&runs, least)
}

/// Adds the runs of a row in which `on` holds; `start` is the row and its first column.
pub(super) fn runs_of<T>(row: &[T], on: impl Fn(&T) -> bool, start: (u32, u32), runs: &mut Vec<Run>) {
    let mut x = 0;
    while let Some(skip) = row.get(x..).and_then(|rest| rest.iter().position(&on)) {
        let first = x + skip;
        let rest = row.get(first..).unwrap_or_default();
        x = first + rest.iter().position(|v| !on(v)).unwrap_or(rest.len());
        runs.push((start.0, start.1 + first as u32, start.1 + x as u32));
    }
}

/// Puts runs, sorted by row and column, together that touch, diagonals included; leaves out what is
/// smaller than `least` pixels.
pub(super) fn connect(runs: &[Run], least: usize) -> Vec<Region> {
    let mut parent: Vec<usize> = (0..runs.len()).collect();
    let mut above = 0..0;
    let mut start = 0;
    while let Some(&(y, ..)) = runs.get(start) {
        let end = start
            + runs
                .get(start..)
                .map_or(0, |rest| rest.iter().take_while(|run| run.0 == y).count());
        let mut i = above.start;
        for j in start..end {
            let Some(&(_, x0, x1)) = runs.get(j) else { continue };
            while i < above.end && runs.get(i).is_some_and(|r| r.2 < x0) {
                i += 1;
            }
            let mut k = i;
            while k < above.end && runs.get(k).is_some_and(|r| r.1 <= x1) {
                join(&mut parent, j, k);
                k += 1;
            }
        }
        let next = runs.get(end).is_some_and(|run| run.0 == y + 1);
        above = if next { start..end } else { end..end };
        start = end;
    }
    let mut slot = vec![usize::MAX; runs.len()];
    let mut found: Vec<Region> = Vec::new();
    for (i, run) in runs.iter().enumerate() {
        let root = root_of(&mut parent, i);
        let Some(slot) = slot.get_mut(root) else { continue };
        if *slot == usize::MAX {
            *slot = found.len();
            found.push(Region::default());
        }
        if let Some(region) = found.get_mut(*slot) {
            region.add(*run);
        }
    }
    found.retain(|r| r.area >= least);
    found
}

/// Marks what a region encloses, up to `most` pixels large, and adds it to the region.
pub(super) fn fill_holes(region: &mut Region, mask: &mut [u8], w: usize, most: usize) {
    let [left, top, right, bottom] = region.bounds;
    let mut gaps: Vec<Run> = Vec::new();
    let mut x = left;
    let mut y = top;
    for &(row, a, b) in &region.runs {
        if row != y {
            gaps.extend((x < right).then_some((y, x, right)));
            (x, y) = (left, row);
        }
        gaps.extend((x < a).then_some((y, x, a)));
        x = b;
    }
    gaps.extend((x < right).then_some((y, x, right)));
    let holes = connect(&gaps, 1);
    let enclosed = holes.iter().filter(|hole| {
        let [l, t, r, b] = hole.bounds;
        l > left && t > top && r < right && b < bottom && hole.area <= most
    });
    let mut filled = false;
    for &(y, a, b) in enclosed.flat_map(|hole| &hole.runs) {
        let row = y as usize * w;
        if let Some(row) = mask.get_mut(row + a as usize..row + b as usize) {
            row.fill(1);
        }
        region.add((y, a, b));
        filled = true;
    }
    if filled {
        region.runs.sort_unstable();
    }
}

/// The largest connected region of a mask, after specks and threads one or two pixels thin are gone.
pub(super) fn largest_region(mask: &[u8], w: usize, h: usize) -> Option<Region> {
    if w < 3 || h < 3 {
        return None;
    }
    let mut eroded = vec![0u8; mask.len()];
    for y in 1..h - 1 {
        for x in 1..w - 1 {
            let i = y * w + x;
            let on = |i: usize| mask.get(i).copied().unwrap_or(0);
            let all = on(i) & on(i - 1) & on(i + 1) & on(i - w) & on(i + w);
            if let Some(out) = eroded.get_mut(i) {
                *out = all;
            }
        }
    }
    regions(&eroded, w, [0, 0, w, h], 1)
        .into_iter()
        .max_by_key(|r| r.area)
}

fn root_of(parent: &mut [usize], mut i: usize) -> usize {
    while let Some(&p) = parent.get(i) {
        if p == i {
            break;
        }
        let grand = parent.get(p).copied().unwrap_or(p);
        if let Some(slot) = parent.get_mut(i) {
            *slot = grand;
        }
        i = grand;
    }
    i
}

fn join(parent: &mut [usize], a: usize, b: usize) {
    let (a, b) = (root_of(parent, a), root_of(parent, b));
    if let Some(slot) = parent.get_mut(a.max(b)) {
        *slot = a.min(b);
    }
}
