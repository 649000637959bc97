//! Judging learned policies: distances, losses and what they are set beside.

use super::*;
use crate::solve::progress::silent;
use crate::verify::constant;
use crate::verify::welfare::Along;

const MODEL: &str = "shock z ~ ar1(rho: 0.9, sigma: 0.02)\nagent planner {\n  state k in [0.01, 2], start 0.2\n  \
    action s in (0, 1)\n  let y = exp(z) * k^0.36\n  let c = (1 - s) * y\n  k' = s * y\n  observe k, z\n  \
    reward log(c)\n  discount 0.96\n}\nsolve { grid.k = log(60); chain.z = rouwenhorst(5) }\n";

/// The same share everywhere.
struct Share(f64);
impl PathPolicy for Share {
    fn act(&self, _: At, _: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
        actions[0][..draw.len()].fill(self.0);
    }
}

#[test]
fn losses_and_distances_are_those_of_the_closed_form() {
    // Brock and Mirman (1972): the optimal share is alpha beta, and a constant share s for ever is worth
    // log(1 - s) + alpha beta / (1 - alpha beta) log s per unit of annuity, up to constants.
    let (model, diagnostics) = crate::compile(MODEL, &crate::Options::default());
    let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let solved = crate::fixtures::solve(&model, &Default::default(), &mut silent).unwrap();
    let judge = Judge::new(&model, solved, false).unwrap();
    let ab = 0.36 * 0.96;
    let worth = |s: f64| (1.0 - s).ln() + ab / (1.0 - ab) * s.ln();
    for share in [0.3, 0.4] {
        let d = &judge.distances(&Share(share)).unwrap()[0];
        assert!((d.root_mean_square - (share - ab).abs()).abs() < 1e-5, "{d:?}");
        assert!((d.relative() - (share / ab - 1.0).abs()).abs() < 1e-4);
        // The Euler equation of a constant share is 1 = alpha beta / s: this much consumption is missing or too much.
        let residual = judge.euler(&Share(share)).unwrap().unwrap().0;
        assert!((residual - (share / ab - 1.0).abs()).abs() < 1e-3, "{residual}");
        let w = judge.worths(&[&Share(share)], 3).unwrap();
        // u'(c) c = 1, so the loss in utils an annuity is the loss in logs of consumption.
        let exact = worth(ab) - worth(share);
        assert!(
            (w[1].loss - exact).abs() < 1e-3 * exact,
            "{share}: {} against {exact}",
            w[1].loss
        );
    }
    let (myopic, random) = judge
        .with_benchmarks(|exact, myopic, random| {
            let d = judge.distances(exact).unwrap();
            assert!(d[0].plain < 1e-12 && judge.one_shot(exact).unwrap().1 < 1e-9);
            assert!(judge.euler(exact).unwrap().is_some_and(|e| e.1 < 1e-4));
            let w = judge.worths(&[exact, myopic, random], 3).unwrap();
            assert_eq!(w[1].loss, 0.0);
            (w[2].loss, w[3].loss)
        })
        .unwrap();
    assert!(myopic > 0.1 && random > 0.1, "{myopic} {random}");
}

/// A shop that stocks whole units: what it orders arrives at once, demand is 0, 1 or 2.
const SHOP: &str = "param bonus = 0\nagent shop {\n  state x in 0..6, start 2\n  action q in 0..4\n  \
    noise dem ~ discrete([0, 1, 2], [0.3, 0.4, 0.3])\n  let stock = min(x + q, 6)\n  let sold = min(dem, stock)\n  \
    x' = stock - sold\n  observe x\n  \
    reward bonus + 4 * sold - 1.5 * q - (if q > 0 then 2 else 0) - 0.15 * stock\n  discount 0.9\n}\n";

/// Orders by stock.
struct Table([f64; 7]);
impl PathPolicy for Table {
    fn act(&self, _: At, states: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
        for i in 0..draw.len() {
            actions[0][i] = self.0[states[0][i] as usize];
        }
    }
}

