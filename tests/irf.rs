//! Impulse responses through the command: against first-order coefficients, closed forms and conditional chances, none of which the
//! program has.

use crate::common::{econc, model, said, scratch};
use std::collections::BTreeMap;
use std::path::Path;

/// Everybody follows rules and everything is linear.
const LINEAR: &str = "shock a ~ ar1(rho: 0.8, sigma: 0.1)
shock b ~ ar1(rho: 0.5, sigma: 0.2)
agent firm {
  state k in [-1000, 1000], start 0
  action i in [-100, 100]
  policy i = 0.5 * a + b
  k' = 0.9 * k + i
  observe k, a, b
  reward -k^2
  discount 0.9
}
";

/// A chain on which members' chances rest, in the same period.
const GIVEN: &str = "shock Z ~ markov([bad: 0, good: 1], [[0.5, 0.5], [0.5, 0.5]])
agent h[50] {
  shock e ~ markov([0, 1]) given Z, Z' {
    bad, bad: [[0.9, 0.1], [0.9, 0.1]]
    bad, good: [[0.2, 0.8], [0.2, 0.8]]
    good, bad: [[0.9, 0.1], [0.9, 0.1]]
    good, good: [[0.2, 0.8], [0.2, 0.8]]
  }
  state k in [0, 10], start 1
  action x in [0, 1]
  policy x = 0.5 * e
  k' = 0.5 * k + x
  observe k, e
  reward -k
  discount 0.9
}
";

/// A response as `irf.csv` has it: the columns response, percent, error, low, high and base, one number per period each.
type Table = BTreeMap<(String, String), BTreeMap<String, Vec<f64>>>;

fn table(run: &Path) -> Table {
    let text = std::fs::read_to_string(run.join("irf.csv")).expect("irf.csv");
    let mut reader = csv_rows(&text);
    let heading = reader.remove(0);
    let mut out = Table::new();
    for row in reader {
        let of = out.entry((row[0].clone(), row[1].clone())).or_default();
        for (name, cell) in heading.iter().zip(&row).skip(3) {
            of.entry(name.clone())
                .or_default()
                .push(cell.parse().unwrap_or(f64::NAN));
        }
    }
    out
}

/// Rows of cells; cells in quotes may hold commas.
fn csv_rows(text: &str) -> Vec<Vec<String>> {
    text.lines()
        .map(|line| {
            let (mut cells, mut quoted) = (vec![String::new()], false);
            for c in line.chars() {
                match c {
                    '"' => quoted = !quoted,
                    ',' if !quoted => cells.push(String::new()),
                    c => cells.last_mut().expect("a cell").push(c),
                }
            }
            cells
        })
        .collect()
}

/// Runs `econc irf` and reads what it wrote.
fn irf(folder: &Path, arguments: &[&str]) -> Table {
    let all = [&["irf"], arguments, &["--out", "responses", "--force", "--quiet"]].concat();
    let output = econc(folder, &all);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    table(&folder.join("responses"))
}

fn of<'t>(table: &'t Table, shock: &str, variable: &str, column: &str) -> &'t [f64] {
    let known = table.get(&(shock.to_string(), variable.to_string()));
    &known.unwrap_or_else(|| panic!("{variable}: {:?}", table.keys().collect::<Vec<_>>()))[column]
}

fn written(text: &str) -> tempfile::TempDir {
    let folder = scratch();
    std::fs::write(folder.path().join("m.econ"), text).expect("written");
    folder
}

