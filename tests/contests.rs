//! Contests among those who know their own value or cost alone, some of whom stand aside: auctions with a reserve price, procurement with a
//! ceiling, contests in which all pay, fees for taking part. Strategies jump at a type that is as well off either way.

use econc::check::model::Model;
use econc::diag::Diagnostic;
use econc::driver::{self, Solved};
use econc::solve::progress::silent;

fn compile(text: &str) -> Model {
    let (model, found) = econc::compile(text, &econc::Options::default());
    model.unwrap_or_else(|| panic!("{text}{found:?}"))
}

fn solve(text: &str) -> Result<Solved, Vec<Diagnostic>> {
    let options = driver::Request {
        seed: 1,
        ..driver::Request::default()
    };
    driver::solve(&compile(text), &options, &mut silent)
}

/// Who `n` are, what they know, choose (up to `most`) and are paid.
fn contest(n: usize, knows: &str, most: f64, best: &str, reward: &str) -> String {
    format!(
        "agent bidder[{n}] {{\n  shock v ~ iid {knows}\n  action b in [0, {most}]\n  let rival = {best}(others(bidder.b))\n  observe v\n  \
         reward {reward}\n}}\nsolve {{ concept = nash }}\n"
    )
}

/// Strategies are those of a formula (`None` where any choice that does not win is as good) within a share of the largest; and they hold. What was
/// solved.
fn right(text: &str, within: f64, formula: &dyn Fn(f64) -> Option<f64>) -> Solved {
    let s = solve(text).unwrap_or_else(|d| panic!("{text}{d:?}"));
    let reasons: Vec<&str> = s.certificate.reasons.iter().map(|d| d.headline.as_str()).collect();
    assert!(s.certificate.passed, "{text}{reasons:?}");
    let largest = s.solution.policy[0].iter().copied().fold(0.0, f64::max);
    for (v, b) in s.solution.chain.values.iter().zip(&s.solution.policy[0]) {
        if let Some(right) = formula(v[0]) {
            assert!(
                (b - right).abs() <= within * largest,
                "{text}at {} it is {b} in place of {right}",
                v[0]
            );
        }
    }
    s
}

#[test]
fn bids_with_a_reserve_price_jump_at_it() {
    for (n, r, unit) in [(2, 0.2, 1.0), (3, 0.2, 1e6), (3, 0.8, 1.0), (5, 0.5, 1.0)] {
        let reward = format!("if b > rival and b >= {} then v - b else 0", r * unit);
        let text = contest(n, &format!("uniform(0, {unit})"), unit, "max", &reward);
        let of = |v: f64| {
            let (v, n) = (v / unit, n as f64);
            let bid = v - (v.powf(n) - f64::powf(r, n)) / (n * v.powf(n - 1.0));
            // Whoever is not worth the reserve price bids less than that.
            match v - r {
                d if d.abs() < 1e-6 => None,
                d => Some(if d > 0.0 { unit * bid } else { 0.0 }),
            }
        };
        right(&text, 6e-3, &of);
    }
}

/// What is known may be a value's rank, of which the value is a root or a power: types of little value have little at stake, and bid right all the
/// same. F(v) = v^(1/k), and b = v - int_r^v F^(n-1) / F(v)^(n-1).
#[test]
fn bids_follow_values_however_they_are_written_down() {
    for (n, k, r) in [
        (3, 0.5, 0.0),
        (2, 0.25, 0.0),
        (2, 4.0, 0.0),
        (5, 2.0, 0.0),
        (3, 0.5, 0.3),
        (2, 2.0, 0.3),
    ] {
        let reward = format!("if b > rival and b >= {r} then u^{k} - b else 0");
        let text = contest(n, "uniform(0, 1)", 1.0, "max", &reward)
            .replace("shock v", "shock u")
            .replace("observe v", "observe u");
        let m = (n - 1) as f64 / k;
        let bid = |u: f64| {
            let v = u.powf(k);
            let paid = v - (v.powf(m + 1.0) - f64::powf(r, m + 1.0)) / ((m + 1.0) * v.powf(m));
            if v > r { paid } else { 0.0 }
        };
        let near = |u: f64| (u.powf(k) - r).abs() < 1e-6;
        let s = right(&text, 6e-3, &|u| (!near(u)).then(|| bid(u)));
        let mean = s
            .certificate
            .moments
            .iter()
            .find(|m| m.name == "bidder.b")
            .map(|m| m.mean);
        let want = (0..10_000).map(|j| bid((j as f64 + 0.5) / 1e4)).sum::<f64>() / 1e4;
        let off = mean.map_or(f64::NAN, |m| (m - want).abs());
        assert!(off <= 3e-3 * want, "{text}the mean bid is {mean:?} in place of {want}");
    }
}

