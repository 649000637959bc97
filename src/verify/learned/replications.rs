//! Whether two standard errors hold the truth: losses of policies that linear algebra knows, measured again and again by following paths.
//!
//! `ECONC_REPLICATIONS=200 cargo test --release --lib replications -- --nocapture` prints the table that stands in `benches/README.md`.

use super::measured::Beside;
use super::*;
use crate::solve::progress::silent;
use crate::verify::constant;
use nalgebra::{DMatrix, DVector};

/// Stock of whole units, a fixed cost of ordering, lost sales.
const ORDERS: &str = "agent shop {\n  state x in 0..15, start 5\n  action q in 0..10\n  \
    noise dem ~ discrete([0, 1, 2, 3, 4], [0.1, 0.25, 0.3, 0.25, 0.1])\n  let stock = min(x + q, 15)\n  \
    let sold = min(dem, stock)\n  x' = stock - sold\n  observe x\n  \
    reward 4 * sold - 1.5 * q - (if q > 0 then 2 else 0) - 0.15 * stock\n  discount 0.97\n}\n";

/// A job at the wage that was offered is kept until one is fired.
const SEARCH: &str = "agent worker {\n  shock w ~ iid uniform_int(1, 20)\n  state job in 0..20, start 0\n  \
    action d in {accept, reject}\n  noise fired ~ bernoulli(0.05)\n  \
    let now = if job > 0 then job else (if d == accept then w else 0)\n  job' = if fired then 0 else now\n  observe job, w\n  \
    reward if now > 0 then log(0.1 * now) else log(0.1)\n  discount 0.96\n}\n";

/// Choices by state and offer (1 where there is none).
type Choice<'a> = &'a (dyn Fn(usize, usize) -> usize + Sync);

/// A policy and the values of the chain of shocks, `[joint shock][shock]`.
struct Chosen<'a>(Choice<'a>, &'a [Vec<f64>]);

impl PathPolicy for Chosen<'_> {
    fn act(&self, at: At, states: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
        let offer = self.1.get(at.shock).and_then(|v| v.first()).map_or(1, |w| *w as usize);
        for i in 0..draw.len() {
            actions[0][i] = (self.0)(states[0][i] as usize, offer) as f64;
        }
    }
}

/// What a policy of `ORDERS` is worth from the start.
fn orders(choice: Choice) -> f64 {
    let (mut system, mut reward) = (DMatrix::<f64>::identity(16, 16), DVector::<f64>::zeros(16));
    for x in 0..16 {
        let q = choice(x, 1);
        let stock = (x + q).min(15);
        reward[x] = -1.5 * q as f64 - if q > 0 { 2.0 } else { 0.0 } - 0.15 * stock as f64;
        for (demand, p) in [0.1, 0.25, 0.3, 0.25, 0.1].into_iter().enumerate() {
            let sold = demand.min(stock);
            reward[x] += p * 4.0 * sold as f64;
            system[(x, stock - sold)] -= 0.97 * p;
        }
    }
    system.lu().solve(&reward).unwrap()[5]
}

/// What a policy of `SEARCH` is worth from the start: states are the job (0 for none) and the offer.
fn search(choice: Choice) -> f64 {
    let at = |job: usize, offer: usize| job * 20 + offer - 1;
    let (mut system, mut reward) = (DMatrix::<f64>::identity(420, 420), DVector::<f64>::zeros(420));
    for job in 0..=20 {
        for offer in 1..=20 {
            let accepts = choice(job, offer) == 0;
            let now = if job > 0 { job } else { usize::from(accepts) * offer };
            reward[at(job, offer)] = (0.1 * now.max(1) as f64).ln();
            for next in 1..=20 {
                system[(at(job, offer), at(0, next))] -= 0.96 * 0.05 / 20.0;
                system[(at(job, offer), at(now, next))] -= 0.96 * 0.95 / 20.0;
            }
        }
    }
    let value = system.lu().solve(&reward).unwrap();
    (1..=20).map(|w| value[at(0, w)] / 20.0).sum()
}

fn judge_of(text: &str) -> Judge {
    let (model, diagnostics) = crate::compile(text, &crate::Options::default());
    let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let solved = crate::fixtures::solve(&model, &Default::default(), &mut silent).unwrap();
    Judge::new(&model, solved, false).unwrap()
}

/// Estimate and standard error of the loss of each policy in each replication, `[policy][replication]`, and the paths followed; exact losses where
/// `sampling` is not asked for.
fn losses(judge: &Judge, policies: &[Choice], replications: u64, sampling: bool) -> (Vec<Vec<(f64, f64)>>, Vec<usize>) {
    let bellman = Bellman::new(&judge.decision, judge.solution.interpolation).unwrap();
    let exact = SolvedPolicy::new(&bellman, &judge.solution).unwrap();
    let mut welfare = Welfare::new(&bellman, &exact, &judge.solution);
    let starts = judge.starts(None, PATHS, 1);
    let constant = constant::best(&bellman, &welfare, &judge.exact, &starts, 1, Some(&judge.ground)).unwrap();
    let constant = constant.policy(&bellman);
    if sampling {
        welfare = welfare.by_sampling();
    }
    let chain = &judge.decision.spec().chain.values;
    let acts: Vec<Chosen> = policies.iter().map(|p| Chosen(*p, chain)).collect();
    let (mut out, mut paths) = (vec![Vec::new(); policies.len()], Vec::new());
    let learned: Vec<&dyn PathPolicy> = acts.iter().map(|a| a as &dyn PathPolicy).collect();
    let beside = Beside {
        exact: &exact,
        // Losses are in units of the gain over the best constant here.
        random: &exact,
        constant: Some(&constant),
    };
    for seed in 1..=replications {
        let trial = Trial {
            seeds: vec![seed],
            limit: Some(0.001),
            ..Trial::default()
        };
        let known = judge.measured(&welfare, &beside, &learned, &trial);
        paths.push(known.exact.start.len());
        for (out, own) in out.iter_mut().zip(&known.learned) {
            let worth = Worth::of(own, &known.exact, &known.unit);
            out.push((worth.loss, worth.error));
        }
    }
    (out, paths)
}

