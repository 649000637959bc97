//! Where members' chains stay for ever: closed classes of joint states, what share of all members ends in each, and whether they come to rest
//! at all (Norris 1997, *Markov Chains*, chapter 1). States that nothing but themselves moves are refused.

use super::held::Held;
use crate::chance::chain;
use crate::diag::Diagnostic;
use crate::graph::InputKind;
use crate::solve::problem::Spec;
use std::collections::BTreeSet;

/// Chances that differ by less are the same.
const SAME: f64 = 1e-9;

/// Closed classes of the joint states of the members' chains.
pub struct Classes {
    /// The class of each joint state; `None` for one that is left for ever.
    pub of: Vec<Option<usize>>,
    /// The share of all members in each class, summing to 1.
    pub share: Vec<f64>,
    /// The share in each joint state in the long run, where it depends on where members begin; `None` where it does not.
    pub rest: Option<Vec<f64>>,
}

impl Classes {
    /// All joint states as one class.
    pub fn one(shocks: usize) -> Classes {
        Classes {
            of: vec![Some(0); shocks],
            share: vec![1.0],
            rest: None,
        }
    }

    /// Of members who begin as the file says and live for ever.
    ///
    /// # Errors
    /// E0974 where members who begin together cycle in step.
    pub fn new(spec: &Spec) -> Result<Classes, Diagnostic> {
        let transition = &spec.chain.transition;
        // Lives that end begin anew: wherever they began is reached again.
        if spec.ends || transition.iter().flatten().all(|p| *p > 0.0) {
            return Ok(Classes::one(transition.len()));
        }
        let (of, periods) = closed(transition);
        let cycles = periods.iter().any(|p| *p > 1);
        if periods.len() == 1 && !cycles {
            return Ok(Classes::one(transition.len()));
        }
        let first = spec.first_shocks();
        let rest = led(&first, &chain::far_ahead(transition, 0.5));
        if cycles {
            let later = led(&first, &chain::far_ahead(transition, 0.0));
            if rest.iter().zip(&later).any(|(a, b)| (a - b).abs() > SAME) {
                let names: Vec<String> = spec.chain.names.iter().map(|n| format!("`{n}`")).collect();
                return Err(Diagnostic::error(
                    "E0974",
                    format!("the members never come to rest: {} moves all of them in step", names.join(" with ")),
                )
                .note("it returns only after a fixed number of periods, and members begin in the same part of it")
                .hint("leave out the `start` of the shock, so that members begin in all of its parts, or let it stay where it is with a small chance"));
            }
        }
        let mut share = vec![0.0; periods.len()];
        for (class, p) in of.iter().zip(&rest) {
            if let Some(class) = class {
                share[*class] += p;
            }
        }
        let of = if share.len() == 1 { vec![Some(0); of.len()] } else { of };
        Ok(Classes {
            of,
            share,
            rest: Some(rest),
        })
    }

    /// Brings the mass of each class (one number per place, chains fastest) to its share; none stays in what is left for ever.
    pub fn keep(&self, mass: &mut [f64]) {
        let mut total = vec![0.0; self.share.len()];
        let shocks = self.of.len();
        for row in mass.chunks_exact(shocks) {
            for (m, class) in row.iter().zip(&self.of) {
                if let Some(class) = class {
                    total[*class] += m;
                }
            }
        }
        for row in mass.chunks_exact_mut(shocks) {
            for (m, class) in row.iter_mut().zip(&self.of) {
                *m = match class {
                    Some(c) if total[*c] > 0.0 && self.share[*c] > 0.0 => *m / (total[*c] / self.share[*c]),
                    _ => 0.0,
                };
            }
        }
    }
}

/// Where `first` is led by chances `[from][to]`.
fn led(first: &[f64], chances: &[Vec<f64>]) -> Vec<f64> {
    let into = |j: usize| first.iter().zip(chances).map(|(p, row)| p * row[j]).sum();
    (0..first.len()).map(into).collect()
}

