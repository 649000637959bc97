//! Scenarios that give numbers to parameters which stand where a number must be known: the file is read with them, as with
//! `--set`.

use super::compiled::compile;
use super::globals::Globals;
use super::source::Source;
use crate::diag::Diagnostic;

/// The common options with what a scenario of the command line sets. A file that does not hold is left to those who show what is
/// wrong with it.
///
/// # Errors
/// E0113 for a parameter that `--set` gives, too.
pub(super) fn with_its_numbers(
    source: &Source,
    globals: &Globals,
    scenario: Option<&str>,
) -> Result<Globals, Diagnostic> {
    let mut out = globals.clone();
    let Some(name) = scenario else { return Ok(out) };
    let Some(model) = compile(source, &globals.set, None).0.map(|c| c.model) else {
        return Ok(out);
    };
    let numbers = model
        .scenarios
        .iter()
        .filter(|s| s.name == name)
        .flat_map(|s| &s.numbers);
    for (param, x) in numbers {
        let param = &model.params[*param].name;
        let own = param.rsplit('.').next().unwrap_or(param);
        if globals.set.iter().any(|(typed, _)| typed == param || typed == own) {
            return Err(Diagnostic::error("E0113", format!("`{param}` is given twice"))
                .note(format!("by --set and by scenario `{name}`"))
                .hint("leave out one of them"));
        }
        out.set.push((param.clone(), x.to_string()));
    }
    Ok(out)
}