/// Value of a table of orders at each stock, by enumeration; the best one over all orders where `best`.
fn enumerated(orders: [f64; 7], best: bool, bonus: f64) -> [f64; 7] {
    let mut v = [0.0; 7];
    for _ in 0..2000 {
        let old = v;
        for (x, v) in v.iter_mut().enumerate() {
            let of = |q: usize| -> f64 {
                let stock = (x + q).min(6);
                let fixed = if q > 0 { 2.0 } else { 0.0 };
                let chance = [(0usize, 0.3), (1, 0.4), (2, 0.3)].iter();
                let sales: f64 = chance
                    .map(|&(d, p)| {
                        let sold = d.min(stock);
                        p * (4.0 * sold as f64 + 0.9 * old[stock - sold])
                    })
                    .sum();
                bonus + sales - 1.5 * q as f64 - fixed - 0.15 * stock as f64
            };
            *v = if best {
                (0..=4).map(of).fold(f64::NEG_INFINITY, f64::max)
            } else {
                of(orders[x] as usize)
            };
        }
    }
    v
}

fn judge_of(text: &str) -> Judge {
    let (model, diagnostics) = crate::compile(text, &crate::Options::default());
    let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let solved = crate::fixtures::solve(&model, &Default::default(), &mut silent).unwrap();
    Judge::new(&model, solved, false).unwrap()
}

#[test]
fn what_a_policy_loses_is_what_enumeration_says() {
    for bonus in [0.0, 250.0] {
        let judge = judge_of(&SHOP.replace("bonus = 0", &format!("bonus = {bonus}")));
        let exact = enumerated([0.0; 7], true, bonus);
        for orders in [
            [4.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0],
            [0.0; 7],
        ] {
            let own = enumerated(orders, false, bonus);
            let w = judge.worths(&[&Table(orders)], 5).unwrap();
            let size = (w[0].value - w[1].value) / w[1].loss;
            let truth = exact[2] - own[2];
            let (loss, error) = (w[1].loss * size, w[1].error * size);
            assert!((w[0].value - exact[2]).abs() < 1e-6, "{} {}", w[0].value, exact[2]);
            assert!((loss - truth).abs() <= 4.0 * error + 1e-6, "{loss} {truth} {error}");
            // A hundred paths know it to a few per cent; two simulated lifetimes differ by more than the loss itself.
            assert!(error < 0.1 * truth + 1e-9, "{error} {truth}");
        }
    }
}

#[test]
fn the_best_constant_is_found_in_a_corner_of_wide_bounds() {
    // A price in [0, 5000] that sells max(10 - p, 0): the best is 5.5 whatever the range.
    let judge = judge_of(
        "agent seller {\n  state k in 0..1, start 0\n  action p in [0, 5000]\n  k' = 1 - k\n  observe k\n  \
         reward (p - 1 - k) * max(10 - p, 0)\n  discount 0.9\n}\nsolve { howard = 0 }\n",
    );
    let bellman = Bellman::new(&judge.decision, judge.solution.interpolation).unwrap();
    let exact = SolvedPolicy::new(&bellman, &judge.solution).unwrap();
    let welfare = Welfare::new(&bellman, &exact, &judge.solution);
    let found = constant::best(&bellman, &welfare, &judge.exact, &[vec![0.0]], 1, Some(&judge.ground)).unwrap();
    let level = if found.kind == "share" { 5000.0 } else { 1.0 } * found.numbers[0];
    // Weights of the two costs: 1 at even dates (of weight 1/1.9), 2 at odd ones.
    let cost = (1.0 + 0.9 * 2.0) / 1.9;
    assert!((level - 0.5 * (10.0 + cost)).abs() < 1e-2, "{found:?}");
    // Kelly (1956): with even odds and a chance of 0.6 the best stake is 0.2.
    let judge = judge_of(
        "agent trader {\n  state x in [0.001, 1000], start 1\n  action f in [0, 0.9]\n  noise up ~ bernoulli(0.6)\n  \
         let r = 1 + f * (if up then 1 else -1)\n  x' = clamp(x * r, 0.001, 1000)\n  observe x\n  reward log(r)\n  discount 0.95\n}\n\
         solve { grid.x = log(20) }\n",
    );
    let bellman = Bellman::new(&judge.decision, judge.solution.interpolation).unwrap();
    let exact = SolvedPolicy::new(&bellman, &judge.solution).unwrap();
    let welfare = Welfare::new(&bellman, &exact, &judge.solution);
    let found = constant::best(&bellman, &welfare, &judge.exact, &[vec![1.0]], 1, Some(&judge.ground)).unwrap();
    let stake = if found.kind == "share" { 0.9 } else { 1.0 } * found.numbers[0];
    assert!((stake - 0.2).abs() < 1e-3, "{found:?}");
}

