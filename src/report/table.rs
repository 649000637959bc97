//! Tables: CSV for other programs (every digit), aligned text for the screen (a few).
//!
//! A table is a list of named columns of equal length; columns have one type each, as in a data frame.

use super::lines::wrapped;
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

    /// The table as aligned text of at most `width` columns. Words that do not fit go on in further lines of their cell; numbers
    /// that do not fit stand in a further block below, behind the same first columns. At most `most` rows are shown; the rest is counted.
    pub fn to_text(&self, width: usize, most: usize) -> String {
        let mut cells = self.cells();
        let hidden = cells.len().saturating_sub(most);
        cells.truncate(most);
        let right: Vec<bool> = self
            .columns
            .iter()
            .map(|c| !matches!(c.values, Values::Texts(_)))
            .collect();
        let of_cells = |c: usize| cells.iter().map(|row| row[c].width()).max().unwrap_or(0);
        let word = |c: usize| {
            let words = self.columns[c].name.split_whitespace();
            words.map(UnicodeWidthStr::width).max().unwrap_or(0)
        };
        // Headings are broken at spaces; words of common length stay whole.
        let least: Vec<usize> = (0..self.columns.len())
            .map(|c| of_cells(c).max(word(c).min(20).min(width / 2)))
            .collect();
        let names = self.columns.iter().map(|c| c.name.width());
        let mut widths: Vec<usize> = names.zip(&least).map(|(name, cells)| name.max(*cells)).collect();
        let mut out = String::new();
        for (i, block) in blocks(&mut widths, &least, &right, width).iter().enumerate() {
            if i > 0 {
                out.push('\n');
            }
            let pick = |row: &[String]| block.iter().map(|c| row[*c].clone()).collect::<Vec<String>>();
            let own: Vec<usize> = block.iter().map(|c| widths[*c]).collect();
            let right: Vec<bool> = block.iter().map(|c| right[*c]).collect();
            let heading: Vec<String> = self.columns.iter().map(|c| c.name.clone()).collect();
            push_row(&mut out, &pick(&heading), &own, &right);
            let rule: Vec<String> = own.iter().map(|w| "─".repeat(*w)).collect();
            push_row(&mut out, &rule, &own, &right);
            for row in &cells {
                push_row(&mut out, &pick(row), &own, &right);
            }
        }
        if hidden > 0 {
            out.push_str(&format!("and {hidden} more\n"));
        }
        out
    }
}

/// Room that so many columns take.
fn room(widths: impl Iterator<Item = usize>) -> usize {
    let all: Vec<usize> = widths.collect();
    all.iter().sum::<usize>() + 2 * all.len().saturating_sub(1)
}

/// Which columns stand side by side, block by block; narrows columns of words where that is needed. The first columns of words name the
/// rows and begin every block. `least` is the room of the cells without their headings, which may go on in further lines.
fn blocks(widths: &mut [usize], least: &[usize], right: &[bool], width: usize) -> Vec<Vec<usize>> {
    let all: Vec<usize> = (0..widths.len()).collect();
    shrink(widths, right, width);
    if room(widths.iter().copied()) <= width {
        return vec![all];
    }
    let keys = right
        .iter()
        .take_while(|r| !**r)
        .count()
        .min(widths.len().saturating_sub(1))
        .min(2);
    // The names of rows leave room for the widest number.
    let widest = (keys..widths.len())
        .filter(|c| right[*c])
        .map(|c| least[c].max(widths[c].min(LEAST_WORDS)))
        .max()
        .unwrap_or(LEAST_WORDS);
    while room(widths[..keys].iter().copied()) + 2 + widest > width {
        match (0..keys).filter(|k| widths[*k] > 4).max_by_key(|k| widths[*k]) {
            Some(k) => widths[k] -= 1,
            None => break,
        }
    }
    let taken = room(widths[..keys].iter().copied());
    let mut out: Vec<Vec<usize>> = Vec::new();
    let mut used = usize::MAX;
    for c in keys..widths.len() {
        let left = width.saturating_sub(taken + 2).max(4);
        widths[c] = widths[c].min(if right[c] { left.max(least[c]) } else { left });
        match out.last_mut() {
            Some(block) if used + 2 + widths[c] <= width => {
                block.push(c);
                used += 2 + widths[c];
            }
            _ => {
                out.push((0..keys).chain([c]).collect());
                used = room(widths[..keys].iter().copied().chain([widths[c]]));
            }
        }
    }
    out
}

