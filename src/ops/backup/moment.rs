//! A time with the clock's own hour and day, as the repository keeps it.

/// A moment, and what the calendar said where it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Nanoseconds since 1970; the order of moments.
    unix_ns: i128,
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
}

impl Moment {
    /// Of RFC 3339: `2026-12-01T12:15:02.722680318+01:00`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (date, rest) = text.split_at_checked(10)?;
        let (time, rest) = rest.strip_prefix(['T', 't', ' '])?.split_at_checked(8)?;
        let numbers = |text: &str, between: char| -> Option<[i64; 3]> {
            let mut parts = text.split(between).map(number);
            let all = [parts.next()??, parts.next()??, parts.next()??];
            parts.next().is_none().then_some(all)
        };
        let [year, month, day] = numbers(date, '-')?;
        let [hour, minute, second] = numbers(time, ':')?;
        let (fraction, zone) = match rest.strip_prefix('.') {
            Some(rest) => rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?,
            None => ("", rest),
        };
        let offset_min = match zone {
            "Z" | "z" => 0,
            zone => {
                let (hours, minutes) = zone.get(1..)?.split_once(':')?;
                let size = number(hours)? * 60 + number(minutes)?;
                match zone.get(..1)? {
                    "+" => size,
                    "-" => -size,
                    _ => return None,
                }
            }
        };
        let in_range = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60;
        if !in_range || second > 60 {
            return None;
        }
        let nanoseconds = number(format!("{fraction:0<9}").get(..9)?)?;
        let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
        Some(Self {
            unix_ns: i128::from(seconds - offset_min * 60) * 1_000_000_000 + i128::from(nanoseconds),
            year,
            month,
            day,
            hour,
        })
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn unix_s(&self) -> i64 {
        i64::try_from(self.unix_ns.div_euclid(1_000_000_000)).unwrap_or(i64::MAX)
    }

    /// Tells one hour of the calendar from every other. The hour that comes twice in autumn is one.
    pub(super) fn hour(&self) -> i64 {
        self.day() * 100 + self.hour
    }

    /// Tells days apart.
    pub(super) fn day(&self) -> i64 {
        self.month() * 100 + self.day
    }

    /// Tells months apart.
    pub(super) fn month(&self) -> i64 {
        self.year * 100 + self.month
    }

    /// Tells weeks apart, which begin on Monday.
    pub(super) fn week(&self) -> i64 {
        // 1 January 1970 was a Thursday.
        (days_since_1970(self.year, self.month, self.day) + 3).div_euclid(7)
    }
}

fn number(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Of the Gregorian calendar. Years begin in March here, so that the leap day is the last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_offset() {
        let of = |text| Moment::parse(text).unwrap();
        assert_eq!(of("1970-01-01T00:00:00Z").unix_s(), 0);
        assert_eq!(of("2000-03-01T00:00:00Z").unix_s(), 951_868_800);
        assert_eq!(of("2024-02-29T23:59:59.9+00:00").unix_s(), 1_709_251_199);
        let east = of("2026-12-01T12:15:02.722680318+02:00");
        assert_eq!(east.unix_s(), of("2026-12-01T10:15:02Z").unix_s());
        assert_eq!(east.hour(), 2_026_120_112);
        assert_eq!(of("1969-12-31T23:00:00-02:30").unix_s(), 5400);
        assert!(of("2026-12-01T12:00:00.1Z") > of("2026-12-01T12:00:00.09Z"));
        assert_ne!(
            of("2026-11-29T12:00:00Z").week(),
            of("2026-11-30T12:00:00Z").week()
        );
        assert_eq!(
            of("2026-11-30T00:00:00Z").week(),
            of("2026-12-06T23:00:00Z").week()
        );
        for text in [
            "",
            "2026",
            "2026-13-01T00:00:00Z",
            "2026-12-01T12:15:02",
            "2026-12-01T12:15:02+0200",
            "2026-12-01T12:15:xxZ",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }
}
