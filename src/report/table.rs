//! Tables: CSV for other programs (every digit), aligned text for the screen (a few).
//!
//! A table is a list of named columns of equal length; columns have one type each, as in a data frame.

use super::number;
use std::io::{self, Write};
use unicode_width::UnicodeWidthStr;

/// A named column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its heading.
    pub name: String,
    /// Its cells.
    pub values: Values,
}

/// The cells of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Real numbers; NaN where there is none.
    Numbers(Vec<f64>),
    /// Real numbers, and empty cells.
    Gaps(Vec<Option<f64>>),
    /// Whole numbers.
    Integers(Vec<i64>),
    /// Words.
    Texts(Vec<String>),
}

/// Columns of equal length.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Table {
    columns: Vec<Column>,
}

impl Values {
    /// Number of cells.
    pub fn len(&self) -> usize {
        match self {
            Values::Numbers(v) => v.len(),
            Values::Gaps(v) => v.len(),
            Values::Integers(v) => v.len(),
            Values::Texts(v) => v.len(),
        }
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Cell `row` with every digit.
    fn exact(&self, row: usize) -> String {
        match self {
            Values::Numbers(v) => number::shortest(v[row]),
            Values::Gaps(v) => v[row].map_or_else(String::new, number::shortest),
            Values::Integers(v) => v[row].to_string(),
            Values::Texts(v) => v[row].clone(),
        }
    }
    /// Cell `row` for the screen.
    fn screen(&self, row: usize) -> String {
        match self {
            Values::Numbers(v) => number::short(v[row]),
            Values::Gaps(v) => v[row].map_or_else(String::new, number::short),
            Values::Integers(v) => v[row].to_string(),
            Values::Texts(v) => one_line(&v[row]),
        }
    }
}

impl Table {
    /// A table without columns.
    pub fn new() -> Self {
        Table::default()
    }

    /// Adds a column of real numbers, one per row. All columns of a table must have the same length; a shorter one is
    /// filled up and a longer one fills up the others with empty cells.
    pub fn numbers(self, name: &str, values: Vec<f64>) -> Self {
        self.with(name, Values::Numbers(values))
    }
    /// Adds a column of whole numbers, one per row (see [`Table::numbers`]; empty cells are 0).
    pub fn integers(self, name: &str, values: Vec<i64>) -> Self {
        self.with(name, Values::Integers(values))
    }
    /// Adds a column of words, one per row (see [`Table::numbers`]).
    pub fn texts(self, name: &str, values: Vec<String>) -> Self {
        self.with(name, Values::Texts(values))
    }
    /// Adds a column (see [`Table::numbers`]).
    pub fn with(mut self, name: &str, values: Values) -> Self {
        self.columns.push(Column {
            name: name.to_string(),
            values,
        });
        let rows = self.columns.iter().map(|c| c.values.len()).max().unwrap_or(0);
        for column in &mut self.columns {
            match &mut column.values {
                Values::Numbers(v) => v.resize(rows, f64::NAN),
                Values::Gaps(v) => v.resize(rows, None),
                Values::Integers(v) => v.resize(rows, 0),
                Values::Texts(v) => v.resize(rows, String::new()),
            }
        }
        self
    }

    /// The columns in order, all of the same length.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |c| c.values.len())
    }

    /// Writes CSV: a heading, then one line per row; numbers are the shortest that read back as the same number.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut writer = csv::Writer::from_writer(out);
        writer
            .write_record(self.columns.iter().map(|c| c.name.as_str()))
            .map_err(io::Error::other)?;
        for row in 0..self.rows() {
            crate::limits::poll();
            writer
                .write_record(self.columns.iter().map(|c| c.values.exact(row)))
                .map_err(io::Error::other)?;
        }
        writer.flush()
    }

    /// The CSV as bytes.
    pub fn to_csv(&self) -> Vec<u8> {
        let mut out = Vec::new();
        // Writing to memory does not fail; csv errs only on records of unequal length, which `with` rules out.
        if self.write_csv(&mut out).is_err() {
            out.clear();
        }
        out
    }

    /// The cells for the screen, `[row][column]` without the heading, numbers aligned at the decimal point.
    pub fn cells(&self) -> Vec<Vec<String>> {
        let columns: Vec<Vec<String>> = self
            .columns
            .iter()
            .map(|c| {
                let cells = (0..c.values.len()).map(|row| c.values.screen(row)).collect();
                match c.values {
                    Values::Numbers(_) | Values::Gaps(_) => align_point(cells),
                    Values::Integers(_) | Values::Texts(_) => cells,
                }
            })
            .collect();
        (0..self.rows())
            .map(|row| columns.iter().map(|c| c[row].clone()).collect())
            .collect()
    }

    /// The table as aligned text of at most `width` columns: the last column of words is shortened if need be. At
    /// most `most` rows are shown; the rest is counted.
    pub fn to_text(&self, width: usize, most: usize) -> String {
        let mut cells = self.cells();
        let hidden = cells.len().saturating_sub(most);
        cells.truncate(most);
        let right: Vec<bool> = self
            .columns
            .iter()
            .map(|c| !matches!(c.values, Values::Texts(_)))
            .collect();
        let mut widths: Vec<usize> = self.columns.iter().map(|c| c.name.width()).collect();
        for row in &cells {
            for (w, cell) in widths.iter_mut().zip(row) {
                *w = (*w).max(cell.width());
            }
        }
        shrink(&mut widths, &right, width);
        let mut out = String::new();
        let heading: Vec<String> = self.columns.iter().map(|c| c.name.clone()).collect();
        push_row(&mut out, &heading, &widths, &right);
        let rule: Vec<String> = widths.iter().map(|w| "─".repeat(*w)).collect();
        push_row(&mut out, &rule, &widths, &right);
        for row in &cells {
            push_row(&mut out, row, &widths, &right);
        }
        if hidden > 0 {
            out.push_str(&format!("… and {hidden} more\n"));
        }
        out
    }
}

