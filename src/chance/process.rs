//! Laws of shocks over time: first values and next values, chain by chain, conditional on others where the model says so; the
//! finite chains that stand for them.

use super::chain::{self, ChainError, Discretised, link, nearest};
use super::law::{Distribution, Family};
use crate::num::{normal, random::Key};
use serde::{Deserialize, Serialize};

/// First value of a shock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum StartShock {
    /// The number of a chain's state, from 0.
    Link(usize),
    /// A number.
    Value(f64),
}

/// Law of a shock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Process {
    /// A finite Markov chain. `matrices[c]` is the transition matrix `[from][to]` for combination `c` of the states of
    /// the conditioning chains (see `given`); there is one matrix if nothing conditions it. A chain may have labels
    /// only: its `values` are then 0, 1, ..
    Chain {
        /// The value of each state.
        #[serde(with = "crate::graph::store::numbers")]
        values: Vec<f64>,
        /// One label per state; empty for chains without labels.
        labels: Vec<String>,
        /// Row-stochastic matrices, `[combination][from][to]`.
        matrices: Vec<Vec<Vec<f64>>>,
        /// Conditioning shocks: (shock number, whether its state of the next period counts), the last fastest in
        /// `matrices`.
        given: Vec<(usize, bool)>,
    },
    /// `x' = mean (1 - rho) + rho x + sigma e`, `e` standard normal; `sd` was asked for if `asked_sd`.
    Ar1 {
        /// Persistence.
        rho: f64,
        /// Standard deviation of the innovation.
        sigma: f64,
        /// Unconditional mean.
        mean: f64,
    },
    /// `x' = x + sigma e`.
    RandomWalk {
        /// Standard deviation of the innovation.
        sigma: f64,
    },
    /// Independent over time, known when acting: value is a quantile function of a uniform draw.
    Iid(Distribution),
    /// A vector process of `n` elements over one index axis: `x' = a x + s e`, `e` independent standard normal.
    Var1 {
        /// Persistence, `n` by `n`, `a[to][from]`.
        a: Vec<Vec<f64>>,
        /// Loading of the innovations, `n` by `n`, `s[to][innovation]`.
        s: Vec<Vec<f64>>,
    },
}

/// How an autoregression becomes a chain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Discretisation {
    /// [`chain::rouwenhorst`].
    Rouwenhorst,
    /// [`chain::tauchen`] over so many standard deviations to each side.
    Tauchen(f64),
    /// [`chain::farmer_toda`].
    FarmerToda,
}

impl Process {
    /// The unconditional mean; 0 where there is none.
    pub fn mean(&self) -> f64 {
        match self {
            Process::Chain { values, matrices, .. } => {
                let p = chain::stationary(&matrices[0]);
                values.iter().zip(&p).map(|(v, w)| v * w).sum()
            }
            Process::Ar1 { mean, .. } => *mean,
            Process::RandomWalk { .. } | Process::Var1 { .. } => 0.0,
            Process::Iid(d) => d.mean(),
        }
    }

    /// What the input of a shock carries at "quantile" `u` of where it is likely: the number of a chain's state, or a
    /// value within three standard deviations.
    pub fn spread(&self, u: f64) -> f64 {
        match self {
            Process::Chain { values, .. } => (u * values.len() as f64).floor().min(values.len() as f64 - 1.0),
            Process::Ar1 { rho, sigma, mean } => mean + (u * 6.0 - 3.0) * sigma / (1.0 - rho * rho).sqrt(),
            Process::RandomWalk { sigma } => (u * 6.0 - 3.0) * sigma,
            Process::Iid(d) => d.quantile(u.clamp(0.001, 0.999)),
            Process::Var1 { .. } => u * 6.0 - 3.0,
        }
    }

    /// The law of one value of a continuous process, whatever came before it; `None` where there is none (a random walk), for chains and for
    /// vectors.
    pub fn unconditional(&self) -> Option<Distribution> {
        match self {
            Process::Iid(d) => (!d.family.is_finite()).then(|| d.clone()),
            Process::Ar1 { rho, sigma, mean } => (rho.abs() < 1.0).then(|| Distribution {
                family: Family::Normal,
                args: vec![*mean, chain::unconditional_sd(*rho, *sigma)],
                table: Vec::new(),
            }),
            Process::Chain { .. } | Process::RandomWalk { .. } | Process::Var1 { .. } => None,
        }
    }

    /// Whether the process takes values between the states of a chain that stands for it.
    pub fn is_continuous(&self) -> bool {
        match self {
            Process::Chain { .. } => false,
            Process::Iid(d) => !d.family.is_finite(),
            Process::Ar1 { .. } | Process::RandomWalk { .. } | Process::Var1 { .. } => true,
        }
    }

