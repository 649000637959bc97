//! The best deviation among constants, shares of what was played and shifts of it: of several actions at once, coarsely, then of one after the other. Shares of
//! a simplex move together: a part of all of them goes to one.

use super::Player;
use super::lives::{Cells, KEPT, Lives, Look, Move, Range, Reply, Rule};
use crate::check::Model;
use crate::check::model::Space;
use crate::diag::Diagnostic;
use crate::num::statistics;

/// Most cells of what is seen, and fewest lives in one.
const CELLS: usize = 64;
const IN_A_CELL: usize = 64;
/// Values of a range that are tried: evenly, and closer and closer to both ends; of one period and of whole lives.
const EVENLY: (usize, usize) = (40, 12);
const TO_ENDS: (i32, i32) = (8, 4);
/// Parts of a wide range of whole numbers.
const WHOLE_EVENLY: f64 = 100.0;
/// Shares by which what was played is made larger and smaller.
const SHARES: [f64; 7] = [0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01];
/// Rounds of finer and finer shifts, and how much finer each is.
const FINER: usize = 6;
const BY: f64 = 3.0;
/// Parts of a simplex that go to one of its shares, and how often all of them are tried.
const PARTS: [f64; 12] = [
    1.0, 0.5, 0.25, 0.12, 0.06, 0.03, 0.015, 0.008, 0.004, 0.002, 0.001, 0.0005,
];
const ROUNDS: usize = 4;
/// Most combinations of several actions that are tried; where there are more, all go to the same end.
const COMBINATIONS: usize = 100;
/// Passes over the actions where there are several.
const PASSES: usize = 2;

/// The best rule that was found with its words; `None` where nothing can be tried.
///
/// # Errors
/// Those of a simulation under the policies as they were learned.
pub(super) fn best(lives: &mut Lives, player: &Player, seed: u64) -> Result<Option<(Reply, String)>, Diagnostic> {
    let look = lives.look(seed)?;
    // Shares of one action are tried together, by the first of them.
    let shares = |s: &usize| matches!(look.range[*s], Range::Shares);
    let first = |s: &usize| *s == 0 || player.slots[*s - 1].0 != player.slots[*s].0;
    let tried: Vec<usize> = (0..player.slots.len()).filter(|s| !shares(s) || first(s)).collect();
    if tried.is_empty() {
        return Ok(None);
    }
    let cells = if lives.is_one_period() {
        cells(&look)
    } else {
        Cells::default()
    };
    let of_life: Vec<usize> = look.seen.chunks(look.width.max(1)).map(|row| cells.of(row)).collect();
    let count = cells.count();
    let mut search = Search {
        lives,
        seed,
        rule: Rule {
            moves: vec![vec![KEPT; count]; player.slots.len()],
            cells,
        },
        worth: Vec::new(),
        of_life,
    };
    search.worth = search.by_cell(None)?;
    let alone: Vec<usize> = (tried.iter().copied()).filter(|s| !shares(s)).collect();
    if alone.len() > 1 {
        search.together(&alone, &look);
    }
    let passes = if tried.len() > 1 { PASSES } else { 1 };
    for _ in 0..passes {
        for slot in &tried {
            match look.range[*slot] {
                Range::Shares => {
                    let action = player.slots[*slot].0;
                    let together: Vec<usize> = (*slot..player.slots.len())
                        .filter(|s| player.slots[*s].0 == action)
                        .collect();
                    search.shares(&together);
                }
                _ => search.slot(*slot, &look),
            }
        }
    }
    let words = words(search.lives.model(), player, &search.rule, &look);
    Ok(Some((Reply::Rule(search.rule), words)))
}

/// The cells of what the player sees: as many as there are different observations where these are few, else evenly filled ones of each number that differs
/// between lives.
fn cells(look: &Look) -> Cells {
    let rows: Vec<&[f32]> = look.seen.chunks(look.width.max(1)).collect();
    let column = |k: usize| {
        let mut all: Vec<f32> = rows.iter().map(|r| r[k]).collect();
        all.sort_by(f32::total_cmp);
        all
    };
    let moving: Vec<(usize, Vec<f32>)> = (0..look.width)
        .map(|k| (k, column(k)))
        .filter(|(_, all)| all.first() != all.last())
        .collect();
    let most = CELLS.min(rows.len() / IN_A_CELL).max(1);
    let each = (most as f64).powf(1.0 / moving.len().max(1) as f64).floor() as usize;
    let mut columns = Vec::new();
    for (k, all) in moving {
        let mut values = all.clone();
        values.dedup();
        let ends: Vec<f32> = if values.len() <= each.max(2) {
            values.windows(2).map(|v| 0.5 * (v[0] + v[1])).collect()
        } else {
            let mut ends: Vec<f32> = (1..each.max(2)).map(|i| all[i * all.len() / each.max(2)]).collect();
            ends.dedup();
            ends
        };
        columns.push((k, ends));
        let cells = Cells { columns };
        if cells.count() > 4 * CELLS {
            columns = cells.columns;
            columns.pop();
            break;
        }
        columns = cells.columns;
    }
    Cells { columns }
}

