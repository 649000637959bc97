//! Small economies on which faults show, as a user writes them, with the functions that know their answers (`answers.rs`).

use super::Answer;
use super::answers::*;
use super::games::*;
use super::learners::*;
use super::moves::*;
use crate::check::Model;
use crate::driver::Solved;

/// An economy, what its answer is compared with, and how close to it a program without faults comes.
pub(super) struct Economy {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    /// Largest distance from the right answer, relative to one plus its size; infinite if it is no number.
    pub(super) gap: Answer,
    /// Gap of a program without faults: grids and draws.
    pub(super) within: f64,
    /// What its certificate and the cross-checks find without a fault: it is solved too coarsely on purpose.
    pub(super) coarse: &'static [&'static str],
}

/// All of them.
pub(super) const ECONOMIES: &[Economy] = &[
    solved("growth", GROWTH, growth, 1e-6),
    solved("cycle", CYCLE, cycle, 1e-6),
    solved("regimes", REGIMES, regimes, 1e-6),
    solved("rest", REST, rest, 1e-6),
    solved("keeper", KEEPER, keeper, 1e-6),
    solved("line", LINE, line, 1e-6),
    solved("windy", WINDY, windy, 1e-6),
    solved("lottery", LOTTERY, lottery, 1e-6),
    solved("machine", MACHINE, machine, 1e-6),
    solved("drift", DRIFT, drift, 1e-6),
    solved("seller", SELLER, seller, 1e-6),
    solved("three", THREE, three, 1e-6),
    solved("pair", PAIR, pair, 1e-6),
    solved("quay", QUAY, quay, 1e-6),
    solved("quota", QUOTA, quota, 1e-6),
    solved("exports", EXPORTS, exports, 2e-4),
    solved("dice", DICE, dice, 1e-6),
    solved("effort", EFFORT, effort, 1e-6),
    solved("savers", SAVERS, savers, 1e-6),
    solved("cake", CAKE, cake, 1e-6),
    solved("offers", OFFERS, offers, 1e-6),
    solved("tries", TRIES, tries, 1e-4),
    refused(
        "narrow",
        NARROW,
        &[
            "E0911", "E0912", "E0913", "E0914", "E0915", "E0943", "E0944", "E0945", "E0946", "E0949", "returns",
            "moments",
        ],
    ),
    refused(
        "endless",
        ENDLESS,
        &[
            "E0911", "E0912", "E0913", "E0914", "E0943", "E0944", "E0945", "E0946", "E0949", "returns", "moments",
        ],
    ),
    refused("odometer", ODOMETER, &["E0993"]),
    solved("carried", CARRIED, carried, 1e-6),
    solved("slow", SLOW, slow, 0.15),
    solved("war", WAR, war, 1e-5),
    refused("war cut short", WAR_CUT_SHORT, &["E0949"]),
    solved("patience", PATIENCE, patience, 1e-6),
    solved("peaks", PEAKS, peaks, 1e-6),
    solved("corner", CORNER, corner, 1e-6),
    solved("dump", DUMP, dump, 1e-4),
    solved("gate", GATE, gate, 1e-6),
    solved("limit", LIMIT, limit, 1e-6),
    solved("team", TEAM, team, 1e-6),
    solved("herd", HERD, herd, 1e-6),
    solved("stalls", STALLS, stalls, 1e-6),
    solved("rivals", RIVALS, rivals, 1e-6),
    solved("leader", LEADER, leader, 1e-6),
    solved("ridge", RIDGE, ridge, 1e-6),
    solved("comers", COMERS, comers, 1e-6),
    solved("retiring", RETIRING, retiring, 1e-6),
    solved("sellers", SELLERS, sellers, 1e-6),
    solved("sellers who take prices", TAKERS, takers, 1e-6),
    solved("taker behind a kink", KINKED_TAKER, kinked_taker, 1e-4),
    solved(
        "households",
        include_str!("../../../models/krusell_smith.econ"),
        households,
        6e-3,
    ),
    solved("cycle played", CYCLE, cycle_played, 0.03),
    solved("line played", LINE, line_played, 1e-4),
    solved("keeper played", KEEPER, keeper_played, 0.1),
    solved("lottery judged", LOTTERY, lottery_judged, 0.03),
    solved("limit projected", LIMIT, limit_projected, 1e-6),
    solved("growth learned", GROWTH, growth_learned, 1e-3),
    Economy {
        coarse: &["E0944", "E0945", "returns"],
        ..solved("coarse", COARSE, coarse, 0.6)
    },
    solved("bottom", include_str!("../../../models/portfolio.econ"), bottom, 0.5),
    solved("top", TOP, top, 1.2e-3),
    solved("sliver", SLIVER, sliver, 1e-6),
    solved("two sizes", TWO_SIZES, two_sizes, 1e-6),
    solved("contract", CONTRACT, contract, 1e-6),
    solved("tree", TREE, tree, 1e-9),
    solved("held savers", HELD_SAVERS, held_savers, 3e-4),
    solved("entrants", ENTRANTS, entrants, 1e-8),
    solved("sectors", SECTORS, sectors, 1e-8),
    alone("rest at the peak", rest_at_the_peak, 1e-6),
    alone("rest at the end", rest_at_the_end, 1e-6),
    alone("near moves", near_moves, 1e-6),
    alone("numbers first", numbers_first, 1e-6),
    alone("whole moves", whole_moves, 1e-6),
    alone("answered", answered, 1e-3),
    alone("explorer", explorer, 1e-6),
    alone("seeds", seeds, 1e-6),
    alone("record", record, 1e-6),
    alone("table", table, 1e-6),
    alone("two seats", two_seats, 1e-6),
    alone("pairs of worlds", pairs, 1e-6),
];

