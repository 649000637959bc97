//! Evaluation of one world: the steps of a plan, outer root problems and loops over pairs.

use super::{Array, Call, Members, MembersSpace, Piece, Role, Step, Storage};
use crate::kernel::exec::{self, Interpreted, Operand, RunError, accumulate, entry, fold_lanes};
use crate::kernel::lower::Fold;
use crate::kernel::math;
use crate::kernel::root::{self, System};

/// One evaluation under way.
pub(super) struct Run<'a, 'b, T> {
    pub plan: &'a Members<T>,
    /// One operand per input slot.
    pub inputs: &'a [Operand<'a, T>],
    /// One slice per output slot, of its length.
    pub outputs: &'a mut [&'b mut [T]],
    pub space: &'a mut MembersSpace<T>,
}

impl<T: Interpreted> Run<'_, '_, T> {
    /// The numbers at a place: one number per member, one number for a scalar.
    pub fn array(&self, place: Storage) -> &[T] {
        match place {
            Storage::External(i) => match self.inputs[i] {
                Operand::Lanes(v) => &v[..self.plan.slots[i].members],
                Operand::Uniform(_) => self.space.splats[i].as_slice(),
            },
            Storage::Fixed(i) => &self.plan.fixed[i],
            Storage::Array(i) => self.space.arrays[i].as_slice(),
            Storage::Output(i) => self.outputs[i],
            Storage::Scalar(i) => std::slice::from_ref(&self.space.scalars[i]),
        }
    }

    /// Runs the steps of a scope in order.
    ///
    /// # Errors
    /// Those of the lane programs.
    pub fn scope(&mut self, scope: usize) -> Result<(), RunError> {
        let plan = self.plan;
        for step in &plan.scopes[scope].steps {
            crate::limits::poll();
            match step {
                Step::Run(call) => self.program(call)?,
                Step::Fold { how, of, mask, to } => {
                    let values = self.array(*of);
                    let mask = mask.map(|m| self.array(m));
                    self.space.scalars[*to] = fold(*how, values, mask);
                }
                Step::Gather { of, at, to } => match *to {
                    Storage::Array(k) => {
                        let mut out = std::mem::take(&mut self.space.arrays[k]);
                        let (from, positions) = (self.array(*of), self.array(*at));
                        for (x, p) in out.as_mut_slice().iter_mut().zip(positions) {
                            *x = entry(from, *p);
                        }
                        self.space.arrays[k] = out;
                    }
                    Storage::Scalar(k) => {
                        let x = entry(self.array(*of), self.array(*at)[0]);
                        self.space.scalars[k] = x;
                    }
                    Storage::External(_) | Storage::Fixed(_) | Storage::Output(_) => {}
                },
                Step::Slice { of, first, to } => {
                    let mut out = std::mem::take(&mut self.space.arrays[*to]);
                    let n = out.len;
                    out.as_mut_slice().copy_from_slice(&self.array(*of)[*first..*first + n]);
                    self.space.arrays[*to] = out;
                }
                Step::Elements { of, first, to } => {
                    for (k, slot) in to.iter().enumerate() {
                        let x = self.array(*of)[first + k];
                        self.space.scalars[*slot] = x;
                    }
                }
                Step::Concat { parts, to } => {
                    let mut out = std::mem::take(&mut self.space.arrays[*to]);
                    let mut rest = out.as_mut_slice();
                    for part in parts {
                        let n = match part {
                            Piece::Lanes(p) => {
                                let values = self.array(*p);
                                rest[..values.len()].copy_from_slice(values);
                                values.len()
                            }
                            Piece::Scalars(slots) => {
                                for (x, s) in rest.iter_mut().zip(slots) {
                                    *x = self.space.scalars[*s];
                                }
                                slots.len()
                            }
                        };
                        rest = &mut rest[n..];
                    }
                    self.space.arrays[*to] = out;
                }
                Step::Solve { scope, to, status } => self.solve(*scope, to, *status)?,
                Step::Pairs {
                    scope,
                    how,
                    body,
                    mask,
                    count,
                    to,
                } => {
                    self.pairs(*scope, *how, *body, *mask, *count, *to)?;
                }
            }
        }
        Ok(())
    }

