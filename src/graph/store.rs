//! Graphs and what is built on them as text: RON and JSON with a version number, read back equal.
//!
//! Every file opens with the version of the format, so that an older program refuses a newer file by name instead of
//! misreading it. JSON has no infinities: numbers that are not finite are written as the words `inf`, `-inf`, `nan`
//! (see [`number`]); bounds of domains need them.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use thiserror::Error;

/// Version of the stored form of models and graphs; raised when a field changes its meaning or goes away.
pub const FORMAT_VERSION: u32 = 1;

/// What is wrong with a stored file.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Not RON, or not what was stored.
    #[error("cannot read this RON: {0}")]
    Ron(#[from] ron::error::SpannedError),
    /// The value cannot be written as RON.
    #[error("cannot write as RON: {0}")]
    Write(#[from] ron::Error),
    /// Not JSON, or not what was stored.
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Written by another version.
    #[error("the file has format version {found}, this program reads {FORMAT_VERSION}")]
    Version {
        /// The version in the file.
        found: u32,
    },
}

#[derive(Serialize)]
struct Written<'a, T> {
    version: u32,
    content: &'a T,
}

#[derive(Deserialize)]
struct Head {
    version: u32,
}

#[derive(Deserialize)]
struct Read<T> {
    content: T,
}

/// Any value as RON text on one line, without a version. Written through a table of functions: compiled for each type that is stored, RON's
/// code would be a twentieth of the program.
///
/// # Errors
/// Values RON cannot hold.
pub fn ron_text(value: &dyn erased_serde::Serialize) -> Result<String, ron::Error> {
    ron::to_string(value)
}

/// As [`ron_text`], on many lines.
///
/// # Errors
/// Values RON cannot hold.
pub fn ron_lines(value: &dyn erased_serde::Serialize) -> Result<String, ron::Error> {
    ron::ser::to_string_pretty(value, ron::ser::PrettyConfig::default())
}

/// As [`ron_lines`], in JSON.
///
/// # Errors
/// Values JSON cannot hold.
pub fn json_lines(value: &dyn erased_serde::Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(value)
}

/// The value as RON text.
///
/// # Errors
/// Values RON cannot hold.
pub fn to_ron<T: Serialize>(value: &T) -> Result<String, StoreError> {
    Ok(ron_text(&Written {
        version: FORMAT_VERSION,
        content: value,
    })?)
}

/// The value of RON text.
///
/// # Errors
/// Another version, not RON, not this kind of value.
pub fn from_ron<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    let head: Head = ron::from_str(text)?;
    same_version(head)?;
    Ok(ron::from_str::<Read<T>>(text)?.content)
}

/// The value as JSON text.
///
/// # Errors
/// Values JSON cannot hold.
pub fn to_json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    Ok(serde_json::to_string(&Written {
        version: FORMAT_VERSION,
        content: value,
    })?)
}

/// The value of JSON text.
///
/// # Errors
/// Another version, not JSON, not this kind of value.
pub fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    let head: Head = serde_json::from_str(text)?;
    same_version(head)?;
    Ok(serde_json::from_str::<Read<T>>(text)?.content)
}

fn same_version(head: Head) -> Result<(), StoreError> {
    if head.version == FORMAT_VERSION {
        return Ok(());
    }
    Err(StoreError::Version { found: head.version })
}

/// `#[serde(with = "number")]`: a number that need not be finite.
pub mod number {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Text {
        Number(f64),
        Word(String),
    }

    pub(super) fn word(x: f64) -> &'static str {
        if x.is_nan() {
            "nan"
        } else if x > 0.0 {
            "inf"
        } else {
            "-inf"
        }
    }

    pub(super) fn value(word: &str) -> Option<f64> {
        match word {
            "nan" => Some(f64::NAN),
            "inf" => Some(f64::INFINITY),
            "-inf" => Some(f64::NEG_INFINITY),
            _ => None,
        }
    }

    /// Writes a number, or a word where it is not finite and the format is for people.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(x: &f64, s: S) -> Result<S::Ok, S::Error> {
        if x.is_finite() || !s.is_human_readable() {
            s.serialize_f64(*x)
        } else {
            s.serialize_str(word(*x))
        }
    }

    /// Reads what [`serialize`] writes.
    ///
    /// # Errors
    /// Those of the deserializer; a word that is no number.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
        if !d.is_human_readable() {
            return f64::deserialize(d);
        }
        match Text::deserialize(d)? {
            Text::Number(x) => Ok(x),
            Text::Word(w) => value(&w).ok_or_else(|| D::Error::custom(format!("`{w}` is no number"))),
        }
    }
}

/// `#[serde(with = "numbers")]`: numbers that need not be finite.
pub mod numbers {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    struct One(#[serde(with = "super::number")] f64);

    /// Writes a list, each number as [`super::number`] does.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(xs: &[f64], s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(xs.iter().map(|x| One(*x)))
    }

    /// Reads the list of numbers that [`serialize`] writes, in order.
    ///
    /// # Errors
    /// Those of the deserializer; a word that is no number.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<f64>, D::Error> {
        Ok(Vec::<One>::deserialize(d)?.into_iter().map(|x| x.0).collect())
    }
}
