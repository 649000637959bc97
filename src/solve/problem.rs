//! A Markov decision problem as the solvers see it: finite shock chain, state axes, action axes, and one batch
//! evaluation. The bridge from a compiled model stands in `solve/decision.rs`; tests implement it by hand.

use crate::diag::{Diagnostic, Span};
use serde::{Deserialize, Serialize};

/// A state dimension.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StateAxis {
    /// Name shown in tables and plots.
    pub name: String,
    /// Continuous (gridded, interpolated) or integer (enumerated).
    pub kind: StateKind,
}

/// Continuous or integer. Fields are explained at each variant.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum StateKind {
    /// Grid nodes, ascending, at least two.
    Continuous {
        grid: Vec<f64>,
        /// interpolate in the log of the state (all nodes positive)
        log: bool,
    },
    /// All whole numbers `lo..=hi`.
    Integer { lo: i64, hi: i64 },
}

/// An action dimension.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionAxis {
    /// Name.
    pub name: String,
    /// What may be chosen.
    pub kind: ActionKind,
    /// Scale of a Gumbel taste shock on each choice (finite kinds only): log-sum aggregation, mean .5772 scale.
    pub taste: Option<f64>,
}

/// What may be chosen. Fields are explained at each variant.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ActionKind {
    /// Any number between the bounds that [`DecisionProblem::bounds`] gives at the state.
    Continuous,
    /// One of these values (a number, or the index of a label).
    Finite { values: Vec<f64>, labels: Vec<String> },
}

/// The chain of one shock of a joint chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Links {
    /// The number behind each state of the chain, one value per state.
    pub values: Vec<f64>,
    /// Whether the states of the chain are nodes of a continuous shock, which takes other values between them.
    pub continuous: bool,
}

/// The joint chain of all shocks, as a matrix over joint states, last shock fastest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JointChain {
    /// Names of the shocks, one per shock, in the order of a row of `values`.
    pub names: Vec<String>,
    /// `values[j][s]`: value of shock `s` in joint state `j` (for labelled chains the value, not the index).
    pub values: Vec<Vec<f64>>,
    /// Row-stochastic, `transition[j][j']`.
    pub transition: Vec<Vec<f64>>,
    /// The chain of each shock by itself, one per shock, or empty where only the joint states are known (see [`JointChain::links`]).
    #[serde(default)]
    pub links: Vec<Links>,
}

impl JointChain {
    /// The chain of each shock by itself, one per shock, read off the joint states where it is not stored. `None` if the joint
    /// states are not the product of such chains.
    pub fn links(&self) -> Option<Vec<Links>> {
        let stored = self.links.iter().map(|l| l.values.len()).product::<usize>();
        if self.links.len() == self.names.len() && stored == self.values.len() {
            return Some(self.links.clone());
        }
        let first = self.values.first()?;
        let mut links = Vec::new();
        let mut stride = self.values.len();
        for s in 0..self.names.len() {
            // While the shocks before `s` stand at the first states of their chains, `s` is constant over each stretch of the later ones.
            let later = |v: &Vec<f64>, w: &Vec<f64>| v[s + 1..].iter().zip(&w[s + 1..]).all(|(a, b)| a == b);
            let mine = self.values[..stride].iter().filter(|v| later(v, first));
            let values: Vec<f64> = mine.map(|v| v[s]).collect();
            if values.is_empty() || !stride.is_multiple_of(values.len()) {
                return None;
            }
            stride /= values.len();
            links.push(Links {
                values,
                continuous: false,
            });
        }
        let product = (0..self.values.len()).all(|j| {
            let at = self.links_at(&links, j);
            at.iter()
                .zip(&links)
                .zip(&self.values[j])
                .all(|((i, l), v)| l.values[*i] == *v)
        });
        (stride == 1 && product).then_some(links)
    }

    /// The state of each shock's own chain in joint state `j`, one per shock.
    pub fn links_at(&self, links: &[Links], j: usize) -> Vec<usize> {
        let mut rest = j;
        let mut at: Vec<usize> = links
            .iter()
            .rev()
            .map(|l| {
                let i = rest % l.values.len();
                rest /= l.values.len();
                i
            })
            .collect();
        at.reverse();
        at
    }

