//! Random finite economies against an enumeration of everything that can happen, written here and sharing nothing with the
//! program: states, a chain, choices, draws whose chances move with states, shocks, actions and other draws, ends, horizons.
//!
//! `ECONC_CASES=2000` tries as many; a fault prints the economy.

use econc::solve::progress::Control;
use econc::verify::solved::{self, Solved};

/// A small generator of numbers (xorshift64*).
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
    fn below(&mut self, n: usize) -> usize {
        ((self.next() >> 33) % n as u64) as usize
    }
    fn yes(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
    /// A number with two digits in [lo, hi].
    fn number(&mut self, lo: f64, hi: f64) -> f64 {
        let n = ((hi - lo) * 100.0).round() as usize;
        ((lo * 100.0).round() + self.below(n + 1) as f64) / 100.0
    }
}

/// A linear expression of what may be read: `constant + sum coefficient * variable`.
#[derive(Clone, Debug)]
struct Line {
    constant: f64,
    terms: Vec<(f64, Name)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Name {
    X,
    Y,
    Z,
    D,
    Draw(usize),
}

impl Name {
    fn text(self) -> String {
        match self {
            Name::X => "x".into(),
            Name::Y => "y".into(),
            Name::Z => "Z".into(),
            Name::D => "d".into(),
            Name::Draw(k) => format!("n{k}"),
        }
    }
}

/// Everything that is known in one branch.
#[derive(Clone, Debug)]
struct Point {
    x: f64,
    y: f64,
    z: f64,
    d: f64,
    draws: Vec<f64>,
}

impl Point {
    fn get(&self, n: Name) -> f64 {
        match n {
            Name::X => self.x,
            Name::Y => self.y,
            Name::Z => self.z,
            Name::D => self.d,
            Name::Draw(k) => self.draws[k],
        }
    }
}

impl Line {
    fn at(&self, p: &Point) -> f64 {
        self.constant + self.terms.iter().map(|(c, n)| c * p.get(*n)).sum::<f64>()
    }
    fn text(&self) -> String {
        let mut out = format!("{:.4}", self.constant);
        for (c, n) in &self.terms {
            out.push_str(&format!(" + ({c:.4}) * {}", n.text()));
        }
        out
    }
    /// Some of the names with coefficients within `size`.
    fn random(rng: &mut Rng, names: &[Name], size: f64) -> Line {
        let mut terms = Vec::new();
        for n in names {
            if rng.yes(55) {
                terms.push((rng.number(-size, size), *n));
            }
        }
        Line {
            constant: rng.number(-size, size),
            terms,
        }
    }
    /// A probability: `lo + sum share / largest * variable`, with shares that leave it within [0, 1].
    fn chance(rng: &mut Rng, names: &[(Name, f64)]) -> Line {
        let mut left = 0.95;
        let constant = rng.number(0.0, 0.3);
        left -= constant;
        let mut terms = Vec::new();
        for (n, largest) in names {
            if rng.yes(60) && left > 0.05 {
                let share = (left * rng.number(0.3, 0.9) * 100.0).floor() / 100.0;
                left -= share;
                // Four digits, rounded down: the text and the number are the same.
                terms.push(((share / largest * 1e4).floor() / 1e4, *n));
            }
        }
        Line { constant, terms }
    }
}

#[derive(Clone, Debug)]
enum Draw {
    Bernoulli(Line),
    /// `lo..lo + x` or a fixed width.
    Whole(usize, bool),
    Discrete(Vec<f64>, Vec<f64>),
}

#[derive(Clone, Debug)]
struct Economy {
    nx: usize,
    ny: Option<usize>,
    chain: Option<(Vec<f64>, Vec<Vec<f64>>)>,
    nd: usize,
    words: bool,
    draws: Vec<Draw>,
    reward: Line,
    /// x' = clamp(.., 0, nx - 1), all coefficients whole.
    move_x: Line,
    move_y: Line,
    end: Option<(Name, f64)>,
    discount: f64,
    horizon: Option<usize>,
    reversed: bool,
}

fn whole(rng: &mut Rng, names: &[Name]) -> Line {
    let mut terms = Vec::new();
    for n in names {
        if rng.yes(60) {
            terms.push((rng.below(3) as f64 - 1.0, *n));
        }
    }
    Line {
        constant: rng.below(2) as f64,
        terms,
    }
}

fn economy(rng: &mut Rng) -> Economy {
    let nx = 2 + rng.below(3);
    let ny = rng.yes(40).then(|| 2 + rng.below(2));
    let chain = rng.yes(50).then(|| {
        let n = 2 + rng.below(2);
        let matrix = (0..n)
            .map(|_| {
                let mut row: Vec<f64> = (0..n - 1).map(|_| rng.number(0.05, 0.95 / n as f64)).collect();
                row.push(((1.0 - row.iter().sum::<f64>()) * 1e6).round() / 1e6);
                row
            })
            .collect();
        ((0..n).map(|i| i as f64).collect::<Vec<f64>>(), matrix)
    });
    let nd = 2 + rng.below(2);
    let words = nd == 2 && rng.yes(50);
    let mut known: Vec<(Name, f64)> = vec![(Name::X, nx as f64 - 1.0)];
    if let Some(ny) = ny {
        known.push((Name::Y, ny as f64 - 1.0));
    }
    if let Some((v, _)) = &chain {
        known.push((Name::Z, v.len() as f64 - 1.0));
    }
    if !words {
        known.push((Name::D, nd as f64 - 1.0));
    }
    let mut draws = Vec::new();
    for k in 0..1 + rng.below(3) {
        let (draw, most) = match rng.below(4) {
            0 => {
                let (n, moving) = (1 + rng.below(2), rng.yes(50));
                (Draw::Whole(n, moving), if moving { nx as f64 - 1.0 } else { n as f64 })
            }
            1 => {
                let p = rng.number(0.1, 0.8);
                (
                    Draw::Discrete(vec![0.0, 2.0], vec![p, ((1.0 - p) * 100.0).round() / 100.0]),
                    2.0,
                )
            }
            _ => (Draw::Bernoulli(Line::chance(rng, &known)), 1.0),
        };
        draws.push(draw);
        known.push((Name::Draw(k), most));
    }
    let names: Vec<Name> = known.iter().map(|k| k.0).collect();
    let pays: Vec<Name> = if rng.yes(30) { vec![Name::D] } else { names.clone() };
    let pays: Vec<Name> = pays.into_iter().filter(|n| !(words && *n == Name::D)).collect();
    let horizon = rng.yes(30).then(|| 1 + rng.below(5));
    Economy {
        nx,
        ny,
        chain,
        nd,
        words,
        reward: Line::random(rng, &pays, 2.0),
        move_x: whole(rng, &names),
        move_y: whole(rng, &names),
        end: rng
            .yes(35)
            .then(|| (Name::Draw(rng.below(draws.len())), rng.number(-3.0, 3.0))),
        draws,
        discount: rng.number(0.3, 0.95),
        horizon,
        reversed: rng.yes(50),
    }
}

impl Economy {
    fn text(&self) -> String {
        let mut t = String::from("model tried\n");
        if let Some((v, m)) = &self.chain {
            t.push_str(&format!("shock Z ~ markov({v:?}, {m:?})\n"));
        }
        t.push_str(&format!("agent a {{\n  state x in 0..{}, start 0\n", self.nx - 1));
        if let Some(ny) = self.ny {
            t.push_str(&format!("  state y in 0..{}, start 0\n", ny - 1));
        }
        if self.words {
            t.push_str("  action word in {left, right}\n");
        } else {
            t.push_str(&format!("  action d in 0..{}\n", self.nd - 1));
        }
        let mut draws: Vec<String> = self
            .draws
            .iter()
            .enumerate()
            .map(|(k, d)| match d {
                Draw::Bernoulli(p) => format!("  noise n{k} ~ bernoulli({})\n", p.text()),
                Draw::Whole(n, false) => format!("  noise n{k} ~ uniform_int(0, {n})\n"),
                Draw::Whole(_, true) => format!("  noise n{k} ~ uniform_int(0, x)\n"),
                Draw::Discrete(v, p) => format!("  noise n{k} ~ discrete({v:?}, {p:?})\n"),
            })
            .collect();
        if self.reversed {
            draws.reverse();
        }
        t.push_str(&draws.concat());
        let word = if self.words {
            " + (if word == right then 0.35 else 0)"
        } else {
            ""
        };
        let step = if self.words {
            " + (if word == right then 1 else 0)"
        } else {
            ""
        };
        t.push_str(&format!(
            "  x' = clamp(round({}{step}), 0, {})\n",
            self.move_x.text(),
            self.nx - 1
        ));
        if let Some(ny) = self.ny {
            t.push_str(&format!("  y' = clamp(round({}), 0, {})\n", self.move_y.text(), ny - 1));
        }
        t.push_str(&format!("  reward {}{word}\n", self.reward.text()));
        if let Some((n, pays)) = &self.end {
            t.push_str(&format!("  end when {} > 0, paying {pays:.4}\n", n.text()));
        }
        t.push_str(&format!("  discount {:.4}\n}}\n", self.discount));
        if let Some(h) = self.horizon {
            t.push_str(&format!("horizon {h}\n"));
        }
        t
    }

