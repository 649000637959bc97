//! Drawings of two models, written by hand as the checker would make them. With `ECONC_PICTURES=DIR` they are written
//! there, to be looked at.

use super::*;
use NodeKind::*;

/// A drawing under construction: nodes by name, edges by the names used.
struct Maker(Drawing);

impl Maker {
    fn group(&mut self, label: &str, kind: GroupKind, parent: Option<usize>) -> usize {
        self.0.groups.push(DrawGroup {
            label: label.into(),
            kind,
            parent,
        });
        self.0.groups.len() - 1
    }
    /// `uses`: names of nodes made before, separated by blanks.
    fn node(&mut self, group: Option<usize>, kind: NodeKind, phase: Phase, name: &str, doc: &str, uses: &str) {
        let shape = match group.map(|g| self.0.groups[g].label.as_str()) {
            Some("agent household[N]") => "[household]",
            _ => "",
        };
        self.0.nodes.push(DrawNode {
            name: name.into(),
            kind,
            group,
            phase,
            doc: doc.into(),
            shape: shape.into(),
            domain: "[0, inf)".into(),
        });
        let to = self.0.nodes.len() - 1;
        for used in uses.split_whitespace() {
            let from = self.0.nodes.iter().position(|n| n.name == used).unwrap();
            self.0.edges.push((from, to));
        }
    }
}

const ACTED: Phase = Phase::Acted(0);

fn growth() -> Drawing {
    let mut m = Maker(Drawing {
        title: "Stochastic growth".into(),
        ..Drawing::default()
    });
    for (name, doc) in [
        ("alpha", "capital share"),
        ("beta", "discount factor"),
        ("delta", "depreciation rate"),
    ] {
        m.node(None, Parameter, Phase::Constant, name, doc, "");
    }
    m.node(None, Shock, Phase::Dated, "z", "log productivity", "");
    let p = Some(m.group("agent planner", GroupKind::Agent, None));
    m.node(p, State, Phase::Dated, "k", "capital", "");
    m.node(p, Let, Phase::Dated, "y", "", "z k alpha");
    m.node(p, Observation, Phase::Observed, "observe", "k, z", "k z");
    m.node(p, Action, ACTED, "s", "saving rate", "observe");
    m.node(p, Let, ACTED, "c", "", "s y");
    m.node(p, Reward, ACTED, "reward", "", "c");
    m.node(p, Transition, ACTED, "k'", "capital", "k s y delta");
    m.0
}

fn krusell_smith() -> Drawing {
    let mut m = Maker(Drawing {
        title: "Incomplete markets with aggregate risk".into(),
        ..Drawing::default()
    });
    for name in ["alpha", "beta", "delta", "mu", "l_bar"] {
        m.node(None, Parameter, Phase::Constant, name, "", "");
    }
    m.node(None, Shock, Phase::Dated, "Z", "productivity", "");
    let h = Some(m.group("agent household[N]", GroupKind::Agent, None));
    let f = Some(m.group("market factors, competitive", GroupKind::Market, None));
    let g = Some(m.group("market government", GroupKind::Market, None));
    m.node(h, Shock, Phase::Dated, "e", "employment", "Z");
    m.node(h, State, Phase::Dated, "k", "capital", "");
    m.node(f, Let, Phase::Dated, "K", "mean capital", "k");
    m.node(f, Let, Phase::Dated, "L", "labour in efficiency units", "e l_bar");
    m.node(f, Price, Phase::Dated, "r", "rental rate", "Z K L alpha");
    m.node(f, Price, Phase::Dated, "w", "wage", "Z K L alpha");
    m.node(g, Let, Phase::Dated, "u", "unemployment", "e");
    m.node(g, Aggregate, Phase::Dated, "tau", "tax rate", "u mu l_bar");
    m.node(h, Let, Phase::Dated, "income", "", "tau w e mu l_bar");
    m.node(h, Let, Phase::Dated, "cash", "", "r k income delta");
    m.node(
        h,
        Observation,
        Phase::Observed,
        "observe",
        "k, e, Z, mean of k",
        "k e Z K",
    );
    m.node(h, Action, ACTED, "c", "consumption", "observe cash");
    m.node(h, Reward, ACTED, "reward", "", "c");
    m.node(h, Transition, ACTED, "k'", "capital", "cash c");
    m.0
}

