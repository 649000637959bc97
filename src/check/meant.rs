//! What was probably meant by a value that a setting does not take.

/// The value as it should be, in words; `None` where nobody can tell.
pub(super) fn setting(key: &str, value: &str) -> Option<String> {
    let family = key.split('.').next().unwrap_or(key);
    match (family, call(value)) {
        ("grid", Some(("linspace" | "grid" | "lin" | "linear" | "even", inside))) => {
            Some(format!("write `uniform({inside})`"))
        }
        ("grid", Some(("logspace" | "geomspace" | "loglinear", inside))) => Some(format!("write `log({inside})`")),
        ("grid", Some((word @ ("log" | "uniform" | "double_log" | "exponential"), inside))) => grid(word, inside),
        ("grid", None) => list(value),
        ("chain", Some((word, inside))) => {
            let known = ["rouwenhorst", "tauchen", "farmer_toda"];
            let near = known.into_iter().min_by_key(|k| strsim::damerau_levenshtein(k, word))?;
            let close = near != word && strsim::damerau_levenshtein(near, word) <= near.len() / 3 + 1;
            close.then(|| format!("did you mean `{near}({inside})`?"))
        }
        _ => None,
    }
}

/// `word(inside)`.
fn call(value: &str) -> Option<(&str, &str)> {
    let (word, rest) = value.trim().split_once('(')?;
    Some((word.trim(), rest.strip_suffix(')')?.trim()))
}

fn numbers(text: &str) -> Option<Vec<f64>> {
    text.split(',')
        .map(|x| x.trim().replace('_', "").parse().ok())
        .collect()
}

fn shown(list: &[f64]) -> String {
    list.iter().map(f64::to_string).collect::<Vec<_>>().join(", ")
}

/// A grid by ends and number of nodes.
fn grid(word: &str, inside: &str) -> Option<String> {
    let [lo, hi, n] = numbers(inside)?.try_into().ok()?;
    if lo > hi {
        return Some(format!("the lower end comes first: `{word}({})`", shown(&[hi, lo, n])));
    }
    let from_zero = word != "uniform" && lo <= 0.0;
    from_zero.then(|| {
        format!(
            "`{word}` needs a lower end above 0; with {lo} write `uniform({})`",
            shown(&[lo, hi, n])
        )
    })
}

/// A list of nodes.
fn list(value: &str) -> Option<String> {
    let inside = value.trim().strip_prefix('[')?.strip_suffix(']')?;
    let mut all = numbers(inside)?;
    if all.len() < 2 {
        return Some("a grid has two nodes or more".to_string());
    }
    let ascends = all.windows(2).all(|w| w[0] < w[1]);
    all.sort_by(f64::total_cmp);
    all.dedup();
    (!ascends).then(|| format!("nodes ascend, each once: `[{}]`", shown(&all)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_almost_a_grid_is_said_as_one() {
        for (value, meant) in [
            ("log(20, 0.5, 100)", "log(0.5, 20, 100)"),
            ("log(-1, 20, 100)", "uniform(-1, 20, 100)"),
            ("linspace(1, 5, 3)", "uniform(1, 5, 3)"),
            ("[1, 5, 3]", "[1, 3, 5]"),
            ("[1, 3, 3, 9]", "[1, 3, 9]"),
        ] {
            assert!(setting("grid.k", value).is_some_and(|m| m.contains(meant)), "{value}");
        }
        assert!(setting("chain.z", "rouwenhurst(9)").is_some_and(|m| m.contains("rouwenhorst(9)")));
        for (key, value) in [
            ("grid.k", "log(-5)"),
            ("tolerance", "10"),
            ("chain.z", "rouwenhorst(-1)"),
        ] {
            assert_eq!(setting(key, value), None, "{value}");
        }
    }
}
