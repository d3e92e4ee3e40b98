//! One row on disk: all metrics of one second, minute or hour in a few hundred bytes.
//!
//! ```text
//! n | n bytes: which codes are there | n bytes: which of these vary | values | check (2)
//! ```
//! A value that did not vary is `avg f32, count u16`, one that did `avg, min, max f32, count u16`.
//! Rows of single seconds have neither: each value is one `f32`, and no byte says which vary.
//! All numbers are little-endian. The check is Fletcher's (1982), of all bytes before it: a row that a
//! bad disk has changed is left out, not shown.

/// What is known of one metric over one stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stat {
    /// Smallest value.
    pub min: f64,
    /// Mean value.
    pub avg: f64,
    /// Largest value.
    pub max: f64,
    /// Samples in it.
    pub count: u32,
}

impl Stat {
    /// One value.
    #[must_use]
    pub const fn one(value: f64) -> Self {
        Self {
            min: value,
            avg: value,
            max: value,
            count: 1,
        }
    }

    /// Both together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let count = self.count.saturating_add(other.count);
        let share = f64::from(other.count) / f64::from(count.max(1));
        Self {
            min: self.min.min(other.min),
            avg: self.avg + (other.avg - self.avg) * share,
            max: self.max.max(other.max),
            count,
        }
    }
}

/// The values of a row by code; a code is a metric's lasting number in this file.
pub type Stats = Vec<Option<Stat>>;

/// Puts `other` into `stats`.
pub fn merge(stats: &mut Stats, other: &Stats) {
    if stats.len() < other.len() {
        stats.resize(other.len(), None);
    }
    for (slot, other) in stats.iter_mut().zip(other) {
        *slot = match (*slot, *other) {
            (Some(a), Some(b)) => Some(a.with(b)),
            (a, b) => a.or(b),
        };
    }
}

/// The highest code that fits.
pub const MOST_CODES: usize = 255 * 8;

/// Bytes of a row. `single`: of one second.
#[must_use]
pub fn encode(stats: &[Option<Stat>], single: bool) -> Vec<u8> {
    let stats = stats.get(..MOST_CODES).unwrap_or(stats);
    let n = stats.len().div_ceil(8);
    let mut bytes = vec![n as u8];
    let mut marks = |which: fn(&Stat) -> bool| {
        for eight in stats.chunks(8) {
            let bits = eight.iter().enumerate();
            bytes.push(bits.fold(0, |byte, (bit, stat)| {
                byte | (u8::from(stat.as_ref().is_some_and(which)) << bit)
            }));
        }
    };
    marks(|_| true);
    if !single {
        marks(varies);
    }
    for stat in stats.iter().flatten() {
        bytes.extend((stat.avg as f32).to_le_bytes());
        if !single {
            if varies(stat) {
                bytes.extend((stat.min as f32).to_le_bytes());
                bytes.extend((stat.max as f32).to_le_bytes());
            }
            bytes.extend((stat.count.min(u32::from(u16::MAX)) as u16).to_le_bytes());
        }
    }
    let check = fletcher(&bytes);
    bytes.extend(check);
    bytes
}

/// A row read back; `None` when its bytes are not what was written.
#[must_use]
pub fn decode(bytes: &[u8], single: bool) -> Option<Stats> {
    let mut reader = Reader::new(bytes, single)?;
    let mut stats = Stats::new();
    for code in 0..reader.codes() {
        stats.push(if reader.has(code) {
            Some(reader.take(code)?)
        } else {
            None
        });
    }
    reader.rest.is_empty().then_some(stats)
}

/// The value with one code out of a row; `None` when it is not there, or the row is damaged.
#[must_use]
pub fn decode_one(bytes: &[u8], single: bool, code: usize) -> Option<Stat> {
    let mut reader = Reader::new(bytes, single)?;
    if !reader.has(code) {
        return None;
    }
    let mut skip = 0;
    for before in (0..code).filter(|before| reader.has(*before)) {
        skip += match (single, reader.varies(before)) {
            (true, _) => 4,
            (false, false) => 6,
            (false, true) => 14,
        };
    }
    reader.rest = reader.rest.get(skip..)?;
    reader.take(code)
}

/// Whether smallest and largest are worth their bytes: not when both are the mean as it is stored.
fn varies(stat: &Stat) -> bool {
    stat.min as f32 != stat.avg as f32 || stat.max as f32 != stat.avg as f32
}