    /// All draws with their chances.
    fn outcomes(&self, p: &Point) -> Vec<(f64, Point)> {
        let mut all = vec![(1.0, p.clone())];
        for d in &self.draws {
            let mut next = Vec::new();
            for (w, p) in all {
                let values: Vec<(f64, f64)> = match d {
                    Draw::Bernoulli(line) => {
                        let q = line.at(&p);
                        vec![(1.0, q), (0.0, 1.0 - q)]
                    }
                    Draw::Whole(n, moving) => {
                        let n = if *moving { p.x as usize } else { *n };
                        (0..=n).map(|v| (v as f64, 1.0 / (n + 1) as f64)).collect()
                    }
                    Draw::Discrete(v, q) => v.iter().copied().zip(q.iter().copied()).collect(),
                };
                for (v, q) in values {
                    let mut p = p.clone();
                    p.draws.push(v);
                    next.push((w * q, p));
                }
            }
            all = next;
        }
        all
    }

    /// Values of a period whose rest is worth `after` (`[x][y][z]` flat, z fastest), and the best choices.
    fn step(&self, after: &[f64]) -> Vec<f64> {
        let ny = self.ny.unwrap_or(1);
        let (nz, matrix) = match &self.chain {
            Some((v, m)) => (v.len(), m.clone()),
            None => (1, vec![vec![1.0]]),
        };
        let mut out = Vec::new();
        for s in 0..self.nx * ny * nz {
            let (x, y, z) = (s / (ny * nz), s / nz % ny, s % nz);
            let mut best = f64::NEG_INFINITY;
            for d in 0..self.nd {
                let p = Point {
                    x: x as f64,
                    y: y as f64,
                    z: z as f64,
                    d: d as f64,
                    draws: Vec::new(),
                };
                let mut q = 0.0;
                for (w, p) in self.outcomes(&p) {
                    let mut pay = self.reward.at(&p);
                    let mut to = self.move_x.at(&p);
                    if self.words && d == 1 {
                        pay += 0.35;
                        to += 1.0;
                    }
                    let rest = match &self.end {
                        Some((n, pays)) if p.get(*n) > 0.0 => *pays,
                        _ => {
                            let x = to.round().clamp(0.0, self.nx as f64 - 1.0) as usize;
                            let y = self.move_y.at(&p).round().clamp(0.0, ny as f64 - 1.0) as usize;
                            (0..nz).map(|k| matrix[z][k] * after[(x * ny + y) * nz + k]).sum()
                        }
                    };
                    q += w * (pay + self.discount * rest);
                }
                best = f64::max(best, q);
            }
            out.push(best);
        }
        out
    }

