//! Pictures of plausible data: well-formed, with every name in them, the same each time; and of no data at all.
//! With `ECONC_PICTURES=DIR` they are also written there, to be looked at.

use super::*;
use crate::report::npy::GridAxis;

fn keep(name: &str, picture: &Picture) -> String {
    let svg = picture.to_svg().unwrap();
    assert_eq!(svg, picture.to_svg().unwrap());
    assert!(svg.starts_with("<svg role=\"img\" width="), "{}", &svg[..80]);
    assert!(svg.trim_end().ends_with("</svg>"));
    assert!(!svg.contains("NaN") && !svg.contains("inf\""));
    if let Ok(directory) = std::env::var("ECONC_PICTURES") {
        std::fs::write(std::path::Path::new(&directory).join(format!("{name}.svg")), &svg).unwrap();
    }
    svg
}

fn capital() -> Vec<f64> {
    (0..120).map(|i| 0.5 * (40.0f64).powf(f64::from(i) / 119.0)).collect()
}

fn policy(states: usize) -> GridFunction {
    let z: Vec<f64> = (0..states)
        .map(|j| 0.9 + 0.2 * j as f64 / (states.max(2) - 1) as f64)
        .collect();
    let k = capital();
    let values = z
        .iter()
        .flat_map(|z| k.iter().map(move |k| 0.55 - 0.12 * k.ln() + 0.4 * (z - 1.0)))
        .collect();
    let axis = |name: &str, v: Vec<f64>| GridAxis {
        name: name.into(),
        points: Points::Numbers(v),
    };
    GridFunction::new("s", vec![axis("z", z), axis("k", k)], values).unwrap()
}

fn doc(name: &str) -> String {
    match name {
        "s" => "saving rate",
        "k" => "capital",
        "h" => "capital of the other sector",
        _ => "",
    }
    .to_string()
}

#[test]
fn a_policy_is_drawn_by_shock_state() {
    for states in [1, 2, 5, 15] {
        let pictures = of_grid_function(&policy(states), &doc);
        assert_eq!(pictures.len(), 1);
        let svg = keep(&format!("policy-{states}"), &pictures[0]);
        assert!(svg.contains("saving rate (s)") && svg.contains("capital (k)"));
        assert!(svg.matches("<polyline").count() > states);
        assert_eq!(svg.contains("z = "), states > 1);
    }
}

#[test]
fn a_function_of_two_states_is_also_a_heat_map() {
    let k: Vec<f64> = (0..60).map(|i| 0.5 + 0.2 * f64::from(i)).collect();
    let h: Vec<f64> = (0..40).map(|i| 1.0 + 0.1 * f64::from(i)).collect();
    let values = h.iter().flat_map(|h| {
        k.iter().map(move |k| {
            if *k > 11.0 && *h < 1.5 {
                f64::NAN
            } else {
                (k * h).sqrt()
            }
        })
    });
    let axis = |name: &str, v: &Vec<f64>| GridAxis {
        name: name.into(),
        points: Points::Numbers(v.clone()),
    };
    let f = GridFunction::new("s", vec![axis("h", &h), axis("k", &k)], values.collect()).unwrap();
    let pictures = of_grid_function(&f, &doc);
    assert_eq!(pictures.len(), 2);
    keep("curves-2d", &pictures[0]);
    let svg = keep("heat", &pictures[1]);
    assert!(svg.contains("capital of the other sector (h)"));
    // One path a colour; every cell is covered, and where there is no number, too.
    assert!(svg.matches("<path style=").count() > 50 && svg.contains("fill:#d9dce0"));
    assert!(svg.len() < 70_000, "{}", svg.len());
}

