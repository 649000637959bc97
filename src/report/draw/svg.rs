//! The drawing as SVG: lanes and boxes, phases as columns, curved edges in the colour of their source.

use super::layout::{DOC_FONT, Layout, Link, LinkShape, NAME_FONT, Rect, TOP, layout};
use super::{Drawing, GroupKind, KINDS, NodeKind, phase_word};
use crate::graph::Phase;
use crate::report::text::{FAMILY, GREY, INK, Rgb, WHITE, escape, fitted, width};

/// Fill and border of a kind. Borders are told apart by people with the usual kinds of colour blindness (hues of Okabe
/// and Ito, 2008, and greys); where hues repeat, the dashed border of what is drawn at random decides.
pub(super) fn colors(kind: NodeKind) -> (Rgb, Rgb) {
    let border = match kind {
        NodeKind::Parameter => Rgb(0x9a, 0xa0, 0xa6),
        NodeKind::State | NodeKind::Transition => Rgb(0x00, 0x72, 0xb2),
        NodeKind::Shock | NodeKind::Noise => Rgb(0xb0, 0x4f, 0x8a),
        NodeKind::Action => Rgb(0xd5, 0x5e, 0x00),
        NodeKind::Let => Rgb(0x6b, 0x74, 0x7e),
        NodeKind::Price | NodeKind::Aggregate => Rgb(0x00, 0x8a, 0x65),
        NodeKind::Observation => Rgb(0x3f, 0xa2, 0xd9),
        NodeKind::Constraint => Rgb(0x8a, 0x6d, 0x3b),
        NodeKind::Reward => Rgb(0xc4, 0x87, 0x00),
    };
    let share = match kind {
        NodeKind::Let | NodeKind::Parameter => 0.93,
        NodeKind::Transition => 0.72,
        _ => 0.87,
    };
    (border.mix(WHITE, share), border)
}

fn dashed(kind: NodeKind) -> bool {
    matches!(kind, NodeKind::Shock | NodeKind::Noise)
}

/// The document.
pub(super) fn draw(drawing: &Drawing) -> String {
    let layout = layout(drawing);
    let title_width = width(&drawing.title, 18.0) + 56.0;
    let page_width = layout.width.max(title_width.min(900.0));
    let legend = legend(drawing, page_width, layout.height + 14.0);
    let page_height = layout.height + 14.0 + legend.1;
    let mut out = format!(
        "<svg role=\"img\" width=\"{page_width:.0}\" height=\"{page_height:.0}\" viewBox=\"0 0 {page_width:.0} \
         {page_height:.0}\" xmlns=\"http://www.w3.org/2000/svg\" font-family=\"{FAMILY}\">\n<title>{}</title>\n",
        escape(&drawing.title)
    );
    out.push_str(&format!(
        "<rect width=\"{page_width:.0}\" height=\"{page_height:.0}\" fill=\"#ffffff\"/>\n"
    ));
    let title = fitted(&drawing.title, 18.0, page_width - 56.0);
    text(&mut out, [28.0, 34.0], "start", 17.0, INK, true, &title);
    phases(&mut out, &layout);
    for (group, rect) in &layout.boxes {
        group_box(&mut out, drawing, *group, rect);
    }
    for link in &layout.links {
        edge(&mut out, drawing, link);
    }
    for (group, rect) in &layout.boxes {
        box_label(&mut out, drawing, *group, rect);
    }
    for (i, rect) in layout.nodes.iter().enumerate() {
        node(&mut out, drawing, i, rect);
    }
    out.push_str(&legend.0);
    out.push_str("</svg>\n");
    out
}

/// `y` is the base line.
fn text(out: &mut String, [x, y]: [f64; 2], anchor: &str, size: f64, ink: Rgb, bold: bool, content: &str) {
    let weight = if bold { " font-weight=\"600\"" } else { "" };
    out.push_str(&format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\" fill=\"{}\"{weight}>{}</text>\n",
        ink.hex(),
        escape(content)
    ));
}

