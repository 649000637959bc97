//! A recurrent network: one LSTM layer and a perceptron on its output, trained by backpropagation through time.
//!
//! Hochreiter and Schmidhuber (1997) with the forget gate of Gers, Schmidhuber and Cummins (2000):
//! `i, f, o = sigmoid(x W + h U + b)`, `g = tanh(..)`, `c' = f c + i g`, `h' = o tanh(c')`.
//! Sequences are time-major: row `t * batch + s` is period `t` of sequence `s`. Where `reset[t * batch + s]` is 1 the
//! hidden state is zero before that period (an episode began).
//!
//! Parameters: `W` (inputs by 4 hidden, gates in the order i, f, g, o), `U` (hidden by 4 hidden), `b`; then the head's.

use super::params::{Params, Pool};
use super::simd::{self, Start, View, product};
use super::{Activation, Mlp, Net, Workspace, init, room};
use crate::num::random::Stream;
use serde::{Deserialize, Serialize};

/// An LSTM layer followed by a perceptron.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecurrentNet {
    inputs: usize,
    hidden: usize,
    params: Params,
    head: Mlp,
    #[serde(skip)]
    pub(super) pool: Pool<Kept>,
}

/// What a pass over sequences keeps for its derivatives.
#[cfg(not(feature = "learn"))]
pub struct Kept;

/// What a pass over sequences keeps for its derivatives.
#[cfg(feature = "learn")]
#[derive(Default)]
pub struct Kept {
    x: Vec<f32>,
    /// 1 but where the hidden state is forgotten before a row.
    keep: Vec<f32>,
    /// Hidden state and cell before each period, after resets.
    h: Vec<f32>,
    c: Vec<f32>,
    /// Gates after their functions, cell after the period and its tanh.
    gates: Vec<f32>,
    cell: Vec<f32>,
    tangent: Vec<f32>,
    pack: Vec<f32>,
    dout: Vec<f32>,
    dgates: Vec<f32>,
    work: [Vec<f32>; 2],
    head: super::mlp::Kept,
    /// Hidden state after each period.
    out: Vec<f32>,
}

impl RecurrentNet {
    /// A network from rows of `inputs` numbers to rows of `outputs`, with `hidden` units in the LSTM layer; `layers`
    /// has one width per hidden layer of the perceptron behind it. Weights are orthogonal, biases zero but for the
    /// forget gate's, which start at 1 (Jozefowicz et al. 2015).
    pub fn new(
        inputs: usize,
        hidden: usize,
        layers: &[usize],
        outputs: usize,
        activation: Activation,
        gain: f64,
        rng: &mut Stream,
    ) -> Self {
        let gates = 4 * hidden;
        let mut params = vec![0.0; (inputs + hidden + 1) * gates];
        for (rows, at) in [(inputs, 0), (hidden, inputs * gates)] {
            for gate in 0..4 {
                let block = init::orthogonal(rows, hidden, 1.0, rng);
                for (r, row) in block.chunks_exact(hidden).enumerate() {
                    params[at + r * gates + gate * hidden..][..hidden].copy_from_slice(row);
                }
            }
        }
        let bias = (inputs + hidden) * gates;
        params[bias + hidden..bias + 2 * hidden].fill(1.0);
        let head = Mlp::new(hidden, layers, outputs, activation, gain, rng);
        RecurrentNet {
            inputs,
            hidden,
            params: params.into(),
            head,
            pool: Pool::default(),
        }
    }

    /// Whether sizes and parameters belong together (they may come from a file).
    pub fn is_consistent(&self) -> bool {
        self.params.len() == (self.inputs + self.hidden + 1) * 4 * self.hidden
            && self.head.is_consistent()
            && self.head.inputs() == self.hidden
    }
    /// Width of an input row.
    pub fn inputs(&self) -> usize {
        self.inputs
    }
    /// Width of an output row.
    pub fn outputs(&self) -> usize {
        self.head.outputs()
    }
    /// Width of the hidden state; a memory is `[h, c]`, twice as wide.
    pub fn hidden(&self) -> usize {
        self.hidden
    }
    /// The perceptron on top.
    pub fn head_mut(&mut self) -> &mut Mlp {
        &mut self.head
    }
    /// Parameters of the layer (`inputs + hidden + 1` rows of `4 hidden`, in the order of the module) and of the head
    /// (in the order of [`Mlp`]), each in one line.
    pub fn params(&self) -> (&[f32], &[f32]) {
        (&self.params, self.head.params())
    }
    /// Parameters of the layer and of the head, each in one line, to be changed; as [`RecurrentNet::params`].
    pub fn params_mut(&mut self) -> (&mut [f32], &mut [f32]) {
        (self.params.edit(), self.head.params_mut())
    }
    /// Number of parameters of the layer and of the head.
    pub fn param_counts(&self) -> (usize, usize) {
        (self.params.len(), self.head.params().len())
    }

