//! Known problems for tests, written by hand against the trait: one closure a point, on dual numbers, so that derivatives are
//! exact.

use super::problem::*;
use crate::chance::chain;
use crate::diag::Diagnostic;
use crate::num::grid;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A number and its derivative in one direction.
#[derive(Clone, Copy, Debug)]
pub struct Dual {
    pub v: f64,
    pub d: f64,
}

pub fn c(v: f64) -> Dual {
    Dual { v, d: 0.0 }
}

impl Dual {
    pub fn ln(self) -> Dual {
        Dual {
            v: self.v.ln(),
            d: self.d / self.v,
        }
    }
    pub fn exp(self) -> Dual {
        Dual {
            v: self.v.exp(),
            d: self.d * self.v.exp(),
        }
    }
    pub fn powf(self, p: f64) -> Dual {
        Dual {
            v: self.v.powf(p),
            d: self.d * p * self.v.powf(p - 1.0),
        }
    }
    pub fn sqrt(self) -> Dual {
        self.powf(0.5)
    }
}

macro_rules! operators {
    ($($trait:ident $f:ident |$a:ident, $b:ident| $e:expr;)*) => {$(
        impl $trait for Dual { type Output = Dual; fn $f(self, o: Dual) -> Dual { let ($a, $b) = (self, o); $e } }
        impl $trait<f64> for Dual { type Output = Dual; fn $f(self, o: f64) -> Dual { let ($a, $b) = (self, c(o)); $e } }
        impl $trait<Dual> for f64 { type Output = Dual; fn $f(self, o: Dual) -> Dual { let ($a, $b) = (c(self), o); $e } }
    )*};
}
operators! {
    Add add |a, b| Dual { v: a.v + b.v, d: a.d + b.d };
    Sub sub |a, b| Dual { v: a.v - b.v, d: a.d - b.d };
    Mul mul |a, b| Dual { v: a.v * b.v, d: a.d * b.v + a.v * b.d };
    Div div |a, b| Dual { v: a.v / b.v, d: (a.d * b.v - a.v * b.d) / (b.v * b.v) };
}
impl Neg for Dual {
    type Output = Dual;
    fn neg(self) -> Dual {
        Dual { v: -self.v, d: -self.d }
    }
}

/// One lane's inputs.
pub struct In {
    pub x: [Dual; 3],
    pub a: [Dual; 3],
    pub shock: usize,
    pub noise: usize,
    pub shock_next: usize,
    #[allow(dead_code)]
    pub time: usize,
}

/// One lane's results.
#[derive(Clone, Copy)]
pub struct Point {
    pub reward: Dual,
    pub next: [Dual; 3],
    pub slack: f64,
    pub end: f64,
    pub paying: f64,
    pub discount: f64,
    pub consumption: Dual,
}

pub fn point(reward: Dual, next: &[Dual]) -> Point {
    let mut all = [c(0.0); 3];
    all[..next.len()].copy_from_slice(next);
    Point {
        reward,
        next: all,
        slack: f64::INFINITY,
        end: 0.0,
        paying: 0.0,
        discount: 0.0,
        consumption: c(f64::NAN),
    }
}

type Bounds = Box<dyn Fn(&[f64], usize) -> Vec<(f64, f64)> + Sync>;

/// A problem of closures.
pub struct Hand {
    pub spec: Spec,
    pub point: Box<dyn Fn(&In) -> Point + Sync>,
    pub bounds: Bounds,
    pub allowed: Box<dyn Fn(&[f64], usize, usize) -> bool + Sync>,
    pub differentiable: bool,
    pub has_consumption: bool,
}

impl Hand {
    fn run(&self, lanes: &Lanes, i: usize, wrt: Option<usize>) -> Point {
        let ns = self.spec.states.len();
        let mut input = In {
            x: [c(0.0); 3],
            a: [c(0.0); 3],
            shock: lanes.shock,
            noise: lanes.noise,
            shock_next: lanes.shock_next,
            time: lanes.time,
        };
        for (s, values) in lanes.states.iter().enumerate() {
            input.x[s] = Dual {
                v: values[i],
                d: f64::from(wrt == Some(s)),
            };
        }
        for (a, values) in lanes.actions.iter().enumerate() {
            input.a[a] = Dual {
                v: values[i],
                d: f64::from(wrt == Some(ns + a)),
            };
        }
        (self.point)(&input)
    }
    fn row(lanes: &Lanes, i: usize) -> Vec<f64> {
        lanes.states.iter().map(|s| s[i]).collect()
    }
}

