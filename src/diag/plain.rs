//! Numbers in sentences: with decimals as long as they are of a size that is read so, else as powers of ten.

use std::borrow::Borrow;
use std::fmt;

/// From this size on a number has more digits than are read.
const LONG: f64 = 1e12;

/// A number that is shown with the decimals of its place in a text (`{:.6}`), or as `1.234567e299`.
#[derive(Clone, Copy, Debug)]
pub struct Plain(f64);

/// `x` for a sentence.
pub fn plain(x: impl Borrow<f64>) -> Plain {
    Plain(*x.borrow())
}

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(6);
        match self.0.abs() >= LONG && self.0.is_finite() {
            true => write!(f, "{:.decimals$e}", self.0),
            false => write!(f, "{:.decimals$}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn large_numbers_are_powers_of_ten() {
        assert_eq!(
            format!("{:.3} {:.2}", plain(1234.5), plain(-1e299)),
            "1234.500 -1.00e299"
        );
        assert_eq!(format!("{:.1} {:.1}", plain(f64::INFINITY), plain(f64::NAN)), "inf NaN");
    }
}
