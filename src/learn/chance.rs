//! What chance does to a run of rows alike, taken out of what a critic learns from.
//!
//! A run holds the same moment of neighbouring worlds with common random numbers. What their errors have in common, and what differs with
//! the states that they are in, is what chance did; only the rest can come from what was done.

/// Share of what slots with common random numbers have in common that goes into the targets of the values.
pub(crate) const COMMON_KEPT: f32 = 0.2;

/// Goals (`n`) without most of the error that a run of rows with common random numbers has in common: that is what chance did, and
/// says nothing about what their actions did. The share `COMMON_KEPT` still teaches the level. (Generalised least
/// squares with errors that are correlated within groups.) `value` has what is predicted (`n`); `out` gets `n` numbers.
pub fn remove_common(value: &[f32], goal: &[f32], run: usize, out: &mut Vec<f32>) {
    out.clear();
    out.extend_from_slice(goal);
    if run < 4 {
        return;
    }
    for (goal, value) in out.chunks_mut(run).zip(value.chunks(run)) {
        let error: f64 = goal.iter().zip(value).map(|(g, v)| f64::from(g - v)).sum();
        let common = (error / goal.len() as f64) as f32;
        goal.iter_mut().for_each(|g| *g -= (1.0 - COMMON_KEPT) * common);
    }
}

/// Takes out of several kinds of errors of a run of rows (each `n`) their mean and what powers of the observed columns explain, up to the power
/// `powers` (at most a quarter as many terms as rows). Shocks work differently at different states, and to this order that is all they do.
/// `observation` is `n x width`.
pub fn remove_explained(kinds: &mut [&mut [f32]], observation: &[f32], width: usize, powers: u32) {
    let n = kinds.first().map_or(0, |errors| errors.len());
    let mut rest: Vec<Vec<f64>> = kinds
        .iter()
        .map(|e| e.iter().map(|x| f64::from(*x)).collect())
        .collect();
    rest.iter_mut().for_each(|r| centre(r));
    let columns: Vec<Vec<f64>> = (0..width)
        .map(|column| {
            let mut v: Vec<f64> = observation
                .iter()
                .skip(column)
                .step_by(width)
                .map(|x| f64::from(*x))
                .collect();
            centre(&mut v);
            v
        })
        .collect();
    let mut basis: Vec<Vec<f64>> = Vec::new();
    for power in 1..=powers {
        for column in &columns {
            if basis.len() >= n / 4 {
                break;
            }
            let mut v = column.clone();
            if power > 1 {
                let square = along(column, column) / n as f64;
                if square < 1e-12 {
                    continue;
                }
                let factor = 1.0 / square.sqrt();
                v.iter_mut().for_each(|x| *x *= factor);
                for _ in 1..power {
                    v.iter_mut().zip(column).for_each(|(x, c)| *x *= c * factor);
                }
                centre(&mut v);
            }
            for b in &basis {
                subtract(&mut v, b);
            }
            let norm = along(&v, &v).sqrt();
            if norm < 1e-3 {
                continue;
            }
            v.iter_mut().for_each(|x| *x /= norm);
            rest.iter_mut().for_each(|r| subtract(r, &v));
            basis.push(v);
        }
    }
    for (errors, rest) in kinds.iter_mut().zip(&rest) {
        errors.iter_mut().zip(rest).for_each(|(e, r)| *e = *r as f32);
    }
}

/// Takes the mean out.
fn centre(x: &mut [f64]) {
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    x.iter_mut().for_each(|x| *x -= mean);
}

fn along(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

/// Takes out of `x` what lies along `y`, whose length is 1.
fn subtract(x: &mut [f64], y: &[f64]) {
    let share = along(x, y);
    x.iter_mut().zip(y).for_each(|(x, y)| *x -= share * y);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_that_follow_the_observed_are_taken_out() {
        // Two columns, one constant; errors 3 + 2 x and something that is orthogonal to both.
        let seen: Vec<f32> = (0..8).flat_map(|i| [i as f32, 1.0]).collect();
        let own = [1.0f32, -1.0, -1.0, 1.0, 1.0, -1.0, -1.0, 1.0];
        let mut errors: Vec<f32> = (0..8).map(|i| 3.0 + 2.0 * i as f32 + own[i]).collect();
        remove_explained(&mut [&mut errors], &seen, 2, 1);
        assert!(errors.iter().zip(own).all(|(e, o)| (e - o).abs() < 1e-5), "{errors:?}");
    }

    #[test]
    fn as_many_powers_are_taken_out_as_are_asked_for() {
        let x: Vec<f32> = (0..16).map(|i| i as f32 / 8.0 - 1.0).collect();
        for (powers, left) in [(1, true), (2, true), (3, false), (5, false)] {
            let mut errors: Vec<f32> = x.iter().map(|x| 1.0 + x - 2.0 * x * x + 3.0 * x * x * x).collect();
            remove_explained(&mut [&mut errors], &x, 1, powers);
            let largest = errors.iter().fold(0.0f32, |m, e| m.max(e.abs()));
            assert_eq!(largest > 0.05, left, "{powers}: {errors:?}");
            assert!(left || largest < 1e-5, "{powers}: {errors:?}");
        }
        // Never more than a quarter of the rows.
        let mut errors: Vec<f32> = x[..4].iter().map(|x| x * x).collect();
        remove_explained(&mut [&mut errors], &x[..4], 1, 3);
        assert!(errors.iter().any(|e| e.abs() > 1e-3), "{errors:?}");
    }

    #[test]
    fn goals_lose_what_a_run_has_in_common() {
        let mut out = Vec::new();
        remove_common(&[0.0; 8], &[5.0, 7.0, 5.0, 7.0, 1.0, 1.0, 1.0, 1.0], 4, &mut out);
        let expected = [0.2, 2.2, 0.2, 2.2, 0.2, 0.2, 0.2, 0.2];
        assert!(out.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{out:?}");
        remove_common(&[0.0; 2], &[5.0, 7.0], 1, &mut out);
        assert_eq!(out, [5.0, 7.0]);
    }
}
