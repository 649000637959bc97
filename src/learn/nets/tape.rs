//! Networks as modules of dfdx: all their layers are one operation on its tape.
//!
//! [`OnTape`] holds a network's parameters as one flat tensor, a leaf, and implements dfdx's [`Module`]. Its forward pass splits the
//! tape off its input, computes with our products ([`super::simd`]), makes a tensor of the outputs without copying them, and puts
//! one backward operation on the tape, which adds the derivatives with respect to parameters and input, where wanted, to dfdx's
//! [`Gradients`]. What stands before and behind it on the tape is dfdx's.
//!
//! dfdx's `TensorCollection`, on which its `BuildModule` and optimisers of modules rest, cannot be had by a network of
//! run-time sizes: its `TensorOptions` are made for shapes that are known at compile time alone. dfdx checks shapes by panics, so
//! they are checked here first. The numbers of a tensor can be copied out of it but not be looked at, which is why a pass reads
//! the network's own [`super::Params`] (shared, not copied) rather than the leaf that stands for them.

use super::params::Pool;
use super::{Mlp, Net, RecurrentNet, lstm, mlp};
pub use dfdx::nn::Module;
pub use dfdx::prelude::{AsArray, Axes2, Backward, Cpu, Gradients, HasShape, SumTo, Trace};
use dfdx::prelude::{
    CpuError, Merge, NoneTape, OwnedTape, PutTape, ReshapeTo, Shape, SplitTape, Tape, Tensor, TensorFromVec,
};

/// A tape that records, and what is on it.
pub type Recording = OwnedTape<f32, Cpu>;
/// A tensor of single-precision numbers; with a [`Recording`] it is on a tape.
pub type Of<S, T = NoneTape> = Tensor<S, f32, Cpu, T>;
/// Rows by columns.
pub type Rows<T = NoneTape> = Of<(usize, usize), T>;
/// Numbers in a line.
pub type Flat<T = NoneTape> = Of<(usize,), T>;
/// A tensor on a tape.
pub type Taped<S> = Of<S, Recording>;

thread_local! {
    /// The processor as dfdx sees it, one per thread: tensors count its users.
    static DEVICE: Cpu = Cpu::default();
}

/// The device of all tensors.
pub fn device() -> Cpu {
    DEVICE.with(Cpu::clone)
}

/// A tensor of whole rows from row-major numbers, `values.len() / width` rows by `width` columns; leaves out the
/// numbers of a broken last row.
pub fn rows(mut values: Vec<f32>, width: usize) -> Rows {
    let count = values.len().checked_div(width).unwrap_or(0);
    values.truncate(count * width);
    device().tensor_from_vec(values, (count, width))
}

/// A tensor of all numbers in one line: its shape is their number.
pub fn flat(values: Vec<f32>) -> Flat {
    let count = values.len();
    device().tensor_from_vec(values, (count,))
}

/// The numbers of a tensor in row-major order, one per element; the tensor must be contiguous, as those of networks and
/// of [`operation`] are.
pub fn numbers<S: Shape, T>(tensor: &Of<S, T>) -> Vec<f32> {
    let mut out = vec![0.0; tensor.shape().num_elements()];
    tensor.copy_into(&mut out);
    out
}

/// The derivative with respect to a leaf (one number per element), taken out of the gradients without a copy; zeros if
/// nothing depended on it.
pub fn take<S: Shape>(gradients: &mut Gradients<f32, Cpu>, leaf: &Of<S>) -> Vec<f32> {
    gradients
        .get_or_alloc_mut(leaf)
        .map(|g| std::mem::take(&mut **g))
        .unwrap_or_default()
}

/// Puts an operation of ours on the tape. `output` holds its result in the given `shape`, row-major. `back` adds the
/// derivative with respect to the input (second, one number per element of the input) from that with respect to the
/// output (first, one number per element of the output).
pub fn operation<S: Shape, R: Shape, T: Tape<f32, Cpu>>(
    input: Of<S, T>,
    output: Vec<f32>,
    shape: R,
    back: impl FnOnce(&[f32], &mut [f32]) + 'static,
) -> Of<R, T> {
    let (input, mut tape) = input.split_tape();
    let out = device().tensor_from_vec(output, shape);
    let (from, to) = (out.ghost(), input.ghost());
    tape.add_backward_op(move |gradients| {
        let dout = std::mem::take(&mut **gradients.get_or_alloc_mut(&from)?);
        back(&dout, gradients.get_or_alloc_mut(&to)?);
        **gradients.get_or_alloc_mut(&from)? = dout;
        Ok(())
    });
    out.put_tape(tape)
}

