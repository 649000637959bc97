//! A random finite economy: as a text of the language, and enumerated. Nothing here uses the program.

/// A small generator of numbers (xorshift64*).
pub struct Rng(u64);

impl Rng {
    /// The stream of a case.
    pub fn of_case(case: u64) -> Rng {
        let mut rng = Rng(0x9e37_79b9_7f4a_7c15 ^ (case + 1).wrapping_mul(0xbf58_476d_1ce4_e5b9));
        for _ in 0..4 {
            rng.next();
        }
        rng
    }
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
pub struct Line {
    pub constant: f64,
    pub terms: Vec<(f64, Name)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Name {
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
pub enum Draw {
    Bernoulli(Line),
    /// `lo..lo + x` or a fixed width.
    Whole(usize, bool),
    Discrete(Vec<f64>, Vec<f64>),
}

#[derive(Clone, Debug)]
pub struct Economy {
    pub nx: usize,
    pub ny: Option<usize>,
    pub chain: Option<(Vec<f64>, Vec<Vec<f64>>)>,
    pub nd: usize,
    pub words: bool,
    pub draws: Vec<Draw>,
    pub reward: Line,
    /// x' = clamp(.., 0, nx - 1), all coefficients whole.
    move_x: Line,
    move_y: Line,
    pub end: Option<(Name, f64)>,
    pub discount: f64,
    pub horizon: Option<usize>,
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

/// Draws an economy.
pub fn economy(rng: &mut Rng) -> Economy {
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
    let mut out = Economy {
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
    };
    // An action without an effect is refused by the language.
    let reads = |l: &Line| l.terms.iter().any(|(c, n)| *n == Name::D && *c != 0.0);
    if !words && !reads(&out.reward) {
        out.reward.terms.retain(|t| t.1 != Name::D);
        out.reward.terms.push((0.41, Name::D));
    }
    out
}

impl Economy {
    /// The economy in the language.
    pub fn text(&self) -> String {
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

    /// Numbers of the states `y` and the chain, and the chain's matrix.
    fn sizes(&self) -> (usize, usize, Vec<Vec<f64>>) {
        let (nz, matrix) = match &self.chain {
            Some((v, m)) => (v.len(), m.clone()),
            None => (1, vec![vec![1.0]]),
        };
        (self.ny.unwrap_or(1), nz, matrix)
    }

    /// What is known at `[x][y][z]` (flat, z fastest) when `d` is chosen.
    fn point(&self, s: usize, d: usize) -> Point {
        let (ny, nz, _) = self.sizes();
        Point {
            x: (s / (ny * nz)) as f64,
            y: (s / nz % ny) as f64,
            z: (s % nz) as f64,
            d: d as f64,
            draws: Vec::new(),
        }
    }

    /// The reward in one branch, and where it leads: `x` and `y` (as `x * ny + y`), or what the end pays.
    fn branch(&self, p: &Point) -> (f64, Result<usize, f64>) {
        let (ny, _, _) = self.sizes();
        let mut pay = self.reward.at(p);
        let mut to = self.move_x.at(p);
        if self.words && p.d == 1.0 {
            pay += 0.35;
            to += 1.0;
        }
        let next = match &self.end {
            Some((n, pays)) if p.get(*n) > 0.0 => Err(*pays),
            _ => {
                let x = to.round().clamp(0.0, self.nx as f64 - 1.0) as usize;
                let y = self.move_y.at(p).round().clamp(0.0, ny as f64 - 1.0) as usize;
                Ok(x * ny + y)
            }
        };
        (pay, next)
    }

    /// Values of a period whose rest is worth `after` (`[x][y][z]` flat, z fastest).
    fn step(&self, after: &[f64]) -> Vec<f64> {
        let (ny, nz, matrix) = self.sizes();
        let worth = |s: usize, d: usize| -> f64 {
            let outcomes = self.outcomes(&self.point(s, d));
            let branches = outcomes.iter().map(|(w, p)| {
                let (pay, next) = self.branch(p);
                let rest = match next {
                    Ok(to) => (0..nz).map(|k| matrix[s % nz][k] * after[to * nz + k]).sum(),
                    Err(paid) => paid,
                };
                w * (pay + self.discount * rest)
            });
            branches.sum()
        };
        (0..self.nx * ny * nz)
            .map(|s| (0..self.nd).map(|d| worth(s, d)).fold(f64::NEG_INFINITY, f64::max))
            .collect()
    }

    /// Means of everything that has a name, in lives that begin at `x = y = 0` with the chain at rest: over `periods` of lives that begin anew
    /// when they end, or, with a horizon, over whole lives (they are alike and apart, so that their mean is that of one). `choice(t, s)` is
    /// what is chosen in period `t` of a life.
    pub fn means(&self, periods: usize, choice: &dyn Fn(usize, usize) -> usize) -> Vec<(String, f64)> {
        let (ny, nz, matrix) = self.sizes();
        let mut rest = vec![1.0 / nz as f64; nz];
        for _ in 0..2000 {
            rest = (0..nz).map(|k| (0..nz).map(|j| rest[j] * matrix[j][k]).sum()).collect();
        }
        let (size, ages) = (self.nx * ny * nz, self.horizon.unwrap_or(1));
        // Mass by age and state.
        let mut mass = vec![vec![0.0; size]; ages];
        mass[0][..nz].copy_from_slice(&rest);
        let mut names: Vec<String> = ["a.x", "a.reward"].map(String::from).to_vec();
        names.extend(self.ny.map(|_| "a.y".into()));
        names.extend(self.chain.as_ref().map(|_| "Z".into()));
        names.extend((!self.words).then(|| "a.d".into()));
        names.extend((0..self.draws.len()).map(|k| format!("a.n{k}")));
        let mut sums = vec![0.0; names.len()];
        let mut lived = 0.0;
        for _ in 0..self.horizon.unwrap_or(periods) {
            let mut next = vec![vec![0.0; size]; ages];
            for (age, s) in (0..ages * size).map(|i| (i / size, i % size)) {
                for (w, p) in self.outcomes(&self.point(s, choice(age, s))) {
                    let w = w * mass[age][s];
                    lived += w;
                    let (pay, to) = self.branch(&p);
                    let mut values = vec![p.x, pay];
                    values.extend(self.ny.map(|_| p.y));
                    values.extend(self.chain.as_ref().map(|_| p.z));
                    values.extend((!self.words).then_some(p.d));
                    values.extend(&p.draws);
                    sums.iter_mut().zip(&values).for_each(|(sum, x)| *sum += w * x);
                    let later = if self.horizon.is_some() { age + 1 } else { 0 };
                    match to {
                        Ok(to) if later < ages => {
                            for k in 0..nz {
                                next[later][to * nz + k] += w * matrix[s % nz][k];
                            }
                        }
                        _ if self.horizon.is_some() => {}
                        _ => (0..nz).for_each(|k| next[0][k] += w * rest[k]),
                    }
                }
            }
            mass = next;
        }
        names.into_iter().zip(sums.into_iter().map(|x| x / lived)).collect()
    }

    /// Values of all periods (one, if there is no horizon).
    pub fn values(&self) -> Vec<Vec<f64>> {
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
