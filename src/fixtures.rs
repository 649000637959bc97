//! What unit tests of any module may use of the whole program, whatever the order of modules: the way from a model to its verdict and to what is printed of it.

pub(crate) use crate::driver::{Request, solve};
pub(crate) use crate::report::content::Content;
pub(crate) use crate::report::verdict::{Limits, of_verdict};