/// As [`operation`], of two inputs with tapes of their own; `back` gets both of their derivatives.
pub fn operation_of_two<S: Shape, Q: Shape, R: Shape>(
    first: Taped<S>,
    second: Taped<Q>,
    output: Vec<f32>,
    shape: R,
    back: impl FnOnce(&[f32], &mut [f32], &mut [f32]) + 'static,
) -> Taped<R> {
    let ((first, tape), (second, other)) = (first.split_tape(), second.split_tape());
    let mut tape = tape.merge(other);
    let out = device().tensor_from_vec(output, shape);
    let (from, to, also) = (out.ghost(), first.ghost(), second.ghost());
    tape.add_backward_op(move |gradients| {
        let dout = std::mem::take(&mut **gradients.get_or_alloc_mut(&from)?);
        let mut one = std::mem::take(&mut **gradients.get_or_alloc_mut(&to)?);
        back(&dout, &mut one, gradients.get_or_alloc_mut(&also)?);
        **gradients.get_or_alloc_mut(&to)? = one;
        **gradients.get_or_alloc_mut(&from)? = dout;
        Ok(())
    });
    out.put_tape(tape)
}

/// Columns `first .. first + count` of rows.
pub fn columns<T: Tape<f32, Cpu>>(x: Rows<T>, first: usize, count: usize) -> Rows<T> {
    let (n, width) = *x.shape();
    if (first, count) == (0, width) {
        return x;
    }
    let all = numbers(&x);
    let mut out = Vec::with_capacity(n * count);
    for row in all.chunks_exact(width.max(1)) {
        out.extend_from_slice(&row[first..first + count]);
    }
    operation(x, out, (n, count), move |dout, dx| {
        for (row, d) in dx.chunks_exact_mut(width.max(1)).zip(dout.chunks_exact(count.max(1))) {
            row[first..first + count].iter_mut().zip(d).for_each(|(x, d)| *x += d);
        }
    })
}

/// Which derivatives a network on the tape gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wants {
    /// With respect to its parameters.
    pub params: bool,
    /// With respect to its input.
    pub input: bool,
}

impl Wants {
    /// Of a network that is trained on data.
    pub const PARAMS: Wants = Wants {
        params: true,
        input: false,
    };
    /// Of a network that stays as it is while what it is given is trained.
    pub const INPUT: Wants = Wants {
        params: false,
        input: true,
    };
}

/// A network that a tape can own.
pub trait Differentiable: Sized + 'static {
    /// What a pass keeps.
    type Kept: Default + 'static;
    /// What a pass is over, beside its rows: their number, or periods and sequences.
    type Extent: Copy + 'static;
    /// The same network, sharing its parameters and its pool.
    fn share(&self) -> Self;
    /// Where passes leave their buffers.
    fn pool(&self) -> &Pool<Self::Kept>;
    /// All parameters in one line.
    fn flat(&self) -> Vec<f32>;
    /// Adds derivatives with respect to parameters (in the order of [`Differentiable::flat`]) and input (`row x
    /// input`), where asked for, from those with respect to the outputs (`row x output`).
    fn add_derivatives(
        &self,
        extent: Self::Extent,
        kept: &mut Self::Kept,
        dout: &[f32],
        dparams: Option<&mut [f32]>,
        dx: Option<&mut [f32]>,
    );
}

/// A network as a module of dfdx.
pub struct OnTape<N> {
    net: N,
    /// All parameters, `(count,)`: the leaf whose derivative is asked for, if it is.
    params: Option<Flat>,
    input: bool,
}

impl<N: Differentiable> OnTape<N> {
    /// The network as it stands; it can be changed while this one lives, at the cost of a copy.
    pub fn new(net: &N, wants: Wants) -> OnTape<N> {
        OnTape {
            params: wants.params.then(|| flat(net.flat())),
            net: net.share(),
            input: wants.input,
        }
    }

    /// The derivative with respect to all parameters: one number per parameter, in the order of
    /// [`Differentiable::flat`]; empty if it was not wanted.
    pub fn gradient(self, gradients: &mut Gradients<f32, Cpu>) -> Vec<f32> {
        self.params.map(|p| take(gradients, &p)).unwrap_or_default()
    }

