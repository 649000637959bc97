//! The units in which a game's conditions and gains are counted, so that no unit of money matters.

use super::game::Game;

/// First-order conditions whose ordinary size is within this factor of one are taken as they are.
const ORDINARY: f64 = 64.0;
/// Shares of the intervals at which sizes are measured.
const PLACES: [f64; 13] = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95];

impl Game {
    /// An ordinary size of each condition, and of what is paid, along the own interval and for all that may be known.
    pub(super) fn measure(&mut self) {
        let n = self.lo.len();
        let at = |k: usize, i: usize| self.lo[i] + (self.hi[i] - self.lo[i]) * PLACES[k];
        let mut slopes: Vec<Vec<f64>> = vec![Vec::new(); n];
        let mut paid: Vec<Vec<f64>> = vec![Vec::new(); n];
        for k in 0..PLACES.len() {
            let known = self.types.iter().enumerate().map(|(t, of)| {
                // Another part of what each may know at each place.
                let u = ((k * (t + 5)) as f64 / PLACES.len() as f64 + 0.04).fract();
                let state = ((u * of.carried.len() as f64) as usize).min(of.carried.len().saturating_sub(1));
                let carried = || of.carried.get(state).copied().unwrap_or(f64::NAN);
                (of.input, of.continuous.as_ref().map_or_else(carried, |d| d.quantile(u)))
            });
            self.chance.known = known.collect();
            // Of finite choices one after another, each at a pace of its own.
            let chosen = |i: usize| match &self.actions[i].values {
                Some((values, _)) => values[k * (i + 1) / (1 + i / 3) % values.len()],
                None => at(k, i),
            };
            let x: Vec<f64> = (0..n).map(chosen).collect();
            for (i, v) in self.chance.of(&self.conditions, &x).into_iter().enumerate() {
                slopes[i].push(v.abs());
                paid[i].push(self.pays(i, &x, &x).abs());
            }
        }
        self.chance.known.clear();
        for i in 0..n {
            let unit = |sizes: &mut Vec<f64>| -> f64 {
                sizes.retain(|v| v.is_finite() && *v > 0.0);
                sizes.sort_by(f64::total_cmp);
                let ordinary = sizes.get(sizes.len() / 4).copied().unwrap_or(1.0);
                match (1.0 / ORDINARY..=ORDINARY).contains(&ordinary) {
                    true => 1.0,
                    false => ordinary.log2().round().clamp(-900.0, 900.0).exp2(),
                }
            };
            self.unit[i] = 1.0 / unit(&mut slopes[i]);
            self.money[i] = unit(&mut paid[i]);
        }
    }
}
