//! `econc reproduce`: runs an exercise, and prints its numbers beside published and exact ones.
//!
//! The runs are commands of econc, each in a directory of its own beside the models, so that whoever doubts a number can type the
//! same. What has been run is not run again, and what was interrupted goes on.

use super::exercises::{self, Exercise, Read, Row, Run};
use super::globals::Globals;
use super::screen::Screen;
use super::templates::TEMPLATES;
use super::{Exit, Failure, clock};
use crate::diag::Diagnostic;
use crate::limits;
use crate::num::random::Stream;
use crate::num::statistics;
use crate::report::content::{Content, NamedTable};
use crate::report::html;
use crate::report::number;
use crate::report::place::write_new;
use crate::report::store::{self, Manifest};
use crate::report::table::Table;
use clap::Args;
use serde_json::Value;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Run an exercise and compare with published and exact numbers
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    econc reproduce                      the list of exercises\n  \
    econc reproduce language_benchmark   both programs of the benchmark, 257 iterations each\n  \
    econc reproduce calvano              25 sessions of algorithmic collusion\n  \
    econc reproduce calvano --long       all 1000, as published\n\n\
    Runs and models stand in runs/reproduce-NAME, or in --out; what is there already is not run again.")]
pub(super) struct Arguments {
    /// The exercise; without one, the list of all
    #[arg(value_name = "NAME", conflicts_with = "list")]
    name: Option<String>,
    /// List the exercises
    #[arg(long)]
    list: bool,
    /// Run at the size of the published numbers
    #[arg(long, requires = "name")]
    long: bool,
}

/// Digits of a number on the screen.
const DIGITS: usize = 10;

/// Carries out `econc reproduce`; its exit status: 1 where a number does not agree.
///
/// # Errors
/// E0962 for an unknown exercise, E0971 for a run that fails; E0951, E0955 for its files.
pub(super) fn run(arguments: &Arguments, globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    let Some(name) = arguments.name.as_ref().filter(|_| !arguments.list) else {
        list(screen);
        return Ok(Exit::Fine);
    };
    let exercise = exercises::find(name)?;
    let folder = match &globals.out {
        Some(out) => out.clone(),
        None => PathBuf::from("runs").join(format!("reproduce-{name}")),
    };
    models(&exercise, &folder)?;
    let mut done = Vec::new();
    for run in &exercise.runs {
        done.push(played(run, arguments.long, &folder, globals, screen)?);
    }
    let found: Vec<Option<f64>> = exercise.rows.iter().map(|row| value(&row.read, &done)).collect();
    let agree: Vec<Option<bool>> = exercise
        .rows
        .iter()
        .zip(&found)
        .map(|(row, x)| agrees(row, *x, arguments.long))
        .collect();
    let between = exercise.rows.iter().map(|row| interval(&row.read, &done)).collect();
    let known = Known { found, between, agree };
    let shown = content(name, &exercise, &done, &known, false);
    let exact = content(name, &exercise, &done, &known, true);
    let noted = exercise.rows.iter().filter(|r| !r.note.is_empty());
    let page = Content {
        facts: noted.map(|r| (r.what.clone(), r.note.clone())).collect(),
        ..content(name, &exercise, &done, &known, false)
    };
    files(&page, &exact, arguments.long, &folder, globals)?;
    let exit = match known.agree.contains(&Some(false)) {
        true => Exit::Fails,
        false => Exit::Fine,
    };
    if screen.json {
        let mut json = exact.to_json();
        json["status"] = if exit == Exit::Fine { "complete" } else { "failed" }.into();
        json["exit"] = exit.code().into();
        json["directory"] = folder.display().to_string().into();
        screen.json(&json);
    } else {
        screen.result(&shown.screen(screen.width(), screen.color()));
        for row in exercise.rows.iter().filter(|r| !r.note.is_empty()) {
            screen.text(&format!("{}: {}\n", row.what, row.note));
        }
        if !arguments.long && exercise.rows.iter().any(|r| r.of_long) {
            screen.text("not judged: the recorded number is of the larger run, --long\n");
        }
        screen.text(&format!(
            "\nfiles: {}  (report.html, numbers.csv, runs and models)\n",
            folder.display()
        ));
    }
    Ok(exit)
}

