//! Names with their subscripts, dates and members, and where an expression stands.

use super::names::Names;
use crate::report::text::escape;
use crate::syntax::ast::{Index, Path, Segment};

/// Where an expression stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    /// The block, by its number.
    pub(super) block: usize,
    /// Variables without a date: of binders and of functions. Those that are members have the block of the population.
    pub(super) vars: Vec<(String, Option<usize>)>,
    /// Populations whose members an operator runs over, and the letter that does.
    pub(super) bound: Vec<(usize, String)>,
    /// Periods from the present.
    pub(super) shift: i64,
    /// The present is the first period.
    pub(super) first: bool,
    /// In an exponent or a subscript fractions stay on the line.
    pub(super) inline: bool,
}

impl Place {
    pub(super) fn at(block: usize) -> Place {
        Place {
            block,
            ..Place::default()
        }
    }

    /// The same with further variables.
    pub(super) fn with(&self, var: &str, block: Option<usize>) -> Place {
        let mut place = self.clone();
        place.vars.push((var.to_string(), block));
        place
    }

    /// The date, in MathML.
    fn date(&self, primed: bool) -> String {
        let shift = self.shift + i64::from(primed);
        match (self.first, shift) {
            (true, n) if n < 0 => format!("<mo>−</mo><mn>{}</mn>", -n),
            (true, n) => format!("<mn>{n}</mn>"),
            (false, 0) => "<mi>t</mi>".to_string(),
            (false, n) => format!(
                "<mi>t</mi><mo>{}</mo><mn>{}</mn>",
                if n < 0 { "−" } else { "+" },
                n.abs()
            ),
        }
    }
}

/// A name with its subscripts, so that an exponent can stand above them.
pub(super) struct Symbol {
    base: String,
    sub: Vec<String>,
    name: String,
}

impl Symbol {
    /// In MathML, to the power of something.
    pub(super) fn to(&self, power: Option<&str>) -> String {
        let name = escape(&self.name);
        let sub = self.sub.join("<mo separator=\"true\">,</mo>");
        match (sub.is_empty(), power) {
            (true, None) => format!("<mrow data-n=\"{name}\">{}</mrow>", self.base),
            (true, Some(power)) => format!(
                "<msup><mrow data-n=\"{name}\">{}</mrow><mrow>{power}</mrow></msup>",
                self.base
            ),
            (false, None) => format!("<msub data-n=\"{name}\">{}<mrow>{sub}</mrow></msub>", self.base),
            (false, Some(power)) => format!(
                "<msubsup data-n=\"{name}\">{}<mrow>{sub}</mrow><mrow>{power}</mrow></msubsup>",
                self.base
            ),
        }
    }

    pub(super) fn shown(&self) -> String {
        self.to(None)
    }
}

/// Words in a formula.
pub(super) fn words(text: &str) -> String {
    // Blanks at the ends of an element are not shown.
    let inner = text.trim().replace('_', " ");
    let blank = |there: bool| if there { "\u{a0}" } else { "" };
    format!(
        "<mtext>{}{}{}</mtext>",
        blank(text.starts_with(' ')),
        escape(&inner),
        blank(text.ends_with(' '))
    )
}

impl Names {
    pub(super) fn symbol_of(&self, name: &str) -> String {
        let (base, sub) = self.spelled(name);
        let symbol = Symbol {
            base,
            sub,
            name: name.to_string(),
        };
        symbol.shown()
    }

    /// The block that a dotted name begins with.
    pub(super) fn head(&self, path: &Path, place: &Place) -> Option<usize> {
        let head = &path.segments[0].name.text;
        if let Some((_, block)) = place.vars.iter().rev().find(|(v, _)| v == head) {
            return *block;
        }
        self.ranged(head, place.block)
            .or_else(|| self.block_named(head, place.block))
    }

    /// The letters of the members of a block and of those around it, outermost first.
    fn letters(&self, block: usize, place: &Place, dotted: bool) -> Vec<(usize, String)> {
        let chain: Vec<usize> = self.chain(block).collect();
        let letters = chain.into_iter().rev().filter_map(|b| {
            let [own, _] = self.blocks[b].index.as_ref()?;
            let bound = place.bound.iter().rev().find(|(x, _)| *x == b).map(|(_, l)| l);
            Some((b, bound.filter(|_| dotted).unwrap_or(own).clone()))
        });
        letters.collect()
    }

