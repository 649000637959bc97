//! From a lowered graph to steps: levels, programs between barriers, and where every value is kept.

use super::{Call, Members, OutputSlot, Piece, ScopePlan, Step, Storage};
use crate::graph::{Binary, Unary};
use crate::kernel::dag::{Dag, Expr, Id};
use crate::kernel::lower::{Barrier, Leaf, LeafKind, LowerError, Part, Scope};
use crate::kernel::math::Real;
use crate::kernel::program::{Mode, Program};
use std::collections::{BTreeMap, HashMap};

/// Scope and level of an expression.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    scope: usize,
    level: usize,
}

/// Turns a lowered graph into steps.
pub(super) struct Planner<'a> {
    dag: &'a Dag,
    leaves: &'a [Leaf],
    barriers: &'a [Barrier],
    scopes: &'a [Scope],
    depth: Vec<usize>,
    keys: Vec<Key>,
    barrier_keys: Vec<Option<Key>>,
    /// Length of the arrays an expression consists of, 0 for scalars.
    lanes: Vec<usize>,
    /// Uses an unknown bound inside the scalar graph.
    free: Vec<bool>,
    has_root: Vec<bool>,
}

impl<'a> Planner<'a> {
    /// A planner over a lowered graph: one entry per input in `leaves`, per barrier in `barriers`, per scope in
    /// `scopes`, as `Lowering` numbers them.
    pub fn new(dag: &'a Dag, leaves: &'a [Leaf], barriers: &'a [Barrier], scopes: &'a [Scope]) -> Self {
        let depth = (0..scopes.len())
            .map(|s| {
                let (mut d, mut at) = (0, s);
                while at != 0 {
                    d += 1;
                    at = scopes[at].parent;
                }
                d
            })
            .collect();
        let unknowns: Vec<Id> = (0..dag.len() as u32)
            .map(Id)
            .filter(|id| matches!(dag.expr(*id), Expr::Unknown(_)))
            .collect();
        let mut p = Planner {
            dag,
            leaves,
            barriers,
            scopes,
            depth,
            keys: vec![Key::default(); dag.len()],
            barrier_keys: vec![None; barriers.len()],
            lanes: vec![0; dag.len()],
            free: dag.dependents(&unknowns),
            has_root: vec![false; dag.len()],
        };
        for i in 0..dag.len() {
            let id = Id(i as u32);
            match dag.expr(id) {
                Expr::Input(leaf) => {
                    p.keys[i] = p.leaf_key(leaf as usize);
                    p.lanes[i] = leaves[leaf as usize].lanes;
                }
                Expr::Const(_)
                | Expr::Unknown(_)
                | Expr::Unary(..)
                | Expr::Binary(..)
                | Expr::Select(..)
                | Expr::Lookup(..)
                | Expr::Root(..)
                | Expr::RootStatus(_) => {
                    let (mut key, mut lanes) = (Key::default(), 0);
                    let mut root = matches!(dag.expr(id), Expr::Root(..) | Expr::RootStatus(_));
                    dag.operands(id, |o| {
                        key = p.later(key, p.keys[o.0 as usize]);
                        lanes = lanes.max(p.lanes[o.0 as usize]);
                        root |= p.has_root[o.0 as usize];
                    });
                    (p.keys[i], p.lanes[i], p.has_root[i]) = (key, lanes, root);
                }
            }
        }
        p
    }

    fn later(&self, a: Key, b: Key) -> Key {
        if a.scope == b.scope {
            Key {
                scope: a.scope,
                level: a.level.max(b.level),
            }
        } else if self.depth[a.scope] >= self.depth[b.scope] {
            a
        } else {
            b
        }
    }

    fn leaf_key(&mut self, leaf: usize) -> Key {
        match self.leaves[leaf].kind {
            LeafKind::External(_) | LeafKind::Fixed(_) => Key::default(),
            LeafKind::Unknown { scope, .. }
            | LeafKind::LoopElement { scope, .. }
            | LeafKind::LoopOthers { scope, .. } => Key { scope, level: 0 },
            LeafKind::Barrier { barrier, .. } => {
                let k = self.barrier_key(barrier);
                Key {
                    level: k.level + 1,
                    ..k
                }
            }
        }
    }

