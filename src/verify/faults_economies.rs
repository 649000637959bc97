//! Small economies whose answers are computed here by other means than the program's: closed forms, and plain value
//! iteration over tables written by hand. None of it uses a grid, a chain, a quadrature or a search of the program, so that a fault
//! planted there cannot reach it.

use super::faults_tests::Answer;
use super::learned::Judge;
use super::simulate::Policy as Acts;
use super::solved::Solved;
use crate::check::Model;
use crate::env::behaviour::Behaviour;
use crate::env::simulate::{Options as Play, Simulation, simulate};
use crate::solve::bellman::At;

/// An economy, what its answer is compared with, and how close to it a program without faults comes.
pub(super) struct Economy {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    /// Largest distance from the right answer, relative to one plus its size; infinite if it is no number.
    pub(super) gap: Answer,
    /// Gap of a program without faults: grids and draws.
    pub(super) within: f64,
}

/// All of them.
pub(super) const ECONOMIES: &[Economy] = &[
    solved("growth", GROWTH, growth, 1e-6),
    solved("cycle", CYCLE, cycle, 1e-6),
    solved("regimes", REGIMES, regimes, 1e-6),
    solved("rest", REST, rest, 1e-6),
    solved("keeper", KEEPER, keeper, 1e-6),
    solved("line", LINE, line, 1e-6),
    solved("lottery", LOTTERY, lottery, 1e-6),
    solved("machine", MACHINE, machine, 1e-6),
    solved("drift", DRIFT, drift, 1e-6),
    solved("seller", SELLER, seller, 1e-6),
    solved("three", THREE, three, 1e-6),
    solved("pair", PAIR, pair, 1e-6),
    solved("quay", QUAY, quay, 1e-6),
    solved("cake", CAKE, cake, 1e-6),
    solved("offers", OFFERS, offers, 1e-6),
    solved("patience", PATIENCE, patience, 1e-6),
    solved("peaks", PEAKS, peaks, 1e-6),
    solved("corner", CORNER, corner, 1e-6),
    solved("dump", DUMP, dump, 1e-4),
    solved("gate", GATE, gate, 1e-6),
    solved("limit", LIMIT, limit, 1e-6),
    solved("team", TEAM, team, 1e-6),
    solved("herd", HERD, herd, 1e-6),
    solved("cycle played", CYCLE, cycle_played, 0.03),
    solved("line played", LINE, line_played, 1e-4),
    solved("keeper played", KEEPER, keeper_played, 0.1),
    solved("lottery judged", LOTTERY, lottery_judged, 0.03),
    solved("limit projected", LIMIT, limit_projected, 1e-6),
    solved("growth learned", GROWTH, growth_learned, 1e-3),
    solved("coarse", COARSE, coarse, 0.6),
    alone("explorer", explorer, 1e-6),
    alone("seeds", seeds, 1e-6),
    alone("record", record, 1e-6),
    alone("table", table, 1e-6),
];

const fn solved(name: &'static str, text: &'static str, gap: fn(&Model, &Solved) -> f64, within: f64) -> Economy {
    Economy {
        name,
        text,
        gap: Answer::Solved(gap),
        within,
    }
}

const fn alone(name: &'static str, gap: fn() -> f64, within: f64) -> Economy {
    Economy {
        name,
        text: "",
        gap: Answer::Alone(gap),
        within,
    }
}

const GROWTH: &str = r#"model growth "Consumes a fixed share"
shock z ~ ar1(rho: 0.8, sigma: 0.1, mean: 0.2)
agent planner {
  state k in [0.03, 1.5], start 0.2
  action eat in (0, 1)
  let y = exp(z) * k^0.36
  let c = eat * y
  k' = (1 - eat) * y
  observe k, z
  reward log(c)
  discount 0.9
}
solve { grid.k = log(40); periods = 1600; burn_in = 20 }
"#;

const COARSE: &str = r#"model coarse "Saves a fixed share, solved on three links"
shock z ~ ar1(rho: 0.9, sigma: 0.02)
agent planner {
  state k in [0.03, 0.6], start uniform(0.1, 0.3)
  let y = exp(z) * k^0.36
  action x in [0, y]
  let c = y - x
  k' = x
  observe k, z
  reward log(c)
  discount 0.95
}
solve { grid.k = log(40); chain.z = rouwenhorst(3); bellman = 0; euler = 0 }
"#;

const CYCLE: &str = r#"model cycle "Sells where prices go round"
shock w ~ markov([low: 0.5, middle: 1, high: 3], [[0.7, 0.3, 0], [0, 0.7, 0.3], [0.3, 0, 0.7]])
agent store {
  state stock in 0..4, start 2
  action sell in 0..2
  let sold = min(sell, stock)
  stock' = min(stock - sold + 1, 4)
  observe stock, w
  reward w * sold - 0.1 * stock
  discount 0.9
}
solve { periods = 1600; burn_in = 20 }
"#;

const REGIMES: &str = r#"model regimes "Work where regimes move the odds"
shock Z ~ markov([bad: 1, good: 1.5], [[0.8, 0.2], [0.4, 0.6]])
shock e ~ markov([idle: 0, busy: 1]) given Z, Z' {
  bad,  bad :  [[0.9, 0.1], [0.5, 0.5]]
  bad,  good:  [[0.3, 0.7], [0.1, 0.9]]
  good, bad :  [[0.95, 0.05], [0.8, 0.2]]
  good, good:  [[0.5, 0.5], [0.05, 0.95]]
}
agent worker {
  state tired in 0..1, start 0
  action d in {rest, work}
  tired' = if d == work then 1 else 0
  observe tired, Z, e
  reward if d == work then e * Z - 0.2 - 0.4 * tired else 0.1
  discount 0.9
}
solve { periods = 1600; burn_in = 20 }
"#;

