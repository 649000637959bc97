//! Players whose choices have tastes that only they know: to the others each choice has its probability. Every choice is made in the economy, with what goes
//! with it; its probability must be that of a logit of what choices are worth there (McFadden 1974), and the value the expected largest worth, tastes
//! included.

use super::{Looked, Reader, Rivals, along};
use crate::diag::Diagnostic;
use crate::env::worlds::trial::Place;
use crate::solve::problem::ActionKind;
use crate::verify::world::trials::{Job, Range, Trials};
use crate::verify::world::visit::Visit;
use crate::verify::world::{JudgeOptions, WorldCertificate};

/// Mean of a standard Gumbel law.
const EULER: f64 = 0.577_215_664_901_532_9;

/// Probabilities of choices that are worth `q` (one number per choice in both), and the expected largest worth, with tastes of scale `t`.
pub(super) fn logit(q: &[f64], t: f64) -> (Vec<f64>, f64) {
    let top = q.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = q.iter().map(|q| ((q - top) / t).exp()).collect();
    let sum: f64 = weights.iter().sum();
    (weights.iter().map(|w| w / sum).collect(), top + t * (sum.ln() + EULER))
}

/// What choices taken with probabilities `p` are worth, tastes included, where choice `c` is worth `q[c]`: somebody who takes choices as often as `p` says
/// takes those for which it has the strongest tastes.
fn taken(p: &[f64], q: &[f64], t: f64) -> f64 {
    let each = p.iter().zip(q).filter(|(p, _)| **p > 0.0);
    each.map(|(p, q)| p * (q - t * p.ln())).sum::<f64>() + t * EULER
}

/// The largest difference of two lists of probabilities.
fn apart(p: &[f64], q: &[f64]) -> f64 {
    let far = p.iter().zip(q).map(|(p, q)| (p - q).abs());
    far.fold(0.0, |a, b| if b.is_nan() { f64::INFINITY } else { a.max(b) })
}

