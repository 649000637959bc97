//! Options of learners: one struct each, and one table from which `--help` and the keys of `train { }` come.
//!
//! The macro `learner_options!` writes, from the fields of a struct with their defaults and doc comments, the struct
//! itself (serde, unknown keys refused), its defaults, the table ([`OptionInfo`]) and the setter. A key that is not in
//! the table is [`LearnError::UnknownOption`]; the caller adds what was probably meant.

use super::LearnError;
use super::nets::{Activation, OptimizerKind};
use serde::{Deserialize, Serialize};

/// A row of the table of options.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OptionInfo {
    /// What to type.
    pub key: &'static str,
    /// What it takes: `number`, `whole number`, `true or false`, `list of whole numbers`, or the words.
    pub kind: &'static str,
    /// The default, as one would type it.
    pub default: String,
    /// What it does, in one sentence or two.
    pub doc: String,
}

/// The value of a setting, as evaluated by the caller.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `3e-4`
    Number(f64),
    /// `true`
    Bool(bool),
    /// `tanh`
    Word(String),
    /// `[64, 64]`
    List(Vec<Value>),
}

impl Value {
    /// Reads what stands on a command line: `3e-4`, `1_000`, `5%`, `true`, `tanh`, `[64, 64]` (or `64,64`).
    pub fn parse(text: &str) -> Value {
        let text = text.trim();
        let inner = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
        if inner.is_some() || text.contains(',') {
            let items = inner
                .unwrap_or(text)
                .split(',')
                .map(str::trim)
                .filter(|t| !t.is_empty());
            return Value::List(items.map(Value::parse).collect());
        }
        let digits = text.replace('_', "");
        let (number, factor) = match digits.strip_suffix('%') {
            Some(n) => (n, 0.01),
            None => (digits.as_str(), 1.0),
        };
        match (text, number.parse::<f64>()) {
            ("true", _) => Value::Bool(true),
            ("false", _) => Value::Bool(false),
            (_, Ok(x)) if number.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => {
                Value::Number(x * factor)
            }
            _ => Value::Word(text.to_string()),
        }
    }

    /// As one would type it.
    pub fn show(&self) -> String {
        match self {
            Value::Number(x) => show_number(*x),
            Value::Bool(b) => b.to_string(),
            Value::Word(w) => w.clone(),
            Value::List(items) => format!("[{}]", items.iter().map(Value::show).collect::<Vec<_>>().join(", ")),
        }
    }
}

fn show_number(x: f64) -> String {
    if x != 0.0 && (x.abs() < 1e-3 || x.abs() >= 1e7) {
        format!("{x:e}")
    } else {
        x.to_string()
    }
}

/// A type an option may have.
pub trait OptionValue: Sized {
    /// What it takes, in words.
    const KIND: &'static str;
    /// The same with its limits, for messages about a value that lies outside them.
    const LIMITS: &'static str = Self::KIND;
    /// Reads it; `None` if it is something else.
    fn read(value: &Value) -> Option<Self>;
    /// As one would type it.
    fn show(&self) -> String;
}

impl OptionValue for f64 {
    const KIND: &'static str = "number";
    fn read(value: &Value) -> Option<f64> {
        match value {
            Value::Number(x) if x.is_finite() => Some(*x),
            _ => None,
        }
    }
    fn show(&self) -> String {
        show_number(*self)
    }
}