const REST: &str = r#"model rest "Where capital rests"
shock z ~ markov([low: 0.8, high: 1.1], [[0.9, 0.1], [0.3, 0.7]])
agent planner {
  state k in [0.03, 1.0], start 0.15
  action s in (0, 1)
  let y = z * k^0.36
  let c = (1 - s) * y
  k' = s * y
  observe k, z
  reward log(c)
  discount 0.9
}
solve { grid.k = log(40); periods = 1600; burn_in = 20 }
"#;

const KEEPER: &str = r#"model keeper "Keeps a quantity close to zero"
agent keeper {
  state x in [-14, 14], start 0
  action a in [-9, 9]
  noise e ~ normal(0, 0.8)
  noise u ~ uniform(-1, 2)
  x' = x + a + e + u
  observe x
  reward -x^2 - 0.5 * a^2
  discount 0.9
}
solve { grid.x = uniform(21); periods = 1600; burn_in = 20 }
"#;

const LINE: &str = r#"model line "A value that is a line"
agent owner {
  state x in [0, 24], start 10
  action a in [0, 4]
  x' = 0.9 * x + a
  observe x
  reward x - a^2
  discount 0.9
}
solve { grid.x = uniform(9); interpolation = linear; periods = 640; burn_in = 20 }
"#;

const LOTTERY: &str = r#"model lottery "Orders before demand is known"
agent shop {
  state stock in 0..5, start 2
  action order in 0..3
  noise demand ~ discrete([0, 1, 3], [0.15, 0.75, 0.1])
  let sold = min(stock, demand)
  stock' = min(stock - sold + order, 5)
  observe stock
  reward 2 * sold - 0.6 * order - 0.1 * stock
  discount 0.9
}
solve { periods = 6400; burn_in = 20 }
"#;

const MACHINE: &str = r#"model machine "Old machines fail more often"
agent owner {
  state age in 0..5, start 0
  action d in {keep, replace}
  noise fails ~ bernoulli(0.05 + 0.15 * age)
  age' = if d == replace then 0 else min(age + 1, 5)
  observe age
  reward (if fails then -2 else 1) - (if d == replace then 1.5 else 0.1 * age)
  discount 0.9
}
solve { periods = 1600; burn_in = 20 }
"#;

const DRIFT: &str = r#"model drift "Odds that move with the place"
agent walker {
  state x in 0..4, start 1
  action a in 0..1
  noise r ~ uniform_int(0, x + 1)
  x' = max(min(x - a + r - 1, 4), 0)
  observe x
  reward r - 0.5 * x - 0.2 * a
  discount 0.9
}
solve { periods = 1600; burn_in = 20 }
"#;

const SELLER: &str = r#"model seller "A price that clears"
agent seller {
  state stock in 0..5, start 3
  action q in 0..3
  let sold = min(q, stock)
  stock' = min(stock - sold + 1, 5)
  observe stock
  reward p * (sold + 0.5)
  discount 0.9
}
market goods { price p in [0.2, 5] clears 6 / (p + p^2) == seller.sold + 0.5 }
solve { periods = 640; burn_in = 20 }
"#;

const THREE: &str = r#"model three "A price that clears three times"
agent seller {
  state stock in 0..2, start 1
  action q in 0..1
  stock' = min(max(stock - q, 0) + 1, 2)
  observe stock
  reward p + 0.1 * stock - 0.2 * q
  discount 0.9
}
market goods { price p in [0.5, 5] clears (p - 1) * (p - 2) * (p - 3) == 0.2 * (seller.q - 0.3) }
solve { periods = 640; burn_in = 20 }
"#;

const PAIR: &str = r#"model pair "Two prices that clear together"
agent seller {
  state stock in 0..3, start 1
  action q in 0..2
  let sold = min(q, stock)
  stock' = min(stock - sold + 1, 3)
  observe stock
  reward p * sold + 0.2 * r
  discount 0.9
}
market goods {
  price p in [0.1, 12] clears 10 - p - 0.5 * r - 0.1 * p^2 == seller.sold
  price r in [0.1, 12] clears 8 - r - 0.3 * p == 0.5 * seller.sold
}
solve { periods = 640; burn_in = 20 }
"#;

const QUAY: &str = r#"model quay "A quantity against its price"
agent seller {
  state x in [0, 4], start 1
  action q in [0.1, 9]
  x' = 0.5 * x + 1
  observe x
  reward x + p * q
  discount 0.9
}
market goods { price p in [0.001, 5] clears 10 - p - p^3 == seller.q }
solve { grid.x = uniform(8); periods = 640; burn_in = 20 }
"#;

const CAKE: &str = r#"model cake "Eats a cake in six periods"
horizon 6
agent eater {
  state a in [1e-3, 60], start 5
  action share in [0.05, 0.95]
  let c = share * a
  a' = 1.03 * (a - c)
  observe a
  reward (1 + 0.2 * t) * log(c)
  discount 0.9
}
solve { grid.a = log(60); periods = 640; burn_in = 0 }
"#;