/// A choice that matters at every other date only, unless `weight` says otherwise.
fn at_every_other_date(weight: f64) -> Judge {
    judge_of(&format!(
        "param weight = {weight}\nagent archer {{\n  state x in 0..1, start 0\n  action a in [0, 4]\n  x' = 1 - x\n  observe x\n  \
         reward if x == 0 then -(a - 2)^2 else -weight * (a - 2)^2\n  discount 0.9\n}}\n"
    ))
}

/// Right at even dates, `off` to the right at odd ones.
struct Odd(f64);
impl PathPolicy for Odd {
    fn act(&self, _: At, states: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
        for i in 0..draw.len() {
            actions[0][i] = 2.0 + self.0 * states[0][i];
        }
    }
}

#[test]
fn states_are_left_out_where_no_choice_nearby_costs_anything() {
    let free = &at_every_other_date(0.0).distances(&Odd(1.0)).unwrap()[0];
    assert!((free.left_out - 0.5).abs() < 1e-2 && free.relative() < 1e-4, "{free:?}");
    assert!(free.relative_plain() > 0.2, "{free:?}");
    // What costs a little counts: two per cent off cost 1.6e-6 of a period's reward and more.
    for weight in [0.5, 0.01] {
        let dear = &at_every_other_date(weight).distances(&Odd(1.0)).unwrap()[0];
        assert_eq!(dear.left_out, 0.0, "{dear:?}");
        // Off by 1 at half of the dates, of 2 at all.
        assert!((dear.relative() - 0.5f64.sqrt() / 2.0).abs() < 1e-3, "{dear:?}");
        assert_eq!(dear.relative(), dear.relative_plain());
    }
}

#[test]
fn a_finite_choice_that_is_as_good_is_no_other_choice() {
    let text = |gain: &str| {
        format!(
            "agent a {{\n  state x in 0..1, start 0\n  action d in {{left, right}}\n  x' = 1 - x\n  observe x\n  \
             reward if x == 0 and d == right then 1 else if x == 1 and d == right then {gain} else 0\n  discount 0.9\n}}\n"
        )
    };
    struct Left;
    impl PathPolicy for Left {
        fn act(&self, _: At, _: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
            actions[0][..draw.len()].fill(0.0);
        }
    }
    let tie = &judge_of(&text("1e-9")).distances(&Left).unwrap()[0];
    // The first date weighs 1 / (1 + 0.9) of every two.
    assert!(
        (tie.relative() - 1.0 / 1.9).abs() < 2e-2 && tie.relative_plain() == 1.0,
        "{tie:?}"
    );
    let dear = &judge_of(&text("0.1")).distances(&Left).unwrap()[0];
    assert_eq!((dear.relative(), dear.relative_plain()), (1.0, 1.0));
}

