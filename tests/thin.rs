//! Requirements that leave thin pieces of a range: one or two, from a tenth to a millionth wide, with and without a wide piece beside them, moving with a state, and of
//! two choices together. What passes its certificate must be the best choice, whose value is known from the geometry.

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