const OFFERS: &str = r#"model offers "Job search with a benefit that falls"
shock w ~ markov([1, 2, 3, 4], [[0.4, 0.3, 0.2, 0.1], [0.3, 0.3, 0.2, 0.2], [0.2, 0.3, 0.3, 0.2], [0.1, 0.2, 0.3, 0.4]])
agent worker {
  state months in 0..3, start 0
  action d in {wait, accept}
  months' = min(months + 1, 3)
  observe months, w
  reward if d == accept then 0.5 * w else 1.2 - 0.3 * months
  end when d == accept, paying 10 * w
  discount 0.9
}
solve { periods = 1600; burn_in = 20 }
"#;

const PATIENCE: &str = r#"model patience "Patience that moves with the state"
agent grower {
  state x in 0..3, start 1
  action a in 0..1
  x' = min(max(x + (if a == 1 then 1 else -1), 0), 3)
  observe x
  reward x - 1.5 * a + 1
  discount 0.75 + 0.06 * x
}
solve { periods = 640; burn_in = 20 }
"#;

const PEAKS: &str = r#"model peaks "Two peaks"
agent climber {
  state x in [0, 24], start 10
  action a in [0, 10]
  x' = 0.9 * x + 1
  observe x
  reward x + 2 * exp(-(a - 2)^2) + 3 * exp(-2 * (a - 8.3)^2)
  discount 0.9
}
solve { grid.x = uniform(8); euler = 1; periods = 640; burn_in = 20 }
"#;

const CORNER: &str = r#"model corner "A bound that binds"
agent idler {
  state x in [0, 24], start 10
  action a in [0, 1]
  x' = 0.9 * x + 1
  observe x
  reward x - a
  discount 0.9
}
solve { grid.x = uniform(8); periods = 640; burn_in = 20 }
"#;

const DUMP: &str = r#"model dump "A store that must not overflow"
agent firm {
  state x in [0, 16], start 2
  action a in [0, 6]
  x' = 0.8 * x + a
  observe x
  reward 4 * a - 0.2 * a^2 - 0.05 * x^2
  discount 0.9
}
solve { grid.x = uniform(21); periods = 640; burn_in = 20 }
"#;

const GATE: &str = r#"model gate "A choice that is not always open"
agent walker {
  state x in 0..4, start 0
  action d in {stay, jump when x >= 3}
  x' = if d == jump then 0 else min(x + 1, 4)
  observe x
  reward if d == jump then 4 else 0.2 * x
  discount 0.9
}
solve { periods = 640; burn_in = 20 }
"#;

const LIMIT: &str = r#"model limit "A requirement"
agent taker {
  state x in [0, 4], start 1
  action a in [0, 5]
  require a <= 1 + 0.1 * x
  x' = 0.5 * x + 1
  observe x
  reward x + a
  discount 0.9
}
solve { grid.x = uniform(8); periods = 640; burn_in = 20 }
"#;

const TEAM: &str = r#"model team "A planner over two kinds and three members"
agent maker {
  state x in 0..3, start 0
  action a in 0..1
  x' = min(max(x + (if a == 1 then 1 else -1), 0), 3)
  reward -a
  discount 0.9
}
agent user { action u in 0..1; reward maker.x * u - 0.5 * u; discount 0.9 }
solve { concept = planner; periods = 640; burn_in = 20 }
"#;