#[test]
fn a_number_added_to_the_reward_moves_no_one_shot_gain() {
    let gain = |bonus: &str| {
        let judge = judge_of(&SHOP.replace("bonus = 0", bonus));
        judge.one_shot(&Table([4.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0])).unwrap().0
    };
    let (plain, moved) = (gain("bonus = 0"), gain("bonus = 1000"));
    assert!(plain > 1e-3 && (plain / moved - 1.0).abs() < 1e-6, "{plain} {moved}");
}

#[test]
fn the_judge_stands_on_the_chain_that_the_solver_refined() {
    let (model, diagnostics) = crate::compile(
        "shock p ~ ar1(rho: 0.85, sigma: 0.1)\nagent firm {\n  state k in (0, inf), start uniform(2, 12)\n  action x in [0, 0.4]\n  \
         let i = x * k\n  k' = 0.9 * k + i\n  observe k, p\n  reward exp(p) * k^0.6 - 0.45 * i - 1.5 * (x - 0.1)^2 * k\n  \
         discount 0.95\n}\n",
        &crate::Options::default(),
    );
    let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let solved = crate::fixtures::solve(&model, &Default::default(), &mut silent).unwrap();
    assert!(solved.build.fineness > 0, "the economy is to ask for a longer chain");
    let judge = Judge::new(&model, solved, false).unwrap();
    judge
        .with_benchmarks(|exact, _, _| {
            assert!(judge.distances(exact).unwrap()[0].plain < 1e-9);
            assert!(judge.one_shot(exact).unwrap().0 < 1e-6);
        })
        .unwrap();
}

/// The best constant of a model, searched for as a verdict does.
fn best_constant(text: &str) -> constant::Constant {
    let judge = judge_of(text);
    let bellman = Bellman::new(&judge.decision, judge.solution.interpolation).unwrap();
    let exact = SolvedPolicy::new(&bellman, &judge.solution).unwrap();
    let welfare = Welfare::new(&bellman, &exact, &judge.solution);
    constant::best(
        &bellman,
        &welfare,
        &judge.exact,
        &judge.starts(None, PATHS, 1),
        1,
        Some(&judge.ground),
    )
    .unwrap()
}

#[test]
fn the_best_constant_is_found_among_choices_with_numbers_and_among_many_choices() {
    // Right pays more, and another number goes with it.
    let both = best_constant(
        "agent a {\n  state x in 0..1, start 0\n  action d in {left, right}\n  action p in [0, 10]\n  x' = 1 - x\n  observe x\n  \
         reward if d == left then -(p - 2 - x)^2 else 3 - (p - 7)^2\n  discount 0.9\n}\n",
    );
    assert_eq!(both.choices, [1.0], "{both:?}");
    let level = if both.kind == "share" { 10.0 } else { 1.0 } * both.numbers[0];
    assert!((level - 7.0).abs() < 1e-3, "{both:?}");
    // 512 joint choices are not all tried.
    let many = best_constant(
        "agent a {\n  state x in 0..1, start 0\n  action u in 0..7\n  action v in 0..7\n  action w in 0..7\n  x' = 1 - x\n  \
         observe x\n  reward -(u - 1 - 4 * x)^2 - (v - 6)^2 - (w - u)^2\n  discount 0.9\n}\n",
    );
    // Of u the first date weighs 10 / 19.
    assert_eq!(many.choices[1], 6.0, "{many:?}");
    assert!(
        many.choices[0] == many.choices[2] && [3.0, 2.0].contains(&many.choices[0]),
        "{many:?}"
    );
}

#[test]
fn a_unit_from_the_same_paths_moves_with_them() {
    let along = |shortfall: &[f64]| Along {
        shortfall: shortfall.to_vec(),
        ..Along::default()
    };
    let (own, exact) = (along(&[1.0, 3.0]), along(&[0.0, 0.0]));
    // Half of the unit on every path, whatever the path: nothing is left to luck.
    assert_eq!(own.behind_in(&exact, &[2.0, 6.0]), (0.5, 0.0));
    let (loss, error) = own.behind_in(&exact, &[4.0, 4.0]);
    assert_eq!((loss, error), (0.5, 0.25));
}

