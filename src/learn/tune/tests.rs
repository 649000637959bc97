//! Spaces of settings, trials and what a search goes on with.

use super::*;
use crate::learn::methods::LEARNERS;

fn read(text: &str) -> Dimension {
    dimension("ppo", text).unwrap()
}

#[test]
fn ranges_and_choices_are_read_as_the_kind_of_their_option() {
    let (lo, hi) = (1e-4, 1e-2);
    assert_eq!(
        read("learning_rate=1e-4..1e-2:log").range,
        Range::Numbers { lo, hi, log: true }
    );
    let (lo, hi) = (0.9, 1.0);
    assert_eq!(
        read(" gae_lambda = 90% .. 1 ").range,
        Range::Numbers { lo, hi, log: false }
    );
    let (lo, hi) = (1, 1000);
    assert_eq!(read("horizon=1..1_000:log").range, Range::Whole { lo, hi, log: true });
    // An option that may be `none` is searched as a number, or among choices.
    assert!(matches!(read("target_kl=0.01..0.1").range, Range::Numbers { .. }));
    let list = |x: &[f64]| Value::List(x.iter().map(|v| Value::Number(*v)).collect());
    assert_eq!(
        read("network=[32,32]|64,64").range,
        Range::Choices(vec![list(&[32.0, 32.0]), list(&[64.0, 64.0])])
    );
    assert_eq!(
        read("anneal=true|false").range,
        Range::Choices(vec![Value::Bool(true), Value::Bool(false)])
    );
    for text in [
        "learning_rate=1e-4..0.01:log",
        "clip=0.1..0.3",
        "epochs=2..8",
        "network=[32, 32]|[64, 64]",
        "target_kl=none|0.01",
    ] {
        assert_eq!(read(text).to_string(), text);
    }
}

#[test]
fn what_is_no_range_is_an_error_with_what_to_type() {
    for (text, code, words) in [
        ("learning_rate", "E0940", "KEY=RANGE"),
        ("learnign_rate=1e-4..1e-2", "E0801", "did you mean `learning_rate`?"),
        ("seeds=1..5", "E0801", "--with seeds=VALUE"),
        ("steps=1..5", "E0940", "--with steps=100_000"),
        ("learning_rate=1e-2..1e-4", "E0940", "--search learning_rate=1e-4..0.01"),
        ("learning_rate=0.1..0.1", "E0940", "--with learning_rate=0.1"),
        ("learning_rate=0..0.1:log", "E0940", "learning_rate=1e-4..0.1:log"),
        ("learning_rate=0.1..0.2:5", "E0940", "`5` is no scale"),
        ("learning_rate=0.1", "E0940", "--with learning_rate=0.1"),
        ("learning_rate=..", "E0940", "the ends must be numbers"),
        ("learning_rate=0.1..inf", "E0940", "the ends must be numbers"),
        ("value_weight=-1e308..1e308", "E0940", "too wide"),
        ("learning_rate=1..2..3", "E0940", "the ends must be numbers"),
        ("learning_rate=0.1|0.1", "E0940", "named twice"),
        ("learning_rate=0.1||0.2", "E0940", "one value"),
        ("epochs=1.5..4", "E0940", "--search epochs=1..4"),
        ("epochs=-1..4", "E0940", "--search epochs=0..4"),
        ("epochs=0..4:log", "E0940", "above 0"),
        ("network=1..4", "E0940", "[32,32]|[64,64]"),
        ("activation=1..4", "E0940", "activation=tanh|relu"),
        ("anneal=0..1", "E0940", "anneal=true|false"),
    ] {
        let d = dimension("ppo", text).unwrap_err();
        let said = format!(
            "{} {} {}",
            d.headline,
            d.notes.join(" "),
            d.hint.clone().unwrap_or_default()
        );
        assert!(d.code == code && said.contains(words), "{text}: {} {said}", d.code);
    }
    assert_eq!(dimension("pppo", "a=1..2").unwrap_err().code, "E0804");
    let twice = ["clip=0.1..0.2".to_string(), "clip=0.1|0.2".to_string()];
    assert_eq!(space("ppo", &twice, &[]).unwrap_err()[0].code, "E0940");
    assert_eq!(
        space("ppo", &twice[..1], &["clip".to_string()]).unwrap_err()[0].code,
        "E0940"
    );
}