    fn barrier_key(&mut self, b: usize) -> Key {
        if let Some(k) = self.barrier_keys[b] {
            return k;
        }
        let mut key = Key::default();
        match &self.barriers[b] {
            Barrier::Solve { scope } => {
                let s = &self.scopes[*scope];
                key = self.outside(&s.residuals, *scope);
                for (lo, hi) in &s.brackets {
                    key = self.later(key, self.keys[lo.0 as usize]);
                    key = self.later(key, self.keys[hi.0 as usize]);
                }
            }
            Barrier::Pairs { scope, body, mask, .. } => {
                let mut ids = vec![*body];
                ids.extend(mask);
                key = self.outside(&ids, *scope);
            }
            simple => {
                for (id, _) in operands(simple) {
                    key = self.later(key, self.keys[id.0 as usize]);
                }
            }
        }
        self.barrier_keys[b] = Some(key);
        key
    }

    /// The latest of everything that the repeated part behind `ids` takes from outside its scope.
    fn outside(&self, ids: &[Id], scope: usize) -> Key {
        let mut key = Key::default();
        let mut seen = vec![false; self.dag.len()];
        let mut stack = ids.to_vec();
        while let Some(id) = stack.pop() {
            let i = id.0 as usize;
            if std::mem::replace(&mut seen[i], true) {
                continue;
            }
            if self.keys[i].scope != scope && !self.free[i] {
                key = self.later(key, self.keys[i]);
                continue;
            }
            match self.dag.expr(id) {
                Expr::Input(leaf) => match &self.leaves[leaf as usize].kind {
                    LeafKind::LoopElement { of, .. } | LeafKind::LoopOthers { of, .. } => stack.push(*of),
                    LeafKind::Barrier { barrier, .. } => match &self.barriers[*barrier] {
                        Barrier::Solve { scope } => {
                            let s = &self.scopes[*scope];
                            stack.extend(&s.residuals);
                            stack.extend(s.brackets.iter().flat_map(|(lo, hi)| [*lo, *hi]));
                        }
                        Barrier::Pairs { body, mask, .. } => {
                            stack.push(*body);
                            stack.extend(mask);
                        }
                        simple => stack.extend(operands(simple).into_iter().map(|(id, _)| id)),
                    },
                    LeafKind::External(_) | LeafKind::Fixed(_) | LeafKind::Unknown { .. } => {}
                },
                Expr::Const(_)
                | Expr::Unknown(_)
                | Expr::Unary(..)
                | Expr::Binary(..)
                | Expr::Select(..)
                | Expr::Lookup(..)
                | Expr::Root(..)
                | Expr::RootStatus(_) => self.dag.operands(id, |o| stack.push(o)),
            }
        }
        key
    }

    /// A few cheap operations on what is at hand: computed again rather than stored and read back.
    fn cheap(&self, id: Id) -> bool {
        if self.lanes[id.0 as usize] == 0 {
            return !self.has_root[id.0 as usize];
        }
        let light = |id: Id| match self.dag.expr(id) {
            Expr::Binary(op, ..) => {
                matches!(
                    op,
                    Binary::Add | Binary::Sub | Binary::Mul | Binary::Lt | Binary::Le | Binary::Ne
                )
            }
            Expr::Unary(op, _) => matches!(op, Unary::Neg | Unary::Abs | Unary::Not),
            Expr::Select(..)
            | Expr::Const(_)
            | Expr::Input(_)
            | Expr::Unknown(_)
            | Expr::Lookup(..)
            | Expr::Root(..)
            | Expr::RootStatus(_) => false,
        };
        let mut fine = light(id);
        self.dag.operands(id, |o| {
            let leaf = matches!(self.dag.expr(o), Expr::Input(_) | Expr::Const(_));
            fine &= leaf || (self.lanes[o.0 as usize] == 0 && !self.has_root[o.0 as usize]);
        });
        fine
    }

