//! Values of a sweep as typed, `--set NAME=LO..HI:N`, and the runs they make.

use super::source::Overrides;
use crate::diag::Diagnostic;

/// Most runs of one sweep.
const MOST_RUNS: usize = 10_000;

/// One swept name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sweep {
    /// A parameter or a setting.
    pub(super) name: String,
    /// Its values, as `--set` takes them.
    pub(super) values: Vec<String>,
}

/// The sweeps among the overrides, and for every run what is set, in the order given.
///
/// # Errors
/// E0967.
pub(super) fn runs(set: &Overrides) -> Result<(Vec<Sweep>, Vec<Overrides>), Diagnostic> {
    let mut sweeps = Vec::new();
    let mut runs: Vec<Overrides> = vec![Vec::new()];
    for (name, value) in set {
        let values = match values(name, value)? {
            Some(values) => {
                if sweeps.iter().any(|s: &Sweep| s.name == *name) {
                    return Err(wrong(name, value, "the name is swept twice"));
                }
                sweeps.push(Sweep {
                    name: name.clone(),
                    values: values.clone(),
                });
                values
            }
            None => vec![value.clone()],
        };
        if runs.len().saturating_mul(values.len()) > MOST_RUNS {
            return Err(wrong(name, value, &format!("more than {MOST_RUNS} runs together")));
        }
        runs = runs
            .iter()
            .flat_map(|before| {
                values.iter().map(|v| {
                    let mut now = before.clone();
                    now.push((name.clone(), v.clone()));
                    now
                })
            })
            .collect();
    }
    Ok((sweeps, runs))
}

/// `0.1..0.9:9` as nine values; `None` for anything that is no sweep.
fn values(name: &str, text: &str) -> Result<Option<Vec<String>>, Diagnostic> {
    let bare = !text.contains(['[', '(', '"', ',', ' ']);
    let Some((lo, rest)) = text.split_once("..").filter(|_| bare) else {
        return Ok(None);
    };
    let Some((hi, n)) = rest.split_once(':') else {
        // A range without a number is a value of some settings (seeds), and what else is meant can be said.
        return if name.rsplit('.').next() == Some("seeds") {
            Ok(None)
        } else {
            Err(wrong(name, text, "how many values?"))
        };
    };
    let end = |t: &str| -> Option<f64> {
        let plain = t.trim().replace('_', "");
        let (digits, factor) = match plain.strip_suffix('%') {
            Some(d) => (d, 0.01),
            None => (plain.as_str(), 1.0),
        };
        let x = digits.parse::<f64>().ok()? * factor;
        x.is_finite().then_some(x)
    };
    let (Some(lo), Some(hi)) = (end(lo), end(hi)) else {
        return Err(wrong(name, text, "the ends must be numbers"));
    };
    let n = match n.trim().replace('_', "").parse::<usize>() {
        Ok(n) if (2..=MOST_RUNS).contains(&n) => n,
        _ => {
            return Err(wrong(
                name,
                text,
                &format!("the number of values must be whole, 2 to {MOST_RUNS}"),
            ));
        }
    };
    if lo == hi {
        return Err(wrong(name, text, "both ends are the same"));
    }
    let last = (n - 1) as f64;
    let at = |i: usize| lo + (hi - lo) * (i as f64 / last);
    Ok(Some((0..n).map(|i| rounded(at(i)).to_string()).collect()))
}

/// Without the last digits, which are rounding error of the step: 0.3, not 0.30000000000000004.
fn rounded(x: f64) -> f64 {
    format!("{x:.13e}").parse().unwrap_or(x)
}

fn wrong(name: &str, text: &str, why: &str) -> Diagnostic {
    Diagnostic::error("E0967", format!("--set {name}={text} is no sweep"))
        .note(why.to_string())
        .hint(format!("nine values from 0.1 to 0.9: --set {name}=0.1..0.9:9"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &str)]) -> Overrides {
        pairs
            .iter()
            .map(|(a, b)| ((*a).to_string(), (*b).to_string()))
            .collect()
    }

    #[test]
    fn sweeps_multiply_with_the_last_fastest() {
        let (sweeps, runs) = runs(&set(&[("a", "0.1..0.3:3"), ("b", "7"), ("n", "1..2:2")])).unwrap();
        assert_eq!(sweeps.len(), 2);
        assert_eq!(sweeps[0].values, ["0.1", "0.2", "0.3"]);
        assert_eq!(runs.len(), 6);
        assert_eq!(runs[1], set(&[("a", "0.1"), ("b", "7"), ("n", "2")]));
        assert_eq!(runs[4], set(&[("a", "0.3"), ("b", "7"), ("n", "1")]));
    }

    #[test]
    fn values_go_from_end_to_end_in_even_steps() {
        let of = |text: &str| values("x", text).unwrap().unwrap();
        assert_eq!(of("5..1:5"), ["5", "4", "3", "2", "1"]);
        assert_eq!(of("-1..1:3"), ["-1", "0", "1"]);
        assert_eq!(of("1%..3%:3"), ["0.01", "0.02", "0.03"]);
        assert_eq!(of("1_000..2e3:2"), ["1000", "2000"]);
        assert_eq!(of("0..1:4")[1], "0.33333333333333");
    }

    #[test]
    fn what_is_no_sweep_is_left_alone_and_a_bad_one_is_refused() {
        for (name, text) in [
            ("x", "0.3"),
            ("grid.k", "log(200)"),
            ("x", "[1..2:3]"),
            ("verify.seeds", "1..5"),
        ] {
            assert_eq!(values(name, text).unwrap(), None, "{text}");
        }
        for text in [
            "0..1",
            "0..1:",
            "0..1:0",
            "0..1:1",
            "0..1:2.5",
            "0..1:-3",
            "a..b:3",
            "..1:3",
            "0..:3",
            "1..1:3",
            "0..inf:3",
            "0..1:99999999",
        ] {
            assert_eq!(values("x", text).unwrap_err().code, "E0967", "{text}");
        }
        assert_eq!(
            runs(&set(&[("x", "0..1:2"), ("x", "0..1:2")])).unwrap_err().code,
            "E0967"
        );
        assert_eq!(
            runs(&set(&[("x", "0..1:1000"), ("y", "0..1:1000")])).unwrap_err().code,
            "E0967"
        );
    }
}
