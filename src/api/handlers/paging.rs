//! Long lists, page by page.

use std::ops::RangeInclusive;

use crate::api::problem::Problem;

/// Which part of a list somebody wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    limit: usize,
    before: Option<u64>,
}

impl Wanted {
    /// At most `limit`, else `usual` entries, of those that came before the one with this number.
    ///
    /// # Errors
    /// A limit that is not allowed.
    pub(super) fn new(
        limit: Option<usize>,
        before: Option<u64>,
        usual: usize,
        allowed: RangeInclusive<usize>,
    ) -> Result<Self, Problem> {
        let limit = limit.unwrap_or(usual);
        if allowed.contains(&limit) {
            return Ok(Self { limit, before });
        }
        let words = format!("must be {} to {}", allowed.start(), allowed.end());
        Err(Problem::invalid("limit", words))
    }

    /// The page of a list whose numbers count up, and where to go on: the `before` of the next page, if there is one. Both the
    /// list and the page have the newest first.
    pub(super) fn of<T>(
        self,
        newest_first: impl Iterator<Item = T>,
        number: impl Fn(&T) -> u64,
    ) -> (Vec<T>, Option<u64>) {
        let mut wanted = newest_first.filter(|entry| self.before.is_none_or(|before| number(entry) < before));
        let page: Vec<T> = wanted.by_ref().take(self.limit).collect();
        let more = wanted.next().is_some();
        let next = page.last().map(number).filter(|_| more);
        (page, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_lead_through_the_whole_list_once() {
        let list: Vec<u64> = (0..23).filter(|n| n % 3 != 0).rev().collect();
        for limit in 1..=list.len() + 1 {
            let (mut seen, mut before) = (Vec::new(), None);
            loop {
                let wanted = Wanted::new(Some(limit), before, 5, 1..=50).unwrap();
                let (page, next) = wanted.of(list.iter().copied(), |n| *n);
                assert!(page.len() <= limit && !page.is_empty());
                seen.extend(page);
                before = next;
                if before.is_none() {
                    break;
                }
            }
            assert_eq!(seen, list, "{limit}");
        }
    }

    #[test]
    fn a_limit_that_is_not_allowed_is_named() {
        assert!(Wanted::new(Some(0), None, 5, 1..=50).is_err());
        assert!(Wanted::new(Some(51), None, 5, 1..=50).is_err());
    }
}
