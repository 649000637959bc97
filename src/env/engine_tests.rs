//! The engine against the interpreter, on models of this repository with small and large populations.

use super::*;
use crate::check::model::{Model, Space};
use crate::graph::InputKind;
use crate::kernel::math;
use crate::num::random::Stream;
use rand::RngExt;

/// The interpreter with the kernel's own scalar functions, so that differences are the engine's.
const OWN: eval::Functions = eval::Functions {
    unary: math::unary::<f64>,
    binary: math::binary::<f64>,
};

fn model(name: &str, set: &[(&str, &str)], members: usize) -> Model {
    let text = std::fs::read_to_string(format!("models/{name}.econ")).unwrap();
    let options = crate::Options {
        set: set.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        members: Some(members),
        ..crate::Options::default()
    };
    let (model, messages) = crate::compile(&text, &options);
    model.unwrap_or_else(|| panic!("{name}: {messages:?}"))
}

/// Everything a simulation evaluates.
fn outputs(m: &Model) -> Vec<NodeId> {
    let mut out: Vec<NodeId> = m.agents.iter().filter_map(|a| a.reward).collect();
    out.extend(m.states.iter().map(|s| s.next));
    out.extend(m.ends.iter().map(|e| e.condition));
    out.extend(m.requires.iter().map(|r| r.slack));
    out.extend(m.prices.iter().map(|p| p.node));
    out
}

/// A world inside the domains: links of chains, choices by number, numbers near the middle.
fn frame(m: &Model, worlds: usize, r: &mut Stream) -> Frame {
    let g = &m.graph;
    g.inputs
        .iter()
        .enumerate()
        .map(|(i, input)| {
            let node = g.nodes.iter().find(|n| n.op == Op::Input(InputId(i as u32)));
            let domain = node.map(|n| n.domain);
            let choices = match input.kind {
                InputKind::Action(a) => match &m.actions[a].space {
                    Space::Finite { labels, .. } => Some(labels.len()),
                    Space::Interval { .. } | Space::Integer { .. } | Space::Simplex(_) => None,
                },
                InputKind::Shock(s) | InputKind::ShockNext(s) => match &m.shocks[s].process {
                    crate::check::model::Process::Chain { values, .. } => Some(values.len()),
                    _ => None,
                },
                _ => None,
            };
            (0..g.elements(&input.shape) * worlds)
                .map(|_| {
                    let u: f64 = 0.1 + 0.8 * r.random::<f64>();
                    match (choices, domain) {
                        (Some(n), _) => (u * n as f64).floor(),
                        (None, Some(d)) => {
                            let lo = if d.lo.is_finite() { d.lo } else { d.hi.min(1.0) - 1.0 };
                            let hi = if d.hi.is_finite() { d.hi } else { lo + 2.0 };
                            lo + u * (hi - lo)
                        }
                        (None, None) => u,
                    }
                })
                .collect()
        })
        .collect()
}

/// Every output in 1 and in 11 worlds against the interpreter; the share of numbers that are finite.
fn agrees(what: &str, m: &Model, tolerance: f64) -> f64 {
    let outputs = outputs(m);
    let graph = Arc::new(m.graph.clone());
    let mut engine = Engine::new(graph.clone(), outputs.clone()).unwrap();
    let mut r = Stream::new(5, 0);
    let (mut finite, mut all) = (0, 0);
    let mut out = Vec::new();
    for worlds in [1, 11] {
        let frame = frame(m, worlds, &mut r);
        // Twice, so that what is kept from a call is seen not to matter, and that it is kept.
        engine.run_into(&frame, worlds, &mut out).unwrap();
        assert_ne!(engine.prepare(worlds).unwrap(), Plan::Interpreted, "{what}");
        let places: Vec<*const f64> = out.iter().map(|v| v.as_ptr()).collect();
        engine.run_into(&frame, worlds, &mut out).unwrap();
        assert!(out.iter().map(|v| v.as_ptr()).eq(places), "{what}: outputs have moved");
        for w in [0, worlds - 1, worlds / 2] {
            let inputs: Vec<Vec<f64>> = frame
                .iter()
                .map(|a| a.iter().skip(w).step_by(worlds).copied().collect())
                .collect();
            let values = eval::evaluate_with(&graph, &inputs, OWN).unwrap();
            for (k, o) in outputs.iter().enumerate() {
                for (e, expected) in values.nodes[o.0 as usize].iter().enumerate() {
                    let found = out[k][e * worlds + w];
                    all += 1;
                    finite += usize::from(found.is_finite());
                    let same = found == *expected || (found.is_nan() && expected.is_nan());
                    assert!(
                        same || (found - expected).abs() <= tolerance * (1.0 + expected.abs()),
                        "{what}, {worlds} worlds, world {w}, output {k}, element {e}: {found} instead of {expected}"
                    );
                }
            }
        }
    }
    finite as f64 / all as f64
}

