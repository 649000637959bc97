//! The drawing in Graphviz' language: clusters for agents and markets, one rank order along the period.

use super::svg::colors;
use super::{Drawing, phase_word};

/// The `digraph`.
pub(super) fn write(drawing: &Drawing) -> String {
    let mut out = String::from("digraph model {\n  rankdir=LR; nodesep=0.15; ranksep=0.6; compound=true;\n");
    out.push_str(
        "  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\", fontsize=11, margin=\"0.10,0.05\"];\n",
    );
    out.push_str("  edge [color=\"#8a929b\", arrowsize=0.6];\n");
    out.push_str(&format!(
        "  label={}; labelloc=t; fontname=\"sans-serif\";\n",
        quoted(&drawing.title)
    ));
    nodes_of(drawing, None, 1, &mut out);
    for &(from, to) in &drawing.edges {
        out.push_str(&format!("  n{from} -> n{to};\n"));
    }
    out.push_str("}\n");
    out
}

/// The nodes of a group and the clusters inside it.
fn nodes_of(drawing: &Drawing, group: Option<usize>, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    for (i, node) in drawing.nodes.iter().enumerate().filter(|(_, n)| n.group == group) {
        let (fill, border) = colors(node.kind);
        let mut label = format!("{}{}", node.name, node.shape);
        if !node.doc.is_empty() {
            label.push('\n');
            label.push_str(&node.doc);
        }
        out.push_str(&format!(
            "{indent}n{i} [label={}, tooltip={}, fillcolor=\"{}\", color=\"{}\"];\n",
            quoted(&label),
            quoted(&format!("{}, {}", node.kind.word(), phase_word(node.phase))),
            fill.hex(),
            border.hex(),
        ));
    }
    for (g, inner) in drawing.groups.iter().enumerate().filter(|(_, g)| g.parent == group) {
        out.push_str(&format!("{indent}subgraph cluster_{g} {{\n"));
        out.push_str(&format!(
            "{indent}  label={}; style=rounded; color=\"#b4bac1\"; labeljust=l;\n",
            quoted(&inner.label)
        ));
        nodes_of(drawing, Some(g), depth + 1, out);
        out.push_str(&format!("{indent}}}\n"));
    }
}

fn quoted(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
        .replace('\r', "");
    format!("\"{escaped}\"")
}