const fn solved(name: &'static str, text: &'static str, gap: fn(&Model, &Solved) -> f64, within: f64) -> Economy {
    Economy {
        name,
        text,
        gap: Answer::Solved(gap),
        within,
        coarse: &[],
    }
}

/// An economy whose certificate says something (`coarse`), and whose answer is of no interest.
const fn refused(name: &'static str, text: &'static str, coarse: &'static [&'static str]) -> Economy {
    Economy {
        name,
        text,
        gap: Answer::Solved(anything),
        within: 1e-6,
        coarse,
    }
}

fn anything(_: &Model, _: &Solved) -> f64 {
    0.0
}

const fn alone(name: &'static str, gap: fn() -> f64, within: f64) -> Economy {
    Economy {
        name,
        text: "",
        gap: Answer::Alone(gap),
        within,
        coarse: &[],
    }
}

pub(super) const GROWTH: &str = r#"model growth "Consumes a fixed share"
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
solve { grid.k = log(40); periods = 1600; burn_in = 20; chain.z = rouwenhorst(7) }
"#;

pub(super) const COARSE: &str = r#"model coarse "Squares, with noises at their mean"
agent a {
  state x in [-6, 6], start uniform(-1, 1)
  action u in [-6, 6]
  noise w ~ normal(0, 0.3)
  x' = 0.9 * x + u + w
  observe x
  reward -x^2 - 0.5 * u^2
  discount 0.95
}
solve { grid.x = 60; quadrature.w = 1; bellman = 0 }
"#;

pub(super) const CYCLE: &str = r#"model cycle "Sells where prices go round"
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

pub(super) const REGIMES: &str = r#"model regimes "Work where regimes move the odds"
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

pub(super) const REST: &str = r#"model rest "Where capital rests"
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

pub(super) const KEEPER: &str = r#"model keeper "Keeps a quantity close to zero"
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
solve { grid.x = uniform(21); quadrature.e = 5; quadrature.u = 5; periods = 1600; burn_in = 20 }
"#;

