//! Moments under the solution: of shocks beside those of their chains, of states, actions and the reward. They inform.

use super::{Certificate, GridEvidence, Proof, SeriesMoments, rest};
use crate::chance::chain;
use crate::diag::Diagnostic;
use crate::num::statistics;

/// Moments of what was simulated.
pub struct Moments;

impl Proof for Moments {
    fn measure(&self, bench: &GridEvidence, out: &mut Certificate) {
        let (spec, played, paths) = (bench.bellman.problem.spec(), bench.played, bench.paths);
        out.burn_in = played.before;
        out.counted = (played.whole.iter().sum::<usize>() / paths, paths);
        let mut push = |name: &str, x: &[f64], chain: Option<(f64, f64, f64)>| {
            let lives: Vec<Vec<f64>> = (0..paths)
                .map(|p| x.iter().skip(p).step_by(paths).copied().take(played.whole[p]).collect())
                .collect();
            let mut pairs = statistics::Pairs::default();
            for (p, own) in lives.iter().enumerate() {
                let together = own.windows(2).enumerate().filter(|(i, _)| !played.last[i * paths + p]);
                together.for_each(|(_, pair)| pairs.push(pair[0], pair[1]));
            }
            // In the order of periods.
            let counted = x
                .iter()
                .enumerate()
                .filter(|(k, _)| k / paths < played.whole[k % paths]);
            let counted: Vec<f64> = counted.map(|(_, x)| *x).collect();
            out.moments.push(SeriesMoments {
                name: name.into(),
                mean: statistics::mean(&counted),
                sd: statistics::sd(&counted),
                errors: rest::standard_errors(&counted, &lives),
                autocorrelation: pairs.correlation(),
                min: counted.iter().copied().fold(f64::INFINITY, f64::min),
                max: counted.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                chain,
            });
        };
        for (s, name) in spec.chain.names.iter().enumerate() {
            let values: Vec<f64> = spec.chain.values.iter().map(|v| v[s]).collect();
            let x: Vec<f64> = played.times.iter().map(|at| values[at.shock]).collect();
            let exact = chain::Chain {
                values,
                transition: spec.chain.transition.clone(),
            }
            .moments();
            push(name, &x, Some((exact.mean, exact.sd, exact.autocorrelation)));
        }
        for (state, x) in spec.states.iter().zip(&played.states) {
            push(&state.name, x, None);
        }
        for (action, x) in spec.actions.iter().zip(&played.actions) {
            push(&action.name, x, None);
        }
        push("reward", &played.reward, None);
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
                    m.name, m.first, m.second
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
