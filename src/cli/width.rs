//! How wide the screen is.

/// The width of the terminal, or of the environment's COLUMNS where there is none.
pub(super) fn known_width() -> Option<usize> {
    let terminal = console::Term::stdout()
        .size_checked()
        .map(|(_, columns)| usize::from(columns));
    terminal
        .or_else(|| std::env::var("COLUMNS").ok()?.trim().parse().ok())
        .filter(|w| *w > 0)
}