fn list(screen: &Screen) {
    let all = exercises::all();
    if screen.json {
        let list: Vec<Value> = all
            .iter()
            .map(|(name, title)| serde_json::json!({ "name": name, "title": title }))
            .collect();
        screen.json(&serde_json::json!({ "exercises": list }));
        return;
    }
    let table = Table::new()
        .texts("exercise", all.iter().map(|(name, _)| (*name).to_string()).collect())
        .texts("title", all.iter().map(|(_, title)| title.clone()).collect());
    screen.result(&table.to_text(screen.width(), usize::MAX));
    screen.text("\nTo run one:  econc reproduce NAME\n");
}

/// Something about the folder of an exercise that could not be written.
fn unwritten(folder: &Path, e: &std::io::Error) -> Diagnostic {
    Diagnostic::error("E0951", format!("`{}` cannot be written to", folder.display())).note(e.to_string())
}

/// Writes the models of an exercise into its folder.
fn models(exercise: &Exercise, folder: &Path) -> Result<(), Diagnostic> {
    std::fs::create_dir_all(folder).map_err(|e| unwritten(folder, &e))?;
    for name in &exercise.models {
        for template in TEMPLATES.iter().filter(|t| t.name == name) {
            let file = folder.join(format!("{name}.econ"));
            if std::fs::read(&file).is_ok_and(|own| own != template.source.as_bytes()) {
                return Err(Diagnostic::error(
                    "E0952",
                    format!("`{}` is not the exercise's model of that name", file.display()),
                )
                .note("it was changed, is yours, or comes from another version of econc")
                .hint("give another directory to `--out`, or move the file away"));
            }
            std::fs::write(&file, template.source).map_err(|e| unwritten(&file, &e))?;
        }
    }
    Ok(())
}

/// The report of an exercise, and its tables with all digits, in its folder.
fn files(page: &Content, exact: &Content, long: bool, folder: &Path, globals: &Globals) -> Result<(), Diagnostic> {
    let size = if long { "as published" } else { "small" };
    let settings = [("exercise", page.model.as_str()), ("size", size)];
    let mut manifest = Manifest::new(globals.words(), "", b"", globals.seed, &clock::now());
    manifest.settings = settings.map(|(k, v)| (k.to_string(), v.to_string())).into();
    write_new(
        &folder.join("report.html"),
        html::page(page, &[], &manifest).as_bytes(),
        true,
        [],
    )?;
    for t in &exact.tables {
        let file = folder.join(format!("{}.csv", t.stem));
        write_new(&file, &t.table.to_csv(), true, [])?;
    }
    Ok(())
}

/// A run that came to its end.
struct Done {
    name: String,
    /// The command, as it can be typed in the folder.
    command: String,
    /// Its run directory.
    directory: PathBuf,
    /// What it printed as JSON.
    output: Value,
}