    /// Plays one period: outputs (`batch x outputs`) of `batch` rows of `x` (`batch x inputs`). `memory` moves on; it
    /// holds `batch` rows of h, then `batch` rows of c (`2 batch x hidden`).
    pub fn step(&self, x: &[f32], batch: usize, memory: &mut [f32], ws: &mut Workspace, out: &mut [f32]) {
        let (n, g) = (self.hidden, 4 * self.hidden);
        let (h, c) = memory.split_at_mut(batch * n);
        let mut gates = std::mem::take(&mut ws.a);
        room(&mut gates, batch * g);
        self.gates(x, h, batch, &mut gates, &mut ws.pack);
        for s in 0..batch {
            for j in 0..n {
                let row = &gates[s * g..(s + 1) * g];
                let cell = row[n + j].mul_add(c[s * n + j], row[j] * row[2 * n + j]);
                c[s * n + j] = cell;
                h[s * n + j] = row[3 * n + j] * simd::fast_tanh(cell);
            }
        }
        ws.a = gates;
        self.head.infer(h, batch, ws, out);
    }

    /// Gates after their functions.
    fn gates(&self, x: &[f32], h: &[f32], batch: usize, gates: &mut [f32], pack: &mut Vec<f32>) {
        let (n, g) = (self.hidden, 4 * self.hidden);
        let (w, rest) = self.params.split_at(self.inputs * g);
        let (u, b) = rest.split_at(n * g);
        product(
            (batch, g, self.inputs),
            View::rows(x, self.inputs),
            View::rows(w, g),
            Start::Row(b),
            gates,
            pack,
        );
        product(
            (batch, g, n),
            View::rows(h, n),
            View::rows(u, g),
            Start::Output,
            gates,
            pack,
        );
        for row in gates[..batch * g].chunks_exact_mut(g) {
            simd::sigmoid_in_place(&mut row[..2 * n]);
            simd::tanh_in_place(&mut row[2 * n..3 * n]);
            simd::sigmoid_in_place(&mut row[3 * n..]);
        }
    }
}

/// Passes that can be differentiated: what [`super::tape`] makes an operation of.
#[cfg(feature = "learn")]
impl RecurrentNet {
    /// The same network with the same parameters and pool, for a tape to own.
    pub(super) fn share(&self) -> RecurrentNet {
        RecurrentNet {
            inputs: self.inputs,
            hidden: self.hidden,
            params: self.params.clone(),
            head: self.head.share(),
            pool: self.pool.share(),
        }
    }

