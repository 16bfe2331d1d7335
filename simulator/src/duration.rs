//! Times as people write them: `20s`, `1.5ms`, `350us`, `-7ns`. Exact to the nanosecond.

use quorate_core::Nanos;

/// Names of units with their nanoseconds, the longest first.
const UNITS: [(&str, u64); 4] = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];
/// Units that are read, too.
const LARGE_UNITS: [(&str, u64); 2] = [("m", 60_000_000_000), ("h", 3_600_000_000_000)];
/// The longest time that can be written: a thousand hours.
const LONGEST: u64 = 3_600_000 * 1_000_000_000;

/// A time in the largest unit that leaves it at least 1.
pub fn write(time: Nanos) -> String {
    let (name, unit) = UNITS.into_iter().find(|(_, unit)| time >= *unit).unwrap_or(UNITS[0]);
    let (whole, rest) = (time / unit, time % unit);
    if rest == 0 {
        return format!("{whole}{name}");
    }
    let digits = unit.ilog10() as usize;
    let fraction = format!("{rest:0digits$}");
    format!("{whole}.{}{name}", fraction.trim_end_matches('0'))
}

/// A time that may be negative.
pub fn write_signed(time: i64) -> String {
    let sign = if time < 0 { "-" } else { "" };
    format!("{sign}{}", write(time.unsigned_abs()))
}

/// The time that `text` names.
///
/// # Errors
/// A sentence that says what is wrong and what may be written.
pub fn parse(text: &str) -> Result<Nanos, String> {
    let wrong = || format!("'{text}' is not a time: write 20s, 1.5ms, 350us, 40ns, 5m or 2h");
    let at = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(wrong)?;
    let (number, name) = text.split_at(at);
    let mut units = UNITS.into_iter().chain(LARGE_UNITS);
    let (_, unit) = units.find(|(known, _)| *known == name).ok_or_else(wrong)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return Err(wrong());
    }
    let fraction = fraction.trim_end_matches('0');
    let parts = 10_u64.checked_pow(fraction.len() as u32).filter(|parts| unit % parts == 0);
    let parts = parts.ok_or_else(|| format!("'{text}' is finer than a nanosecond"))?;
    let scale = unit / parts;
    let part =
        if fraction.is_empty() { 0 } else { fraction.parse::<u64>().map_err(|_| wrong())? };
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let time = whole.saturating_mul(unit).saturating_add(part * scale);
    if time > LONGEST {
        return Err(format!("'{text}' is too long: at most {}", write(LONGEST)));
    }
    Ok(time)
}

/// The time that `text` names, where it may be negative.
///
/// # Errors
/// As [`parse`].
pub fn parse_signed(text: &str) -> Result<i64, String> {
    let (sign, rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    Ok(sign * parse(rest)? as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_it_is_written() {
        let times = [
            (0, "0s"),
            (7, "7ns"),
            (1_500, "1.5us"),
            (20_000_000, "20ms"),
            (20_000_001, "20.000001ms"),
            (9_151_495_000, "9.151495s"),
            (1_000_000_001, "1.000000001s"),
            (3_600_000_000_000, "3600s"),
        ];
        for (time, text) in times {
            assert_eq!(write(time), text);
            assert_eq!(parse(text), Ok(time));
            assert_eq!(parse_signed(&write_signed(-(time as i64))), Ok(-(time as i64)));
        }
        assert_eq!(parse("1.50s"), Ok(1_500_000_000));
        assert_eq!((parse("1.5m"), parse("2h")), (Ok(90_000_000_000), Ok(7_200_000_000_000)));
    }

    #[test]
    fn what_is_no_time_is_refused_with_what_may_be_written() {
        for text in ["", "5", "s", "1.s", ".5s", "1d", "1 s", "-1s", "1.0000000001s", "9999999999s"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse("5").unwrap_err().contains("write 20s"));
    }
}
