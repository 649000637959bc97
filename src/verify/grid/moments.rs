//! Moments under the solution: of shocks beside those of their chains, of states, actions and the reward. They inform. Those of what the file defines
//! are added where the economy is known (`verify/defined.rs`).

use super::simulated::Simulated;
use super::{Certificate, GridEvidence, Proof, SeriesMoments, rest};
use crate::chance::chain;
use crate::diag::{Diagnostic, plain};
use crate::num::statistics;
use crate::solve::problem::Spec;

/// How near states must come to where they were, as a share of one plus their size, to have returned.
const RETURNED: f64 = 1e-9;

/// Moments of what was simulated.
pub struct Moments;

/// What was seen in lives on the solver's chain. Arrays run over period x path, paths fastest: one entry per path-period. It is handed from one
/// half of the judgement to the other and is no part of a certificate: it is not stored, and equal to any other.
#[derive(Clone, Default)]
pub struct Lives {
    /// Number of the joint state of the chain, one per path-period.
    pub joint: Vec<usize>,
    /// The date, one per path-period.
    pub time: Vec<usize>,
    /// States, `[state][path-period]`.
    pub states: Vec<Vec<f64>>,
    /// Actions, `[action][path-period]`.
    pub actions: Vec<Vec<f64>>,
    /// Rewards, one value per path-period.
    pub reward: Vec<f64>,
    /// Whether a life ends with the period, one flag for each path-period.
    pub last: Vec<bool>,
    /// Periods that count, one number per path.
    pub whole: Vec<usize>,
    /// Whether there is no chance, and the periods that count are whole rounds of what goes round: moments are then exact.
    pub round: bool,
}

impl PartialEq for Lives {
    fn eq(&self, _: &Lives) -> bool {
        true
    }
}

impl std::fmt::Debug for Lives {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} path-periods", self.joint.len())
    }
}

impl Lives {
    /// Whether path-period `k` counts.
    pub fn counts(&self, k: usize) -> bool {
        k / self.whole.len() < self.whole[k % self.whole.len()]
    }

    /// Moments of a series `x`, one value per path-period.
    pub fn moments(&self, name: &str, x: &[f64], chain: Option<(f64, f64, f64)>) -> SeriesMoments {
        let paths = self.whole.len();
        let lives: Vec<Vec<f64>> = (0..paths)
            .map(|p| x.iter().skip(p).step_by(paths).copied().take(self.whole[p]).collect())
            .collect();
        let mut pairs = statistics::Pairs::default();
        for (p, own) in lives.iter().enumerate() {
            let together = own.windows(2).enumerate().filter(|(i, _)| !self.last[i * paths + p]);
            together.for_each(|(_, pair)| pairs.push(pair[0], pair[1]));
        }
        // In the order of periods.
        let counted = x.iter().enumerate().filter(|(k, _)| self.counts(*k));
        let counted: Vec<f64> = counted.map(|(_, x)| *x).collect();
        SeriesMoments {
            name: name.into(),
            mean: statistics::mean(&counted),
            sd: statistics::sd(&counted),
            errors: match (self.round, lives.as_slice()) {
                (true, _) => (0.0, 0.0),
                // Lives without end that are all the same are one.
                (false, [first, others @ ..]) if !self.last.contains(&true) && others.iter().all(|x| x == first) => {
                    rest::standard_errors(&counted, &lives[..1])
                }
                (false, all) => rest::standard_errors(&counted, all),
            },
            autocorrelation: pairs.correlation(),
            min: counted.iter().copied().fold(f64::INFINITY, f64::min),
            max: counted.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            chain,
        }
    }
}

/// Where there is no chance and states return to where they were: so many periods of each path that they are whole rounds. `None` where there is chance, or
/// some path does not come back.
fn rounds(spec: &Spec, played: &Simulated, paths: usize) -> Option<Vec<usize>> {
    if spec.horizon.is_some() || spec.ends || spec.chain.transition.len() != 1 || spec.noise_weights.len() != 1 {
        return None;
    }
    let periods = played.times.len() / paths;
    let at = |t: usize, p: usize| played.states.iter().map(move |x| x[t * paths + p]);
    let same = |a: usize, b: usize, p: usize| {
        let mut pairs = at(a, p).zip(at(b, p));
        pairs.all(|(x, y)| (x - y).abs() <= RETURNED * (1.0 + x.abs()))
    };
    let round = |p: usize| {
        let last = periods.checked_sub(1)?;
        let length = (1..=periods / 2).find(|k| same(last, last - k, p))?;
        Some(periods - periods % length)
    };
    (0..paths).map(round).collect()
}

impl Proof for Moments {
    fn measure(&self, bench: &GridEvidence, out: &mut Certificate) {
        let (spec, played, paths) = (bench.bellman.problem.spec(), bench.played, bench.paths);
        out.burn_in = played.before;
        let values = |s: usize| spec.chain.values.iter().map(move |v| v[s]).collect::<Vec<f64>>();
        let rounds = rounds(spec, played, paths);
        let lives = Lives {
            joint: played.times.iter().map(|at| at.shock).collect(),
            time: played.times.iter().map(|at| at.time).collect(),
            states: played.states.clone(),
            actions: played.actions.clone(),
            reward: played.reward.clone(),
            last: played.last.clone(),
            round: rounds.is_some(),
            whole: rounds.unwrap_or_else(|| played.whole.clone()),
        };
        out.counted = (lives.whole.iter().sum::<usize>() / paths, paths);
        for (s, name) in spec.chain.names.iter().enumerate() {
            let values = values(s);
            let x: Vec<f64> = lives.joint.iter().map(|j| values[*j]).collect();
            let exact = chain::Chain {
                values,
                transition: spec.chain.transition.clone(),
            }
            .moments();
            let exact = (exact.mean, exact.sd, exact.autocorrelation);
            out.moments.push(lives.moments(name, &x, Some(exact)));
        }
        let states = spec.states.iter().map(|s| &s.name).zip(&lives.states);
        let actions = spec.actions.iter().map(|a| &a.name).zip(&lives.actions);
        for (name, x) in states.chain(actions) {
            out.moments.push(lives.moments(name, x, None));
        }
        out.moments.push(lives.moments("reward", &lives.reward, None));
        out.lives = lives;
        if spec.horizon.is_none() {
            out.moving = rest::moving(played, spec, paths, bench.options.longest == 0);
        }
    }

    fn verdict(&self, c: &Certificate) -> Option<Diagnostic> {
        let first = c.moving.first()?;
        let periods = c.burn_in.max(100) * 20;
        let mut d = Diagnostic::warning("W0974", "lives have not come to rest when they are counted");
        for m in &c.moving {
            d = d.note(match m.memory {
                None => format!(
                    "{}: mean {:.6} in the first half of the periods, {:.6} in the second",
                    m.name, plain(m.first), plain(m.second)
                ),
                Some(memory) => format!(
                    "{}: where a life is tells where it was some {memory:.0} periods before or more, and {} periods are counted after {}",
                    m.name, c.counted.0, c.burn_in
                ),
            });
        }
        let rests =
            "the moments are those of a way, not of where it leads, and what was judged is what lives visit until then";
        d = d.note(rests);
        Some(d.hint(format!(
            "count later and longer: `solve {{ burn_in = {periods}; periods = {} }}`, with a grid that reaches as far as {} then goes",
            periods * c.counted.1.max(1),
            first.name
        )))
    }
}
