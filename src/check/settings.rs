//! Settings blocks: keys are looked up, values become data; nothing is silently ignored.

use super::model::{Setting, Settings};
use super::{Checker, errors};
use crate::syntax::ast::{self, BinaryOp, Expr, ExprKind, UnaryOp};

/// A documented settings key. A trailing `.*` stands for a name of the model.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The key.
    pub name: &'static str,
    /// What it does, with its default.
    pub doc: &'static str,
}

/// Keys of `solve { }`.
pub const SOLVE_KEYS: &[Key] = &[
    Key {
        name: "method",
        doc: "the method: value_iteration (default), grid_search, and others as they come",
    },
    Key {
        name: "concept",
        doc: "planner, competitive, nash, collusive, stackelberg; default: the only one that makes sense",
    },
    Key {
        name: "concept.*",
        doc: "the concept of one agent",
    },
    Key {
        name: "grid.*",
        doc: "grid of a state: log(200), uniform(200), log(0.5, 20, 200), double_log(..), [1, 2, 5]",
    },
    Key {
        name: "chain.*",
        doc: "chain for a continuous shock: rouwenhorst(7) (default), tauchen(9), tauchen(9, 3)",
    },
    Key {
        name: "quadrature.*",
        doc: "number of quadrature nodes for a continuous noise (default 5)",
    },
    Key {
        name: "tolerance",
        doc: "stopping tolerance of the value, in units of the reward (default 1e-8)",
    },
    Key {
        name: "policy_tolerance",
        doc: "stopping tolerance of the policy",
    },
    Key {
        name: "iterations",
        doc: "most iterations before the solver gives up (default 10000)",
    },
    Key {
        name: "howard",
        doc: "policy-evaluation steps between improvements; 0 is plain value iteration",
    },
    Key {
        name: "interpolation",
        doc: "cubic (default) or linear",
    },
    Key {
        name: "members",
        doc: "members that stand for a continuum in simulation (default 1000)",
    },
    Key {
        name: "policies",
        doc: "shared (default) or separate",
    },
    Key {
        name: "information",
        doc: "observed (default) or full",
    },
    Key {
        name: "find",
        doc: "one (default) or all equilibria",
    },
    Key {
        name: "select",
        doc: "payoff_dominant, risk_dominant or from(start)",
    },
    Key {
        name: "periods",
        doc: "periods of the simulation that judges the solution (default 10000)",
    },
    Key {
        name: "burn_in",
        doc: "periods of that simulation before anything is recorded (default 200)",
    },
    Key {
        name: "bellman",
        doc: "largest Bellman residual that passes, log10 in consumption units",
    },
    Key {
        name: "euler",
        doc: "largest 95% quantile of the Euler residual that passes, log10",
    },
    Key {
        name: "edges",
        doc: "largest share of simulated time at grid edges that passes (default 0)",
    },
];

/// Keys of `verify { }`.
pub const VERIFY_KEYS: &[Key] = &[
    Key {
        name: "against",
        doc: "the concept to compare with",
    },
    Key {
        name: "policy_error",
        doc: "largest mean distance in policy that passes, relative to its mean",
    },
    Key {
        name: "welfare_loss",
        doc: "largest welfare loss that passes",
    },
    Key {
        name: "euler",
        doc: "largest mean Euler residual that passes, log10",
    },
    Key {
        name: "scenario",
        doc: "the scenario to judge on",
    },
    Key {
        name: "episodes",
        doc: "number of evaluation episodes",
    },
    Key {
        name: "seeds",
        doc: "seeds, as a list or a range",
    },
];