struct Reader<'a> {
    present: &'a [u8],
    varying: &'a [u8],
    rest: &'a [u8],
    single: bool,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], single: bool) -> Option<Self> {
        let (body, check) = bytes
            .split_last_chunk::<2>()
            .map(|(body, check)| (body, *check))?;
        if fletcher(body) != check {
            return None;
        }
        let (n, rest) = body.split_first()?;
        let (present, rest) = rest.split_at_checked(usize::from(*n))?;
        let (varying, rest) = rest.split_at_checked(if single { 0 } else { usize::from(*n) })?;
        Some(Self {
            present,
            varying,
            rest,
            single,
        })
    }

    const fn codes(&self) -> usize {
        self.present.len() * 8
    }

    fn has(&self, code: usize) -> bool {
        marked(self.present, code)
    }

    fn varies(&self, code: usize) -> bool {
        marked(self.varying, code)
    }

    fn take(&mut self, code: usize) -> Option<Stat> {
        let mut stat = Stat::one(self.number()?);
        if !self.single {
            if self.varies(code) {
                stat.min = self.number()?;
                stat.max = self.number()?;
            }
            let (count, rest) = self.rest.split_first_chunk()?;
            stat.count = u32::from(u16::from_le_bytes(*count));
            self.rest = rest;
        }
        Some(stat)
    }

    fn number(&mut self) -> Option<f64> {
        let (number, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(f64::from(f32::from_le_bytes(*number)))
    }
}

fn marked(marks: &[u8], code: usize) -> bool {
    marks
        .get(code / 8)
        .is_some_and(|byte| byte >> (code % 8) & 1 == 1)
}

fn fletcher(bytes: &[u8]) -> [u8; 2] {
    let (mut a, mut b) = (1_u32, 0_u32);
    // Summed up in stretches short enough not to overflow.
    for stretch in bytes.chunks(2048) {
        for byte in stretch {
            a += u32::from(*byte);
            b += a;
        }
        a %= 255;
        b %= 255;
    }
    [a as u8, b as u8]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(random: &mut fastrand::Rng, single: bool) -> Stats {
        let n = random.usize(0..70);
        (0..n)
            .map(|_| {
                let value = f64::from((random.f64() * 1e6) as f32);
                match random.u8(0..4) {
                    0 => None,
                    1 if !single => Some(Stat {
                        min: value - 64.0,
                        avg: value,
                        max: value + 1024.0,
                        count: u32::from(random.u16(..)),
                    }),
                    2 if !single => Some(Stat {
                        count: 60,
                        ..Stat::one(value)
                    }),
                    _ => Some(Stat::one(value)),
                }
            })
            .collect()
    }

    fn close(a: &Stats, b: &Stats) -> bool {
        let same = |a: f64, b: f64| (a - b).abs() <= 1e-6 * a.abs().max(1.0);
        (0..a.len().max(b.len())).all(
            |i| match (a.get(i).copied().flatten(), b.get(i).copied().flatten()) {
                (None, None) => true,
                (Some(a), Some(b)) => {
                    same(a.min, b.min) && same(a.avg, b.avg) && same(a.max, b.max) && a.count == b.count
                }
                _ => false,
            },
        )
    }

    #[test]
    fn rows_come_back_as_they_went_and_one_value_is_found_in_them() {
        let mut rng = fastrand::Rng::with_seed(1);
        for case in 0..2000 {
            let single = case % 2 == 0;
            let stats = random(&mut rng, single);
            let bytes = encode(&stats, single);
            let back = decode(&bytes, single).unwrap();
            assert!(close(&stats, &back), "{stats:?}\n{back:?}");
            for code in 0..80 {
                assert_eq!(
                    decode_one(&bytes, single, code),
                    back.get(code).copied().flatten(),
                    "{code}"
                );
            }
        }
    }

    #[test]
    fn damaged_rows_are_told_apart_and_never_panic() {
        let mut rng = fastrand::Rng::with_seed(2);
        let (mut damaged, mut unseen) = (0, 0);
        for case in 0..20_000 {
            let single = case % 2 == 0;
            let bytes = encode(&random(&mut rng, single), single);
            let mut broken = bytes.clone();
            for _ in 0..rng.usize(1..20) {
                let place = rng.usize(0..broken.len());
                broken[place] = rng.u8(..);
            }
            broken.truncate(rng.usize(0..=broken.len()));
            if broken != bytes {
                damaged += 1;
                unseen += i32::from(decode(&broken, single).is_some());
            }
            let _ = decode_one(&broken, single, rng.usize(0..3000));
            let noise: Vec<u8> = (0..rng.usize(0..100)).map(|_| rng.u8(..)).collect();
            let _ = decode(&noise, single);
        }
        assert!(damaged > 19_000 && unseen < 10, "{unseen} of {damaged}");
    }

    #[test]
    fn means_are_weighed_by_their_counts() {
        let mut stats = vec![Some(Stat::one(1.0)), None];
        merge(
            &mut stats,
            &vec![Some(Stat::one(4.0)), Some(Stat::one(9.0)), Some(Stat::one(2.0))],
        );
        merge(&mut stats, &vec![Some(Stat::one(4.0))]);
        let first = stats[0].unwrap();
        assert_eq!((first.min, first.max, first.count), (1.0, 4.0, 3));
        assert!((first.avg - 3.0).abs() < 1e-12);
        assert_eq!(stats[1], Some(Stat::one(9.0)));
        assert_eq!(stats[2], Some(Stat::one(2.0)));
    }
}
