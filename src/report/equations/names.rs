//! Names as an economist writes them: Greek letters, subscripts, indices of members, dates; and what stands behind a name.

use crate::check::Model;
use crate::graph::{AxisId, AxisKind, Phase};
use crate::report::text::escape;
use crate::syntax::ast::{
    Binder, Domain, DomainKind, Expr, ExprKind, File, LhsIndex, Name, Range, Size, Stmt, StmtKind,
};
use std::collections::{BTreeMap, BTreeSet};

/// Greek letters by their names; those that look like Latin ones are left out.
const GREEK: [(&str, &str); 36] = [
    ("alpha", "α"),
    ("beta", "β"),
    ("gamma", "γ"),
    ("delta", "δ"),
    ("epsilon", "ε"),
    ("eps", "ε"),
    ("zeta", "ζ"),
    ("eta", "η"),
    ("theta", "θ"),
    ("iota", "ι"),
    ("kappa", "κ"),
    ("lambda", "λ"),
    ("mu", "μ"),
    ("nu", "ν"),
    ("xi", "ξ"),
    ("pi", "π"),
    ("rho", "ρ"),
    ("sigma", "σ"),
    ("tau", "τ"),
    ("upsilon", "υ"),
    ("phi", "φ"),
    ("chi", "χ"),
    ("psi", "ψ"),
    ("omega", "ω"),
    ("Gamma", "Γ"),
    ("Delta", "Δ"),
    ("Theta", "Θ"),
    ("Lambda", "Λ"),
    ("Xi", "Ξ"),
    ("Pi", "Π"),
    ("Sigma", "Σ"),
    ("Upsilon", "Υ"),
    ("Phi", "Φ"),
    ("Psi", "Ψ"),
    ("Omega", "Ω"),
    ("lamda", "λ"),
];

/// Letters for members of populations and sets, where the file leaves them free.
const INDICES: &str = "ijhmnlgrsuvwxyabcdef";

/// One population, market, group or kind, or the top level.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) name: String,
    pub(super) parent: Option<usize>,
    /// What its members are called: as my own, and as one of all.
    pub(super) index: Option<[String; 2]>,
    /// The population over which a market runs, by name.
    over: Option<String>,
    /// The kind it is of.
    kind: Option<String>,
    /// What it declares.
    pub(super) names: BTreeMap<String, Declared>,
    /// No member of the economy: a kind or the definition of a market.
    template: bool,
}

/// A declared name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Declared {
    /// It has a date.
    pub(super) dated: bool,
    /// The sets it runs over beside the members of its block.
    pub(super) sets: Vec<String>,
}

/// Everything that is declared.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) blocks: Vec<Block>,
    /// Sets with the letter of an element.
    sets: BTreeMap<String, String>,
    /// Words that are labels of choices and of states of chains.
    labels: BTreeSet<String>,
    functions: BTreeSet<String>,
    /// Populations that are continua.
    continua: BTreeSet<String>,
    /// What the model knows beyond the file (ports of library markets), with whether it has a date.
    known: BTreeMap<String, bool>,
    /// `epsilon` is a name of its own, so `eps` is not shown as it.
    epsilon: bool,
    /// The letter of values: `V` unless it is a name of the file.
    pub(super) value: &'static str,
}

impl Names {
    /// Of a file, and of the definitions of markets it takes from the library.
    pub(super) fn of(file: &File, definitions: &[&Stmt], model: &Model) -> Names {
        let mut words = BTreeSet::new();
        file.statements
            .iter()
            .chain(definitions.iter().copied())
            .for_each(|s| said(s, &mut words));
        let mut names = Names {
            epsilon: words.contains("epsilon"),
            value: ["V", "W", "J", "U"]
                .into_iter()
                .find(|letter| !words.contains(*letter))
                .unwrap_or("𝒱"),
            continua: model
                .graph
                .axes
                .iter()
                .filter(|a| a.continuum)
                .map(|a| a.name.clone())
                .collect(),
            ..Names::default()
        };
        for n in &model.names {
            let last = n.name.rsplit('.').next().unwrap_or(&n.name).to_string();
            let dated = n.phase != Phase::Constant;
            *names.known.entry(last).or_insert(false) |= dated;
        }
        let mut free = INDICES
            .chars()
            .filter(|c| !words.contains(&c.to_string()))
            .map(String::from);
        names.blocks.push(Block::default());
        names.collect(0, &file.statements, model, &mut free);
        for stmt in definitions {
            names.collect(0, std::slice::from_ref(stmt), model, &mut free);
        }
        names
    }

