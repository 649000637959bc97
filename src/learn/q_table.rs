//! Tables of action values over the distinct observations met, one table per learner.
//!
//! A state is the bit pattern of an observation row; its number is the order in which it was first seen, so results
//! do not depend on a hash. Values are double precision.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which decision makers share a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sharing {
    /// All.
    One,
    /// The same member of every world: slot `s` belongs to table `s % members`.
    Member(usize),
    /// Nobody: every slot is a session of its own.
    Slot,
}

/// Tables of action values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QTables {
    sharing: Sharing,
    actions: usize,
    #[serde(with = "in_order")]
    states: BTreeMap<Vec<u32>, u32>,
    /// `tables[k][state * actions + action]`
    tables: Vec<Vec<f64>>,
    /// Values of a state that is new, `[table][joint choice]`.
    fresh: Vec<Vec<f64>>,
}

impl QTables {
    /// One table per row of `fresh`, which holds the first values of a state: `[table][joint choice]`.
    pub fn new(sharing: Sharing, fresh: Vec<Vec<f64>>) -> Self {
        let actions = fresh.first().map_or(0, Vec::len);
        QTables {
            sharing,
            actions,
            states: BTreeMap::new(),
            tables: vec![Vec::new(); fresh.len()],
            fresh,
        }
    }

    /// Which decision makers share a table.
    pub fn sharing(&self) -> Sharing {
        self.sharing
    }
    /// Number of joint choices.
    pub fn actions(&self) -> usize {
        self.actions
    }
    /// Number of tables.
    pub fn count(&self) -> usize {
        self.tables.len()
    }
    /// Number of distinct states met.
    pub fn states(&self) -> usize {
        self.states.len()
    }
    /// The table of a slot.
    pub fn table_of(&self, slot: usize) -> usize {
        let k = match self.sharing {
            Sharing::One => 0,
            Sharing::Member(members) => slot % members.max(1),
            Sharing::Slot => slot,
        };
        k.min(self.tables.len().saturating_sub(1))
    }

    /// Whether what was read from a file can be used.
    pub fn is_consistent(&self) -> bool {
        !self.tables.is_empty()
            && self.actions > 0
            && self.fresh.len() == self.tables.len()
            && self.fresh.iter().all(|f| f.len() == self.actions)
            && self.tables.iter().all(|t| t.len() == self.states.len() * self.actions)
            && self.states.values().all(|s| (*s as usize) < self.states.len())
    }

    /// The number of the state with this observation (one number per column), added to all tables if it is new.
    pub fn state(&mut self, observation: &[f32]) -> usize {
        let key = key(observation);
        if let Some(s) = self.states.get(&key) {
            return *s as usize;
        }
        let number = self.states.len();
        self.states.insert(key, number as u32);
        for (table, fresh) in self.tables.iter_mut().zip(&self.fresh) {
            table.extend_from_slice(fresh);
        }
        number
    }

    /// Values of a state in table `k`: one per joint choice.
    pub fn row(&self, k: usize, state: usize) -> &[f64] {
        &self.tables[k][state * self.actions..(state + 1) * self.actions]
    }
    /// Values of a state in table `k`, to be changed: one per joint choice.
    pub fn row_mut(&mut self, k: usize, state: usize) -> &mut [f64] {
        &mut self.tables[k][state * self.actions..(state + 1) * self.actions]
    }

    /// The best allowed choice of a slot at an observation (one number per column), the first of equals; at an unknown
    /// state by first values. `allowed` has 1 or 0 per joint choice.
    pub fn greedy(&self, slot: usize, observation: &[f32], allowed: Option<&[f32]>) -> usize {
        let k = self.table_of(slot);
        let row = match self.states.get(&key(observation)) {
            Some(s) => self.row(k, *s as usize),
            None => &self.fresh[k],
        };
        first_best(row, allowed)
    }
}

/// The index of the largest allowed value, the first of equals; `row` has one value and `allowed` 1 or 0 per joint
/// choice.
pub fn first_best(row: &[f64], allowed: Option<&[f32]>) -> usize {
    let mut best: Option<usize> = None;
    for (a, &v) in row.iter().enumerate() {
        if allowed.is_none_or(|m| m[a] > 0.0) && best.is_none_or(|b| v > row[b]) {
            best = Some(a);
        }
    }
    best.unwrap_or(0)
}

/// Bit patterns, with -0 as 0.
fn key(observation: &[f32]) -> Vec<u32> {
    observation.iter().map(|x| (x + 0.0).to_bits()).collect()
}

/// States are stored as a list in order of their numbers (formats like JSON know no keys but strings).
mod in_order {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;

    /// Writes the states as a list: one row of bit patterns per state, in order of their numbers.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(states: &BTreeMap<Vec<u32>, u32>, to: S) -> Result<S::Ok, S::Error> {
        let mut list: Vec<(&Vec<u32>, u32)> = states.iter().map(|(k, n)| (k, *n)).collect();
        list.sort_by_key(|(_, n)| *n);
        list.into_iter().map(|(k, _)| k).collect::<Vec<_>>().serialize(to)
    }

    /// Reads what [`serialize`] wrote: one row of bit patterns per state.
    ///
    /// # Errors
    /// Those of the deserializer.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<Vec<u32>, u32>, D::Error> {
        let list = Vec::<Vec<u32>>::deserialize(from)?;
        Ok(list.into_iter().enumerate().map(|(n, k)| (k, n as u32)).collect())
    }
}
