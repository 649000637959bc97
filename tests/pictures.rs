//! Pictures read back: what is drawn is what the tables say.

use crate::common::{econc, model, said, scratch};
use std::collections::BTreeMap;
use std::path::Path;

/// A picture with one panel: the words on it with their places, and lines with their colours.
struct Drawn {
    words: Vec<(f64, f64, String)>,
    lines: Vec<(String, Vec<(f64, f64)>)>,
}

fn attribute<'t>(tag: &'t str, name: &str) -> &'t str {
    let from = tag
        .find(&format!(" {name}=\""))
        .map_or(tag.len(), |at| at + name.len() + 3);
    tag[from..].split('"').next().unwrap_or_default()
}

fn number(text: &str) -> f64 {
    text.trim().replace('−', "-").parse().unwrap_or(f64::NAN)
}

fn read(path: &Path) -> Drawn {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let (mut words, mut lines) = (Vec::new(), Vec::new());
    for tag in text.split('<') {
        if tag.starts_with("text ") {
            let word = tag.split('>').nth(1).unwrap_or_default().trim().to_string();
            words.push((number(attribute(tag, "x")), number(attribute(tag, "y")), word));
        }
        if tag.starts_with("polyline ") {
            let points = attribute(tag, "points").split_whitespace().filter_map(|p| {
                let (x, y) = p.split_once(',')?;
                Some((number(x), number(y)))
            });
            lines.push((attribute(tag, "stroke").to_string(), points.collect()));
        }
    }
    Drawn { words, lines }
}

impl Drawn {
    /// What a height means: a line through the numbers at the left.
    fn height(&self) -> impl Fn(f64) -> f64 {
        let mut columns: BTreeMap<i64, Vec<(f64, f64)>> = BTreeMap::new();
        for (x, y, word) in &self.words {
            let value = number(word);
            if value.is_finite() {
                columns.entry(*x as i64).or_default().push((*y, value));
            }
        }
        let ticks = columns
            .into_values()
            .find(|c| c.len() > 1)
            .expect("numbers beside the axis");
        let ((y0, v0), (y1, v1)) = (ticks[0], ticks[ticks.len() - 1]);
        move |y| v0 + (y - y0) * (v1 - v0) / (y1 - y0)
    }

    /// The curve of a colour: the longest of its lines.
    fn curve(&self, colour: &str) -> &[(f64, f64)] {
        let own = self.lines.iter().filter(|(c, _)| c == colour);
        own.map(|(_, points)| points.as_slice())
            .max_by_key(|p| p.len())
            .expect("a curve")
    }
}

fn column(csv: &str, row: &str) -> f64 {
    let line = csv.lines().find(|l| l.starts_with(&format!("\"{row}\",")));
    let line = line.unwrap_or_else(|| panic!("{row}: {csv}"));
    number(line[row.len() + 3..].split(',').next().unwrap_or_default())
}

#[test]
fn euler_errors_are_drawn_where_the_certificate_has_them() {
    let folder = scratch();
    let growth = model("growth");
    let line = [
        "solve",
        growth.to_str().expect("a path"),
        "--set",
        "grid.k=log(40)",
        "--set",
        "bellman=0",
        "--out",
        "run",
    ];
    let output = econc(folder.path(), &line);
    let place = folder
        .path()
        .join(if output.status.success() { "run" } else { "run.failed" });
    let csv = std::fs::read_to_string(place.join("certificate.csv")).unwrap_or_else(|_| panic!("{}", said(&output)));
    let drawn = read(&place.join("plots/euler.svg"));
    let height = drawn.height();
    // Quantiles 0.5, 0.9, 0.99 and 1, in the colours of the series.
    let grid = drawn.curve("#0072B2");
    let set = drawn.curve("#D55E00");
    assert_eq!((set.len(), grid.len()), (4, 4));
    for (curve, at, row) in [
        (set, 2, "Euler residual, 99 % quantile"),
        (set, 3, "Euler residual, largest"),
        (grid, 2, "Euler residual, whole grid, 99 %"),
    ] {
        let (mine, right) = (height(curve[at].1), column(&csv, row));
        assert!((mine - right).abs() < 0.02, "{row}: {mine} drawn, {right} in the table");
        assert!(right < -2.0);
    }
    assert!(
        drawn.words.iter().any(|w| w.2.contains("bound 10^-3")),
        "{:?}",
        drawn.words
    );
}

#[test]
fn responses_are_drawn_as_irf_csv_has_them() {
    let folder = scratch();
    let text = "shock z ~ ar1(rho: 0.8, sigma: 0.1)
agent firm {
  state k in [-99, 99], start 0
  action i in [-9, 9]
  policy i = z
  k' = 0.9 * k + i
  observe k, z
  reward -k^2
  discount 0.9
}
";
    std::fs::write(folder.path().join("m.econ"), text).expect("written");
    let output = econc(folder.path(), &["irf", "m.econ", "--out", "run", "--histories", "9"]);
    assert!(output.status.success(), "{}", said(&output));
    let csv = std::fs::read_to_string(folder.path().join("run/irf.csv")).expect("irf.csv");
    let of_z: Vec<f64> = csv
        .lines()
        .filter(|l| l.starts_with("z,z,"))
        .map(|l| number(l.split(',').nth(4).unwrap_or_default()))
        .collect();
    assert_eq!(of_z.len(), 40);
    let drawn = read(&folder.path().join("run/plots/irf-z.svg"));
    let panels: Vec<&Vec<(f64, f64)>> = drawn.lines.iter().map(|(_, p)| p).filter(|p| p.len() == 40).collect();
    assert!(panels.len() >= 3, "{}", panels.len());
    // The first panel falls as the shock does: ratios of heights above the end of a line that decays to nothing.
    let (first, last) = (panels[0][0].1, panels[0][39].1);
    for t in 0..40 {
        let share = (panels[0][t].1 - last) / (first - last);
        let right = (of_z[t] - of_z[39]) / (of_z[0] - of_z[39]);
        assert!((share - right).abs() < 0.01, "{t}: {share} {right}");
    }
}