    /// The compiled steps. `lane_axes`: one flag per axis of the graph; `finals`: one pair (expression, number of
    /// members, 0 for a scalar) per output array, parallel to `output_slots`; `statuses`: one entry per root problem.
    ///
    /// # Errors
    /// Those of compiling the programs.
    pub fn plan<T: Real>(
        self,
        lane_axes: Vec<bool>,
        finals: Vec<(Id, usize)>,
        output_slots: Vec<OutputSlot>,
        statuses: &[Option<Id>],
    ) -> Result<Members<T>, LowerError> {
        let mut slots = Vec::new();
        let mut external = HashMap::new();
        for (i, leaf) in self.leaves.iter().enumerate() {
            if let LeafKind::External(slot) = leaf.kind {
                external.insert(i, slots.len());
                slots.push(slot);
            }
        }
        let n_scopes = self.scopes.len();
        let mut layout = Layout {
            planner: &self,
            external,
            n_external: slots.len(),
            fixed: Vec::new(),
            stored: Vec::new(),
            scalars: slots.len(),
            constants: Vec::new(),
            leaf_places: HashMap::new(),
            places: BTreeMap::new(),
            groups: BTreeMap::new(),
            waiting: Vec::new(),
            output_of: HashMap::new(),
        };
        // An output that is computed for its own sake goes straight to the caller.
        for (k, (id, lanes)) in finals.iter().enumerate() {
            if *lanes > 0 && !matches!(self.dag.expr(*id), Expr::Input(_)) {
                layout.output_of.entry((*id, *lanes)).or_insert(k);
            }
        }
        let results: Vec<Storage> = finals.iter().map(|(id, lanes)| layout.place(*id, *lanes)).collect();
        let status_places: Vec<Option<Storage>> = statuses.iter().map(|s| s.map(|id| layout.place(id, 0))).collect();
        let mut scopes: Vec<ScopePlan<T>> = (0..n_scopes)
            .map(|_| ScopePlan {
                steps: Vec::new(),
                unknowns: Vec::new(),
                residuals: Vec::new(),
                brackets: Vec::new(),
                elements: Vec::new(),
                others: Vec::new(),
            })
            .collect();
        let barrier_steps = layout.barriers(&mut scopes);
        layout.loops(&mut scopes);
        let program_steps = layout.programs()?;
        // Level by level: scalars, arrays, barriers.
        let mut order: Vec<(Key, bool, usize, Step<T>)> = Vec::new();
        order.extend(program_steps.into_iter().map(|((key, n), s)| (key, false, n, s)));
        order.extend(barrier_steps.into_iter().map(|((key, b), s)| (key, true, b, s)));
        order.sort_by_key(|(key, is_barrier, n, _)| (*key, *is_barrier, *n));
        for (key, _, _, step) in order {
            scopes[key.scope].steps.push(step);
        }
        let Layout {
            fixed,
            stored,
            scalars,
            constants,
            ..
        } = layout;
        Ok(Members {
            lanes: lane_axes,
            slots,
            output_slots,
            results,
            statuses: status_places,
            scopes,
            fixed: fixed
                .into_iter()
                .map(|v: Vec<f64>| v.into_iter().map(T::from_f64).collect())
                .collect(),
            stored,
            n_scalars: scalars,
            constants: constants.into_iter().map(|(at, x)| (at, T::from_f64(x))).collect(),
        })
    }
}

/// Places of values and the programs that make them.
struct Layout<'p, 'a> {
    planner: &'p Planner<'a>,
    external: HashMap<usize, usize>,
    n_external: usize,
    fixed: Vec<Vec<f64>>,
    stored: Vec<usize>,
    scalars: usize,
    constants: Vec<(usize, f64)>,
    leaf_places: HashMap<usize, Storage>,
    places: BTreeMap<(Id, usize), Storage>,
    /// Outputs of each program, by key and array length.
    groups: BTreeMap<(Key, usize), Vec<(Id, Storage)>>,
    waiting: Vec<(Id, (Key, usize))>,
    output_of: HashMap<(Id, usize), usize>,
}

impl Layout<'_, '_> {
    fn new_place(&mut self, lanes: usize) -> Storage {
        if lanes == 0 {
            self.scalars += 1;
            Storage::Scalar(self.scalars - 1)
        } else {
            self.stored.push(lanes);
            Storage::Array(self.stored.len() - 1)
        }
    }

    fn leaf_place(&mut self, leaf: usize) -> Storage {
        if let Some(p) = self.leaf_places.get(&leaf) {
            return *p;
        }
        let planner = self.planner;
        let item = &planner.leaves[leaf];
        let place = match &item.kind {
            LeafKind::External(slot) => {
                let k = self.external[&leaf];
                debug_assert!(k < self.n_external);
                if slot.mode == Mode::Lanes {
                    Storage::External(k)
                } else {
                    Storage::Scalar(k)
                }
            }
            LeafKind::Fixed(values) => {
                self.fixed.push(values.to_vec());
                Storage::Fixed(self.fixed.len() - 1)
            }
            LeafKind::Barrier { .. }
            | LeafKind::Unknown { .. }
            | LeafKind::LoopElement { .. }
            | LeafKind::LoopOthers { .. } => self.new_place(item.lanes),
        };
        self.leaf_places.insert(leaf, place);
        place
    }

