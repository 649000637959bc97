//! The colours of drawings by night. Drawings are made for white paper; a page gives their colours names, and says what each name is by
//! day and by night.

use super::plot::share_of_ramp;
use super::text::{CATEGORIES, Rgb, viridis};
use std::collections::BTreeSet;

/// [`CATEGORIES`] on dark paper: the same hues, as far apart in lightness, each at three to one or more.
const BY_NIGHT: [Rgb; 7] = [
    Rgb(0x3d, 0x9d, 0xe0),
    Rgb(0xff, 0x7f, 0x2e),
    Rgb(0x1f, 0xc7, 0x97),
    Rgb(0xe7, 0x9a, 0xc6),
    Rgb(0xf3, 0xc1, 0x3a),
    Rgb(0xa9, 0xdb, 0xfa),
    Rgb(0xb4, 0xb4, 0xb4),
];
/// Where the ramp of ordered curves begins by night: what is darker is not seen as a line on dark paper.
const RAMP_BEGIN: f64 = 0.36;

/// What a colour of a drawing is by night.
pub(super) fn by_night(ink: Rgb) -> Rgb {
    if let Some(at) = CATEGORIES.iter().position(|c| *c == ink) {
        return BY_NIGHT[at];
    }
    if let Some(share) = share_of_ramp(ink) {
        return viridis(RAMP_BEGIN + (1.0 - RAMP_BEGIN) * share);
    }
    // Light and dark exchanged, the hue kept, a little brighter.
    let turned = [ink.0, ink.1, ink.2].map(|x| 0.93 * 255.0 - 0.86 * f64::from(x));
    let grey = 2.0 * (0.213 * turned[0] + 0.715 * turned[1] + 0.072 * turned[2]);
    let [r, g, b] = turned.map(|x| ((grey - x).clamp(0.0, 255.0) * 1.15).min(255.0).floor() as u8);
    Rgb(r, g, b)
}

/// The colours of the drawings of a page.
#[derive(Default)]
pub(super) struct Colors {
    all: BTreeSet<[u8; 3]>,
}

impl Colors {
    /// A drawing whose colours (`"#0072b2"`) are names (`"var(--c0072b2)"`).
    pub(super) fn named(&mut self, svg: &str) -> String {
        let mut out = String::with_capacity(svg.len() + svg.len() / 8);
        let mut rest = svg;
        while let Some(at) = rest.find("\"#") {
            let (before, from) = rest.split_at(at);
            out.push_str(before);
            let color = from.get(2..8).and_then(hex).filter(|_| from[8..].starts_with('"'));
            match color {
                Some(c) => {
                    self.all.insert(c);
                    out.push_str(&format!("\"var(--c{:02x}{:02x}{:02x})\"", c[0], c[1], c[2]));
                    rest = &from[9..];
                }
                None => {
                    out.push_str("\"#");
                    rest = &from[2..];
                }
            }
        }
        out + rest
    }

    /// What the names are: a style sheet.
    pub(super) fn style(&self) -> String {
        let all = |of: &dyn Fn(Rgb) -> Rgb| -> String {
            let one = |c: &[u8; 3]| {
                let ink = Rgb(c[0], c[1], c[2]);
                format!("--c{}: {};", &ink.hex()[1..], of(ink).hex())
            };
            self.all.iter().map(one).collect()
        };
        let (day, night) = (all(&|c| c), all(&by_night));
        format!(
            ":root {{ {day} }}\n@media screen and (prefers-color-scheme: dark) {{ :root:not([data-theme=\"light\"]) {{ {night} }} }}\n\
             @media screen {{ :root[data-theme=\"dark\"] {{ {night} }} }}\n"
        )
    }
}

fn hex(text: &str) -> Option<[u8; 3]> {
    let number = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    Some([number(0)?, number(2)?, number(4)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_get_names_and_nothing_else_does() {
        let mut colors = Colors::default();
        let named =
            colors.named("<a fill=\"#0072B2\" href=\"#0072b2x\" style=\"fill:#0072b2\" stroke=\"#ffffff\"/>\"#12\"é");
        assert_eq!(
            named,
            "<a fill=\"var(--c0072b2)\" href=\"#0072b2x\" style=\"fill:#0072b2\" stroke=\"var(--cffffff)\"/>\"#12\"é"
        );
        let style = colors.style();
        assert!(
            style.contains("--cffffff: #ffffff;") && style.contains("--cffffff: #141414;"),
            "{style}"
        );
        assert!(style.contains("--c0072b2: #3d9de0;"), "{style}");
    }
}
