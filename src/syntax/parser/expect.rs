//! From pest's rules to words: what was expected, in the language of someone who writes models.
//!
//! A message never shows the name of a rule. Rules that mean the same to the reader share their words ("an
//! expression"), and lists are cut to what helps: where a word or mark of the statement may follow, operators, which
//! may follow too, are not mentioned.

use super::Rule;

/// Byte offset of a failure and a list of the rules that were expected there.
pub(super) fn failure(error: &pest::error::Error<Rule>) -> (usize, Vec<Rule>) {
    let offset = match error.location {
        pest::error::InputLocation::Pos(at) => at,
        pest::error::InputLocation::Span((start, _)) => start,
    };
    let expected = match &error.variant {
        pest::error::ErrorVariant::ParsingError { positives, .. } => positives.clone(),
        pest::error::ErrorVariant::CustomError { .. } => Vec::new(),
    };
    (offset, expected)
}

/// What could stand at the place of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Value,
    Name,
    Operator,
    End,
    Other,
}

/// The sort of a rule.
pub(super) fn kind(rule: Rule) -> Kind {
    match rule {
        Rule::expr
        | Rule::choice
        | Rule::bound
        | Rule::number
        | Rule::lit_true
        | Rule::lit_false
        | Rule::lit_inf
        | Rule::lit_continuum
        | Rule::solution
        | Rule::array
        | Rule::paren
        | Rule::normalized
        | Rule::call
        | Rule::variable
        | Rule::period
        | Rule::bare_choice
        | Rule::sign
        | Rule::kw_not
        | Rule::kw_if
        | Rule::kw_solve
        | Rule::item
        | Rule::arg
        | Rule::label
        | Rule::observed
        | Rule::price_is
        | Rule::setting_value => Kind::Value,
        Rule::ident
        | Rule::lhs
        | Rule::path
        | Rule::segment
        | Rule::word
        | Rule::fn_params
        | Rule::def_param
        | Rule::member
        | Rule::party
        | Rule::port
        | Rule::role_name
        | Rule::row
        | Rule::row_labels
        | Rule::binder
        | Rule::give_value
        | Rule::give_ports
        | Rule::policy_rule
        | Rule::setting_key
        | Rule::signal => Kind::Name,
        Rule::compare_op
        | Rule::add_op
        | Rule::mul_op
        | Rule::power_op
        | Rule::kw_and
        | Rule::kw_or
        | Rule::prime
        | Rule::late_prime
        | Rule::index
        | Rule::mark_dot => Kind::Operator,
        Rule::EOI => Kind::End,
        _ => Kind::Other,
    }
}

/// The words for what was expected, none for what need not be said.
fn words(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::domain | Rule::range | Rule::interval | Rule::finite | Rule::boolean => "a domain",
        Rule::string => "a description",
        Rule::size => "a size in brackets",
        Rule::unit => "a unit",
        Rule::open_paren => "`(`",
        Rule::close_paren => "`)`",
        Rule::open_bracket => "`[`",
        Rule::close_bracket => "`]`",
        Rule::open_brace | Rule::table | Rule::use_items => "`{`",
        Rule::close_brace => "`}`",
        Rule::mark_comma | Rule::start_part => "`,`",
        Rule::mark_colon => "`:`",
        Rule::mark_dots => "`..`",
        Rule::mark_assign | Rule::price_is => "`=`",
        Rule::mark_tilde => "`~`",
        Rule::mark_equals => "`==`",
        Rule::mark_plus => "`+`",
        Rule::kw_then | Rule::end_then => "`then`",
        Rule::kw_else => "`else`",
        Rule::kw_in => "`in`",
        Rule::kw_given | Rule::given_clause | Rule::given_part => "`given`",
        Rule::kw_when => "`when`",
        Rule::kw_over => "`over`",
        Rule::soft_among | Rule::among_part => "`among`",
        Rule::soft_is | Rule::is_part => "`is`",
        Rule::soft_mass | Rule::mass_part => "`mass`",
        Rule::soft_at | Rule::at_part | Rule::force_at => "`at`",
        Rule::soft_on | Rule::on_part => "`on`",
        Rule::soft_taste | Rule::taste_part => "`taste`",
        Rule::soft_start => "`start`",
        Rule::soft_clears | Rule::price_clears => "`clears`",
        Rule::soft_competitive => "`competitive`",
        Rule::soft_paying | Rule::end_paying => "`paying`",
        Rule::soft_restart => "`restart`",
        Rule::soft_leave => "`leave`",
        Rule::else_penalty | Rule::soft_penalty => "`penalty(..)`",
        Rule::else_clamp | Rule::soft_clamp => "`clamp`",
        Rule::else_project | Rule::soft_project => "`project`",
        Rule::else_end | Rule::kw_end => "`end`",
        Rule::soft_random | Rule::whole_random | Rule::policy_random => "`random`",
        _ => return None,
    })
}

/// A list of expected rules in words: "`=`, `in` or the end of the statement".
pub(super) fn list(expected: &[Rule], in_head: bool) -> String {
    let mut out: Vec<&str> = Vec::new();
    let has = |k: Kind| expected.iter().any(|r| kind(*r) == k);
    if has(Kind::Value) {
        out.push("an expression");
    } else if has(Kind::Name) {
        out.push("a name");
    }
    let operators = has(Kind::Operator) && out.is_empty();
    let value = has(Kind::Value);
    for word in expected.iter().filter_map(|r| words(*r)) {
        // An expression may begin with a bracket; a description may follow nearly everywhere.
        let implied = (value && matches!(word, "`(`" | "`[`")) || (word == "a description" && expected.len() > 1);
        if !out.contains(&word) && !implied {
            out.push(word);
        }
    }
    // An index may follow every name; that helps only where nothing else is expected.
    if out.len() > 1 {
        out.retain(|word| *word != "`[`");
    }
    if operators && (out.is_empty() || (out.len() == 1 && !has(Kind::End))) {
        out.push("an operator");
    }
    if has(Kind::End) && !in_head {
        out.push("the end of the statement");
    } else if has(Kind::End) {
        out.push("`{`");
    }
    match out.split_last() {
        None => "something else".to_string(),
        Some((last, [])) => (*last).to_string(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}