/// Groups in groups, noise, prices that clear in a loop, two stages.
fn townsend() -> Drawing {
    let mut m = Maker(Drawing {
        title: "Hidden demand, with a <loop> & stages".into(),
        ..Drawing::default()
    });
    m.node(None, Shock, Phase::Dated, "theta", "hidden common demand", "");
    let industry = Some(m.group("group industry[M]", GroupKind::Group, None));
    let firm = Some(m.group("agent firm[n]", GroupKind::Agent, industry));
    m.node(industry, Shock, Phase::Dated, "eps", "", "");
    m.node(industry, Let, Phase::Dated, "u", "", "theta eps");
    m.node(firm, State, Phase::Dated, "k", "capital", "");
    m.node(firm, Let, Phase::Dated, "y", "", "k");
    m.node(firm, Action, ACTED, "s", "", "k");
    m.node(firm, Action, Phase::Acted(1), "q", "quantity", "s");
    m.node(industry, Noise, Phase::Cleared, "nu", "", "");
    m.node(industry, Let, Phase::Cleared, "demand", "", "u nu");
    m.node(industry, Price, Phase::Cleared, "p", "clears", "demand q");
    let (p, demand) = (m.0.nodes.len() - 1, m.0.nodes.len() - 2);
    m.0.edges.push((p, demand));
    m.node(firm, Reward, Phase::Cleared, "reward", "", "p y s k");
    m.node(firm, Constraint, ACTED, "s <= y", "", "s y");
    m.node(firm, Transition, Phase::Moved, "k'", "", "k s theta");
    m.0
}

fn keep(name: &str, text: &str) {
    if let Ok(directory) = std::env::var("ECONC_PICTURES") {
        std::fs::write(std::path::Path::new(&directory).join(name), text).unwrap();
    }
}

fn overlap(a: &layout::Rect, b: &layout::Rect) -> bool {
    a[0] < b[0] + b[2] && b[0] < a[0] + a[2] && a[1] < b[1] + b[3] && b[1] < a[1] + a[3]
}

#[test]
fn nodes_and_boxes_stand_apart_and_on_the_page() {
    for (name, drawing) in [
        ("growth", growth()),
        ("krusell-smith", krusell_smith()),
        ("townsend", townsend()),
    ] {
        for parameters in [false, true] {
            let picked = drawing.picked(parameters);
            let layout = layout::layout(&picked);
            for (i, a) in layout.nodes.iter().enumerate() {
                assert!(
                    a[0] >= 0.0 && a[1] >= layout::TOP && a[0] + a[2] <= layout.width && a[1] + a[3] <= layout.height
                );
                assert!(
                    layout.nodes[..i].iter().all(|b| !overlap(a, b)),
                    "{name}: {}",
                    picked.nodes[i].name
                );
            }
            for (group, a) in &layout.boxes {
                for (other, b) in layout.boxes.iter().filter(|(o, _)| o < group) {
                    let nested = picked.groups[*group].parent == Some(*other);
                    let within =
                        a[0] >= b[0] && a[1] >= b[1] && a[0] + a[2] <= b[0] + b[2] && a[1] + a[3] <= b[1] + b[3];
                    assert!(
                        if nested { within } else { !overlap(a, b) },
                        "{name}: boxes {group} {other}"
                    );
                }
                for (rect, node) in layout.nodes.iter().zip(&picked.nodes) {
                    let member = node
                        .group
                        .is_some_and(|g| g == *group || picked.groups[g].parent == Some(*group));
                    assert_eq!(overlap(rect, a), member, "{name}: {} and box {group}", node.name);
                }
            }
            keep(
                &format!("graph-{name}{}.svg", if parameters { "-all" } else { "" }),
                &drawing.to_svg(parameters),
            );
        }
        keep(&format!("graph-{name}.dot"), &drawing.to_dot(false));
    }
}