impl OptionValue for u64 {
    const KIND: &'static str = "whole number";
    const LIMITS: &'static str = "whole number from 0 to 8_999_999_999_999_999";
    fn read(value: &Value) -> Option<u64> {
        match value {
            Value::Number(x) if *x >= 0.0 && x.fract() == 0.0 && *x < 9e15 => Some(*x as u64),
            _ => None,
        }
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl OptionValue for usize {
    const KIND: &'static str = "whole number";
    const LIMITS: &'static str = u64::LIMITS;
    fn read(value: &Value) -> Option<usize> {
        u64::read(value).and_then(|x| usize::try_from(x).ok())
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl OptionValue for bool {
    const KIND: &'static str = "true or false";
    fn read(value: &Value) -> Option<bool> {
        match value {
            Value::Bool(b) => Some(*b),
            _ => None,
        }
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl OptionValue for Vec<usize> {
    const KIND: &'static str = "list of whole numbers";
    fn read(value: &Value) -> Option<Vec<usize>> {
        match value {
            Value::List(items) => items.iter().map(usize::read).collect(),
            Value::Number(_) => usize::read(value).map(|x| vec![x]),
            _ => None,
        }
    }
    fn show(&self) -> String {
        format!("{self:?}")
    }
}

impl OptionValue for Vec<f64> {
    const KIND: &'static str = "list of numbers";
    fn read(value: &Value) -> Option<Vec<f64>> {
        match value {
            Value::List(items) => items.iter().map(f64::read).collect(),
            _ => None,
        }
    }
    fn show(&self) -> String {
        format!("{self:?}")
    }
}

/// `none` or a value.
impl OptionValue for Option<f64> {
    const KIND: &'static str = "number or none";
    fn read(value: &Value) -> Option<Option<f64>> {
        match value {
            Value::Word(w) if w == "none" => Some(None),
            _ => f64::read(value).map(Some),
        }
    }
    fn show(&self) -> String {
        self.map_or_else(|| "none".into(), show_number)
    }
}

/// Gives an enum of words the trait.
macro_rules! word_option {
    ($type:ty, $kind:literal, $($word:literal => $variant:path),+ $(,)?) => {
        impl $crate::learn::options::OptionValue for $type {
            const KIND: &'static str = $kind;
            fn read(value: &$crate::learn::options::Value) -> Option<Self> {
                match value {
                    $crate::learn::options::Value::Word(w) => match w.as_str() {
                        $($word => Some($variant),)+
                        _ => None,
                    },
                    _ => None,
                }
            }
            fn show(&self) -> String {
                match self { $($variant => $word.to_string(),)+ }
            }
        }
    };
}
pub(crate) use word_option;

word_option!(Activation, "tanh or relu", "tanh" => Activation::Tanh, "relu" => Activation::Relu);
word_option!(OptimizerKind, "adam or rms_prop", "adam" => OptimizerKind::Adam, "rms_prop" => OptimizerKind::RmsProp);

/// What every struct of options can do; `learner_options!` writes it.
pub trait OptionTable: Default + Clone {
    /// Name of the learner, as in `train ppo`.
    const METHOD: &'static str;
    /// The table: one entry per option, in the order of the fields.
    fn table() -> Vec<OptionInfo>;
    /// Sets one option.
    ///
    /// # Errors
    /// [`LearnError::UnknownOption`] or [`LearnError::BadOption`].
    fn set(&mut self, key: &str, value: &Value) -> Result<(), LearnError>;
}

/// Writes a struct of options with its table; see the module.
macro_rules! learner_options {
    ($(#[$meta:meta])* pub struct $name:ident($method:literal) {
        $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr,)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $field: $type,)+
        }
        impl Default for $name {
            fn default() -> Self {
                $name { $($field: $default,)+ }
            }
        }
        impl $crate::learn::options::OptionTable for $name {
            const METHOD: &'static str = $method;
            fn table() -> Vec<$crate::learn::options::OptionInfo> {
                let defaults = $name::default();
                vec![$($crate::learn::options::OptionInfo {
                    key: stringify!($field),
                    kind: <$type as $crate::learn::options::OptionValue>::KIND,
                    default: $crate::learn::options::OptionValue::show(&defaults.$field),
                    doc: [$($doc.trim()),+].join(" "),
                },)+]
            }
            fn set(&mut self, key: &str, value: &$crate::learn::options::Value) -> Result<(), $crate::learn::LearnError> {
                match key {
                    $(stringify!($field) => {
                        self.$field = $crate::learn::options::OptionValue::read(value).ok_or_else(|| {
                            $crate::learn::LearnError::BadOption {
                                key: key.to_string(),
                                value: value.show(),
                                expected: <$type as $crate::learn::options::OptionValue>::LIMITS.to_string(),
                            }
                        })?;
                        Ok(())
                    })+
                    _ => Err($crate::learn::LearnError::UnknownOption {
                        method: $method,
                        key: key.to_string(),
                        known: vec![$(stringify!($field)),+],
                    }),
                }
            }
        }
    };
}
pub(crate) use learner_options;

/// Fails unless `ok`; checks the range of an option.
///
/// # Errors
/// [`LearnError::BadOption`].
pub(crate) fn in_range(ok: bool, key: &str, value: impl ToString, expected: &str) -> Result<(), LearnError> {
    if ok {
        return Ok(());
    }
    let mut value = value.to_string();
    // Numbers of three hundred digits in short.
    if let Some(x) = value.parse::<f64>().ok().filter(|_| value.len() > 20) {
        value = format!("{x:e}");
    }
    Err(LearnError::BadOption {
        key: key.into(),
        value,
        expected: expected.into(),
    })
}

/// A number that moves with the share of training that is done.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    /// At the start.
    pub from: f64,
    /// At the end.
    pub to: f64,
}

impl Linear {
    /// Its value when share `progress` (0 to 1) is done.
    pub fn at(self, progress: f64) -> f64 {
        self.from + (self.to - self.from) * progress.clamp(0.0, 1.0)
    }
}

/// A step size that falls linearly to zero with the share of training that is done, if it `falls`.
#[cfg(feature = "learn")]
pub(crate) fn annealed(from: f64, falls: bool, progress: f64) -> f64 {
    if falls { from * (1.0 - progress).max(0.0) } else { from }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_a_person_types_them() {
        assert_eq!(Value::parse("1_000"), Value::Number(1000.0));
        assert_eq!(Value::parse("5%"), Value::Number(0.05));
        assert_eq!(Value::parse("true"), Value::Bool(true));
        assert_eq!(
            Value::parse("[64, 32]"),
            Value::List(vec![Value::Number(64.0), Value::Number(32.0)])
        );
        assert_eq!(Value::parse("inf"), Value::Word("inf".into()));
        assert_eq!(<Vec<usize>>::read(&Value::parse("64,64")), Some(vec![64, 64]));
        assert_eq!(usize::read(&Value::Number(1.5)), None);
        assert_eq!(<Option<f64>>::read(&Value::parse("none")), Some(None));
    }
}
