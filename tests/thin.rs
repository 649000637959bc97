//! Requirements that leave thin pieces of a range: one or two, from a tenth to a millionth wide, with and without a wide piece beside them, moving with a state, of
//! two choices together, and thin in two or three choices at once. What passes its certificate must be the best choice, whose value is known from the geometry.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use econc::Options;
use econc::driver::{self, Request};
use econc::solve::progress::silent;

/// Numbers without a pattern in [0, 1).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn between(&mut self, lo: f64, hi: f64) -> f64 {
        lo + (hi - lo) * self.next()
    }
}

/// An economy and its value where it starts.
struct Case {
    text: String,
    value: f64,
}

fn case(kind: usize, w: f64, r: &mut Numbers) -> Case {
    let c = r.between(4.0, 9.0);
    match kind {
        0 => Case {
            text: format!(
                "model one\nagent a {{\n  action x in [0, 10]\n  require abs(x - {c}) <= {w}\n  reward sqrt(x)\n}}\n"
            ),
            value: (c + w).sqrt(),
        },
        1 => Case {
            text: format!(
                "model beside\nagent a {{\n  action x in [0, 10]\n  require x <= 3 or abs(x - {c}) <= {w}\n  reward sqrt(x)\n}}\n"
            ),
            value: (c + w).sqrt(),
        },
        2 => {
            let other = if c > 6.5 { c - 2.0 } else { c + 2.0 };
            // The better piece is either of the two.
            Case {
                text: format!(
                    "model two\nagent a {{\n  action x in [0, 10]\n  require x <= 1 or abs(x - {c}) <= {w} or abs(x - {other}) <= {w}\n  reward -(x - {c})^2\n}}\n"
                ),
                value: 0.0,
            }
        }
        3 => {
            // c + w + b k a period, with k' = .5 k + 1 from 1.
            let b = r.between(-0.3, 0.3);
            let slope = b / (1.0 - 0.9 * 0.5);
            Case {
                text: format!(
                    "model moving\nagent a {{\n  state k in [0, 4], start 1\n  action x in [0, 12]\n  require x <= 2 or abs(x - ({c} + {b} * k)) <= {w}\n  k' = 0.5 * k + 1\n  observe k\n  reward x\n  discount 0.9\n}}\nsolve {{ grid.k = uniform(12); periods = 400; burn_in = 20 }}\n"
                ),
                value: slope + (c + w + 0.9 * slope) / 0.1,
            }
        }
        _ => Case {
            text: format!(
                "model together\nagent a {{\n  action x in [0, 10]\n  action y in [0, 10]\n  require abs(x + y - {c}) <= {w}\n  reward sqrt(x) + sqrt(y)\n}}\n"
            ),
            value: 2.0 * ((c + w) / 2.0).sqrt(),
        },
    }
}

/// The value where the economy starts (its node at 1, or the only one), and whether the certificate passes.
fn solved(text: &str) -> Result<(f64, bool), String> {
    let (model, diagnostics) = econc::compile(text, &Options::default());
    let model = model.unwrap_or_else(|| panic!("{text}\n{diagnostics:?}"));
    let request = Request {
        seed: 1,
        ..Request::default()
    };
    let found = driver::solve(&model, &request, &mut silent).map_err(|d| format!("{:?}", d[0].code))?;
    let s = &found.solution;
    let reader = econc::solve::between::PolicyBetween::new(std::sync::Arc::new(s.clone())).unwrap();
    let start: Vec<f64> = s.states.iter().map(|_| 1.0).collect();
    Ok((reader.value(&reader.spot(0, &[], &start)), found.certificate.passed))
}

