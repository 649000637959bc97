//! A recurrent network: one LSTM layer and a perceptron on its output, trained by backpropagation through time.
//!
//! Hochreiter and Schmidhuber (1997) with the forget gate of Gers, Schmidhuber and Cummins (2000):
//! `i, f, o = sigmoid(x W + h U + b)`, `g = tanh(..)`, `c' = f c + i g`, `h' = o tanh(c')`.
//! Sequences are time-major: row `t * batch + s` is period `t` of sequence `s`. Where `reset[t * batch + s]` is 1 the
//! hidden state is zero before that period (an episode began).
//!
//! Parameters: `W` (inputs by 4 hidden, gates in the order i, f, g, o), `U` (hidden by 4 hidden), `b`; then the head's.

use super::simd::{self, Start, View, product};
use super::{Activation, Mlp, Net, Workspace, init, room};
use crate::num::random::Stream;
use serde::{Deserialize, Serialize};

/// An LSTM layer followed by a perceptron.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecurrentNet {
    inputs: usize,
    hidden: usize,
    params: Vec<f32>,
    head: Mlp,
    #[serde(skip)]
    kept: Kept,
}

/// What the forward pass over sequences keeps: scratch, never copied, compared, stored or shown.
#[derive(Default)]
struct Kept {
    periods: usize,
    batch: usize,
    x: Vec<f32>,
    keep: Vec<f32>,
    /// Hidden state and cell before each period, after resets.
    h: Vec<f32>,
    c: Vec<f32>,
    /// Gates after their functions, cell after the period and its tangent, hidden state after the period.
    gates: Vec<f32>,
    cell: Vec<f32>,
    tangent: Vec<f32>,
    out: Vec<f32>,
    pack: Vec<f32>,
    dout: Vec<f32>,
    dgates: Vec<f32>,
    work: [Vec<f32>; 2],
}

impl Clone for Kept {
    fn clone(&self) -> Kept {
        Kept::default()
    }
}
impl PartialEq for Kept {
    fn eq(&self, _: &Kept) -> bool {
        true
    }
}
impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("..")
    }
}

impl RecurrentNet {
    /// Orthogonal weights, zero biases but for the forget gate's, which start at 1 (Jozefowicz et al. 2015).
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
            params,
            head,
            kept: Kept::default(),
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
    /// Parameters of the layer and of the head.
    pub fn params(&self) -> (&[f32], &[f32]) {
        (&self.params, self.head.params())
    }
    /// Parameters of the layer and of the head, to be changed.
    pub fn params_mut(&mut self) -> (&mut [f32], &mut [f32]) {
        (&mut self.params, self.head.params_mut())
    }
    /// Number of parameters of the layer and of the head.
    pub fn param_counts(&self) -> (usize, usize) {
        (self.params.len(), self.head.params().len())
    }

    /// One period: outputs of `batch` rows, moving `memory` (`batch` rows of h, then `batch` rows of c) on.
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

    /// Outputs of whole sequences: `x` has `periods * batch` rows, `memory` is the state before the first period.
    pub fn forward(&mut self, x: &[f32], reset: &[f32], memory: &[f32], periods: usize, batch: usize) -> &[f32] {
        let (n, g, rows) = (self.hidden, 4 * self.hidden, periods * batch);
        let mut k = std::mem::take(&mut self.kept);
        (k.periods, k.batch) = (periods, batch);
        k.x.clear();
        k.x.extend_from_slice(&x[..rows * self.inputs]);
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
            self.gates(
                &k.x[t * batch * self.inputs..],
                &k.h[at..at + batch * n],
                batch,
                gates,
                &mut k.pack,
            );
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
        self.kept = k;
        self.head.forward(&self.kept.out[..rows * n], rows)
    }

    /// After [`RecurrentNet::forward`]: overwrites the gradients of the layer's and of the head's parameters.
    pub fn backward(&mut self, dout: &[f32], dlayer: &mut [f32], dhead: &mut [f32]) {
        let (n, g) = (self.hidden, 4 * self.hidden);
        let k = &mut self.kept;
        let (periods, batch) = (k.periods, k.batch);
        let rows = periods * batch;
        self.head.backward(dout, Some(dhead), Some(room(&mut k.dout, rows * n)));
        room(&mut k.dgates, rows * g);
        let [dh, dc] = &mut k.work;
        room(dh, batch * n).fill(0.0);
        room(dc, batch * n).fill(0.0);
        let u = &self.params[self.inputs * g..(self.inputs + n) * g];
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
            product(
                (batch, n, g),
                View::rows(dgates, g),
                View::transposed(u, g),
                Start::Zero,
                dh,
                &mut k.pack,
            );
            for i in 0..batch * n {
                dh[i] *= k.keep[t * batch + i / n];
            }
        }
        let (dw, rest) = dlayer.split_at_mut(self.inputs * g);
        let (du, db) = rest.split_at_mut(n * g);
        let dgates = View::rows(&k.dgates, g);
        product(
            (self.inputs, g, rows),
            View::transposed(&k.x, self.inputs),
            dgates,
            Start::Zero,
            dw,
            &mut k.pack,
        );
        product(
            (n, g, rows),
            View::transposed(&k.h, n),
            dgates,
            Start::Zero,
            du,
            &mut k.pack,
        );
        simd::column_sums(&k.dgates[..rows * g], db);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize, seed: u64) -> Vec<f32> {
        let mut x = vec![0.0f32; n];
        crate::num::random::Key::new(seed, 0).fill_f32(0, 0, &mut x);
        x.iter().map(|v| 2.0 * v - 1.0).collect()
    }

    #[test]
    fn sequences_equal_single_steps_and_gradients_equal_finite_differences() {
        let (periods, batch, inputs, hidden, outputs) = (5, 3, 2, 4, 2);
        let mut net = RecurrentNet::new(
            inputs,
            hidden,
            &[3],
            outputs,
            Activation::Tanh,
            1.0,
            &mut Stream::new(3, 0),
        );
        let x = numbers(periods * batch * inputs, 1);
        let memory = numbers(2 * batch * hidden, 2);
        let weights = numbers(periods * batch * outputs, 3);
        let mut reset = vec![0.0; periods * batch];
        reset[2 * batch + 1] = 1.0;
        let out = net.forward(&x, &reset, &memory, periods, batch).to_vec();
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
        let (mut da, mut db) = (vec![0.0; a], vec![0.0; b]);
        net.backward(&weights, &mut da, &mut db);
        let loss = |net: &mut RecurrentNet| -> f64 {
            let out = net.forward(&x, &reset, &memory, periods, batch);
            out.iter().zip(&weights).map(|(o, w)| *o as f64 * *w as f64).sum()
        };
        let h = 4e-3f32;
        for i in 0..a {
            let old = net.params[i];
            net.params[i] = old + h;
            let up = loss(&mut net);
            net.params[i] = old - h;
            let down = loss(&mut net);
            net.params[i] = old;
            let numeric = (up - down) / (2.0 * h as f64);
            assert!((numeric - da[i] as f64).abs() < 2e-3, "{i}: {numeric} {}", da[i]);
        }
    }
}