    /// Values of all periods (one, if there is no horizon).
    fn values(&self) -> Vec<Vec<f64>> {
        let size = self.nx * self.ny.unwrap_or(1) * self.chain.as_ref().map_or(1, |c| c.0.len());
        let mut v = vec![0.0; size];
        match self.horizon {
            Some(h) => {
                let mut all = Vec::new();
                for _ in 0..h {
                    v = self.step(&v);
                    all.push(v.clone());
                }
                all.reverse();
                all
            }
            None => {
                for _ in 0..1500 {
                    let next = self.step(&v);
                    let change = next.iter().zip(&v).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                    v = next;
                    if change < 1e-13 {
                        break;
                    }
                }
                vec![v]
            }
        }
    }
}

fn solve(text: &str) -> Result<Solved, String> {
    let (model, d) = econc::compile(text, &econc::Options::default());
    let model = model.ok_or_else(|| format!("{d:?}"))?;
    let options = solved::Options {
        seed: 1,
        ..solved::Options::default()
    };
    solved::solve(&model, &options, &mut |_| Control::Continue).map_err(|d| format!("{d:?}"))
}

/// What is solved against what is right. A state, or the chain, may be left out where nothing depends on it: then the right
/// values must not depend on it either.
fn compare(e: &Economy, s: &Solved) -> Result<(), String> {
    let right = e.values();
    let (ny, nz) = (e.ny.unwrap_or(1), e.chain.as_ref().map_or(1, |c| c.0.len()));
    let has = |name: &str| s.solution.states.iter().any(|x| x.name == name);
    let (has_x, has_y, has_z) = (has("a.x"), has("a.y"), !s.solution.chain.names.is_empty());
    let (my, mz) = (if has_y { ny } else { 1 }, if has_z { nz } else { 1 });
    if e.horizon.is_some() && s.solution.periods != right.len() {
        return Err(format!("{} periods", s.solution.periods));
    }
    for (t, values) in right.iter().enumerate() {
        let found = s.solution.period(&s.solution.value, t);
        for (k, v) in values.iter().enumerate() {
            let (x, y, z) = (k / (ny * nz), k / nz % ny, k % nz);
            let x = if has_x { x } else { 0 };
            let at = (x * my + if has_y { y } else { 0 }) * mz + if has_z { z } else { 0 };
            let f = found.get(at).copied().unwrap_or(f64::NAN);
            if !((f - v).abs() <= 1e-7 * (1.0 + v.abs())) {
                return Err(format!(
                    "period {t}, x y z = {:?}: {f}, right {v}",
                    (k / (ny * nz), y, z)
                ));
            }
        }
    }
    Ok(())
}

#[test]
fn random_finite_economies_are_worth_what_their_enumeration_says() {
    let cases: u64 = std::env::var("ECONC_CASES")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(200);
    let mut moving = 0;
    let mut refused = 0;
    for case in 0..cases {
        let mut rng = Rng(0x9e37_79b9_7f4a_7c15 ^ (case + 1).wrapping_mul(0xbf58_476d_1ce4_e5b9));
        for _ in 0..4 {
            rng.next();
        }
        let e = economy(&mut rng);
        let text = e.text();
        let solved = match solve(&text) {
            Ok(solved) => solved,
            // Coefficients that happen to be zero leave an action without an effect, which the language refuses.
            Err(d) if d.contains("E0703") => {
                refused += 1;
                continue;
            }
            Err(d) => panic!("case {case}\n{text}\n{d}"),
        };
        if let Err(fault) = compare(&e, &solved) {
            panic!("case {case}: {fault}\n{text}");
        }
        moving += usize::from(
            e.draws
                .iter()
                .any(|d| matches!(d, Draw::Bernoulli(l) if !l.terms.is_empty())),
        );
    }
    assert!(
        moving as u64 * 3 > cases && refused * 10 < cases,
        "too few economies with chances that move: {moving}"
    );
}