/// A put on a walk, whose holder may hold it for ever: lives end by choice.
const PUT: &str = "param up = 0.6\nagent holder {\n  state x in -20..20, start 0\n  action d in {hold, exercise}\n  \
    noise rise ~ bernoulli(up)\n  x' = clamp(x + (if rise then 1 else -1), -20, 20)\n  end when d == exercise\n  observe x\n  \
    reward if d == exercise then 1 - exp(0.1 * x) else 0\n  discount 0.97\n}\n";

/// Exercises where the walk is at this number or below.
struct Below(f64);
impl PathPolicy for Below {
    fn act(&self, _: At, states: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
        for i in 0..draw.len() {
            actions[0][i] = f64::from(u8::from(states[0][i] <= self.0));
        }
    }
}

#[test]
fn places_are_those_of_whole_lives_where_lives_end_by_choice() {
    let judge = judge_of(PUT);
    let pays = |x: i32| 1.0 - (0.1 * f64::from(x)).exp();
    let to = |x: i32| [(0.6, (x + 1).min(20)), (0.4, (x - 1).max(-20))];
    let at = |x: i32| (x + 20) as usize;
    let mut value = [0.0; 41];
    let hold = |value: &[f64; 41], x: i32| 0.97 * to(x).iter().map(|(p, y)| p * value[at(*y)]).sum::<f64>();
    for _ in 0..3000 {
        let old = value;
        (-20..=20).for_each(|x| value[at(x)] = pays(x).max(hold(&old, x)));
    }
    let ends = |x: i32| pays(x) >= hold(&value, x);
    let first = (-20..=20).filter(|x| ends(*x)).max().unwrap();
    assert!((-6..=-1).contains(&first), "{first}");
    // What each place weighs in a life of the exact policy: where it is by chance, times the discount.
    let (mut now, mut weighs) = ([0.0; 41], [0.0; 41]);
    now[at(0)] = 1.0;
    for _ in 0..2000 {
        let mut next = [0.0; 41];
        for x in -20..=20 {
            weighs[at(x)] += now[at(x)];
            if !ends(x) {
                to(x).iter().for_each(|(p, y)| next[at(*y)] += 0.97 * p * now[at(x)]);
            }
        }
        now = next;
    }
    let all: f64 = weighs.iter().sum();
    let share = |other: &dyn Fn(i32) -> bool| {
        let wrong = (-20..=20).filter(|x| ends(*x) != other(*x));
        wrong.map(|x| weighs[at(x)]).sum::<f64>() / all
    };
    let never = (Below(-30.0), share(&|_| false));
    let early = (Below(0.0), share(&|x| x <= 0));
    let late = (Below(f64::from(first - 3)), share(&|x| x <= first - 3));
    for (policy, truth) in [&never, &early, &late] {
        let found = judge.distances(policy).unwrap()[0].relative();
        assert!(*truth > 0.01 && (found / truth - 1.0).abs() < 0.25, "{found} {truth}");
    }
    // Of what is lost by holding once, and then going on as is best.
    let lost = |x: i32| (pays(x) - hold(&value, x)) / judge.period().size;
    let truth = (-20..=20)
        .filter(|x| ends(*x))
        .map(|x| weighs[at(x)] * lost(x))
        .sum::<f64>()
        / all;
    let found = judge.one_shot(&never.0).unwrap().0;
    assert!(truth > 1e-6 && (found / truth - 1.0).abs() < 0.25, "{found} {truth}");
}

/// A shop that must not order more than it can store; an order that is too large is made smaller.
const STORE: &str = "agent shop {\n  state s in 0..10, start 2\n  action q in 0..10\n  require s + q <= 10\n  \
    noise d ~ uniform_int(0, 5)\n  let sold = min(s + q, d)\n  s' = s + q - sold\n  observe s\n  \
    reward 4 * sold - (if q > 0 then 3 else 0) - 1.5 * q - 0.2 * s'\n  discount 0.95\n}\n";