    /// Puts a pass on the tape of its input: its outputs, and what leads back.
    fn record<T: Tape<f32, Cpu>>(
        &self,
        (x, mut tape): (Rows, T),
        (output, shape): (Vec<f32>, (usize, usize)),
        extent: N::Extent,
        mut kept: N::Kept,
    ) -> Result<Rows<T>, CpuError> {
        let out = device().try_tensor_from_vec(output, shape)?;
        if !T::OWNS_TAPE || (self.params.is_none() && !self.input) {
            self.net.pool().put(kept);
            return Ok(out.put_tape(tape));
        }
        let net = self.net.share();
        let from = out.ghost();
        let params = self.params.as_ref().map(Tensor::ghost);
        let input = self.input.then(|| x.ghost());
        tape.add_backward_op(move |gradients| {
            let dout = std::mem::take(&mut **gradients.get_or_alloc_mut(&from)?);
            let mut dparams = match &params {
                Some(to) => Some(std::mem::take(&mut **gradients.get_or_alloc_mut(to)?)),
                None => None,
            };
            let mut dx = match &input {
                Some(to) => Some(std::mem::take(&mut **gradients.get_or_alloc_mut(to)?)),
                None => None,
            };
            net.add_derivatives(extent, &mut kept, &dout, dparams.as_deref_mut(), dx.as_deref_mut());
            net.pool().put(kept);
            for (to, d) in params.iter().zip(dparams) {
                **gradients.get_or_alloc_mut(to)? = d;
            }
            for (to, d) in input.iter().zip(dx) {
                **gradients.get_or_alloc_mut(to)? = d;
            }
            **gradients.get_or_alloc_mut(&from)? = dout;
            Ok(())
        });
        Ok(out.put_tape(tape))
    }
}

impl Differentiable for Mlp {
    type Kept = mlp::Kept;
    type Extent = usize;
    fn share(&self) -> Mlp {
        Mlp::share(self)
    }
    fn pool(&self) -> &Pool<mlp::Kept> {
        &self.pool
    }
    fn flat(&self) -> Vec<f32> {
        self.params().to_vec()
    }
    fn add_derivatives(
        &self,
        batch: usize,
        kept: &mut mlp::Kept,
        dout: &[f32],
        dparams: Option<&mut [f32]>,
        dx: Option<&mut [f32]>,
    ) {
        self.backward(batch, kept, dout, dparams, dx);
    }
}

/// From rows of `inputs` to rows of `outputs`.
impl<T: Tape<f32, Cpu>> Module<Rows<T>> for OnTape<Mlp> {
    type Output = Rows<T>;
    type Error = CpuError;

    fn try_forward(&self, x: Rows<T>) -> Result<Rows<T>, CpuError> {
        let (batch, width) = *x.shape();
        if width != self.net.inputs() || !self.net.is_consistent() {
            return Err(CpuError::WrongNumElements);
        }
        let (x, tape) = x.try_contiguous()?.split_tape();
        let mut kept = self.net.pool.take();
        let out = self.net.forward(|to| x.copy_into(to), batch, &mut kept);
        self.record((x, tape), (out, (batch, self.net.outputs())), batch, kept)
    }
}

impl Differentiable for RecurrentNet {
    type Kept = lstm::Kept;
    type Extent = (usize, usize);
    fn share(&self) -> RecurrentNet {
        RecurrentNet::share(self)
    }
    fn pool(&self) -> &Pool<lstm::Kept> {
        &self.pool
    }
    fn flat(&self) -> Vec<f32> {
        let (layer, head) = self.params();
        [layer, head].concat()
    }
    fn add_derivatives(
        &self,
        extent: (usize, usize),
        kept: &mut lstm::Kept,
        dout: &[f32],
        dparams: Option<&mut [f32]>,
        dx: Option<&mut [f32]>,
    ) {
        self.backward(extent, kept, dout, dparams, dx);
    }
}

/// Sequences for a recurrent network, time-major: row `t * batch + s` is period `t` of sequence `s`.
pub struct Sequences<'a, T> {
    /// Inputs, `periods * batch` by `inputs`.
    pub x: Rows<T>,
    /// 1 where an episode begins with a row, else 0: `period x sequence`, `periods * batch` numbers.
    pub reset: &'a [f32],
    /// State before the first period: `batch` rows of h, then of c, `2 batch x hidden`.
    pub memory: &'a [f32],
    /// Number of periods.
    pub periods: usize,
}

/// From sequences to rows of `outputs`, in the same order.
impl<T: Tape<f32, Cpu>> Module<Sequences<'_, T>> for OnTape<RecurrentNet> {
    type Output = Rows<T>;
    type Error = CpuError;

    fn try_forward(&self, given: Sequences<'_, T>) -> Result<Rows<T>, CpuError> {
        let Sequences {
            x,
            reset,
            memory,
            periods,
        } = given;
        let (count, width) = *x.shape();
        let batch = count.checked_div(periods).unwrap_or(0);
        let fits = width == self.net.inputs()
            && batch * periods == count
            && reset.len() >= count
            && memory.len() >= 2 * batch * self.net.hidden()
            && self.net.is_consistent();
        if !fits {
            return Err(CpuError::WrongNumElements);
        }
        let (x, tape) = x.try_contiguous()?.split_tape();
        let mut kept = self.net.pool.take();
        let extent = (periods, batch);
        let out = self.net.forward(|to| x.copy_into(to), reset, memory, extent, &mut kept);
        self.record((x, tape), (out, (count, self.net.outputs())), extent, kept)
    }
}
