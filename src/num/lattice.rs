//! Points spread evenly over several dimensions: a lattice of rank one for any power of two of points up to 2^20 (Cools, Kuo and Nuyens 2006,
//! "Constructing embedded lattice rules for multivariate integration").

/// Steps of the dimensions; the same for every number of points.
const STEPS: [u64; 10] = [
    1, 182_667, 469_891, 498_753, 110_745, 446_247, 250_185, 118_627, 245_333, 283_199,
];

/// Dimension `d` of point `k` of `n` (a power of two), shifted, in [0, 1). `None` beyond the dimensions that have a step.
pub fn point(d: usize, k: usize, n: usize, shift: f64) -> Option<f64> {
    let step = STEPS.get(d)?;
    let at = (step % n as u64) * k as u64 % n as u64;
    Some((at as f64 / n as f64 + shift).fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shares of points in boxes are their volumes, far closer than those of independent draws.
    #[test]
    fn points_are_spread_evenly() {
        let n = 16_384;
        for (dimensions, within) in [(1, 1e-4), (2, 6e-4), (4, 3e-3)] {
            for side in [0.3, 0.55, 0.8] {
                let inside = |k: &usize| (0..dimensions).all(|d| point(d, *k, n, 0.123).is_some_and(|u| u < side));
                let share = (0..n).filter(inside).count() as f64 / n as f64;
                let off = (share - f64::powi(side, dimensions as i32)).abs();
                assert!(off < within, "{dimensions} {side}: {off}");
            }
        }
        assert!(point(10, 0, n, 0.0).is_none());
    }
}
