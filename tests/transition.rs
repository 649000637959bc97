//! Transitions through the command: against numbers of sequence-jacobian, against what must hold of any path, and bad input.

use crate::common::expected;
use crate::common::{econc, model, said, scratch};
use std::collections::BTreeMap;
use std::path::Path;

/// Uninsured households with two states of income, small.
const SMALL: &str = "param A = 1 in (0, inf)
param worn = 0.08 in (-1, 1)
param size = 0.01
param patience = 0.95 in (0, 1)
agent household[continuum] {
  shock z ~ markov([low: 0.6, high: 1.4], [[0.8, 0.2], [0.2, 0.8]])
  state k in [0, inf), start 5
  let cash = (1 + r) * k + w * z
  action k_next in [0, cash)
  let c = cash - k_next
  k' = k_next
  observe k, z
  reward log(c)
  discount patience
}
market factors {
  let K = mean(household.k)
  price r = 0.36 * A * K^(-0.64) - worn
  price w = 0.64 * A * K^0.36
}
solve { grid.k = double_log(200) }
scenario boom { path A = 1 + size * 0.8^t }
scenario good { param A = 1 + size }
scenario news { path A = if t < 8 then 1 else 1 + size }
scenario short { path A = 1 + size * 0.8^t; periods 12 }
scenario slow { path A = 1 + size * 0.99^t; periods 100 }
scenario nothing { periods 50 }
scenario placed { start household.k = 3; periods 50 }
scenario thirst { path patience = 0.95 + 0.01 * 0.8^t }
scenario grows { param worn = -0.3 }
scenario huge { param A = 20 }
";

/// The columns of a table of a run.
fn columns(file: &Path) -> BTreeMap<String, Vec<f64>> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let rows: Vec<Vec<f64>> = lines
        .map(|l| l.split(',').map(|x| x.parse().unwrap_or(f64::NAN)).collect())
        .collect();
    let column = |k: usize| rows.iter().map(|r| r[k]).collect();
    names
        .iter()
        .enumerate()
        .map(|(k, n)| (n.to_string(), column(k)))
        .collect()
}

/// A transition in `folder`, which must hold: its path.
fn path(folder: &Path, line: &str, out: &str) -> BTreeMap<String, Vec<f64>> {
    let mut words: Vec<&str> = vec!["transition"];
    words.extend(line.split(' '));
    words.extend(["--out", out]);
    let output = econc(folder, &words);
    assert!(output.status.success(), "{line}: {}", said(&output));
    columns(&folder.join(out).join("path.csv"))
}

/// What is refused: the exit status, and what is said.
fn refused(folder: &Path, line: &str) -> (Option<i32>, String) {
    let mut words: Vec<&str> = vec!["transition"];
    words.extend(line.split(' '));
    words.extend(["--out", "refused"]);
    let output = econc(folder, &words);
    let kept = folder.join("refused/path.csv").exists();
    assert!(!kept, "{line} leaves a path");
    (output.status.code(), said(&output))
}

/// Responses to a productivity that is 1e-4 higher at first and falls back by a fifth each period, by sequence-jacobian 1.0.0 with 2000
/// nodes (its example of Krusell and Smith): capital chosen, return and consumption in some periods.
const PUBLISHED: &[(usize, f64, f64, f64)] = &[
    (0, 6.56434989e-05, 3.5e-06, 3.43565011e-05),
    (1, 1.12129341e-04, 2.14938341e-06, 3.41705933e-05),
    (2, 1.43856090e-04, 1.12864533e-06, 3.33945440e-05),
    (5, 1.81611262e-04, -5.99165313e-07, 2.90844003e-05),
    (10, 1.59381212e-04, -1.28327101e-06, 2.04218887e-05),
    (20, 7.74561220e-05, -7.93265467e-07, 8.64514039e-06),
];

#[test]
fn responses_are_those_of_sequence_jacobian() {
    let folder = scratch();
    let file = model("aiyagari_transition.econ");
    let file = file.display();
    let [up, down] = ["0.001", "-0.001"].map(|size| {
        path(
            folder.path(),
            &format!("{file} --scenario boom --set size={size}"),
            &format!("run{size}"),
        )
    });
    for row in expected::of_model("aiyagari_transition") {
        let rest = up[&row.what].last().copied().unwrap_or(f64::NAN);
        assert!(row.met(rest), "{}: {rest}", row.what);
    }
    let slope = |name: &str, t: usize| 1e-4 * (up[name][t] - down[name][t]) / 0.002;
    // Consumption of 500 nodes differs by 1.8e-4 of its largest response from that of 2000; capital and return by less than 1e-4.
    let all = [
        ("factors.K", 1, 0, 1e-4),
        ("factors.r", 0, 1, 1e-4),
        ("mean(household.c)", 0, 2, 3e-4),
    ];
    for (name, late, number, near) in all {
        let published = |row: &(usize, f64, f64, f64)| [row.1, row.2, row.3][number];
        let most = PUBLISHED.iter().fold(0.0, |m: f64, row| m.max(published(row).abs()));
        for row in PUBLISHED {
            let off = (slope(name, row.0 + late) - published(row)).abs() / most;
            assert!(
                off < near,
                "{name} in period {}: {:.8e}, off by {off:.1e}",
                row.0,
                slope(name, row.0 + late)
            );
        }
    }
}