impl Checker<'_> {
    pub(super) fn read_settings(&mut self) {
        for (block, items, _) in self.settings_stmts.clone() {
            let (name, method, keys) = match &block {
                ast::SettingsBlock::Solve => ("solve", None, Some(SOLVE_KEYS)),
                ast::SettingsBlock::Verify => ("verify", None, Some(VERIFY_KEYS)),
                ast::SettingsBlock::Train(m) => ("train", Some(m.text.clone()), None),
            };
            let mut entries = Vec::new();
            for item in items {
                let words: Vec<&str> = item.key.iter().map(|n| n.text.as_str()).collect();
                let key = words.join(".");
                let span = item.key[0].span.to(item.key[item.key.len() - 1].span);
                if let Some(keys) = keys
                    && !self.known_key(&key, &words, keys, span, name)
                {
                    continue;
                }
                let Some(value) = self.setting(&item.value, &key) else {
                    continue;
                };
                entries.push((key, value, item.span));
            }
            self.model.settings.push(Settings {
                block: name.into(),
                method,
                entries,
            });
        }
        if let Some(Setting::Word(w)) = self
            .model
            .settings
            .iter()
            .find(|s| s.block == "solve")
            .and_then(|s| s.get("concept"))
            && w == "stackelberg"
            && self.model.stages.is_empty()
        {
            let span = self.settings_stmts[0].2;
            self.report(errors::stackelberg_without_stages(span));
        }
    }

    fn known_key(&mut self, key: &str, words: &[&str], keys: &[Key], span: crate::diag::Span, block: &str) -> bool {
        if keys.iter().any(|k| k.name == key) {
            return true;
        }
        if let [family, rest @ ..] = words
            && !rest.is_empty()
            && keys.iter().any(|k| k.name == format!("{family}.*"))
        {
            let target = rest.join(".");
            let known = self.named_by(family);
            if known
                .iter()
                .any(|n| *n == target || n.rsplit('.').next() == Some(target.as_str()))
            {
                return true;
            }
            self.report(errors::setting_target(family, &target, span, &known));
            return false;
        }
        let names: Vec<String> = keys.iter().map(|k| k.name.trim_end_matches(".*").to_string()).collect();
        self.report(errors::unknown_setting(key, block, span, &names));
        false
    }

    fn named_by(&self, family: &str) -> Vec<String> {
        match family {
            "grid" => self.model.states.iter().map(|s| s.name.clone()).collect(),
            "chain" => self.model.shocks.iter().map(|s| s.name.clone()).collect(),
            "quadrature" => self
                .model
                .noises
                .iter()
                .map(|s| s.name.clone())
                .chain(self.model.shocks.iter().map(|s| s.name.clone()))
                .collect(),
            _ => self.model.agents.iter().map(|a| a.name.clone()).collect(),
        }
    }

    /// A setting's value. Words are words, unless a grid or a number is wanted and a parameter has that name.
    fn setting(&mut self, e: &Expr, key: &str) -> Option<Setting> {
        let wants_number = key.starts_with("grid.") || key.starts_with("chain.");
        match &e.kind {
            ExprKind::Number { value, .. } => Some(Setting::Number(*value)),
            ExprKind::Bool(b) => Some(Setting::Number(f64::from(u8::from(*b)))),
            ExprKind::Inf => Some(Setting::Number(f64::INFINITY)),
            ExprKind::Text(s) => Some(Setting::Text(s.clone())),
            ExprKind::Paren(inner) => self.setting(inner, key),
            ExprKind::Array(items) => {
                let mut list = Vec::new();
                for i in items {
                    list.push(self.setting(&i.value, key)?);
                }
                Some(Setting::List(list))
            }
            ExprKind::Range(a, b) => {
                let scope = self.constant_scope(0, "a setting");
                Some(Setting::Range(
                    self.whole_constant(a, &scope)?,
                    self.whole_constant(b, &scope)?,
                ))
            }
            ExprKind::Path(_) if wants_number => self.setting_number(e),
            ExprKind::Path(p) => {
                let words: Vec<&str> = p.segments.iter().map(|s| s.name.text.as_str()).collect();
                Some(Setting::Word(words.join(".")))
            }
            ExprKind::Call { name, args } => {
                let mut out = Vec::new();
                for a in args {
                    out.push(match &a.value.kind {
                        _ if is_number(&a.value) || wants_number => self.setting_number(&a.value)?,
                        ExprKind::Path(_) | ExprKind::Text(_) | ExprKind::Array(_) | ExprKind::Call { .. } => {
                            self.setting(&a.value, key)?
                        }
                        _ => Setting::Text(super::model_text(&a.value)),
                    });
                }
                Some(Setting::Call(name.text.clone(), out))
            }
            _ if is_number(e) || wants_number => self.setting_number(e),
            _ => Some(Setting::Text(super::model_text(e))),
        }
    }

    fn setting_number(&mut self, e: &Expr) -> Option<Setting> {
        let scope = self.constant_scope(0, "a setting");
        let waiting = self.hit_pending.take();
        let x = self.number_constant(e, &scope);
        if self.hit_pending.is_some() {
            self.left_out.push("a setting".into());
        }
        self.hit_pending = waiting;
        x.map(Setting::Number)
    }
}

/// Whether an expression is arithmetic on numbers alone.
fn is_number(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Number { .. } | ExprKind::Inf => true,
        ExprKind::Unary {
            op: UnaryOp::Neg | UnaryOp::Plus,
            arg,
        } => is_number(arg),
        ExprKind::Paren(inner) => is_number(inner),
        ExprKind::Binary {
            op: BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Pow,
            lhs,
            rhs,
        } => is_number(lhs) && is_number(rhs),
        _ => false,
    }
}