    /// The chain of `n` states that stands for an autoregressive process; `None` for other processes.
    ///
    /// # Errors
    /// Those of [`chain::rouwenhorst`], [`chain::tauchen`] and [`chain::farmer_toda`].
    pub fn discretised(&self, n: usize, way: Discretisation) -> Option<Result<Discretised, ChainError>> {
        let Process::Ar1 { rho, sigma, mean } = self else {
            return None;
        };
        let sd = chain::unconditional_sd(*rho, *sigma);
        Some(match way {
            Discretisation::Rouwenhorst => chain::rouwenhorst(n, *rho, sd, *mean),
            Discretisation::Tauchen(width) => chain::tauchen(n, *rho, sd, *mean, width),
            Discretisation::FarmerToda => chain::farmer_toda(n, *rho, sd, *mean),
        })
    }
}

/// An order in which shocks can be drawn: one number per process, each after those that condition it.
pub fn order(processes: &[&Process]) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::new();
    while order.len() < processes.len() {
        let before = order.len();
        for (i, process) in processes.iter().enumerate() {
            let ready = match process {
                Process::Chain { given, .. } => given.iter().all(|(g, _)| order.contains(g) || *g == i),
                Process::Ar1 { .. } | Process::RandomWalk { .. } | Process::Iid(_) | Process::Var1 { .. } => true,
            };
            if ready && !order.contains(&i) {
                order.push(i);
            }
        }
        if order.len() == before {
            // A circle of conditions: draw the rest in order of declaration.
            order.extend((0..processes.len()).filter(|i| !order.contains(i)).collect::<Vec<_>>());
        }
    }
    order
}

/// How a shock is simulated: as declared, or on the chain that a solver used in its place.
#[derive(Clone, Debug)]
pub struct Law {
    /// The law.
    pub process: Process,
    /// One value per state when a chain stands for a continuous process (its input then carries the value).
    pub stands_for: Option<Vec<f64>>,
    /// Stationary distributions of the matrices, `[combination][state]`, for first values.
    stationary: Vec<Vec<f64>>,
    /// For vector processes: `L` with `L L'` their stationary covariance; empty if there is none.
    root: Vec<Vec<f64>>,
}

impl Law {
    /// The law as declared.
    pub fn declared(process: &Process) -> Law {
        let stationary = match process {
            Process::Chain { matrices, .. } => matrices.iter().map(|m| chain::stationary(m)).collect(),
            Process::Ar1 { .. } | Process::RandomWalk { .. } | Process::Iid(_) | Process::Var1 { .. } => Vec::new(),
        };
        let root = match process {
            Process::Var1 { a, s } => stationary_root(a, s).unwrap_or_default(),
            _ => Vec::new(),
        };
        Law {
            process: process.clone(),
            stands_for: None,
            stationary,
            root,
        }
    }

    /// A chain in the place of a continuous process: one value per state, and the matrix `matrix[from][to]`.
    pub fn discretised(values: &[f64], matrix: &[Vec<f64>]) -> Law {
        let process = Process::Chain {
            values: values.to_vec(),
            labels: Vec::new(),
            matrices: vec![matrix.to_vec()],
            given: Vec::new(),
        };
        Law {
            stands_for: Some(values.to_vec()),
            ..Law::declared(&process)
        }
    }

    /// First values (one per element) of a vector process from independent standard normal draws `e` (one per element);
    /// `None` for other processes. A vector without a stationary law starts at zero.
    pub fn first_vector(&self, e: &[f64]) -> Option<Vec<f64>> {
        let Process::Var1 { .. } = self.process else {
            return None;
        };
        if self.root.is_empty() {
            return Some(vec![0.0; e.len()]);
        }
        Some(
            self.root
                .iter()
                .map(|row| row.iter().zip(e).map(|(l, e)| l * e).sum())
                .collect(),
        )
    }

    /// What the graph's input carries for a stored value (for a chain the number of its state).
    pub fn carried(&self, stored: f64) -> f64 {
        match &self.stands_for {
            Some(values) => values[(stored as usize).min(values.len() - 1)],
            None => stored,
        }
    }
}

/// What conditions one shock: for each conditioning chain its stored states, and which of its elements each element of
/// the shock sees.
pub struct Conditions<'a> {
    /// For each condition: the numbers of the conditioning chain's states, now or next (`element x world`, row-major);
    /// for each element of the conditioned shock the element of the conditioning one; and how many states the
    /// conditioning chain has.
    pub on: Vec<(&'a [f64], &'a [usize], usize)>,
}

impl Conditions<'_> {
    fn matrix(&self, e: usize, w: usize, worlds: usize) -> usize {
        self.on
            .iter()
            .fold(0, |m, (links, map, n)| m * n + links[map[e] * worlds + w] as usize)
    }
}