    /// Values (one per state of the shock's own chain) and row-stochastic matrix `[state][next state]` of one shock, where it
    /// moves independently of the others. `None` where it does not.
    pub fn marginal(&self, shock: usize) -> Option<(Vec<f64>, Vec<Vec<f64>>)> {
        let links = self.links()?;
        let at: Vec<Vec<usize>> = (0..self.values.len()).map(|j| self.links_at(&links, j)).collect();
        let own = links.get(shock)?.values.clone();
        let mut matrix: Vec<Option<Vec<f64>>> = vec![None; own.len()];
        for (from, probabilities) in at.iter().zip(&self.transition) {
            let mut row = vec![0.0; own.len()];
            for (to, p) in at.iter().zip(probabilities) {
                row[to[shock]] += p;
            }
            match &matrix[from[shock]] {
                None => matrix[from[shock]] = Some(row),
                Some(first) if first.iter().zip(&row).all(|(a, b)| (a - b).abs() < 1e-12) => {}
                Some(_) => return None,
            }
        }
        let matrix: Option<Vec<Vec<f64>>> = matrix.into_iter().collect();
        matrix.map(|m| (own, m))
    }
}

/// Everything about the problem that does not need evaluation.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    /// State dimensions, one per state, the last fastest in all arrays.
    pub states: Vec<StateAxis>,
    /// Shocks; a model without any has one joint state.
    pub chain: JointChain,
    /// Action dimensions, one per action, continuous and finite ones mixed, in the order of the model.
    pub actions: Vec<ActionAxis>,
    /// Weights of the joint quadrature nodes of the noises, one per node (a single one of weight 1 without noises). Where
    /// chances move, the fixed part of the weight: [`DecisionProblem::chance`] gives the factor.
    pub noise_weights: Vec<f64>,
    /// Whether the weights of nodes vary with states, shocks or actions: the probability of a node is its fixed weight times
    /// [`DecisionProblem::chance`].
    pub chances_move: bool,
    /// Whether rewards (and next states) vary with the noise node.
    pub reward_uses_noise: bool,
    /// Whether next states (or the end) vary with the noise node.
    pub next_uses_noise: bool,
    /// Whether next states (or the end) vary with the next joint shock.
    pub next_uses_shock_next: bool,
    /// Number of periods, `None` for ever; rewards and laws may then use [`Lanes::time`].
    pub horizon: Option<usize>,
    /// The discount factor where it is a constant; otherwise [`Outcome::discount`] is filled.
    pub discount: Option<f64>,
    /// If the next value of continuous state `.0` is exactly action `.1`: allows grid search over states.
    pub action_is_next_state: Option<(usize, usize)>,
    /// Whether the problem may end.
    pub ends: bool,
    /// Whether there are whole-number states whose laws read nothing but such states, ends and chances nothing but these, shocks and draws, and no draw
    /// is read by anything else: lives count their periods, whatever is done.
    pub counts: bool,
    /// Whether reward and laws have derivatives in continuous states and actions: no step (floor, a comparison, a choice) stands between.
    pub differentiable: bool,
    /// Whether the reward or a law of motion has kinks (`min`, `max`, `abs`) in a state or a continuous action: optima may sit
    /// where first-order conditions jump over zero.
    pub kinks: bool,
    /// `[lower, upper]` per state: whether the law of the state keeps it from going below the lower and above the upper end of
    /// its grid (`clamp`, `min`, `max`, the range of an action). Time at such an edge is part of the model and no error of the
    /// grid. Empty where nothing is known.
    pub held: Vec<[bool; 2]>,
    /// Where others play by a policy: per state, whether what is done moves it, now or later. Empty where one decides alone.
    pub reached: Vec<bool>,
    /// Whether others do something else where such a state is another: derivatives take what they do as given, and do not see it.
    pub answered: bool,
    /// Chances of the joint shock states in which lives begin, one per state; `None`: as shocks come to rest.
    pub first_shock: Option<Vec<f64>>,
    /// Steady state of the deterministic model, one value per state, if known: the centre of plots and of comparisons.
    pub steady_state: Option<Vec<f64>>,
}

impl Spec {
    /// Chances of the joint shock states in which lives begin, one per state.
    pub fn first_shocks(&self) -> Vec<f64> {
        let rest = || crate::chance::chain::stationary(&self.chain.transition);
        self.first_shock.clone().unwrap_or_else(rest)
    }
}

/// Inputs of one batch: `n` lanes share the shock, the noise node, the next shock and the date.
#[derive(Clone, Copy, Debug)]
pub struct Lanes<'a> {
    /// `[state][lane]`: one slice of length `n` per state.
    pub states: &'a [&'a [f64]],
    /// `[action][lane]`: one slice of length `n` per action.
    pub actions: &'a [&'a [f64]],
    /// Joint shock state.
    pub shock: usize,
    /// Noise node.
    pub noise: usize,
    /// Next joint shock state.
    pub shock_next: usize,
    /// Period of a finite horizon, from 0.
    pub time: usize,
}

