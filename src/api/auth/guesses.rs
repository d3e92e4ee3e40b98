//! Whoever shows wrong tokens has to wait, longer each time, also after the program was started anew.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::config::write_privately;

/// So many wrong tokens are a mistake.
const FREE: u32 = 5;
/// Longest wait, seconds.
const LONGEST_S: u64 = 300;
/// Who has shown no wrong token for so long has shown none, seconds.
const FORGOTTEN_S: u64 = 3600;
/// Most addresses remembered; the one that waits least gives way.
const MOST: usize = 1024;
const FILE: &str = "wrong_tokens.ron";

/// Wrong tokens by where they came from.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    by_address: BTreeMap<IpAddr, Guess>,
    changed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Guess {
    count: u32,
    last_unix_s: u64,
}

impl Guess {
    fn waits_until(self) -> u64 {
        let beyond = self.count.saturating_sub(FREE);
        let wait = match beyond {
            0 => 0,
            n => 1_u64.checked_shl(n - 1).unwrap_or(LONGEST_S).min(LONGEST_S),
        };
        self.last_unix_s.saturating_add(wait)
    }

    fn is_forgotten(self, now_unix_s: u64) -> bool {
        // A clock that was put back must not keep anybody out for ever.
        self.last_unix_s.abs_diff(now_unix_s) > FORGOTTEN_S
    }
}

impl Guesses {
    /// What was remembered; what can't be read is nothing.
    pub(super) fn read(folder: &Path) -> Self {
        let text = std::fs::read_to_string(folder.join(FILE)).unwrap_or_default();
        let by_address = ron::from_str(&text).unwrap_or_default();
        Self {
            by_address,
            changed: false,
        }
    }

    /// How long somebody at this address has still to wait, seconds.
    pub(super) fn waits_s(&self, from: IpAddr, now_unix_s: u64) -> Option<u64> {
        let guess = self.by_address.get(&who(from))?;
        let wait = guess.waits_until().saturating_sub(now_unix_s).min(LONGEST_S);
        (wait > 0 && !guess.is_forgotten(now_unix_s)).then_some(wait)
    }

    /// A wrong token was shown.
    pub(super) fn wrong(&mut self, from: IpAddr, now_unix_s: u64) {
        self.by_address.retain(|_, guess| !guess.is_forgotten(now_unix_s));
        let who = who(from);
        if self.by_address.len() >= MOST && !self.by_address.contains_key(&who) {
            let least = self
                .by_address
                .iter()
                .min_by_key(|(_, guess)| guess.waits_until());
            if let Some(least) = least.map(|(address, _)| *address) {
                self.by_address.remove(&least);
            }
        }
        let guess = self.by_address.entry(who).or_insert(Guess {
            count: 0,
            last_unix_s: now_unix_s,
        });
        guess.count = guess.count.saturating_add(1);
        guess.last_unix_s = now_unix_s;
        self.changed = true;
    }

    /// What is to be kept, if that has changed since it was taken last.
    pub(super) fn take_news(&mut self) -> Option<String> {
        std::mem::take(&mut self.changed).then(|| ron::to_string(&self.by_address).unwrap_or_default())
    }
}

/// Keeps what [`Guesses::take_news`] gave.
pub(super) fn keep(folder: &Path, text: &str) -> std::io::Result<()> {
    write_privately(&folder.join(FILE), text.as_bytes())
}

/// Whom an address stands for: one house has a whole network of version 6.
pub(in crate::api) fn who(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(v6) => IpAddr::from((v6.to_bits() >> 64 << 64).to_be_bytes()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_guesses_waits_longer_each_time_also_after_a_restart() {
        let folder = std::env::temp_dir().join(format!("billiards-guesses-{}", std::process::id()));
        let (mut guesses, now) = (Guesses::default(), 1_000_000);
        let [bad, good] = [[10, 0, 0, 66], [10, 0, 0, 7]].map(IpAddr::from);
        let mut waits = Vec::new();
        for _ in 0..16 {
            guesses.wrong(bad, now);
            waits.push(guesses.waits_s(bad, now).unwrap_or(0));
        }
        assert_eq!(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(guesses.waits_s(good, now), None);

        keep(&folder, &guesses.take_news().unwrap()).unwrap();
        assert_eq!(guesses.take_news(), None);
        let again = Guesses::read(&folder);
        assert_eq!(again.waits_s(bad, now + 100), Some(200));
        assert_eq!(again.waits_s(bad, now + 300), None);
        assert_eq!(
            again.waits_s(bad, now - 2 * FORGOTTEN_S),
            None,
            "a clock put back"
        );
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_network_of_guessers_is_one_and_they_take_no_end_of_memory() {
        let (mut guesses, now) = (Guesses::default(), 1_000_000);
        let six = |host: u128| IpAddr::from(((0x2001_0db8_0000_0007_u128 << 64) | host).to_be_bytes());
        for host in 0..=u128::from(FREE) {
            guesses.wrong(six(host), now);
        }
        assert_eq!(guesses.waits_s(six(99), now), Some(1));
        for n in 0..3 * MOST as u32 {
            guesses.wrong(IpAddr::from((0x0a00_0000 + n).to_be_bytes()), now);
        }
        assert_eq!(guesses.by_address.len(), MOST);
        assert_eq!(
            guesses.waits_s(six(99), now),
            Some(1),
            "who waits is not forgotten for others"
        );
    }
}