    /// Where `id` can be read as an array of `lanes` (0: a scalar); asks for a program to compute it if need be.
    fn place(&mut self, id: Id, lanes: usize) -> Storage {
        let planner = self.planner;
        if let Expr::Input(leaf) = planner.dag.expr(id)
            && planner.lanes[id.0 as usize] == lanes
        {
            return self.leaf_place(leaf as usize);
        }
        if let Some(p) = self.places.get(&(id, lanes)) {
            return *p;
        }
        if let (Some(x), 0) = (planner.dag.as_const(id), lanes) {
            let place = self.new_place(0);
            if let Storage::Scalar(k) = place {
                self.constants.push((k, x));
            }
            self.places.insert((id, lanes), place);
            return place;
        }
        let place = match self.output_of.get(&(id, lanes)) {
            Some(k) => Storage::Output(*k),
            None => self.new_place(lanes),
        };
        self.places.insert((id, lanes), place);
        let group = (planner.keys[id.0 as usize], lanes);
        self.groups.entry(group).or_default().push((id, place));
        self.waiting.push((id, group));
        place
    }

    /// The inputs a program needs for one output.
    fn cone(&mut self, output: Id, group: (Key, usize)) -> BTreeMap<Id, Storage> {
        let planner = self.planner;
        let mut inputs = BTreeMap::new();
        let mut seen = std::collections::BTreeSet::new();
        let mut stack = vec![output];
        while let Some(id) = stack.pop() {
            let i = id.0 as usize;
            if !seen.insert(id) || planner.dag.as_const(id).is_some() {
                continue;
            }
            if let Expr::Input(leaf) = planner.dag.expr(id) {
                inputs.insert(id, self.leaf_place(leaf as usize));
                continue;
            }
            let elsewhere = planner.keys[i] != group.0;
            let heavy_scalar = planner.lanes[i] == 0 && group.1 > 0 && planner.has_root[i];
            if id != output && !planner.free[i] && (heavy_scalar || (elsewhere && !planner.cheap(id))) {
                let place = self.place(id, planner.lanes[i]);
                inputs.insert(id, place);
                continue;
            }
            planner.dag.operands(id, |o| stack.push(o));
        }
        inputs
    }

    /// The steps of the barriers, by key and number; what a root search needs goes into its scope's plan.
    fn barriers<T: Real>(&mut self, scopes: &mut [ScopePlan<T>]) -> BTreeMap<(Key, usize), Step<T>> {
        let planner = self.planner;
        // Where the results of barriers go.
        let mut results_of: Vec<Vec<(usize, usize)>> = vec![Vec::new(); planner.barriers.len()];
        for (i, leaf) in planner.leaves.iter().enumerate() {
            if let LeafKind::Barrier { barrier, which } = leaf.kind {
                results_of[barrier].push((which, i));
            }
        }
        let mut steps = BTreeMap::new();
        for (b, barrier) in planner.barriers.iter().enumerate() {
            results_of[b].sort_unstable();
            let to: Vec<Storage> = results_of[b].iter().map(|(_, leaf)| self.leaf_place(*leaf)).collect();
            let key = planner.barrier_keys[b].unwrap_or_default();
            steps.insert((key, b), self.barrier(barrier, to, scopes));
        }
        steps
    }

    /// The step of one barrier, whose results go to `to`.
    fn barrier<T: Real>(&mut self, barrier: &Barrier, to: Vec<Storage>, scopes: &mut [ScopePlan<T>]) -> Step<T> {
        let first = to.first().copied().unwrap_or(Storage::Scalar(0));
        match barrier {
            Barrier::Fold { how, of, mask, lanes } => Step::Fold {
                how: *how,
                of: self.place(*of, *lanes),
                mask: mask.map(|m| self.place(m, *lanes)),
                to: index(first),
            },
            Barrier::Gather { of, lanes, at, out } => Step::Gather {
                of: self.place(*of, *lanes),
                at: self.place(*at, *out),
                to: first,
            },
            Barrier::Slice {
                of,
                lanes,
                first: start,
                ..
            } => Step::Slice {
                of: self.place(*of, *lanes),
                first: *start,
                to: index(first),
            },
            Barrier::Elements {
                of,
                lanes,
                first: start,
                ..
            } => Step::Elements {
                of: self.place(*of, *lanes),
                first: *start,
                to: to.into_iter().map(index).collect(),
            },
            Barrier::Concat { parts, .. } => Step::Concat {
                parts: parts
                    .iter()
                    .map(|p| match p {
                        Part::Lanes(id, n) => Piece::Lanes(self.place(*id, *n)),
                        Part::Scalars(ids) => Piece::Scalars(ids.iter().map(|id| index(self.place(*id, 0))).collect()),
                    })
                    .collect(),
                to: index(first),
            },
            Barrier::Solve { scope } => {
                let s = &self.planner.scopes[*scope];
                let plan = &mut scopes[*scope];
                plan.unknowns = s.unknowns.iter().map(|u| index(self.place(*u, 0))).collect();
                plan.residuals = s.residuals.iter().map(|f| index(self.place(*f, 0))).collect();
                plan.brackets = s
                    .brackets
                    .iter()
                    .map(|(lo, hi)| (index(self.place(*lo, 0)), index(self.place(*hi, 0))))
                    .collect();
                let mut to: Vec<usize> = to.into_iter().map(index).collect();
                let status = to.pop().unwrap_or(0);
                Step::Solve {
                    scope: *scope,
                    to,
                    status,
                }
            }
            Barrier::Pairs {
                scope,
                how,
                body,
                mask,
                count,
                lanes,
            } => Step::Pairs {
                scope: *scope,
                how: *how,
                body: self.place(*body, *lanes),
                mask: mask.map(|m| self.place(m, *lanes)),
                count: *count,
                to: index(first),
            },
        }
    }