const HERD: &str = r#"model herd "Members who share one reward"
let total = sum(cow.g)
agent cow[3] {
  action g in 0..2
  observe field.grass
  reward field.grass * 0.2 - (total - 2)^2 
  discount 0.9
}
agent field { state grass in 0..4, start 2; grass' = min(max(grass + 1 - total, 0), 4) }
solve { concept = planner; periods = 640; burn_in = 20 }
"#;

/// Largest distance between what was got and what is right.
fn worst(pairs: impl IntoIterator<Item = (f64, f64)>) -> f64 {
    pairs.into_iter().fold(0.0, |most: f64, (got, right)| {
        let gap = (got - right).abs() / (1.0 + right.abs());
        if gap.is_nan() { f64::INFINITY } else { most.max(gap) }
    })
}

/// What a choice pays, and where it leads: states with probability times discount.
type Move = (f64, Vec<(usize, f64)>);

/// Values and best choices of a finite problem by value iteration over a table; `moves` is `None` for what is not allowed.
fn best(states: usize, choices: usize, moves: impl Fn(usize, usize) -> Option<Move>) -> (Vec<f64>, Vec<usize>) {
    let table: Vec<Vec<Option<Move>>> = (0..states)
        .map(|x| (0..choices).map(|a| moves(x, a)).collect())
        .collect();
    let mut v = vec![0.0; states];
    for _ in 0..3000 {
        v = (0..states).map(|x| pick(&table[x], &v).0).collect();
    }
    let d = (0..states).map(|x| pick(&table[x], &v).1).collect();
    (v, d)
}

fn pick(moves: &[Option<Move>], v: &[f64]) -> (f64, usize) {
    let mut top = (f64::NEG_INFINITY, 0);
    for (a, m) in moves.iter().enumerate() {
        if let Some((r, to)) = m {
            let q = r + to.iter().map(|(y, w)| w * v[*y]).sum::<f64>();
            if q > top.0 {
                top = (q, a);
            }
        }
    }
    top
}

/// Mean reward a period in the long run, if `discount` is what the moves of [`best`] carry and `d` is played.
fn in_the_long_run(d: &[usize], discount: f64, moves: impl Fn(usize, usize) -> Option<Move>) -> f64 {
    let n = d.len();
    let mut p = vec![1.0 / n as f64; n];
    let mut pays = 0.0;
    for _ in 0..3000 {
        let mut next = vec![0.0; n];
        pays = 0.0;
        for x in 0..n {
            let Some((r, to)) = moves(x, d[x]) else { continue };
            pays += p[x] * r;
            to.iter().for_each(|(y, w)| next[*y] += p[x] * w / discount);
        }
        // Half a step only: periodic chains settle too.
        p.iter_mut().zip(&next).for_each(|(p, n)| *p = 0.5 * (*p + n));
    }
    pays
}

/// Values at all nodes against those of a table in the same order (states, then shocks, the last fastest).
fn against(s: &Solved, right: &[f64]) -> f64 {
    if s.solution.value.len() != right.len() {
        return f64::INFINITY;
    }
    worst(s.solution.value.iter().copied().zip(right.iter().copied()))
}

/// Values (and policies) of a problem with one continuous state and no shocks against functions of the state, up to `most`.
fn along(s: &Solved, most: f64, value: impl Fn(f64) -> f64, action: impl Fn(f64) -> f64) -> f64 {
    let nodes = &s.solution.states[0].nodes;
    let at = |i: usize| {
        let x = nodes[i];
        [(s.solution.value[i], value(x)), (s.solution.policy[0][i], action(x))]
    };
    worst((0..nodes.len()).filter(|i| nodes[*i].abs() <= most).flat_map(at))
}

/// Brock and Mirman (1972) with log productivity `z' = (1 - rho) m + rho z + e`: the value is linear in log capital and `z`, whatever
/// the chain, as long as its conditional mean is right; its links stand at `m + sd sqrt(n - 1) (-1 .. 1)` (Rouwenhorst).
/// The estimated largest error of the value against the true one on other lives, as the distance of their logs.
fn coarse(model: &Model, s: &Solved) -> f64 {
    use super::world::{Options, play::play, seat::Seat, value::Value};
    let (alpha, beta, rho) = (0.36, 0.95, 0.9);
    let ab: f64 = alpha * beta;
    let (b, c) = (alpha / (1.0 - ab), 1.0 / ((1.0 - ab) * (1.0 - beta * rho)));
    let a = ((1.0 - ab).ln() + beta * b * ab.ln()) / (1.0 - beta);
    let options = Options {
        seed: 5,
        points: 1000,
        ..Options::default()
    };
    let lives = || {
        let seat = Seat::of(model, &s.solution).ok()?;
        let value = Value::new(&s.solution, &seat, None)?;
        let played = play(model, &s.solution, &seat, &value, &options).ok()?;
        let off = played.visits.iter().map(|v| {
            let right = a + b * v.states[0].ln() + c * v.shocks[0];
            (right - value.at(&v.states, &v.shocks, 0)).abs()
        });
        Some(off.fold(0.0, f64::max))
    };
    let judged = s
        .certificate
        .world
        .iter()
        .flat_map(|w| &w.errors)
        .find(|e| e.name == "value");
    match (lives(), judged) {
        (Some(truth), Some(estimate)) => (estimate.error / truth).ln().abs(),
        _ => f64::INFINITY,
    }
}

fn growth(_: &Model, s: &Solved) -> f64 {
    let (alpha, beta, rho, m) = (0.36, 0.9, 0.8, 0.2);
    let ab: f64 = alpha * beta;
    let sd = 0.1 / (1.0f64 - rho * rho).sqrt();
    let b = alpha / (1.0 - ab);
    let c = 1.0 / ((1.0 - ab) * (1.0 - beta * rho));
    let a = ((1.0 - ab).ln() + beta * b * ab.ln() + beta * c * (1.0 - rho) * m) / (1.0 - beta);
    let nodes = &s.solution.states[0].nodes;
    let nz = 7;
    if s.solution.value.len() != nodes.len() * nz {
        return f64::INFINITY;
    }
    worst((0..nodes.len() * nz).flat_map(|i| {
        let z = m + sd * 6f64.sqrt() * ((i % nz) as f64 / 3.0 - 1.0);
        let k = nodes[i / nz];
        [
            (s.solution.value[i], a + b * k.ln() + c * z),
            (s.solution.policy[0][i], 1.0 - ab),
        ]
    }))
}

const WAGES: [[f64; 3]; 3] = [[0.7, 0.3, 0.0], [0.0, 0.7, 0.3], [0.3, 0.0, 0.7]];

fn cycle_moves(x: usize, a: usize) -> Option<Move> {
    let (stock, w) = (x / 3, x % 3);
    let sold = a.min(stock);
    let to = (stock - sold + 1).min(4);
    let pays = [0.5, 1.0, 3.0][w] * sold as f64 - 0.1 * stock as f64;
    Some((pays, (0..3).map(|v| (to * 3 + v, 0.9 * WAGES[w][v])).collect()))
}

fn cycle(_: &Model, s: &Solved) -> f64 {
    against(s, &best(15, 3, cycle_moves).0)
}

/// The joint chain of regime and job by its definition: a row of the job's own matrix for each pair of regimes, now and next.
fn regimes(_: &Model, s: &Solved) -> f64 {
    let z = [[0.8, 0.2], [0.4, 0.6]];
    let e = [
        [[[0.9, 0.1], [0.5, 0.5]], [[0.3, 0.7], [0.1, 0.9]]],
        [[[0.95, 0.05], [0.8, 0.2]], [[0.5, 0.5], [0.05, 0.95]]],
    ];
    let moves = |x: usize, a: usize| {
        let (tired, now, job) = (x / 4, x / 2 % 2, x % 2);
        let pays = if a == 1 {
            job as f64 * [1.0, 1.5][now] - 0.2 - 0.4 * tired as f64
        } else {
            0.1
        };
        let to = (0..4)
            .map(|j| (a * 4 + j, 0.9 * z[now][j / 2] * e[now][j / 2][job][j % 2]))
            .collect();
        Some((pays, to))
    };
    against(s, &best(8, 2, moves).0)
}

/// Capital rests where `k = alpha beta Z k^alpha`, with `Z` the long-run mean (.75 of the time low).
fn rest(_: &Model, s: &Solved) -> f64 {
    let k = (0.36 * 0.9 * (0.75 * 0.8 + 0.25 * 1.1f64)).powf(1.0 / 0.64);
    let found = s.steady_state.iter().find(|(n, _)| n.ends_with('k'));
    worst([(found.map_or(f64::NAN, |f| f.1), k)])
}

/// Coefficients of `V = -P x^2 - 2 R x - K` where `x' = c x + a + noise` of mean `m` and variance `s` and a period pays
/// `-x^2 w + 2 g a - q a^2`, and the best action as `slope x + level`.
fn quadratic(w: f64, q: f64, g: f64, c: f64, (m, s): (f64, f64), beta: f64) -> ([f64; 3], (f64, f64)) {
    let (mut p, mut r, mut k) = (0.0, 0.0, 0.0);
    let mut policy = (0.0, 0.0);
    for _ in 0..3000 {
        // Over y = c x + a: -q a^2 + 2 g a - h y^2 - 2 l y with a = y - c x.
        let (h, l) = (beta * p, beta * (p * m + r));
        policy = (-h * c / (q + h), (g - l) / (q + h));
        let (f, o) = policy;
        k = beta * (p * (m * m + s) + 2.0 * r * m + k) + q * o * o - 2.0 * g * o + h * o * o + 2.0 * l * o;
        r = q * f * o - g * f + h * (c + f) * o + l * (c + f);
        p = w + q * f * f + h * (c + f) * (c + f);
    }
    ([p, r, k], policy)
}

fn keeper(_: &Model, s: &Solved) -> f64 {
    // Normal noise of sd .8 and uniform noise on (-1, 2).
    let ([p, r, k], (f, o)) = quadratic(1.0, 0.5, 0.0, 1.0, (0.5, 0.64 + 0.75), 0.9);
    along(s, 9.0, |x| -p * x * x - 2.0 * r * x - k, |x| f * x + o)
}

fn dump(_: &Model, s: &Solved) -> f64 {
    let ([p, r, k], (f, o)) = quadratic(0.05, 0.2, 2.0, 0.8, (0.0, 0.0), 0.9);
    along(s, 10.0, |x| -p * x * x - 2.0 * r * x - k, |x| f * x + o)
}

/// `V = A x + G` where a period pays `x + pays` and `x' = c x + d` (`d` with the effect of the action).
fn linear(c: f64, d: f64, pays: f64, beta: f64) -> (f64, f64) {
    let a = 1.0 / (1.0 - beta * c);
    (a, (pays + beta * a * d) / (1.0 - beta))
}

fn line(_: &Model, s: &Solved) -> f64 {
    // The action adds to the state what it costs in squares: a = beta A / 2.
    let (a, _) = linear(0.9, 0.0, 0.0, 0.9);
    let best = 0.5 * 0.9 * a;
    let (a, g) = linear(0.9, best, -best * best, 0.9);
    along(s, 24.0, |x| a * x + g, |_| best)
}

fn lottery_moves(x: usize, a: usize) -> Option<Move> {
    let mut pays = -0.6 * a as f64 - 0.1 * x as f64;
    let mut to = Vec::new();
    for (demand, p) in [(0usize, 0.15), (1, 0.75), (3, 0.1)] {
        let sold = x.min(demand);
        pays += p * 2.0 * sold as f64;
        to.push(((x - sold + a).min(5), 0.9 * p));
    }
    Some((pays, to))
}

fn lottery(_: &Model, s: &Solved) -> f64 {
    against(s, &best(6, 4, lottery_moves).0)
}

fn machine(_: &Model, s: &Solved) -> f64 {
    let moves = |x: usize, a: usize| {
        let p = 0.05 + 0.15 * x as f64;
        let pays = 1.0 - 3.0 * p - if a == 1 { 1.5 } else { 0.1 * x as f64 };
        Some((pays, vec![(if a == 1 { 0 } else { (x + 1).min(5) }, 0.9)]))
    };
    against(s, &best(6, 2, moves).0)
}

fn drift(_: &Model, s: &Solved) -> f64 {
    let moves = |x: usize, a: usize| {
        let n = x + 2;
        let pays = 0.5 * (x + 1) as f64 - 0.5 * x as f64 - 0.2 * a as f64;
        let to = (0..n)
            .map(|r| ((x + r).saturating_sub(a + 1).min(4), 0.9 / n as f64))
            .collect();
        Some((pays, to))
    };
    against(s, &best(5, 2, moves).0)
}

/// The zero of a falling function, by halving.
fn zero(f: impl Fn(f64) -> f64, mut lo: f64, mut hi: f64) -> f64 {
    for _ in 0..200 {
        let middle = 0.5 * (lo + hi);
        if f(middle) > 0.0 {
            lo = middle;
        } else {
            hi = middle;
        }
    }
    0.5 * (lo + hi)
}

fn seller(_: &Model, s: &Solved) -> f64 {
    let moves = |x: usize, a: usize| {
        let sold = a.min(x);
        let q = sold as f64 + 0.5;
        let p = zero(|p| 6.0 / (p + p * p) - q, 1e-3, 50.0);
        Some((p * q, vec![((x - sold + 1).min(5), 0.9)]))
    };
    against(s, &best(6, 4, moves).0)
}

/// Of the three prices that clear the lowest counts; it lies close to one.
fn three(_: &Model, s: &Solved) -> f64 {
    let moves = |x: usize, a: usize| {
        let p = zero(|p| 0.2 * (a as f64 - 0.3) - (p - 1.0) * (p - 2.0) * (p - 3.0), 0.5, 1.4);
        let to = (x.saturating_sub(a) + 1).min(2);
        Some((p + 0.1 * x as f64 - 0.2 * a as f64, vec![(to, 0.9)]))
    };
    against(s, &best(3, 2, moves).0)
}

fn pair(_: &Model, s: &Solved) -> f64 {
    let moves = |x: usize, a: usize| {
        let sold = a.min(x) as f64;
        let r = |p: f64| 8.0 - 0.3 * p - 0.5 * sold;
        let p = zero(|p| 10.0 - p - 0.5 * r(p) - 0.1 * p * p - sold, 0.0, 12.0);
        Some((p * sold + 0.2 * r(p), vec![((x - a.min(x) + 1).min(3), 0.9)]))
    };
    against(s, &best(4, 3, moves).0)
}

fn quay(_: &Model, s: &Solved) -> f64 {
    // Revenue p (10 - p - p^3) is largest where 10 - 2 p - 4 p^3 = 0.
    let p = zero(|p| 10.0 - 2.0 * p - 4.0 * p * p * p, 0.0, 5.0);
    let q = 10.0 - p - p * p * p;
    let (a, g) = linear(0.5, 1.0, p * q, 0.9);
    along(s, 4.0, |x| a * x + g, |_| q)
}

/// Of a period's weight `w` and what log cake is worth later, `B`, the share `w / (w + beta B)` is eaten.
fn cake(_: &Model, s: &Solved) -> f64 {
    let nodes = &s.solution.states[0].nodes;
    let n = nodes.len();
    if s.solution.periods != 6 {
        return f64::INFINITY;
    }
    let (mut a, mut b) = (0.0, 0.0);
    let mut gap: f64 = 0.0;
    for t in (0..6).rev() {
        let w = 1.0 + 0.2 * t as f64;
        // Nobody eats more than the bound, which binds in the last period.
        let share = f64::min(w / (w + 0.9 * b), 0.95);
        let rest: f64 = if b > 0.0 { b * (1.03 * (1.0 - share)).ln() } else { 0.0 };
        a = w * share.ln() + 0.9 * (a + rest);
        b = w + 0.9 * b;
        // Low nodes leave the grid.
        let pairs = (n / 2..n).map(|i| (s.solution.value[t * n + i], a + b * nodes[i].ln()));
        let shares = (n / 2..n).map(|i| (s.solution.policy[0][t * n + i], share));
        gap = gap.max(worst(pairs)).max(worst(shares));
    }
    gap
}

fn offers(_: &Model, s: &Solved) -> f64 {
    let p = [
        [0.4, 0.3, 0.2, 0.1],
        [0.3, 0.3, 0.2, 0.2],
        [0.2, 0.3, 0.3, 0.2],
        [0.1, 0.2, 0.3, 0.4],
    ];
    let moves = |x: usize, a: usize| {
        let (month, w) = (x / 4, x % 4);
        let wage = w as f64 + 1.0;
        Some(if a == 1 {
            (0.5 * wage + 0.9 * 10.0 * wage, Vec::new())
        } else {
            let to = (month + 1).min(3);
            (
                1.2 - 0.3 * month as f64,
                (0..4).map(|v| (to * 4 + v, 0.9 * p[w][v])).collect(),
            )
        })
    };
    against(s, &best(16, 2, moves).0)
}

fn patience(_: &Model, s: &Solved) -> f64 {
    let moves = |x: usize, a: usize| {
        let to = if a == 1 { (x + 1).min(3) } else { x.saturating_sub(1) };
        Some((x as f64 - 1.5 * a as f64 + 1.0, vec![(to, 0.75 + 0.06 * x as f64)]))
    };
    against(s, &best(4, 2, moves).0)
}

fn peaks(_: &Model, s: &Solved) -> f64 {
    let pays = |a: f64| 2.0 * (-(a - 2.0) * (a - 2.0)).exp() + 3.0 * (-2.0 * (a - 8.3) * (a - 8.3)).exp();
    let top = (0..=100_000)
        .map(|i| f64::from(i) * 1e-4)
        .max_by(|x, y| pays(*x).total_cmp(&pays(*y)))
        .unwrap_or(f64::NAN);
    let (a, g) = linear(0.9, 1.0, pays(top), 0.9);
    along(s, 24.0, |x| a * x + g, |_| 8.3)
}

fn corner(_: &Model, s: &Solved) -> f64 {
    let (a, g) = linear(0.9, 1.0, 0.0, 0.9);
    along(s, 24.0, |x| a * x + g, |_| 0.0)
}

fn gate(_: &Model, s: &Solved) -> f64 {
    let moves = |x: usize, a: usize| match a {
        1 if x < 3 => None,
        1 => Some((4.0, vec![(0, 0.9)])),
        _ => Some((0.2 * x as f64, vec![((x + 1).min(4), 0.9)])),
    };
    against(s, &best(5, 2, moves).0)
}

fn limit(_: &Model, s: &Solved) -> f64 {
    // The requirement always binds: 1 + .1 x more a period.
    let a = 1.1 / (1.0 - 0.9 * 0.5);
    let g = (1.0 + 0.9 * a) / 0.1;
    along(s, 4.0, |x| a * x + g, |x| 1.0 + 0.1 * x)
}

fn team(_: &Model, s: &Solved) -> f64 {
    // Choice number: two bits, the maker's and the user's.
    let moves = |x: usize, c: usize| {
        let (a, u) = (c / 2, c % 2);
        let to = if a == 1 { (x + 1).min(3) } else { x.saturating_sub(1) };
        Some((-(a as f64) + (x as f64 - 0.5) * u as f64, vec![(to, 0.9)]))
    };
    against(s, &best(4, 4, moves).0)
}

fn herd(_: &Model, s: &Solved) -> f64 {
    let moves = |x: usize, total: usize| {
        let pays = 3.0 * (0.2 * x as f64 - (total as f64 - 2.0) * (total as f64 - 2.0));
        Some((pays, vec![((x + 1).saturating_sub(total).min(4), 0.9)]))
    };
    against(s, &best(5, 7, moves).0)
}

/// Plays a solution in the model's own world.
fn played(model: &Model, s: &Solved, worlds: usize, periods: usize) -> Option<Simulation> {
    let options = Play {
        scenario: None,
        periods: Some(periods),
        worlds,
        seed: 11,
        on_chain: false,
        greedy: false,
    };
    let behaviour = Behaviour::Solved(Box::new(s.solution.clone()));
    simulate(model, &behaviour, &options, &mut |_, _| true).ok()
}

fn cycle_played(model: &Model, s: &Solved) -> f64 {
    let Some(run) = played(model, s, 64, 400) else {
        return f64::INFINITY;
    };
    let (_, d) = best(15, 3, cycle_moves);
    let mean = run.moments.iter().find(|m| m.name == "w").map_or(f64::NAN, |m| m.mean);
    worst([
        (run.returns[0].total / 400.0, in_the_long_run(&d, 0.9, cycle_moves)),
        (mean, 1.5),
    ])
}

/// Nothing is random here: what is earned along the way is the value of where it starts.
fn line_played(model: &Model, s: &Solved) -> f64 {
    let Some(run) = played(model, s, 1, 200) else {
        return f64::INFINITY;
    };
    let (a, _) = linear(0.9, 0.0, 0.0, 0.9);
    let best = 0.5 * 0.9 * a;
    let (a, g) = linear(0.9, best, -best * best, 0.9);
    worst([(run.returns[0].discounted, a * 10.0 + g)])
}

/// A rule of thumb `a = -x / 2`: totals over worlds spread as those of independent draws do.
fn keeper_played(model: &Model, s: &Solved) -> f64 {
    let (worlds, periods) = (400, 40);
    let Some(run) = played(model, s, worlds, periods) else {
        return f64::INFINITY;
    };
    // The same with draws of this test's own (a multiplicative congruence), under the exact policy.
    let (_, (f, o)) = quadratic(1.0, 0.5, 0.0, 1.0, (0.5, 1.39), 0.9);
    let mut seed = 12_345u64;
    let mut uniform = || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((seed >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    };
    let totals: Vec<f64> = (0..4000)
        .map(|_| {
            let (mut x, mut total) = (0.0, 0.0);
            for _ in 0..periods {
                let a = f * x + o;
                total += -x * x - 0.5 * a * a;
                let normal = (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
                x += a + 0.8 * normal + 3.0 * uniform() - 1.0;
            }
            total
        })
        .collect();
    let mean = totals.iter().sum::<f64>() / totals.len() as f64;
    let sd = (totals.iter().map(|t| (t - mean) * (t - mean)).sum::<f64>() / totals.len() as f64).sqrt();
    let error = sd / (worlds as f64).sqrt();
    // Standard errors are known to five per cent or so.
    let relative = (run.returns[0].error / error - 1.0).abs();
    if relative.is_nan() { f64::INFINITY } else { relative }
}

/// Moments of the certificate against the long run of the same policy.
fn lottery_judged(_: &Model, s: &Solved) -> f64 {
    let (_, d) = best(6, 4, lottery_moves);
    let found = s.certificate.moments.iter().find(|m| m.name == "reward");
    worst([(
        found.map_or(f64::NAN, |m| m.mean),
        in_the_long_run(&d, 0.9, lottery_moves),
    )])
}

/// Whoever asks for five gets what the requirement leaves.
fn limit_projected(model: &Model, _: &Solved) -> f64 {
    let options = Play {
        scenario: None,
        periods: Some(50),
        worlds: 1,
        seed: 1,
        on_chain: false,
        greedy: false,
    };
    let behaviour = Behaviour::Fixed(vec![("a".into(), 5.0)]);
    let Ok(run) = simulate(model, &behaviour, &options, &mut |_, _| true) else {
        return f64::INFINITY;
    };
    let (mut x, mut total) = (1.0, 0.0);
    for _ in 0..50 {
        total += x + 1.0 + 0.1 * x;
        x = 0.5 * x + 1.0;
    }
    worst([(run.returns[0].total, total)])
}

/// The same share everywhere.
struct Share(f64);

impl Acts for Share {
    fn act(&self, _: At, _: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
        actions[0][..draw.len()].fill(self.0);
    }
}

/// What a wrong share costs, in consumption: `log(1 - s) + ab / (1 - ab) log s` a period for ever.
fn growth_learned(model: &Model, s: &Solved) -> f64 {
    let Ok(judge) = Judge::new(model, s.clone(), false) else {
        return f64::INFINITY;
    };
    let ab = 0.36 * 0.9;
    let worth = |s: f64| (1.0 - s).ln() + ab / (1.0 - ab) * s.ln();
    let eats = 0.6;
    let Ok(found) = judge.worths(&[&Share(eats)], 3) else {
        return f64::INFINITY;
    };
    let Some(last) = found.last() else { return f64::INFINITY };
    worst([
        (judge.distances(&Share(eats))[0].relative(), 1.0 - eats / (1.0 - ab)),
        (last.loss, worth(ab) - worth(1.0 - eats)),
    ])
}

/// A policy that is asked what it does says its mean, not a draw.
fn explorer() -> f64 {
    use crate::env::ActionSpace;
    use crate::learn::nets::{Activation, Mlp};
    use crate::learn::policy::PolicyKind;
    use crate::learn::{Policy, translation::Translation};
    let Some(model) = crate::compile(LINE, &crate::Options::default()).0 else {
        return f64::INFINITY;
    };
    let Ok(mut asked) = Translation::new(&model, 0, false, 4) else {
        return f64::INFINITY;
    };
    let width = asked.interface.width();
    let mut rng = crate::num::random::Stream::new(1, 1);
    let policy = Policy {
        method: "ppo".into(),
        space: ActionSpace {
            continuous: 1,
            discrete: Vec::new(),
        },
        observation_width: width,
        observation: None,
        centre: Vec::new(),
        kind: PolicyKind::Feedforward {
            // A gain of zero: the mean is zero, the middle of the bounds.
            net: Mlp::new(width, &[4], 1, Activation::Tanh, 0.0, &mut rng),
            log_std: vec![0.0],
        },
    };
    match asked.decide(&policy) {
        Ok(done) => worst(done[0].iter().map(|a| (*a, 2.0))),
        Err(_) => f64::INFINITY,
    }
}

/// The verdict on several seeds is that on the worst.
fn seeds() -> f64 {
    // Test code alone may look up the order of modules.
    use super::super::report::verdict::{Limits, of_verdict};
    use super::learned::{SeedVerdict, Verdict};
    let Some(model) = crate::compile(LINE, &crate::Options::default()).0 else {
        return f64::INFINITY;
    };
    let one = |seed: u64, loss: f64| SeedVerdict {
        seed,
        distances: Vec::new(),
        value: 0.0,
        loss,
        loss_error: 0.0,
        behind_constant: None,
        moved: 0.0,
        outside: 0.0,
        one_shot: (loss, loss),
        euler: None,
    };
    let verdict = Verdict {
        seeds: vec![one(1, 0.01), one(2, 0.2), one(3, 0.0)],
        mean_loss: 0.07,
        loss_interval: (0.0, 0.2),
        unit: "consumption for ever".into(),
        benchmarks: Vec::new(),
        paths_followed: 64,
        constant: None,
        slice: None,
        paths: Vec::new(),
    };
    let content = of_verdict(&model, "ppo", &verdict, &Limits::default());
    let row = content
        .certificate
        .iter()
        .find(|c| c.name.starts_with("one-shot deviation gain"));
    worst([(row.map_or(f64::NAN, |c| c.measured), 0.2)])
}

/// Advantages of three rows by hand: the second ends its episode, the third goes on.
fn record() -> f64 {
    let mut r = crate::learn::rollout::Rollout {
        periods: 3,
        slots: 1,
        reward: vec![1.0, 2.0, 3.0],
        value: vec![0.5, 0.4, 0.3, 10.0],
        terminated: vec![false, true, false],
        ended: vec![false, true, false],
        ..crate::learn::rollout::Rollout::default()
    };
    r.estimate_advantages(0.5, 0.8);
    let third = 3.0 + 0.5 * 10.0 - 0.3;
    let second = 2.0 - 0.4;
    let first = 1.0 + 0.5 * 0.4 - 0.5 + 0.5 * 0.8 * second;
    worst([
        (f64::from(r.advantage[0]), first),
        (f64::from(r.advantage[1]), second),
        (f64::from(r.advantage[2]), third),
    ])
}

/// A game of one period that pays 0 or 1: that is what its two choices are worth, whatever the discount factor.
fn table() -> f64 {
    use crate::env::vector::{Options as Copies, Vectorised};
    use crate::learn::q_learning::{QLearning, QLearningOptions};
    let text = "agent a {\n  state x in 0..1, start 0\n  action d in {no, yes}\n  x' = x\n  observe x\n  \
                reward if d == yes then 1 else 0\n  end when x == 0\n  discount 0.9\n}\n";
    let Some(model) = crate::compile(text, &crate::Options::default()).0 else {
        return f64::INFINITY;
    };
    let copies = Copies {
        agent: None,
        scenario: None,
        worlds: 1,
        periods: None,
        grids: false,
        others: Behaviour::Random,
        together: 1,
    };
    let Ok(mut env) = Vectorised::new(&model, &copies) else {
        return f64::INFINITY;
    };
    let options = QLearningOptions {
        steps: 2000,
        alpha: 0.5,
        exploration_rate: 0.0,
        ..QLearningOptions::default()
    };
    let Ok(mut learner) = QLearning::new(options, &mut env, 1, 1) else {
        return f64::INFINITY;
    };
    let go_on =
        |_: &_, _: &dyn crate::learn::Learner, _: &dyn crate::env::VectorEnvironment| crate::learn::Next::Continue;
    if crate::learn::train(&mut learner, &mut env, go_on).is_err() {
        return f64::INFINITY;
    }
    let mut row = learner.tables().row(0, 0).to_vec();
    row.sort_by(f64::total_cmp);
    worst([(row[0], 0.0), (row[1], 1.0)])
}