    /// Outputs (flat, `[period][sequence][output]`, `periods * batch * outputs` numbers) of whole sequences: `x` writes their `periods * batch * inputs` numbers, `reset` has
    /// `periods * batch` and `memory`, the state before the first period, `2 * batch * hidden`. `k` is what
    /// [`RecurrentNet::backward`] needs.
    pub(super) fn forward(
        &self,
        x: impl FnOnce(&mut [f32]),
        reset: &[f32],
        memory: &[f32],
        (periods, batch): (usize, usize),
        k: &mut Kept,
    ) -> Vec<f32> {
        let (n, g, rows) = (self.hidden, 4 * self.hidden, periods * batch);
        x(room(&mut k.x, rows * self.inputs));
        k.keep.clear();
        k.keep.extend(reset[..rows].iter().map(|r| 1.0 - r));
        for buffer in [&mut k.h, &mut k.c, &mut k.cell, &mut k.tangent, &mut k.out] {
            room(buffer, rows * n);
        }
        room(&mut k.gates, rows * g);
        for t in 0..periods {
            let (at, before) = (t * batch * n, t.wrapping_sub(1).wrapping_mul(batch * n));
            for i in 0..batch * n {
                let keep = k.keep[t * batch + i / n];
                let (h, c) = if t == 0 {
                    (memory[i], memory[batch * n + i])
                } else {
                    (k.out[before + i], k.cell[before + i])
                };
                k.h[at + i] = keep * h;
                k.c[at + i] = keep * c;
            }
            let gates = &mut k.gates[t * batch * g..(t + 1) * batch * g];
            let x = &k.x[t * batch * self.inputs..];
            self.gates(x, &k.h[at..at + batch * n], batch, gates, &mut k.pack);
            for s in 0..batch {
                let row = &gates[s * g..(s + 1) * g];
                for j in 0..n {
                    let i = at + s * n + j;
                    k.cell[i] = row[n + j].mul_add(k.c[i], row[j] * row[2 * n + j]);
                    k.tangent[i] = simd::fast_tanh(k.cell[i]);
                    k.out[i] = row[3 * n + j] * k.tangent[i];
                }
            }
        }
        let out = &k.out[..rows * n];
        self.head.forward(|h| h.copy_from_slice(out), rows, &mut k.head)
    }

    /// After [`RecurrentNet::forward`], from the loss's derivative with respect to the outputs (flat, `[period][sequence][output]`): adds
    /// the derivatives with respect to the parameters (the layer's, then the head's) and the inputs
    /// (flat, `[period][sequence][input]`), where asked for.
    pub(super) fn backward(
        &self,
        (periods, batch): (usize, usize),
        k: &mut Kept,
        dout: &[f32],
        dparams: Option<&mut [f32]>,
        dx: Option<&mut [f32]>,
    ) {
        let (n, g, rows) = (self.hidden, 4 * self.hidden, periods * batch);
        let (dlayer, dhead) = match dparams {
            Some(all) => {
                let (layer, head) = all.split_at_mut(self.params.len());
                (Some(layer), Some(head))
            }
            None => (None, None),
        };
        let through = room(&mut k.dout, rows * n);
        through.fill(0.0);
        self.head.backward(rows, &mut k.head, dout, dhead, Some(through));
        room(&mut k.dgates, rows * g);
        let [dh, dc] = &mut k.work;
        room(dh, batch * n).fill(0.0);
        room(dc, batch * n).fill(0.0);
        let (w, rest) = self.params.split_at(self.inputs * g);
        let u = View::transposed(&rest[..n * g], g);
        for t in (0..periods).rev() {
            let at = t * batch * n;
            let dgates = &mut k.dgates[t * batch * g..(t + 1) * batch * g];
            for s in 0..batch {
                let row = &k.gates[(t * batch + s) * g..][..g];
                let drow = &mut dgates[s * g..(s + 1) * g];
                for j in 0..n {
                    let (i, local) = (at + s * n + j, s * n + j);
                    let dhidden = k.dout[i] + dh[local];
                    let (gi, gf, gg, go) = (row[j], row[n + j], row[2 * n + j], row[3 * n + j]);
                    let dcell = dc[local] + dhidden * go * (1.0 - k.tangent[i] * k.tangent[i]);
                    drow[j] = dcell * gg * gi * (1.0 - gi);
                    drow[n + j] = dcell * k.c[i] * gf * (1.0 - gf);
                    drow[2 * n + j] = dcell * gi * (1.0 - gg * gg);
                    drow[3 * n + j] = dhidden * k.tangent[i] * go * (1.0 - go);
                    dc[local] = dcell * gf * k.keep[t * batch + s];
                }
            }
            let size = (batch, n, g);
            product(size, View::rows(dgates, g), u, Start::Zero, dh, &mut k.pack);
            for i in 0..batch * n {
                dh[i] *= k.keep[t * batch + i / n];
            }
        }
        let dgates = View::rows(&k.dgates, g);
        if let Some(dlayer) = dlayer {
            let (dw, rest) = dlayer.split_at_mut(self.inputs * g);
            let (du, db) = rest.split_at_mut(n * g);
            let (x, h) = (View::transposed(&k.x, self.inputs), View::transposed(&k.h, n));
            product((self.inputs, g, rows), x, dgates, Start::Output, dw, &mut k.pack);
            product((n, g, rows), h, dgates, Start::Output, du, &mut k.pack);
            simd::add_column_sums(&k.dgates[..rows * g], db);
        }
        if let Some(dx) = dx {
            let size = (rows, self.inputs, g);
            product(size, dgates, View::transposed(w, g), Start::Output, dx, &mut k.pack);
        }
    }
}

