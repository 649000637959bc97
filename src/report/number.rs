//! Numbers as people read them: a few significant digits on the screen, every digit in files.

/// The shortest decimal that reads back as the same `f64`: `0.1`, `1e-7`, `NaN`, `inf`.
pub fn shortest(x: f64) -> String {
    format!("{x:?}")
}

/// `x` with about `digits` significant digits: `0.9600`, `12.35`, `-1.2e-7`, `1 250 000`. Whole numbers below 10^15
/// are shown as such.
pub fn significant(x: f64, digits: usize) -> String {
    if x.is_nan() {
        return "-".to_string();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf" } else { "-inf" }.to_string();
    }
    if x == 0.0 {
        return "0".to_string();
    }
    if x.fract() == 0.0 && x.abs() < 1e15 {
        return grouped(x);
    }
    let digits = digits.max(1);
    // Rounded first, so that 9.9996 counts as 10.
    let rounded: f64 = format!("{:.*e}", digits - 1, x).parse().unwrap_or(x);
    let exponent = rounded.abs().log10().floor() as i32;
    if (-4..7).contains(&exponent) {
        let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
        let text = format!("{x:.decimals$}");
        if exponent >= 4 { grouped_text(&text) } else { text }
    } else {
        format!("{:.*e}", digits.min(3) - 1, x)
    }
}

/// Four significant digits.
pub fn short(x: f64) -> String {
    significant(x, 4)
}

/// Four significant digits without trailing zeros, for names of grid points: `0.9`, `1.043`.
pub fn compact(x: f64) -> String {
    let text = short(x);
    match text.split_once('e') {
        Some((mantissa, exponent)) => format!("{}e{exponent}", trimmed(mantissa)),
        None => trimmed(&text),
    }
}

/// A label of an axis: no trailing zeros.
pub fn tick(x: f64) -> String {
    if x == 0.0 {
        return "0".to_string();
    }
    let size = x.abs();
    if !(1e-4..1e6).contains(&size) {
        let text = format!("{x:.2e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", trimmed(mantissa));
    }
    let text = trimmed(&format!("{x:.6}"));
    if size >= 1e4 { grouped_text(&text) } else { text }
}

/// A duration: `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match seconds {
        s if s < 0.0095 => format!("{:.1} ms", s.max(0.0) * 1e3),
        s if s < 0.0995 => format!("{:.0} ms", s * 1e3),
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 59.5 => format!("{s:.0} s"),
        s if s < 3599.5 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A size: `812 B`, `3.4 kB`, `12 MB`.
pub fn bytes(n: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut size = n as f64;
    let mut unit = 0;
    while size >= 999.5 && unit + 1 < units.len() {
        size /= 1000.0;
        unit += 1;
    }
    if unit == 0 || size >= 9.95 {
        format!("{size:.0} {}", units[unit])
    } else {
        format!("{size:.1} {}", units[unit])
    }
}

fn trimmed(text: &str) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    } else {
        text.to_string()
    }
}

fn grouped(x: f64) -> String {
    grouped_text(&format!("{x:.0}"))
}

/// Groups of three from five digits on, with a narrow space that never breaks.
fn grouped_text(text: &str) -> String {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (whole, fraction) = match rest.split_once('.') {
        Some((whole, fraction)) => (whole, format!(".{fraction}")),
        None => (rest, String::new()),
    };
    if whole.len() < 5 {
        return text.to_string();
    }
    let mut out = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push('\u{a0}');
        }
        out.push(digit);
    }
    format!("{sign}{out}{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn significant_digits_survive_rounding_up_and_extremes() {
        for (x, text) in [
            (0.96, "0.9600"),
            (9.99996, "10.00"),
            (12.3456, "12.35"),
            (-0.000123456, "-0.0001235"),
            (1.23456e-7, "-1.23e-7"),
            (123456.7, "123\u{a0}457"),
            (1e20, "1.00e20"),
            (1_250_000.0, "1\u{a0}250\u{a0}000"),
            (3.0, "3"),
            (-0.0, "0"),
            (f64::NAN, "-"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            let x = if x == 1.23456e-7 { -x } else { x };
            assert_eq!(short(x), text, "{x:?}");
        }
    }

    #[test]
    fn shortest_reads_back() {
        for x in [0.1, 1.0 / 3.0, 1e-300, f64::MAX, 5e-324, -2.5, 1e16] {
            assert_eq!(shortest(x).parse::<f64>().unwrap(), x);
        }
        assert!(shortest(1e-300).len() < 10);
    }

    #[test]
    fn ticks_have_no_trailing_zeros() {
        for (x, text) in [
            (0.30000000000000004, "0.3"),
            (2.5, "2.5"),
            (-4.0, "-4"),
            (100.0, "100"),
            (1e-7, "1e-7"),
            (2.5e8, "2.5e8"),
            (20000.0, "20\u{a0}000"),
        ] {
            assert_eq!(tick(x), text);
        }
    }

    #[test]
    fn durations_and_sizes_round_into_the_next_unit() {
        assert_eq!(duration(0.0004), "0.4 ms");
        assert_eq!(duration(0.0123), "12 ms");
        assert_eq!(duration(0.42), "0.4 s");
        assert_eq!(duration(59.7), "1 min 00 s");
        assert_eq!(duration(185.0), "3 min 05 s");
        assert_eq!(duration(7800.0), "2 h 10 min");
        assert_eq!(bytes(812), "812 B");
        assert_eq!(bytes(3_400), "3.4 kB");
        assert_eq!(bytes(999_800), "1.0 MB");
    }
}