#[test]
fn choices_are_called_by_their_names() {
    let panel = Panel {
        series: vec![Series::line("", vec![0.0, 1.0, 2.0], vec![1.0, 0.0, 1.0])],
        x_names: vec![(0.0, "low".into()), (1.0, "middle".into()), (2.0, "high".into())],
        y_names: vec![(0.0, "reject".into()), (1.0, "accept".into())],
        ..Panel::default()
    };
    let picture = Picture::Lines(Figure::single("Choice", panel));
    let svg = keep("names", &picture);
    for name in ["low", "middle", "high", "reject", "accept"] {
        assert!(svg.contains(&format!(">\n{name}\n")), "{name}: {svg}");
    }
    assert!(!svg.contains(">\n0.5\n"), "{svg}");
    assert!(picture.drawn().unwrap().data.contains("\"names\":[[[0.0,\"low\"]"));
    let text = picture.to_terminal(60, false);
    assert!(
        text.contains("accept │") && text.contains("reject │") && text.contains("low") && text.contains("high"),
        "{text}"
    );
}

#[test]
fn euler_errors_are_shown_as_powers_of_ten() {
    let k = capital();
    let curve = |a: f64| {
        k.iter()
            .map(|k| a * 1e-5 * ((k * 3.0).sin().abs() + 1e-3))
            .collect::<Vec<f64>>()
    };
    let picture = euler_errors(
        "capital (k)",
        vec![
            ("z = low".into(), k.clone(), curve(1.0)),
            ("z = high".into(), k.clone(), curve(3.0)),
        ],
        Some(1e-4),
    );
    let svg = keep("euler", &picture);
    assert!(svg.contains("bound 10^-4"), "{svg}");
}

fn wave(seed: f64, n: u32) -> Vec<f64> {
    let mut x = 0.0;
    (0..n)
        .map(|t| {
            x = 0.9 * x + 0.3 * (f64::from(t) * 12.9898 + seed).sin() * (f64::from(t * t) * 0.37 + seed).cos();
            x
        })
        .collect()
}

#[test]
fn paths_are_small_multiples_with_one_legend() {
    let names = [
        "capital (k)",
        "output (y)",
        "consumption (c)",
        "wage (w)",
        "interest rate (r)",
        "employment",
    ];
    let variables = names
        .iter()
        .enumerate()
        .map(|(i, n)| {
            (
                n.to_string(),
                vec![
                    ("PPO".to_string(), wave(i as f64, 200)),
                    ("planner".to_string(), wave(i as f64 + 0.1, 200)),
                ],
            )
        })
        .collect();
    let svg = keep("paths", &paths("A boom and a bust", variables));
    assert_eq!(svg.matches(">\nplanner").count(), 1);
    assert!(names.iter().all(|n| svg.contains(n)));
}

#[test]
fn impulse_responses_stand_around_zero() {
    let response = |rho: f64, a: f64| (0..40).map(|t| a * rho.powi(t)).collect::<Vec<f64>>();
    let around = |y: &[f64]| {
        let band = |s: f64| y.iter().map(|v| v + s).collect::<Vec<f64>>();
        Some((band(-0.1), band(0.1)))
    };
    let y = response(0.9, 1.0);
    let svg = keep(
        "impulse",
        &impulse_responses(
            "Response to a productivity impulse of 1 %",
            "percent of the steady state",
            vec![
                ("output".into(), y.clone(), around(&y)),
                ("capital".into(), response(0.97, 0.5), None),
                ("hours".into(), response(0.8, -0.3), None),
                ("consumption".into(), response(0.95, 0.4), None),
            ],
        ),
    );
    assert_eq!(svg.matches("<polygon").count(), 1);
}

#[test]
fn learning_curves_show_mean_band_seeds_and_benchmark() {
    let steps: Vec<f64> = (0..200).map(|i| f64::from(i) * 5000.0).collect();
    let learner = |top: f64| {
        (0..5)
            .map(|s| {
                wave(f64::from(s) * 3.3 + top, 200)
                    .iter()
                    .zip(&steps)
                    .map(|(e, x)| top * (1.0 - (-x / 150_000.0).exp()) + 0.05 * e)
                    .collect()
            })
            .collect::<Vec<Vec<f64>>>()
    };
    let svg = keep(
        "learning",
        &learning_curves(
            None,
            "return of an episode",
            vec![
                ("PPO".into(), steps.clone(), learner(1.0)),
                ("SAC".into(), steps.clone(), learner(0.9)),
            ],
            vec![("planner".into(), 1.04)],
        ),
    );
    assert_eq!(svg.matches("<polygon").count(), 2);
    assert!(svg.contains("planner"));
}

