//! The perceptron in plain dfdx operations, one per layer: the oracle that the network as one operation is tested against.

use super::tape::{OnTape, Wants, numbers, rows, take};
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
            let net = Mlp::new(inputs, &hidden, outputs, activation, 1.0, &mut Stream::new(5, 0));
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
            let mut inferred = vec![0.0; batch * outputs];
            net.infer(&x, batch, &mut Workspace::default(), &mut inferred);
            for (params, input) in [(true, true), (true, false), (false, true)] {
                let on_tape = OnTape::new(&net, Wants { params, input });
                let leaf = rows(x.clone(), inputs);
                let y = on_tape.forward(leaf.leaky_trace());
                close(&numbers(&y), &out, "forward");
                assert_eq!(numbers(&y), inferred);
                let loss = (y * rows(weights.clone(), outputs)).sum::<(), Axes2<0, 1>>();
                let mut gradients = loss.backward();
                let (gx, gp) = (take(&mut gradients, &leaf), on_tape.gradient(&mut gradients));
                close(&gp, if params { &dparams } else { &[] }, "parameters");
                let none = vec![0.0; dx.len()];
                close(&gx, if input { &dx } else { &none }, "input");
            }
        }
    }
}

/// The sum of squares of a network of its own output (it stands on the tape twice), and the derivatives with respect to parameters
/// and input.
fn twice(net: &Mlp, x: &[f32]) -> (f64, Vec<f32>, Vec<f32>) {
    let both = Wants {
        params: true,
        input: true,
    };
    let on_tape = OnTape::new(net, both);
    let leaf = rows(x.to_vec(), net.inputs());
    let out = on_tape.forward(on_tape.forward(leaf.leaky_trace()));
    let loss = out.square().sum::<(), Axes2<0, 1>>();
    let value = loss.array() as f64;
    let mut gradients = loss.backward();
    let dx = take(&mut gradients, &leaf);
    (value, on_tape.gradient(&mut gradients), dx)
}

#[test]
fn gradients_on_the_tape_equal_finite_differences_also_where_a_network_stands_twice() {
    let (batch, h) = (6, 4e-3f32);
    let mut net = Mlp::new(3, &[8, 8], 3, Activation::Tanh, 0.7, &mut Stream::new(9, 0));
    let mut x = vec![0.0f32; batch * 3];
    Key::new(4, 0).fill_f32(0, 0, &mut x);
    let (_, dparams, dx) = twice(&net, &x);
    let close = |up: f64, down: f64, analytic: f32, what: &str| {
        let numeric = (up - down) / (2.0 * h as f64);
        let error = (numeric - analytic as f64).abs();
        assert!(error < 4e-3, "{what}: {numeric} {analytic}");
    };
    for i in 0..dparams.len() {
        let mut at = |h: f32| {
            let old = net.params()[i];
            net.params_mut()[i] = old + h;
            let value = twice(&net, &x).0;
            net.params_mut()[i] = old;
            value
        };
        let (up, down) = (at(h), at(-h));
        close(up, down, dparams[i], &format!("parameter {i}"));
    }
    for i in 0..x.len() {
        let old = x[i];
        x[i] = old + h;
        let up = twice(&net, &x).0;
        x[i] = old - h;
        let down = twice(&net, &x).0;
        x[i] = old;
        close(up, down, dx[i], &format!("input {i}"));
    }
}

#[test]
fn rows_that_do_not_fit_are_an_error_and_a_changed_network_leaves_its_tapes_alone() {
    let mut net = Mlp::new(3, &[8], 1, Activation::Tanh, 1.0, &mut Stream::new(9, 0));
    let on_tape = OnTape::new(&net, Wants::PARAMS);
    assert!(on_tape.try_forward(rows(vec![0.0; 8], 2)).is_err());
    let x = rows(vec![0.5; 6], 3);
    let before = numbers(&on_tape.forward(x.clone()));
    let out = on_tape.forward(x.leaky_trace());
    net.params_mut().fill(0.0);
    assert_eq!(numbers(&out), before);
    let gradient = on_tape.gradient(&mut out.sum::<(), Axes2<0, 1>>().backward());
    assert!(gradient.iter().any(|g| *g != 0.0));
    assert_eq!(numbers(&OnTape::new(&net, Wants::PARAMS).forward(x)), [0.0; 2]);
}
