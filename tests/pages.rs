//! `report.html`: its numbers read back, and how a browser shows it, at a desk and on a phone, by day and by night.

use crate::common::{econc, model, said, scratch};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The numbers beneath the plot of a page.
fn data(page: &str, stem: &str) -> Value {
    let figure = page.find(&format!("id=\"plot-{stem}\"")).expect("the plot");
    let open = "<script type=\"application/json\">";
    let from = figure + page[figure..].find(open).expect("its numbers") + open.len();
    let to = from + page[from..].find("</script>").expect("their end");
    serde_json::from_str(&page[from..to]).expect("JSON")
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().expect("a list");
    list.iter().map(|x| x.as_f64().unwrap_or(f64::NAN)).collect()
}

fn done(folder: &Path, line: &str) {
    let arguments: Vec<&str> = line.split(' ').collect();
    let output = econc(folder, &arguments);
    assert!(output.status.success(), "{line}: {}", said(&output));
}

fn read(path: PathBuf) -> String {
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn numbers_under_the_pointer_are_those_of_the_tables() {
    let folder = scratch();
    std::fs::copy(model("growth"), folder.path().join("growth.econ")).expect("copied");
    done(folder.path(), "solve growth.econ --out g");
    let page = read(folder.path().join("g/report.html"));
    assert!(page.len() < 1 << 20, "{} bytes", page.len());
    let csv = read(folder.path().join("g/solution.csv"));
    let rows: Vec<Vec<&str>> = csv.lines().map(|l| l.split(',').collect()).collect();
    let column = |name: &str| {
        let at = rows[0].iter().position(|c| *c == name).expect("a column");
        let numbers = rows[1..].iter().map(|r| r[at].parse().expect("a number"));
        numbers.collect::<Vec<f64>>()
    };
    let k = column("planner.k");
    for (stem, name) in [("planner_s", "planner.s"), ("value", "value")] {
        let right = column(name);
        let data = data(&page, stem);
        let curves = data["panels"][0]["curves"].as_array().expect("curves");
        let (mut mine, mut x) = (Vec::new(), Vec::new());
        for curve in curves {
            let at = curve["at"].as_u64().expect("a place") as usize;
            x.extend(numbers(&data["x"][at]));
            mine.extend(numbers(&curve["y"]));
        }
        assert!(mine.len() > 100 && curves.len() > 1, "{}", mine.len());
        assert_eq!((x, mine), (k.clone(), right), "{name}");
    }
    // What is drawn stands where the script believes it: the first point of the first curve of the drawing.
    let drawn = read(folder.path().join("g/plots/planner_s.svg"));
    let data = data(&page, "planner_s");
    let panel = &data["panels"][0];
    let (place, range) = (numbers(&panel["box"]), numbers(&panel["range"]));
    let ink = panel["curves"][0]["ink"].as_str().expect("a colour").to_uppercase();
    let line = drawn
        .split("<polyline ")
        .filter(|l| l.contains(&ink))
        .max_by_key(|l| l.len())
        .expect("the curve");
    let points = line.split("points=\"").nth(1).expect("points");
    let first = points.split_whitespace().next().expect("a point");
    let (px, py) = first.split_once(',').expect("x,y");
    let (px, py): (f64, f64) = (px.parse().expect("x"), py.parse().expect("y"));
    let (x, y) = (numbers(&data["x"][0])[0], numbers(&panel["curves"][0]["y"])[0]);
    let right_x = place[0] + (x - range[0]) / (range[1] - range[0]) * (place[1] - place[0]);
    let right_y = place[3] - (y - range[2]) / (range[3] - range[2]) * (place[3] - place[2]);
    assert!(
        (px / 10.0 - right_x).abs() < 0.2 && (py / 10.0 - right_y).abs() < 0.2,
        "{px} {py}, not {right_x} {right_y}"
    );
}

/// Rows of a table of a run, without the heading, and where each column is.
fn rows(csv: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let words = |r: &csv::StringRecord| r.iter().map(String::from).collect::<Vec<_>>();
    let heading = words(reader.headers().expect("a heading"));
    (heading, reader.records().map(|r| words(&r.expect("a row"))).collect())
}

fn column(csv: &str, name: &str, keep: &dyn Fn(&[String]) -> bool) -> Vec<f64> {
    let (heading, rows) = rows(csv);
    let at = heading.iter().position(|c| c == name).expect("a column");
    let kept = rows.iter().filter(|r| keep(r));
    kept.map(|r| r[at].parse().expect("a number")).collect()
}

/// The plots of what the certificate looked at whose numbers are not those of their tables; `read` gives the text of a table.
fn apart(page: &str, read: &dyn Fn(&str) -> String) -> Vec<String> {
    let mut out = Vec::new();
    let mut same = |what: &str, shown: Vec<f64>, right: Vec<f64>| {
        if shown != right || shown.is_empty() {
            out.push(format!("{what}: {} and {} numbers", shown.len(), right.len()));
        }
    };
    let all = |_: &[String]| true;
    let points = |data: &Value, curve: &Value| {
        let at = curve["at"].as_u64().expect("a place") as usize;
        (numbers(&data["x"][at]), numbers(&curve["y"]))
    };
    let curves = |data: &Value, panel: usize| data["panels"][panel]["curves"].as_array().expect("curves").clone();

    let law = data(page, "law");
    let (mut now, mut next) = (Vec::new(), Vec::new());
    for curve in curves(&law, 0).iter().filter(|c| c["name"] != "45 degrees") {
        let (x, y) = points(&law, curve);
        now.extend(x);
        next.extend(y);
    }
    same("law, now", now, column(&read("law"), "now", &all));
    same("law, next", next, column(&read("law"), "next", &all));

    let visited = data(page, "visited");
    let (ends, share) = points(&visited, &curves(&visited, 0)[0]);
    let each = |from: usize, of: &[f64]| of.iter().skip(from).step_by(2).copied().collect::<Vec<f64>>();
    same("visited, from", each(0, &ends), column(&read("visited"), "from", &all));
    same("visited, to", each(1, &ends), column(&read("visited"), "to", &all));
    same(
        "visited, share",
        each(0, &share),
        column(&read("visited"), "share", &all),
    );

    let places = data(page, "euler-places");
    for curve in curves(&places, 0) {
        let name = curve["name"].as_str().expect("a name").to_string();
        let (x, y) = points(&places, &curve);
        let own = |r: &[String]| r[0] == name;
        same(
            &format!("residuals, {name}"),
            x,
            column(&read("euler-places"), "planner.k", &own),
        );
        same(
            &format!("residuals, {name}"),
            y,
            column(&read("euler-places"), "log10 residual", &own),
        );
    }

    let life = data(page, "life");
    for panel in life["panels"].as_array().expect("panels") {
        let (_, y) = points(&life, &panel["curves"][0]);
        let name = panel["title"].as_str().expect("a title");
        same(&format!("life, {name}"), y, column(&read("life"), name, &all));
    }
    out
}

#[test]
fn plots_of_the_judgement_are_the_numbers_of_their_tables() {
    let folder = scratch();
    std::fs::copy(model("growth"), folder.path().join("growth.econ")).expect("copied");
    done(folder.path(), "solve growth.econ --out g");
    let page = read(folder.path().join("g/report.html"));
    let table = |stem: &str| read(folder.path().join(format!("g/{stem}.csv")));
    assert_eq!(apart(&page, &table), Vec::<String>::new());
    // A number that is altered is seen, in each of them.
    for (stem, column) in [
        ("law", "next"),
        ("visited", "share"),
        ("euler-places", "log10 residual"),
        ("life", "z"),
    ] {
        let altered = |of: &str| {
            let (heading, mut rows) = rows(&table(of));
            if of == stem {
                let at = heading.iter().position(|c| c == column).expect("a column");
                let x: f64 = rows[2][at].parse().expect("a number");
                rows[2][at] = (x + 1e-9).to_string();
            }
            let lines = std::iter::once(heading).chain(rows).map(|r| r.join(","));
            lines.collect::<Vec<_>>().join("\n")
        };
        let found = apart(&page, &altered);
        assert_eq!(found.len(), 1, "{stem}: {found:?}");
    }
    // Lives spend all their time somewhere, and go where the law leads: beside the 45 degree line.
    let share: f64 = column(&table("visited"), "share", &|_| true).iter().sum();
    assert!((share - 1.0).abs() < 1e-9, "{share}");
    let k = column(&table("life"), "planner.k", &|_| true);
    let [from, to] = ["from", "to"].map(|c| column(&table("visited"), c, &|_| true));
    assert!(k.len() == 120 && k.iter().all(|x| *x >= from[0] && *x <= to[to.len() - 1]));
    // What is shaded is what the certificate says.
    let note = read(folder.path().join("g/certificate.csv"));
    let line = note
        .lines()
        .find(|l| l.contains("grid that can be trusted"))
        .expect("a line");
    let region = &data(&page, "planner_s")["panels"][0]["regions"][0];
    let said = format!("planner.k in [{}, {}]", region[0], region[1]).replace(".0]", "]");
    assert!(line.contains(&said), "{line}: {said}");
}

#[test]
fn a_report_without_plots_says_why() {
    let folder = scratch();
    std::fs::copy(model("cournot"), folder.path().join("cournot.econ")).expect("copied");
    done(folder.path(), "solve cournot.econ --out c");
    let page = read(folder.path().join("c/report.html"));
    assert!(
        !page.contains("<figure class=\"plot\"") && page.contains("None: nothing that was chosen"),
        "{page}"
    );
    assert!(page.contains("<h3>agent firm"));
}

/// A model of growth that is solved and learned in a moment; the exact saving rate is `.9 a`, whatever the state.
const SAVER: &str = "param a = 0.3 in (0, 1)
shock z ~ ar1(rho: 0.5, sigma: 0.1)
agent planner {
  state k in [0.05, 0.6], start 0.2
  action s in [0.1, 0.9]
  let y = exp(z) * k^a
  k' = s * y
  observe k, z
  reward log((1 - s) * y)
  discount 0.9
}
solve { grid.k = uniform(30); chain.z = rouwenhorst(3); periods = 640; burn_in = 20 }
train ppo { steps = 2000; worlds = 4; network = [4]; horizon = 50; evaluations = 4 }
";

/// The curves of a panel: name, horizontal and vertical coordinates.
fn curves(data: &Value, panel: usize) -> Vec<(String, Vec<f64>, Vec<f64>)> {
    let all = data["panels"][panel]["curves"].as_array().expect("curves");
    let one = |c: &Value| {
        let at = c["at"].as_u64().expect("a place") as usize;
        let name = c["name"].as_str().expect("a name").to_string();
        (name, numbers(&data["x"][at]), numbers(&c["y"]))
    };
    all.iter().map(one).collect()
}

/// The pictures of a report on two solved runs whose numbers are not those of `policies.csv`.
fn beside(page: &str, csv: &str) -> Vec<String> {
    let mut out = Vec::new();
    for (stem, name) in [("both-planner_s", "planner.s"), ("both-value", "value")] {
        let own = |r: &[String]| r[0] == name;
        let shown = data(page, stem);
        let (both, gap) = (curves(&shown, 0), curves(&shown, 1));
        let right = |c: &str| column(csv, c, &own);
        let same = [
            (&both[0].1, right("planner.k")),
            (&both[0].2, right("first")),
            (&both[1].2, right("second")),
            (&gap[0].2, right("difference")),
        ];
        out.extend(
            same.iter()
                .filter(|(a, b)| **a != *b || a.len() < 20)
                .map(|_| name.to_string()),
        );
    }
    out
}

#[test]
fn a_report_on_two_runs_draws_both_and_their_difference() {
    let folder = scratch();
    let at = folder.path();
    std::fs::write(at.join("m.econ"), SAVER).expect("written");
    done(at, "solve m.econ --out one");
    done(at, "solve m.econ --set a=0.4 --out two");
    done(at, "compare one two --out solved");
    let page = read(at.join("solved/report.html"));
    let csv = read(at.join("solved/policies.csv"));
    assert_eq!(beside(&page, &csv), Vec::<String>::new());
    let altered = csv.replacen("planner.s,0.05,0.27", "planner.s,0.05,0.28", 1);
    assert_eq!(beside(&page, &altered), ["planner.s"], "{csv}");
    let gap = column(&csv, "difference", &|r| r[0] == "planner.s");
    assert!(gap.iter().all(|d| (d - 0.09).abs() < 1e-3), "{gap:?}");
    // Responses of both solutions stand there, too, as their tables say.
    let shown = curves(&data(&page, "both-irf-z"), 0);
    assert_eq!(
        shown.iter().map(|c| c.0.as_str()).collect::<Vec<_>>(),
        ["first", "second"]
    );
    for (curve, run) in shown.iter().zip(["one", "two"]) {
        let right = column(&read(at.join(run).join("irf.csv")), "response", &|r| r[1] == "z");
        assert_eq!(curve.2, right, "{run}");
    }

    done(at, "train m.econ --against one --seeds 1..3 --out three");
    done(at, "train m.econ --against one --seeds 4,5 --out four");
    done(at, "compare three four --out learned");
    let page = read(at.join("learned/report.html"));
    let csv = read(at.join("learned/learning.csv"));
    let shown = curves(&data(&page, "both-discounted"), 0);
    for run in ["first", "second"] {
        let (_, steps, mean) = shown.iter().find(|c| c.0 == run).expect("a curve");
        assert!(steps.len() > 2, "{steps:?}");
        for (step, y) in steps.iter().zip(mean) {
            let own = column(&csv, "discounted_return", &|r| r[0] == run && r[2].parse() == Ok(*step));
            let right = own.iter().sum::<f64>() / own.len() as f64;
            assert!(
                (right - y).abs() < 1e-12 && own.len() == if run == "first" { 3 } else { 2 },
                "{run} {step}"
            );
        }
    }
    // What is learned is measured beside the exact policy, which no policy beats, and the best constant; here that is the exact one.
    let seeds = read(at.join("three/seeds.csv"));
    let all = |_: &[String]| true;
    let [exact, constant, learned] = ["exact", "best constant", "discounted return"].map(|c| column(&seeds, c, &all));
    assert!(exact.iter().zip(&learned).all(|(e, l)| e >= l), "{seeds}");
    assert!(
        (exact[0] - constant[0]).abs() < 0.02 * exact[0].abs() && exact[0] >= constant[0] - 1e-6,
        "{seeds}"
    );
    let drawn = read(at.join("learned/plots/both-discounted.svg"));
    assert!(
        drawn.contains("exact policy") && drawn.contains("best constant choice"),
        "{drawn}"
    );
    assert!(read(at.join("three/plots/discounted.svg")).contains("exact policy"));
}

#[test]
fn a_solved_model_shows_its_responses_and_a_sweep_leads_to_its_runs() {
    let folder = scratch();
    let at = folder.path();
    std::fs::write(at.join("m.econ"), SAVER).expect("written");
    done(at, "solve m.econ --set a=0.2..0.4:3 --out swept");
    let page = read(at.join("swept/run-001/report.html"));
    let csv = read(at.join("swept/run-001/irf.csv"));
    let shown = data(&page, "irf-z");
    let titles: Vec<&str> = shown["panels"]
        .as_array()
        .expect("panels")
        .iter()
        .map(|p| p["title"].as_str().expect("a title"))
        .collect();
    for (panel, name) in titles.iter().enumerate() {
        let right = column(&csv, "response", &|r| r[1] == *name);
        assert_eq!(curves(&shown, panel)[0].2, right, "{name}");
    }
    // A shock decays by its law, and capital moves with output.
    let z = column(&csv, "response", &|r| r[1] == "z");
    assert!(
        (z[0] - 0.1).abs() < 1e-9 && (z[4] - 0.1 * 0.5f64.powi(4)).abs() < 1e-9,
        "{z:?}"
    );
    let report = read(at.join("swept/report.html"));
    for run in ["run-001", "run-002", "run-003"] {
        assert!(
            report.contains(&format!("<a href=\"{run}/report.html\">{run}</a>")),
            "{report}"
        );
        assert!(at.join("swept").join(run).join("report.html").is_file());
    }
    let table = read(at.join("swept/sweep.csv"));
    let drawn = data(&report, "sweep");
    let panels = drawn["panels"].as_array().expect("panels").len();
    let all = |_: &[String]| true;
    for panel in 0..panels {
        let name = drawn["panels"][panel]["title"].as_str().expect("a title");
        let (_, x, y) = curves(&drawn, panel)[0].clone();
        assert_eq!(
            (x, y),
            (column(&table, "a", &all), column(&table, name, &all)),
            "{name}"
        );
    }
    assert!(
        panels >= 4 && table.contains("Euler residual, largest, log10"),
        "{table}"
    );
    // One parameter over the other: a curve for each value of it.
    std::fs::write(
        at.join("two.econ"),
        SAVER
            .replace("discount 0.9", "discount b")
            .replace("param a", "param b = 0.9 in (0, 1)\nparam a"),
    )
    .expect("written");
    done(
        at,
        "steady_state two.econ --set b=0.8..0.9:2 --set a=0.2..0.4:3 --out both",
    );
    let drawn = curves(&data(&read(at.join("both/report.html")), "sweep"), 0);
    let names: Vec<&str> = drawn.iter().map(|c| c.0.as_str()).collect();
    assert_eq!(names, ["b = 0.8", "b = 0.9"]);
    let right = [0.2, 0.3, 0.4];
    assert!(
        drawn[0]
            .1
            .iter()
            .zip(right)
            .all(|(a, b): (&f64, f64)| (a - b).abs() < 1e-12),
        "{:?}",
        drawn[0].1
    );
    assert_eq!(drawn[0].1.len(), 3);
}

#[test]
fn maps_are_small_and_choices_have_names() {
    let folder = scratch();
    let at = folder.path();
    for name in ["lq_duopoly", "mccall"] {
        std::fs::copy(model(name), at.join(format!("{name}.econ"))).expect("copied");
        done(at, &format!("solve {name}.econ --out {name}"));
    }
    let page = read(at.join("lq_duopoly/report.html"));
    assert!(page.len() < 1 << 20, "{} bytes", page.len());
    let cells = &data(&page, "value-map")["panels"][0]["cells"];
    let right = column(&read(at.join("lq_duopoly/solution.csv")), "value", &|_| true);
    let shown = numbers(&cells["values"]);
    assert_eq!(shown.len(), right.len());
    assert!(
        shown.iter().zip(&right).all(|(a, b)| (a - b).abs() <= 1e-6 * b.abs()),
        "{shown:?}"
    );
    let page = read(at.join("mccall/report.html"));
    let names = &data(&page, "worker_d")["panels"][0]["names"][1];
    assert_eq!(names, &serde_json::json!([[0.0, "accept"], [1.0, "reject"]]));
    let drawn = read(at.join("mccall/plots/worker_d.svg"));
    assert!(drawn.contains("\naccept\n") && !drawn.contains("\n0.2\n"), "{drawn}");
}

/// A page of the equations of all models.
fn all_equations() -> String {
    use econc::report::content::Content;
    use econc::report::equations::{Equations, equations};
    let mut all = Equations::default();
    let mut paths: Vec<PathBuf> = std::fs::read_dir(crate::common::root().join("models"))
        .expect("models")
        .map(|e| e.expect("an entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "econ"))
        .collect();
    paths.sort();
    for path in paths {
        let text = read(path);
        let (model, _) = econc::compile(&text, &econc::Options::default());
        all.sections
            .extend(equations(&text, &model.expect("a model"), &[]).sections);
    }
    let content = Content {
        title: "All".into(),
        equations: Some(all),
        ..Content::default()
    };
    let manifest = econc::report::store::Manifest::new(Vec::new(), "all", b"", 1, "2025-01-01T00:00:00Z");
    econc::report::html::page(&content, &[], &manifest)
}

/// What a browser says of a page: put into a copy of it.
const EARLY: &str = "<script>window.wrong = []; window.addEventListener('error', e => wrong.push(e.message));
console.error = console.warn = (...a) => wrong.push(a.join(' '));</script>";
const LATE: &str = "<script>window.addEventListener('load', () => {
  const paper = () => getComputedStyle(document.body).backgroundColor;
  const out = { name: NAME, width: innerWidth, over: document.documentElement.scrollWidth, wrong, paper: paper(),
    dark: matchMedia('(prefers-color-scheme: dark)').matches, plots: 0, silent: [] };
  for (const figure of document.querySelectorAll('figure.plot')) {
    const svg = figure.querySelector('svg'), data = JSON.parse(figure.querySelector('script').textContent);
    for (const panel of data.panels) {
      const r = svg.getBoundingClientRect(), k = r.width / Number(svg.getAttribute('width')), b = panel.box;
      const where = { clientX: r.left + k * (b[0] + b[1]) / 2, clientY: r.top + k * (b[2] + b[3]) / 2 };
      svg.dispatchEvent(new PointerEvent('pointermove', { bubbles: true, pointerType: 'mouse', ...where }));
      const tip = document.querySelector('.tip');
      out.plots += 1;
      if (!tip || tip.hidden || !/= .*\\d/.test(tip.textContent)) out.silent.push(figure.id);
      out.said = tip && tip.textContent;
    }
  }
  const plot = document.querySelector('figure.plot');
  if (plot) {
    const whole = plot.querySelector('svg').getAttribute('viewBox');
    plot.querySelector('.zoom button:last-child')?.click();
    out.zoomed = plot.querySelector('svg').getAttribute('viewBox') !== whole;
  }
  document.getElementById('theme').click();
  out.switched = paper();
  parent.postMessage(out, '*');
});</script>";

fn chromium() -> Option<&'static str> {
    let starts = |name: &&str| {
        let asked = std::process::Command::new(name).arg("--version").output();
        asked.is_ok_and(|o| o.status.success())
    };
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|n| starts(n))
}