    fn collect(&mut self, at: usize, body: &[Stmt], model: &Model, free: &mut dyn Iterator<Item = String>) {
        for stmt in body {
            match &stmt.kind {
                StmtKind::Agent {
                    name, size, body, is, ..
                } => {
                    let block = self.block(at, name, size.as_ref(), false, free);
                    // A kind stands before what is of it, or behind: names are looked for there as well.
                    if let Some(kind) = is {
                        self.blocks[block].kind = Some(kind.text.clone());
                    }
                    self.collect(block, body, model, free);
                }
                StmtKind::Group { name, size, body, .. } => {
                    let block = self.block(at, name, Some(size), false, free);
                    self.collect(block, body, model, free);
                }
                StmtKind::Market { name, size, body, .. } => {
                    let block = self.block(at, name, size.as_ref(), false, free);
                    self.collect(block, body, model, free);
                }
                StmtKind::Kind { name, body } => {
                    let block = self.block(at, name, None, true, free);
                    let letters = [next(free), next(free)];
                    self.blocks[block].index = Some(letters);
                    self.collect(block, body, model, free);
                }
                StmtKind::MarketDef { name, params, body } => {
                    let block = self.block(at, name, None, true, free);
                    for (param, _) in params {
                        self.declare(block, &param.text, Declared::default());
                    }
                    self.collect(block, body, model, free);
                }
                StmtKind::Role { body, .. } => self.collect(at, body, model, free),
                StmtKind::Offer(ports) | StmtKind::GivePort(ports) => {
                    for port in ports {
                        self.declare(
                            at,
                            &port.text,
                            Declared {
                                dated: true,
                                sets: Vec::new(),
                            },
                        );
                    }
                }
                StmtKind::Fn { name, .. } => {
                    self.functions.insert(name.text.clone());
                }
                StmtKind::Set { name, domain } => {
                    let letter = next(free);
                    self.sets.insert(name.text.clone(), letter);
                    self.labels_of(domain);
                }
                StmtKind::Param { lhs, .. } => self.declare_lhs(at, lhs, false, model),
                StmtKind::Shock { lhs, dist, .. } => {
                    self.labels_in(dist);
                    self.declare_lhs(at, lhs, true, model);
                }
                StmtKind::Noise { lhs, dist, .. } => {
                    self.labels_in(dist);
                    self.declare_lhs(at, lhs, true, model);
                }
                StmtKind::State { lhs, domain, .. } | StmtKind::Action { lhs, domain, .. } => {
                    self.labels_of(domain);
                    self.declare_lhs(at, lhs, true, model);
                }
                StmtKind::Let { lhs, .. } | StmtKind::Price { lhs, .. } => {
                    self.declare_lhs(at, lhs, true, model);
                }
                StmtKind::Forward { name, .. } => {
                    self.declare(
                        at,
                        &name.text,
                        Declared {
                            dated: true,
                            sets: Vec::new(),
                        },
                    );
                }
                StmtKind::Observe { items, .. } => {
                    for item in items {
                        if let crate::syntax::ast::ObserveItem::Signal { name, .. } = item {
                            self.declare(
                                at,
                                &name.text,
                                Declared {
                                    dated: true,
                                    sets: Vec::new(),
                                },
                            );
                        }
                    }
                }
                StmtKind::Give { target, .. } => {
                    // In an economy `give firm.q = ..` makes a name of the firm; in a definition of the market.
                    let head = &target.segments[0].name.text;
                    let last = &target.segments[target.segments.len() - 1].name.text;
                    let home = match target.segments.len() {
                        1 => Some(at),
                        _ => self.block_named(head, at),
                    };
                    let home = home.or_else(|| {
                        let over = self.blocks[at].over.clone();
                        over.and_then(|name| self.block_named(&name, at))
                    });
                    if let Some(home) = home {
                        let sets = self.sets_of(home, last, model);
                        self.declare(home, last, Declared { dated: true, sets });
                    }
                }
                _ => {}
            }
        }
    }

    fn block(
        &mut self,
        parent: usize,
        name: &Name,
        size: Option<&Size>,
        template: bool,
        free: &mut dyn Iterator<Item = String>,
    ) -> usize {
        let mut over = None;
        let index = size.map(|size| match size {
            Size::Count(_) => [next(free), next(free)],
            Size::Binder(binder) => {
                if let Range::Named(path) = &binder.over {
                    over = path.segments.last().map(|s| s.name.text.clone());
                }
                [binder.var.text.clone(), next(free)]
            }
        });
        let mut names = BTreeMap::new();
        if let Some(Size::Binder(binder)) = size {
            names.insert(binder.var.text.clone(), Declared::default());
        }
        self.blocks.push(Block {
            name: name.text.clone(),
            parent: Some(parent),
            index,
            over,
            kind: None,
            names,
            template,
        });
        self.blocks.len() - 1
    }

