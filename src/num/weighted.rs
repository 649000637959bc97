//! Statistics of values that stand for unequal parts of a population: moments, quantiles, the Lorenz curve, the Gini coefficient.

/// Values with the mass of each, ascending.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighted {
    values: Vec<f64>,
    masses: Vec<f64>,
    /// Of all masses.
    total: f64,
    /// How much of the mass of the lowest value stands there; the rest lies above.
    atom: f64,
    /// Whether nothing lies between two values.
    whole: bool,
}

impl Weighted {
    /// From pairs `(value, mass)` in any order; equal values are joined. A value of no mass between two others says that nothing lies around it: a quantile
    /// is never taken across it.
    pub fn new(pairs: impl IntoIterator<Item = (f64, f64)>) -> Weighted {
        let mut pairs: Vec<(f64, f64)> = pairs.into_iter().filter(|p| p.1 >= 0.0).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let some = |p: &(f64, f64)| p.1 > 0.0;
        let first = pairs.iter().position(some).unwrap_or(pairs.len());
        let end = pairs.iter().rposition(some).map_or(first, |last| last + 1);
        let (mut values, mut masses): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
        for &(x, m) in &pairs[first..end] {
            match (values.last(), masses.last_mut()) {
                (Some(last), Some(mass)) if *last == x => *mass += m,
                _ => {
                    values.push(x);
                    masses.push(m);
                }
            }
        }
        let total = masses.iter().sum();
        let atom = masses.first().copied().unwrap_or(0.0);
        Weighted {
            values,
            masses,
            total,
            atom,
            whole: false,
        }
    }

    /// Values between which nothing lies, such as whole numbers: a quantile is one of them.
    pub fn of_whole_numbers(mut self) -> Weighted {
        self.whole = true;
        self
    }

    /// With no more than `mass` at the lowest value itself: what else it has lies between it and the next.
    pub fn with_atom(mut self, mass: f64) -> Weighted {
        self.atom = self.atom.min(mass);
        self
    }

    /// Pairs `(value, mass)`, ascending.
    fn pairs(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.values.iter().copied().zip(self.masses.iter().copied())
    }

    /// The mean; NaN where there is no mass.
    pub fn mean(&self) -> f64 {
        self.pairs().map(|(x, m)| x * m).sum::<f64>() / self.total
    }

    /// The standard deviation; NaN where there is no mass.
    pub fn sd(&self) -> f64 {
        let mean = self.mean();
        let sum: f64 = self.pairs().map(|(x, m)| m * (x - mean) * (x - mean)).sum();
        (sum / self.total).sqrt()
    }

    /// The `p`-quantile. At the lowest value stands an atom ([`Weighted::with_atom`]); the mass of every other lies around it, so that half of
    /// it is below, but for a side on which the next value has no mass. NaN where there is no mass.
    pub fn quantile(&self, p: f64) -> f64 {
        let Some(first) = self.values.first() else {
            return f64::NAN;
        };
        let goal = p.clamp(0.0, 1.0) * self.total;
        if self.whole {
            let mut through = 0.0;
            let reaches = |(_, m): &(f64, f64)| {
                through += m;
                through >= goal * (1.0 - 1e-12)
            };
            return self
                .pairs()
                .find(reaches)
                .map_or(self.values[self.values.len() - 1], |p| p.0);
        }
        let (mut below, mut at) = (*first, self.atom);
        if goal <= at {
            return below;
        }
        let mut through = self.masses[0];
        let last = self.values.len() - 1;
        for (i, (x, m)) in self.pairs().enumerate().skip(1) {
            let here = if i == last { self.total } else { through + 0.5 * m };
            if goal <= here {
                return match (self.masses[i - 1] > 0.0, m > 0.0) {
                    // Nothing lies between: what has mass stands at its value.
                    (true, false) => below,
                    (false, _) => x,
                    (true, true) => below + (x - below) * ((goal - at) / (here - at)).clamp(0.0, 1.0),
                };
            }
            through += m;
            (below, at) = (x, here);
        }
        below
    }

