//! Nobody from elsewhere may ask so often that others, or the table, notice.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::auth::who;

/// Requests a second that one address may make for long …
const STEADY_HZ: f64 = 50.0;
/// … and at once after a pause.
const AT_ONCE: f64 = 150.0;
/// Most addresses kept in mind; those that have paused long enough are as good as new.
const MOST: usize = 4096;

/// How much each address may still ask.
#[derive(Debug, Default)]
pub(super) struct Rates(Mutex<HashMap<IpAddr, Left>>);

#[derive(Clone, Copy, Debug)]
struct Left {
    requests: f64,
    at: Instant,
}

impl Left {
    fn by(self, now: Instant) -> f64 {
        let since_s = now.saturating_duration_since(self.at).as_secs_f64();
        since_s.mul_add(STEADY_HZ, self.requests).min(AT_ONCE)
    }
}

impl Rates {
    /// Counts a request; how long to wait where it is one too many, seconds.
    pub(super) fn count(&self, from: IpAddr, now: Instant) -> Result<(), u32> {
        let from = who(from);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST && !known.contains_key(&from) {
            known.retain(|_, left| left.by(now) < AT_ONCE);
            if known.len() >= MOST {
                return Err(1);
            }
        }
        let left = known.entry(from).or_insert(Left {
            requests: AT_ONCE,
            at: now,
        });
        let requests = left.by(now);
        *left = Left { requests, at: now };
        if requests < 1.0 {
            return Err(1);
        }
        left.requests -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn one_address_may_ask_so_often_and_others_are_not_held_up() {
        let (rates, start) = (Rates::default(), Instant::now());
        let [one, other] = [[10, 0, 0, 1], [10, 0, 0, 2]].map(IpAddr::from);
        let at = |s: f64| start + Duration::from_secs_f64(s);
        let let_in = |from, s: f64| (0..500).filter(|_| rates.count(from, at(s)).is_ok()).count();
        assert_eq!((let_in(one, 0.0), let_in(other, 0.0)), (150, 150));
        assert_eq!((let_in(one, 1.0), let_in(one, 1.5)), (50, 25));
        assert_eq!(let_in(one, 100.0), 150);
    }

    #[test]
    fn a_thousand_addresses_take_no_end_of_memory() {
        let (rates, start) = (Rates::default(), Instant::now());
        let address = |n: u32| IpAddr::from((0x0a00_0000 + n).to_be_bytes());
        for n in 0..3 * MOST as u32 {
            let _ = rates.count(address(n), start);
        }
        assert!(rates.0.lock().unwrap().len() <= MOST);
        // Those who have paused make room.
        assert_eq!(
            rates.count(address(9_999_999), start + Duration::from_secs(5)),
            Ok(())
        );
    }
}
