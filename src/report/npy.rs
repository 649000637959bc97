//! Policies and values as arrays: `.npz` for numpy, long-form CSV for data frames.
//!
//! A [`GridFunction`] is a function on a product of axes (joint shock, then states, last fastest). In the archive
//! each function is one array under its name, and each axis of numbers one vector under the axis' name:
//!
//! ```python
//! f = numpy.load("solution.npz"); f["k"]; f["s"][0]      # grid of capital, saving rate in the first shock state
//! ```

use super::table::{Table, Values};
use crate::diag::Diagnostic;
use ndarray::{ArrayD, ArrayViewD, IxDyn};
use ndarray_npy::{NpzReader, NpzWriter, WriteNpyExt};
use std::collections::BTreeSet;
use std::io::Cursor;

/// One axis of a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct GridAxis {
    /// The name of the state or shock.
    pub name: String,
    /// Its points.
    pub points: Points,
}

/// The points of an axis.
#[derive(Clone, Debug, PartialEq)]
pub enum Points {
    /// Numbers, in order.
    Numbers(Vec<f64>),
    /// Labels of a chain or of choices.
    Labels(Vec<String>),
}

impl Points {
    /// Number of points.
    pub fn len(&self) -> usize {
        match self {
            Points::Numbers(v) => v.len(),
            Points::Labels(v) => v.len(),
        }
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Point `i` in a few digits.
    pub fn show(&self, i: usize) -> String {
        match self {
            Points::Numbers(v) => super::number::compact(v[i]),
            Points::Labels(v) => v[i].clone(),
        }
    }
}

/// A function on a grid: a policy, a value, a price function, an error.
#[derive(Clone, Debug, PartialEq)]
pub struct GridFunction {
    /// Its name.
    pub name: String,
    /// The axes, outermost first, one entry per dimension of `values`.
    pub axes: Vec<GridAxis>,
    /// The values, one dimension per axis, of the axis's length; row-major, the last axis fastest.
    pub values: ArrayD<f64>,
}

impl GridFunction {
    /// A function from its values: one number per grid point, row-major, the last of `axes` fastest.
    ///
    /// # Errors
    /// E0958 if the number of values is not the product of the axes' lengths.
    pub fn new(name: &str, axes: Vec<GridAxis>, values: Vec<f64>) -> Result<Self, Diagnostic> {
        let shape: Vec<usize> = axes.iter().map(|a| a.points.len()).collect();
        let given = values.len();
        let values = ArrayD::from_shape_vec(IxDyn(&shape), values)
            .map_err(|_| Diagnostic::error("E0958", format!("`{name}` has {given} values for a grid of {shape:?}")))?;
        Ok(GridFunction {
            name: name.to_string(),
            axes,
            values,
        })
    }
}

/// One array of any shape as the bytes of a `.npy` file.
///
/// # Errors
/// E0958.
pub fn npy(values: &ArrayViewD<f64>) -> Result<Vec<u8>, Diagnostic> {
    let mut out = Vec::new();
    values.write_npy(&mut out).map_err(|e| failed("array", &e))?;
    Ok(out)
}

/// Functions and the axes they live on as the bytes of a `.npz` file: one array per function, of the shape of its axes,
/// and one per numeric axis. Same content, same bytes.
///
/// # Errors
/// E0958, also when two functions, or a function and an axis with other points, have the same name.
pub fn npz(functions: &[GridFunction]) -> Result<Vec<u8>, Diagnostic> {
    let mut archive = NpzWriter::new_compressed(Cursor::new(Vec::new()));
    let mut names = BTreeSet::new();
    for axis in distinct_axes(functions)? {
        if let Points::Numbers(points) = &axis.points {
            names.insert(axis.name.clone());
            archive
                .add_array(axis.name.as_str(), &ndarray::ArrayView1::from(points.as_slice()))
                .map_err(|e| failed(&axis.name, &e))?;
        }
    }
    for function in functions {
        if !names.insert(function.name.clone()) {
            return Err(twice(&function.name));
        }
        archive
            .add_array(function.name.as_str(), &function.values)
            .map_err(|e| failed(&function.name, &e))?;
    }
    let cursor = archive.finish().map_err(|e| failed("archive", &e))?;
    Ok(cursor.into_inner())
}

/// The arrays of a `.npz` file with their shapes, pairs of name and array in the order of the archive.
///
/// # Errors
/// E0958.
pub fn read_npz(bytes: &[u8]) -> Result<Vec<(String, ArrayD<f64>)>, Diagnostic> {
    let mut archive = NpzReader::new(Cursor::new(bytes)).map_err(|e| failed("archive", &e))?;
    let names = archive.names().map_err(|e| failed("archive", &e))?;
    names
        .into_iter()
        .map(|name| {
            let array = archive.by_name(&name).map_err(|e| failed(&name, &e))?;
            Ok((name.trim_end_matches(".npy").to_string(), array))
        })
        .collect()
}

/// Functions on the same grid as one table: one column per axis, one column per function, one row per point.
///
/// # Errors
/// E0958 if the grids differ.
pub fn long_form(functions: &[GridFunction]) -> Result<Table, Diagnostic> {
    let Some(first) = functions.first() else {
        return Ok(Table::new());
    };
    let mut table = Table::new();
    let shape: Vec<usize> = first.axes.iter().map(|a| a.points.len()).collect();
    let total: usize = shape.iter().product();
    for (at, axis) in first.axes.iter().enumerate() {
        let inner: usize = shape[at + 1..].iter().product();
        let position = |row: usize| row / inner.max(1) % shape[at].max(1);
        let values = match &axis.points {
            Points::Numbers(v) => Values::Numbers((0..total).map(|r| v[position(r)]).collect()),
            Points::Labels(v) => Values::Texts((0..total).map(|r| v[position(r)].clone()).collect()),
        };
        table = table.with(&axis.name, values);
    }
    for function in functions {
        if function.axes != first.axes {
            return Err(Diagnostic::error(
                "E0958",
                format!("`{}` and `{}` are on different grids", first.name, function.name),
            ));
        }
        table = table.numbers(&function.name, function.values.iter().copied().collect());
    }
    Ok(table)
}

fn distinct_axes(functions: &[GridFunction]) -> Result<Vec<&GridAxis>, Diagnostic> {
    let mut axes: Vec<&GridAxis> = Vec::new();
    for axis in functions.iter().flat_map(|f| &f.axes) {
        match axes.iter().find(|a| a.name == axis.name) {
            Some(known) if known.points != axis.points => return Err(twice(&axis.name)),
            Some(_) => {}
            None => axes.push(axis),
        }
    }
    Ok(axes)
}

fn twice(name: &str) -> Diagnostic {
    Diagnostic::error("E0958", format!("two different arrays are called `{name}`"))
}

fn failed(name: &str, e: &dyn std::error::Error) -> Diagnostic {
    Diagnostic::error("E0958", format!("`{name}` cannot be stored or read as a numpy array")).note(e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes() -> Vec<GridAxis> {
        vec![
            GridAxis {
                name: "z".into(),
                points: Points::Labels(vec!["low".into(), "high".into()]),
            },
            GridAxis {
                name: "k".into(),
                points: Points::Numbers(vec![0.5, 1.0, 2.0]),
            },
        ]
    }

    fn function(name: &str) -> GridFunction {
        GridFunction::new(name, axes(), vec![0.1, 0.2, 1.0 / 3.0, 1.1, f64::NAN, -1e300]).unwrap()
    }

    #[test]
    fn an_archive_reads_back_bit_for_bit_and_is_the_same_each_time() {
        let functions = [function("s"), function("value")];
        let bytes = npz(&functions).unwrap();
        assert_eq!(bytes, npz(&functions).unwrap());
        if let Ok(directory) = std::env::var("ECONC_PICTURES") {
            std::fs::write(std::path::Path::new(&directory).join("solution.npz"), &bytes).unwrap();
        }
        let back = read_npz(&bytes).unwrap();
        let names: Vec<_> = back.iter().map(|(n, _)| n.as_str()).collect();
        assert_eq!(names, ["k", "s", "value"]);
        assert_eq!(back[1].1.shape(), [2, 3]);
        for (a, b) in back[1].1.iter().zip(functions[0].values.iter()) {
            assert_eq!(a.to_bits(), b.to_bits());
        }
    }

    #[test]
    fn a_single_array_reads_back() {
        let f = function("s");
        let bytes = npy(&f.values.view()).unwrap();
        assert_eq!(&bytes[..6], b"\x93NUMPY");
        let back = <ArrayD<f64> as ndarray_npy::ReadNpyExt>::read_npy(bytes.as_slice()).unwrap();
        assert_eq!(back.shape(), f.values.shape());
        assert!(back.iter().zip(&f.values).all(|(a, b)| a.to_bits() == b.to_bits()));
    }

    #[test]
    fn long_form_has_one_row_a_point_last_axis_fastest() {
        let table = long_form(&[function("s"), function("value")]).unwrap();
        let csv = String::from_utf8(table.to_csv()).unwrap();
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines[0], "z,k,s,value");
        assert_eq!(lines[1], "low,0.5,0.1,0.1");
        assert_eq!(lines[4], "high,0.5,1.1,1.1");
        assert_eq!(lines.len(), 7);
    }

    #[test]
    fn wrong_sizes_and_clashing_names_are_errors() {
        assert_eq!(GridFunction::new("s", axes(), vec![1.0]).unwrap_err().code, "E0958");
        assert_eq!(npz(&[function("s"), function("s")]).unwrap_err().code, "E0958");
        assert_eq!(npz(&[function("k")]).unwrap_err().code, "E0958");
        assert!(read_npz(b"not an archive").is_err());
    }
}