/// Plays a run of an exercise, or finds it played.
fn played(run: &Run, long: bool, folder: &Path, globals: &Globals, screen: &Screen) -> Result<Done, Diagnostic> {
    let (command, name) = match long && !run.long.is_empty() {
        true => (&run.long, format!("{}-long", run.name)),
        false => (&run.command, run.name.clone()),
    };
    let directory = folder.join(&name);
    let mut words: Vec<String> = command.split_whitespace().map(String::from).collect();
    words.extend(["--out".to_string(), name.clone()]);
    let typed = format!("econc {}", words.join(" "));
    let record = folder.join(format!("{name}.json"));
    let kept = std::fs::read(&record)
        .ok()
        .and_then(|b| serde_json::from_slice::<Value>(&b).ok());
    if let Some(mut kept) = kept.filter(|k| k["command"] == typed.as_str() && store::open_complete(&directory).is_ok())
    {
        return Ok(Done {
            name: run.name.clone(),
            command: typed,
            directory,
            output: kept["output"].take(),
        });
    }
    // What is left of a run that was interrupted goes on; what is left of another one gives way.
    let standing = store::interrupted(&directory).and_then(|left| store::inspect(&left));
    let began = !directory.exists() && standing.is_ok_and(|(_, status)| status == store::Status::Interrupted);
    match words.first().filter(|_| began).cloned() {
        Some(action) => words = vec![action, "--resume".into(), name.clone()],
        None => words.push("--force".into()),
    }
    if let Some(n) = globals.threads {
        words.extend(["--threads".to_string(), n.to_string()]);
    }
    screen.remark(&typed);
    let output = output(&words, folder, &typed)?;
    let whole = serde_json::json!({ "command": typed, "output": output });
    std::fs::write(&record, whole.to_string()).map_err(|e| unwritten(&record, &e))?;
    Ok(Done {
        name: run.name.clone(),
        command: typed,
        directory,
        output,
    })
}

/// What econc prints as JSON after these words, in `folder`.
fn output(words: &[String], folder: &Path, typed: &str) -> Result<Value, Diagnostic> {
    let failed = |why: String| {
        Diagnostic::error("E0971", "a run of the exercise failed")
            .note(why)
            .hint(format!("to see it alone, in {}:  {typed}", folder.display()))
    };
    let mut child = match super::PROGRAM.get().and_then(|p| p.split_first()) {
        Some((program, first)) => {
            let mut child = Command::new(program);
            child.args(first);
            child
        }
        None => Command::new(std::env::current_exe().map_err(|e| failed(e.to_string()))?),
    };
    let child = child
        .args(words)
        .arg("--json")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|e| failed(e.to_string()))?;
    // What it prints is read on the side, so that a stop is seen at once: it ends the run as well, which is resumed next time.
    let pipe = child.stdout.take();
    let reading = std::thread::spawn(move || {
        let mut text = Vec::new();
        pipe.map(|mut p| p.read_to_end(&mut text));
        text
    });
    let status = loop {
        if limits::going(limits::poll).is_none() {
            let _ = child.kill();
            let _ = child.wait();
            limits::leave();
        }
        match child.try_wait().map_err(|e| failed(e.to_string()))? {
            Some(status) => break status,
            None => std::thread::sleep(std::time::Duration::from_millis(50)),
        }
    };
    let text = reading.join().unwrap_or_default();
    limits::poll();
    let printed: Value = serde_json::from_slice(&text).map_err(|e| failed(e.to_string()))?;
    if status.success() {
        return Ok(printed);
    }
    let said = printed["diagnostics"].as_array().into_iter().flatten();
    let words: Vec<String> = said
        .filter(|d| d["severity"] == "error")
        .map(|d| {
            format!(
                "{} {}",
                d["code"].as_str().unwrap_or_default(),
                d["headline"].as_str().unwrap_or_default()
            )
        })
        .collect();
    Err(failed(words.join("; ")))
}

/// The number that stands somewhere.
fn value(read: &Read, done: &[Done]) -> Option<f64> {
    let of = |name: &String| done.iter().find(|d| d.name == *name);
    match read {
        Read::Cell { run, table, column, at } => {
            let table = &of(run)?.output["tables"][table];
            let columns: Vec<(&Value, f64)> = at.iter().map(|(name, x)| (&table[name], *x)).collect();
            let cells = table[column].as_array()?;
            let row = (0..cells.len()).find(|i| columns.iter().all(|(c, x)| c[i].as_f64() == Some(*x)))?;
            cells[row].as_f64()
        }
        Read::Named {
            run,
            table,
            name,
            column,
        } => named(&of(run)?.output["tables"][table], name, column),
        Read::Mean { run, row } => named(&of(run)?.output["tables"]["summary"], row, "mean"),
        Read::Seeds { run, column } => {
            let numbers = seeds(&of(run)?.output, column)?;
            Some(statistics::mean(&numbers))
        }
        Read::Fact { run, name } => of(run)?.output["facts"][name].as_str()?.parse().ok(),
        Read::Solution { run, column, at, row } => solution(&of(run)?.directory, column, at, *row),
        Read::Parameter { model, name } => {
            let template = TEMPLATES.iter().find(|t| t.name == model)?;
            let (model, _) = crate::compile(template.source, &crate::Options::default());
            model?.params.iter().find(|p| p.name == *name)?.values.first().copied()
        }
    }
}