/// Takes width from the widest column of words until the row fits, but leaves each at least twelve.
fn shrink(widths: &mut [usize], right: &[bool], width: usize) {
    loop {
        let total = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
        let widest = (0..widths.len()).filter(|&i| !right[i]).max_by_key(|&i| widths[i]);
        match widest {
            Some(i) if total > width && widths[i] > 12 => {
                widths[i] = widths[i].saturating_sub(total - width).max(12).max(
                    // level with the second widest first, so that no single column pays for all
                    (0..widths.len())
                        .filter(|&j| j != i && !right[j])
                        .map(|j| widths[j])
                        .max()
                        .unwrap_or(0)
                        .min(widths[i] - 1),
                );
            }
            _ => return,
        }
    }
}

fn push_row(out: &mut String, cells: &[String], widths: &[usize], right: &[bool]) {
    let mut line = String::new();
    for ((cell, &width), &right) in cells.iter().zip(widths).zip(right) {
        if !line.is_empty() {
            line.push_str("  ");
        }
        let cell = shortened(cell, width);
        let gap = " ".repeat(width.saturating_sub(cell.width()));
        if right {
            line.push_str(&gap);
            line.push_str(&cell);
        } else {
            line.push_str(&cell);
            line.push_str(&gap);
        }
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

/// `text` in at most `width` columns, with `…` where it was cut.
pub fn shortened(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_string();
    }
    let mut out = String::new();
    for c in text.chars() {
        if out.width() + unicode_width::UnicodeWidthChar::width(c).unwrap_or(0) + 1 > width {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Pads behind, so that right-aligned cells have their decimal points in one column.
fn align_point(cells: Vec<String>) -> Vec<String> {
    if cells.iter().any(|c| c.contains('e')) {
        return cells;
    }
    let behind = |c: &str| c.find('.').map_or(0, |at| c.len() - at);
    let most = cells.iter().map(|c| behind(c)).max().unwrap_or(0);
    cells
        .into_iter()
        .map(|c| format!("{c}{}", " ".repeat(most - behind(&c))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_reads_back_to_the_last_bit() {
        let x = vec![0.1, 1.0 / 3.0, -1e-300, f64::INFINITY, f64::NAN, 12345678.9];
        let table = Table::new()
            .numbers("x", x.clone())
            .integers("t", vec![0, 1, 2, 3, 4, 5])
            .texts("who, \"what\"", vec!["a,b".into(), "line\nbreak".into(), "α".into()]);
        let bytes = table.to_csv();
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        assert_eq!(reader.headers().unwrap(), vec!["x", "t", "who, \"what\""]);
        let rows: Vec<csv::StringRecord> = reader.records().map(|r| r.unwrap()).collect();
        assert_eq!(rows.len(), 6);
        for (row, x) in rows.iter().zip(&x) {
            let back: f64 = row[0].parse().unwrap();
            assert_eq!(back.to_bits(), x.to_bits());
        }
        assert_eq!(&rows[1][2], "line\nbreak");
        assert_eq!(&rows[5][2], "");
    }

    #[test]
    fn text_is_aligned_at_the_point_and_fits_the_width() {
        let table = Table::new()
            .texts("name", vec!["capital".into(), "β".into()])
            .numbers("value", vec![12.3456, 0.96])
            .texts(
                "meaning",
                vec!["a very long explanation that does not fit".into(), "short".into()],
            );
        let text = table.to_text(44, 10);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines.iter().all(|l| l.width() <= 44), "{text}");
        let point = |l: &str| l.chars().take_while(|c| *c != '.').count();
        assert_eq!(point(lines[2]), point(lines[3]), "{text}");
        assert!(lines[2].ends_with('…'), "{text}");
    }

    #[test]
    fn rows_beyond_the_limit_are_counted() {
        let table = Table::new().integers("t", (0..100).collect());
        let text = table.to_text(80, 10);
        assert!(text.ends_with("… and 90 more\n"), "{text}");
        assert_eq!(text.lines().count(), 13);
    }

    #[test]
    fn an_empty_table_is_no_panic() {
        assert_eq!(Table::new().rows(), 0);
        assert!(Table::new().to_text(80, 10).len() < 4);
        assert_eq!(Table::new().numbers("x", vec![]).to_csv(), b"x\n");
    }
}