#[test]
fn small_shocks_to_rbc_follow_its_first_order_coefficients_and_large_ones_bend() {
    let folder = scratch();
    let rbc = model("rbc");
    let solved = econc(
        folder.path(),
        &["solve", rbc.to_str().expect("a path"), "--out", "solved"],
    );
    assert!(solved.status.success(), "{}", said(&solved));
    let small = irf(
        folder.path(),
        &["solved", "--shock", "z=0.0007", "--from", "mean", "--histories", "200"],
    );
    let z = of(&small, "z", "z", "response");
    for (t, x) in z.iter().enumerate() {
        let right = 0.0007 * 0.95f64.powi(t as i32);
        assert!((x - right).abs() < 1e-12, "z decays by rho: {x} for {right} at {t}");
    }
    // Perturbation of first order around the steady state, an independent program's.
    let (mut k, mut largest) = (0.0, 0.0f64);
    for t in 0..40 {
        let now = 0.0007 * 0.95f64.powi(t);
        let c = 0.033_560_590_225_894 * k + 0.969_967_915_050_838 * now;
        // The largest responses: 0.0185 of capital, 0.0011 of consumption.
        for (name, right, scale) in [("planner.k", k, 0.0185), ("planner.c", c, 0.0011)] {
            let mine = of(&small, "z", name, "response")[t as usize];
            assert!((mine - right).abs() < 0.02 * scale, "{name} at {t}: {mine} for {right}");
        }
        largest = largest.max(k);
        k = 0.976_540_419_875_116 * k + 2.734_090_896_539_491 * now;
    }
    assert!(largest > 0.015, "capital responds: {largest}");
    // Linear responses would be mirrored.
    let up = irf(
        folder.path(),
        &["solved", "--shock", "z=12sd", "--from", "mean", "--histories", "200"],
    );
    let down = irf(
        folder.path(),
        &["solved", "--shock", "z=-12sd", "--from", "mean", "--histories", "200"],
    );
    let (up, down) = (
        of(&up, "z", "planner.c", "response"),
        of(&down, "z", "planner.c", "response"),
    );
    assert!((up[0] + down[0]).abs() > 0.005 * up[0], "{} and {}", up[0], down[0]);
    assert!((of(&small, "z", "planner.c", "response")[0] / 0.0007 * 0.084 - up[0]).abs() > 0.005 * up[0]);
}

#[test]
fn a_linear_economy_responds_as_its_recursion_says_with_an_empty_band() {
    let folder = written(LINEAR);
    for from in ["ergodic", "mean", "start", "k=30,a=-1"] {
        let found = irf(
            folder.path(),
            &[
                "m.econ",
                "--shock",
                "a",
                "--shock",
                "b=-0.3",
                "--from",
                from,
                "--histories",
                "50",
            ],
        );
        for (shock, rho, first, load) in [("a", 0.8f64, 0.1, 0.5), ("b", 0.5, -0.3, 1.0)] {
            let mut k = 0.0;
            for t in 0..40 {
                let column = |name: &str| of(&found, shock, "firm.k", name)[t];
                assert!(
                    (column("response") - k).abs() < 1e-11,
                    "{from} {shock} {t}: {} {k}",
                    column("response")
                );
                assert!(column("high") - column("low") < 1e-11 && column("error") < 1e-11);
                k = 0.9 * k + load * first * rho.powi(t as i32);
            }
        }
    }
    let at = irf(
        folder.path(),
        &["m.econ", "--shock", "a", "--from", "k=30,a=-1", "--histories", "2000"],
    );
    // The period before stands there: k moves on by 0.9 * 30 - 0.5.
    let base = of(&at, "a", "firm.k", "base")[0];
    assert!((base - 26.5).abs() < 1e-9, "{base}");
    let percent = of(&at, "a", "firm.k", "percent")[1];
    assert!(
        (percent - 100.0 * 0.05 / of(&at, "a", "firm.k", "base")[1]).abs() < 1e-9,
        "{percent}"
    );
}

