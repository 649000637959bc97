//! Text to tree and back: [`ast`] the tree, [`parser`] the way in (the only user of pest), [`mod@format`] the way out.
//!
//! [`lexer`] and [`split`] find the statements, [`words`] lists the words that are never names, [`mod@print`] shows a tree
//! and [`same`] compares two.

pub mod ast;
pub mod format;
pub mod lexer;
pub mod parser;
pub mod print;
pub mod same;
pub mod split;
pub mod words;