pub(super) const WINDY: &str = r#"model windy "Pushed by three winds"
agent owner {
  state x in [0, 24], start 10
  action a in [0, 4]
  noise north ~ normal(0.1, 0.1)
  noise east ~ normal(0.1, 0.1)
  noise south ~ normal(0.1, 0.1)
  x' = 0.9 * x + 0.5 * a + north + east + south
  observe x
  reward x - a^2
  discount 0.9
}
solve { grid.x = uniform(9); interpolation = linear; periods = 640; burn_in = 20 }
"#;

pub(super) const LOTTERY: &str = r#"model lottery "Orders before demand is known"
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

pub(super) const MACHINE: &str = r#"model machine "Old machines fail more often"
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

pub(super) const DRIFT: &str = r#"model drift "Odds that move with the place"
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

pub(super) const SELLER: &str = r#"model seller "A price that clears"
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

pub(super) const THREE: &str = r#"model three "A price that clears three times"
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

pub(super) const PAIR: &str = r#"model pair "Two prices that clear together"
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

pub(super) const QUAY: &str = r#"model quay "A quantity against its price"
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

pub(super) const QUOTA: &str = r#"model quota "A price that clears small sales only"
agent seller {
  state stock in 0..5, start 3
  action q in 0..3
  let sold = min(q, stock)
  stock' = min(stock - sold + 1, 5)
  observe stock
  reward p * (sold + 0.5)
  discount 0.9
}
market goods { price p in [1, 5] clears 6 / (p + p^2) == seller.sold + 0.5 }
solve { periods = 640; burn_in = 20 }
"#;

pub(super) const EXPORTS: &str = r#"model exports "Earns what the exchange rate is worth"
shock z ~ ar1(rho: 0.5, sigma: 0.2)
agent exporter {
  state n in 0..1, start 0
  action a in 0..1
  n' = 1 - n
  observe n, z
  reward exp(z) - 0.1 * (a - n)^2
  discount 0.9
}
solve { periods = 1600; burn_in = 20; chain.z = rouwenhorst(31) }
"#;

pub(super) const DICE: &str = r#"model dice "Cashes in on a die"
shock d ~ iid uniform_int(1, 6)
agent roller {
  state n in 0..3, start 0
  action a in {hold, cash}
  n' = if a == cash then 0 else min(n + 1, 3)
  observe n, d
  reward if a == cash then n * d - 1 else 0.1
  discount 0.9
}
solve { periods = 1600; burn_in = 20 }
"#;

pub(super) const EFFORT: &str = r#"model effort "Tries as hard as the prize is worth"
shock w ~ markov([low: 0.6, high: 1.4], [[0.7, 0.3], [0.4, 0.6]])
agent worker {
  state x in [0, 4], start 1
  action e in [0, 1]
  noise win ~ bernoulli(e)
  x' = 0.5 * x + 1
  observe x, w
  reward x + (if win then w else 0) - e^2
  discount 0.9
}
solve { grid.x = uniform(8); periods = 1600; burn_in = 20 }
"#;