    /// What loops over members read of each member, and of all others.
    fn loops<T: Real>(&mut self, scopes: &mut [ScopePlan<T>]) {
        let planner = self.planner;
        for (i, leaf) in planner.leaves.iter().enumerate() {
            match &leaf.kind {
                LeafKind::LoopElement { scope, of, lanes } => {
                    let from = self.place(*of, *lanes);
                    if let Storage::Scalar(slot) = self.leaf_place(i) {
                        scopes[*scope].elements.push((slot, from));
                    }
                }
                LeafKind::LoopOthers { scope, of } => {
                    let from = self.place(*of, leaf.lanes);
                    if let Storage::Array(array) = self.leaf_place(i) {
                        scopes[*scope].others.push((array, from));
                    }
                }
                LeafKind::External(_) | LeafKind::Fixed(_) | LeafKind::Barrier { .. } | LeafKind::Unknown { .. } => {}
            }
        }
    }

    /// The programs, by key and array length.
    ///
    /// # Errors
    /// Those of compiling them.
    fn programs<T: Real>(&mut self) -> Result<BTreeMap<(Key, usize), Step<T>>, LowerError> {
        // Finding the inputs of one may ask for more outputs of another.
        let mut inputs_of: BTreeMap<(Key, usize), BTreeMap<Id, Storage>> = BTreeMap::new();
        while let Some((id, group)) = self.waiting.pop() {
            let found = self.cone(id, group);
            inputs_of.entry(group).or_default().extend(found);
        }
        let mut program_steps: BTreeMap<(Key, usize), Step<T>> = BTreeMap::new();
        for (group, outputs) in &self.groups {
            let inputs = inputs_of.remove(group).unwrap_or_default();
            let leaves: Vec<(Id, Mode)> = inputs
                .iter()
                .map(|(id, p)| {
                    (
                        *id,
                        if matches!(p, Storage::Scalar(_)) {
                            Mode::Uniform
                        } else {
                            Mode::Lanes
                        },
                    )
                })
                .collect();
            let ids: Vec<Id> = outputs.iter().map(|(id, _)| *id).collect();
            let program = Program::compile_at(self.planner.dag, &leaves, &ids)?;
            program_steps.insert(
                *group,
                Step::Run(Call::new(
                    program,
                    group.1.max(1),
                    inputs.into_values().collect(),
                    outputs.iter().map(|(_, p)| *p).collect(),
                )),
            );
        }
        Ok(program_steps)
    }
}

/// The number of a place.
fn index(place: Storage) -> usize {
    match place {
        Storage::Array(k) | Storage::Scalar(k) | Storage::External(k) | Storage::Fixed(k) | Storage::Output(k) => k,
    }
}

/// Operands of a barrier that has no scope, with their array lengths.
fn operands(b: &Barrier) -> Vec<(Id, usize)> {
    match b {
        Barrier::Fold { of, mask, lanes, .. } => {
            let mut v = vec![(*of, *lanes)];
            v.extend(mask.map(|m| (m, *lanes)));
            v
        }
        Barrier::Gather { of, lanes, at, out } => vec![(*of, *lanes), (*at, *out)],
        Barrier::Slice { of, lanes, .. } | Barrier::Elements { of, lanes, .. } => vec![(*of, *lanes)],
        Barrier::Concat { parts, .. } => parts
            .iter()
            .flat_map(|p| match p {
                Part::Lanes(id, n) => vec![(*id, *n)],
                Part::Scalars(ids) => ids.iter().map(|id| (*id, 0)).collect(),
            })
            .collect(),
        Barrier::Solve { .. } | Barrier::Pairs { .. } => Vec::new(),
    }
}