impl DecisionProblem for Hand {
    fn spec(&self) -> &Spec {
        &self.spec
    }
    fn evaluate(&self, lanes: &Lanes, out: &mut Outcome) {
        for i in 0..out.reward.len() {
            let p = self.run(lanes, i, None);
            out.reward[i] = p.reward.v;
            for (s, next) in out.next.iter_mut().enumerate() {
                next[i] = p.next[s].v;
            }
            out.slack[i] = p.slack;
            out.end[i] = p.end;
            out.paying[i] = p.paying;
            out.discount[i] = p.discount;
        }
    }
    fn bounds(&self, lanes: &Lanes, lo: &mut [&mut [f64]], hi: &mut [&mut [f64]]) {
        let n = lo.first().map_or(0, |l| l.len());
        for i in 0..n {
            for (k, (a, b)) in (self.bounds)(&Hand::row(lanes, i), lanes.shock).into_iter().enumerate() {
                lo[k][i] = a;
                hi[k][i] = b;
            }
        }
    }
    fn allowed(&self, lanes: &Lanes, action: usize, choice: usize, out: &mut [f64]) {
        for (i, out) in out.iter_mut().enumerate() {
            *out = f64::from((self.allowed)(&Hand::row(lanes, i), action, choice));
        }
    }
    fn derivative(
        &self,
        lanes: &Lanes,
        wrt: usize,
        d_reward: &mut [f64],
        d_next: &mut [&mut [f64]],
    ) -> Result<(), Diagnostic> {
        if !self.differentiable {
            return Err(Diagnostic::error("E0999", "no derivative"));
        }
        for i in 0..d_reward.len() {
            let p = self.run(lanes, i, Some(wrt));
            d_reward[i] = p.reward.d;
            for (s, next) in d_next.iter_mut().enumerate() {
                next[i] = p.next[s].d;
            }
        }
        Ok(())
    }
    fn consumption(&self, lanes: &Lanes, out: &mut [f64], dc: &mut [&mut [f64]]) -> bool {
        if self.has_consumption {
            let ns = self.spec.states.len();
            for (i, out) in out.iter_mut().enumerate() {
                *out = self.run(lanes, i, None).consumption.v;
                for (a, dc) in dc.iter_mut().enumerate() {
                    dc[i] = self.run(lanes, i, Some(ns + a)).consumption.d;
                }
            }
        }
        self.has_consumption
    }
}

pub fn no_shocks() -> JointChain {
    JointChain {
        names: vec![],
        values: vec![vec![]],
        transition: vec![vec![1.0]],
        ..JointChain::default()
    }
}

/// A chain of one shock: one value per state of the chain, and `transition[state][next state]`.
pub fn one_shock(name: &str, values: &[f64], transition: Vec<Vec<f64>>) -> JointChain {
    JointChain {
        names: vec![name.into()],
        values: values.iter().map(|&v| vec![v]).collect(),
        transition,
        ..JointChain::default()
    }
}

/// A state on a grid: its ascending nodes, any number of them; `log` where they are even in logarithms.
pub fn continuous_state(name: &str, grid: Vec<f64>, log: bool) -> StateAxis {
    StateAxis {
        name: name.into(),
        kind: StateKind::Continuous { grid, log },
    }
}

pub fn integer_state(name: &str, lo: i64, hi: i64) -> StateAxis {
    StateAxis {
        name: name.into(),
        kind: StateKind::Integer { lo, hi },
    }
}

pub fn continuous_action(name: &str) -> ActionAxis {
    ActionAxis {
        name: name.into(),
        kind: ActionKind::Continuous,
        taste: None,
    }
}

/// A choice of one of `values`, any number of them, with the scale of its taste shocks.
pub fn finite_action(name: &str, values: Vec<f64>, taste: Option<f64>) -> ActionAxis {
    let labels = values.iter().map(|v| v.to_string()).collect();
    ActionAxis {
        name: name.into(),
        kind: ActionKind::Finite { values, labels },
        taste,
    }
}

pub fn spec(states: Vec<StateAxis>, chain: JointChain, actions: Vec<ActionAxis>, discount: f64) -> Spec {
    Spec {
        states,
        chain,
        actions,
        noise_weights: vec![1.0],
        chances_move: false,
        reward_uses_noise: false,
        next_uses_noise: false,
        next_uses_shock_next: false,
        horizon: None,
        discount: Some(discount),
        action_is_next_state: None,
        reached: Vec::new(),
        answered: false,
        ends: false,
        differentiable: true,
        kinks: false,
        held: Vec::new(),
        first_shock: None,
        steady_state: None,
        counts: false,
    }
}

