//! Learned policies as ONNX: the graph decides what the table says, row by row.

#![cfg(feature = "learn")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use crate::common;

use common::{econc, said as text};
use onnx_rs::ast::{Graph, Node, OpType};
use std::collections::BTreeMap;
use std::path::Path;

/// Numbers of one row, or of a constant.
type Row = Vec<f64>;

/// Trains `model` with the options, and exports its table and its graph: columns of the table by name, bytes of the file.
fn exported(root: &Path, model: &str, learner: &str, options: &[&str]) -> (BTreeMap<String, Vec<f64>>, Vec<u8>) {
    std::fs::write(root.join("model.econ"), model).unwrap();
    let mut train = vec!["train", "model.econ", "--learner", learner, "--out", "run", "--force"];
    train.extend(options.iter().flat_map(|o| ["--with", o]));
    for line in [
        &train[..],
        &["export", "run", "--out", "policy.csv", "--force"],
        &["export", "run", "--to", "onnx", "--out", "policy.onnx", "--force"],
    ] {
        let done = econc(root, line);
        assert!(done.status.success(), "{line:?}: {}", text(&done));
    }
    let mut reader = csv::Reader::from_path(root.join("policy.csv")).unwrap();
    let names: Vec<String> = reader.headers().unwrap().iter().map(String::from).collect();
    let mut columns: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for record in reader.records() {
        for (name, cell) in names.iter().zip(record.unwrap().iter()) {
            let word = |w: &str| ["stay", "work", "rest"].iter().position(|l| *l == w);
            let number = cell
                .parse()
                .unwrap_or_else(|_| word(cell).map_or(f64::NAN, |k| k as f64));
            columns.entry(name.clone()).or_default().push(number);
        }
    }
    (columns, std::fs::read(root.join("policy.onnx")).unwrap())
}

/// What each output of a graph is in one row, by the meaning of its operators in the standard.
fn played(graph: &Graph, inputs: &[(&str, Row)]) -> BTreeMap<String, Row> {
    let mut known: BTreeMap<String, (Vec<usize>, Row)> = BTreeMap::new();
    for t in &graph.initializer {
        let numbers = match (t.as_f32(), t.as_i64()) {
            (Some(x), _) => x.iter().map(|x| f64::from(*x)).collect(),
            (None, Some(x)) => x.iter().map(|x| *x as f64).collect(),
            (None, None) => panic!("{}", t.name()),
        };
        known.insert(
            t.name().into(),
            (t.dims().iter().map(|d| *d as usize).collect(), numbers),
        );
    }
    for (name, row) in inputs {
        assert!(graph.input.iter().any(|i| i.name == *name), "{name}");
        known.insert((*name).to_string(), (vec![1, row.len()], row.clone()));
    }
    for node in &graph.node {
        let given: Vec<&(Vec<usize>, Row)> = node.input.iter().map(|i| &known[*i]).collect();
        let out = step(node, &given);
        let shape = vec![1, out.len()];
        known.insert(node.output[0].to_string(), (shape, out));
    }
    graph
        .output
        .iter()
        .map(|o| (o.name.to_string(), known[o.name].1.clone()))
        .collect()
}

fn step(node: &Node, given: &[&(Vec<usize>, Row)]) -> Row {
    let x = &given[0].1;
    let attribute = |name: &str| node.attribute.iter().find(|a| a.name == name).map(|a| a.i);
    let with = |f: &dyn Fn(f64, f64) -> f64| -> Row {
        let y = &given[1].1;
        let n = x.len().max(y.len());
        assert!([1, n].contains(&x.len()) && [1, n].contains(&y.len()));
        (0..n).map(|i| f(x[i % x.len()], y[i % y.len()])).collect()
    };
    let product = || -> Row {
        let (shape, w) = given[1];
        assert_eq!(shape[0], x.len());
        (0..shape[1])
            .map(|j| x.iter().enumerate().map(|(i, x)| x * w[i * shape[1] + j]).sum())
            .collect()
    };
    match node.op_type {
        OpType::Add => with(&|a, b| a + b),
        OpType::Sub => with(&|a, b| a - b),
        OpType::Mul => with(&|a, b| a * b),
        OpType::Div => with(&|a, b| a / b),
        OpType::Tanh => x.iter().map(|x| x.tanh()).collect(),
        OpType::Relu => x.iter().map(|x| x.max(0.0)).collect(),
        OpType::Clip => x.iter().map(|x| x.clamp(given[1].1[0], given[2].1[0])).collect(),
        OpType::MatMul => product(),
        OpType::Gemm => product().iter().zip(&given[2].1).map(|(x, b)| x + b).collect(),
        OpType::Slice => {
            assert_eq!(given[3].1, [1.0]);
            x[given[1].1[0] as usize..given[2].1[0] as usize].to_vec()
        }
        OpType::Concat => given.iter().flat_map(|g| g.1.clone()).collect(),
        OpType::ArgMax => {
            assert_eq!(attribute("axis"), Some(1));
            let best = (0..x.len()).fold(0, |b, k| if x[k] > x[b] { k } else { b });
            vec![best as f64]
        }
        OpType::Gather => {
            let wide = given[0].0[1];
            let at = given[1].1[0] as usize * wide;
            x[at..at + wide].to_vec()
        }
        ref other => panic!("{other:?}"),
    }
}