#[test]
fn shares_of_variance_are_those_of_the_closed_form() {
    let folder = written(LINEAR);
    irf(folder.path(), &["m.econ", "--variance", "--histories", "400"]);
    let text = std::fs::read_to_string(folder.path().join("responses/variance.csv")).expect("variance.csv");
    let rows = csv_rows(&text);
    assert_eq!(rows[0], ["variable", "sd", "a %", "b %", "no shock %"]);
    let k = rows.iter().find(|r| r[0] == "firm.k").expect("capital");
    let number = |i: usize| k[i].parse::<f64>().expect("a number");
    // x' = phi x + z with z = rho z + e: var x = var z (1 + phi rho) / ((1 - phi^2) (1 - phi rho)).
    let alone = |load: f64, sigma: f64, rho: f64| {
        let z = (load * sigma).powi(2) / (1.0 - rho * rho);
        z * (1.0 + 0.9 * rho) / ((1.0 - 0.81) * (1.0 - 0.9 * rho))
    };
    let (a, b) = (alone(0.5, 0.1, 0.8), alone(1.0, 0.2, 0.5));
    assert!(
        (number(1) / (a + b).sqrt() - 1.0).abs() < 0.02,
        "{} {}",
        number(1),
        (a + b).sqrt()
    );
    assert!(
        (number(2) / (100.0 * a / (a + b)) - 1.0).abs() < 0.05,
        "{} {}",
        number(2),
        a / (a + b)
    );
    assert!((number(3) / (100.0 * b / (a + b)) - 1.0).abs() < 0.05);
    assert_eq!(number(4), 0.0);
}

#[test]
fn chances_given_by_a_shock_follow_its_impulse_at_once() {
    let folder = written(GIVEN);
    let found = irf(folder.path(), &["m.econ", "--shock", "Z=good", "--histories", "800"]);
    let e = |column: &str, t: usize| of(&found, "Z", "mean(h.e)", column)[t];
    // 0.8 after the impulse; 0.45 on average without it.
    assert!(
        (e("response", 0) - 0.35).abs() < 4.0 * e("error", 0) + 1e-9,
        "{} {}",
        e("response", 0),
        e("error", 0)
    );
    assert!(e("error", 0) < 0.02);
    assert!(
        e("response", 1).abs() < 4.0 * e("error", 1) + 1e-9,
        "{}",
        e("response", 1)
    );
    let k = of(&found, "Z", "mean(h.k)", "response");
    assert!(
        k[0].abs() < 1e-12 && (k[1] - 0.5 * e("response", 0)).abs() < 1e-9,
        "{k:?}"
    );
}

#[test]
fn histories_that_end_count_up_to_there_and_lives_begin_at_their_start() {
    let folder = written(&LINEAR.replace("agent firm", "horizon 12\nagent firm"));
    let found = irf(folder.path(), &["m.econ", "--shock", "a", "--histories", "20"]);
    let k = of(&found, "a", "firm.k", "response");
    assert!(k[10].is_finite() && k[11].is_nan() && k[39].is_nan(), "{k:?}");
    let output = econc(folder.path(), &["irf", "m.econ", "--shock", "a", "--out", "x"]);
    assert!(said(&output).contains("came to an end"), "{}", said(&output));
}

#[test]
fn what_cannot_be_moved_is_said_before_anything_is_solved() {
    let folder = written(LINEAR);
    std::fs::write(folder.path().join("given.econ"), GIVEN).expect("written");
    let still = "agent a { state k in [0, 9], start 1; action x in [0, 1]; policy x = 0.5; k' = 0.5 * k + x; reward k; discount 0.9 }";
    std::fs::write(folder.path().join("still.econ"), still).expect("written");
    let cases: &[(&[&str], &str, &str)] = &[
        (&["m.econ", "--shock", "aa"], "E0995", "did you mean `a`?"),
        (&["m.econ", "--shock", "firm.k"], "E0995", "its shocks: a, b"),
        (&["m.econ", "--shock", "a=much"], "E0995", "a=0.01"),
        (&["m.econ", "--shock", "a=0"], "E0995", "no response"),
        (&["m.econ", "--shock", "a=nan"], "E0995", "no number"),
        (&["m.econ", "--shock", "a=1e300"], "E0995", "more than a thousand"),
        (&["m.econ", "--shock", "a=-1e-9sd"], "E0995", "lost in rounding"),
        (&["m.econ", "--shock", "a[2]"], "E0995", "it is one number"),
        (
            &["m.econ", "--from", "q=3"],
            "E0995",
            "its states and shocks: firm.k, a, b",
        ),
        (&["m.econ", "--from", "k=3000"], "E0995", "domain"),
        (&["m.econ", "--from", "k=3,k=4"], "E0995", "twice"),
        (&["m.econ", "--from", "middle"], "E0995", "ergodic, mean, start"),
        (&["m.econ", "--from", "start", "--burn-in", "7"], "E0989", "--burn-in"),
        (&["m.econ", "--members", "7"], "E0989", "no continuum"),
        (&["m.econ", "--greedy"], "E0989", "--greedy"),
        (&["m.econ", "--band", "0"], "E0980", "per cent"),
        (&["m.econ", "--periods", "0"], "E0980", "--periods"),
        (
            &["given.econ", "--shock", "Z=middling"],
            "E0995",
            "its values: bad, good",
        ),
        (&["given.econ", "--shock", "e[51]=1"], "E0995", "its indices: 1 to 50"),
        (&["still.econ"], "E0995", "no shock"),
        (&["nowhere"], "E0960", "nowhere"),
        (&["."], "E0954", "is not a run"),
    ];
    for (arguments, code, word) in cases {
        let output = econc(folder.path(), &[&["irf"], *arguments].concat());
        let text = said(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(code) && text.contains(word), "{arguments:?}: {text}");
    }
    let begun = std::fs::read_dir(folder.path().join("runs")).map_or(0, Iterator::count);
    assert_eq!(begun, 0, "nothing was begun");
}