    fn program(&mut self, step: &Call<T>) -> Result<(), RunError> {
        let MembersSpace {
            arrays,
            splats: _,
            scalars,
            workspace,
            single,
            ..
        } = &mut *self.space;
        single.clear();
        single.resize(step.outputs.len(), T::ZERO);
        let mut call = step.program.call(step.n, workspace);
        for (k, place) in step.inputs.iter().enumerate() {
            match *place {
                Storage::Scalar(s) => call.input(k, Operand::Uniform(scalars[s]))?,
                Storage::External(i) => call.input(k, self.inputs[i])?,
                Storage::Fixed(i) => call.input(k, Operand::Lanes(&self.plan.fixed[i]))?,
                Storage::Array(_) | Storage::Output(_) => {}
            }
        }
        for ((k, place), to) in step.outputs.iter().enumerate().zip(single.chunks_mut(1)) {
            if let Storage::Scalar(_) = place {
                call.output(k, to)?;
            }
        }
        lend(&mut call, &step.stored, arrays.iter_mut().map(Array::as_mut_slice))?;
        lend(&mut call, &step.lent, self.outputs.iter_mut().map(|v| &mut **v))?;
        call.run()?;
        for (place, x) in step.outputs.iter().zip(single) {
            if let Storage::Scalar(k) = *place {
                scalars[k] = *x;
            }
        }
        Ok(())
    }

    fn solve(&mut self, scope: usize, to: &[usize], status: usize) -> Result<(), RunError> {
        let plan = &self.plan.scopes[scope];
        let m = plan.unknowns.len();
        let lo: Vec<T> = plan.brackets.iter().map(|b| self.space.scalars[b.0]).collect();
        let hi: Vec<T> = plan.brackets.iter().map(|b| self.space.scalars[b.1]).collect();
        let mut x = vec![T::ZERO; m];
        let mut ended = [T::ZERO];
        let mut scratch = std::mem::take(&mut self.space.scratch[scope]);
        let mut system = Outer {
            run: self,
            scope,
            result: Ok(()),
        };
        root::solve(m, 1, &lo, &hi, &mut system, &mut x, &mut ended, &mut scratch);
        let result = system.result;
        self.space.scratch[scope] = scratch;
        for (slot, value) in to.iter().zip(x) {
            self.space.scalars[*slot] = value;
        }
        self.space.scalars[status] = ended[0];
        result
    }

    fn pairs(
        &mut self,
        scope: usize,
        how: Fold,
        body: Storage,
        mask: Option<Storage>,
        count: usize,
        to: usize,
    ) -> Result<(), RunError> {
        let plan = self.plan;
        let lanes = plan.stored[to];
        let kept = if how == Fold::Argmax { 2 } else { count.min(16) };
        let mut acc = std::mem::take(&mut self.space.accumulators);
        acc.resize_with(kept.max(acc.len()), Array::default);
        for a in &mut acc[..kept] {
            a.fit(lanes);
            a.as_mut_slice().fill(T::ZERO);
        }
        for j in 0..count {
            for (slot, from) in &plan.scopes[scope].elements {
                let x = self.array(*from)[j];
                self.space.scalars[*slot] = x;
            }
            for (array, from) in &plan.scopes[scope].others {
                let mut out = std::mem::take(&mut self.space.arrays[*array]);
                // The other number j of member i is j if j < i, else j + 1.
                let from = self.array(*from);
                let (before, after) = out.as_mut_slice().split_at_mut(j + 1);
                before.fill(from[j + 1]);
                after.fill(from[j]);
                self.space.arrays[*array] = out;
            }
            self.scope(scope)?;
            let values = self.lanes_or_scalar(body, lanes);
            if how == Fold::Argmax {
                let chosen = mask.map(|m| self.lanes_or_scalar(m, lanes));
                let (best, at) = acc.split_at_mut(1);
                let (best, at) = (best[0].as_mut_slice(), at[0].as_mut_slice());
                for i in 0..lanes {
                    let allowed = chosen.is_none_or(|c| c[i] != T::ZERO);
                    if allowed && (at[i] == T::ZERO || values[i] > best[i]) {
                        best[i] = values[i];
                        at[i] = T::from_f64(j as f64 + 1.0);
                    }
                }
            } else if j < 16 {
                acc[j].as_mut_slice().copy_from_slice(values);
            } else {
                accumulate(how, acc[j % 16].as_mut_slice(), values);
            }
        }
        let result = if how == Fold::Argmax {
            1
        } else {
            for step in [8, 4, 2, 1] {
                for i in 0..step {
                    if i + step < kept {
                        let (low, high) = acc.split_at_mut(i + step);
                        accumulate(how, low[i].as_mut_slice(), high[0].as_slice());
                    }
                }
            }
            0
        };
        self.space.arrays[to]
            .as_mut_slice()
            .copy_from_slice(acc[result].as_slice());
        self.space.accumulators = acc;
        Ok(())
    }

    fn lanes_or_scalar(&self, place: Storage, lanes: usize) -> &[T] {
        // The planner stores bodies and masks as arrays of the right length.
        &self.array(place)[..lanes]
    }
}