#[test]
fn every_learner_has_a_space_of_its_own_with_its_present_settings_inside() {
    for learner in LEARNERS {
        let found = space(learner.method, &[], &[]).unwrap();
        assert!((3..=5).contains(&found.len()), "{}", learner.method);
        let table = (learner.table)();
        let standing: Vec<Value> = found
            .iter()
            .map(|d| Value::parse(&table.iter().find(|o| o.key == d.key).unwrap().default))
            .collect();
        let drawn = trials(&found, 3, 1, &standing);
        let first: Vec<Value> = drawn[0].options.iter().map(|(_, v)| v.clone()).collect();
        assert_eq!(first, standing, "{}", learner.method);
        let fixed: Vec<String> = found.iter().map(|d| d.key.clone()).collect();
        assert_eq!(space(learner.method, &[], &fixed[..1]).unwrap().len(), found.len() - 1);
        assert_eq!(space(learner.method, &[], &fixed).unwrap_err()[0].code, "E0940");
    }
}

#[test]
fn draws_fill_the_space_evenly_and_depend_on_seed_trial_and_option_only() {
    let found = [
        read("learning_rate=1e-4..1e-2:log"),
        read("epochs=2..4"),
        read("network=[8]|[16]"),
        read("horizon=1..100:log"),
    ];
    let many = trials(&found, 3000, 7, &[]);
    assert_eq!(many[..10], trials(&found, 10, 7, &[])[..]);
    assert_ne!(many[..10], trials(&found, 10, 8, &[])[..]);
    let number = |t: &Trial, i: usize| match t.options[i].1 {
        Value::Number(x) => x,
        _ => panic!("no number"),
    };
    let share = |i: usize, below: f64| many.iter().filter(|t| number(t, i) <= below).count() as f64 / 3000.0;
    assert!((share(0, 1e-3) - 0.5).abs() < 0.03);
    assert!((share(1, 2.0) - 1.0 / 3.0).abs() < 0.03 && share(1, 4.0) == 1.0);
    // ln(1.5 / 0.5) / ln(100.5 / 0.5)
    assert!((share(3, 1.0) - 0.207).abs() < 0.03 && share(3, 0.0) == 0.0 && share(3, 100.0) == 1.0);
    for t in &many {
        assert!(
            found
                .iter()
                .zip(&t.options)
                .all(|(d, (k, v))| d.key == *k && d.range.contains(v))
        );
        assert!(Value::Number(number(t, 0)).show().len() <= 8, "{}", number(t, 0));
    }
    // No settings twice: a small space is tried as a whole.
    let small = [read("epochs=2..4"), read("anneal=true|false")];
    let whole = trials(&small, 100, 7, &[Value::Number(3.0), Value::Bool(true)]);
    let shown: HashSet<String> = whole.iter().map(|t| format!("{:?}", t.options)).collect();
    assert_eq!((whole.len(), shown.len()), (6, 6));
    assert_eq!(whole[0].options[0].1, Value::Number(3.0));
    // Narrow ranges keep their digits.
    let narrow = read("gae_lambda=0.99991..0.99999").range;
    assert_ne!(narrow.at(0.5), narrow.at(0.51));
    // Far from the present settings nothing stands.
    let far = trials(&found[..1], 2, 7, &[Value::Number(0.5)]);
    assert_eq!(far, trials(&found[..1], 2, 7, &[]));
}

fn rungs(list: &[Rung]) -> Vec<(usize, u64)> {
    list.iter().map(|r| (r.trials, r.steps)).collect()
}

