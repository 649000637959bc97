//! Multilayer perceptron: products, bias and activation fused, all parameters in one slice.
//!
//! Parameters stand layer by layer: weights (inputs by outputs, row-major), then biases. The last layer is linear.

use super::params::{Params, Pool};
#[cfg(feature = "learn")]
use super::simd;
use super::simd::{Start, View, product};
use super::{Activation, Net, Workspace, init, room};
use crate::num::random::Stream;
#[cfg(feature = "learn")]
use rand::RngExt;
use serde::{Deserialize, Serialize};

/// Most rows that are inferred together.
const PART: usize = 16_384;

/// A multilayer perceptron.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mlp {
    /// Widths of input, hidden layers, output.
    sizes: Vec<usize>,
    activation: Activation,
    params: Params,
    #[serde(skip)]
    pub(super) pool: Pool<Kept>,
}

/// What a pass keeps for its derivatives.
#[derive(Default)]
pub struct Kept {
    /// Input, then the output of each hidden layer.
    #[cfg(feature = "learn")]
    layers: Vec<Vec<f32>>,
    #[cfg(feature = "learn")]
    delta: [Vec<f32>; 2],
    #[cfg(feature = "learn")]
    pack: Vec<f32>,
}

impl Mlp {
    /// A network of the given widths (`hidden` has one per hidden layer), with orthogonal weights of gain root 2
    /// (hidden layers) and `gain` (last layer; Saxe, McClelland and Ganguli 2014), and zero biases.
    pub fn new(
        inputs: usize,
        hidden: &[usize],
        outputs: usize,
        activation: Activation,
        gain: f64,
        rng: &mut Stream,
    ) -> Mlp {
        let mut sizes = vec![inputs];
        sizes.extend_from_slice(hidden);
        sizes.push(outputs);
        let last = sizes.len() - 2;
        let mut params = Vec::new();
        for (l, pair) in sizes.windows(2).enumerate() {
            let g = if l == last { gain } else { std::f64::consts::SQRT_2 };
            params.extend(init::orthogonal(pair[0], pair[1], g, rng));
            params.resize(params.len() + pair[1], 0.0);
        }
        Mlp {
            sizes,
            activation,
            params: params.into(),
            pool: Pool::default(),
        }
    }

    /// Whether sizes and parameters belong together (they may come from a file).
    pub fn is_consistent(&self) -> bool {
        self.sizes.len() >= 2 && self.sizes.windows(2).map(|w| w[0] * w[1] + w[1]).sum::<usize>() == self.params.len()
    }

    /// Weights (`input x output`, row-major) and biases (one per output) of the last layer.
    pub fn last_layer_mut(&mut self) -> (&mut [f32], &mut [f32]) {
        let n = self.sizes.len();
        let (i, o) = (self.sizes[n - 2], self.sizes[n - 1]);
        let start = self.params.len() - i * o - o;
        self.params.edit()[start..].split_at_mut(i * o)
    }

    /// Scales the first layer so that its units vary by `gain` (standard deviation) where inputs vary by one, and draws its biases between -`gain`
    /// and `gain`. Orthogonal weights keep the length of a row: where inputs are few, units hardly vary, and the network is nearly linear.
    #[cfg(feature = "learn")]
    pub fn spread_first(&mut self, gain: f64, rng: &mut Stream) {
        let (i, o) = (self.sizes[0], self.sizes[1]);
        let (weights, biases) = self.params.edit()[..i * o + o].split_at_mut(i * o);
        let square = weights.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>() / o as f64;
        let factor = (gain / square.sqrt()) as f32;
        weights.iter_mut().for_each(|w| *w *= factor);
        for b in biases {
            *b = (gain * (2.0 * rng.random::<f64>() - 1.0)) as f32;
        }
    }