pub fn hand(spec: Spec, bounds: Bounds, point: impl Fn(&In) -> Point + Sync + 'static) -> Hand {
    Hand {
        spec,
        point: Box::new(point),
        bounds,
        allowed: Box::new(|_, _, _| true),
        differentiable: true,
        has_consumption: false,
    }
}

pub const BM_ALPHA: f64 = 1.0 / 3.0;
pub const BM_BETA: f64 = 0.95;

/// Brock and Mirman (1972) with Rouwenhorst productivity: action k', policy alpha beta z k^alpha.
pub fn brock_mirman(nodes: usize, shocks: usize) -> Hand {
    let z = chain::rouwenhorst(shocks, 0.9, 0.05, 0.0).unwrap().chain;
    let values: Vec<f64> = z.values.iter().map(|v| v.exp()).collect();
    let k = (BM_ALPHA * BM_BETA).powf(1.0 / (1.0 - BM_ALPHA));
    let mut s = spec(
        vec![continuous_state("k", grid::log(0.3 * k, 3.0 * k, nodes).unwrap(), true)],
        one_shock("z", &values, z.transition),
        vec![continuous_action("next")],
        BM_BETA,
    );
    s.steady_state = Some(vec![k]);
    let z = values.clone();
    let mut h = hand(
        s,
        Box::new(move |x, j| vec![(0.0, z[j] * x[0].powf(BM_ALPHA))]),
        move |i| {
            let y = values[i.shock] * i.x[0].powf(BM_ALPHA);
            let consumption = y - i.a[0];
            Point {
                consumption,
                ..point(consumption.ln(), &[i.a[0]])
            }
        },
    );
    h.has_consumption = true;
    h
}

/// The growth model GM: saving rate in [0, .8], reward 1 - 1/c.
pub fn gm(nodes: usize, lo: f64, hi: f64) -> Hand {
    let s = spec(
        vec![continuous_state("k", grid::log(lo, hi, nodes).unwrap(), true)],
        one_shock("z", &[0.9, 1.1], vec![vec![0.9, 0.1], vec![0.1, 0.9]]),
        vec![continuous_action("s")],
        0.98,
    );
    gm_with(s, vec![0.9, 1.1])
}

fn gm_with(s: Spec, z: Vec<f64>) -> Hand {
    let mut h = hand(s, Box::new(|_, _| vec![(0.0, 0.8)]), move |i| {
        let y = z[i.shock] * i.x[0].powf(0.33);
        let consumption = (1.0 - i.a[0]) * y;
        Point {
            consumption,
            ..point(1.0 - 1.0 / consumption, &[0.96 * i.x[0] + i.a[0] * y])
        }
    });
    h.has_consumption = true;
    h
}

/// The same without uncertainty.
pub fn gm_deterministic(nodes: usize) -> Hand {
    let s = spec(
        vec![continuous_state("k", grid::log(1.0, 40.0, nodes).unwrap(), true)],
        no_shocks(),
        vec![continuous_action("s")],
        0.98,
    );
    gm_with(s, vec![1.0])
}

/// Transition matrix of independent chains taken together, the last fastest.
fn product(matrices: &[&[Vec<f64>]]) -> Vec<Vec<f64>> {
    let mut joint = vec![vec![1.0]];
    for matrix in matrices {
        let (n, m) = (joint.len(), matrix.len());
        let mut next = vec![vec![0.0; n * m]; n * m];
        for (i, outer) in joint.iter().enumerate() {
            for (k, inner) in matrix.iter().enumerate() {
                for (j, &p) in outer.iter().enumerate() {
                    for (l, &q) in inner.iter().enumerate() {
                        next[i * m + k][j * m + l] = p * q;
                    }
                }
            }
        }
        joint = next;
    }
    joint
}

/// Values of the joint states of several chains, the last fastest: `values[j][s]`.
fn joint_values(values: &[&[f64]]) -> Vec<Vec<f64>> {
    let mut joint: Vec<Vec<f64>> = vec![Vec::new()];
    for own in values {
        joint = joint
            .iter()
            .flat_map(|head| {
                own.iter().map(move |&x| {
                    let mut row = head.clone();
                    row.push(x);
                    row
                })
            })
            .collect();
    }
    joint
}