    /// The share of the sum of all values that belongs to the lowest share `p` of the population. NaN where values sum to nothing.
    pub fn lorenz(&self, p: f64) -> f64 {
        let goal = p.clamp(0.0, 1.0) * self.total;
        let (mut mass, mut sum) = (0.0, 0.0);
        for (x, m) in self.pairs() {
            let taken = m.min(goal - mass).max(0.0);
            sum += x * taken;
            mass += m;
        }
        sum / (self.mean() * self.total)
    }

    /// The Gini coefficient: twice the area between the Lorenz curve and the diagonal. Above 1 where many values are negative; NaN where
    /// the mean is not positive.
    pub fn gini(&self) -> f64 {
        let all = self.mean() * self.total;
        if !(all > 0.0) {
            return f64::NAN;
        }
        let (mut sum, mut area) = (0.0, 0.0);
        for (x, m) in self.pairs() {
            area += m * (2.0 * sum + x * m);
            sum += x * m;
        }
        1.0 - area / (self.total * all)
    }
}

#[cfg(test)]
mod tests {
    use super::Weighted;

    #[test]
    fn a_quantile_of_whole_numbers_is_one_of_them() {
        let w = Weighted::new([(1.0, 0.3), (2.0, 0.3), (3.0, 0.4)]).of_whole_numbers();
        let got: Vec<f64> = [0.0, 0.3, 0.31, 0.6, 0.61, 1.0]
            .iter()
            .map(|p| w.quantile(*p))
            .collect();
        assert_eq!(got, [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]);
    }

    #[test]
    fn what_is_uniform_has_the_numbers_of_the_textbook() {
        let n = 100_001;
        let even = Weighted::new((0..n).map(|i| (i as f64 / (n - 1) as f64, 1.0 / n as f64)));
        let close = |x: f64, y: f64| assert!((x - y).abs() < 2e-5, "{x} for {y}");
        close(even.mean(), 0.5);
        close(even.sd(), (1.0f64 / 12.0).sqrt());
        close(even.gini(), 1.0 / 3.0);
        close(even.lorenz(0.5), 0.25);
        for p in [0.01, 0.3, 0.5, 0.99] {
            close(even.quantile(p), p);
        }
    }

    #[test]
    fn no_quantile_lies_where_nobody_is() {
        let apart = Weighted::new([(0.0, 0.4), (0.5, 0.0), (1.0, 0.3), (1.2, 0.3), (1.5, 0.0), (2.0, 0.0)]);
        for (p, x) in [
            (0.0, 0.0),
            (0.4, 0.0),
            (0.41, 1.0),
            (0.55, 1.0),
            (0.7, 1.0 + 0.2 / 3.0),
            (1.0, 1.2),
        ] {
            assert!((apart.quantile(p) - x).abs() < 1e-12, "{p}: {}", apart.quantile(p));
        }
        // Without the values that nobody has, the quantiles between are taken across.
        let joined = Weighted::new([(0.0, 0.4), (1.0, 0.3), (1.2, 0.3)]);
        assert!(joined.quantile(0.41) < 0.1);
    }

    #[test]
    fn two_kinds_of_people() {
        // A third has 1, two thirds have 4: mean 3, Gini 1/3 - 1/9.
        let two = Weighted::new([(4.0, 1.0), (1.0, 0.5), (4.0, 0.0), (1.0, 0.5), (4.0, 1.0)]);
        let close = |x: f64, y: f64| assert!((x - y).abs() < 1e-14, "{x} for {y}");
        close(two.mean(), 3.0);
        close(two.sd(), 2.0f64.sqrt());
        close(two.gini(), 2.0 / 9.0);
        close(two.lorenz(1.0 / 3.0), 1.0 / 9.0);
        close(two.quantile(0.3), 1.0);
        assert_eq!(two.quantile(1.0), 4.0);
        // Nobody stands at 1 itself: that third lies between.
        let spread = two.with_atom(0.0);
        close(spread.quantile(1.0 / 3.0), 1.0 + 3.0 / 3.0);
        close(spread.mean(), 3.0);
        // Debts that outweigh what others have: no Gini coefficient.
        assert!(Weighted::new([(-2.0, 1.0), (1.0, 1.0)]).gini().is_nan());
        assert!(Weighted::new([]).quantile(0.5).is_nan());
    }
}