struct Search<'a, 'b> {
    lives: &'a mut Lives<'b>,
    seed: u64,
    rule: Rule,
    /// What each cell earns with the rule as it stands.
    worth: Vec<f64>,
    of_life: Vec<usize>,
}

impl Search<'_, '_> {
    /// Sums over the lives of each cell.
    fn by_cell(&mut self, reply: Option<&Reply>) -> Result<Vec<f64>, Diagnostic> {
        let earned = self.lives.earned(self.seed, reply)?;
        let mut out = vec![0.0; self.rule.cells.count()];
        for (cell, x) in self.of_life.iter().zip(&earned.sum) {
            out[*cell] += x;
        }
        Ok(out)
    }

    /// Tries one move of a slot in each cell, and keeps it where it earns more.
    fn tries(&mut self, slot: usize, moves: &[Move]) -> Vec<bool> {
        self.tries_together(&[(slot, moves.to_vec())])
    }

    /// Tries moves of several slots at once, and keeps them in the cells where they earn more.
    fn tries_together(&mut self, moves: &[(usize, Vec<Move>)]) -> Vec<bool> {
        let mut rule = self.rule.clone();
        for (slot, moves) in moves {
            rule.moves[*slot].clone_from(moves);
        }
        let mut better = vec![false; self.worth.len()];
        // Worlds that cannot go on with a deviation pay nothing for it.
        let Ok(worth) = self.by_cell(Some(&Reply::Rule(rule))) else {
            return better;
        };
        for (c, w) in worth.iter().enumerate() {
            if *w > self.worth[c] {
                (self.worth[c], better[c]) = (*w, true);
                for (slot, moves) in moves {
                    self.rule.moves[*slot][c] = moves[c];
                }
            }
        }
        better
    }

    /// The best shares of one simplex in each cell: a part of all of them goes to one of them, as long as that is worth it. What lies on the way to
    /// the corners is every direction that shares can move in.
    fn shares(&mut self, slots: &[usize]) {
        for _ in 0..ROUNDS {
            let mut better = false;
            for part in PARTS {
                for to in slots {
                    let all: Vec<(usize, Vec<Move>)> = (slots.iter())
                        .map(|s| {
                            let more = if s == to { part } else { 0.0 };
                            let moved = |m: &Move| ((1.0 - part) * m.0, (1.0 - part) * m.1 + more);
                            (*s, self.rule.moves[*s].iter().map(moved).collect())
                        })
                        .collect();
                    better |= self.tries_together(&all).contains(&true);
                }
            }
            if !better {
                break;
            }
        }
    }

    /// Moves of several slots at once: where doing less of one thing pays only if less is done of another, no move of one of them shows it. Each stays, or goes
    /// to its ends or its middle; all of them are then made larger or smaller.
    fn together(&mut self, slots: &[usize], look: &Look) {
        let count = self.rule.cells.count();
        let values: Vec<Vec<Option<f64>>> = (slots.iter())
            .map(|s| match &look.range[*s] {
                Range::Shares => Vec::new(),
                Range::Choices(all) => {
                    let n = all.len();
                    [0, n - 1, n / 2].into_iter().map(|k| Some(all[k])).collect()
                }
                Range::Whole(lo, hi) => vec![Some(*lo), Some(*hi), Some((0.5 * (lo + hi)).round())],
                Range::Between(lo, hi) => vec![Some(*lo), Some(*hi), Some(0.5 * (lo + hi))],
            })
            .collect();
        let kept =
            |of: &[Option<f64>]| -> Vec<Option<f64>> { std::iter::once(None).chain(of.iter().copied()).collect() };
        let mut all: Vec<Vec<Option<f64>>> = vec![Vec::new()];
        for of in values.iter().map(|v| kept(v)) {
            all = (all.iter())
                .flat_map(|row| of.iter().map(move |x| [&row[..], &[*x]].concat()))
                .take(COMBINATIONS + 1)
                .collect();
        }
        if all.len() > COMBINATIONS {
            all = (0..3).map(|k| values.iter().map(|v| v[k]).collect()).collect();
        }
        for row in all.iter().filter(|row| row.iter().flatten().count() > 1) {
            let moved = slots
                .iter()
                .zip(row)
                .filter_map(|(s, x)| x.map(|x| (*s, vec![(0.0, x); count])));
            self.tries_together(&moved.collect::<Vec<_>>());
        }
        let numbers: Vec<usize> = (slots.iter().copied())
            .filter(|s| matches!(look.range[*s], Range::Between(..)))
            .collect();
        for share in SHARES {
            for by in [1.0 - share, 1.0 + share] {
                let moves: Vec<(usize, Vec<Move>)> = (numbers.iter())
                    .map(|s| (*s, self.rule.moves[*s].iter().map(|m| (by * m.0, by * m.1)).collect()))
                    .collect();
                if moves.len() > 1 {
                    self.tries_together(&moves);
                }
            }
        }
    }