pub(super) const TREE: &str = r#"model tree "The price of a tree"
shock d ~ markov([0.8, 1.2], [[0.5, 0.5], [0.5, 0.5]])
agent household {
  action eaten in [0.1, 1]
  let c = eaten * d
  observe d
  reward -1 / c
  discount 0.9
}
forward price v = expect(0.9 * (household.c / household.c')^2 * (v' + d'))
"#;

pub(super) const SAVERS: &str = r#"model savers "Three who do not meet"
agent saver[3] {
  state k in 0..3, start 1
  action a in 0..1
  k' = min(max(k + (if a == 1 then 1 else -1), 0), 3)
  observe k
  reward k - 1.2 * a
  discount 0.9
}
solve { periods = 640; burn_in = 20 }
"#;

pub(super) const CAKE: &str = r#"model cake "Eats a cake in six periods"
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

pub(super) const OFFERS: &str = r#"model offers "Job search with a benefit that falls"
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

pub(super) const PATIENCE: &str = r#"model patience "Patience that moves with the state"
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

pub(super) const PEAKS: &str = r#"model peaks "Two peaks"
agent climber {
  state x in [0, 24], start 10
  action a in [0, 10]
  x' = 0.9 * x + 1
  observe x
  reward x + 2 * exp(-(a - 2)^2) + 3 * exp(-2 * (a - 8.3)^2)
  discount 0.9
}
solve { grid.x = uniform(8); euler = 0; periods = 640; burn_in = 20 }
"#;

pub(super) const CORNER: &str = r#"model corner "A bound that binds"
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

pub(super) const TOP: &str = r#"model top "Wealth that grows beyond the end of the grid"
agent investor {
  state w in (0, inf), start 1
  action m in (0, 1)
  action a in [0, 1]
  noise good ~ bernoulli(0.5)
  let c = m * w
  w' = (w - c) * (1.04 + a * ((if good then 1.22 else 0.9) - 1.04))
  observe w
  reward crra(c, 1.5)
  discount 0.95
}
solve { grid.w = log(0.01, 100, 120); periods = 960; burn_in = 0 }
"#;

pub(super) const SLIVER: &str = r#"model sliver "A little of anything, or one size"
agent mason {
  state k in [0, 4], start 1
  action x in [0, 10]
  require x <= 3 or abs(x - (7.43 + k / 100)) <= 0.001
  k' = 0.5 * k + 1
  observe k
  reward x
  discount 0.9
}
solve { grid.k = uniform(8); periods = 640; burn_in = 20 }
"#;

pub(super) const HELD_SAVERS: &str = r#"model savers "Savers whom a limit holds"
agent saver[continuum] {
  shock e ~ markov([l: 0.4, m: 1, h: 1.8], [[0.7, 0.3, 0], [0.1, 0.8, 0.1], [0, 0.3, 0.7]])
  state a in [0, inf), start 1
  action c in (0, (1 + r) * a + e]
  a' = (1 + r) * a + e - c
  reward log(c)
  discount 0.94
}
market funds { price r = 0.06 - 0.02 * mean(saver.a) }
"#;

pub(super) const ENTRANTS: &str = r#"model entrants "Firms that learn on entry how good they are"
agent firm[continuum] mass M {
  shock z ~ markov([1, 2, 3], [[1, 0, 0], [0, 1, 0], [0, 0, 1]])
  action d in {stay, leave}
  noise dies ~ bernoulli(0.1)
  let q = if d == stay then p * z^2 / 2 else 0
  observe z
  reward if d == stay then p^2 * z^2 / 4 - 1 else 0
  end when d == leave or dies, then restart
  discount 0.9
}
market goods {
  price p in [0.5, 3] clears entry_value(firm) == 5
  aggregate M = 10 / (p * mean(firm.q))
}
"#;

pub(super) const SECTORS: &str = r#"model sectors "Who works in town, and at what wage"
agent worker[continuum] {
  shock z ~ markov([0.5, 2], [[0.8, 0.2], [0.3, 0.7]])
  action d in {town, farm} taste gumbel(0.5)
  let e = if d == town then z else 0
  observe z
  reward if d == town then log(w * z) else 0
  discount 0.9
}
market labour { price w in [0.2, 5] clears mean(worker.e) == 1 / w }
"#;

pub(super) const TWO_SIZES: &str = r#"model two_sizes "A little of both, or one size of each"
agent mason {
  state k in [0, 4], start 1
  action x in [0, 10]
  action y in [0, 10]
  require x + y <= 3 or (abs(x - (6 + k / 100)) <= 0.001 and abs(y - 2) <= 0.002)
  k' = 0.5 * k + 1
  observe k
  reward x + y
  discount 0.9
}
solve { grid.k = uniform(8); periods = 640; burn_in = 20 }
"#;

pub(super) const CONTRACT: &str = r#"model contract "Who delivers the agreed quantity is paid for it"
agent farm {
  state k in [0, 4], start 1
  action y in [0, 40]
  k' = 0.5 * k + 1
  observe k
  reward k - 0.1 * y + (if y >= 30 + 0.1 * k and y <= 30.001 + 0.1 * k then 4 else 0)
  discount 0.9
}
solve { grid.k = uniform(8); periods = 640; burn_in = 20 }
"#;

pub(super) const DUMP: &str = r#"model dump "A store that must not overflow"
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

pub(super) const GATE: &str = r#"model gate "A choice that is not always open"
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

pub(super) const LIMIT: &str = r#"model limit "A requirement"
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

pub(super) const TEAM: &str = r#"model team "A planner over two kinds and three members"
agent maker {
  state x in 0..3, start 2
  action a in 0..1
  x' = min(max(x + (if a == 1 then 1 else -1), 0), 3)
  reward -a
  discount 0.9
}
agent user { action u in 0..1; reward maker.x * u - 0.5 * u; discount 0.9 }
solve { concept = planner; periods = 640; burn_in = 20 }
"#;

pub(super) const STALLS: &str = r#"model stalls "Two price takers with rising costs"
agent stall[2] { action q in [0, 10]; reward p * q - q^2 / 2 }
market square { let Q = sum(stall.q); price p = 10 - Q }
solve { concept = competitive }
"#;

pub(super) const RIVALS: &str = r#"model rivals "Two unlike quantities"
agent a { action q in [0, 10]; reward (goods.p - 1) * q }
agent b { action q in [0, 10]; reward (goods.p - 2) * q }
market goods { price p = 10 - a.q - b.q }
solve { concept = nash }
"#;

pub(super) const RIDGE: &str = r#"model ridge "Two numbers that move together"
agent f {
  action x in [-3, 3]
  action y in [-3, 3]
  reward -100 * (x - y)^2 - (x^2 - 1)^2 + 0.3 * x + 0.01 * x * r.z
}
agent r { action z in [-3, 3]; reward -(z - 0.1 * f.x)^2 }
solve { concept = nash; select = from(start) }
"#;

pub(super) const COMERS: &str = r#"model comers "Two who may come in, with tastes"
agent firm[2] {
  state on in 0..1, start 0
  action d in 0..1 taste gumbel(0.3)
  on' = d
  observe on, others(firm.on)
  reward d * (1.25 - 0.8 * sum(others(firm.d))) - 0.3 * d * (1 - on)
  discount 0.9
}
solve { concept = nash }
"#;

pub(super) const RETIRING: &str = r#"model retiring "Work, saving, and the date of retirement"
horizon 3
agent worker {
  state m in [0, inf), start 40
  state out in 0..1, start 0
  action d in {work when out == 0, retire}
  action c in (0, m]
  m' = m - c + (if d == work then 20 else 0)
  out' = if d == work then 0 else 1
  observe m, out
  reward log(c) - (if d == work then 1 else 0)
  discount 0.98
}
solve { grid.m = exponential(0.01, 200, 400) }
"#;

pub(super) const LEADER: &str = r#"model leader "One chooses first"
stages lead, follow
agent first { action q in [0, 10] at lead; reward (goods.p - 1) * q }
agent second { action q in [0, 10] at follow; observe first.q; reward (goods.p - 1) * q }
market goods { price p = 10 - first.q - second.q }
solve { concept = stackelberg }
"#;

pub(super) const SELLERS: &str = r#"model sellers "Two unlike sellers, demand that comes back to its mean"
state x in [4, 8], start 5 "demand"
x' = 3 + 0.5 * x
agent a { action q in [0, 4]; observe x; reward p * q - q^2 / 2; discount 0.9 }
agent b { action q in [0, 4]; observe x; reward p * q - q^2; discount 0.9 }
market goods { price p = x - a.q - b.q }
solve { concept = nash; method = joint }
"#;

pub(super) const TAKERS: &str = r#"model takers "Two unlike sellers who take the price, demand that comes back to its mean"
state x in [4, 8], start 5 "demand"
x' = 3 + 0.5 * x
agent a { action q in [0, 4]; observe x; reward p * q - q^2 / 2; discount 0.9 }
agent b { action q in [0, 4]; observe x; reward p * q - q^2; discount 0.9 }
market goods { price p = x - a.q - b.q }
solve { concept = competitive; information = full; method = joint }
"#;

pub(super) const KINKED_TAKER: &str = r#"model taker "A seller who takes the price, with a noise behind which it would be nothing"
noise e ~ uniform(-1, 1)
agent firm {
  state k in [0, 15], start 2
  action q in [0, 15]
  k' = q
  observe k
  reward p * q - 2 * q - (q - k)^2 / 2
  discount 0.9
}
market goods { price p = max(12 - firm.q + e, 0) }
solve { concept = competitive; method = joint }
"#;

pub(super) const HERD: &str = r#"model herd "Members who share one reward"
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

pub(super) const TRIES: &str = r#"model tries "Tries until it succeeds; how likely that is depends on how hard it tries"
agent a {
  state odd in 0..1, start 0
  action u in [0, 1]
  noise e ~ uniform(0, 1)
  odd' = 1 - odd
  end when u + e >= 1, paying 1
  reward -u^2
  discount 0.9
}
solve { periods = 640; burn_in = 20 }
"#;

pub(super) const NARROW: &str = r#"model narrow "Saves more than its grid holds"
agent a {
  state w in [0, inf), start 1
  action c in (0, w + 1]
  noise e ~ bernoulli(0.5)
  w' = 1.02 * (w + 1 - c) + 2 * e
  observe w
  reward log(c)
  discount 0.95
}
solve { grid.w = uniform(0, 2, 40) }
"#;

pub(super) const ENDLESS: &str = r#"model endless "Saves without end"
agent a {
  state w in [0, inf), start 1
  action c in (0, w + 1]
  w' = 1.15 * (w + 1 - c)
  observe w
  reward log(c)
  discount 0.95
}
"#;

pub(super) const ODOMETER: &str = r#"model odometer "More states and periods than a mesh can cover"
horizon 200
agent a {
  state p in 0..4, start 0
  state q in 0..4, start 0
  state r in 0..4, start 0
  state s in 0..4, start 0
  state v in 0..4, start 0
  action d in {no, yes}
  p' = (p + 1) mod 5
  q' = (q + 2) mod 5
  r' = (r + 3) mod 5
  s' = (s + 1) mod 5
  v' = (v + 4) mod 5
  reward if d == yes then p + q - r - s else v - 2
  discount 0.9
}
solve { periods = 640 }
"#;

pub(super) const CARRIED: &str = r#"model carried "A stock that grows for ever above one half"
agent a {
  state x in [0, inf), start 0.2
  action u in [-1, 1]
  x' = x * (0.9 + 0.2 * x)
  observe x
  reward x - (u - 0.1 * x)^2
  discount 0.9
}
solve { grid.x = uniform(0, 1, 101) }
"#;

pub(super) const SLOW: &str = r#"model slow "An AR(1) that begins far from where it rests"
agent a {
  state x in (-inf, inf), start 300
  action u in [-1, 1]
  noise e ~ normal(0, 1)
  x' = 0.99 * x + e
  observe x
  reward -(u - 0.001 * x)^2
  discount 0.95
}
solve { grid.x = uniform(-400, 400, 81) }
"#;

macro_rules! war {
    () => {
        r#"model war "Capital, and a war that comes seldom and lasts"
shock Z ~ markov([normal: 1, war: 0.4], [[0.998, 0.002], [0.3, 0.7]]), start normal
agent p {
  state k in (0, inf), start 3
  let y = Z * k^0.36
  action c in (0, y + 0.92 * k)
  k' = 0.92 * k + y - c
  observe k, Z
  reward crra(c, 4)
  discount 0.96
}
"#
    };
}
pub(super) const WAR: &str = war!();
/// The same on a grid that a long war leaves.
pub(super) const WAR_CUT_SHORT: &str = concat!(war!(), "solve { grid.k = log(0.6, 30, 200) }\n");