impl<'a> Lanes<'a> {
    /// Inputs of what is asked before anything is drawn, such as bounds and allowed choices: the noise and the next shock do not matter.
    pub fn before_draws(states: &'a [&'a [f64]], actions: &'a [&'a [f64]], shock: usize, time: usize) -> Lanes<'a> {
        Lanes {
            states,
            actions,
            shock,
            noise: 0,
            shock_next: shock,
            time,
        }
    }
}

/// Results of one batch; every slice has length `n`.
#[derive(Debug)]
pub struct Outcome<'a> {
    /// The reward of the period, one value per lane.
    pub reward: &'a mut [f64],
    /// Next states, `[state][lane]`.
    pub next: &'a mut [&'a mut [f64]],
    /// Smallest slack of the hard constraints, one value per lane: negative means infeasible.
    pub slack: &'a mut [f64],
    /// 1 where the problem ends after this period, else 0; one value per lane.
    pub end: &'a mut [f64],
    /// Terminal payoff, one value per lane (added where `end` is 1, discounted like a value).
    pub paying: &'a mut [f64],
    /// The discount factor at this state, one value per lane.
    pub discount: &'a mut [f64],
}

/// Where in a file rewards and requirements stand, any number of each.
#[derive(Clone, Debug, Default)]
pub struct Culprits {
    /// Rewards of those who decide.
    pub rewards: Vec<Span>,
    /// Requirements that a choice must meet.
    pub requires: Vec<Span>,
}

/// A Markov decision problem. Evaluations are pure: same lanes, same bytes, from any number of threads.
pub trait DecisionProblem: Sync {
    /// Its dimensions.
    fn spec(&self) -> &Spec;
    /// Evaluates reward, transition, feasibility and end on a batch of lanes.
    fn evaluate(&self, lanes: &Lanes, out: &mut Outcome);
    /// Puts work down that is done for the problem beside its evaluations, in instructions of lanes.
    fn spend(&self, _instructions: usize) {}
    /// How the markets ended in each lane (see [`crate::kernel::root`]), one status per lane; `None` if no price is found inside
    /// the period.
    fn clears(&self, _: &Lanes) -> Option<Vec<f64>> {
        None
    }
    /// The names of the prices that are found inside the period and where their conditions stand, if there are any.
    fn market(&self) -> Option<(String, Span)> {
        None
    }
    /// Where what may be wrong with a choice stands.
    fn culprits(&self) -> Culprits {
        Culprits::default()
    }
    /// The part of reward and slack that depends on the states (with the shock and the date) alone, `[quantity][lane]`: solvers
    /// compute it once where they try many actions at the same states. `None` if nothing can be split off; then solvers do not
    /// call [`Self::reward`].
    fn prepare(&self, _: &Lanes) -> Option<Vec<Vec<f64>>> {
        None
    }
    /// Reward and slack, one value per lane each, from the [`Self::prepare`]d quantities, `[quantity][lane]`: the very numbers of
    /// [`Self::evaluate`].
    fn reward(&self, _: &Lanes, _prepared: &[&[f64]], reward: &mut [f64], slack: &mut [f64]) {
        reward.fill(f64::NAN);
        slack.fill(f64::NAN);
    }
    /// The hard constraints as alternatives: each is a list of numbers of inequalities (see [`Self::inequalities`]), and the constraints hold where all of one
    /// list do. None where constraints without alternatives are straight in what is chosen, or read draws.
    fn alternatives(&self) -> &[Vec<usize>] {
        &[]
    }
    /// The slack of each inequality that alternatives are made of, `[inequality][lane]`; negative where it does not hold.
    fn inequalities(&self, _: &Lanes) -> Vec<Vec<f64>> {
        Vec::new()
    }
    /// How many of the [`Self::conditions`], from the first, are zero where a comparison of continuous actions changes on which depends what is paid or what
    /// follows; zero without such comparisons.
    fn edges(&self) -> usize {
        0
    }
    /// Several continuous actions: the ways in which those comparisons and the hard constraints may turn out together, each a list of numbers of
    /// [`Self::conditions`] of which none is negative there.
    fn ways(&self) -> &[Vec<usize>] {
        &[]
    }
    /// Differences of what is compared, then the inequalities that [`Self::ways`] are made of, `[number][lane]`.
    fn conditions(&self, _: &Lanes) -> Vec<Vec<f64>> {
        Vec::new()
    }
    /// The factor on the fixed weight of the noise node, one value per lane: chances that depend on states, shocks, actions or
    /// other draws. Solvers ask only where [`Spec::chances_move`].
    fn chance(&self, _: &Lanes, weight: &mut [f64]) {
        weight.fill(1.0);
    }
    /// Derivatives with respect to variable `wrt` (states first, then all actions) of the factors on values: the chance of the
    /// noise node, the discount factor and the terminal payoff, in this order, one value per lane each. `false` if none of them
    /// moves with the variable (the slices are left alone).
    fn factor_slopes(&self, _: &Lanes, _wrt: usize, _: [&mut [f64]; 3]) -> bool {
        false
    }
    /// Bounds of each continuous action at the states of the lanes (`lanes.actions` is ignored): `lo[a][i]`, `hi[a][i]`
    /// with one slice per *continuous* action, in their order (finite actions have none). Ends may be infinite; where
    /// `lo > hi` nothing is feasible.
    fn bounds(&self, lanes: &Lanes, lo: &mut [&mut [f64]], hi: &mut [&mut [f64]]);
    /// For finite action `action` (its number among all actions): 1 where choice `choice` is allowed at the states of the lanes,
    /// else 0; one value per lane.
    fn allowed(&self, lanes: &Lanes, action: usize, choice: usize, out: &mut [f64]);
    /// Derivatives by automatic differentiation on a batch: the reward's and each next state's derivative with
    /// respect to variable `wrt` (states first, then all actions): `d_reward[i]`, `d_next[s][i]`.
    ///
    /// # Errors
    /// E0907 if the model has no derivative there (finite actions, steps), with the reason.
    fn derivative(
        &self,
        lanes: &Lanes,
        wrt: usize,
        d_reward: &mut [f64],
        d_next: &mut [&mut [f64]],
    ) -> Result<(), Diagnostic>;
    /// "Consumption", `c[i]`, and its derivative with respect to each action, `dc[a][i]` (all actions, 0 for finite ones), if the
    /// model names one (a `let` or action `c`, or the argument of the utility): the unit of Euler residuals. `false` if there is
    /// none.
    fn consumption(&self, lanes: &Lanes, c: &mut [f64], dc: &mut [&mut [f64]]) -> bool;
}