/// One household, one capital good, planner technology; shocks (agg, own) = LL, LH, HL, HH.
pub fn capital_goods(nodes: usize) -> (Hand, f64) {
    let (alpha, delta, phi, beta): (f64, f64, f64, f64) = (0.3, 0.04, 0.5, 0.98);
    let k_ss = (phi * delta * ((1.0 - beta * (1.0 - delta)) / (alpha * beta))).powf(1.0 / (alpha - 2.0));
    let aggregate = vec![vec![0.95, 0.05], vec![0.05, 0.95]];
    let own = vec![vec![0.9, 0.1], vec![0.1, 0.9]];
    let values = joint_values(&[&[0.8, 1.2], &[0.9, 1.1]]);
    let z: Vec<f64> = values.iter().map(|v| v[0] * v[1]).collect();
    let chain = JointChain {
        names: vec!["Z".into(), "z".into()],
        values,
        transition: product(&[&aggregate, &own]),
        ..JointChain::default()
    };
    let s = spec(
        vec![continuous_state(
            "k",
            grid::log(0.3 * k_ss, 2.0 * k_ss, nodes).unwrap(),
            true,
        )],
        chain,
        vec![continuous_action("s")],
        beta,
    );
    let mut h = hand(s, Box::new(|_, _| vec![(0.0, 1.0)]), move |i| {
        let y = z[i.shock] * i.x[0].powf(alpha);
        let consumption = (1.0 - i.a[0]) * y;
        let investment = (2.0 / phi * i.a[0] * y).sqrt();
        Point {
            consumption,
            ..point(consumption.ln(), &[(1.0 - delta) * i.x[0] + investment])
        }
    });
    h.has_consumption = true;
    (h, k_ss)
}

/// Rust's (1987) bus engine.
pub fn bus() -> Hand {
    let mut s = spec(
        vec![integer_state("x", 0, 89)],
        no_shocks(),
        vec![finite_action("d", vec![0.0, 1.0], Some(1.0))],
        0.9999,
    );
    s.noise_weights = vec![0.3919, 0.5953, 0.0128];
    s.next_uses_noise = true;
    hand(s, Box::new(|_, _| vec![]), |i| {
        let replace = i.a[0].v == 1.0;
        let x = if replace { 0.0 } else { i.x[0].v };
        let reward = if replace { -9.7558 } else { -0.001 * 2.6275 * i.x[0].v };
        point(c(reward), &[c((x + i.noise as f64).min(89.0))])
    })
}

/// Irreversible investment with large shocks; the constraint is a slack (`require`) on unbounded consumption, or a bound.
pub fn irreversible(nodes: usize, as_slack: bool) -> Hand {
    let z = chain::rouwenhorst(5, 0.5, 0.35, 0.0).unwrap().chain;
    let values: Vec<f64> = z.values.iter().map(|v| v.exp()).collect();
    let s = spec(
        vec![continuous_state("k", grid::log(0.5, 25.0, nodes).unwrap(), true)],
        one_shock("z", &values, z.transition),
        vec![continuous_action("c")],
        0.93,
    );
    let y = values.clone();
    let bounds: Bounds = if as_slack {
        Box::new(|_, _| vec![(0.0, f64::INFINITY)])
    } else {
        Box::new(move |x, j| vec![(0.0, y[j] * x[0].powf(0.36))])
    };
    let mut h = hand(s, bounds, move |i| {
        let y = values[i.shock] * i.x[0].powf(0.36);
        let investment = y - i.a[0];
        let slack = if as_slack { investment.v } else { f64::INFINITY };
        Point {
            slack,
            consumption: i.a[0],
            ..point(i.a[0].ln(), &[0.92 * i.x[0] + investment])
        }
    });
    h.has_consumption = true;
    h
}

/// Two full-depreciation capital stocks: `k_i' = share_i beta y`, y = z k1^.25 k2^.2.
pub fn two_stocks(nodes: usize) -> Hand {
    let values = [0.95, 1.05];
    let beta = 0.9;
    let k = |share: f64| {
        let y = (0.25f64 * beta).powf(0.25 / 0.55) * (0.2f64 * beta).powf(0.2 / 0.55);
        share * beta * y
    };
    let axis = |name: &str, share: f64| {
        continuous_state(name, grid::log(0.5 * k(share), 2.0 * k(share), nodes).unwrap(), true)
    };
    let s = spec(
        vec![axis("k1", 0.25), axis("k2", 0.2)],
        one_shock("z", &values, vec![vec![0.8, 0.2], vec![0.2, 0.8]]),
        vec![continuous_action("i1"), continuous_action("i2")],
        beta,
    );
    let income = move |x: &[f64], j: usize| values[j] * x[0].powf(0.25) * x[1].powf(0.2);
    let mut h = hand(s, Box::new(move |x, j| vec![(0.0, income(x, j)); 2]), move |i| {
        let y = values[i.shock] * i.x[0].powf(0.25) * i.x[1].powf(0.2);
        let consumption = y - i.a[0] - i.a[1];
        let p = point(consumption.ln(), &[i.a[0], i.a[1]]);
        Point {
            consumption,
            slack: consumption.v,
            ..p
        }
    });
    h.has_consumption = true;
    h
}