#[test]
fn nothing_to_show_is_said_and_odd_data_do_no_harm() {
    let empty = Picture::Lines(Figure::single("Empty", Panel::default()));
    assert!(keep("empty", &empty).contains("no data"));
    let none = Picture::Lines(Figure {
        panels: vec![],
        ..Figure::single("None", Panel::default())
    });
    keep("none", &none);
    let odd = Picture::Lines(Figure::single(
        "a < b & \"c\"",
        Panel {
            series: vec![
                Series::line("short", vec![1.0], vec![2.0]),
                Series::line("uneven", vec![1.0, 2.0, 3.0], vec![1e-3]),
                Series::line("gone", vec![f64::NAN; 3], vec![1.0; 3]),
                Series::line("huge", vec![0.0, 1.0], vec![1e300, -1e300]).band(vec![0.0], vec![1.0, 2.0, 3.0]),
            ],
            ..Panel::default()
        },
    ));
    assert!(keep("odd", &odd).contains("a &lt; b &amp; "));
    let map = HeatMap {
        title: "m".into(),
        subtitle: String::new(),
        x_label: "x".into(),
        y_label: "y".into(),
        value_label: "v".into(),
        x: vec![],
        y: vec![],
        values: vec![],
    };
    keep("no-map", &Picture::Heat(map.clone()));
    let wrong = HeatMap {
        values: vec![1.0],
        ..map
    };
    assert_eq!(Picture::Heat(wrong).to_svg().unwrap_err().code, "E0959");
}

/// How bright a colour is, 0 to 1 (the relative luminance of the Web Content Accessibility Guidelines).
fn luminance(c: [f64; 3]) -> f64 {
    let linear = |x: f64| match x / 255.0 {
        x if x <= 0.04045 => x / 12.92,
        x => ((x + 0.055) / 1.055).powf(2.4),
    };
    0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2])
}

fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn every_colour_is_seen_by_day_and_at_night_and_neighbours_are_told_apart() {
    use crate::report::night::by_night;
    use crate::report::text::{CATEGORIES, Rgb, WHITE};
    let numbers = |c: Rgb| [c.0, c.1, c.2].map(f64::from);
    let white = [255.0; 3];
    let paper = numbers(by_night(WHITE));
    for i in 0..=20 {
        let ink = super::lines::ramp(f64::from(i) / 20.0);
        let (day, night) = (contrast(numbers(ink), white), contrast(numbers(by_night(ink)), paper));
        assert!(day >= 3.0 && night >= 3.0, "{i}: {day:.2} {night:.2}");
    }
    let apart = |a: Rgb, b: Rgb| {
        let (a, b) = (numbers(a), numbers(b));
        (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt()
    };
    // Five curves of a ramp, and the categories one after the other, at night as by day.
    let ramp: Vec<Rgb> = (0..5)
        .map(|i| by_night(super::lines::ramp(f64::from(i) / 4.0)))
        .collect();
    assert!(ramp.windows(2).all(|p| apart(p[0], p[1]) > 40.0), "{ramp:?}");
    let night = CATEGORIES.map(by_night);
    for (i, c) in night.iter().enumerate() {
        assert!(contrast(numbers(*c), paper) >= 3.0, "{c:?}");
        assert!(night[..i].iter().all(|d| apart(*c, *d) > 60.0), "{i}: {night:?}");
    }
    // The end of the whole ramp is not.
    assert!(contrast(numbers(crate::report::text::viridis(0.88)), white) < 2.0);
}
