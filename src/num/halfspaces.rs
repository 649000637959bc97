//! The point of an intersection of half-spaces that is nearest to the origin.
//!
//! Hildreth's method (1957, "A quadratic programming procedure", Naval Research Logistics Quarterly 4): the multipliers of the half-spaces are raised or lowered
//! one after the other, each to where its own condition holds with equality or the multiplier is zero. Where the intersection is empty there is no such
//! point, and what is returned means nothing.

/// Most passes over all multipliers.
const PASSES: usize = 400;

/// The shortest `x` (one number per dimension) with `normals[i] . x >= least[i]` for every `i`; `normals` has one row per half-space, of the length of `x`.
/// Each condition holds within rounding where the passes suffice, which those of more than a few nearly parallel half-spaces may not.
pub fn nearest(normals: &[Vec<f64>], least: &[f64]) -> Vec<f64> {
    let d = normals.first().map_or(0, Vec::len);
    let mut x = vec![0.0; d];
    let mut multipliers = vec![0.0; normals.len()];
    let sizes: Vec<f64> = normals.iter().map(|n| n.iter().map(|v| v * v).sum()).collect();
    for _ in 0..PASSES {
        let mut moved = false;
        for (i, normal) in normals.iter().enumerate() {
            if !(sizes[i] > 0.0) {
                continue;
            }
            let short = least[i] - normal.iter().zip(&x).map(|(n, x)| n * x).sum::<f64>();
            let to = f64::max(0.0, multipliers[i] + short / sizes[i]);
            let step = to - multipliers[i];
            if step.abs() > f64::EPSILON * to.abs() {
                moved = true;
                multipliers[i] = to;
                x.iter_mut().zip(normal).for_each(|(x, n)| *x += step * n);
            }
        }
        if !moved {
            break;
        }
    }
    x
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_point_lies_on_what_holds_it_back() {
        assert_eq!(nearest(&[vec![1.0, 0.0]], &[-3.0]), [0.0, 0.0]);
        assert_eq!(nearest(&[vec![1.0, 0.0], vec![0.0, 2.0]], &[3.0, -1.0]), [3.0, 0.0]);
        // x + y >= 2 and 2 x + y <= 2.5: first the nearest point of the line, then the corner.
        let at = nearest(&[vec![1.0, 1.0], vec![-2.0, -1.0]], &[2.0, -2.5]);
        assert!((at[0] - 0.5).abs() < 1e-9 && (at[1] - 1.5).abs() < 1e-9, "{at:?}");
        // A band between two half-spaces that face one another.
        let at = nearest(&[vec![1.0, 2.0], vec![-1.0, -2.0]], &[5.0, -5.001]);
        assert!((at[0] - 1.0).abs() < 1e-12 && (at[1] - 2.0).abs() < 1e-12, "{at:?}");
    }
}