/// What always ordering `q`, less where there is no room, is worth at a stock of two.
fn stored(q: usize) -> f64 {
    stored_by_chance(&[q])
}

/// What ordering one of these, all with the same chance, less where there is no room, is worth at a stock of two.
fn stored_by_chance(orders: &[usize]) -> f64 {
    let mut value = [0.0; 11];
    for _ in 0..1000 {
        let old = value;
        for (s, value) in value.iter_mut().enumerate() {
            let of = |q: usize| {
                let q = q.min(10 - s);
                let one = |d: usize| {
                    let sold = d.min(s + q);
                    let left = s + q - sold;
                    (4.0 * sold as f64 - 0.2 * left as f64 + 0.95 * old[left]) / 6.0
                };
                (0..=5).map(one).sum::<f64>() - 1.5 * q as f64 - if q > 0 { 3.0 } else { 0.0 }
            };
            *value = orders.iter().map(|q| of(*q)).sum::<f64>() / orders.len() as f64;
        }
    }
    value[2]
}

/// Nothing or three, by a stream of its own.
#[derive(Debug)]
struct ByChance;
impl Decide for ByChance {
    fn fits(&self, _: usize, _: &crate::env::ActionSpace) -> bool {
        true
    }
    fn mixes(&self) -> bool {
        false
    }
    fn begin(&self, slots: usize) -> Box<dyn crate::env::decide::PolicyRunner> {
        Box::new(ByChanceOn(0, slots))
    }
}

struct ByChanceOn(u64, usize);
impl crate::env::decide::PolicyRunner for ByChanceOn {
    fn act(&mut self, _: &[f32], _: &[f32], _: Option<&[f32]>, actions: &mut crate::env::Actions) {
        self.0 += 1;
        let draw = |i: usize| crate::num::random::Key::new(5, 6).uniform(self.0, i as u64) < 0.5;
        actions.discrete = (0..self.1).map(|i| 3 * u32::from(draw(i))).collect();
    }
    fn forget(&mut self, _: &dyn Fn(usize) -> bool) {}
}

#[test]
fn a_policy_that_answers_by_chance_is_followed_by_chance() {
    let verdict = judge_of(STORE).verdict(&[(1, &ByChance)], 1).unwrap();
    let truth = stored_by_chance(&[0, 3]);
    let own = &verdict.seeds[0];
    let exact = verdict.benchmarks.iter().find(|b| b.0 == "exact").unwrap().1;
    let size = (exact.value - own.value) / own.loss;
    assert!(verdict.sampled && own.loss_error > 0.0, "{own:?}");
    assert!(
        (own.value - truth).abs() < 4.0 * own.loss_error * size,
        "{own:?} {truth}"
    );
    assert!(!judge_of(STORE).verdict(&[(1, &Always(3))], 1).unwrap().sampled);
}

/// Always the same choice.
#[derive(Debug)]
struct Always(u32);
impl Decide for Always {
    fn fits(&self, _: usize, _: &crate::env::ActionSpace) -> bool {
        true
    }
    fn mixes(&self) -> bool {
        false
    }
    fn begin(&self, slots: usize) -> Box<dyn crate::env::decide::PolicyRunner> {
        Box::new(AlwaysOn(self.0, slots))
    }
}

struct AlwaysOn(u32, usize);
impl crate::env::decide::PolicyRunner for AlwaysOn {
    fn act(&mut self, _: &[f32], _: &[f32], _: Option<&[f32]>, actions: &mut crate::env::Actions) {
        actions.discrete = vec![self.0; self.1];
    }
    fn forget(&mut self, _: &dyn Fn(usize) -> bool) {}
}

/// What a verdict says of always the same choice, and the benchmark of this name.
fn always(text: &str, choice: u32, benchmark: &str) -> (Verdict, f64) {
    let verdict = judge_of(text).verdict(&[(1, &Always(choice))], 1).unwrap();
    let found = verdict.benchmarks.iter().find(|b| b.0.starts_with(benchmark));
    let value = found.map_or(f64::NAN, |b| b.1.value);
    (verdict, value)
}

