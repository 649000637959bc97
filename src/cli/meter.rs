//! Progress and Ctrl-C: what long work reports to, and asks whether to go on.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static HANDLER: OnceLock<()> = OnceLock::new();
/// Shorter work shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// A bar on the terminal, from one second on.
pub struct Meter {
    started: Instant,
    bar: Option<ProgressBar>,
}

impl Meter {
    /// A meter; `shown`: on a terminal. From here on Ctrl-C sets the flag that [`Meter::stopped`] reads; a second
    /// Ctrl-C ends the process at once (the run directory says `Interrupted` from its start).
    pub(super) fn start(shown: bool) -> Self {
        HANDLER.get_or_init(|| {
            // Without a handler Ctrl-C ends the process at once, which is safe too.
            let _ = ctrlc::set_handler(|| {
                if INTERRUPTED.swap(true, Ordering::SeqCst) {
                    std::process::exit(130);
                }
            });
        });
        let bar = shown.then(|| ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()));
        Meter {
            started: Instant::now(),
            bar,
        }
    }

    /// Reports that `done` of `of` steps are done (`of` 0: not known); returns whether to go on.
    pub fn report(&self, done: u64, of: u64, message: &str) -> bool {
        if let Some(bar) = &self.bar
            && self.started.elapsed() >= PATIENCE
        {
            if bar.is_hidden() {
                let template = if of > 0 {
                    "{elapsed:>4} {wide_bar:.cyan/238} {pos}/{len} {msg}"
                } else {
                    "{elapsed:>4} {spinner} {pos} {msg}"
                };
                if let Ok(style) = ProgressStyle::with_template(template) {
                    bar.set_style(style);
                }
                bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
            }
            if of > 0 {
                bar.set_length(of);
            }
            bar.set_position(done);
            bar.set_message(message.to_string());
        }
        !self.stopped()
    }

    /// Whether Ctrl-C was pressed.
    pub fn stopped(&self) -> bool {
        INTERRUPTED.load(Ordering::SeqCst)
    }

    /// Seconds since the start.
    pub(super) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