#[test]
fn a_change_for_good_leads_to_the_rest_afterwards() {
    let folder = scratch();
    std::fs::write(folder.path().join("m.econ"), SMALL).expect("written");
    let good = path(folder.path(), "m.econ --scenario good --seed 3", "good");
    let rest = |a: &str, out: &str| {
        let output = econc(
            folder.path(),
            &["solve", "m.econ", "--set", &format!("A={a}"), "--out", out],
        );
        assert!(output.status.success(), "{}", said(&output));
        let text = std::fs::read_to_string(folder.path().join(out).join("prices.csv")).expect("prices");
        let row = text.lines().find_map(|l| l.strip_prefix("factors.K,")).expect("K");
        row.parse::<f64>().expect("a number")
    };
    let (before, after) = (rest("1", "a"), rest("1.01", "b"));
    let k = &good["factors.K"];
    assert!((k[0] / before - 1.0).abs() < 1e-6, "{} {before}", k[0]);
    assert!(
        (k[k.len() - 1] / after - 1.0).abs() < 1e-5,
        "{} {after}",
        k[k.len() - 1]
    );
    assert!(k[1] > k[0] && k[20] > k[10]);
    // Goods: what is made is consumed or kept.
    for t in 0..k.len() - 1 {
        let made = 1.01 * k[t].powf(0.36);
        let left = made - good["mean(household.c)"][t] - (k[t + 1] - 0.92 * k[t]);
        assert!(left.abs() < 1e-5 * made, "period {t}: {left:.2e}");
    }
    // What is announced moves consumption before it comes.
    let news = path(folder.path(), "m.econ --scenario news", "news");
    let c = &news["mean(household.c)"];
    assert!((news["A"][7], news["A"][8]) == (1.0, 1.01));
    assert!(c[0] > 1.0001 * (before.powf(0.36) - 0.08 * before), "{}", c[0]);
    let k = &news["factors.K"];
    assert!(
        (k[k.len() - 1] / after - 1.0).abs() < 1e-5,
        "{} {after}",
        k[k.len() - 1]
    );
}

#[test]
fn a_path_has_as_many_periods_as_are_asked_for() {
    let folder = scratch();
    std::fs::write(folder.path().join("m.econ"), SMALL).expect("written");
    let path = path(folder.path(), "m.econ --scenario boom --periods 260", "run");
    assert_eq!(path["t"].len(), 260);
    let spread = columns(&folder.path().join("run/distribution.csv"));
    assert_eq!(spread["t"].len(), 260);
    let (mean, k) = (&spread["mean"], &path["factors.K"]);
    assert!(mean.iter().zip(k).all(|(a, b)| (a / b - 1.0).abs() < 1e-6));
}

#[test]
fn what_has_no_transition_is_refused_with_its_cause() {
    let folder = scratch();
    let here = folder.path();
    std::fs::write(here.join("m.econ"), SMALL).expect("written");
    let cases = [
        ("short", 1, "E0865"),
        ("slow", 1, "E0865"),
        ("nothing", 1, "E0864"),
        ("placed", 1, "E0864"),
        ("thirst", 1, "E0864"),
    ];
    for (scenario, status, code) in cases {
        let (exit, text) = refused(here, &format!("m.econ --scenario {scenario}"));
        assert!(
            exit == Some(status) && text.contains(code),
            "{scenario}: {exit:?} {text}"
        );
    }
    let few = SMALL.replace("double_log(200)", "double_log(60)");
    std::fs::write(here.join("few.econ"), few).expect("written");
    for (scenario, code) in [("grows", "E0866"), ("huge", "E0863")] {
        let (exit, text) = refused(here, &format!("few.econ --scenario {scenario}"));
        assert!(exit == Some(1) && text.contains(code), "{scenario}: {exit:?} {text}");
    }
    let (exit, text) = refused(here, "m.econ --scenario bom");
    assert!(
        exit == Some(2) && text.contains("E0812") && text.contains("`boom`"),
        "{exit:?} {text}"
    );
    // A simulation does not follow a path of a parameter.
    let output = econc(here, &["simulate", "m.econ", "--scenario", "boom", "--members", "20"]);
    assert!(
        !output.status.success() && said(&output).contains("E0862"),
        "{}",
        said(&output)
    );
    // An economy without a continuum.
    std::fs::write(
        here.join("one.econ"),
        "param a = 0.3 in (0, 1)\nagent f { state k in [0.1, 9], start 1; action s in [0, 1); k' = s * k^a; observe k\n  reward log((1 - s) * k^a); discount 0.9 }\nscenario up { param a = 0.31 }\n",
    )
    .expect("written");
    let (exit, text) = refused(here, "one.econ --scenario up");
    assert!(exit == Some(1) && text.contains("E0864"), "{exit:?} {text}");
}

/// Savers in a bond of zero net supply who may owe less and less: prices by an independent program (endogenous grid and histogram of its own, 1500 nodes).
const TIGHTER: &str = "param phi = 1
agent household[continuum] {
  shock e ~ markov([l: 0.5, h: 1.5], [[0.8, 0.2], [0.2, 0.8]])
  state a in [-1, inf), start 0
  action s in [-phi, (a + e) / q) given q
  let c = a + e - q * s
  a' = s
  observe a, e
  reward crra(c, 2)
  discount 0.9
}
market bonds { price q in [0.85, 1.5] clears mean(household.s) == 0 }
solve { grid.a = double_log(150); work = 0; periods = 640 }
scenario tight { path phi = if t < 3 then 1 else 0.7 + 0.3 * 0.8^(t - 3); periods 80 }
";

#[test]
fn a_limit_that_moves_binds_where_it_is_between_nodes() {
    let folder = scratch();
    std::fs::write(folder.path().join("tighter.econ"), TIGHTER).expect("a file");
    let way = path(folder.path(), "tighter.econ --scenario tight", "run");
    for (t, q) in [(0, 0.997427), (4, 1.010652)] {
        let got = way["bonds.q"][t];
        assert!((got - q).abs() < 2e-5, "{t}: {got} for {q}");
    }
}
