//! Profiles that are equilibria by closed forms, and the same ruined one way at a time: what each then gains is known.

use super::*;
use crate::env::cast::Behaviour;
use crate::env::decide::{Decide, PolicyRunner};
use crate::env::{ActionSpace, Actions};
use crate::solve::progress::silent;
use std::sync::Arc;

const COURNOT: &str = include_str!("../../../models/cournot.econ");
const RING: &str = include_str!("../../../models/rock_paper_scissors.econ");
const AUCTION: &str = include_str!("../../../models/first_price.econ");
const LEADER: &str = include_str!("../../../models/stackelberg.econ");
/// Levhari and Mirman (1980) with two who fish: `c / x = (1 - a b) / (2 - a b)`.
const FISH: &str = "model fish_war\nagent fisher[2] {\n  action s in [0.01, 0.6]\n  let c = s * x\n  observe x\n  reward log(c)\n  \
    discount 0.95\n}\nstate x in [0.02, 1.5], start uniform(0.2, 1)\nx' = (x * (1 - sum(fisher.s)))^0.3\nsolve { concept = nash }\n";

fn compiled(text: &str) -> Model {
    let (model, diagnostics) = crate::compile(text, &crate::Options::default());
    model.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

fn judged(model: &Model, agents: &[usize], cast: Cast, limit: f64) -> Judged {
    let profile = Profile { seed: 1, cast };
    judge(model, agents, &profile, None, (limit, 3), &mut silent).unwrap_or_else(|d| panic!("{d:?}"))
}

fn fixed(values: &[(&str, f64)]) -> Cast {
    Behaviour::Fixed(values.iter().map(|(n, x)| (n.to_string(), *x)).collect()).into()
}

#[test]
fn gains_in_quantities_are_those_of_the_closed_form() {
    let model = compiled(COURNOT);
    for (q, tolerance) in [(2.25, 1e-9), (1.05 * 2.25, 1e-6), (1.2 * 2.25, 1e-6), (1.5, 1e-6)] {
        let all = judged(&model, &[0], fixed(&[("firm.q", q)]), 0.005);
        let best = (9.0 - 2.0 * q) / 2.0;
        let (worth, gain) = (q * (9.0 - 3.0 * q), (best - q) * (best - q));
        assert_eq!(all.gains.len(), 3);
        for g in &all.gains {
            assert!((g.worth.0 - worth).abs() < 1e-9 && g.gain.1 == 0.0, "{g:?}");
            assert!((g.gain.0 - gain).abs() < tolerance, "{q}: {g:?}, {gain}");
        }
        assert!((all.played[0].mean - q).abs() < 1e-12, "{:?}", all.played);
    }
}

#[test]
fn mixed_strategies_are_judged_as_they_are_drawn() {
    let model = compiled(RING);
    let even = judged(&model, &[0], Behaviour::Random.into(), 0.02);
    for g in &even.gains {
        assert!(g.share().0 <= 2.0 * g.share().1 && g.share().1 < 0.02, "{g:?}");
    }
    // Who always shows the same loses every time to the one that beats it, and ties with itself.
    let rock = judged(&model, &[0], fixed(&[("player.d", 0.0)]), 0.02);
    for g in &rock.gains {
        assert!((g.gain.0 - 1.0).abs() < 1e-12 && g.reply.contains("paper"), "{g:?}");
    }
}

/// A policy that is a line in the one number that is seen, in units of half ranges.
#[derive(Clone, Debug)]
struct Line(f32, f32);
impl Decide for Line {
    fn fits(&self, width: usize, space: &ActionSpace) -> bool {
        width == 1 && space.continuous == 1
    }
    fn mixes(&self) -> bool {
        false
    }
    fn begin(&self, _: usize) -> Box<dyn PolicyRunner> {
        Box::new(self.clone())
    }
}
impl PolicyRunner for Line {
    fn act(&mut self, observation: &[f32], _: &[f32], _: Option<&[f32]>, actions: &mut Actions) {
        actions.continuous = observation.iter().map(|x| self.0 * x + self.1).collect();
    }
    fn forget(&mut self, _: &dyn Fn(usize) -> bool) {}
}

fn learned(agent: &str, line: Line) -> (String, Behaviour) {
    let behaviour = Behaviour::Learned {
        agent: Some(agent.into()),
        grids: false,
        policy: Arc::new(line),
    };
    (agent.to_string(), behaviour)
}

/// Bids that are a share of the value, where value and bid both go from 0 to 1.
fn bids(share: f64) -> Cast {
    Cast {
        agents: vec![learned("bidder", Line(share as f32, share as f32 - 1.0))],
        others: Behaviour::Random,
    }
}

#[test]
fn bids_are_judged_value_by_value() {
    let model = compiled(AUCTION);
    // Two bidders bid half of the value in equilibrium: `b = v / 2`, worth 1/6.
    let even = judged(&model, &[0], bids(0.5), 0.01);
    for g in &even.gains {
        assert!((g.worth.0 - 1.0 / 6.0).abs() < 5.0 * g.worth.1, "{g:?}");
        assert!(g.share().0 < 0.01, "{g:?}");
    }
    // Against bids of .6 v the best is half of the value: a gain of v^2 / 60, 1/180 on average.
    let high = judged(&model, &[0], bids(0.6), 0.01);
    for g in &high.gains {
        assert!((g.gain.0 - 1.0 / 180.0).abs() < 4.0 * g.gain.1 + 4e-4, "{g:?}");
        assert!(g.share().0 - 2.0 * g.share().1 > 0.01, "{g:?}");
    }
}

#[test]
fn later_stages_answer_a_deviation() {
    let model = compiled(LEADER);
    // The follower answers (9 - q) / 2, with both in [0, 10]: the leader's best is 4.5, though a follower that stands still would
    // make 3.375 the best. Quantities are `5 + 5 x`.
    let follower = Line(-0.5, -0.6);
    let cast = |q: f64, follower: &Line| Cast {
        agents: vec![
            ("leader".into(), Behaviour::Fixed(vec![("leader.q".into(), q)])),
            learned("follower", follower.clone()),
        ],
        others: Behaviour::Random,
    };
    let right = judged(&model, &[0, 1], cast(4.5, &follower), 0.005);
    for g in &right.gains {
        assert!(g.share().0 < 1e-6, "{g:?}");
    }
    assert!((right.gains[0].worth.0 - 10.125).abs() < 1e-4);
    let shy = judged(&model, &[0, 1], cast(3.375, &follower), 0.005);
    let gain = 0.5 * (4.5f64 - 3.375).powi(2);
    assert!(
        (shy.gains[0].gain.0 - gain).abs() < 1e-3 && shy.gains[1].share().0 < 1e-6,
        "{shy:?}"
    );
    // A follower that plays the leader's policy.
    let alike = judged(&model, &[0, 1], cast(4.5, &Line(0.0, -0.1)), 0.005);
    assert!((alike.gains[1].gain.0 - 2.25f64.powi(2)).abs() < 1e-3, "{alike:?}");
}

#[test]
fn lives_are_judged_by_the_best_reply_to_the_end() {
    let model = compiled(FISH);
    let ab: f64 = 0.3 * 0.95;
    let nash = (1.0 - ab) / (2.0 - ab);
    // Against a share s the best is a constant share, too (the value is a line in log x).
    let gain = |s: f64| {
        let best = (1.0 - ab) * (1.0 - s);
        let kept = |own: f64| ab / (1.0 - ab) * (1.0 - own - s).ln();
        ((best / s).ln() + kept(best) - kept(s)) / (1.0 - 0.95)
    };
    let even = judged(&model, &[0], fixed(&[("fisher.s", nash)]), 0.005);
    for g in &even.gains {
        assert!(g.share().0 < 1e-4 && g.unsolved.is_none(), "{g:?}");
    }
    let much = judged(&model, &[0], fixed(&[("fisher.s", 1.1 * nash)]), 0.005);
    for g in &much.gains {
        // Lives count until a period weighs a thousandth.
        assert!(
            (g.gain.0 / gain(1.1 * nash) - 1.0).abs() < 0.02,
            "{g:?} {}",
            gain(1.1 * nash)
        );
    }
    // The solver's reply earns the same where constants were not tried.
    let (players, left_out) = players(&model, 0);
    assert_eq!((players.len(), left_out), (2, 0));
    let cast = fixed(&[("fisher.s", 1.1 * nash)]);
    let (deviator, _) = reply::solved(&model, &players[1], &cast, &mut silent).unwrap();
    let mut lives = Lives::new(&model, &players[1], &cast, (5, false)).unwrap();
    let own = statistics::mean(&lives.earned(7, None).unwrap().sum);
    let more = statistics::mean(&lives.earned(7, Some(&Reply::Policy(Box::new(deviator)))).unwrap().sum);
    assert!(
        ((more - own) / gain(1.1 * nash) - 1.0).abs() < 0.03,
        "{} {}",
        more - own,
        gain(1.1 * nash)
    );
}

#[test]
fn a_reply_without_bounds_is_that_of_the_linear_regulator() {
    let model = compiled(include_str!("../../../models/lq_duopoly.econ"));
    let cast = fixed(&[("firm.u", 0.0)]);
    // The other stays at 1: `V(q) = max (8 - 2 q) q - 12 u^2 + .96 V(q + u)` is `a q^2 + b q + c`.
    let (mut a, mut b, mut rule) = (0.0f64, 0.0f64, (0.0, 0.0));
    for _ in 0..2000 {
        let d = 24.0 - 1.92 * a;
        rule = (1.92 * a / d, 0.96 * b / d);
        let (m, n) = (1.0 + rule.0, rule.1);
        let next = (
            -2.0 - 12.0 * rule.0 * rule.0 + 0.96 * a * m * m,
            8.0 - 24.0 * rule.0 * rule.1 + 0.96 * (2.0 * a * m * n + b * m),
        );
        (a, b) = next;
    }
    let periods = ((1e-3f64).ln() / 0.96f64.ln()).ceil() as i32;
    let (mut q, mut more) = (1.0, 0.0);
    for t in 0..periods {
        let u = rule.0 * q + rule.1;
        more += 0.96f64.powi(t) * ((8.0 - 2.0 * q) * q - 12.0 * u * u - 6.0);
        q += u;
    }
    let all = judged(&model, &[0], cast, 0.005);
    for g in &all.gains {
        assert!(
            g.unsolved.is_none() && (g.gain.0 / more - 1.0).abs() < 0.01,
            "{g:?} {more}"
        );
    }
}

#[test]
fn shares_of_a_budget_are_moved_together() {
    let text = "model media \"Two advertisers, two media\"\nset medium = {tv, web}\nparam w[medium] = [3, 1]\nagent firm[2] {\n  \
        action s[medium] in simplex(medium)\n  reward sum(w * s / (s + sum(others(firm.s))) over medium)\n}\n";
    let model = compiled(text);
    let even = judged(&model, &[0], fixed(&[("firm.s", 0.5)]), 0.005);
    // The others are one of the axes of firms, said or not.
    let said = compiled(&text.replace("others(firm.s)", "others(firm.s) over firm"));
    assert_eq!(judged(&said, &[0], fixed(&[("firm.s", 0.5)]), 0.005), even);
    // Against halves, `3 x / (x + 1/2) + (1 - x) / (3/2 - x)` is largest where `sqrt(3) (3/2 - x) = x + 1/2`.
    let r = 3f64.sqrt();
    let x = (1.5 * r - 0.5) / (1.0 + r);
    let gain = 3.0 * x / (x + 0.5) + (1.0 - x) / (1.5 - x) - 2.0;
    assert_eq!(even.gains.len(), 2);
    for g in &even.gains {
        assert!(
            (g.worth.0 - 2.0).abs() < 1e-12 && (g.gain.0 - gain).abs() < 1e-6,
            "{g:?}, {gain}"
        );
        assert!(
            g.reply.contains("s[1] = 0.76") && g.reply.contains("s[2] = 0.23"),
            "{g:?}"
        );
    }
    let names: Vec<&str> = even.played.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["firm.s[1]", "firm.s[2]"]);
    assert!(
        even.played.iter().all(|p| (p.mean - 0.5).abs() < 1e-12),
        "{:?}",
        even.played
    );
}

