//! Chance: laws of shocks, noises as quantile functions of uniform base draws, first values.

use super::model::{self, Family, Process, Shock, StartShock};
use super::{Checker, Decl, EntityId, Primes, Scope, Ty, Value, errors};
use crate::diag::Span;
use crate::graph::{Axis, AxisKind, InputKind, Interval, NodeId, Op, Phase};
use crate::syntax::ast::{self, Arg, Expr, ExprKind};

/// How far the sum of a row of a matrix may be from one: published matrices are rounded.
const ROW_TOLERANCE: f64 = 1e-9;
/// How far from one a row of a published matrix may sum by the rounding of its digits.
const PRINTED: f64 = 1e-3;

/// Most states of a chain.
const MOST_LINKS: usize = 1000;

/// The family a distribution's name means.
pub(super) fn family_of(word: &str) -> Option<Family> {
    Some(match word {
        "normal" => Family::Normal,
        "lognormal" => Family::Lognormal,
        "uniform" => Family::Uniform,
        "uniform_int" => Family::UniformInt,
        "bernoulli" => Family::Bernoulli,
        "discrete" => Family::Discrete,
        "exponential" => Family::Exponential,
        "gumbel" => Family::Gumbel,
        _ => return None,
    })
}

/// The names of a family's parameters, one per parameter in order.
pub(super) fn argument_names(f: Family) -> &'static [&'static str] {
    match f {
        Family::Normal => &["mean", "sd"],
        Family::Lognormal => &["mean", "sd"],
        Family::Uniform | Family::UniformInt => &["lo", "hi"],
        Family::Bernoulli => &["p"],
        Family::Discrete => &["values", "probabilities"],
        Family::Exponential => &["mean"],
        Family::Gumbel => &["scale"],
    }
}

