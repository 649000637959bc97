//! What lives under a policy pay: discounted sums along paths, and what is left of those that are still alive when they stop being followed.

use super::simulate::{ChainPaths, Constants, PathPolicy, SolvedPolicy};
use crate::solve::bellman::{At, Bellman, Scratch};

/// What a path that is still alive after the last period is worth then: `worth(shock, state)`.
pub type Worth<'a> = &'a dyn Fn(usize, &[f64]) -> f64;

/// How what is left of a life is valued.
#[derive(Clone, Copy)]
pub enum Rest<'a> {
    /// As is said.
    Told(Worth<'a>),
    /// As the path's own last periods go on, so that a policy is not helped by what somebody else would do afterwards, and no more than is said: its last
    /// periods may be better than those to come.
    AtMost(Worth<'a>),
}

/// Share of the periods, at the end, that stand for those to come.
const LAST: f64 = 0.25;

/// What happens in the last periods.
struct Tail {
    /// The first of them.
    from: usize,
    /// Sum of what is gained, and number of periods lived, one per path.
    gained: Vec<f64>,
    lived: Vec<f64>,
    /// Sums over all paths and periods lived: what ends pay (discounted to the period), and discount factors of those who go on.
    paid: f64,
    goes_on: f64,
}

impl Tail {
    fn new(paths: usize, periods: usize) -> Tail {
        Tail {
            from: ((1.0 - LAST) * periods as f64).floor() as usize,
            gained: vec![0.0; paths],
            lived: vec![0.0; paths],
            paid: 0.0,
            goes_on: 0.0,
        }
    }

    /// Path `p` gains in `period`; it ends and is paid `ended` (discounted), or goes on with a discount factor.
    fn add(&mut self, period: usize, p: usize, gain: f64, ended: Option<f64>, discount: f64) {
        if period < self.from {
            return;
        }
        self.gained[p] += gain;
        self.lived[p] += 1.0;
        match ended {
            Some(paid) => self.paid += paid,
            None => self.goes_on += discount,
        }
    }

    /// What a path is worth that is alive at the end and lives for `left` more periods at most.
    fn worth(&self, p: usize, left: Option<usize>) -> f64 {
        let lived = self.lived.iter().sum::<f64>();
        if self.lived[p] == 0.0 || left == Some(0) {
            return 0.0;
        }
        let each = self.gained[p] / self.lived[p] + self.paid / lived;
        let keeps = self.goes_on / lived;
        let periods = match left {
            Some(left) if keeps == 1.0 => left as f64,
            Some(left) => (1.0 - keeps.powi(left.min(1 << 20) as i32)) / (1.0 - keeps),
            None => 1.0 / (1.0 - keeps),
        };
        // Minus infinity for ever is no number where no time is left.
        if each == 0.0 { 0.0 } else { each * periods }
    }
}

/// The discounted rewards of at most `periods` periods, one number per path (a life ends at the first end), and of a path which is then still alive
/// what `rest` says. `starts` are first states, `[start][state]`.
pub fn lifetimes(
    bellman: &Bellman,
    policy: &dyn PathPolicy,
    (paths, periods): (usize, usize),
    seed: u64,
    starts: &[Vec<f64>],
    rest: Rest,
) -> Vec<f64> {
    let world = ChainPaths::new(bellman, paths, seed, starts);
    played(bellman, policy, world, (paths, periods), rest)
}

/// The same of several constant policies at once, each under the same draws: `[policy][path]`.
pub fn lifetimes_of(
    bellman: &Bellman,
    constants: &Constants,
    periods: usize,
    seed: u64,
    starts: &[Vec<f64>],
    rest: Rest,
) -> Vec<Vec<f64>> {
    let paths = constants.paths;
    let world = ChainPaths::new(bellman, paths, seed, starts).copied(constants.each.len());
    let all = played(bellman, constants, world, (paths, periods), rest);
    all.chunks(paths).map(<[f64]>::to_vec).collect()
}

/// Plays; every `each` paths are lives under one policy.
fn played(
    bellman: &Bellman,
    policy: &dyn PathPolicy,
    mut world: ChainPaths,
    (each, periods): (usize, usize),
    rest: Rest,
) -> Vec<f64> {
    let paths = world.shock.len();
    let mut weight = vec![1.0; paths];
    let mut total = vec![0.0; paths];
    let mut tails: Vec<Tail> = (0..paths / each).map(|_| Tail::new(each, periods)).collect();
    for period in 0..periods {
        world.step(policy, &mut |_| {});
        let mut alive = false;
        for p in living(&weight) {
            let reward = if world.infeasible[p] {
                f64::NEG_INFINITY
            } else {
                world.reward[p]
            };
            let discount = world.discount[p];
            let paid = world.ended[p].map(|paying| if paying == 0.0 { 0.0 } else { discount * paying });
            total[p] += weight[p] * (reward + paid.unwrap_or(0.0));
            tails[p / each].add(period, p % each, reward, paid, discount);
            weight[p] *= if paid.is_some() { 0.0 } else { discount };
            alive |= weight[p] != 0.0 && total[p].is_finite();
        }
        if !alive {
            break;
        }
    }
    let mut state = vec![0.0; world.states.len()];
    let left = bellman.problem.spec().horizon.map(|h| h.saturating_sub(periods));
    for p in (0..paths).filter(|&p| weight[p] != 0.0) {
        state.iter_mut().zip(&world.states).for_each(|(x, s)| *x = s[p]);
        total[p] += weight[p]
            * match rest {
                Rest::Told(worth) => worth(world.shock[p], &state),
                Rest::AtMost(worth) => tails[p / each].worth(p % each, left).min(worth(world.shock[p], &state)),
            };
    }
    numbers(total)
}

/// Paths that go on.
fn living(weight: &[f64]) -> Vec<usize> {
    (0..weight.len()).filter(|&p| weight[p] != 0.0).collect()
}

/// Minus infinity in the place of what is no number.
fn numbers(total: Vec<f64>) -> Vec<f64> {
    let number = |t: f64| if t.is_nan() { f64::NEG_INFINITY } else { t };
    total.into_iter().map(number).collect()
}

/// What [`lifetimes`] estimates, with smaller sampling errors, one number per path: the value where a path starts, and along it
/// what each choice is expected to be worth less the value there, discounted. Whatever the value is, the difference from what the
/// path pays has mean zero, since the expectation is taken over all that may happen: an outcome that no path meets still counts. What a path loses in its last
/// periods it goes on losing.
pub fn lifetimes_expected(
    value: &SolvedPolicy,
    policy: &dyn PathPolicy,
    (paths, periods): (usize, usize),
    seed: u64,
    starts: &[Vec<f64>],
) -> Vec<f64> {
    let bellman = value.bellman();
    let mut world = ChainPaths::new(bellman, paths, seed, starts);
    let mut weight = vec![1.0; paths];
    let mut total = vec![0.0; paths];
    let mut scratch = Scratch::default();
    let mut tail = Tail::new(paths, periods);
    for period in 0..periods {
        let mut gained = vec![0.0; paths];
        world.step(policy, &mut |w| {
            let mut groups: Vec<(usize, usize)> = w.shock.iter().copied().zip(w.time.iter().copied()).collect();
            groups.sort_unstable();
            groups.dedup();
            for (shock, time) in groups {
                let lanes: Vec<usize> = (0..paths)
                    .filter(|&p| w.shock[p] == shock && w.time[p] == time && weight[p] != 0.0)
                    .collect();
                let at = At { shock, time };
                let (states, actions) = (
                    ChainPaths::gather(&w.states, &lanes),
                    ChainPaths::gather(&w.actions, &lanes),
                );
                let states: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
                let actions: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
                let (mut q, mut slack, mut here) =
                    (vec![0.0; lanes.len()], vec![0.0; lanes.len()], vec![0.0; lanes.len()]);
                bellman.q(
                    value.continuation(time),
                    at,
                    &states,
                    &actions,
                    &mut scratch,
                    &mut q,
                    &mut slack,
                );
                value.reader().values(at, &states, &mut here);
                for (k, &p) in lanes.iter().enumerate() {
                    gained[p] = if period == 0 { q[k] } else { q[k] - here[k] };
                }
            }
        });
        for p in living(&weight) {
            total[p] += weight[p] * gained[p];
            let ended = world.ended[p].map(|_| 0.0);
            if period > 0 {
                tail.add(period, p, gained[p], ended, world.discount[p]);
            }
            weight[p] *= if ended.is_some() { 0.0 } else { world.discount[p] };
        }
    }
    let left = bellman.problem.spec().horizon.map(|h| h.saturating_sub(periods));
    for p in (0..paths).filter(|&p| weight[p] != 0.0) {
        total[p] += weight[p] * tail.worth(p, left);
    }
    numbers(total)
}