    /// The network for the inputs before the last ones, which always have the values `last`.
    pub fn holding(&self, last: &[f32]) -> Mlp {
        let (i, o) = (self.sizes[0], self.sizes[1]);
        let kept = i.saturating_sub(last.len());
        let (weights, rest) = self.params.split_at(i * o);
        let mut params = weights[..kept * o].to_vec();
        let mut biases = rest[..o].to_vec();
        for (row, x) in weights[kept * o..].chunks_exact(o).zip(last) {
            biases.iter_mut().zip(row).for_each(|(b, w)| *b += w * x);
        }
        params.extend_from_slice(&biases);
        params.extend_from_slice(&rest[o..]);
        let mut sizes = self.sizes.clone();
        sizes[0] = kept;
        Mlp {
            sizes,
            activation: self.activation,
            params: params.into(),
            pool: Pool::default(),
        }
    }

    /// Widths, one per layer of units: the input, each hidden layer, the output.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// Between layers.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// Number of layers with parameters.
    fn depth(&self) -> usize {
        self.sizes.len() - 1
    }

    /// One layer: `out = activation(x w + b)`.
    fn layer(&self, l: usize, at: usize, x: &[f32], batch: usize, pack: &mut Vec<f32>, out: &mut [f32]) {
        let (i, o) = (self.sizes[l], self.sizes[l + 1]);
        let (w, b) = self.params[at..at + i * o + o].split_at(i * o);
        product(
            (batch, o, i),
            View::rows(x, i),
            View::rows(w, o),
            Start::Row(b),
            out,
            pack,
        );
        if l + 1 < self.depth() {
            self.activation.apply(&mut out[..batch * o]);
        }
    }

    fn infer_part(&self, x: &[f32], batch: usize, ws: &mut Workspace, out: &mut [f32]) {
        let widest = self.sizes[1..].iter().copied().max().unwrap_or(0) * batch;
        let Workspace { a, b, pack } = ws;
        let (mut from, mut to) = (room(a, widest), room(b, widest));
        let mut at = 0;
        for l in 0..self.depth() {
            let input = if l == 0 { x } else { &*from };
            if l + 1 == self.depth() {
                self.layer(l, at, input, batch, pack, out);
            } else {
                self.layer(l, at, input, batch, pack, to);
                std::mem::swap(&mut from, &mut to);
            }
            at += (self.sizes[l] + 1) * self.sizes[l + 1];
        }
    }
}

impl Net for Mlp {
    fn inputs(&self) -> usize {
        self.sizes[0]
    }
    fn outputs(&self) -> usize {
        self.sizes[self.depth()]
    }
    fn params(&self) -> &[f32] {
        &self.params
    }
    fn params_mut(&mut self) -> &mut [f32] {
        self.params.edit()
    }

    fn infer(&self, x: &[f32], batch: usize, ws: &mut Workspace, out: &mut [f32]) {
        // What a row comes to does not depend on the rows beside it, so many are done a part at a time: hidden layers of
        // millions of rows would take gigabytes.
        let (inputs, outputs) = (self.inputs(), self.outputs());
        for first in (0..batch).step_by(PART) {
            let rows = PART.min(batch - first);
            let x = &x[first * inputs..(first + rows) * inputs];
            self.infer_part(x, rows, ws, &mut out[first * outputs..(first + rows) * outputs]);
        }
    }
}

/// Passes that can be differentiated: what [`super::tape`] makes an operation of.
#[cfg(feature = "learn")]
impl Mlp {
    /// The same network with the same parameters and pool, for a tape to own.
    pub(super) fn share(&self) -> Mlp {
        Mlp {
            sizes: self.sizes.clone(),
            activation: self.activation,
            params: self.params.clone(),
            pool: self.pool.share(),
        }
    }