#[cfg(all(test, feature = "learn"))]
mod tests {
    use super::super::tape::{AsArray, Backward, Module, OnTape, Sequences, Wants, numbers, rows, take};
    use super::*;
    use dfdx::prelude::{Axes2, SumTo, Trace};

    fn draws(n: usize, seed: u64) -> Vec<f32> {
        let mut x = vec![0.0f32; n];
        crate::num::random::Key::new(seed, 0).fill_f32(0, 0, &mut x);
        x.iter().map(|v| 2.0 * v - 1.0).collect()
    }

    #[test]
    fn sequences_equal_single_steps_and_gradients_equal_finite_differences() {
        let (periods, batch, inputs, hidden, outputs) = (5, 3, 2, 4, 2);
        let mut stream = Stream::new(3, 0);
        let mut net = RecurrentNet::new(inputs, hidden, &[3], outputs, Activation::Tanh, 1.0, &mut stream);
        let mut x = draws(periods * batch * inputs, 1);
        let memory = draws(2 * batch * hidden, 2);
        let weights = draws(periods * batch * outputs, 3);
        let mut reset = vec![0.0; periods * batch];
        reset[2 * batch + 1] = 1.0;
        // Outputs, the sum of outputs by weights, and its derivatives with respect to parameters and inputs.
        let run = |net: &RecurrentNet, x: &[f32]| {
            let on_tape = OnTape::new(
                net,
                Wants {
                    params: true,
                    input: true,
                },
            );
            let x = rows(x.to_vec(), inputs);
            let out = on_tape.forward(Sequences {
                x: x.leaky_trace(),
                reset: &reset,
                memory: &memory,
                periods,
            });
            let values = numbers(&out);
            let loss = (out * rows(weights.clone(), outputs)).sum::<(), Axes2<0, 1>>();
            let sum = loss.array() as f64;
            let mut gradients = loss.backward();
            (values, sum, on_tape.gradient(&mut gradients), take(&mut gradients, &x))
        };
        let (out, _, dparams, dx) = run(&net, &x);
        // One period at a time.
        let mut state = memory.clone();
        let mut ws = Workspace::default();
        let mut row = vec![0.0; batch * outputs];
        for t in 0..periods {
            for s in 0..batch {
                if reset[t * batch + s] == 1.0 {
                    state[s * hidden..(s + 1) * hidden].fill(0.0);
                    state[(batch + s) * hidden..(batch + s + 1) * hidden].fill(0.0);
                }
            }
            net.step(&x[t * batch * inputs..], batch, &mut state, &mut ws, &mut row);
            assert_eq!(row, out[t * batch * outputs..(t + 1) * batch * outputs]);
        }
        let (a, b) = net.param_counts();
        assert_eq!((dparams.len(), dx.len()), (a + b, x.len()));
        let h = 4e-3f32;
        let close = |up: f64, down: f64, analytic: f32, what: &str| {
            let numeric = (up - down) / (2.0 * h as f64);
            assert!((numeric - analytic as f64).abs() < 2e-3, "{what}: {numeric} {analytic}");
        };
        for i in 0..a + b {
            let mut at = |h: f32| {
                let (layer, head) = net.params_mut();
                let p = if i < a { &mut layer[i] } else { &mut head[i - a] };
                let old = std::mem::replace(p, *p + h);
                let sum = run(&net, &x).1;
                let (layer, head) = net.params_mut();
                *(if i < a { &mut layer[i] } else { &mut head[i - a] }) = old;
                sum
            };
            let (up, down) = (at(h), at(-h));
            close(up, down, dparams[i], &format!("parameter {i}"));
        }
        for i in 0..x.len() {
            let old = x[i];
            x[i] = old + h;
            let up = run(&net, &x).1;
            x[i] = old - h;
            let down = run(&net, &x).1;
            x[i] = old;
            close(up, down, dx[i], &format!("input {i}"));
        }
    }
}