/// Headings and bands of the phases.
fn phases(out: &mut String, layout: &Layout) {
    let ends: Vec<[f64; 2]> = (0..layout.phases.len())
        .map(|i| {
            let [left, right] = layout.phases[i].1;
            let before = i.checked_sub(1).map_or(left - 44.0, |b| layout.phases[b].1[1]);
            let after = layout.phases.get(i + 1).map_or(right + 44.0, |a| a.1[0]);
            [f64::midpoint(before, left), f64::midpoint(right, after)]
        })
        .collect();
    for (i, ((phase, [left, right]), band)) in layout.phases.iter().zip(&ends).enumerate() {
        if i % 2 == 0 {
            out.push_str(&format!(
                "<rect x=\"{:.1}\" y=\"54\" width=\"{:.1}\" height=\"{:.1}\" fill=\"#f6f7f9\"/>\n",
                band[0],
                band[1] - band[0],
                layout.height - 54.0
            ));
        }
        let middle = f64::midpoint(*left, *right);
        let room = band[1] - band[0] - 6.0;
        text(
            out,
            [middle, 71.0],
            "middle",
            12.5,
            INK,
            true,
            &fitted(&phase_word(*phase), 12.5, room),
        );
        let hint = phase_hint(*phase);
        if width(hint, 10.5) <= room {
            text(out, [middle, TOP - 11.0], "middle", 10.5, GREY, false, hint);
        }
    }
}

fn phase_hint(phase: Phase) -> &'static str {
    match phase {
        Phase::Constant => "never changes",
        Phase::Dated => "known at the start of the period",
        Phase::Observed => "what is seen",
        Phase::Acted(_) => "what is chosen, and what follows",
        Phase::Cleared => "after everybody has acted",
        Phase::Moved => "next period",
    }
}

fn box_ink(kind: GroupKind) -> Rgb {
    match kind {
        GroupKind::Agent => Rgb(0x5a, 0x6b, 0x8c),
        GroupKind::Market => Rgb(0x2e, 0x83, 0x6b),
        GroupKind::Group => GREY,
    }
}

fn group_box(out: &mut String, drawing: &Drawing, group: usize, rect: &Rect) {
    let group = &drawing.groups[group];
    let ink = box_ink(group.kind).hex();
    let [x, y, w, h] = rect;
    let dash = if group.kind == GroupKind::Group {
        " stroke-dasharray=\"5 4\""
    } else {
        ""
    };
    out.push_str(&format!(
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" rx=\"9\" fill=\"{ink}\" \
         fill-opacity=\"0.05\" stroke=\"{ink}\" stroke-opacity=\"0.55\"{dash}/>\n"
    ));
}

/// The name of a box, over the edges, on a rim of paper in the shape of the letters (drawn first, for viewers that do
/// not know `paint-order`).
fn box_label(out: &mut String, drawing: &Drawing, group: usize, [x, y, ..]: &Rect) {
    let group = &drawing.groups[group];
    let at = [x + 11.0, y + 17.0];
    out.push_str("<g stroke=\"#f8f9fa\" stroke-width=\"4\" stroke-linejoin=\"round\" aria-hidden=\"true\">\n");
    text(out, at, "start", 11.5, Rgb(0xf8, 0xf9, 0xfa), true, &group.label);
    out.push_str("</g>\n");
    text(out, at, "start", 11.5, box_ink(group.kind), true, &group.label);
}

fn edge(out: &mut String, drawing: &Drawing, link: &Link) {
    let (_, border) = colors(drawing.nodes[link.source].kind);
    let ink = border.mix(Rgb(0x9a, 0xa1, 0xa9), 0.35).hex();
    let ([x0, y0], [x1, y1]) = (link.from, link.to);
    let style = format!("fill=\"none\" stroke=\"{ink}\" stroke-width=\"1.3\" stroke-opacity=\"0.85\"");
    match link.shape {
        LinkShape::Straight => {
            out.push_str(&format!("<path d=\"M{x0:.1} {y0:.1}H{x1:.1}\" {style}/>\n"));
        }
        LinkShape::Curve | LinkShape::Arrow => {
            let tip = if link.shape == LinkShape::Arrow { x1 - 5.5 } else { x1 };
            let bend = (tip - x0) * 0.5;
            out.push_str(&format!(
                "<path d=\"M{x0:.1} {y0:.1}C{:.1} {y0:.1} {:.1} {y1:.1} {tip:.1} {y1:.1}\" {style}/>\n",
                x0 + bend,
                tip - bend
            ));
            if link.shape == LinkShape::Arrow {
                arrow_head(out, [x1, y1], &ink);
            }
        }
        LinkShape::Back => {
            let lift = 26.0 + 0.08 * (x1 - x0).abs();
            let top = y0.min(y1) - lift;
            out.push_str(&format!(
                "<path d=\"M{x0:.1} {y0:.1}C{x0:.1} {top:.1} {x1:.1} {top:.1} {x1:.1} {:.1}\" {style} \
                 stroke-dasharray=\"4 3\"/>\n",
                y1 - 5.0
            ));
            out.push_str(&format!(
                "<path d=\"M{x1:.1} {y1:.1}l-3.2 -6.5h6.4z\" fill=\"{ink}\"/>\n"
            ));
        }
    }
}