    /// The best move of one slot in each cell, the others as they are.
    fn slot(&mut self, slot: usize, look: &Look) {
        let count = self.rule.cells.count();
        match &look.range[slot] {
            Range::Shares => {}
            Range::Choices(all) => {
                for x in all {
                    self.tries(slot, &vec![(0.0, *x); count]);
                }
            }
            Range::Whole(lo, hi) => {
                let mut step = ((hi - lo) / WHOLE_EVENLY).ceil();
                let mut x = *lo;
                while x <= *hi {
                    self.tries(slot, &vec![(0.0, x); count]);
                    x += step;
                }
                while step > 1.0 {
                    step = (0.5 * step).ceil();
                    for d in [-step, step] {
                        let moved = |m: &Move| match *m == KEPT {
                            true => KEPT,
                            false => (m.0, (m.1 + d).clamp(*lo, *hi)),
                        };
                        let moves: Vec<Move> = self.rule.moves[slot].iter().map(moved).collect();
                        self.tries(slot, &moves);
                    }
                }
                // One more or one fewer than was played.
                for d in [-1.0, 1.0] {
                    self.tries(slot, &vec![(1.0, d); count]);
                }
            }
            Range::Between(lo, hi) => {
                let width = hi - lo;
                let now = statistics::mean(&look.now[slot].iter().map(|x| x.abs()).collect::<Vec<_>>());
                // How far from its neighbours each move that was tried stands.
                let mut around = vec![0.05 * now; count];
                let mut at = |me: &mut Self, one: Move, by: f64| {
                    let better = me.tries(slot, &vec![one; count]);
                    around.iter_mut().zip(better).for_each(|(a, b)| {
                        if b {
                            *a = by;
                        }
                    });
                };
                let (evenly, to_ends) = match self.lives.is_one_period() {
                    true => (EVENLY.0, TO_ENDS.0),
                    false => (EVENLY.1, TO_ENDS.1),
                };
                for k in 0..=evenly {
                    let by = width / evenly as f64;
                    at(self, (0.0, lo + by * k as f64), by);
                }
                for k in 1..=to_ends {
                    let part = width * 10f64.powf(-0.5 * f64::from(k) - 1.0);
                    at(self, (0.0, lo + part), part);
                    at(self, (0.0, hi - part), part);
                }
                for s in SHARES {
                    at(self, (1.0 - s, 0.0), 0.5 * s * now);
                    at(self, (1.0 + s, 0.0), 0.5 * s * now);
                }
                for _ in 0..FINER {
                    for d in [-1.0, 1.0, -0.5, 0.5] {
                        let here = self.rule.moves[slot].clone();
                        let moves: Vec<Move> = here.iter().zip(&around).map(|(m, a)| (m.0, m.1 + d * a)).collect();
                        self.tries(slot, &moves);
                    }
                    around.iter_mut().for_each(|a| *a /= BY);
                }
            }
        }
    }
}

/// A rule in words: what is done on average in place of what was.
fn words(model: &Model, player: &Player, rule: &Rule, look: &Look) -> String {
    let rows: Vec<usize> = look.seen.chunks(look.width.max(1)).map(|r| rule.cells.of(r)).collect();
    let mut all = Vec::new();
    for (slot, (a, _)) in player.slots.iter().enumerate() {
        if rule.moves[slot].iter().all(|m| *m == KEPT) {
            continue;
        }
        let action = &model.actions[*a];
        let name = action.name.rsplit('.').next().unwrap_or(&action.name);
        let own = |to: usize| player.slots[..to].iter().filter(|s| s.0 == *a).count();
        let name = match own(player.slots.len()) {
            1 => name.to_string(),
            _ => format!("{name}[{}]", own(slot) + 1),
        };
        let label = |x: f64| match &action.space {
            Space::Finite { labels, .. } => labels.get(x as usize).cloned().unwrap_or_default(),
            _ => short(x),
        };
        all.push(match (&look.range[slot], rule.moves[slot].as_slice()) {
            (Range::Choices(_), [(share, x)]) if *share == 0.0 => format!("{name} = {} always", label(*x)),
            (Range::Choices(_), _) => format!("another {name} by what is seen"),
            (_, moves) => {
                let now = &look.now[slot];
                let then: Vec<f64> = now
                    .iter()
                    .zip(&rows)
                    .map(|(x, c)| moves[*c].0 * x + moves[*c].1)
                    .collect();
                let mean = if moves.len() > 1 || now.len() > 1 {
                    " on average"
                } else {
                    ""
                };
                format!(
                    "{name} = {}{mean} in place of {}",
                    short(statistics::mean(&then)),
                    short(statistics::mean(now))
                )
            }
        });
    }
    match all.is_empty() {
        true => "none that was tried is better".into(),
        false => all.join(", "),
    }
}

/// Four significant digits.
fn short(x: f64) -> String {
    if x == 0.0 || !x.is_finite() {
        return x.to_string();
    }
    let digits = (3 - x.abs().log10().floor() as i64).clamp(0, 12) as usize;
    match x.abs() < 1e-6 {
        true => format!("{x:.3e}"),
        false => format!("{x:.digits$}"),
    }
}