#[cfg(test)]
mod tests {
    use super::JointChain;

    #[test]
    fn a_joint_chain_knows_its_shocks_by_their_places() {
        let (p, q) = (
            [[0.9, 0.1, 0.0], [0.2, 0.5, 0.3], [0.0, 0.4, 0.6]],
            [[0.7, 0.3], [0.4, 0.6]],
        );
        let chain = JointChain {
            names: vec!["a".into(), "b".into()],
            values: (0..6)
                .map(|j| vec![[0.0, 1.0, 2.0][j / 2], [10.0, 20.0][j % 2]])
                .collect(),
            transition: (0..6)
                .map(|i| (0..6).map(|j| p[i / 2][j / 2] * q[i % 2][j % 2]).collect())
                .collect(),
            links: Vec::new(),
        };
        let links = chain.links().unwrap_or_default();
        let values: Vec<&[f64]> = links.iter().map(|l| l.values.as_slice()).collect();
        assert_eq!(values, [&[0.0, 1.0, 2.0][..], &[10.0, 20.0]]);
        let (values, matrix) = chain.marginal(1).unwrap_or_default();
        assert_eq!(values, [10.0, 20.0]);
        let far = matrix
            .iter()
            .zip(&q)
            .flat_map(|(m, q)| m.iter().zip(q))
            .map(|(m, q)| (m - q).abs());
        assert!(far.fold(0.0, f64::max) < 1e-12 && matrix.len() == 2, "{matrix:?}");
    }

    #[test]
    fn links_that_do_not_make_up_the_joint_states_are_read_off_these() {
        let links = |n: usize| super::Links {
            values: (0..n).map(|i| i as f64).collect(),
            continuous: false,
        };
        let mut chain = JointChain {
            names: vec!["a".into(), "b".into()],
            values: (0..6).map(|j| vec![(j / 2) as f64, (j % 2) as f64]).collect(),
            transition: vec![vec![1.0 / 6.0; 6]; 6],
            links: vec![links(2), links(2)],
        };
        let lengths = |chain: &JointChain| -> Vec<usize> {
            let found = chain.links().unwrap_or_default();
            found.iter().map(|l| l.values.len()).collect()
        };
        assert_eq!(lengths(&chain), [3, 2]);
        chain.links = vec![links(6)];
        assert_eq!(lengths(&chain), [3, 2]);
    }
}