#[test]
fn asks_with_a_ceiling_end_at_it() {
    for (n, ceiling) in [(2, 0.6), (3, 0.3)] {
        let reward = format!("if b < rival and b <= {ceiling} then b - v else 0");
        let text = contest(n, "uniform(0, 1)", 2.0, "min", &reward);
        let of = |c: f64| {
            let n = n as f64;
            let ask = c + ((1.0 - c).powf(n) - f64::powf(1.0 - ceiling, n)) / (n * (1.0 - c).powf(n - 1.0));
            (c <= ceiling).then_some(ask)
        };
        right(&text, 3e-3, &of);
    }
}

/// Whoever enters has to be worth it against those who stand aside: v F(v)^(n-1) is the price of entering.
#[test]
fn where_all_pay_or_entering_costs_few_take_part() {
    for (n, r) in [(2, 0.1), (3, 0.4)] {
        let reward = format!("(if b > rival and b >= {r} then v else 0) - b");
        let text = contest(n, "uniform(0, 1)", 1.0, "max", &reward);
        let n = n as f64;
        let enters = f64::powf(r, 1.0 / n);
        let bid = |v: f64| r + (n - 1.0) / n * (v.powf(n) - r);
        let near = |v: f64| (v - enters).abs() < 1e-6;
        right(&text, 3e-3, &|v| {
            if near(v) {
                None
            } else if v > enters {
                Some(bid(v))
            } else {
                Some(0.0)
            }
        });
    }
    let fee = 0.05;
    let reward = format!("(if b > rival then v - b else 0) - (if b > 0 then {fee} else 0)");
    let text = contest(3, "uniform(0, 1)", 1.0, "max", &reward);
    let enters = f64::powf(fee, 1.0 / 3.0);
    let bid = |v: f64| 2.0 / 3.0 * (v.powf(3.0) - fee) / (v * v);
    let near = |v: f64| (v - enters).abs() < 1e-6;
    right(&text, 5e-3, &|v| {
        if near(v) {
            None
        } else if v > enters {
            Some(bid(v))
        } else {
            Some(0.0)
        }
    });
}

#[test]
fn nobody_enters_above_all_values_and_everybody_below_them() {
    let text = contest(
        2,
        "uniform(0, 1)",
        2.0,
        "max",
        "if b > rival and b >= 1.5 then v - b else 0",
    );
    right(&text, 1e-12, &|_| Some(0.0));
    let text = contest(
        2,
        "uniform(0.5, 1)",
        2.0,
        "max",
        "if b > rival and b >= 0.2 then v - b else 0",
    );
    right(&text, 3e-3, &|v| Some(0.25 + 0.5 * v));
}

/// Games of drawn types do not depend on the unit of money: smooth ones of one draw each, and of several.
#[test]
fn private_costs_do_not_depend_on_the_unit_of_money() {
    for unit in [1.0, 1e6, 1e-6] {
        let text = format!(
            "agent firm[2] {{ shock c ~ iid uniform(1, 5); action q in [0, 10]; observe c; reward {unit} * (p - c) * q }}\n\
             market goods {{ price p = max(6 - sum(firm.q), 0) }}\nsolve {{ concept = nash }}\n"
        );
        // With linear demand each sells (6 - E q - c) / 2, E q = 1.
        right(&text, 3e-3, &|c| Some(0.5 * (5.0 - c)));
        let text = format!(
            "agent firm[2] {{ shock c ~ markov([low: 1, high: 2], [[0.5, 0.5], [0.5, 0.5]]); action q in [0, 10]; observe c; \
             reward {unit} * (p - c) * q }}\nmarket goods {{ price p = 10 - sum(firm.q) }}\nsolve {{ concept = nash }}\n"
        );
        // (10 - E q - c) / 2 with E q = 17 / 6.
        right(&text, 1e-6, &|c| Some(0.5 * (10.0 - 17.0 / 6.0 - c)));
    }
}