/// The closed class of each state, and the period of each class.
fn closed(transition: &[Vec<f64>]) -> (Vec<Option<usize>>, Vec<usize>) {
    let n = transition.len();
    // The number of steps to each state, from every state.
    let steps: Vec<Vec<Option<usize>>> = (0..n)
        .map(|from| {
            let mut at = vec![None; n];
            at[from] = Some(0);
            let mut todo = std::collections::VecDeque::from([(from, 0)]);
            while let Some((i, d)) = todo.pop_front() {
                for (j, p) in transition[i].iter().enumerate() {
                    if *p > 0.0 && at[j].is_none() {
                        at[j] = Some(d + 1);
                        todo.push_back((j, d + 1));
                    }
                }
            }
            at
        })
        .collect();
    let (mut of, mut periods) = (vec![None; n], Vec::new());
    for i in 0..n {
        let returns = (0..n).all(|j| steps[i][j].is_none() || steps[j][i].is_some());
        if of[i].is_some() || !returns {
            continue;
        }
        let mut period = 0;
        for (j, row) in transition.iter().enumerate() {
            let Some(d) = steps[i][j] else { continue };
            of[j] = Some(periods.len());
            for (k, p) in row.iter().enumerate() {
                if let (true, Some(e)) = (*p > 0.0, steps[i][k]) {
                    period = divisor(period, (d + 1).abs_diff(e));
                }
            }
        }
        periods.push(period);
    }
    (of, periods)
}

/// The greatest common divisor.
fn divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { divisor(b, a % b) }
}

/// Refuses states that nothing but themselves moves: where they end depends on where they begin, or they cycle.
///
/// # Errors
/// E0974.
pub fn by_themselves(held: &Held) -> Result<(), Diagnostic> {
    let model = &held.model;
    for (k, state) in model.states.iter().enumerate().filter(|(_, s)| s.owner.is_some()) {
        let (mut seen, mut todo, mut moved) = (BTreeSet::new(), vec![k], false);
        while let Some(s) = todo.pop() {
            if !seen.insert(s) {
                continue;
            }
            for i in model.graph.inputs_below([model.states[s].next]) {
                match model.graph.inputs[i.0 as usize].kind {
                    InputKind::State(other) => todo.push(other),
                    InputKind::Param(_) => {}
                    _ => moved = true,
                }
            }
        }
        let reads_itself = model
            .graph
            .inputs_below([state.next])
            .iter()
            .any(|i| matches!(model.graph.inputs[i.0 as usize].kind, InputKind::State(_)));
        if !moved && reads_itself {
            return Err(Diagnostic::error(
                "E0974",
                format!("nothing but `{}` itself moves `{}`: members have no one distribution at rest", state.name, state.name),
            )
            .at(state.span, "no choice and no shock reaches its law")
            .hint("write types of members as a shock that stays where it is: `shock type ~ markov([a: 0.8, b: 1.2], [[1, 0], [0, 1]])`"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(transition: Vec<Vec<f64>>, first: Option<Vec<f64>>) -> Spec {
        let mut spec = Spec::default();
        spec.chain.names = vec!["type".into()];
        spec.chain.transition = transition;
        spec.first_shock = first;
        spec
    }

    #[test]
    fn members_end_where_they_can_get_from_where_they_begin() {
        // From the first state a quarter goes to the second for ever, three quarters to a pair.
        let chain = vec![
            vec![0.2, 0.2, 0.6, 0.0],
            vec![0.0, 1.0, 0.0, 0.0],
            vec![0.0, 0.0, 0.5, 0.5],
            vec![0.0, 0.0, 0.25, 0.75],
        ];
        let classes = Classes::new(&spec(chain.clone(), Some(vec![1.0, 0.0, 0.0, 0.0]))).unwrap();
        assert_eq!(classes.of, [None, Some(0), Some(1), Some(1)]);
        let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(close(&classes.share, &[0.25, 0.75]), "{:?}", classes.share);
        assert!(close(classes.rest.as_ref().unwrap(), &[0.0, 0.25, 0.25, 0.5]));
        let mut mass = vec![0.25; 4];
        classes.keep(&mut mass);
        assert!(close(&mass, &[0.0, 0.25, 0.375, 0.375]), "{mass:?}");
        let classes = Classes::new(&spec(chain, Some(vec![0.0, 0.0, 1.0, 0.0]))).unwrap();
        assert!(close(&classes.share, &[0.0, 1.0]));
    }

    #[test]
    fn a_cycle_rests_only_where_members_are_in_all_its_parts() {
        let turns = || vec![vec![0.0, 1.0], vec![1.0, 0.0]];
        assert_eq!(
            Classes::new(&spec(turns(), Some(vec![1.0, 0.0]))).err().unwrap().code,
            "E0974"
        );
        let spread = Classes::new(&spec(turns(), None)).unwrap();
        assert_eq!(spread.rest, Some(vec![0.5, 0.5]));
        let three = vec![vec![0.0, 1.0, 0.0], vec![0.0, 0.0, 1.0], vec![0.5, 0.0, 0.5]];
        assert!(
            Classes::new(&spec(three, Some(vec![1.0, 0.0, 0.0])))
                .unwrap()
                .rest
                .is_none()
        );
    }
}