/// The number of a table in the row whose `name` is this one.
fn named(table: &Value, name: &str, column: &str) -> Option<f64> {
    let at = table["name"].as_array()?.iter().position(|n| n == name)?;
    table[column][at].as_f64()
}

/// A column of the table of seeds: one number per seed.
fn seeds(output: &Value, column: &str) -> Option<Vec<f64>> {
    let cells = output["tables"]["seeds"][column].as_array()?;
    let numbers: Option<Vec<f64>> = cells.iter().map(Value::as_f64).collect();
    numbers.filter(|n| !n.is_empty())
}

/// Between what the mean over seeds lies with 95 %, where a row is one and there are several (percentile bootstrap).
fn interval(read: &Read, done: &[Done]) -> Option<(f64, f64)> {
    let Read::Seeds { run, column } = read else { return None };
    let numbers = seeds(&done.iter().find(|d| d.name == *run)?.output, column)?;
    let mut rng = Stream::new(1, 0);
    (numbers.len() > 1).then(|| statistics::bootstrap(&numbers, statistics::mean, 0.95, 2000, &mut rng))
}

/// A number in the table of a solution.
fn solution(directory: &Path, column: &str, at: &[(String, f64)], row: usize) -> Option<f64> {
    let mut reader = csv::Reader::from_path(directory.join("solution.csv")).ok()?;
    let heading = reader.headers().ok()?.clone();
    let place = |name: &str| heading.iter().position(|h| h == name);
    let wanted = place(column)?;
    let at: Vec<(usize, f64)> = at.iter().map(|(n, x)| Some((place(n)?, *x))).collect::<Option<_>>()?;
    let mut rows = reader.records().filter_map(Result::ok).filter(|r| {
        limits::poll();
        at.iter()
            .all(|(k, x)| r.get(*k).and_then(|t| t.parse::<f64>().ok()) == Some(*x))
    });
    rows.nth(row.checked_sub(1)?)?.get(wanted)?.parse().ok()
}

/// Whether a number is what it should be; `None` where that is not judged.
fn agrees(row: &Row, found: Option<f64>, long: bool) -> Option<bool> {
    let Some(x) = found else { return Some(false) };
    let within = row.within.filter(|_| long || !row.of_long)?;
    let wanted = row.exact.or(row.recorded)?;
    Some((x - wanted).abs() <= within)
}

/// What the rows of an exercise came to: one entry per row each.
struct Known {
    /// The numbers.
    found: Vec<Option<f64>>,
    /// Their intervals over seeds.
    between: Vec<Option<(f64, f64)>>,
    /// Whether they are what they should be.
    agree: Vec<Option<bool>>,
}

