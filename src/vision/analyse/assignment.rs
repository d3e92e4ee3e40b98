//! The cheapest one-to-one assignment.

/// For each row the column it gets so that the sum of costs is least (Kuhn 1955, in the
/// shortest-path form of Jonker & Volgenant 1987). Needs at least as many columns as rows;
/// a ragged or empty table gives an empty answer.
pub(in crate::vision) fn assign(costs: &[Vec<f64>]) -> Vec<usize> {
    let n = costs.len();
    let m = costs.first().map_or(0, Vec::len);
    if n == 0 || m < n || costs.iter().any(|r| r.len() != m) {
        return Vec::new();
    }
    let mut u = vec![0.0; n + 1];
    let mut v = vec![0.0; m + 1];
    let mut row_of = vec![0usize; m + 1];
    let mut way = vec![0usize; m + 1];
    for i in 1..=n {
        row_of[0] = i;
        let mut column = 0;
        let mut least = vec![f64::INFINITY; m + 1];
        let mut used = vec![false; m + 1];
        loop {
            used[column] = true;
            let row = row_of[column];
            let (mut delta, mut next) = (f64::INFINITY, 0);
            for j in 1..=m {
                if used[j] {
                    continue;
                }
                let cost = costs[row - 1][j - 1];
                let cost = if cost.is_finite() { cost } else { 1e6 } - u[row] - v[j];
                if cost < least[j] {
                    least[j] = cost;
                    way[j] = column;
                }
                if least[j] < delta {
                    delta = least[j];
                    next = j;
                }
            }
            for j in 0..=m {
                if used[j] {
                    u[row_of[j]] += delta;
                    v[j] -= delta;
                } else {
                    least[j] -= delta;
                }
            }
            column = next;
            if row_of[column] == 0 {
                break;
            }
        }
        while column != 0 {
            let before = way[column];
            row_of[column] = row_of[before];
            column = before;
        }
    }
    let mut answer = vec![0; n];
    for (j, row) in row_of.iter().enumerate().skip(1) {
        if *row > 0
            && let Some(slot) = answer.get_mut(row - 1)
        {
            *slot = j - 1;
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_least_not_each_choice() {
        // Row 0 prefers column 0, but giving it to row 1 is cheaper over all.
        let costs = vec![vec![1.0, 2.0, 9.0], vec![1.0, 9.0, 9.0]];
        assert_eq!(assign(&costs), vec![1, 0]);
        assert!(assign(&[]).is_empty());
        assert!(assign(&[vec![1.0], vec![1.0]]).is_empty());
    }
}