impl Checker<'_> {
    // ---- shocks -----------------------------------------------------------------------------------------------

    pub(super) fn shock(
        &mut self,
        id: EntityId,
        iid: bool,
        dist: &Expr,
        given: Option<&ast::Given>,
        start: Option<&ast::Start>,
    ) -> Option<Value> {
        let block = self.entities[id].block;
        let (dotted, span, doc) = (
            self.entities[id].dotted.clone(),
            self.entities[id].span,
            self.entities[id].doc.clone(),
        );
        let mut shape = self.block_axes(block)?;
        for a in self.index_axes(id)? {
            shape.push(a);
        }
        let scope = self.constant_scope(block, "the law of a shock");
        let (process, labels_only) = self.process(&dotted, iid, dist, given, &scope)?;
        let number = self.model.shocks.len();
        let domain = match &process {
            Process::Chain { values, .. } => Interval::integers(0.0, values.len() as f64 - 1.0),
            Process::Iid(d) => d.support(),
            Process::Ar1 { sigma, mean, .. } if *sigma == 0.0 => Interval::point(*mean),
            Process::Ar1 { .. } | Process::RandomWalk { .. } | Process::Var1 { .. } => Interval::all(),
        };
        let (input, index) = self.b.input(
            &dotted,
            InputKind::Shock(number),
            shape.clone(),
            domain,
            Phase::Dated,
            span,
        );
        let (next, _) = self.b.input(
            &format!("{dotted}'"),
            InputKind::ShockNext(number),
            shape.clone(),
            domain,
            Phase::Moved,
            span,
        );
        let owner = self.owner_agent(id);
        let mut node = index;
        let mut ty = Ty::Number;
        if let Process::Chain { values, .. } = &process {
            let values = values.clone();
            node = self.chain_value(&values, index, span);
            ty = Ty::Link { index, shock: number };
        }
        if labels_only {
            self.labels_only.insert(number);
        }
        self.model.shocks.push(Shock {
            name: dotted,
            owner,
            input,
            next,
            node,
            shape,
            process,
            start: None,
            span,
            doc,
        });
        if let Decl::Shock { number: n, .. } = &mut self.entities[id].decl {
            *n = Some(number);
        }
        self.model.shocks[number].start = self.shock_start(number, start, block)?;
        Some(Value { node, ty })
    }

    fn chain_value(&mut self, values: &[f64], index: NodeId, span: Span) -> NodeId {
        if values.iter().enumerate().all(|(i, v)| *v == i as f64) {
            return index;
        }
        let name = format!("1..{}", values.len());
        let axis = match self.range_axis(1, values.len() as i64, span) {
            Some(a) => a,
            None => self.b.add_axis(Axis {
                name,
                size: values.len(),
                continuum: false,
                kind: AxisKind::Set,
            }),
        };
        let table = self.b.table(values.to_vec(), vec![axis], span);
        self.b.take(table, axis, index, span)
    }

    pub(super) fn shock_next(&mut self, id: EntityId) -> Option<Value> {
        let block = self.entities[id].block;
        let scope = self.constant_scope(block, "");
        let span = self.entities[id].span;
        let now = self.entity(id, false, &scope, span)?;
        let Decl::Shock {
            number: Some(number), ..
        } = self.entities[id].decl
        else {
            return None;
        };
        let next = self.model.shocks[number].next;
        let index = self
            .b
            .graph
            .nodes
            .iter()
            .position(|n| n.op == Op::Input(next))
            .map(|i| NodeId(i as u32))?;
        match now.ty {
            Ty::Link { shock, .. } => {
                let Process::Chain { values, .. } = self.model.shocks[number].process.clone() else {
                    return None;
                };
                let node = self.chain_value(&values, index, span);
                Some(Value {
                    node,
                    ty: Ty::Link { index, shock },
                })
            }
            _ => Some(Value {
                node: index,
                ty: Ty::Number,
            }),
        }
    }

    fn shock_start(&mut self, number: usize, start: Option<&ast::Start>, block: usize) -> Option<Option<StartShock>> {
        let Some(start) = start else {
            return Some(None);
        };
        let e = match start {
            ast::Start::Random(_) => return Some(None),
            ast::Start::Value(e) => e,
        };
        let mut scope = self.constant_scope(block, "a first value");
        scope.labels = Some(super::LabelSource::Shock(number));
        if let (ExprKind::Path(p), Process::Chain { values, labels, .. }) =
            (&e.kind, &self.model.shocks[number].process)
            && let [one] = p.segments.as_slice()
            && !labels.contains(&one.name.text)
            && one.index.is_empty()
        {
            let (labels, values) = (labels.clone(), values.clone());
            let name = self.model.shocks[number].name.clone();
            if !matches!(self.find_entity(block, &one.name.text, e.span), Ok(None)) {
                return self.chain_start(number, e, &scope);
            }
            self.report(errors::shock_start(&name, &labels, &values, e.span));
            return None;
        }
        self.chain_start(number, e, &scope)
    }

    /// The first value of a shock, given as an expression.
    fn chain_start(&mut self, number: usize, e: &Expr, scope: &Scope) -> Option<Option<StartShock>> {
        let v = self.expr(e, scope)?;
        let x = self.b.constant_value(v.node);
        if let Process::Chain { values, labels, .. } = &self.model.shocks[number].process {
            let link = match v.ty {
                Ty::Link { index, .. } => self.b.constant_value(index).map(|i| i as usize),
                _ => x.and_then(|x| values.iter().position(|v| *v == x)),
            };
            if link.is_none() {
                let (labels, name) = (labels.clone(), self.model.shocks[number].name.clone());
                let values = values.clone();
                self.report(errors::shock_start(&name, &labels, &values, e.span));
                return None;
            }
            return Some(link.map(StartShock::Link));
        }
        match x {
            Some(x) => Some(Some(StartShock::Value(x))),
            None => {
                self.report(errors::not_constant(e.span, self.b.node(v.node).phase, false));
                None
            }
        }
    }

    /// The law of a shock; the flag says that the states of the chain have labels but no values.
    fn process(
        &mut self,
        name: &str,
        iid: bool,
        dist: &Expr,
        given: Option<&ast::Given>,
        scope: &Scope,
    ) -> Option<(Process, bool)> {
        let ExprKind::Call { name: word, args } = &dist.kind else {
            self.report(errors::not_a_process(dist.span));
            return None;
        };
        if let Some(family) = family_of(&word.text) {
            if !iid {
                self.report(errors::iid_missing(&word.text, dist.span));
                return None;
            }
            return Some((self.iid(family, word, args, scope, dist.span)?, false));
        }
        let known_process = ["markov", "ar1", "random_walk", "var1"].contains(&word.text.as_str());
        if iid && word.text != "markov" {
            self.report(if known_process {
                errors::iid_of_process(&word.text, dist.span)
            } else {
                errors::unknown_distribution(&word.text, word.span)
            });
            return None;
        }
        if given.is_some() && word.text != "markov" {
            self.report(errors::given_of_process(&word.text, dist.span));
            return None;
        }
        match word.text.as_str() {
            "markov" => self.markov(name, args, given, scope, dist.span),
            "ar1" => Some((self.ar1(args, scope, dist.span)?, false)),
            "random_walk" => {
                let [s] = self.constants(word, args, ["sigma"], scope)?;
                self.positive_sd(s, dist.span)?;
                Some((Process::RandomWalk { sigma: s }, false))
            }
            "var1" => {
                let (a, s) = match args.as_slice() {
                    [a, s] => (self.matrix(&a.value, scope)?, self.matrix(&s.value, scope)?),
                    _ => {
                        self.report(errors::argument_count("var1", &["A", "S"], args.len(), dist.span));
                        return None;
                    }
                };
                if a.len() != s.len() || a.iter().chain(&s).any(|r| r.len() != a.len()) {
                    self.report(errors::chain_shape(
                        a.len(),
                        s.len(),
                        s.first().map_or(0, Vec::len),
                        dist.span,
                    ));
                    return None;
                }
                Some((Process::Var1 { a, s }, false))
            }
            other => {
                let known: Vec<String> = ["markov", "ar1", "random_walk", "var1"].map(String::from).to_vec();
                self.report(errors::unknown_process(other, word.span, &known));
                None
            }
        }
    }

    fn iid(&mut self, family: Family, word: &ast::Name, args: &[Arg], scope: &Scope, span: Span) -> Option<Process> {
        let d = self.distribution(family, word, args, scope, span)?;
        let links = match family {
            Family::UniformInt => {
                if let Some(end) = d.args.iter().find(|x| x.fract() != 0.0) {
                    self.report(errors::not_whole(*end, span));
                    return None;
                }
                d.args[1] - d.args[0] + 1.0
            }
            _ => d.table.len() as f64,
        };
        if links > MOST_LINKS as f64 {
            self.report(errors::too_many("states of a chain", MOST_LINKS, span));
            return None;
        }
        let finite: Option<(Vec<f64>, Vec<f64>)> = match family {
            Family::Bernoulli => Some((vec![0.0, 1.0], vec![1.0 - d.args[0], d.args[0]])),
            Family::Discrete => Some(d.table.iter().copied().unzip()),
            Family::UniformInt => {
                let n = (d.args[1] - d.args[0] + 1.0) as usize;
                Some(((0..n).map(|i| d.args[0] + i as f64).collect(), vec![1.0 / n as f64; n]))
            }
            Family::Normal | Family::Lognormal | Family::Uniform | Family::Exponential | Family::Gumbel => None,
        };
        Some(match finite {
            Some((values, p)) => Process::Chain {
                matrices: vec![vec![p; values.len()]],
                values,
                labels: Vec::new(),
                given: Vec::new(),
            },
            None => Process::Iid(d),
        })
    }

    fn distribution(
        &mut self,
        family: Family,
        word: &ast::Name,
        args: &[Arg],
        scope: &Scope,
        span: Span,
    ) -> Option<model::Distribution> {
        if family == Family::Discrete {
            let (values, p) = self.discrete_arrays(word, args, scope)?;
            let xs = self.b.constant_values(values)?;
            let ps = self.b.constant_values(p)?;
            self.probabilities(&ps, xs.len(), span)?;
            return Some(model::Distribution {
                family,
                args: Vec::new(),
                table: xs.into_iter().zip(ps).collect(),
            });
        }
        let order = self.order_arguments(word, args, argument_names(family))?;
        let mut out = Vec::new();
        for e in order {
            let Some(e) = e else {
                self.report(errors::argument_count(
                    &word.text,
                    argument_names(family),
                    args.len(),
                    span,
                ));
                return None;
            };
            out.push(self.number_constant(e, scope)?);
        }
        match family {
            Family::Normal | Family::Lognormal => self.positive_sd(out[1], span)?,
            Family::Uniform | Family::UniformInt if out[1] < out[0] => {
                self.report(errors::empty_domain(out[0], out[1], span));
                return None;
            }
            Family::Bernoulli if !(0.0..=1.0).contains(&out[0]) => {
                self.report(errors::not_a_probability(out[0], span));
                return None;
            }
            Family::Exponential | Family::Gumbel => self.positive_sd(out[0], span)?,
            _ => {}
        }
        Some(model::Distribution {
            family,
            args: out,
            table: Vec::new(),
        })
    }

    fn positive_sd(&mut self, s: f64, span: Span) -> Option<()> {
        if s >= 0.0 && s.is_finite() {
            return Some(());
        }
        self.report(errors::negative_sd(s, span));
        None
    }

    /// Checks `ps`, one probability per outcome of `n`; `None` after a message if they are no distribution.
    pub(super) fn probabilities(&mut self, ps: &[f64], n: usize, span: Span) -> Option<()> {
        if ps.len() != n {
            self.report(errors::one_each(n, ps.len(), span));
            return None;
        }
        if let Some(p) = ps.iter().find(|p| !(0.0..=1.0).contains(*p)) {
            self.report(errors::not_a_probability(*p, span));
            return None;
        }
        let sum: f64 = ps.iter().sum();
        if (sum - 1.0).abs() > ROW_TOLERANCE {
            self.report(errors::row_sum(1, 1, ps, sum, span, None));
            return None;
        }
        Some(())
    }

    fn ar1(&mut self, args: &[Arg], scope: &Scope, span: Span) -> Option<Process> {
        let (mut rho, mut sigma, mut sd, mut mean) = (None, None, None, 0.0);
        for (i, a) in args.iter().enumerate() {
            let word = match &a.name {
                Some(n) => n.text.as_str(),
                None if i == 0 => "rho",
                None => {
                    self.report(errors::ar1_positional(a.value.span));
                    return None;
                }
            };
            let x = self.number_constant(&a.value, scope)?;
            match word {
                "rho" => rho = Some(x),
                "sigma" => sigma = Some(x),
                "sd" => sd = Some(x),
                "mean" => mean = x,
                other => {
                    let names = ["rho", "sigma", "sd", "mean"].map(String::from);
                    self.report(errors::unknown_argument(other, "ar1", a.value.span, &names));
                    return None;
                }
            }
        }
        let Some(rho) = rho else {
            self.report(errors::ar1_needs(span));
            return None;
        };
        if rho.abs() >= 1.0 {
            self.report(errors::ar1_unit_root(rho, span));
            return None;
        }
        let sigma = match (sigma, sd) {
            (Some(s), None) => s,
            (None, Some(sd)) => sd * (1.0 - rho * rho).sqrt(),
            (Some(sigma), Some(sd)) => {
                self.report(errors::ar1_both(rho, sigma, sd, span));
                return None;
            }
            (None, None) => {
                self.report(errors::ar1_needs(span));
                return None;
            }
        };
        self.positive_sd(sigma, span)?;
        Some(Process::Ar1 { rho, sigma, mean })
    }

    fn markov(
        &mut self,
        name: &str,
        args: &[Arg],
        given: Option<&ast::Given>,
        scope: &Scope,
        span: Span,
    ) -> Option<(Process, bool)> {
        let Some(first) = args.first() else {
            self.report(errors::argument_count("markov", &["values", "matrix"], 0, span));
            return None;
        };
        let (values, labels, labels_only) = self.links(&first.value, scope)?;
        for l in &labels {
            if let Some(e) = self.blocks[0]
                .names
                .get(l)
                .or_else(|| self.blocks[scope.block].names.get(l))
            {
                let declared = self.entities[*e].span;
                self.report(errors::label_is_name(l, first.value.span, declared));
                return None;
            }
        }
        let n = values.len();
        if n > MOST_LINKS {
            self.report(errors::too_many("states of a chain", MOST_LINKS, first.value.span));
            return None;
        }
        if let Some(g) = given.filter(|g| !g.table.is_empty()) {
            if args.len() > 1 {
                self.report(errors::two_matrices(args[1].value.span, g.table[0].span));
                return None;
            }
            let (matrices, given) = self.conditional_table(name, g, n, scope)?;
            return Some((
                Process::Chain {
                    values,
                    labels,
                    matrices,
                    given,
                },
                labels_only,
            ));
        }
        let Some(m) = args.get(1) else {
            self.report(errors::argument_count(
                "markov",
                &["values", "matrix"],
                args.len(),
                span,
            ));
            return None;
        };
        let rows = self.stochastic(&m.value, n, scope)?;
        Some((
            Process::Chain {
                values,
                labels,
                matrices: vec![rows],
                given: Vec::new(),
            },
            labels_only,
        ))
    }

    /// Values and labels of the states of a chain.
    fn links(&mut self, e: &Expr, scope: &Scope) -> Option<(Vec<f64>, Vec<String>, bool)> {
        let ExprKind::Array(items) = &e.kind else {
            let v = self.expr(e, scope)?;
            return match self.b.constant_values(v.node) {
                Some(values) => Some((values, Vec::new(), false)),
                None => {
                    self.report(errors::not_constant(e.span, self.b.node(v.node).phase, false));
                    None
                }
            };
        };
        let labelled = items.iter().filter(|i| i.label.is_some()).count();
        let words: Option<Vec<String>> = items.iter().map(|i| self.word_of(&i.value)).collect();
        if labelled == 0
            && let Some(words) = words
            && words.iter().all(|w| {
                !self
                    .chain(scope.block)
                    .iter()
                    .any(|b| self.blocks[*b].names.contains_key(w))
            })
        {
            self.distinct(&words, e.span)?;
            return Some(((0..words.len()).map(|i| i as f64).collect(), words, true));
        }
        if labelled != 0 && labelled != items.len() {
            self.report(errors::some_labels(e.span));
            return None;
        }
        let mut values = Vec::new();
        for i in items {
            values.push(self.number_constant(&i.value, scope)?);
        }
        let labels: Vec<String> = items
            .iter()
            .filter_map(|i| i.label.as_ref().map(|l| l.text.clone()))
            .collect();
        for (i, l) in labels.iter().enumerate() {
            if labels[..i].contains(l) {
                let at = items[i].label.as_ref().map_or(e.span, |n| n.span);
                let first = items
                    .iter()
                    .find_map(|x| x.label.as_ref().filter(|n| n.text == *l))
                    .map_or(e.span, |n| n.span);
                self.report(errors::duplicate(l, at, first));
                return None;
            }
        }
        Some((values, labels, false))
    }

    fn conditional_table(
        &mut self,
        name: &str,
        g: &ast::Given,
        n: usize,
        scope: &Scope,
    ) -> Option<(Vec<Vec<Vec<f64>>>, Vec<(usize, bool)>)> {
        let mut given = Vec::new();
        let mut label_sets: Vec<Vec<String>> = Vec::new();
        for p in &g.names {
            let mut s = scope.clone();
            s.primes = Primes::All;
            let v = self.path(p, &s)?;
            let Ty::Link { shock, .. } = v.ty else {
                self.report(errors::given_needs_chain(p.span));
                return None;
            };
            given.push((shock, p.segments[p.segments.len() - 1].primed));
            label_sets.push(self.labels_of(&v));
        }
        let total = label_sets.iter().fold(1usize, |n, s| n.saturating_mul(s.len()));
        if total > MOST_LINKS * MOST_LINKS {
            self.report(errors::too_many(
                "combinations of states of the conditioning chains",
                MOST_LINKS * MOST_LINKS,
                g.names[0].span,
            ));
            return None;
        }
        if total == 0 {
            self.report(errors::given_needs_chain(g.names[0].span));
            return None;
        }
        let mut matrices: Vec<Option<(Vec<Vec<f64>>, Span)>> = vec![None; total];
        for row in &g.table {
            if row.labels.len() != label_sets.len() {
                self.report(errors::given_labels(row.span, label_sets.len(), row.labels.len()));
                return None;
            }
            let mut at = 0;
            for (l, set) in row.labels.iter().zip(&label_sets) {
                let Some(i) = set.iter().position(|x| *x == l.text) else {
                    self.report(errors::unknown_label(&l.text, "the conditioning shock", set, l.span));
                    return None;
                };
                at = at * set.len() + i;
            }
            let m = if row.normalize {
                let wrapped = Expr {
                    kind: ExprKind::Normalize(Box::new(row.matrix.clone())),
                    span: row.matrix.span,
                };
                self.stochastic(&wrapped, n, scope)?
            } else {
                self.stochastic(&row.matrix, n, scope)?
            };
            if let Some((_, first)) = &matrices[at] {
                let first = *first;
                self.report(errors::given_twice(row.span, first));
                return None;
            }
            matrices[at] = Some((m, row.span));
        }
        if let Some(missing) = matrices.iter().position(Option::is_none) {
            let mut rest = missing;
            let mut words = Vec::new();
            for set in label_sets.iter().rev() {
                words.push(set[rest % set.len()].clone());
                rest /= set.len();
            }
            words.reverse();
            self.report(errors::given_missing(name, &words.join(", "), g.table[0].span));
            return None;
        }
        Some((matrices.into_iter().flatten().map(|(m, _)| m).collect(), given))
    }

    /// A row-stochastic matrix; `normalize [[..]]` divides rows by their sums, `unchecked [[..]]` leaves them.
    fn stochastic(&mut self, e: &Expr, n: usize, scope: &Scope) -> Option<Vec<Vec<f64>>> {
        let (inner, normalize, unchecked) = match &e.kind {
            ExprKind::Normalize(inner) => (inner.as_ref(), true, false),
            ExprKind::Call { name, args } if name.text == "unchecked" && args.len() == 1 => {
                (&args[0].value, false, true)
            }
            _ => (e, false, false),
        };
        let mut rows = self.matrix(inner, scope)?;
        if rows.len() != n || rows.iter().any(|r| r.len() != n) {
            self.report(errors::chain_shape(
                n,
                rows.len(),
                rows.iter().map(Vec::len).find(|l| *l != n).unwrap_or(n),
                inner.span,
            ));
            return None;
        }
        let spans = row_spans(inner);
        for (i, row) in rows.iter_mut().enumerate() {
            let at = spans.get(i).copied().unwrap_or(inner.span);
            // Weights that are divided by their sum may be any size.
            let most = if normalize { f64::MAX } else { 1.0 + ROW_TOLERANCE };
            if let Some(p) = row.iter().find(|p| !(0.0..=most).contains(*p)) {
                let p = *p;
                self.report(errors::not_a_probability(p, at));
                return None;
            }
            let sum: f64 = row.iter().sum();
            // A row that sums to zero is no distribution, in a published matrix neither.
            if sum <= 0.0 {
                self.report(errors::row_sum(i + 1, n, row, sum, at, None));
                return None;
            }
            if unchecked && (sum - 1.0).abs() > PRINTED {
                self.report(errors::row_unchecked(i + 1, row, sum, at));
            }
            if normalize {
                row.iter_mut().for_each(|p| *p /= sum);
            } else if (sum - 1.0).abs() > ROW_TOLERANCE && !unchecked {
                self.report(errors::row_sum(i + 1, n, row, sum, at, Some(inner.span)));
                return None;
            }
        }
        Some(rows)
    }

    fn matrix(&mut self, e: &Expr, scope: &Scope) -> Option<Vec<Vec<f64>>> {
        if let ExprKind::Array(items) = &e.kind {
            return self.matrix_of(items, e.span, scope);
        }
        let v = self.expr(e, scope)?;
        let shape = self.b.shape(v.node).clone();
        let (Some(values), [_, columns]) = (self.b.constant_values(v.node), shape.as_slice()) else {
            self.report(errors::ragged(e.span, e.span));
            return None;
        };
        let width = self.b.axis(*columns).size;
        Some(values.chunks(width).map(<[f64]>::to_vec).collect())
    }

    fn constants<const N: usize>(
        &mut self,
        name: &ast::Name,
        args: &[Arg],
        names: [&str; N],
        scope: &Scope,
    ) -> Option<[f64; N]> {
        let order = self.order_arguments(name, args, &names)?;
        let mut out = [0.0; N];
        for (i, e) in order.iter().enumerate() {
            let Some(e) = e else {
                self.report(errors::argument_count(&name.text, &names, args.len(), name.span));
                return None;
            };
            out[i] = self.number_constant(e, scope)?;
        }
        Some(out)
    }
}

fn row_spans(e: &Expr) -> Vec<Span> {
    match &e.kind {
        ExprKind::Array(items) => items.iter().map(|i| i.value.span).collect(),
        _ => Vec::new(),
    }
}