#[test]
fn threads_change_nothing_and_files_agree() {
    let folder = written(LINEAR);
    let one = irf(folder.path(), &["m.econ", "--histories", "30", "--threads", "1"]);
    let svg = std::fs::read(folder.path().join("responses/plots/irf-a.svg")).expect("a picture");
    let npz = std::fs::read(folder.path().join("responses/irf.npz")).expect("arrays");
    let two = irf(folder.path(), &["m.econ", "--histories", "30", "--threads", "2"]);
    assert_eq!(format!("{one:?}"), format!("{two:?}"));
    assert_eq!(
        svg,
        std::fs::read(folder.path().join("responses/plots/irf-a.svg")).expect("a picture")
    );
    assert_eq!(
        npz,
        std::fs::read(folder.path().join("responses/irf.npz")).expect("arrays")
    );
    let mut reader = ndarray_npy::NpzReader::new(std::io::Cursor::new(npz)).expect("an archive");
    let k: ndarray::Array2<f64> = reader.by_name("firm.k.npy").expect("capital");
    for (row, shock) in k.outer_iter().zip(["a", "b"]) {
        assert_eq!(row.to_vec(), of(&one, shock, "firm.k", "response"));
    }
}

/// Two series that move one another, with an innovation that moves both.
const VECTOR: &str = "set here = {a, b}
shock x[here] ~ var1([[0.9, 0.1], [0, 0.5]], [[0.2, 0], [0.1, 0.3]])
agent firm {
  state k in [-99, 99], start 0
  action y in [-99, 99]
  policy y = x[a] - x[b]
  k' = y
  observe k, x
  reward y
  discount 0.9
}
";

#[test]
fn an_innovation_of_a_vector_moves_its_elements_by_their_loadings() {
    let folder = written(VECTOR);
    let found = irf(folder.path(), &["m.econ", "--histories", "10"]);
    for (shock, mut x) in [("x[a]", [0.2, 0.1]), ("x[b]", [0.0, 0.3])] {
        for t in 0..40 {
            for (name, right) in [("x[a]", x[0]), ("x[b]", x[1]), ("firm.y", x[0] - x[1])] {
                let mine = of(&found, shock, name, "response")[t];
                assert!((mine - right).abs() < 1e-12, "{shock} {name} {t}: {mine} {right}");
            }
            x = [0.9 * x[0] + 0.1 * x[1], 0.5 * x[1]];
        }
    }
    let output = econc(folder.path(), &["irf", "m.econ", "--shock", "x"]);
    assert!(
        said(&output).contains("E0995") && said(&output).contains("NAME[1]"),
        "{}",
        said(&output)
    );
}