#[test]
fn several_actions_move_together() {
    // Goods and labour are made for each other, and having any costs 5: less of one alone only wastes the other.
    let text = "model plant \"Two plants\"\nagent firm[2] {\n  action q in [0, 10]\n  action l in [0, 4]\n  \
        reward 0.01 * sum(others(firm.q)) - (if q + l > 0 then 5 else 0) - 100 * (q - l)^2\n}\n";
    let all = judged(&compiled(text), &[0], fixed(&[("firm.q", 1.0), ("firm.l", 1.0)]), 0.005);
    assert_eq!(all.gains.len(), 2);
    for g in &all.gains {
        assert!(
            (g.worth.0 + 4.99).abs() < 1e-9 && (g.gain.0 - 5.0).abs() < 1e-9,
            "{g:?}"
        );
        assert!(g.reply.contains("q = 0") && g.reply.contains("l = 0"), "{g:?}");
    }
    // With a third choice beside them, and numbers that pay in proportion.
    let text = "model mill \"Two mills\"\nagent firm[2] {\n  action q in [0, 10]\n  action l in [0, 10]\n  action w in {no, yes}\n  \
        reward 0.01 * sum(others(firm.q)) + q - 0.1 * q^2 - 100 * (q - l)^2 - (if w == yes then 1 else 0)\n}\n";
    let all = judged(
        &compiled(text),
        &[0],
        fixed(&[("firm.q", 4.0), ("firm.l", 4.0), ("firm.w", 0.0)]),
        0.005,
    );
    for g in &all.gains {
        assert!((g.gain.0 - 0.1).abs() < 1e-3, "{g:?}");
    }
}

#[test]
fn a_reply_sees_what_the_player_observes_and_no_more() {
    // Each guesses the other's coin, which it does not see: half of all guesses are right whatever one does.
    let text = "model coins \"Two hidden coins\"\nagent p[2] {\n  noise n ~ bernoulli(0.5)\n  state c in 0..1, start random\n  \
        action g in 0..1\n  c' = n\n  observe c\n  reward if g == sum(others(p.c)) then 1 else 0\n  discount 0.5\n}\n";
    let model = compiled(text);
    let blind = judged(&model, &[0], Behaviour::Random.into(), 0.05);
    for g in &blind.gains {
        assert!((g.worth.0 - 1.0).abs() < 5.0 * g.worth.1, "{g:?}");
        assert!(g.share().0 < 3.0 * g.share().1 + 1e-9, "{g:?}");
        assert!(g.unsolved.is_some(), "{g:?}");
    }
    // One who sees it guesses right.
    let model = compiled(&text.replace("observe c", "observe c, others(p.c)"));
    let seeing = judged(&model, &[0], Behaviour::Random.into(), 0.05);
    for g in &seeing.gains {
        assert!((g.gain.0 - 1.0).abs() < 0.1 && g.unsolved.is_none(), "{g:?}");
    }
}
