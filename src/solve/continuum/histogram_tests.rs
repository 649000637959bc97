//! Distributions against what is known in closed form.

use super::*;

fn within(a: f64, b: f64, by: f64) {
    assert!((a - b).abs() <= by, "{a} for {b}");
}

/// Moves by a lottery and a chain.
fn moves<'a>(lottery: &'a Lottery, transition: &'a [Vec<f64>]) -> impl Fn(&[f64], &mut [f64]) + 'a {
    |mass, out| lottery.forward(mass, transition, out)
}

#[test]
fn what_lies_between_two_nodes_keeps_its_mean() {
    let nodes = Nodes::new(vec![vec![0.0, 1.0, 3.0]], 1);
    let lottery = Lottery::new(&nodes, &[&[1.5, 0.0, 4.0]]);
    let mut out = vec![0.0; 3];
    lottery.forward(&[1.0, 0.0, 0.0], &[vec![1.0]], &mut out);
    assert_eq!(out, [0.0, 0.75, 0.25]);
    lottery.forward(&[0.0, 0.5, 0.5], &[vec![1.0]], &mut out);
    assert_eq!(out, [0.5, 0.0, 0.5]);
    assert_eq!(lottery.beyond, [false, false, true], "4 lies beyond 3");
}

#[test]
fn two_states_mix_their_corners() {
    let nodes = Nodes::new(vec![vec![0.0, 2.0], vec![0.0, 1.0]], 1);
    let (x, y) = ([0.5; 4], [0.25; 4]);
    let lottery = Lottery::new(&nodes, &[&x, &y]);
    let mut out = vec![0.0; 4];
    lottery.forward(&[0.25; 4], &[vec![1.0]], &mut out);
    assert_eq!(out, [0.75 * 0.75, 0.75 * 0.25, 0.25 * 0.75, 0.25 * 0.25]);
    let values = nodes.values();
    within(mean(&out, &values[0]), 0.5, 1e-15);
    within(mean(&out, &values[1]), 0.25, 1e-15);
    within(nodes.marginal(&out, 0).mean(), 0.5, 1e-15);
    within(nodes.at_top(&out, 1), 0.25, 1e-15);
}

#[test]
fn expectations_are_the_transpose_of_motion() {
    let nodes = Nodes::new(vec![(0..9).map(|i| f64::from(i * i)).collect()], 2);
    let next: Vec<f64> = (0..18).map(|p| 3.1 * f64::from(p) + 1.0 + f64::from(p % 2)).collect();
    let lottery = Lottery::new(&nodes, &[&next]);
    let chain = [vec![0.7, 0.3], vec![0.2, 0.8]];
    let mass: Vec<f64> = (0..18).map(|i| f64::from(i + 1) / 171.0).collect();
    let of: Vec<f64> = (0..18).map(|i| f64::from(i).sin()).collect();
    let (mut moved, mut ahead) = (vec![0.0; 18], vec![0.0; 18]);
    lottery.forward(&mass, &chain, &mut moved);
    lottery.expect(&of, &chain, &mut ahead);
    within(mean(&moved, &of), mean(&mass, &ahead), 1e-14);
    within(moved.iter().sum(), 1.0, 1e-14);
}

#[test]
fn a_chain_alone_comes_to_rest_where_the_textbook_says() {
    let nodes = Nodes::new(vec![vec![5.0]], 2);
    let lottery = Lottery::new(&nodes, &[&[5.0, 5.0]]);
    let chain = [vec![0.999, 0.001], vec![0.0005, 0.9995]];
    let found = invariant(
        (&nodes, &Classes::one(nodes.shocks())),
        &nodes.even(),
        1e-14,
        moves(&lottery, &chain),
    );
    assert!(found.settled && found.sweeps < 1000, "{found:?}");
    within(found.mass[0], 1.0 / 3.0, 1e-11);
}

#[test]
fn a_walk_that_drifts_down_is_geometric() {
    // Up by one with chance .3, down with chance .7, held at 0 and 40: mass proportional to (3/7)^i.
    let n = 41;
    let nodes = Nodes::new(vec![(0..n).map(|i| i as f64).collect()], 2);
    let next: Vec<f64> = (0..2 * n)
        .map(|p| (p as f64 / 2.0).floor() + [1.0, -1.0][p % 2])
        .collect();
    let lottery = Lottery::new(&nodes, &[&next]);
    let chain = [vec![0.3, 0.7], vec![0.3, 0.7]];
    let found = invariant(
        (&nodes, &Classes::one(nodes.shocks())),
        &nodes.even(),
        1e-14,
        moves(&lottery, &chain),
    );
    assert!(found.settled, "{found:?}");
    let ratio: f64 = 3.0 / 7.0;
    for i in 0..n {
        let mass: f64 = found.mass[2 * i..2 * i + 2].iter().sum();
        let exact = ratio.powi(i as i32) * (1.0 - ratio) / (1.0 - ratio.powi(n as i32));
        within(mass, exact, 1e-12);
    }
}

#[test]
fn what_moves_slowly_is_found_in_few_periods() {
    // Wealth that hardly returns to its mean: power iteration takes some hundred thousand periods.
    let n = 500;
    let grid = crate::num::grid::double_log(0.0, 400.0, n).unwrap();
    let income = [0.3, 1.0, 1.7];
    let chain = [vec![0.9, 0.1, 0.0], vec![0.05, 0.9, 0.05], vec![0.0, 0.1, 0.9]];
    let nodes = Nodes::new(vec![grid.clone()], 3);
    let next: Vec<f64> = (0..3 * n)
        .map(|p| (0.9999 * grid[p / 3] + 0.2 * (income[p % 3] - 0.995)).clamp(0.0, 400.0))
        .collect();
    let lottery = Lottery::new(&nodes, &[&next]);
    let found = invariant(
        (&nodes, &Classes::one(nodes.shocks())),
        &nodes.even(),
        1e-12,
        moves(&lottery, &chain),
    );
    assert!(
        found.settled && found.sweeps < 3000,
        "{} {}",
        found.residual,
        found.sweeps
    );
    // What flows in flows out.
    let (mut ahead, wealth) = (vec![0.0; 3 * n], nodes.values().swap_remove(0));
    let wealth: Vec<f64> = (0..3 * n).map(|p| wealth[p / 3]).collect();
    lottery.expect(&wealth, &chain, &mut ahead);
    within(mean(&found.mass, &ahead), mean(&found.mass, &wealth), 1e-9);
    // And power iteration, begun there, stays.
    let mut mass = found.mass.clone();
    let mut moved = mass.clone();
    for _ in 0..20_000 {
        lottery.forward(&mass, &chain, &mut moved);
        std::mem::swap(&mut mass, &mut moved);
    }
    within(mean(&mass, &wealth), mean(&found.mass, &wealth), 1e-6);
}

#[test]
fn what_never_comes_to_rest_is_not_called_settled() {
    let nodes = Nodes::new(vec![vec![0.0, 1.0]], 1);
    let lottery = Lottery::new(&nodes, &[&[1.0, 0.0]]);
    let found = invariant(
        (&nodes, &Classes::one(nodes.shocks())),
        &[1.0, 0.0],
        1e-12,
        moves(&lottery, &[vec![1.0]]),
    );
    // A cycle of two: the correction finds its middle, which is invariant, or nothing is claimed.
    assert!(!found.settled || (found.mass[0] - 0.5).abs() < 1e-12, "{found:?}");
}
