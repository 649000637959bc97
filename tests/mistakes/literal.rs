//! Hints that are followed to the letter: what is typed is what stands in the hint that was printed, with nothing changed but its placeholders.

use super::MODEL;
use Place::{After, Before, Call, End, Line, Span, Text, Top, Word};

/// Where what the hint says is typed.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// In the place of what the message points at.
    Span,
    /// As [`Place::Span`], with the brackets behind it.
    Call,
    /// In the place of the line that the message points at.
    Line,
    /// At the end of that line.
    End,
    /// On a line of its own at the top of the file.
    Top,
    /// On a line of its own before, and after the line of, these words.
    Before(&'static str),
    After(&'static str),
    /// In the place of these words, and of this one.
    Text(&'static str),
    Word(&'static str),
}

/// A right piece of the model, the mistake in its place, the code of the message, words of its hint, their placeholders with what stands for them,
/// and where they are typed.
type Case = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    Place,
);

#[rustfmt::skip]
const CASES: &[Case] = &[
    ("k' = (1", "k = (1", "E0118", "k' = ..", &[("..", "(1 - delta) * k + s * y")], Line),
    ("k' = ", "k(t+1) = ", "E0101", "k' = ..", &[("..", "(1 - delta) * k + s * y")], Line),
    ("k' = ", "k[t+1] = ", "E0118", "k' = ..", &[("..", "(1 - delta) * k + s * y")], Line),
    ("k' = ", "k_{t+1} = ", "E0102", "k' = ..", &[("..", "(1 - delta) * k + s * y")], Line),
    ("k' = ", "k_next = ", "E0118", "k' = ..", &[("..", "(1 - delta) * k + s * y")], Line),
    ("(1 - delta) * k ", "(1 - delta) * k(-1) ", "E0203", "k", &[], Call),
    ("(1 - delta) * k ", "(1 - delta) * k_t ", "E0201", "k", &[], Span),
    ("(1 - delta) * k ", "(1 - delta) * k(t) ", "E0203", "k", &[], Call),
    ("  reward log(c)\n", "", "E0713", "reward ..", &[("..", "log(c)")], After("observe k, z")),
    ("reward log(c)", "utility log(c)", "E0102", "reward log(c)", &[], Line),
    ("reward log(c)", "reward ln(c)", "E0203", "log(x)", &[("(x)", "")], Span),
    ("reward log(c)", "reward c^(1 - gamma) / 2", "E0201", "param gamma = ..", &[("..", "2")], Top),
    ("reward log(c)", "reward log(c) - a_tax", "E0201", "let a_tax = ..", &[("..", "0.1 * k")], Before("reward")),
    ("discount beta", "discount 96", "E0707", "96%", &[], Span),
    ("discount beta", "discount 1.04", "E0707", "1 / 1.04", &[], Span),
    ("beta = 0.96", "beta = 96", "E0403", "96%", &[], Span),
    ("k^alpha", "k**alpha", "E0111", "^", &[], Span),
    ("k^alpha", "k^alhpa", "E0201", "alpha", &[], Span),
    ("sigma: 0.007", "sigma: 0.007, sd: 0.02", "E0603", "ar1(rho: 0.95, sigma: 0.007)", &[], Text("ar1(rho: 0.95, sigma: 0.007, sd: 0.02)")),
    ("ar1(rho: 0.95, sigma: 0.007)", "normal(0, 0.007)", "E0603", "iid normal(..)", &[("..", "0, 0.007")], Text("normal(0, 0.007)")),
    ("verify {", "set g = 1..3\nparam w[g] = [1, 2]\nverify {", "E0308", "write 3 of them", &[("write 3 of them", "[1, 2, 3]")], Text("[1, 2]")),
    ("agent planner {", "noise e ~ discrete([1, 2, 3], [0.5, 0.5])\nagent planner {", "E0602", "discrete([1, 2, 3], [0.2, 0.3, 0.5])", &[], Text("discrete([1, 2, 3], [0.5, 0.5])")),
    ("state k in [0.5, 20], start uniform(2, 8)", "state k = 2 in [0.5, 20]", "E0101", "state k in [0.5, 20], start 2", &[], Line),
    ("reward log(c)", "action d in [keep, drop]\n  reward log(c) - (if d == drop then 0.1 else 0)", "E0201", "action d in {keep, drop}", &[], Line),
    ("reward log(c)", "reward log[c]", "E0201", "log(x)", &[("x", "c")], Span),
    ("observe k, z", "c >= 0.01\n  observe k, z", "E0102", "require c >= 0.01", &[], Line),
    ("action s in [0, 1)\n  let y = exp(z) * k^alpha", "action h in [0.1, 0.9]\n  action s in [0, h]\n  let y = exp(z) * k^alpha * h", "E0501", "require s <= h", &[("require", "action s in [0, 1)\n  require")], Line),
    ("state k in [0.5, 20]", "state k in [0.5; 20]", "E0103", "[0.5, 20]", &[], Span),
    ("state k in [0.5, 20]", "state k in [max(0.1, 0.5); 20 * (1 + 0)]", "E0103", "[max(0.1, 0.5), 20 * (1 + 0)]", &[], Span),
    ("beta = 0.96 in (0, 1)", "beta = 0.96, gamma = 2", "E0101", "param beta = 0.96` and `param gamma = 2", &[("` and `", "\n")], Line),
    ("param beta = 0.96 in (0, 1)", "beta = 0.96", "E0118", "param beta = 0.96", &[], Line),
    ("let c = (1 - s) * y", "c = (1 - s) * y", "E0118", "let c = ..", &[("..", "(1 - s) * y")], Line),
    ("k' = (1 - delta) * k + s * y", "k' = 0.9 * k + 3 + s * y", "W0406", "k' = clamp(.., 0.5, 20)", &[("..", "0.9 * k + 3 + s * y")], Text("k' = 0.9 * k + 3 + s * y")),
    ("verify {", "solve { tol = 1e-8 }\nverify {", "E0801", "tolerance", &[], Word("tol")),
    ("verify {", "solve { grid = 200 }\nverify {", "E0801", "grid.NAME", &[("NAME", "k")], Word("grid")),
    ("verify {", "train ppo { n_steps = 64 }\nverify {", "E0801", "horizon", &[], Word("n_steps")),
    ("verify {", "train dqn { buffer_size = 1000 }\nverify {", "E0801", "memory", &[], Word("buffer_size")),
    ("verify {", "solve { maxit = 100 }\nverify {", "E0801", "iterations", &[], Word("maxit")),
    ("verify {", "solve { method = vfi }\nverify {", "E0804", "value_iteration", &[], Word("vfi")),
    ("verify {", "scenario a { k = 3 }\nverify {", "E0115", "start planner.k = 3", &[], Text("k = 3")),
    ("verify {", "scenario a { start k = 3 }\nverify {", "E0201", "planner.k", &[], Span),
    ("policy_error = 2%", "policy_error = 2", "E0805", "policy_error = 2%", &[], Text("policy_error = 2")),
    ("exp(z)", "exp(z_t)", "E0201", "z", &[], Span),
    ("delta = 0.1 in [0, 1]", "delta = 10", "W0406", "10%", &[], Text("10")),
    ("verify {", "scenario late { force planner.s = 0.3 at 25; periods 25 }\nverify {", "W0817", "periods 26", &[], Text("periods 25")),
    ("ar1(rho: 0.95, sigma: 0.007)", "iid norml(0, 1)", "E0603", "normal", &[], Word("norml")),
    ("ar1(rho: 0.95, sigma: 0.007)", "garch(0.1, 0.8)", "E0603", "ar1", &[("ar1", "ar1(rho: 0.1, sigma: 0.8)")], Text("garch(0.1, 0.8)")),
    ("agent planner {", "noise e ~ ar1(rho: 0.9, sigma: 1)\nagent planner {", "E0606", "noise e ~ normal(0, 1)", &[], Text("noise e ~ ar1(rho: 0.9, sigma: 1)")),
    ("ar1(rho: 0.95, sigma: 0.007)", "markov([low: -0.1, high: 0.1], [[0.9, 0.1], [0.1, 0.9]]), start lo", "E0402", "start low", &[], Text("start lo")),
    ("verify {", "horizon 0\nverify {", "E0405", "horizon 80", &[], Line),
    ("discount beta", "discount -0.9", "E0707", "0.9", &[], Span),
    ("discount beta", "discount 1", "E0707", "0.96", &[], Span),
    ("discount beta", "discount 1.05", "E0707", "1 / 1.05", &[], Span),
    ("  let c", "  % what is eaten\n  let c", "E0111", "# what is eaten", &[], Line),
    ("  let c", "  // eaten\n  let c", "E0111", "#", &[], Span),
    ("= 0.36", "= 36 %", "E0111", "36%", &[], Text("36 %")),
    ("k^alpha", "k % alpha", "E0111", "mod", &[], Span),
    ("verify {", "train ppo { steps = 1M }\nverify {", "E0104", "1_000_000", &[], Text("1M")),
    ("verify {", "train ppo { steps = 200k }\nverify {", "E0104", "200_000", &[], Text("200k")),
    ("= 0.36", "= 0,36", "E0101", "0.36", &[], Text("0,36")),
    ("reward log(c)", "reward = log(c)", "E0101", "reward log(c)", &[], Line),
    ("discount beta", "discount: 0.9", "E0101", "discount 0.9", &[], Line),
    ("discount beta", "discount beta = 0.96", "E0114", "discount 0.96", &[], Line),
    ("observe k, z", "observe: k, z", "E0101", "observe k, z", &[], Line),
    ("observe k, z", "observe k z", "E0101", "k, z", &[("k, z", "observe k, z")], Line),
    ("action s in [0, 1)", "action s = [0, 1)", "E0101", "action s in [0, 1)", &[], Line),
    ("state k in [0.5, 20],", "state k >= 0.5,", "E0101", "state k in [0.5, inf), start uniform(2, 8)", &[], Line),
    ("state k in [0.5, 20], start uniform(2, 8)", "state k = 2", "E0101", "state k in [0, 10], start 2", &[], Line),
    ("start uniform(2, 8)", "start = 2", "E0101", "start 2", &[], Text("start = 2")),
    ("start uniform(2, 8)", "start uniform(2 8)", "E0101", "2, 8", &[], Text("2 8")),
    ("state k in [0.5, 20]", "state k in [20, 0.5]", "E0401", "[0.5, 20]", &[], Span),
    ("reward log(c)", "reward log c", "E0101", "log(c)", &[], Text("log c")),
    ("exp(z)", "exp z", "E0101", "exp(z)", &[], Text("exp z")),
    ("agent planner {", "agent planner[continuum 500] {", "E0101", "[continuum]", &[], Text("[continuum 500]")),
    ("agent planner {", "agents planner {", "E0102", "agent planner {", &[], Line),
    ("agent planner {", "planner {", "E0102", "agent planner {", &[], Line),
    ("observe k, z", "noise e ~ normal(0, 1)\n  observe k, z + e", "E0501", "shock e ~ iid normal(0, 1)", &[], Text("noise e ~ normal(0, 1)")),
    ("observe k, z", "observe k, z\n  policy save = 0.3", "E0714", "planner.s", &[("planner.", "")], Text("save")),
    ("action s in [0, 1)", "action s in 0.1..0.9", "E0405", "[a, b]", &[("a", "0.1"), ("b", "0.9")], Text("0.1..0.9")),
    ("verify {", "solve { grid.k = [1, 5, 3] }\nverify {", "E0805", "[1, 3, 5]", &[], Text("[1, 5, 3]")),
    ("verify {", "solve { grid.k = log(20, 0.5, 100) }\nverify {", "E0805", "log(0.5, 20, 100)", &[], Text("log(20, 0.5, 100)")),
    ("verify {", "solve { grid.k = linspace(1, 5, 30) }\nverify {", "E0805", "uniform(1, 5, 30)", &[], Text("linspace(1, 5, 30)")),
    ("verify {", "solve { chain.z = rouwenhurst(9) }\nverify {", "E0805", "rouwenhorst(9)", &[], Text("rouwenhurst(9)")),
    ("action s in [0, 1)\n", "action s in [0, 1]\n", "W0404", "[0, 1)", &[], Text("[0, 1]\n  let")),
    ("verify {", "verfy {", "E0102", "verify", &[], Span),
    ("verify {", "solve { tolerance = 1e-8, howard = 3 }\nverify {", "E0101", "tolerance = 1e-8; howard = 3", &[], Text("tolerance = 1e-8, howard = 3")),
    ("discount beta", "dicount beta", "E0102", "discount", &[], Span),
    ("observe k, z", "observe k, zz", "E0201", "z", &[], Span),
    ("exp(z)", "exp(Z)", "E0201", "z", &[], Span),
    ("ar1(rho: 0.95, sigma: 0.007)", "AR1(rho: 0.95, sigma: 0.007)", "E0603", "ar1", &[], Word("AR1")),
    ("reward log(c)", "reward log(c) + sqrt(k, 2)", "E0209", "sqrt(x)", &[("x", "k")], Text("sqrt(k, 2)")),
    ("reward log(c)", "reward c > 1", "E0302", "if .. then 1 else 0", &[("..", "c > 1")], Text("c > 1")),
    ("reward log(c)", "reward if c > 1 then c", "E0101", "if a then b else c", &[(" c", " 0"), ("if a then b", "if c > 1 then c")], Text("if c > 1 then c")),
    ("reward log(c)", "reward (log(c)", "E0103", ")", &[], End),
    ("reward log(c)", "reward if c > 1 && k > 2 then c else 0", "E0111", "and", &[], Span),
    ("param beta = 0.96 in (0, 1)", "parameter beta = 0.96", "E0102", "param beta = 0.96", &[], Line),
    ("param beta = 0.96 in (0, 1)\n", "", "E0201", "param beta = ..", &[("..", "0.96")], Top),
    ("shock z ~ ar1(rho: 0.95, sigma: 0.007)", "shock z = ar1(rho: 0.95, sigma: 0.007)", "E0114", "shock z ~ ar1(rho: 0.95, sigma: 0.007)", &[], Line),
    ("k' = (1 - delta) * k + s * y", "k' = (1 - delta) * k + s' * y", "E0505", "s", &[], Text("s'")),
    ("let c = (1 - s) * y", "c = (1 - s) * y", "E0118", "let c = ..", &[("..", "(1 - s) * y")], Line),
    ("let c = (1 - s) * y", "var c = (1 - s) * y", "E0102", "let c = (1 - s) * y", &[], Line),
    ("  k' = (1 - delta) * k + s * y\n", "", "E0701", "k' = ..", &[("..", "(1 - delta) * k + s * y")], Before("observe")),
    ("verify {", "solve { concept = Planner }\nverify {", "E0804", "planner", &[], Span),
    ("verify {", "train pp0 { }\nverify {", "E0804", "ppo", &[], Word("pp0")),
    ("verify {", "train ppo { learning_rat = 1e-3 }\nverify {", "E0801", "learning_rate", &[], Word("learning_rat")),
    ("verify {", "scenario a { force s = 0.3 }\nverify {", "E0201", "planner.s", &[], Span),
    ("verify {", "scenario a { path zz = 1 }\nverify {", "E0201", "z", &[], Span),
    ("rho: 0.95", "rho: 1.05", "E0603", "random_walk(sigma: ..)", &[("..", "0.007")], Text("ar1(rho: 1.05, sigma: 0.007)")),
    ("action s in [0, 1)", "action s in [0, 1) taste gumbel(1)", "E0715", "action d in {keep, replace} taste gumbel(1)", &[("d in {keep, replace}", "s in {0.1, 0.3}")], Line),
    ("let c = (1 - s) * y", "state c = (1 - s) * y", "E0101", "let c = (1 - s) * y", &[], Line),
    ("observe k, z", "observe k and z", "E0302", "observe k, z", &[], Line),
    ("verify {", "concept = planner\nverify {", "E0118", "solve { concept = planner }", &[], Line),
    ("exp(z)", "clip(exp(z), 0, 2)", "E0203", "clamp(x, low, high)", &[("x, low, high", "exp(z), 0, 2")], Text("clip(exp(z), 0, 2)")),
    ("let y = exp(z)", "let y =e= exp(z)", "E0114", "=", &[], Text("=e=")),
    ("let y = exp(z) * k^alpha", "let y = exp(z) * k^alpha\n  let K = mean(planner.k)", "E0304", "agent planner[10] {", &[], Text("agent planner {")),
];

/// The file with `typed` at its place.
fn typed_at(file: &str, at: Option<(usize, usize)>, place: Place, typed: &str) -> Option<String> {
    let (start, end) = at.unwrap_or_default();
    let begins = |i: usize| file[..i].rfind('\n').map_or(0, |n| n + 1);
    let ends = |i: usize| file[i..].find('\n').map_or(file.len(), |n| i + n);
    let put = |from: usize, to: usize, text: &str| format!("{}{text}{}", &file[..from], &file[to..]);
    Some(match place {
        Span => put(start, end, typed),
        Call => put(start, end + file[end..].find(')')? + 1, typed),
        Line => {
            let line = &file[begins(start)..ends(start)];
            let blank = line.len() - line.trim_start().len();
            put(begins(start) + blank, ends(start), typed)
        }
        End => put(ends(start), ends(start), typed),
        Top => put(0, 0, &format!("{typed}\n")),
        Before(words) => {
            let i = file.find(words)?;
            put(i, i, &format!("{typed}\n  "))
        }
        After(words) => {
            let i = ends(file.find(words)?);
            put(i, i, &format!("\n  {typed}"))
        }
        Text(words) => {
            let i = file.find(words)?;
            // The lines that only say where the words stand remain.
            let own = words.find('\n').unwrap_or(words.len());
            put(i, i + own, typed)
        }
        Word(word) => {
            let alone = |i: &usize| {
                let letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
                !letter(file[..*i].chars().next_back()) && !letter(file[*i + word.len()..].chars().next())
            };
            let i = file.match_indices(word).map(|(i, _)| i).find(alone)?;
            put(i, i + word.len(), typed)
        }
    })
}

#[test]
fn hints_are_followed_to_the_letter() {
    let options = econc::Options::default();
    let mut wrong = Vec::new();
    for (right, mistaken, code, words, fills, place) in CASES {
        assert!(MODEL.contains(right), "{right}");
        let file = MODEL.replacen(right, mistaken, 1);
        let (_, found) = econc::compile(&file, &options);
        let said =
            |d: &&econc::diag::Diagnostic| d.code == *code && d.hint.as_deref().is_some_and(|h| h.contains(words));
        let Some(d) = found.iter().find(said) else {
            wrong.push(format!("{mistaken}: no `{words}` in {found:?}"));
            continue;
        };
        let typed = fills
            .iter()
            .fold(words.to_string(), |t, (from, to)| t.replace(from, to));
        let at = d.primary.as_ref().map(|(s, _)| (s.start as usize, s.end as usize));
        let Some(followed) = typed_at(&file, at, *place, &typed) else {
            wrong.push(format!("{mistaken}: nowhere to type {typed}, {place:?}"));
            continue;
        };
        let (model, left) = econc::compile(&followed, &options);
        if model.is_none() || left.iter().any(|d| d.code == *code) {
            wrong.push(format!("{mistaken}: `{typed}` leaves {left:?}"));
        }
    }
    assert!(CASES.len() >= 60);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
