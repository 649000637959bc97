//! From expressions to instructions: registers, uniforms, and operations that are done together.

use super::schedule::{Plan, count_uses, edges, order, plan_roots, root_members};
use super::{Code, CompileError, Instruction, Mode, Program, RootCall, Scalar, Source};
use crate::graph::{Binary, Unary};
use crate::kernel::dag::{Dag, Expr, Id};
use crate::kernel::math::Real;
use std::collections::{BTreeMap, HashMap};

/// Compiles `outputs` of `dag`; `leaves` gives the number of each input, `modes` one mode per input.
///
/// # Errors
/// Those of [`Program::compile`].
pub(super) fn build<T: Real>(
    dag: &mut Dag,
    leaves: &HashMap<Id, usize>,
    modes: &[Mode],
    outputs: &[Id],
) -> Result<Program<T>, CompileError> {
    let plans = plan_roots(dag, leaves, outputs);
    let order = order(dag, leaves, &plans, outputs)?;
    let n = dag.len();

    // Uniform or by lane.
    let mut by_lane = vec![false; n];
    for &id in &order {
        by_lane[id.0 as usize] = match leaves.get(&id) {
            Some(i) => modes[*i] == Mode::Lanes,
            None => {
                let mut any = false;
                edges(dag, leaves, &plans, id, |o| any |= by_lane[o.0 as usize]);
                any
            }
        };
    }

    let mut c = Compiler {
        dag,
        leaves,
        plans: &plans,
        by_lane: &by_lane,
        at: vec![None; n],
        constants: Vec::new(),
        tables: HashMap::new(),
        program: Program {
            modes: modes.to_vec(),
            input_at: vec![u32::MAX; modes.len()],
            n_lane_inputs: 0,
            n_outputs: outputs.len(),
            n_temporaries: 0,
            constants: Vec::new(),
            n_uniforms: 0,
            prologue: Vec::new(),
            body: Vec::new(),
            tables: Vec::new(),
            roots: Vec::new(),
        },
    };
    c.place_leaves(&order);
    c.prologue(&order)?;
    c.body(&order, outputs)?;
    Ok(c.program)
}

struct Compiler<'a, T> {
    dag: &'a mut Dag,
    leaves: &'a HashMap<Id, usize>,
    plans: &'a BTreeMap<u32, Plan>,
    by_lane: &'a [bool],
    at: Vec<Option<Source>>,
    constants: Vec<f64>,
    tables: HashMap<u32, u32>,
    program: Program<T>,
}

/// One step of the body: an expression, a sine and a cosine of the same angle, or a root problem with all its solutions.
#[derive(Clone, Copy)]
enum Step {
    Expr(Id),
    SinCos([Id; 2]),
    Solve(u32),
}

