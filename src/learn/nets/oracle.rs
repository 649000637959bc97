//! The perceptron in plain dfdx operations: the oracle the fused network is tested against.

use super::{Activation, Mlp, Net, Workspace};
use crate::num::random::{Key, Stream};
use dfdx::prelude::*;

/// Outputs, and derivatives of `sum(weights * outputs)` with respect to all parameters and the input.
fn plain(
    sizes: &[usize],
    activation: Activation,
    params: &[f32],
    x: &[f32],
    batch: usize,
    weights: &[f32],
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let dev = Cpu::default();
    let input = dev.tensor_from_vec(x.to_vec(), (batch, sizes[0]));
    let mut h = input.leaky_trace();
    let mut leaves = Vec::new();
    let mut at = 0;
    for (l, pair) in sizes.windows(2).enumerate() {
        let (i, o) = (pair[0], pair[1]);
        let w = dev.tensor_from_vec(params[at..at + i * o].to_vec(), (i, o));
        let b = dev.tensor_from_vec(params[at + i * o..at + i * o + o].to_vec(), (o,));
        let rows: Tensor<(usize, usize), f32, Cpu, OwnedTape<f32, Cpu>> =
            b.leaky_trace().broadcast_like::<(usize, usize), Axis<0>>(&(batch, o));
        h = h.matmul(w.clone()) + rows;
        if l + 2 < sizes.len() {
            h = match activation {
                Activation::Tanh => h.tanh(),
                Activation::Relu => h.relu(),
            };
        }
        leaves.push((w, b));
        at += i * o + o;
    }
    let out = h.as_vec();
    let weights = dev.tensor_from_vec(weights.to_vec(), (batch, sizes[sizes.len() - 1]));
    let gradients = (h * weights).sum::<(), Axes2<0, 1>>().backward();
    let mut dparams = Vec::new();
    for (w, b) in &leaves {
        dparams.extend(gradients.get(w).as_vec());
        dparams.extend(gradients.get(b).as_vec());
    }
    (out, dparams, gradients.get(&input).as_vec())
}

#[test]
fn fused_network_equals_plain_dfdx_in_outputs_and_all_gradients() {
    for activation in [Activation::Tanh, Activation::Relu] {
        for (inputs, hidden, outputs, batch) in [
            (4, vec![64, 64], 2, 128),
            (3, vec![256, 256], 1, 33),
            (5, vec![], 3, 1),
            (1, vec![7], 1, 5),
        ] {
            let mut net = Mlp::new(inputs, &hidden, outputs, activation, 1.0, &mut Stream::new(5, 0));
            let mut x = vec![0.0f32; batch * inputs];
            let mut weights = vec![0.0f32; batch * outputs];
            Key::new(1, 0).fill_f32(0, 0, &mut x);
            Key::new(2, 0).fill_f32(0, 0, &mut weights);
            weights.iter_mut().for_each(|w| *w = (*w - 0.5) / batch as f32);
            let mut sizes = vec![inputs];
            sizes.extend(&hidden);
            sizes.push(outputs);
            let (out, dparams, dx) = plain(&sizes, activation, net.params(), &x, batch, &weights);
            let close = |a: &[f32], b: &[f32], what: &str| {
                assert_eq!(a.len(), b.len());
                for (i, (a, b)) in a.iter().zip(b).enumerate() {
                    assert!((a - b).abs() <= 1e-6 + 2e-6 * b.abs(), "{what} {i}: {a} {b}");
                }
            };
            close(net.forward(&x, batch), &out, "forward");
            let mut inferred = vec![0.0; batch * outputs];
            net.infer(&x, batch, &mut Workspace::default(), &mut inferred);
            assert_eq!(net.forward(&x, batch), inferred);
            let (mut gp, mut gx) = (vec![f32::NAN; dparams.len()], vec![f32::NAN; dx.len()]);
            net.backward(&weights, Some(&mut gp), Some(&mut gx));
            close(&gp, &dparams, "parameters");
            close(&gx, &dx, "input");
        }
    }
}

#[test]
fn gradients_equal_finite_differences() {
    let batch = 6;
    let mut net = Mlp::new(3, &[8, 8], 2, Activation::Tanh, 1.0, &mut Stream::new(9, 0));
    let mut x = vec![0.0f32; batch * 3];
    Key::new(4, 0).fill_f32(0, 0, &mut x);
    let weights: Vec<f32> = (0..batch * 2).map(|i| (i as f32).sin()).collect();
    net.forward(&x, batch);
    let mut g = vec![0.0; net.params().len()];
    net.backward(&weights, Some(&mut g), None);
    for i in 0..g.len() {
        let mut at = |h: f32| -> f64 {
            let old = net.params()[i];
            net.params_mut()[i] = old + h;
            let loss = net
                .forward(&x, batch)
                .iter()
                .zip(&weights)
                .map(|(o, w)| *o as f64 * *w as f64)
                .sum();
            net.params_mut()[i] = old;
            loss
        };
        let numeric = (at(4e-3) - at(-4e-3)) / 8e-3;
        assert!((numeric - g[i] as f64).abs() < 2e-3, "{i}: {numeric} {}", g[i]);
    }
}