    fn declare(&mut self, at: usize, name: &str, declared: Declared) {
        self.blocks[at].names.entry(name.to_string()).or_insert(declared);
    }

    fn declare_lhs(&mut self, at: usize, lhs: &crate::syntax::ast::Lhs, dated: bool, model: &Model) {
        let written = lhs.index.iter().map(|index| match index {
            LhsIndex::Set(name) => name.text.clone(),
            LhsIndex::Binder(Binder {
                over: Range::Named(path),
                ..
            }) => path.segments.last().map_or(String::new(), |s| s.name.text.clone()),
            LhsIndex::Binder(binder) => binder.var.text.clone(),
        });
        let mut sets: Vec<String> = written.collect();
        if sets.is_empty() && dated {
            sets = self.sets_of(at, &lhs.name.text, model);
        }
        let constant = self
            .model_name(at, &lhs.name.text, model)
            .is_some_and(|n| n.phase == Phase::Constant);
        self.declare(
            at,
            &lhs.name.text,
            Declared {
                dated: dated && !constant,
                sets,
            },
        );
    }

    fn model_name<'m>(&self, at: usize, name: &str, model: &'m Model) -> Option<&'m crate::check::model::Named> {
        let mut dotted = name.to_string();
        for block in self.chain(at) {
            if !self.blocks[block].name.is_empty() {
                dotted = format!("{}.{dotted}", self.blocks[block].name);
            }
        }
        model.names.iter().find(|n| n.name == dotted)
    }

    /// The sets over which a name runs beside the members of its block, as the model found.
    fn sets_of(&self, at: usize, name: &str, model: &Model) -> Vec<String> {
        let Some(named) = self.model_name(at, name, model) else {
            return Vec::new();
        };
        let own: Vec<&String> = self
            .chain(at)
            .flat_map(|b| [Some(&self.blocks[b].name), self.blocks[b].over.as_ref()])
            .flatten()
            .collect();
        let shape = &model.graph.nodes[named.node.0 as usize].shape;
        let axes = shape.iter().map(|a| axis_name(model, *a)).filter(|a| !own.contains(&a));
        axes.collect()
    }

    /// A block and all around it, inmost first, without the top level.
    pub(super) fn chain(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(Some(at), |b| self.blocks[*b].parent).filter(|b| *b != 0)
    }

    /// The block of a name as seen from another.
    pub(super) fn block_named(&self, name: &str, from: usize) -> Option<usize> {
        let inside = |of: usize| {
            (1..self.blocks.len()).find(|b| self.blocks[*b].parent == Some(of) && self.blocks[*b].name == name)
        };
        let near = self.chain(from).chain([0]).find_map(|around| {
            inside(around).or_else(|| (self.blocks[around].name == name).then_some(around).filter(|b| *b != 0))
        });
        near.or_else(|| (1..self.blocks.len()).find(|b| self.blocks[*b].name == name))
    }

    /// Where a name is declared, seen from a block: there, around it, or in the only other place that has it.
    pub(super) fn home(&self, name: &str, from: usize) -> Option<(usize, &Declared)> {
        for at in self.chain(from).chain([0]) {
            if let Some(declared) = self.declared(at, name) {
                return Some((at, declared));
            }
        }
        let mut others = (0..self.blocks.len())
            .filter(|b| !self.blocks[*b].template)
            .filter_map(|b| self.blocks[b].names.get(name).map(|d| (b, d)));
        others.next()
    }

    /// A name in a block, or in the kind it is of.
    pub(super) fn declared(&self, at: usize, name: &str) -> Option<&Declared> {
        let block = &self.blocks[at];
        block.names.get(name).or_else(|| {
            let kind = block.kind.as_ref()?;
            let kind = self.blocks.iter().find(|b| b.template && b.name == *kind)?;
            kind.names.get(name)
        })
    }

    /// Whether several blocks have this name.
    pub(super) fn shared(&self, name: &str) -> bool {
        let with = |b: &&Block| !b.template && b.names.contains_key(name);
        self.blocks.iter().filter(with).count() > 1
    }

    /// The population that a market runs over by this variable.
    pub(super) fn ranged(&self, var: &str, from: usize) -> Option<usize> {
        let market = self
            .chain(from)
            .find(|b| self.blocks[*b].index.as_ref().is_some_and(|i| i[0] == var))?;
        match &self.blocks[market].over {
            Some(over) => self.block_named(over, 0),
            None => Some(market),
        }
    }

    /// The letter of an element of a set or a population; the name itself where there is none.
    pub(super) fn letter(&self, set: &str) -> String {
        if let Some(letter) = self.sets.get(set) {
            return letter.clone();
        }
        let block = self
            .blocks
            .iter()
            .find(|b| b.name == set)
            .and_then(|b| b.index.as_ref());
        block.map_or_else(|| set.to_string(), |index| index[0].clone())
    }

    pub(super) fn is_label(&self, word: &str) -> bool {
        self.labels.contains(word)
    }

    pub(super) fn is_function(&self, word: &str) -> bool {
        self.functions.contains(word)
    }

    pub(super) fn is_continuum(&self, block: &str) -> bool {
        self.continua.contains(block)
    }

    /// Whether a name that no block declares has a date.
    pub(super) fn known_dated(&self, name: &str) -> bool {
        self.known.get(name).copied().unwrap_or(false)
    }

    fn labels_of(&mut self, domain: &Domain) {
        if let DomainKind::Finite(choices) = &domain.kind {
            for (choice, _) in choices {
                if let ExprKind::Path(path) = &choice.kind
                    && let [only] = path.segments.as_slice()
                {
                    self.labels.insert(only.name.text.clone());
                }
            }
        }
    }

    fn labels_in(&mut self, dist: &Expr) {
        if let ExprKind::Call { args, .. } = &dist.kind {
            for arg in args {
                if let ExprKind::Array(items) = &arg.value.kind {
                    self.labels
                        .extend(items.iter().filter_map(|i| i.label.as_ref()).map(|l| l.text.clone()));
                }
            }
        }
    }

    /// The letter of a name, and what it has as subscripts of its own: `mu_ind` is the letter mu with `ind`.
    pub(super) fn spelled(&self, name: &str) -> (String, Vec<String>) {
        let (head, rest) = match name.split_once('_') {
            Some((head, rest)) if !head.is_empty() && !rest.is_empty() => (head, rest),
            _ => (name, ""),
        };
        let digits = head.trim_end_matches(|c: char| c.is_ascii_digit());
        let mut subs = Vec::new();
        let short = |word: &str| word.chars().count() == 1 || self.greek(word).is_some();
        let base = if digits.len() < head.len() && short(digits) {
            subs.push(format!("<mn>{}</mn>", &head[digits.len()..]));
            digits
        } else {
            head
        };
        let letter = |word: &str| self.greek(word).map_or_else(|| escape(word), String::from);
        let mut base_text = format!("<mi>{}</mi>", letter(base));
        for part in rest.split('_').filter(|p| !p.is_empty()) {
            if part == "bar" && short(base) {
                base_text = format!("<mover accent=\"true\">{base_text}<mo>¯</mo></mover>");
            } else if part.chars().all(|c| c.is_ascii_digit()) {
                subs.push(format!("<mn>{part}</mn>"));
            } else {
                subs.push(format!("<mi>{}</mi>", letter(part)));
            }
        }
        (base_text, subs)
    }

    /// The Greek letter of a word.
    fn greek(&self, word: &str) -> Option<&'static str> {
        if word == "eps" && self.epsilon {
            return None;
        }
        GREEK.iter().find(|(name, _)| *name == word).map(|(_, letter)| *letter)
    }

    /// Whether a name takes one letter, so that a product with it can do without a sign.
    pub(super) fn is_short(&self, name: &str) -> bool {
        let head = name
            .split('_')
            .next()
            .unwrap_or(name)
            .trim_end_matches(|c: char| c.is_ascii_digit());
        head.chars().count() == 1 || self.greek(head).is_some()
    }
}

/// The axis as the file calls it: views and copies by what they are of.
fn axis_name(model: &Model, axis: AxisId) -> String {
    let axis = &model.graph.axes[axis.0 as usize];
    match &axis.kind {
        AxisKind::Alias(of) | AxisKind::Others(of) => axis_name(model, *of),
        AxisKind::Population | AxisKind::Set | AxisKind::Stack(_) => axis.name.clone(),
    }
}

fn next(free: &mut dyn Iterator<Item = String>) -> String {
    free.next().unwrap_or_else(|| "i".to_string())
}

/// Every word that is a name somewhere, so that no index takes it.
fn said(stmt: &Stmt, words: &mut BTreeSet<String>) {
    let text = crate::syntax::print::print(&File {
        model: None,
        statements: vec![stmt.clone()],
    });
    let of_a_name = |c: char| c.is_alphanumeric() || c == '_';
    words.extend(
        text.split(|c: char| !of_a_name(c))
            .filter(|w| !w.is_empty())
            .map(String::from),
    );
}