    /// Outputs (flat, `[row][output]`) of the `batch * inputs` numbers (`[row][input]`) that `x` writes; `kept` is what [`Mlp::backward`] needs.
    pub(super) fn forward(&self, x: impl FnOnce(&mut [f32]), batch: usize, kept: &mut Kept) -> Vec<f32> {
        let depth = self.depth();
        kept.layers.resize(depth, Vec::new());
        x(room(&mut kept.layers[0], batch * self.sizes[0]));
        let mut at = 0;
        for l in 0..depth - 1 {
            let (before, after) = kept.layers.split_at_mut(l + 1);
            let out = room(&mut after[0], batch * self.sizes[l + 1]);
            self.layer(l, at, &before[l], batch, &mut kept.pack, out);
            at += (self.sizes[l] + 1) * self.sizes[l + 1];
        }
        let mut out = vec![0.0; batch * self.outputs()];
        self.layer(depth - 1, at, &kept.layers[depth - 1], batch, &mut kept.pack, &mut out);
        out
    }

    /// After [`Mlp::forward`], from the loss's derivative with respect to the outputs (flat, `[row][output]`): adds the derivatives
    /// with respect to parameters (flat, in their order) and inputs (flat, `[row][input]`), where asked for.
    pub(super) fn backward(
        &self,
        batch: usize,
        kept: &mut Kept,
        dout: &[f32],
        mut dparams: Option<&mut [f32]>,
        mut dx: Option<&mut [f32]>,
    ) {
        let depth = self.depth();
        let Kept { layers, delta, pack } = kept;
        let [first, second] = delta;
        let (mut now, mut next) = (first, second);
        room(now, batch * self.sizes[depth]).copy_from_slice(&dout[..batch * self.sizes[depth]]);
        let mut end = self.params.len();
        for l in (0..depth).rev() {
            let (i, o) = (self.sizes[l], self.sizes[l + 1]);
            let at = end - (i + 1) * o;
            if let Some(gradient) = dparams.as_deref_mut() {
                let (dw, db) = gradient[at..end].split_at_mut(i * o);
                let x = View::transposed(&layers[l], i);
                product((i, o, batch), x, View::rows(now, o), Start::Output, dw, pack);
                simd::add_column_sums(&now[..batch * o], db);
            }
            let w = View::transposed(&self.params[at..at + i * o], o);
            if l > 0 {
                let back = room(next, batch * i);
                product((batch, i, o), View::rows(now, o), w, Start::Zero, back, pack);
                self.activation.chain(&layers[l][..batch * i], back);
                std::mem::swap(&mut now, &mut next);
            } else if let Some(out) = dx.take() {
                product((batch, i, o), View::rows(now, o), w, Start::Output, out, pack);
            }
            end = at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_row_comes_to_does_not_depend_on_those_beside_it() {
        for (inputs, hidden, outputs) in [(3, &[64, 64][..], 1), (5, &[7][..], 3), (2, &[][..], 1)] {
            let mut rng = Stream::new(3, 0);
            let net = Mlp::new(inputs, hidden, outputs, Activation::Tanh, 1.0, &mut rng);
            let rows = 2 * PART + 77;
            let x: Vec<f32> = (0..rows * inputs).map(|i| (i as f32 * 0.37).sin()).collect();
            let (mut ws, mut all) = (Workspace::default(), vec![0.0; rows * outputs]);
            net.infer(&x, rows, &mut ws, &mut all);
            let mut whole = vec![0.0; rows * outputs];
            net.infer_part(&x, rows, &mut Workspace::default(), &mut whole);
            assert!(all.iter().zip(&whole).all(|(a, b)| a.to_bits() == b.to_bits()));
            for i in [0, 1, 11, 12, PART - 1, PART, 2 * PART + 3, rows - 1] {
                let mut one = vec![0.0; outputs];
                net.infer(&x[i * inputs..(i + 1) * inputs], 1, &mut ws, &mut one);
                assert!(
                    one.iter()
                        .zip(&all[i * outputs..])
                        .all(|(a, b)| a.to_bits() == b.to_bits()),
                    "row {i}"
                );
            }
            // Little is held, however many rows there are.
            assert!(ws.a.len() <= PART * 64);
        }
    }
}