impl<T: Real> Compiler<'_, T> {
    fn place_leaves(&mut self, order: &[Id]) {
        for id in order {
            if let Some(x) = self.dag.as_const(*id) {
                self.at[id.0 as usize] = Some(Source::Uniform(self.constants.len() as u32));
                self.constants.push(x);
            }
        }
        self.program.constants = self.constants.iter().map(|x| T::from_f64(*x)).collect();
        self.program.n_uniforms = self.constants.len();
        // Inputs keep their order whether they are used or not.
        for (i, mode) in self.program.modes.iter().enumerate() {
            self.program.input_at[i] = match mode {
                Mode::Lanes => {
                    self.program.n_lane_inputs += 1;
                    self.program.n_lane_inputs as u32 - 1
                }
                Mode::Uniform => {
                    self.program.n_uniforms += 1;
                    self.program.n_uniforms as u32 - 1
                }
            };
        }
        for id in order {
            if let Some(i) = self.leaves.get(id) {
                let at = self.program.input_at[*i];
                self.at[id.0 as usize] = Some(match self.program.modes[*i] {
                    Mode::Lanes => Source::Register(at),
                    Mode::Uniform => Source::Uniform(at),
                });
            }
        }
    }

    fn source(&self, id: Id) -> Source {
        // Operands stand before their users in the order, so they have a place.
        self.at[id.0 as usize].unwrap_or(Source::Uniform(0))
    }

    pub(super) fn slot(&self, id: Id) -> u32 {
        match self.source(id) {
            Source::Uniform(s) | Source::Register(s) => s,
        }
    }

    fn new_uniform(&mut self, id: Id) -> u32 {
        let slot = self.program.n_uniforms as u32;
        self.program.n_uniforms += 1;
        self.at[id.0 as usize] = Some(Source::Uniform(slot));
        slot
    }

    pub(super) fn table(&mut self, t: u32) -> u32 {
        let next = self.program.tables.len() as u32;
        let number = *self.tables.entry(t).or_insert(next);
        if number == next {
            let values = self.dag.tables()[t as usize].iter().map(|v| T::from_f64(*v)).collect();
            self.program.tables.push(values);
        }
        number
    }

    /// Instructions on uniforms, for the expressions `order` (operands first).
    ///
    /// # Errors
    /// Those of [`Program::compile`].
    pub(super) fn prologue(&mut self, order: &[Id]) -> Result<(), CompileError> {
        let members = root_members(self.dag, order);
        for &id in order {
            if self.by_lane[id.0 as usize] || self.at[id.0 as usize].is_some() {
                continue;
            }
            let step = match self.dag.expr(id) {
                Expr::Const(_) | Expr::Input(_) | Expr::Unknown(_) => continue,
                Expr::Unary(op, x) => {
                    let x = self.slot(x);
                    Scalar::Unary(op, self.new_uniform(id), x)
                }
                Expr::Binary(op, a, b) => {
                    let (a, b) = (self.slot(a), self.slot(b));
                    Scalar::Binary(op, self.new_uniform(id), a, b)
                }
                Expr::Select(c, a, b) => {
                    let (c, a, b) = (self.slot(c), self.slot(a), self.slot(b));
                    Scalar::Select(self.new_uniform(id), c, a, b)
                }
                Expr::Lookup(t, x) => {
                    let (t, x) = (self.table(t), self.slot(x));
                    Scalar::Lookup(self.new_uniform(id), t, x)
                }
                Expr::Root(r, _) | Expr::RootStatus(r) => {
                    let mut call = self.root_call(r)?;
                    for &m in &members[&r] {
                        let slot = self.new_uniform(m);
                        self.note_solution(&mut call, m, slot);
                    }
                    self.program.roots.push(call);
                    Scalar::Solve(self.program.roots.len() as u32 - 1)
                }
            };
            self.program.prologue.push(step);
        }
        Ok(())
    }

    /// The call without its destinations.
    fn root_call(&mut self, r: u32) -> Result<RootCall<T>, CompileError> {
        let plan = &self.plans[&r];
        let mut leaves = HashMap::new();
        let mut modes = Vec::new();
        for u in &plan.unknowns {
            leaves.insert(*u, modes.len());
            modes.push(Mode::Lanes);
        }
        let mut captured = Vec::new();
        for c in &plan.captured {
            leaves.insert(*c, modes.len());
            let source = self.source(*c);
            modes.push(match source {
                Source::Register(_) => Mode::Lanes,
                Source::Uniform(_) => Mode::Uniform,
            });
            captured.push(source);
        }
        let residual = build(self.dag, &leaves, &modes, &plan.inner_outputs)?;
        let jacobian = match &plan.jacobian_outputs {
            Some(outputs) => Some(build(self.dag, &leaves, &modes, outputs)?),
            None => None,
        };
        Ok(RootCall {
            unknowns: plan.unknowns.len(),
            residual,
            jacobian,
            captured,
            brackets: plan
                .brackets
                .iter()
                .map(|(lo, hi)| (self.source(*lo), self.source(*hi)))
                .collect(),
            dst: vec![None; plan.unknowns.len()],
            status: None,
        })
    }

    fn note_solution(&self, call: &mut RootCall<T>, id: Id, at: u32) {
        match self.dag.expr(id) {
            Expr::Root(_, which) => call.dst[which as usize] = Some(at),
            Expr::RootStatus(_) => call.status = Some(at),
            Expr::Const(_)
            | Expr::Input(_)
            | Expr::Unknown(_)
            | Expr::Unary(..)
            | Expr::Binary(..)
            | Expr::Select(..)
            | Expr::Lookup(..) => {}
        }
    }

    /// Instructions on lanes, for the expressions `order` (operands first); `outputs` has one expression per output.
    ///
    /// # Errors
    /// Those of [`Program::compile`].
    pub(super) fn body(&mut self, order: &[Id], outputs: &[Id]) -> Result<(), CompileError> {
        let members = root_members(self.dag, order);
        let uses = count_uses(self.dag, self.leaves, self.plans, order, outputs);
        // The steps in order, one per root problem; expressions that are part of a longer instruction have none.
        let mut steps = Vec::new();
        let mut solved = std::collections::BTreeSet::new();
        let absorbed = self.absorbed(order, &uses);
        let turns = self.turns(order);
        for &id in order {
            if !self.by_lane[id.0 as usize] || self.leaves.contains_key(&id) || absorbed[id.0 as usize] {
                continue;
            }
            if let Some((first, pair)) = turns.get(&id) {
                if *first {
                    steps.push(Step::SinCos(*pair));
                }
                continue;
            }
            match self.dag.expr(id) {
                Expr::Root(r, _) | Expr::RootStatus(r) => {
                    if solved.insert(r) {
                        steps.push(Step::Solve(r));
                    }
                }
                Expr::Const(_)
                | Expr::Input(_)
                | Expr::Unknown(_)
                | Expr::Unary(..)
                | Expr::Binary(..)
                | Expr::Select(..)
                | Expr::Lookup(..) => steps.push(Step::Expr(id)),
            }
        }
        let mut last_use = vec![0usize; self.dag.len()];
        for (at, step) in steps.iter().enumerate() {
            let id = match step {
                Step::Expr(id) | Step::SinCos([id, _]) => *id,
                Step::Solve(r) => members[r][0],
            };
            let mut stack = vec![id];
            while let Some(id) = stack.pop() {
                edges(self.dag, self.leaves, self.plans, id, |o| {
                    last_use[o.0 as usize] = at;
                    if absorbed[o.0 as usize] {
                        stack.push(o);
                    }
                });
            }
        }
        // The first output of an expression is computed in place.
        let first_output = self.program.n_lane_inputs as u32;
        let first_temporary = first_output + outputs.len() as u32;
        let mut output_of: HashMap<Id, u32> = HashMap::new();
        let mut copies = Vec::new();
        for (k, id) in outputs.iter().enumerate() {
            let register = first_output + k as u32;
            if self.by_lane[id.0 as usize] && !self.leaves.contains_key(id) && !output_of.contains_key(id) {
                output_of.insert(*id, register);
            } else {
                copies.push((register, *id));
            }
        }
        let mut free: Vec<u32> = Vec::new();
        let mut dying: Vec<Vec<Id>> = vec![Vec::new(); steps.len()];
        for (at, step) in steps.iter().enumerate() {
            let made: &[Id] = match step {
                Step::Expr(id) => std::slice::from_ref(id),
                Step::SinCos(pair) => pair,
                Step::Solve(r) => &members[r],
            };
            let mut places = Vec::new();
            for &id in made {
                let register = output_of.get(&id).copied().unwrap_or_else(|| {
                    free.pop().unwrap_or_else(|| {
                        self.program.n_temporaries += 1;
                        first_temporary + self.program.n_temporaries as u32 - 1
                    })
                });
                places.push(register);
                if !output_of.contains_key(&id) {
                    // An unused solution lives for its own step only.
                    dying[last_use[id.0 as usize].max(at)].push(id);
                }
            }
            match step {
                Step::Expr(id) => {
                    if let Expr::Lookup(t, _) = self.dag.expr(*id) {
                        self.table(t);
                    }
                    let mut instruction = self.instruction(*id, places[0], &absorbed);
                    // pow, mod and div have one loop each, on registers: a uniform operand is spread first.
                    let spread = match instruction.code {
                        Code::BinaryRU(Binary::Pow | Binary::Mod | Binary::IntDiv) => Some(&mut instruction.b),
                        Code::BinaryUR(Binary::Pow | Binary::Mod | Binary::IntDiv) => Some(&mut instruction.a),
                        _ => None,
                    };
                    if let Some(operand) = spread {
                        let dst = free.pop().unwrap_or_else(|| {
                            self.program.n_temporaries += 1;
                            first_temporary + self.program.n_temporaries as u32 - 1
                        });
                        let splat = Instruction {
                            code: Code::Splat,
                            dst,
                            a: *operand,
                            b: 0,
                            c: 0,
                            d: 0,
                        };
                        *operand = dst;
                        if let Code::BinaryRU(op) | Code::BinaryUR(op) = instruction.code {
                            instruction.code = Code::BinaryRR(op);
                        }
                        self.program.body.push(splat);
                        free.push(dst);
                    }
                    self.program.body.push(instruction);
                }
                Step::SinCos([sine, _]) => {
                    let a = match self.dag.expr(*sine) {
                        Expr::Unary(_, x) => self.slot(x),
                        _ => 0, // not reached: pairs are made of sines
                    };
                    self.program.body.push(Instruction {
                        code: Code::SinCos,
                        dst: places[0],
                        a,
                        b: places[1],
                        c: 0,
                        d: 0,
                    });
                }
                Step::Solve(r) => {
                    let mut call = self.root_call(*r)?;
                    for (&id, register) in made.iter().zip(&places) {
                        self.note_solution(&mut call, id, *register);
                    }
                    self.program.roots.push(call);
                    let code = Code::Solve(self.program.roots.len() as u32 - 1);
                    self.program.body.push(Instruction {
                        code,
                        dst: 0,
                        a: 0,
                        b: 0,
                        c: 0,
                        d: 0,
                    });
                }
            }
            for (&id, register) in made.iter().zip(places) {
                self.at[id.0 as usize] = Some(Source::Register(register));
            }
            for id in std::mem::take(&mut dying[at]) {
                if let Some(Source::Register(register)) = self.at[id.0 as usize] {
                    free.push(register);
                }
            }
        }
        for (dst, id) in copies {
            let (code, a) = match self.source(id) {
                Source::Register(a) => (Code::Copy, a),
                Source::Uniform(a) => (Code::Splat, a),
            };
            self.program.body.push(Instruction {
                code,
                dst,
                a,
                b: 0,
                c: 0,
                d: 0,
            });
        }
        Ok(())
    }

    /// Sines whose cosine is wanted too, and the other way round: most of the work is the same. Whether it is the first
    /// of the two in the order, and (sine, cosine).
    fn turns(&self, order: &[Id]) -> HashMap<Id, (bool, [Id; 2])> {
        let mut found = HashMap::new();
        let mut seen: HashMap<Id, (Unary, Id)> = HashMap::new();
        for &id in order {
            if !self.by_lane[id.0 as usize] || self.leaves.contains_key(&id) {
                continue;
            }
            if let Expr::Unary(op @ (Unary::Sin | Unary::Cos), x) = self.dag.expr(id) {
                match seen.insert(x, (op, id)) {
                    Some((other, before)) if other != op => {
                        let pair = if op == Unary::Sin { [id, before] } else { [before, id] };
                        found.insert(before, (true, pair));
                        found.insert(id, (false, pair));
                    }
                    _ => {}
                }
            }
        }
        found
    }

    /// Products used once, by a sum, a difference or a product, and comparisons used once, by a selection: they become
    /// part of their user's instruction (with the same two roundings). Saves a write and a read of a block each.
    fn absorbed(&self, order: &[Id], uses: &[u32]) -> Vec<bool> {
        let mut absorbed = vec![false; self.dag.len()];
        let mut full = vec![false; self.dag.len()];
        for &id in order {
            if !self.by_lane[id.0 as usize] || self.leaves.contains_key(&id) {
                continue;
            }
            if let Some(part) = self.absorbable(id, uses, &full) {
                absorbed[part.0 as usize] = true;
                full[id.0 as usize] = true;
            }
        }
        absorbed
    }

    /// The operand of `id` that becomes part of its instruction; none that is `full`, holding one itself.
    fn absorbable(&self, id: Id, uses: &[u32], full: &[bool]) -> Option<Id> {
        let lane = |x: Id| self.by_lane[x.0 as usize];
        let single = |x: Id| uses[x.0 as usize] == 1 && lane(x) && !self.leaves.contains_key(&x) && !full[x.0 as usize];
        let product = |x: Id| match self.dag.expr(x) {
            Expr::Binary(Binary::Mul, a, b) if single(x) => Some((lane(a), lane(b))),
            _ => None,
        };
        match self.dag.expr(id) {
            Expr::Binary(Binary::Add, a, b) => {
                let absorbs = |x: &Id| product(*x).is_some_and(|(p, q)| p || q);
                [a, b].into_iter().find(absorbs)
            }
            Expr::Binary(Binary::Mul, a, b) => {
                // Two factors by lane and a uniform.
                let absorbs = |(x, other): &(Id, Id)| match product(*x) {
                    Some((p, q)) => (p && q) != lane(*other),
                    None => false,
                };
                [(a, b), (b, a)].into_iter().find(absorbs).map(|(x, _)| x)
            }
            Expr::Binary(Binary::Sub, a, b) if lane(b) && product(a) == Some((true, true)) => Some(a),
            Expr::Binary(Binary::Sub, a, b) if lane(a) && product(b) == Some((true, true)) => Some(b),
            Expr::Select(c, a, b) if lane(a) && lane(b) => match self.dag.expr(c) {
                Expr::Binary(Binary::Lt, p, q) if single(c) && lane(p) && lane(q) => Some(c),
                _ => None,
            },
            Expr::Select(c, a, b) if !lane(a) && !lane(b) => match self.dag.expr(c) {
                Expr::Binary(Binary::Eq, p, q) if single(c) && lane(p) != lane(q) => Some(c),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn instruction(&self, id: Id, dst: u32, absorbed: &[bool]) -> Instruction {
        use Source::{Register, Uniform};
        let of = |x: Id| self.source(x);
        let make = |code, a, b, c, d| Instruction { code, dst, a, b, c, d };
        let inside = |x: Id| match self.dag.expr(x) {
            Expr::Binary(op, a, b) if absorbed[x.0 as usize] => Some((op, a, b)),
            _ => None,
        };
        match self.dag.expr(id) {
            Expr::Unary(op, x) => make(Code::Unary(op), self.slot(x), 0, 0, 0),
            Expr::Binary(op, a, b) => {
                for (x, other) in [(a, b), (b, a)] {
                    let Some((Binary::Mul, p, q)) = inside(x) else {
                        continue;
                    };
                    // A uniform factor first.
                    let (p, q) = if matches!(of(q), Uniform(_)) { (q, p) } else { (p, q) };
                    let code = match (op, of(p), of(other)) {
                        (Binary::Add, Register(_), Register(_)) => Code::MultiplyAdd,
                        (Binary::Add, Register(_), Uniform(_)) => Code::MultiplyShift,
                        (Binary::Add, Uniform(_), Register(_)) => Code::ScaleAdd,
                        (Binary::Add, Uniform(_), Uniform(_)) => Code::ScaleShift,
                        (Binary::Mul, Register(_), _) => Code::ProductScale,
                        (Binary::Mul, Uniform(_), _) => Code::ScaleMultiply,
                        (_, _, _) if x == a => Code::MultiplySubtract,
                        (_, _, _) => Code::MultiplyFrom,
                    };
                    return make(code, self.slot(p), self.slot(q), self.slot(other), 0);
                }
                let commutes = !matches!(
                    op,
                    Binary::Sub
                        | Binary::Div
                        | Binary::Pow
                        | Binary::Mod
                        | Binary::IntDiv
                        | Binary::Lt
                        | Binary::Le
                        | Binary::Gt
                        | Binary::Ge
                );
                match (of(a), of(b)) {
                    (Uniform(a), Register(b)) if commutes => make(Code::BinaryRU(op), b, a, 0, 0),
                    (Register(a), Register(b)) => make(Code::BinaryRR(op), a, b, 0, 0),
                    (Register(a), Uniform(b)) => make(Code::BinaryRU(op), a, b, 0, 0),
                    (Uniform(a), Register(b)) => make(Code::BinaryUR(op), a, b, 0, 0),
                    (Uniform(a), Uniform(_)) => make(Code::Splat, a, 0, 0, 0), // uniform: in the prologue
                }
            }
            Expr::Select(c, a, b) => {
                if let Some((Binary::Eq, p, q)) = inside(c) {
                    let (p, q) = if matches!(of(p), Uniform(_)) { (q, p) } else { (p, q) };
                    return make(
                        Code::EqualChoice,
                        self.slot(p),
                        self.slot(q),
                        self.slot(a),
                        self.slot(b),
                    );
                }
                if let Some((_, p, q)) = inside(c) {
                    return make(Code::LessSelect, self.slot(a), self.slot(b), self.slot(p), self.slot(q));
                }
                let (code, c) = match (of(c), of(a), of(b)) {
                    (Register(c), Register(_), Register(_)) => (Code::SelectRR, c),
                    (Register(c), Register(_), Uniform(_)) => (Code::SelectRU, c),
                    (Register(c), Uniform(_), Register(_)) => (Code::SelectUR, c),
                    (Register(c), Uniform(_), Uniform(_)) => (Code::SelectUU, c),
                    // A uniform condition: exec looks at the sign bit of `d`.
                    (Uniform(c), a, b) => {
                        let kind = match (a, b) {
                            (Register(_), Register(_)) => Code::SelectRR,
                            (Register(_), Uniform(_)) => Code::SelectRU,
                            (Uniform(_), Register(_)) => Code::SelectUR,
                            (Uniform(_), Uniform(_)) => Code::SelectUU,
                        };
                        return make(kind, self.slot_of(a), self.slot_of(b), c, 1);
                    }
                };
                make(code, self.slot(a), self.slot(b), c, 0)
            }
            Expr::Lookup(t, x) => {
                let number = self.tables.get(&t).copied().unwrap_or(0);
                make(Code::Lookup(number), self.slot(x), 0, 0, 0)
            }
            // Leaves and solutions are not made by instructions of this kind.
            Expr::Const(_) | Expr::Input(_) | Expr::Unknown(_) | Expr::Root(..) | Expr::RootStatus(_) => {
                make(Code::Copy, 0, 0, 0, 0)
            }
        }
    }

    fn slot_of(&self, s: Source) -> u32 {
        match s {
            Source::Register(s) | Source::Uniform(s) => s,
        }
    }
}