#[test]
fn populations_small_and_large_equal_the_interpreter() {
    // Reductions over everybody else round differently with members as lanes, and the kernel takes small powers as products
    // (one last place); all else is equal to the bit.
    for (name, parameter, tolerance) in [
        ("krusell_smith", "N", 0.0),
        ("capital_goods", "N", 1e-12),
        ("bank_run", "N", 1e-15),
        ("half_informed", "N", 1e-12),
        ("cournot", "n", 1e-12),
        ("rationing", "n", 1e-12),
    ] {
        for members in ["6", "700"] {
            let m = model(name, &[(parameter, members)], 100);
            let finite = agrees(&format!("{name} with {members} members"), &m, tolerance);
            assert!(
                finite > 0.9,
                "{name} with {members} members: {finite} of the numbers are finite"
            );
        }
    }
}

#[test]
fn continua_small_and_large_equal_the_interpreter() {
    for name in ["aiyagari", "huggett", "life_cycle"] {
        for members in [7, 900] {
            let m = model(name, &[], members);
            let finite = agrees(&format!("{name} with {members} members"), &m, 1e-10);
            assert!(
                finite > 0.5,
                "{name} with {members} members: {finite} of the numbers are finite"
            );
        }
    }
}

#[test]
fn markets_over_populations_clear_as_in_the_interpreter() {
    for members in ["5", "400"] {
        let m = model("exchange", &[("n", members)], 100);
        assert_eq!(m.graph.roots.len(), 1);
        agrees(&format!("exchange with {members} members"), &m, 1e-9);
    }
}

#[test]
fn a_world_does_not_depend_on_how_many_run_beside_it_to_the_bit() {
    for (name, parameter, members) in [
        ("krusell_smith", "N", "300"),
        ("krusell_smith", "N", "50"),
        ("capital_goods", "N", "20"),
        ("exchange", "n", "40"),
    ] {
        let m = model(name, &[(parameter, members)], 100);
        let outputs = outputs(&m);
        let mut engine = Engine::new(Arc::new(m.graph.clone()), outputs).unwrap();
        let worlds = 13;
        if name != "capital_goods" && members != "300" {
            let plans = [worlds, 1].map(|w| engine.prepare(w).unwrap());
            assert_eq!(
                plans,
                [Plan::Unrolled, Plan::Population],
                "{name}: both kinds are compared"
            );
        }
        let together = frame(&m, worlds, &mut Stream::new(8, 0));
        let all = engine.run(&together, worlds).unwrap();
        for w in 0..worlds {
            let alone: Frame = together
                .iter()
                .map(|a| a.iter().skip(w).step_by(worlds).copied().collect())
                .collect();
            let one = engine.run(&alone, 1).unwrap();
            for (a, b) in all.iter().zip(&one) {
                let mine: Vec<u64> = a.iter().skip(w).step_by(worlds).map(|x| x.to_bits()).collect();
                let own: Vec<u64> = b.iter().map(|x| x.to_bits()).collect();
                assert_eq!(mine, own, "{name}, world {w}");
            }
        }
    }
}

#[test]
fn many_worlds_are_lanes_and_so_are_the_members_of_few() {
    assert!(members_are_better(10, 1) && members_are_better(10_000, 8));
    assert!(!members_are_better(10, 8) && !members_are_better(300, 64) && !members_are_better(0, 1));
}

#[test]
fn strips_follow_the_order_of_axes() {
    let mut g = Graph::default();
    for (name, size) in [("firm", 100), ("good", 3), ("place", 2)] {
        g.axes.push(crate::graph::Axis {
            name: name.into(),
            size,
            continuum: false,
            kind: crate::graph::AxisKind::Set,
        });
    }
    let lanes = [true, false, false];
    let [firm, good, place] = [AxisId(0), AxisId(1), AxisId(2)];
    // good 2, firm i, place 1 stands at (2 * 100 + i) * 2 + 1
    let s = Strip::new(&g, &lanes, 0, &[good, firm, place], 5);
    assert_eq!((s.first, s.stride, s.members), (401, 2, 100));
    assert_eq!(s.at(7, 3, 4), (401 + 14) * 4 + 3);
    let s = Strip::new(&g, &lanes, 0, &[good, place], 3);
    assert_eq!((s.first, s.members, s.mode), (3, 1, Mode::Uniform));
}