#[test]
fn replications_hold_the_truth_as_often_as_they_say() {
    let replications = std::env::var("ECONC_REPLICATIONS")
        .ok()
        .and_then(|r| r.parse().ok())
        .unwrap_or(20);
    let shop = judge_of(ORDERS);
    let worker = judge_of(SEARCH);
    // What is best, from the solutions (which the exact losses below would give away if they were not).
    let best: Vec<usize> = shop.solution.policy[0].iter().map(|q| *q as usize).collect();
    let order = |from: usize, to: usize, q: usize| {
        let best = best.clone();
        move |x: usize, _: usize| if (from..=to).contains(&x) { q } else { best[x] }
    };
    let ordered = [
        order(1, 1, best[1].saturating_sub(1)),
        order(0, 0, best[0] - 1),
        order(0, 0, best[0] + 1),
        order(2, 2, best[2] + 1),
        order(3, 3, 0),
        order(0, 2, 4),
    ];
    let exact = |x: usize, _: usize| best[x];
    let above = |least: usize| move |_: usize, w: usize| usize::from(w < least);
    let reservation = (1..=20)
        .max_by(|a, b| search(&above(*a)).total_cmp(&search(&above(*b))))
        .unwrap();
    let accepted = [
        above(reservation - 1),
        above(reservation + 1),
        above(reservation + 2),
        above(reservation - 4),
    ];
    let mut rows: Vec<(String, f64, Vec<(f64, f64)>)> = Vec::new();
    let mut followed = Vec::new();
    let shops: Vec<Choice> = ordered.iter().map(|p| p as Choice).collect();
    let workers: Vec<Choice> = accepted.iter().map(|p| p as Choice).collect();
    type Value<'a> = &'a dyn Fn(Choice) -> f64;
    let constants: Vec<Box<dyn Fn(usize, usize) -> usize + Sync>> = (0..=10usize)
        .map(|q| Box::new(move |_: usize, _: usize| q) as Box<dyn Fn(usize, usize) -> usize + Sync>)
        .collect();
    for (name, judge, policies, value, best, choices) in [
        ("orders", &shop, &shops, &orders as Value, orders(&exact), 11),
        (
            "search",
            &worker,
            &workers,
            &search as Value,
            search(&above(reservation)),
            2,
        ),
    ] {
        let constant = constants[..choices]
            .iter()
            .map(|c| value(c))
            .fold(f64::NEG_INFINITY, f64::max);
        let truth: Vec<f64> = policies
            .iter()
            .map(|p| (best - value(*p)) / (best - constant))
            .collect();
        // Where all is finite the verdict does not guess.
        let (exactly, _) = losses(judge, policies, 1, false);
        for (known, truth) in exactly.iter().zip(&truth) {
            let (loss, error) = known[0];
            assert!(
                (loss - truth).abs() < 1e-9 * (1.0 + truth) && error < 1e-12,
                "{name}: {loss} ± {error}, {truth}"
            );
        }
        let (estimates, paths) = losses(judge, policies, replications, true);
        followed.extend(paths);
        for (k, (truth, own)) in truth.iter().zip(estimates).enumerate() {
            rows.push((format!("{name} {}", k + 1), *truth, own));
        }
    }
    let holds = |truth: f64, (loss, error): (f64, f64)| (loss - truth).abs() <= 2.0 * error;
    eprintln!("policy     loss %     held  median half-width %");
    for (name, truth, own) in &rows {
        let held = own.iter().filter(|e| holds(*truth, **e)).count() as f64 / own.len() as f64;
        let half: Vec<f64> = own.iter().map(|e| 200.0 * e.1).collect();
        let half = statistics::quantile(&half, 0.5);
        eprintln!("{name}  {:9.5}  {:5.1} %  {half:.5}", 100.0 * truth, 100.0 * held);
    }
    let all: Vec<bool> = rows
        .iter()
        .flat_map(|(_, t, own)| own.iter().map(|e| holds(*t, *e)))
        .collect();
    let share = all.iter().filter(|h| **h).count() as f64 / all.len() as f64;
    let paths: Vec<f64> = followed.iter().map(|p| *p as f64).collect();
    eprintln!(
        "held in {:.1} % of {}; {:.0} paths on average",
        100.0 * share,
        all.len(),
        statistics::mean(&paths)
    );
    assert!((0.90..=0.99).contains(&share), "{share}");
    let small: Vec<f64> = rows
        .iter()
        .filter(|r| r.1 < 1e-3)
        .flat_map(|r| r.2.iter().map(|e| 2.0 * e.1))
        .collect();
    assert!(!small.is_empty());
    assert!(statistics::quantile(&small, 0.5) < 3e-4, "{small:?}");
}