    /// A dotted name as a symbol with its subscripts.
    pub(super) fn symbol(&self, path: &Path, place: &Place) -> Symbol {
        let segments = path.segments.as_slice();
        let last = &segments[segments.len() - 1];
        let name = &last.name.text;
        let full = segments
            .iter()
            .map(|s| s.name.text.as_str())
            .collect::<Vec<_>>()
            .join(".");
        let full = if last.primed { format!("{full}'") } else { full };
        let (base, mut sub) = self.spelled(name);
        let plain = |base: String, sub: Vec<String>| Symbol {
            base,
            sub,
            name: full.clone(),
        };
        let below = Place {
            inline: true,
            ..place.clone()
        };
        if let [only] = segments {
            if place.vars.iter().any(|(v, _)| v == name) {
                sub.extend(self.indices(only, &below));
                return plain(base, sub);
            }
            match self.home(name, place.block) {
                Some((home, declared)) => {
                    let own = self.blocks[home].index.as_ref().is_some_and(|i| i[0] == *name);
                    if !own && declared.dated {
                        sub.extend(
                            self.letters(home, place, false)
                                .iter()
                                .map(|(_, l)| format!("<mi>{l}</mi>")),
                        );
                    }
                    self.rest(last, declared.dated, &declared.sets, place, &mut sub);
                    plain(base, sub)
                }
                None if self.is_label(name) => plain(words(name), Vec::new()),
                None if name == "t" || name == "pi" => plain(base, sub),
                None => {
                    self.rest(last, self.known_dated(name), &[], place, &mut sub);
                    plain(base, sub)
                }
            }
        } else {
            let Some(mut at) = self.head(path, place) else {
                self.rest(last, self.known_dated(name), &[], place, &mut sub);
                return plain(base, sub);
            };
            let head = &segments[0];
            let mut letters = self.letters(at, place, true);
            let variable = place.vars.iter().any(|(v, _)| *v == head.name.text)
                || self.ranged(&head.name.text, place.block).is_some();
            for (i, segment) in segments[..segments.len() - 1].iter().enumerate() {
                if i > 0 {
                    match self.block_named(&segment.name.text, at) {
                        Some(block) => at = block,
                        None => break,
                    }
                    letters.extend(self.letters(at, place, true).into_iter().filter(|(b, _)| *b == at));
                }
                let written = match segment.index.is_empty() {
                    true if i == 0 && variable => Some(self.symbol_of(&head.name.text)),
                    true => None,
                    false => Some(self.indices(segment, &below).join("<mo separator=\"true\">,</mo>")),
                };
                if let Some(written) = written {
                    letters.retain(|(b, _)| *b != at);
                    letters.push((at, written));
                }
            }
            let declared = self.declared(at, name).cloned().unwrap_or_default();
            let dated = declared.dated || (self.declared(at, name).is_none() && self.known_dated(name));
            if self.shared(name) && !self.chain(place.block).any(|b| b == at) && !variable {
                sub.push(words(&self.blocks[at].name));
            }
            let markup = |l: &String| {
                if l.starts_with('<') {
                    l.clone()
                } else {
                    format!("<mi>{l}</mi>")
                }
            };
            sub.extend(letters.iter().map(|(_, l)| markup(l)));
            self.rest(last, dated, &declared.sets, place, &mut sub);
            plain(base, sub)
        }
    }

    /// The indices that are written behind a name.
    fn indices(&self, segment: &Segment, place: &Place) -> Vec<String> {
        let index = segment.index.iter().map(|index| match index {
            Index::At(expr) => format!("<mrow>{}</mrow>", self.math(expr, place)),
            Index::Binder(binder) => self.symbol_of(&binder.var.text),
        });
        index.collect()
    }

    /// Indices and the date.
    fn rest(&self, last: &Segment, dated: bool, sets: &[String], place: &Place, sub: &mut Vec<String>) {
        let below = Place {
            inline: true,
            ..place.clone()
        };
        if last.index.is_empty() {
            sub.extend(sets.iter().map(|s| format!("<mi>{}</mi>", escape(&self.letter(s)))));
        } else {
            sub.extend(self.indices(last, &below));
        }
        if dated {
            sub.push(format!("<mrow>{}</mrow>", place.date(last.primed)));
        }
    }
}