#[test]
fn constants_are_moved_to_what_is_feasible_as_learned_policies_are() {
    let best = (0..=10).max_by(|a, b| stored(*a).total_cmp(&stored(*b))).unwrap();
    assert!(best > 0 && stored(best) > stored(0) + 10.0);
    let (verdict, constant) = always(STORE, best as u32, "best constant");
    assert!((constant - stored(best)).abs() < 1e-6, "{constant} {}", stored(best));
    assert!((verdict.seeds[0].value - stored(best)).abs() < 1e-6, "{verdict:?}");
    assert_eq!(verdict.seeds[0].behind_constant.map(|b| b.0.abs() < 1e-9), Some(true));
    assert!(verdict.constant_moved > 0.0 && verdict.seeds[0].moved == verdict.constant_moved);
    let (_, random) = always(STORE, 0, "random");
    let truth = stored_by_chance(&(0..=10).collect::<Vec<usize>>());
    assert!((random - truth).abs() < 1.0, "{random} {truth}");
}

#[test]
fn masked_choices_are_moved_to_the_nearest_and_counted() {
    // High is forbidden at even dates, where it would pay ten.
    let text = "agent a {\n  state x in 0..1, start 0\n  action d in {none, low, high when x == 1}\n  x' = 1 - x\n  observe x\n  \
        reward if d == high then (if x == 1 then 2 else 10) else if d == low then 1 else 0\n  discount 0.9\n}\n";
    let (verdict, constant) = always(text, 2, "best constant");
    let truth = (1.0 + 0.9 * 2.0) / (1.0 - 0.81);
    assert!((verdict.seeds[0].value - truth).abs() < 1e-9, "{verdict:?}");
    assert!((constant - truth).abs() < 1e-9, "{constant}");
    assert!((verdict.seeds[0].moved - 0.5).abs() < 1e-9 && (verdict.constant_moved - 0.5).abs() < 1e-9);
    assert_eq!(always(text, 1, "best constant").0.seeds[0].moved, 0.0);
}

#[test]
fn choices_out_of_reach_of_a_learner_are_told() {
    let tracker = |scale: f64| {
        judge_of(&format!(
            "param scale = {scale}\nagent tracker {{\n  shock g ~ ar1(rho: 0.8, sigma: 0.3 * scale)\n  state x in (-inf, inf), start scale\n  \
             action u in (-inf, inf)\n  x' = 0.9 * x + 0.5 * u\n  observe x, g\n  \
             reward -((x - g) / scale)^2 - 0.3 * (u / scale)^2\n  discount 0.95\n}}\n"
        ))
        .beyond()
        .clone()
    };
    assert_eq!(tracker(1.0), Beyond::default());
    let far = tracker(10_000.0);
    assert!(far.share > 0.2 && far.cost > 1e-3, "{far:?}");
    // The best share is alpha beta of what is there: an end that is missed by a thousandth is nothing to somebody in the middle.
    assert_eq!(judge_of(MODEL).beyond(), &Beyond::default());
    let miser = judge_of(
        &MODEL
            .replace("0.36", "0.0005")
            .replace("log(60)", "log(20)")
            .replace("[0.01, 2]", "[0.0001, 2]"),
    );
    let miser = miser.beyond();
    assert!(miser.share > 0.99, "{miser:?}");
    assert!(
        miser.first.as_ref().is_some_and(|f| (f.2 - 1e-3).abs() < 1e-9),
        "{miser:?}"
    );
}

#[test]
fn a_logarithm_is_known_by_what_a_share_of_consumption_costs() {
    assert!(judge_of(MODEL).logarithmic);
    assert!(!judge_of(&MODEL.replace("log(c)", "crra(c, 2)")).logarithmic);
}
