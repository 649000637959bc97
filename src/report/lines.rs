//! Text in lines of a given width: broken at spaces, never cut. A single word that is wider stands whole on a line of its own, so that
//! paths and names can be copied.

use unicode_width::UnicodeWidthStr;

/// Least room for text beside a heading; with less, or with less than two fifths of the line, it stands below.
const LEAST_ROOM: usize = 24;

/// `text` in lines of at most `width` columns, broken at spaces.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut out: Vec<String> = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace() {
        let wide = word.width();
        if used > 0 && used + 1 + wide > width {
            out.push(String::new());
            used = 0;
        }
        if let Some(line) = out.last_mut() {
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += wide;
        }
    }
    out
}

/// `head` with `text` behind it, in lines of at most `width` columns: further lines of `text` stand under its first one, or all of it
/// below `head` by `indent` where there is little room.
pub fn beside(head: &str, text: &str, width: usize, indent: usize) -> Vec<String> {
    let one = format!("{head}{text}");
    if one.trim_end().width() <= width {
        return vec![one.trim_end().to_string()];
    }
    let column = head.width();
    let longest = text.split_whitespace().map(UnicodeWidthStr::width).max().unwrap_or(0);
    if column + LEAST_ROOM.max(2 * width / 5).max(longest) <= width {
        let lines = wrapped(text, width - column).into_iter().enumerate();
        return lines
            .map(|(i, line)| match i {
                0 => format!("{head}{line}"),
                _ => format!("{}{line}", " ".repeat(column)),
            })
            .collect();
    }
    let margin = head.chars().take_while(|c| *c == ' ').count();
    let mut out = match head.trim_end() {
        head if head.width() <= width => vec![head.to_string()],
        head => indented(head.trim_start(), width, margin, margin + 2),
    };
    out.extend(indented(text, width, indent, indent));
    out
}

/// `text` in lines that begin after `first` and, from the second on, after `rest` spaces.
fn indented(text: &str, width: usize, first: usize, rest: usize) -> Vec<String> {
    let lines = wrapped(text, width.saturating_sub(first.max(rest)).max(1));
    let indent = |i: usize| " ".repeat(if i == 0 { first } else { rest });
    lines
        .into_iter()
        .enumerate()
        .map(|(i, line)| format!("{}{line}", indent(i)))
        .collect()
}

/// Every line of `text` in at most `width` columns: what is broken goes on two columns further in.
pub fn within(text: &str, width: usize) -> String {
    let mut out = String::new();
    for line in text.lines() {
        if seen(line) <= width {
            out.push_str(line);
            out.push('\n');
            continue;
        }
        let margin = line.chars().take_while(|c| *c == ' ').count();
        for part in indented(line, width, margin, margin + 2) {
            out.push_str(&part);
            out.push('\n');
        }
    }
    if !text.ends_with('\n') {
        out.pop();
    }
    out
}

/// A page of Markdown in lines of at most `width` columns: paragraphs are broken anew, blocks between fences and tables stand as they are.
pub fn page(text: &str, width: usize) -> String {
    let (mut out, mut paragraph, mut fenced) = (String::new(), String::new(), false);
    let flush = |out: &mut String, paragraph: &mut String| {
        if !paragraph.is_empty() {
            let margin = if paragraph.starts_with("* ") || paragraph.starts_with("- ") {
                2
            } else {
                0
            };
            for line in indented(paragraph, width, 0, margin) {
                out.push_str(&line);
                out.push('\n');
            }
            paragraph.clear();
        }
    };
    for line in text.trim_end().lines() {
        let fence = line.starts_with("```");
        let own = fenced || fence || line.trim().is_empty() || line.starts_with(['#', '|', ' ']);
        if own || line.starts_with("* ") || line.starts_with("- ") {
            flush(&mut out, &mut paragraph);
        }
        fenced ^= fence;
        if own {
            out.push_str(line);
            out.push('\n');
        } else {
            paragraph.push_str(if paragraph.is_empty() { "" } else { " " });
            paragraph.push_str(line);
        }
    }
    flush(&mut out, &mut paragraph);
    out
}

/// Columns that a line takes; colours take none.
fn seen(line: &str) -> usize {
    let mut parts = line.split('\u{1b}');
    let plain = parts.next().map_or(0, UnicodeWidthStr::width);
    plain
        + parts
            .map(|p| p.split_once('m').map_or(0, |(_, rest)| rest.width()))
            .sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_spaces_and_nothing_is_lost() {
        let text = "grid and draws: the value is off by 0.2 %, at (0.18, 1)";
        for width in 4..70 {
            let lines = wrapped(text, width);
            assert!(
                lines.iter().all(|l| l.width() <= width || !l.contains(' ')),
                "{lines:?}"
            );
            assert_eq!(lines.join(" "), text);
            for lines in [
                beside("  ✓ Euler error  ", text, width, 6),
                beside("x  ", text, width, 2),
            ] {
                let fits = |l: &String| l.width() <= width || !l.trim().contains(' ');
                assert!(lines.iter().all(fits), "{width} {lines:?}");
                let words: Vec<&str> = lines.iter().flat_map(|l| l.split_whitespace()).collect();
                assert!(words.join(" ").ends_with(text), "{lines:?}");
            }
        }
        let text = "# E1: one\n\nA sentence that\nis long.\n\n```econ bad\nx   y z\n```\n* a b\n  c\n";
        let broken = "# E1: one\n\nA sentence\nthat is\nlong.\n\n```econ bad\nx   y z\n```\n* a b\n  c\n";
        assert_eq!(page(text, 10), broken);
        assert_eq!(within("\u{1b}[32m✓\u{1b}[0m ab\n", 4), "\u{1b}[32m✓\u{1b}[0m ab\n");
        assert_eq!(within("a b\n  c d e\n", 5), "a b\n  c\n    d\n    e\n");
        assert_eq!(
            beside("k  ", "one two three four five six", 30, 2),
            ["k  one two three four five six"]
        );
        assert_eq!(
            beside("k  ", "one two three four five six seven", 30, 2),
            ["k  one two three four five six", "   seven"]
        );
    }
}