impl Reader<'_> {
    /// What the others expect of a player with tastes: each of its choices with the probability that is played, and what goes with it.
    pub(super) fn mixture(&self, player: usize, states: &[f64]) -> Vec<Rivals> {
        let who = &self.solution.players[player];
        let Some(choice) = who.own.as_ref().map(|o| o.choice) else {
            return Vec::new();
        };
        let ActionKind::Finite { values, .. } = &self.solution.actions[choice].kind else {
            return Vec::new();
        };
        let spot = self.policy.spot(0, &self.middles(), states);
        let mut chances = Vec::new();
        self.policy.mixture(choice, &spot, &mut chances);
        let does = |c: usize| {
            let of = |a: &usize| match *a == choice {
                true => (*a, values[c]),
                false => (*a, self.policy.action_given(*a, c, &spot)),
            };
            who.actions.iter().map(of).collect()
        };
        let each = chances.iter().enumerate();
        each.map(|(c, p)| Rivals {
            chance: *p,
            actions: does(c),
        })
        .collect()
    }

    /// What play is worth to a player with tastes of scale `t` at some states, how far its probabilities are from the logit of what its choices are
    /// worth, and what the best probabilities and the best numbers beside each choice would gain.
    pub(super) fn look_at_tastes(
        &self,
        (player, t): (usize, f64),
        at: &[Vec<f64>],
        like: &Place,
        trials: &mut Trials,
    ) -> Result<Looked, Diagnostic> {
        let who = &self.solution.players[player];
        let place = who
            .own
            .as_ref()
            .and_then(|o| who.actions.iter().position(|a| *a == o.choice));
        let place = place.unwrap_or(0);
        // One visit for each state, each choice and all that rivals may do; `of` says which state, which choice and how likely.
        let (mut visits, mut of): (Vec<Visit>, Vec<(usize, usize, f64)>) = Default::default();
        let mut played: Vec<Vec<f64>> = Vec::new();
        for (state, states) in at.iter().enumerate() {
            let rivals = self.rivals(player, states);
            let own = self.mixture(player, states);
            played.push(own.iter().map(|c| c.chance).collect());
            for (c, own) in own.iter().enumerate() {
                for r in rivals.iter().filter(|r| r.chance > 0.0) {
                    of.push((state, c, r.chance));
                    visits.push(Visit {
                        place: self.place(like, states, &self.middles(), &r.actions),
                        states: states.clone(),
                        shocks: Vec::new(),
                        actions: own.actions.iter().map(|a| a.1).collect(),
                        weight: 1.0,
                    });
                }
            }
        }
        let ranges = trials.ranges(&visits)?;
        let open =
            |v: usize| matches!(&ranges[v][place], Range::Values(all) if all.contains(&visits[v].actions[place]));
        let tried: Vec<Vec<Vec<f64>>> = (0..visits.len())
            .map(|v| match open(v) {
                true => along(&visits[v].actions, place, &ranges[v]),
                false => Vec::new(),
            })
            .collect();
        let jobs: Vec<Job> = tried
            .iter()
            .enumerate()
            .flat_map(|(visit, all)| all.iter().map(move |actions| Job { visit, actions }))
            .collect();
        let mut worth = trials.worth(&visits, &jobs, 1)?.into_iter();
        // What each candidate is worth on average over what rivals do, `[state][choice][candidate]`: the first is what is played.
        let mut sums: Vec<Vec<Vec<f64>>> = played.iter().map(|p| vec![Vec::new(); p.len()]).collect();
        let mut does: Vec<Vec<usize>> = played.iter().map(|p| vec![0; p.len()]).collect();
        for (v, (state, c, by)) in of.iter().enumerate() {
            let sum = &mut sums[*state][*c];
            sum.resize(tried[v].len(), 0.0);
            does[*state][*c] = v;
            for (s, w) in sum.iter_mut().zip(worth.by_ref().take(tried[v].len())) {
                *s += by * if w.clears { w.q } else { f64::NAN };
            }
        }
        let mut out = Looked {
            kept: Vec::new(),
            gains: Vec::new(),
            chances: Vec::new(),
        };
        for (state, mut p) in played.into_iter().enumerate() {
            let closed = sums[state].iter().map(Vec::is_empty);
            p.iter_mut().zip(closed).filter(|(_, c)| *c).for_each(|(p, _)| *p = 0.0);
            let total: f64 = p.iter().sum();
            p.iter_mut().for_each(|p| *p /= total);
            let first = |s: &Vec<f64>| s.first().copied().unwrap_or(f64::NEG_INFINITY);
            let largest = |s: &Vec<f64>| s.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let q: Vec<f64> = sums[state].iter().map(first).collect();
            let best: Vec<f64> = sums[state].iter().map(largest).collect();
            let kept = taken(&p, &q, t);
            let (chances, most) = logit(&best, t);
            let gained = most - kept;
            out.chances.push(apart(&p, &logit(&q, t).0));
            let c = (0..p.len()).fold(0, |m, c| {
                let by = |c: usize| (chances[c] - p[c]).abs() + (best[c] - q[c]).max(0.0);
                if by(c) > by(m) { c } else { m }
            });
            let label = visits[does[state][c]].actions[place];
            out.gains.push((
                gained,
                format!(
                    "better: choice {label} with probability {:.5} (played: {:.5})",
                    chances[c], p[c]
                ),
            ));
            out.kept.push(kept);
        }
        Ok(out)
    }

    /// The row of the probabilities.
    pub(super) fn probabilities(
        &self,
        player: usize,
        error: f64,
        places: &str,
        options: &JudgeOptions,
        out: &mut WorldCertificate,
    ) {
        let name = &self.solution.players[player].name;
        let note = format!("{places}; against the logit of what choices are worth");
        if !out.log(
            &format!("{name}: probabilities of choices, largest error"),
            error,
            Some(options.limit),
            note,
        ) {
            out.reasons.push(
                Diagnostic::error(
                    "E0946",
                    format!("`{name}` chooses with probabilities that are off by up to {error:.2e} in the model's own economy"),
                )
                .hint("more rounds: solve { iterations = 3000 }"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::judge;
    use super::*;
    use crate::check::Model;
    use crate::solve::economy::Economy;
    use crate::solve::equilibrium::private::ChoiceProbabilities;
    use crate::solve::equilibrium::{EquilibriumMethod, Found};
    use crate::solve::progress::silent;
    use crate::verify::grid::Certificate;

    /// Two who each period may be in a market or not, with tastes for either; who comes in pays, and chooses a number beside.
    const MARKET: &str = "model contest \"Two who may come in\"\nagent firm[2] {\n  state on in 0..1, start 0\n  action d in 0..1 taste gumbel(0.3)\n  \
         action x in [0, 2]\n  on' = d\n  observe on, others(firm.on)\n  \
         reward d * (1 - 0.8 * sum(others(firm.d))) - 0.3 * d * (1 - on) + x * d - x^2\n  discount 0.9\n}\nsolve { concept = nash }\n";

    fn market() -> (Model, Found) {
        let (model, messages) = crate::compile(MARKET, &crate::Options::default());
        let model = model.unwrap_or_else(|| panic!("{messages:?}"));
        let economy = Economy::of(&model).unwrap_or_else(|d| panic!("{d:?}"));
        let found = ChoiceProbabilities.solve(&economy, 1, &mut silent);
        let found = found.unwrap_or_else(|d| panic!("{d:?}"));
        (model, found)
    }

    fn judged(model: &Model, found: &Found) -> Certificate {
        let economy = Economy::of(model).unwrap_or_else(|d| panic!("{d:?}"));
        judge(model, &economy, found, &JudgeOptions::default()).unwrap_or_else(|d| panic!("{d:?}"))
    }

    /// Values and probabilities by own and other's state, iterated by hand: being in is worth a quarter more by the number beside it.
    fn by_hand() -> ([[f64; 2]; 2], [[f64; 2]; 2]) {
        let (mut v, mut p) = ([[0.0; 2]; 2], [[0.5; 2]; 2]);
        for _ in 0..3000 {
            let (old, chances) = (v, p);
            for own in 0..2 {
                for other in 0..2 {
                    let rival: f64 = chances[other][own];
                    let later = |d: usize| 0.9 * (rival * old[d][1] + (1.0 - rival) * old[d][0]);
                    let inside = 1.25 - 0.8 * rival - 0.3 * (1 - own) as f64 + later(1);
                    let (a, b) = ((later(0) / 0.3).exp(), (inside / 0.3).exp());
                    v[own][other] = 0.3 * ((a + b).ln() + EULER);
                    p[own][other] = 0.5 * p[own][other] + 0.5 * b / (a + b);
                }
            }
        }
        (v, p)
    }

    #[test]
    fn choices_with_tastes_are_made_as_often_as_by_hand_and_each_way_of_spoiling_them_is_seen() {
        let (model, right) = market();
        let (v, p) = by_hand();
        for own in 0..2 {
            for other in 0..2 {
                let first = right.solution.players[0].own.as_ref().expect("tastes");
                let node = 2 * own + other;
                assert!(
                    (first.before[node] - v[own][other]).abs() < 1e-7,
                    "{own} {other}: {}",
                    first.before[node]
                );
                assert!((first.chances[2 * node + 1] - p[own][other]).abs() < 1e-7);
            }
        }
        let c = judged(&model, &right);
        assert!(c.passed, "{:?}", c.reasons);
        let codes = |spoil: &dyn Fn(&mut Found)| -> Vec<String> {
            let mut other = right.clone();
            spoil(&mut other);
            let c = judged(&model, &other);
            assert!(!c.passed);
            c.reasons.iter().map(|d| d.code.to_string()).collect()
        };
        let choice = right.solution.players[0].own.as_ref().map_or(0, |o| o.choice);
        // Comes in a fiftieth more often than is best.
        let often = codes(&|f| {
            let chances = &mut f.solution.mixed[choice];
            chances
                .chunks_mut(2)
                .for_each(|p| (p[0], p[1]) = (p[0] - 0.02 * p[0], p[1] + 0.02 * p[0]));
        });
        assert!(often.contains(&"E0946".to_string()), "{often:?}");
        // Chooses less beside it.
        let less = codes(&|f| {
            let x = f.solution.given.iter().position(|g| !g.is_empty()).unwrap_or(0);
            f.solution.given[x].iter_mut().for_each(|x| *x *= 0.8);
        });
        assert!(less.contains(&"E0976".to_string()), "{less:?}");
        // Promises more than there is.
        let more = codes(&|f| {
            if let Some(own) = &mut f.solution.players[1].own {
                own.worth.iter_mut().for_each(|w| *w *= 1.02);
            }
        });
        assert!(more.contains(&"E0944".to_string()), "{more:?}");
    }
}