/// First value of element `e` in world `w` of `worlds`; `u` is uniform in (0, 1). For a chain it is the number of its
/// state.
pub fn first(
    law: &Law,
    start: Option<&StartShock>,
    conditions: &Conditions,
    e: usize,
    w: usize,
    worlds: usize,
    u: f64,
) -> f64 {
    match (&law.process, start) {
        (Process::Chain { .. }, Some(StartShock::Link(i))) => *i as f64,
        (Process::Chain { values, .. }, Some(StartShock::Value(x))) => nearest(values, *x) as f64,
        (_, Some(StartShock::Value(x))) => *x,
        (_, Some(StartShock::Link(i))) => *i as f64,
        (Process::Chain { .. }, None) => link(&law.stationary[conditions.matrix(e, w, worlds)], u),
        (Process::Ar1 { rho, sigma, mean }, None) => mean + sigma / (1.0 - rho * rho).sqrt() * normal::quantile(u),
        (Process::RandomWalk { .. } | Process::Var1 { .. }, None) => 0.0,
        (Process::Iid(d), None) => d.quantile(u),
    }
}

/// Next value of element `e` in world `w` of `worlds`, which stands at `now`; `u` is uniform in (0, 1). For a chain
/// both are numbers of its states.
pub fn next(law: &Law, now: f64, conditions: &Conditions, e: usize, w: usize, worlds: usize, u: f64) -> f64 {
    match &law.process {
        Process::Chain { matrices, .. } => {
            let m = &matrices[conditions.matrix(e, w, worlds)];
            link(
                &m[fault!("simulation.first_row", 0, (now as usize).min(m.len() - 1))],
                u,
            )
        }
        Process::Ar1 { rho, sigma, mean } => mean * (1.0 - rho) + rho * now + sigma * normal::quantile(u),
        Process::RandomWalk { sigma } => now + sigma * normal::quantile(u),
        Process::Iid(d) => d.quantile(u),
        Process::Var1 { .. } => now, // vectors are moved together by `next_vector`
    }
}

/// `x' = A x + S e` for the `n` elements of one world: `a` and `s` are `n` by `n` (`[to][from]`), `x` and the result
/// have `n` numbers.
pub fn next_vector(a: &[Vec<f64>], s: &[Vec<f64>], x: &[f64], key: Key, step: u64, lane: u64) -> Vec<f64> {
    let e: Vec<f64> = (0..x.len())
        .map(|i| normal::quantile(key.uniform(step, lane + i as u64)))
        .collect();
    (0..x.len())
        .map(|i| (0..x.len()).map(|j| a[i][j] * x[j] + s[i][j] * e[j]).sum())
        .collect()
}

/// The Cholesky factor of the covariance `V = A V A' + S S'` (by doubling); `None` if the process has no stationary law.
fn stationary_root(a: &[Vec<f64>], s: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    let n = a.len();
    let at = |m: &[Vec<f64>]| nalgebra::DMatrix::from_fn(n, n, |i, j| m[i][j]);
    let (mut power, load) = (at(a), at(s));
    let mut v = &load * load.transpose();
    for _ in 0..60 {
        let more = &power * &v * power.transpose();
        let done = more.amax() <= 1e-17 * v.amax();
        v += more;
        power = &power * &power;
        if !v.iter().all(|x| x.is_finite()) {
            return None;
        }
        if done {
            // Draws may move together exactly: the factor of a matrix that is only semi-definite.
            let mut l = vec![vec![0.0; n]; n];
            for j in 0..n {
                let rest = v[(j, j)] - l[j].iter().map(|x| x * x).sum::<f64>();
                let root = if rest > 1e-14 * v[(j, j)] { rest.sqrt() } else { 0.0 };
                l[j][j] = root;
                for i in j + 1..n {
                    let dot: f64 = (0..j).map(|k| l[i][k] * l[j][k]).sum();
                    l[i][j] = if root > 0.0 { (v[(i, j)] - dot) / root } else { 0.0 };
                }
            }
            return Some(l);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vector_processes_start_from_their_stationary_law() {
        // Two coupled series; V = A V A' + S S' is checked entry by entry.
        let a = vec![vec![0.9, 0.05], vec![-0.1, 0.6]];
        let s = vec![vec![0.2, 0.0], vec![0.1, 0.3]];
        let law = Law::declared(&Process::Var1 {
            a: a.clone(),
            s: s.clone(),
        });
        let column = |k: usize| {
            let e: Vec<f64> = (0..2).map(|i| f64::from(u8::from(i == k))).collect();
            law.first_vector(&e).unwrap()
        };
        let (p, q) = (column(0), column(1));
        let v = |i: usize, j: usize| p[i] * p[j] + q[i] * q[j];
        for i in 0..2 {
            for j in 0..2 {
                let mut right: f64 = (0..2).map(|k| s[i][k] * s[j][k]).sum();
                for k in 0..2 {
                    for l in 0..2 {
                        right += a[i][k] * v(k, l) * a[j][l];
                    }
                }
                assert!((v(i, j) - right).abs() < 1e-12, "{i} {j}");
            }
        }
        let wandering = Law::declared(&Process::Var1 {
            a: vec![vec![1.0]],
            s: vec![vec![1.0]],
        });
        assert_eq!(wandering.first_vector(&[1.5]), Some(vec![0.0]));
    }
}