/// Pieces that are thin in `d` choices at once beside a wide one, better and worse than it.
fn joint(kind: usize, w: f64, r: &mut Numbers) -> Case {
    let header = |d: usize| {
        let actions: String = (1..=d).map(|i| format!("  action x{i} in [0, 10]\n")).collect();
        format!("model joint\nagent a {{\n{actions}")
    };
    let end = "}\nsolve { periods = 400; burn_in = 20 }\n";
    let d = if kind.is_multiple_of(2) { 2 } else { 3 };
    let sum: String = (1..=d).map(|i| format!("x{i}")).collect::<Vec<_>>().join(" + ");
    match kind {
        // Boxes, whose best corner pays more than the wide piece or less.
        0 | 1 => {
            let own: Vec<[f64; 3]> = (0..d)
                .map(|_| [r.between(0.5, 5.0), r.between(0.5, 2.0) * w, r.between(0.5, 2.0)])
                .collect();
            let near: Vec<String> = (own.iter().enumerate())
                .map(|(i, [c, w, _])| format!("abs(x{} - {c}) <= {w}", i + 1))
                .collect();
            let pays: Vec<String> = own
                .iter()
                .enumerate()
                .map(|(i, o)| format!("{} * x{}", o[2], i + 1))
                .collect();
            let thin: f64 = own.iter().map(|[c, w, p]| p * (c + w)).sum();
            let wide = own.iter().map(|o| 3.0 * o[2]).fold(0.0, f64::max);
            Case {
                text: format!(
                    "{}  require {sum} <= 3 or ({})\n  reward {}\n{end}",
                    header(d),
                    near.join(" and "),
                    pays.join(" + ")
                ),
                value: f64::max(thin, wide),
            }
        }
        // A box that moves with a state: c + b k + w a period and choice, with k' = .5 k + 1 from 1.
        2 | 3 => {
            let b = r.between(-0.2, 0.2);
            let c = r.between(3.0, 6.0);
            let near: Vec<String> = (1..=d).map(|i| format!("abs(x{i} - ({c} + {b} * k)) <= {w}")).collect();
            let slope = b / (1.0 - 0.9 * 0.5);
            Case {
                text: format!(
                    "{}  state k in [0, 4], start 1\n  require {sum} <= 3 or ({})\n  k' = 0.5 * k + 1\n  observe k\n  reward {sum}\n  discount 0.9\n}}\nsolve {{ grid.k = uniform(8); periods = 400; burn_in = 20 }}\n",
                    header(d),
                    near.join(" and ")
                ),
                value: d as f64 * (slope + (c + w + 0.9 * slope) / 0.1),
            }
        }
        // Both of two requirements of several ways each.
        4 => {
            let (c, e) = (r.between(3.0, 9.0), r.between(3.0, 7.9));
            Case {
                text: format!(
                    "{}  require (x1 <= 2 or abs(x1 - {c}) <= {w}) and x2 <= 8\n  require x1 + x2 <= 3 or abs(x2 - x1 - ({e} - {c})) <= {w}\n  reward x1 - abs(x2 - {e})\n{end}",
                    header(2)
                ),
                value: c + w,
            }
        }
        // A band across, beside a wide piece.
        5 => {
            let c = r.between(4.0, 9.0);
            Case {
                text: format!(
                    "{}  require {sum} <= 3 or abs({sum} - {c}) <= {w}\n  reward sqrt(x1) + sqrt(x2) + sqrt(x3)\n{end}",
                    header(3)
                ),
                value: 3.0 * ((c + w) / 3.0).sqrt(),
            }
        }
        // Where two bands cross that are no axes: x1 + x2 = c + w and x1 - 2 x2 = w.
        6 => {
            let c = r.between(4.0, 9.0);
            Case {
                text: format!(
                    "{}  require x1 + x2 <= 3 or (abs(x1 + x2 - {c}) <= {w} and abs(x1 - 2 * x2) <= {w})\n  reward x1 + 0.5 * x2\n{end}",
                    header(2)
                ),
                value: c + w - 0.5 * c / 3.0,
            }
        }
        // A ball.
        _ => {
            let own: Vec<f64> = (0..d).map(|_| r.between(2.0, 6.0)).collect();
            let square: Vec<String> = (own.iter().enumerate())
                .map(|(i, c)| format!("(x{} - {c})^2", i + 1))
                .collect();
            Case {
                text: format!(
                    "{}  require {sum} <= 3 or {} <= {}\n  reward {sum}\n{end}",
                    header(d),
                    square.join(" + "),
                    w * w
                ),
                value: own.iter().sum::<f64>() + w * (d as f64).sqrt(),
            }
        }
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "what was not solved is of interest")]
fn pieces_thin_in_several_choices_at_once_are_found_or_refused() {
    let mut r = Numbers(5);
    let (mut wrong, mut right, mut all) = (Vec::new(), 0, 0);
    for power in 1..=5 {
        let w = 10f64.powi(-power);
        for kind in 0..8 {
            for _ in 0..1 + power % 2 {
                let case = joint(kind, w, &mut r);
                all += 1;
                match solved(&case.text) {
                    // A constraint that is a square holds to 1e-9 of the square.
                    Ok((v, true)) if (v - case.value).abs() <= (1e-6 + 1e-9 / w) * (1.0 + case.value.abs()) => {
                        right += 1
                    }
                    Ok((v, true)) => wrong.push(format!("{v} for {}\n{}", case.value, case.text)),
                    other => println!("{other:?} for {}\n{}", case.value, case.text),
                }
            }
        }
    }
    println!("{right} of {all}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(right * 10 >= all * 9, "{right} of {all}");
}

#[test]
#[expect(clippy::print_stdout, reason = "what was not solved is of interest")]
fn thin_pieces_of_a_range_are_found_or_refused() {
    let mut r = Numbers(12);
    let (mut wrong, mut right, mut all) = (Vec::new(), 0, 0);
    for power in 1..=6 {
        let w = 10f64.powi(-power);
        for kind in 0..5 {
            for _ in 0..2 {
                let case = case(kind, w, &mut r);
                all += 1;
                match solved(&case.text) {
                    Ok((v, true)) if (v - case.value).abs() <= 1e-6 * (1.0 + case.value.abs()) => right += 1,
                    Ok((v, true)) => wrong.push(format!("{v} for {}\n{}", case.value, case.text)),
                    other => println!("{other:?} for {}\n{}", case.value, case.text),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(right * 10 >= all * 9, "{right} of {all}");
}

/// An ellipsoid in two to four choices, and what a weighted sum is at most on it.
#[test]
fn the_best_choice_on_a_curved_limit_is_found_or_refused() {
    let mut r = Numbers(8);
    for d in 2..=4usize {
        for round in 0..4 {
            let size = 10f64.powi(-round);
            let own: Vec<[f64; 3]> = (0..d)
                .map(|_| [r.between(3.0, 7.0), r.between(0.5, 2.0), r.between(0.2, 2.0)])
                .collect();
            let actions: String = (1..=d).map(|i| format!("  action x{i} in [0, 10]\n")).collect();
            let squares: Vec<String> = (own.iter().enumerate())
                .map(|(i, [c, s, _])| format!("{s} * (x{} - {c})^2", i + 1))
                .collect();
            let pays: Vec<String> = own
                .iter()
                .enumerate()
                .map(|(i, o)| format!("{} * x{}", o[2], i + 1))
                .collect();
            let value = own.iter().map(|[c, _, p]| p * c).sum::<f64>()
                + size * own.iter().map(|[_, s, p]| p * p / s).sum::<f64>().sqrt();
            let text = format!(
                "model curved\nagent a {{\n{actions}  require {} <= {}\n  reward {}\n}}\nsolve {{ periods = 400; burn_in = 20 }}\n",
                squares.join(" + "),
                size * size,
                pays.join(" + ")
            );
            let (found, passed) = solved(&text).unwrap_or_else(|code| panic!("{code}\n{text}"));
            assert!(passed, "{text}");
            assert!(
                (found - value).abs() <= (1e-6 + 1e-9 / size) * (1.0 + value),
                "{found} for {value}\n{text}"
            );
        }
    }
}

/// What an `if` pays on a thin piece, or takes away: the best of it and of the wide piece, known from the geometry.
fn paid(kind: usize, w: f64, r: &mut Numbers) -> Case {
    let (c, prize) = (r.between(60.0, 90.0), r.between(0.3, 3.0));
    let top = c + w;
    // The wide piece's best is 50, worth 0; the thin one's the end nearer to it.
    let thin = prize - 0.0004 * (c - 50.0) * (c - 50.0);
    let hill = "-0.0004 * (y - 50)^2";
    let one =
        |pays: String| format!("model paid\nagent a {{\n  action y in [0, 100]\n  reward {hill} + ({pays})\n}}\n");
    match kind {
        0 => Case {
            text: one(format!("if y >= {c} and y <= {top} then {prize} else 0")),
            value: thin.max(0.0),
        },
        1 => Case {
            text: one(format!("if y < {c} then 0 else if y <= {top} then {prize} else 0")),
            value: thin.max(0.0),
        },
        2 => Case {
            text: one(format!(
                "(if y >= {c} then {prize} else 0) - (if y > {top} then {prize} else 0)"
            )),
            value: thin.max(0.0),
        },
        3 => Case {
            text: format!(
                "model equal\nagent a {{\n  state k in 0..3, start 1\n  action y in [0, 10]\n  action x in [-4, 4]\n  k' = k\n  observe k\n  reward -0.05 * (y - 3)^2 - 0.1 * (x - 1)^2 + (if y == 2 * k + 1.5 then {prize} else 0)\n  discount 0.9\n}}\n"
            ),
            value: (prize - 0.05 * 0.25f64).max(0.0) * 10.0,
        },
        _ => Case {
            text: format!(
                "model strip\nagent a {{\n  action x in [0, 10]\n  action y in [0, 10]\n  reward -0.1 * ((x - 1)^2 + (y - 1)^2) + (if abs(x + y - 5) <= {w} then {prize} else 0)\n}}\n"
            ),
            value: (prize - 0.05 * (3.0 - w) * (3.0 - w)).max(0.0),
        },
    }
}

#[test]
fn thin_pieces_that_an_if_pays_for_are_found() {
    let mut r = Numbers(77);
    for kind in 0..5 {
        for w in [1e-1, 1e-2, 1e-4, 1e-6] {
            for _ in 0..2 {
                let case = paid(kind, w, &mut r);
                let (value, passed) = solved(&case.text).unwrap_or_else(|e| panic!("{e}\n{}", case.text));
                let off = (value - case.value).abs() / (1.0 + case.value.abs());
                assert!(
                    passed && off < 1e-6,
                    "{value} for {}, {passed}\n{}",
                    case.value,
                    case.text
                );
            }
        }
    }
}
