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