/// The number between its ends that is scaled to [-1, 1].
fn scaled(x: f64, low: f64, high: f64) -> f64 {
    2.0 * (x - low) / (high - low) - 1.0
}

const PAY: &str = "model pay\nagent a {\n  shock w ~ iid discrete([5, 7, 30], [0.2, 0.3, 0.5])\n  state k in 3..5, start 3\n  \
    state h in [0, 4], start uniform(0, 4)\n  action x in [0, 50]\n  k' = if k == 5 then 3 else k + 1\n  h' = 4 - h\n  \
    observe k, h, w\n  reward -(x - 1 - 0.1 * w - 0.2 * h)^2\n  discount 0.5\n}\n";

#[test]
fn an_exported_graph_replays_the_exported_table() {
    for (learner, options) in [
        ("ppo", &["steps=60000", "worlds=16", "horizon=64"][..]),
        ("sac", &["steps=4000", "stages=0", "warmup=500"][..]),
        ("dqn", &["steps=4000", "warmup=500", "bins=21"][..]),
    ] {
        let root = common::scratch();
        let (table, bytes) = exported(root.path(), PAY, learner, options);
        let model = onnx_rs::parse(&bytes).unwrap();
        let graph = model.graph.as_ref().unwrap();
        let said = |key: &str| model.metadata_props.iter().find(|m| m.key == key).unwrap().value;
        assert_eq!(said("observation"), "k, h, w=0, w=1, w=2");
        assert_eq!(said("observation.low"), "3, 0, -1, -1, -1");
        assert_eq!(said("observation.high"), "5, 4, 1, 1, 1");
        let rows = table["a.x"].len();
        assert!(rows > 20);
        let mut spread: Vec<f64> = Vec::new();
        for i in 0..rows {
            let label = |v: f64| f64::from(u8::from(table["a.w"][i] == v));
            let seen = vec![
                scaled(table["a.k"][i], 3.0, 5.0),
                scaled(table["a.h"][i], 0.0, 4.0),
                label(5.0),
                label(7.0),
                label(30.0),
            ];
            let out = played(graph, &[("observation", seen)]);
            assert_eq!(out.len(), 1);
            let x = 25.0 * (out["action"][0] + 1.0);
            assert!(
                (x - table["a.x"][i]).abs() < 2e-3,
                "{learner} row {i}: {x}, {}",
                table["a.x"][i]
            );
            spread.push(x);
        }
        let range = spread.iter().fold(0.0f64, |m, x| m.max((x - spread[0]).abs()));
        // A grid of 21 points is coarse, and a short search may end at one of them.
        assert!(
            learner == "dqn" || range > 0.05,
            "{learner} chooses {} everywhere",
            spread[0]
        );
    }
}

#[test]
fn an_exported_graph_keeps_to_what_a_mask_allows() {
    // Whoever is tired may not work, and choosing to work would pay most everywhere.
    let model = "model tired\nagent a {\n  state e in 0..3, start 3\n  action d in {stay, work when e > 0, rest when e < 3}\n  \
        e' = if d == work then e - 1 else if d == rest then e + 1 else e\n  observe e\n  \
        reward if d == work then 5 else if d == rest then 0.1 else 0\n  discount 0.9\n}\n";
    for (learner, options) in [
        ("ppo", &["steps=20000", "worlds=16", "horizon=64"][..]),
        ("dqn", &["steps=3000", "warmup=200"][..]),
    ] {
        let root = common::scratch();
        let (table, bytes) = exported(root.path(), model, learner, options);
        let parsed = onnx_rs::parse(&bytes).unwrap();
        let graph = parsed.graph.as_ref().unwrap();
        let choice = |e: f64, mask: [f64; 3]| {
            played(
                graph,
                &[("observation", vec![scaled(e, 0.0, 3.0)]), ("mask", mask.to_vec())],
            )["choice"][0]
        };
        for (e, d) in table["a.e"].iter().zip(&table["a.d"]) {
            let mask = [1.0, f64::from(u8::from(*e > 0.0)), f64::from(u8::from(*e < 3.0))];
            assert_eq!(choice(*e, mask), *d, "{learner} at {e}");
        }
        // What is forbidden is never chosen, whatever it is worth.
        for only in 0..3 {
            let mask = [0, 1, 2].map(|k| f64::from(u8::from(k == only)));
            assert_eq!(choice(2.0, mask), f64::from(only), "{learner}");
        }
    }
}

#[test]
fn tables_and_memories_are_no_graph() {
    let root = common::scratch();
    let root = root.path();
    std::fs::write(root.join("model.econ"), PAY).unwrap();
    let train = [
        "train",
        "model.econ",
        "--learner",
        "recurrent_ppo",
        "--with",
        "steps=2000",
        "--out",
        "run",
    ];
    let done = econc(root, &train);
    assert!(done.status.success(), "{}", text(&done));
    let done = econc(root, &["export", "run", "--to", "onnx"]);
    assert!(!done.status.success());
    assert!(text(&done).contains("E0923"), "{}", text(&done));
}