/// The report; `exact` for programs, else with as many digits as a comparison needs.
fn content(name: &str, e: &Exercise, done: &[Done], known: &Known, exact: bool) -> Content {
    let word = |a: &Option<bool>| match a {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "not judged",
    };
    let column = |table: Table, name: &str, numbers: Vec<Option<f64>>| match exact {
        true => table.numbers(name, numbers.iter().map(|x| x.unwrap_or(f64::NAN)).collect()),
        false => {
            let text = |x: &Option<f64>| x.map_or(String::new(), |x| number::significant(x, DIGITS));
            table.texts(name, numbers.iter().map(text).collect())
        }
    };
    let rows = |of: &dyn Fn(&Row) -> Option<f64>| e.rows.iter().map(of).collect::<Vec<_>>();
    let mut table = Table::new().texts("what", e.rows.iter().map(|r| r.what.clone()).collect());
    table = column(table, "found", known.found.clone());
    if exact || known.between.iter().any(Option::is_some) {
        let end = |of: &dyn Fn(&(f64, f64)) -> f64| known.between.iter().map(|b| b.as_ref().map(of)).collect();
        table = column(table, "from", end(&|b| b.0));
        table = column(table, "to", end(&|b| b.1));
    }
    table = column(table, "recorded", rows(&|r| r.recorded));
    table = column(table, "exact", rows(&|r| r.exact));
    table = table
        .numbers(
            "within",
            rows(&|r| r.within).iter().map(|x| x.unwrap_or(f64::NAN)).collect(),
        )
        .texts("agrees", known.agree.iter().map(|a| word(a).to_string()).collect());
    let time = |d: &Done| d.output["facts"]["time"].as_str().unwrap_or_default().to_string();
    let place = |d: &Done| {
        d.directory
            .file_name()
            .map_or(String::new(), |n| n.to_string_lossy().into_owned())
    };
    let runs = Table::new()
        .texts("run", done.iter().map(place).collect())
        .texts("command", done.iter().map(|d| d.command.clone()).collect())
        .texts("time", done.iter().map(time).collect());
    Content {
        model: name.to_string(),
        title: e.title.clone(),
        headline: e.source.clone(),
        tables: vec![
            NamedTable {
                stem: "runs".into(),
                caption: "Commands".into(),
                table: runs,
                on_screen: usize::MAX,
            },
            NamedTable {
                stem: "numbers".into(),
                caption: "Numbers".into(),
                table,
                on_screen: usize::MAX,
            },
        ],
        no_plots: "they stand in the reports of the runs above".into(),
        runs: done.iter().map(place).collect(),
        ..Content::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_over_seeds_is_read_with_its_interval() {
        let output = serde_json::json!({ "tables": { "seeds": { "seed": [1, 2, 3], "distance to exact": [0.01, 0.02, 0.06] } } });
        let done = [Done {
            name: "trained".into(),
            command: String::new(),
            directory: PathBuf::new(),
            output,
        }];
        let read = |run: &str, column: &str| Read::Seeds {
            run: run.into(),
            column: column.into(),
        };
        let known = read("trained", "distance to exact");
        assert!((value(&known, &done).unwrap() - 0.03).abs() < 1e-12);
        let (from, to) = interval(&known, &done).unwrap();
        assert!((0.01..0.03).contains(&from) && to > 0.03 && to <= 0.06, "{from} {to}");
        assert_eq!(value(&read("trained", "nothing"), &done), None);
        assert_eq!(value(&read("other", "seed"), &done), None);
    }

    #[test]
    fn a_number_agrees_with_the_exact_one_or_else_with_the_recorded_one() {
        let row = |recorded: Option<f64>, exact: Option<f64>, of_long: bool| Row {
            what: String::new(),
            read: Read::Mean {
                run: String::new(),
                row: String::new(),
            },
            recorded,
            exact,
            within: Some(0.1),
            of_long,
            note: String::new(),
        };
        assert_eq!(agrees(&row(Some(5.0), Some(1.0), false), Some(1.05), false), Some(true));
        assert_eq!(
            agrees(&row(Some(1.0), Some(5.0), false), Some(1.05), false),
            Some(false)
        );
        assert_eq!(agrees(&row(Some(1.0), None, false), Some(1.2), false), Some(false));
        assert_eq!(agrees(&row(Some(1.0), None, true), Some(1.2), false), None);
        assert_eq!(agrees(&row(Some(1.0), None, true), Some(1.2), true), Some(false));
        // What cannot be read agrees with nothing.
        assert_eq!(agrees(&row(Some(1.0), None, true), None, false), Some(false));
    }
}
