//! Progress: what long work reports to, and asks whether to go on.

use super::stop;
use crate::report::number;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Shorter work shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);
/// Work that takes this long says so, where there is no terminal.
const FIRST_LINE: Duration = Duration::from_millis(1800);
/// Time between two lines after that.
const LINES: Duration = Duration::from_secs(30);
/// The rate is that of about this long.
const MEMORY: f64 = 10.0;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Show {
    /// Not at all.
    Nothing,
    /// A bar.
    Bar,
    /// A line now and then.
    Lines,
}

/// A bar on the terminal from one second on, or a line every half minute.
pub struct Meter {
    started: Instant,
    bar: Option<ProgressBar>,
    lines: Option<Arc<Mutex<Standing>>>,
}

/// What the next line says.
#[derive(Default)]
struct Standing {
    done: u64,
    of: u64,
    message: String,
    over: bool,
}

impl Standing {
    fn line(&self, seconds: f64) -> String {
        let mut parts = Vec::new();
        if self.of > 0 {
            parts.push(format!("{} of {}", self.done, self.of));
        } else if self.done > 0 {
            parts.push(self.done.to_string());
        } else {
            parts.push("at work".to_string());
        }
        if !self.message.is_empty() {
            parts.push(self.message.clone());
        }
        format!("{}: {}\n", number::duration(seconds), parts.join(", "))
    }
}

/// Writes a line now and then, also while the work does not report; ends with it.
fn lines(started: Instant, standing: &Arc<Mutex<Standing>>) {
    let standing = Arc::clone(standing);
    // Progress that cannot be shown is no fault.
    let _ = std::thread::Builder::new().name("progress".to_string()).spawn(move || {
        let mut pause = FIRST_LINE;
        loop {
            std::thread::sleep(pause);
            pause = LINES;
            let text = match standing.lock() {
                Ok(s) if !s.over => s.line(started.elapsed().as_secs_f64()),
                Ok(_) | Err(_) => return,
            };
            let _ = std::io::stderr().write_all(text.as_bytes());
        }
    });
}

impl Meter {
    /// A meter.
    pub(super) fn start(show: Show) -> Self {
        let now = Instant::now();
        let bar = (show == Show::Bar).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
            // Work that has not reported yet is seen to be at work.
            if let Ok(style) = ProgressStyle::with_template("{elapsed:>4} {spinner} {msg}") {
                bar.set_style(style);
            }
            bar.set_message("at work");
            bar
        });
        if let Some(bar) = &bar {
            let bar = bar.clone();
            // Ends with the process; a bar that is finished draws nothing.
            let _ = std::thread::Builder::new().name("bar".to_string()).spawn(move || {
                std::thread::sleep(PATIENCE);
                if !bar.is_finished() {
                    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
                    bar.enable_steady_tick(Duration::from_millis(250));
                }
            });
        }
        let standing = (show == Show::Lines).then(Arc::default);
        if let Some(standing) = &standing {
            lines(now, standing);
        }
        Meter {
            started: now,
            bar,
            lines: standing,
        }
    }

    /// Reports that `done` of `of` steps are done (`of` 0: not known); returns whether to go on.
    pub fn report(&self, done: u64, of: u64, message: &str) -> bool {
        if let Some(bar) = &self.bar {
            let known = bar.length().is_some();
            if !known && of > 0 {
                if let Ok(style) = ProgressStyle::with_template("{elapsed:>4} {wide_bar:.cyan/238} {pos}/{len} {msg}") {
                    bar.set_style(style);
                }
            } else if !known
                && of == 0
                && let Ok(style) = ProgressStyle::with_template("{elapsed:>4} {spinner} {pos} {msg}")
            {
                bar.set_style(style);
            }
            if of > 0 {
                bar.set_length(of);
            }
            bar.set_position(done);
            bar.set_message(message.to_string());
        }
        if let Some(lines) = &self.lines
            && let Ok(mut lines) = lines.lock()
        {
            (lines.done, lines.of) = (done, of);
            lines.message.clear();
            lines.message.push_str(message);
        }
        !self.stopped()
    }

    /// Whether a signal came.
    pub fn stopped(&self) -> bool {
        stop::came_already()
    }

    /// Seconds since the start.
    pub(super) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Some(lines) = &self.lines
            && let Ok(mut lines) = lines.lock()
        {
            lines.over = true;
        }
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Steps a second, of late: a rate over all that has passed believes in the first seconds for too long.
#[derive(Clone, Debug, Default)]
pub(super) struct Rate {
    /// Seconds and steps at earlier reports.
    seen: std::collections::VecDeque<(f64, u64)>,
}

impl Rate {
    /// Takes in that `done` steps were done after `seconds`; steps a second.
    pub(super) fn after(&mut self, seconds: f64, done: u64) -> f64 {
        if self.seen.is_empty() {
            self.seen.push_back((0.0, 0));
        }
        // Not more often than needed, so that the list stays short.
        if self.seen.back().is_none_or(|(t, _)| seconds - t >= MEMORY / 100.0) {
            self.seen.push_back((seconds, done));
        }
        while self.seen.len() > 2 && self.seen.get(1).is_some_and(|(t, _)| *t <= seconds - MEMORY) {
            self.seen.pop_front();
        }
        let (from, before) = self.seen.front().copied().unwrap_or_default();
        done.saturating_sub(before) as f64 / (seconds - from).max(1e-3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let mut rate = Rate::default();
        assert_eq!(rate.after(2.0, 20), 10.0);
        for second in 3..=60 {
            // A slow start, then ten times as fast.
            let x = rate.after(f64::from(second), 20 + 100 * (second as u64 - 2));
            if second > 14 {
                assert!((x - 100.0).abs() < 1e-9, "{second}: {x}");
            }
        }
        assert!(rate.seen.len() < 200);
    }
}