fn arrow_head(out: &mut String, [x, y]: [f64; 2], ink: &str) {
    out.push_str(&format!("<path d=\"M{x:.1} {y:.1}l-6.5 -3.2v6.4z\" fill=\"{ink}\"/>\n"));
}

fn node(out: &mut String, drawing: &Drawing, index: usize, rect: &Rect) {
    let node = &drawing.nodes[index];
    let (fill, border) = colors(node.kind);
    let [x, y, w, h] = rect;
    let dash = if dashed(node.kind) {
        " stroke-dasharray=\"5 2.5\""
    } else {
        ""
    };
    let mut tip = format!(
        "{}: {}, {}",
        drawing.full_name(index),
        node.kind.word(),
        phase_word(node.phase)
    );
    for more in [&node.doc, &node.domain].into_iter().filter(|m| !m.is_empty()) {
        tip.push_str(&format!(", {more}"));
    }
    out.push_str(&format!("<g><title>{}</title>\n", escape(&tip)));
    out.push_str(&format!(
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" rx=\"6\" fill=\"{}\" stroke=\"{}\" \
         stroke-width=\"1.4\"{dash}/>\n",
        fill.hex(),
        border.hex()
    ));
    let room = w - 16.0;
    let name = fitted(&node.name, NAME_FONT, room);
    let base = if node.doc.is_empty() {
        y + h / 2.0 + 4.5
    } else {
        y + 17.0
    };
    text(out, [x + 9.0, base], "start", NAME_FONT, INK, true, &name);
    let left = room - width(&name, NAME_FONT) - 5.0;
    let shape = drawing.extra_shape(index);
    if !shape.is_empty() && left > 14.0 {
        let shape = fitted(&shape, DOC_FONT, left);
        text(out, [x + w - 8.0, base], "end", DOC_FONT, GREY, false, &shape);
    }
    if !node.doc.is_empty() {
        text(
            out,
            [x + 9.0, y + 31.5],
            "start",
            DOC_FONT,
            GREY,
            false,
            &fitted(&node.doc, DOC_FONT, room),
        );
    }
    out.push_str("</g>\n");
}

/// Swatches of the kinds that occur, wrapped to the page; and its height.
fn legend(drawing: &Drawing, page_width: f64, top: f64) -> (String, f64) {
    let mut out = String::new();
    let (mut x, mut y) = (28.0, top);
    for kind in KINDS.into_iter().filter(|k| drawing.nodes.iter().any(|n| n.kind == *k)) {
        let size = 20.0 + width(kind.word(), 11.0) + 18.0;
        if x > 28.0 && x + size > page_width - 20.0 {
            x = 28.0;
            y += 20.0;
        }
        let (fill, border) = colors(kind);
        let dash = if dashed(kind) { " stroke-dasharray=\"3 2\"" } else { "" };
        out.push_str(&format!(
            "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"14\" height=\"11\" rx=\"3\" fill=\"{}\" stroke=\"{}\" \
             stroke-width=\"1.3\"{dash}/>\n",
            y - 5.5,
            fill.hex(),
            border.hex()
        ));
        text(&mut out, [x + 20.0, y + 4.0], "start", 11.0, GREY, false, kind.word());
        x += size;
    }
    (out, y - top + 22.0)
}