/// Columns of words are not made narrower than this beside others.
const LEAST_WORDS: usize = 12;

/// Takes width from the widest column of words until the row fits, but leaves each at least twelve.
fn shrink(widths: &mut [usize], right: &[bool], width: usize) {
    let least = room((0..widths.len()).map(|c| {
        if right[c] {
            widths[c]
        } else {
            widths[c].min(LEAST_WORDS)
        }
    }));
    if least > width {
        return;
    }
    while room(widths.iter().copied()) > width {
        match (0..widths.len())
            .filter(|c| !right[*c] && widths[*c] > LEAST_WORDS)
            .max_by_key(|c| widths[*c])
        {
            Some(c) => widths[c] -= 1,
            None => return,
        }
    }
}

/// A row; cells that are wider than their column go on below.
fn push_row(out: &mut String, cells: &[String], widths: &[usize], right: &[bool]) {
    let parts: Vec<Vec<String>> = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| match cell.width() <= *width {
            true => vec![cell.clone()],
            false => wrapped(cell, *width)
                .iter()
                .flat_map(|line| broken(line, *width))
                .collect(),
        })
        .collect();
    for i in 0..parts.iter().map(Vec::len).max().unwrap_or(0) {
        let mut line = String::new();
        for (k, ((part, &width), &right)) in parts.iter().zip(widths).zip(right).enumerate() {
            if k > 0 {
                line.push_str("  ");
            }
            let cell = part.get(i).map_or("", String::as_str);
            let gap = " ".repeat(width.saturating_sub(cell.width()));
            let ordered = if right {
                [gap.as_str(), cell]
            } else {
                [cell, gap.as_str()]
            };
            ordered.iter().for_each(|t| line.push_str(t));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// A word in pieces of at most `width` columns.
fn broken(word: &str, width: usize) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut used = 0;
    for c in word.chars() {
        let wide = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if used > 0 && used + wide > width {
            out.push(String::new());
            used = 0;
        }
        if let Some(line) = out.last_mut() {
            line.push(c);
        }
        used += wide;
    }
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
        assert!(lines.iter().all(|l| l.width() <= 44), "{text}");
        let point = |l: &str| l.chars().take_while(|c| *c != '.').count();
        let beta = lines.iter().position(|l| l.starts_with('β')).unwrap();
        assert_eq!(point(lines[2]), point(lines[beta]), "{text}");
        let meaning: Vec<&str> = lines[2..beta].iter().flat_map(|l| l.split_whitespace()).collect();
        assert!(
            meaning.join(" ").ends_with("a very long explanation that does not fit"),
            "{text}"
        );
    }

    #[test]
    fn numbers_that_do_not_fit_stand_in_blocks_below_with_their_names() {
        let mut table = Table::new().texts("name", vec!["household.k".into(), "aggregate_capital_of_all".into()]);
        for c in ["mean", "error of mean", "sd", "autocorrelation", "sd of chain"] {
            table = table.numbers(c, vec![12.3456, -0.00012]);
        }
        for width in [30, 40, 60, 80] {
            let text = table.to_text(width, 10);
            assert!(text.lines().all(|l| l.width() <= width), "{width}\n{text}");
            assert_eq!(text.matches("autocorrelation").count(), 1, "{text}");
            assert_eq!(
                text.matches("12.3456").count() + text.matches("12.35").count(),
                5,
                "{text}"
            );
            let blocks = text.split("\n\n").count();
            assert!(width > 80 || blocks > 1, "{text}");
            assert_eq!(text.matches("household.k").count(), blocks, "{text}");
        }
        let table = table.numbers("mean capital_of_everybody in the_whole_economy", vec![1.0, 2.0]);
        let text = table.to_text(40, 10);
        assert!(
            text.lines().all(|l| l.width() <= 40) && text.contains("the_whole_economy"),
            "{text}"
        );
    }

    #[test]
    fn rows_beyond_the_limit_are_counted() {
        let table = Table::new().integers("t", (0..100).collect());
        let text = table.to_text(80, 10);
        assert!(text.ends_with("and 90 more\n"), "{text}");
        assert_eq!(text.lines().count(), 13);
    }

    #[test]
    fn an_empty_table_is_no_panic() {
        assert_eq!(Table::new().rows(), 0);
        assert!(Table::new().to_text(80, 10).len() < 4);
        assert_eq!(Table::new().numbers("x", vec![]).to_csv(), b"x\n");
    }
}
