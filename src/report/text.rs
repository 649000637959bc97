//! Text in pictures and pages: escaping, estimated widths, wrapping, the palette.
//!
//! Pictures name a generic font family, so the real widths are known only to the viewer. The estimate follows the
//! wider of the usual sans-serif fonts: what fits by it fits everywhere.

/// The family of all text in pictures.
pub const FAMILY: &str = "sans-serif";

/// Text inside XML or HTML. Control characters that XML forbids become spaces.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Estimated width of `text` at font size `size`, in the unit of `size`.
pub fn width(text: &str, size: f64) -> f64 {
    text.chars().map(advance).sum::<f64>() * size
}

/// Advance of a character in ems (rounded up from DejaVu Sans, the widest of the common ones).
fn advance(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '\'' => 0.29,
        'I' | '.' | ',' | ':' | ';' | '|' | ' ' | '\u{a0}' => 0.33,
        '(' | ')' | '[' | ']' | 't' | 'f' | '-' | '/' => 0.40,
        'r' => 0.42,
        's' | 'c' | 'z' | '"' => 0.55,
        'm' | 'M' | 'W' | '%' | '—' => 0.98,
        'w' | '=' | '+' | '<' | '>' | '~' | '≥' | '≤' | 'O' | 'Q' | 'G' | 'N' | 'D' | 'H' | 'U' => 0.82,
        '0'..='9' | '_' => 0.64,
        'a'..='z' => 0.62,
        'A'..='Z' => 0.70,
        c if (c as u32) < 0x2e80 => 0.66,
        _ => 1.05,
    }
}

/// `text` cut to `room` with `…` at the end where it was cut.
pub fn fitted(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_string();
    }
    let mut out = String::new();
    let mut used = width("…", size);
    for c in text.chars() {
        used += advance(c) * size;
        if used > room {
            break;
        }
        out.push(c);
    }
    format!("{}…", out.trim_end())
}

/// A colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rgb(pub u8, pub u8, pub u8);

impl Rgb {
    /// `#rrggbb`
    pub fn hex(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
    /// A mixture: 0 this colour, 1 the other.
    pub fn mix(self, other: Rgb, share: f64) -> Rgb {
        let t = share.clamp(0.0, 1.0);
        let one = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * t).round() as u8;
        Rgb(one(self.0, other.0), one(self.1, other.1), one(self.2, other.2))
    }
}

/// Text.
pub const INK: Rgb = Rgb(0x22, 0x26, 0x2b);
/// Secondary text.
pub const GREY: Rgb = Rgb(0x6a, 0x72, 0x7b);
/// Grid lines.
pub const GRID: Rgb = Rgb(0xe6, 0xe8, 0xeb);
/// Axis lines.
pub const AXIS: Rgb = Rgb(0xb4, 0xba, 0xc1);
/// Paper.
pub const WHITE: Rgb = Rgb(255, 255, 255);

/// Unordered series: the palette of Okabe and Ito (2008), "Color universal design", told apart by people with the
/// usual kinds of colour blindness; yellow is left out, it is not seen as a line on white.
pub const CATEGORIES: [Rgb; 7] = [
    Rgb(0x00, 0x72, 0xb2),
    Rgb(0xd5, 0x5e, 0x00),
    Rgb(0x00, 0x9e, 0x73),
    Rgb(0xcc, 0x79, 0xa7),
    Rgb(0xe6, 0x9f, 0x00),
    Rgb(0x56, 0xb4, 0xe9),
    Rgb(0x55, 0x55, 0x55),
];

/// Ordered values, 0 to 1: viridis (van der Walt and Smith, 2015), even in lightness.
pub fn viridis(share: f64) -> Rgb {
    const STOPS: [Rgb; 9] = [
        Rgb(0x44, 0x01, 0x54),
        Rgb(0x47, 0x2d, 0x7b),
        Rgb(0x3b, 0x52, 0x8b),
        Rgb(0x2c, 0x72, 0x8e),
        Rgb(0x21, 0x91, 0x8c),
        Rgb(0x28, 0xae, 0x80),
        Rgb(0x5e, 0xc9, 0x62),
        Rgb(0xad, 0xdc, 0x30),
        Rgb(0xfd, 0xe7, 0x25),
    ];
    let at = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) } * (STOPS.len() - 1) as f64;
    let below = (at.floor() as usize).min(STOPS.len() - 2);
    STOPS[below].mix(STOPS[below + 1], at - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_safe_in_xml() {
        assert_eq!(escape("a < b & \"c\" \u{1}"), "a &lt; b &amp; &quot;c&quot;  ");
    }

    #[test]
    fn cut_text_fits() {
        let long = "aggregate capital per efficiency unit of labour";
        let cut = fitted(long, 12.0, 100.0);
        assert!(cut.ends_with('…') && width(&cut, 12.0) <= 100.0, "{cut}");
        assert_eq!(fitted("k", 12.0, 100.0), "k");
    }

    #[test]
    fn the_ramp_ends_where_viridis_ends() {
        assert_eq!(viridis(0.0).hex(), "#440154");
        assert_eq!(viridis(1.0).hex(), "#fde725");
        assert_eq!(viridis(f64::NAN), viridis(0.0));
    }
}