/// What the browser says of each of the pages (name and text), at both widths, by day and by night.
fn shown(browser: &str, folder: &Path, pages: &[(&str, String)]) -> Vec<Value> {
    let mut frames = String::new();
    for (page, text) in pages {
        let late = LATE.replace("NAME", &format!("'{page}'"));
        let text =
            text.replacen("<head>", &format!("<head>{EARLY}"), 1)
                .replacen("</body>", &format!("{late}</body>"), 1);
        std::fs::write(folder.join(format!("{page}.html")), text).expect("written");
        for width in [1280, 390] {
            for scheme in ["light", "dark"] {
                frames.push_str(&format!(
                    "<iframe src=\"{page}.html\" width=\"{width}\" height=\"800\" style=\"border: 0; color-scheme: {scheme}\"></iframe>\n"
                ));
            }
        }
    }
    let harness = format!(
        "<!doctype html><meta charset=\"utf-8\"><pre id=\"all\"></pre><script>const all = [];
         addEventListener('message', e => {{ all.push(e.data);
         document.getElementById('all').textContent = 'BEGIN' + JSON.stringify(all).replace(/</g, ' ') + 'END'; }});</script>{frames}"
    );
    std::fs::write(folder.join("harness.html"), harness).expect("written");
    let profile = folder.join("profile");
    let output = std::process::Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ])
        .args(["--window-size=1400,900", "--virtual-time-budget=20000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}", folder.join("harness.html").display()))
        .output()
        .expect("the browser starts");
    let page = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = page
        .split("<pre id=\"all\">BEGIN")
        .nth(1)
        .and_then(|t| t.split("END").next());
    let said = said.unwrap_or_else(|| panic!("{page}\n{}", String::from_utf8_lossy(&output.stderr)));
    let plain = said.replace("&gt;", ">").replace("&amp;", "&").replace("&nbsp;", " ");
    serde_json::from_str(&plain).unwrap_or_else(|e| panic!("{e}: {plain}"))
}

