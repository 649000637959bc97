//! The words of the language: which are never names, which start a statement, which are special only in their place.
//!
//! The grammar spells the same lists as rules; a test keeps the two together. The splitter, the messages and the
//! editor support read them here.

/// Words of expressions and clauses that are never names.
pub const NEVER_NAMES: &[&str] = &[
    "and",
    "or",
    "not",
    "if",
    "then",
    "else",
    "in",
    "mod",
    "div",
    "given",
    "when",
    "over",
    "true",
    "false",
    "inf",
    "continuum",
    "t",
];

/// Words that start a statement, and are never names either.
pub const STATEMENT_WORDS: &[&str] = &[
    "model",
    "use",
    "param",
    "set",
    "fn",
    "shock",
    "noise",
    "state",
    "action",
    "let",
    "observe",
    "reward",
    "discount",
    "horizon",
    "end",
    "require",
    "policy",
    "agent",
    "kind",
    "group",
    "market",
    "price",
    "aggregate",
    "give",
    "stages",
    "scenario",
    "solve",
    "train",
    "verify",
];

/// The period that a name of a paper or of another program is dated by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dated {
    /// The last period: `k_tm1`, `k(-1)`.
    Last,
    /// This one: `k_t`.
    Now,
    /// The next one: `k_t1`, `k_next`, `k(+1)`.
    Next,
}

/// The name without its date and the date, for names such as `k_t`; `None` for others.
pub fn dated(word: &str) -> Option<(&str, Dated)> {
    const ENDINGS: &[(&str, Dated)] = &[
        ("_tp1", Dated::Next),
        ("_tplus1", Dated::Next),
        ("_t1", Dated::Next),
        ("_next", Dated::Next),
        ("_prime", Dated::Next),
        ("_tm1", Dated::Last),
        ("_tminus1", Dated::Last),
        ("_lag", Dated::Last),
        ("_prev", Dated::Last),
        ("_last", Dated::Last),
        ("_t", Dated::Now),
    ];
    ENDINGS.iter().find_map(|(ending, when)| {
        let name = word.strip_suffix(ending).filter(|name| !name.is_empty())?;
        Some((name, *when))
    })
}

/// Words that are special only in their place and may name anything elsewhere.
pub const SOFT_WORDS: &[&str] = &[
    "def",
    "offer",
    "among",
    "is",
    "at",
    "on",
    "taste",
    "start",
    "clears",
    "competitive",
    "normalize",
    "iid",
    "mass",
    "paying",
    "restart",
    "leave",
    "all",
    "random",
    "uniform",
    "path",
    "force",
    "periods",
    "penalty",
    "clamp",
    "project",
    "grid",
    "simplex",
    "bool",
    "forward",
];

/// Whether the word can never be a name.
pub fn is_reserved(word: &str) -> bool {
    NEVER_NAMES.contains(&word) || STATEMENT_WORDS.contains(&word)
}

/// Whether the word starts a statement wherever it stands.
pub fn starts_statement(word: &str) -> bool {
    STATEMENT_WORDS.contains(&word)
}

/// Whether the word's statement is a block, with a head before its brace.
pub fn opens_block(word: &str) -> bool {
    matches!(
        word,
        "agent" | "kind" | "group" | "market" | "scenario" | "solve" | "train" | "verify"
    )
}

/// Why a reserved word cannot be a name, in a few words.
pub fn why_reserved(word: &str) -> &'static str {
    if word == "t" {
        "`t` is the period of the episode, counted from 0"
    } else if starts_statement(word) {
        "it starts a statement"
    } else {
        "it is a word of the language"
    }
}