/// Gives a program the arrays it reads and writes; `roles` are in order of `arrays`.
fn lend<'a, T: Interpreted>(
    call: &mut exec::Call<'a, T>,
    roles: &[(usize, Role)],
    mut arrays: impl Iterator<Item = &'a mut [T]>,
) -> Result<(), RunError> {
    let mut next = 0;
    for group in roles.chunk_by(|a, b| a.0 == b.0) {
        let at = group[0].0;
        let Some(array) = arrays.nth(at - next) else {
            return Ok(()); // the call reports what it was not given
        };
        next = at + 1;
        if let [(_, Role::Output(k))] = group {
            call.output(*k, array)?;
            continue;
        }
        let array: &'a [T] = array;
        for (_, role) in group {
            if let Role::Input(k) = role {
                call.input(*k, Operand::Lanes(array))?;
            }
        }
    }
    Ok(())
}

/// The residuals of an outer root problem: one run of its scope.
struct Outer<'r, 'a, 'b, T> {
    run: &'r mut Run<'a, 'b, T>,
    scope: usize,
    result: Result<(), RunError>,
}

impl<T: Interpreted> System<T> for Outer<'_, '_, '_, T> {
    fn residuals(&mut self, x: &[T], f: &mut [T]) {
        let plan = &self.run.plan.scopes[self.scope];
        for (slot, v) in plan.unknowns.iter().zip(x) {
            self.run.space.scalars[*slot] = *v;
        }
        if let Err(e) = self.run.scope(self.scope) {
            self.result = Err(e);
        }
        for (out, slot) in f.iter_mut().zip(&plan.residuals) {
            *out = self.run.space.scalars[*slot];
        }
    }
    fn with_jacobian(&mut self, x: &[T], f: &mut [T], j: &mut [T]) {
        // Central differences; Newton's method only needs a direction.
        let m = x.len();
        let relative = T::from_f64(if size_of::<T>() == 8 { 6e-6 } else { 5e-3 });
        let (mut up, mut down, mut y) = (vec![T::ZERO; m], vec![T::ZERO; m], x.to_vec());
        for u in 0..m {
            let h = relative * math::max(x[u].abs(), T::from_f64(1e-3));
            y[u] = x[u] + h;
            self.residuals(&y, &mut up);
            y[u] = x[u] - h;
            self.residuals(&y, &mut down);
            y[u] = x[u];
            for e in 0..m {
                j[e * m + u] = (up[e] - down[e]) / (h + h);
            }
        }
        self.residuals(x, f);
    }
}

/// One number from an array, of the elements whose mask is not zero.
fn fold<T: Interpreted>(how: Fold, values: &[T], mask: Option<&[T]>) -> T {
    let chosen = |i: usize| mask.is_none_or(|m| m[i] != T::ZERO);
    match how {
        Fold::Sum | Fold::Prod | Fold::Min | Fold::Max => fold_lanes(how, values).unwrap_or(T::ZERO),
        Fold::Argmax => {
            let mut best: Option<usize> = None;
            for i in (0..values.len()).filter(|i| chosen(*i)) {
                if best.is_none_or(|b| values[i] > values[b]) {
                    best = Some(i);
                }
            }
            T::from_f64(best.map_or(0.0, |i| i as f64 + 1.0))
        }
        Fold::Quantile(level) => {
            let mut v: Vec<T> = values
                .iter()
                .enumerate()
                .filter(|(i, _)| chosen(*i))
                .map(|(_, x)| *x)
                .collect();
            if v.is_empty() || v.iter().any(|x| x != x) {
                return T::NAN;
            }
            let order = |a: &T, b: &T| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal);
            let h = (v.len() - 1) as f64 * level;
            let below = h.floor() as usize;
            let w = T::from_f64(h - h.floor());
            let (_, a, above) = v.select_nth_unstable_by(below, order);
            let a = *a;
            let b = above.iter().copied().min_by(order).unwrap_or(a);
            if w == T::ZERO { a } else { a + w * (b - a) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_nobody_and_of_what_is_no_number_are_no_numbers() {
        let middle = |v: &[f64], mask: Option<&[f64]>| fold(Fold::Quantile(0.5), v, mask);
        assert!(middle(&[], None).is_nan());
        assert!(middle(&[1.0, 2.0], Some(&[0.0, 0.0])).is_nan());
        assert!(middle(&[1.0, f64::NAN, 3.0], None).is_nan());
        assert_eq!(middle(&[3.0, 9.0, 1.0, 2.0], Some(&[1.0, 0.0, 1.0, 1.0])), 2.0);
        assert_eq!(middle(&[3.0, 1.0], None), 2.0);
    }
}