#[test]
fn halving_is_the_brackets_of_the_paper() {
    // Li et al. (2018), table 1: R = 81, eta = 3, brackets s = 4, s = 2 and s = 1.
    let most = [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)];
    assert_eq!(rungs(&halving(81, 81, 3, 1)), most);
    assert_eq!(rungs(&halving(9, 81, 3, 1)), [(9, 9), (3, 27), (1, 81)]);
    assert_eq!(rungs(&halving(6, 81, 3, 27)), [(6, 27), (2, 81)]);
    // By hand: 27 * 1 + 9 * 2 + 3 * 6 + 1 * 18, as who goes on does not begin again.
    assert_eq!(total_steps(&halving(27, 27, 3, 1)), 81);
    assert_eq!(total_steps(&random(27, 27)), 27 * 27);
    // Not a power, more trials than steps, one trial.
    assert_eq!(
        rungs(&halving(32, 1000, 3, 1)),
        [(32, 38), (10, 112), (3, 334), (1, 1000)]
    );
    assert_eq!(rungs(&halving(16, 5, 2, 1)), [(16, 2), (8, 3), (4, 5)]);
    assert_eq!(rungs(&halving(2, 100, 3, 1)), [(2, 100)]);
    assert_eq!(rungs(&halving(1, u64::MAX, 2, 1)), [(1, u64::MAX)]);
    for n in 1..200 {
        for least in [1, 10, 1000] {
            let all = halving(n, 777, 4, least);
            assert!(
                all.windows(2)
                    .all(|w| w[0].steps < w[1].steps && w[0].trials >= 4 * w[1].trials)
            );
            assert!(all[0].trials == n && all.last().unwrap().steps == 777);
            assert!(all.len() == 1 || all[0].steps >= least);
        }
    }
}

#[test]
fn a_budget_says_how_long_trials_train() {
    for budget in [81, 100, 12_345, 1_000_000_007] {
        let plan = |steps| halving(27, steps, 3, 1);
        let steps = steps_within(budget, |s| Some(plan(s))).unwrap();
        assert!(total_steps(&plan(steps)) <= budget && total_steps(&plan(steps + 1)) > budget);
    }
    assert_eq!(steps_within(80, |s| Some(random(8, s))), Some(10));
    assert_eq!(steps_within(7, |s| Some(random(8, s))), None);
    assert_eq!(steps_within(0, |s| Some(random(8, s))), None);
    // A learner that takes 5 steps at least, and plays three at a time.
    let pieces = |s: u64| (s >= 5).then(|| random(8, s.div_ceil(3) * 3));
    assert_eq!(steps_within(48, pieces), Some(6));
    assert_eq!(steps_within(71, pieces), Some(6));
    assert_eq!(steps_within(47, pieces), None);
    assert_eq!(least_steps(pieces), Some(random(8, 6)));
}

fn trial(number: usize, rungs: &[&[Option<f64>]]) -> Trial {
    let score = |x: &Option<f64>| Score {
        steps: 1,
        outcome: x
            .map(|discounted| Measure {
                discounted,
                distance: Some(-discounted),
            })
            .ok_or("E0924 too large".to_string()),
    };
    Trial {
        number,
        options: Vec::new(),
        rungs: rungs.iter().map(|r| r.iter().map(score).collect()).collect(),
    }
}

#[test]
fn the_best_mean_over_seeds_goes_on_and_failures_come_last() {
    let list = [
        trial(1, &[&[Some(1.0), Some(3.0)]]),
        trial(2, &[&[Some(9.0), None]]),
        trial(3, &[&[Some(2.0), Some(2.0)]]),
        trial(4, &[&[Some(5.0), Some(6.0)]]),
        trial(5, &[&[Some(f64::INFINITY), Some(0.0)]]),
    ];
    let all = [0, 1, 2, 3, 4];
    assert_eq!(survivors(&list, &all, 0, 2, Objective::Return), [3, 0]);
    assert_eq!(survivors(&list, &all, 0, 2, Objective::Distance), [3, 0]);
    assert_eq!(survivors(&list, &all, 0, 9, Objective::Return), [3, 0, 2]);
    assert_eq!(survivors(&list, &[2, 0], 0, 1, Objective::Return), [0]);
    assert_eq!(list[1].failure(), Some("E0924 too large"));
    assert_eq!(ranking(&list, Objective::Return), [3, 0, 2, 1, 4]);
    // Further is better, whatever the number where it stopped; a failure is last however far it came.
    let list = [
        trial(1, &[&[Some(8.0)]]),
        trial(2, &[&[Some(9.0)], &[Some(1.0)]]),
        trial(3, &[&[Some(7.0)]]),
        trial(4, &[&[Some(9.5)], &[None]]),
    ];
    assert_eq!(ranking(&list, Objective::Return), [1, 0, 2, 3]);
    let by_distance = [trial(1, &[&[Some(-2.0)]]), trial(2, &[&[Some(-1.0)]])];
    assert_eq!(ranking(&by_distance, Objective::Distance), [1, 0]);
}