#[test]
fn pages_fit_and_speak_in_a_browser() {
    let Some(browser) = chromium() else {
        eprintln!("skipped: no Chromium here");
        return;
    };
    let folder = scratch();
    let at = folder.path();
    for name in ["growth", "cournot", "mccall", "lq_duopoly"] {
        std::fs::copy(model(name), at.join(format!("{name}.econ"))).expect("copied");
    }
    std::fs::write(at.join("m.econ"), SAVER).expect("written");
    done(at, "solve growth.econ --out solved");
    done(at, "irf solved --out irf --histories 20");
    done(at, "simulate growth.econ --policy solved --out simulated");
    done(at, "solve cournot.econ --out equilibrium");
    done(at, "solve mccall.econ --out choices");
    done(at, "solve lq_duopoly.econ --out maps");
    done(at, "solve m.econ --set a=0.2..0.4:3 --out swept");
    done(at, "train m.econ --seeds 1,2 --against swept/run-002 --out learned");
    done(at, "compare swept/run-001 swept/run-003 --out compared");
    let names = [
        "equations",
        "solved",
        "irf",
        "simulated",
        "equilibrium",
        "choices",
        "maps",
        "swept",
        "learned",
        "compared",
    ];
    let mut pages: Vec<(&str, String)> = vec![("equations", all_equations())];
    pages.extend(names[1..].iter().map(|n| (*n, read(at.join(n).join("report.html")))));
    // The judge is judged: pages with a fault must be seen to have it.
    let solved = pages[1].1.clone();
    for (name, right, wrong) in [
        ("wide", "overflow-x: auto;", ""),
        ("silent", "'pointermove'", "'pointermoved'"),
        ("wrong", "'use strict';", "'use strict'; noSuchThing();"),
    ] {
        assert!(solved.contains(right), "{right}");
        pages.push((name, solved.replace(right, wrong)));
    }
    let all = shown(browser, at, &pages);
    assert_eq!(all.len(), 4 * pages.len(), "{all:?}");
    let (planted, all): (Vec<Value>, Vec<Value>) = all.into_iter().partition(|o| {
        let name = o["name"].as_str().expect("a name");
        !names.contains(&name)
    });
    let seen = |name: &str, f: &dyn Fn(&Value) -> bool| planted.iter().any(|o| o["name"] == name && f(o));
    assert!(
        seen("wide", &|o| o["over"].as_f64() > o["width"].as_f64()),
        "{planted:?}"
    );
    assert!(seen("silent", &|o| o["silent"] != serde_json::json!([])), "{planted:?}");
    assert!(seen("wrong", &|o| o["wrong"] != serde_json::json!([])), "{planted:?}");
    for one in &all {
        assert!(one["over"].as_f64() <= one["width"].as_f64(), "{one}");
        assert_eq!(one["wrong"], serde_json::json!([]), "{one}");
        assert_eq!(one["silent"], serde_json::json!([]), "{one}");
        assert!(one["plots"] == 0 || one["zoomed"] == true, "{one}");
        let night = "rgb(20, 20, 20)";
        let (paper, other) = if one["dark"] == true {
            (night, "rgb(255, 255, 255)")
        } else {
            ("rgb(255, 255, 255)", night)
        };
        assert_eq!(
            (&one["paper"], &one["switched"]),
            (&paper.into(), &other.into()),
            "{one}"
        );
    }
    let count = |f: &dyn Fn(&&Value) -> bool| all.iter().filter(f).count();
    assert_eq!(count(&|o| o["dark"] == true), all.len() / 2);
    assert_eq!(count(&|o| o["width"] == 390), all.len() / 2);
    assert!(count(&|o| o["plots"].as_u64() > Some(2)) >= 8, "{all:?}");
}