#[test]
fn uses_go_from_left_to_right_along_the_period() {
    let drawing = krusell_smith().picked(false);
    let layout = layout::layout(&drawing);
    for (a, b) in &drawing.edges {
        assert!(layout.nodes[*a][0] + layout.nodes[*a][2] < layout.nodes[*b][0]);
    }
    let phases: Vec<Phase> = layout.phases.iter().map(|p| p.0).collect();
    assert_eq!(phases, [Phase::Dated, Phase::Observed, ACTED, Phase::Moved]);
}

#[test]
fn no_edge_runs_behind_a_node() {
    for drawing in [growth(), krusell_smith(), townsend()] {
        let drawing = drawing.picked(true);
        let layout = layout::layout(&drawing);
        for link in layout.links.iter().filter(|l| l.shape == layout::LinkShape::Straight) {
            for rect in &layout.nodes {
                let line = [link.from[0], link.from[1] - 0.1, link.to[0] - link.from[0], 0.2];
                assert!(!overlap(rect, &line));
            }
        }
        for link in layout
            .links
            .iter()
            .filter(|l| matches!(l.shape, layout::LinkShape::Curve | layout::LinkShape::Arrow))
        {
            // between two columns there are no nodes
            assert!(
                layout
                    .nodes
                    .iter()
                    .all(|r| r[0] + r[2] <= link.from[0] + 1e-9 || r[0] >= link.to[0] - 1e-9)
            );
        }
    }
}

#[test]
fn a_loop_is_drawn_as_an_arc_and_text_is_escaped() {
    let drawing = townsend();
    let layout = layout::layout(&drawing.picked(false));
    assert_eq!(
        layout
            .links
            .iter()
            .filter(|l| l.shape == layout::LinkShape::Back)
            .count(),
        1
    );
    let svg = drawing.to_svg(false);
    assert!(svg.contains("&lt;loop&gt; &amp; stages") && svg.contains("s &lt;= y"));
    assert_eq!(svg, drawing.to_svg(false));
}

#[test]
fn dot_has_clusters_and_every_edge() {
    let drawing = townsend();
    let dot = drawing.to_dot(true);
    assert_eq!(dot.matches("subgraph cluster_").count(), 2);
    assert_eq!(dot.matches(" -> ").count(), drawing.edges.len());
    assert_eq!(dot.matches('{').count(), dot.matches('}').count());
}

#[test]
fn the_table_says_what_each_name_depends_on() {
    let text = growth().to_table().to_text(120, 100);
    let row = text.lines().find(|l| l.starts_with("planner.k'")).unwrap();
    assert!(
        row.contains("transition") && row.contains("acted") && row.contains("k, s, y, delta"),
        "{text}"
    );
    let z = text.lines().find(|l| l.starts_with("planner.y")).unwrap();
    assert!(z.contains("z, k, alpha"), "{text}");
}

#[test]
fn owners_are_named_as_in_the_file() {
    assert_eq!(owner_name("agent household[N]"), "household");
    assert_eq!(owner_name("agent firm[i in 1..N]"), "firm");
    assert_eq!(owner_name("market factors, competitive"), "factors");
    assert_eq!(owner_name("planner"), "planner");
}

#[test]
fn empty_and_ill_formed_drawings_do_no_harm() {
    assert!(Drawing::default().to_svg(true).contains("</svg>"));
    let mut odd = growth();
    odd.edges.extend([(0, 999), (999, 0), (3, 3)]);
    odd.nodes[4].group = Some(77);
    odd.groups[0].parent = Some(0);
    assert!(odd.to_svg(true).contains("</svg>"));
    assert!(odd.to_dot(true).contains("digraph"));
    assert!(odd.to_table().rows() > 5);
}
