//! First weights: orthogonal matrices (Saxe, McClelland and Ganguli 2014), zero biases.

use crate::num::random::Stream;
use rand::RngExt;

/// A standard normal number by Box and Muller (1958).
fn standard_normal(rng: &mut Stream) -> f64 {
    let u: f64 = 1.0 - rng.random::<f64>();
    let v: f64 = rng.random();
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// A `rows` by `columns` row-major matrix with orthonormal rows or columns (whichever are fewer) times `gain`: the
/// orthogonal factor of a normal matrix, with the sign that makes the triangular factor's diagonal positive.
pub fn orthogonal(rows: usize, columns: usize, gain: f64, rng: &mut Stream) -> Vec<f32> {
    let (count, length) = (rows.min(columns), rows.max(columns));
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(count);
    while basis.len() < count {
        let mut v: Vec<f64> = (0..length).map(|_| standard_normal(rng)).collect();
        // Gram and Schmidt, twice: once is not orthogonal to rounding.
        for _ in 0..2 {
            for b in &basis {
                let dot: f64 = v.iter().zip(b).map(|(x, y)| x * y).sum();
                v.iter_mut().zip(b).for_each(|(x, y)| *x -= dot * y);
            }
        }
        let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        if norm > 1e-6 {
            v.iter_mut().for_each(|x| *x /= norm);
            basis.push(v);
        }
    }
    let mut out = vec![0.0f32; rows * columns];
    for i in 0..rows {
        for j in 0..columns {
            let q = if rows <= columns { basis[i][j] } else { basis[j][i] };
            out[i * columns + j] = (gain * q) as f32;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shorter_side_is_orthonormal_times_the_gain() {
        let mut rng = Stream::new(1, 1);
        for (r, c) in [(4, 64), (64, 64), (64, 2), (1, 1)] {
            let w = orthogonal(r, c, 1.5, &mut rng);
            let n = r.min(c);
            let at = |k: usize, l: usize| if r <= c { w[k * c + l] } else { w[l * c + k] } as f64;
            for a in 0..n {
                for b in 0..n {
                    let dot: f64 = (0..r.max(c)).map(|l| at(a, l) * at(b, l)).sum();
                    let expected = if a == b { 2.25 } else { 0.0 };
                    assert!((dot - expected).abs() < 1e-5);
                }
            }
        }
    }
}
