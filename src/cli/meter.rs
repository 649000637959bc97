//! Progress: long work reports here how far it is, and learns whether to go on.

use super::host::Host;
use super::pace::Pace;
use super::stop;
use crate::limits;
use crate::report::{lines::within, number};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Shorter work shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);
/// After this long work prints a line of progress, where there is no terminal.
const FIRST_LINE: Duration = Duration::from_millis(1800);
/// Time between two lines after that.
const LINES: Duration = Duration::from_secs(30);
/// How progress is shown.
#[derive(Clone, Debug)]
pub(super) enum Show {
    /// Not at all.
    Nothing,
    /// A bar.
    Bar,
    /// A line now and then.
    Lines,
    /// By the program that econc is part of.
    Told(Arc<Host>),
}

/// A bar on the terminal from one second on, or a line every half minute.
pub struct Meter {
    started: Instant,
    bar: Option<ProgressBar>,
    host: Option<Arc<Host>>,
    standing: Arc<Mutex<Standing>>,
}

/// How far the work is.
#[derive(Default)]
struct Standing {
    done: u64,
    of: u64,
    unit: &'static str,
    message: String,
    pace: Pace,
    /// A step was done at some time.
    began: bool,
    over: bool,
    /// Seconds of a solver, without what judges its solutions; `None` where nothing was solved.
    solver: Option<f64>,
}

impl Standing {
    /// What is done, as a line.
    fn line(&self, seconds: f64) -> String {
        let mut parts = Vec::new();
        // What comes after the steps, such as a certificate, reports none of its own.
        if let (true, Some(doing)) = (self.of == 0, limits::said_to_do()) {
            return format!("{}: {doing}\n", number::duration(seconds));
        }
        if self.of > 0 {
            parts.push(format!("{} of {}", self.done, self.of));
        } else if self.done > 0 {
            parts.push(self.done.to_string());
        } else {
            parts.push(limits::at_work());
        }
        if !self.message.is_empty() {
            parts.push(self.message.clone());
        }
        format!(
            "{}: {}{}\n",
            number::duration(seconds),
            parts.join(", "),
            self.outlook(seconds)
        )
    }

    /// Rate and time left, where both are known.
    fn outlook(&self, seconds: f64) -> String {
        match (self.pace.rate(), self.pace.left(seconds)) {
            (Some(rate), Some(left)) => {
                let (rate, left) = (number::compact(rate), number::duration(left));
                format!(", {rate} {}/s, {left} left", self.unit)
            }
            _ => String::new(),
        }
    }
}

/// Writes a line now and then, also while the work does not report; ends with it.
fn lines(started: Instant, standing: &Arc<Mutex<Standing>>) {
    let standing = Arc::clone(standing);
    // Progress that cannot be shown is no fault.
    let _ = std::thread::Builder::new().name("progress".to_string()).spawn(move || {
        let seconds = || started.elapsed().as_secs_f64();
        let width = super::width::known_width().map_or(usize::MAX, |w| w.clamp(40, 160));
        lines_by(
            &mut std::thread::sleep,
            &seconds,
            &standing,
            (width, &mut std::io::stderr()),
        );
    });
}

/// Writes a line after [`FIRST_LINE`] and then every [`LINES`] until the work is over, by a clock that waits and one that tells.
fn lines_by(
    wait: &mut dyn FnMut(Duration),
    seconds: &dyn Fn() -> f64,
    standing: &Mutex<Standing>,
    (width, out): (usize, &mut dyn Write),
) {
    let mut pause = FIRST_LINE;
    loop {
        wait(pause);
        pause = LINES;
        let text = match standing.lock() {
            Ok(s) if !s.over => s.line(seconds()),
            Ok(_) | Err(_) => return,
        };
        let _ = out.write_all(within(&text, width).as_bytes());
    }
}

/// A style with the outlook as it is when the bar is drawn.
fn style(template: &str, started: Instant, standing: &Arc<Mutex<Standing>>) -> ProgressStyle {
    let standing = Arc::clone(standing);
    let outlook = move |_: &ProgressState, w: &mut dyn std::fmt::Write| {
        if let Ok(standing) = standing.lock() {
            let _ = w.write_str(&standing.outlook(started.elapsed().as_secs_f64()));
        }
    };
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .with_key("outlook", outlook)
        .with_key("after", |_: &ProgressState, w: &mut dyn std::fmt::Write| {
            if let Some(doing) = limits::said_to_do() {
                let _ = write!(w, "; {doing}");
            }
        })
        .with_key("doing", |_: &ProgressState, w: &mut dyn std::fmt::Write| {
            let _ = w.write_str(&limits::at_work());
        })
}

impl Meter {
    /// A meter.
    pub(super) fn start(show: Show) -> Self {
        let now = Instant::now();
        let standing: Arc<Mutex<Standing>> = Arc::default();
        let bar = matches!(show, Show::Bar).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
            // Work that has not reported yet is seen to be at work.
            bar.set_style(style("{elapsed:>4} {spinner} {doing}", now, &standing));
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
        if matches!(show, Show::Lines) {
            lines(now, &standing);
        }
        let host = match show {
            Show::Told(host) => Some(host),
            Show::Nothing | Show::Bar | Show::Lines => None,
        };
        Meter {
            started: now,
            bar,
            host,
            standing,
        }
    }

    /// Reports that `done` of `of` steps, called `unit`, are done (`of` 0: not known); returns whether to go on.
    pub fn report(&self, done: u64, of: u64, unit: &'static str, message: &str) -> bool {
        let mut other = false;
        if let Ok(mut s) = self.standing.lock() {
            other = s.unit.is_empty() || (s.of == 0) != (of == 0);
            (s.done, s.of, s.unit) = (done, of, unit);
            s.began |= done > 0;
            s.message.clear();
            s.message.push_str(message);
            s.pace.report(self.started.elapsed().as_secs_f64(), done, of);
        }
        if let Some(host) = &self.host {
            host.stands(done, of, unit, message);
        }
        // The bar draws itself, and then asks for the outlook: nothing may be locked.
        if let Some(bar) = &self.bar {
            if other {
                let template = match of {
                    0 => "{elapsed:>4} {spinner} {pos} {msg}{after}",
                    _ => "{elapsed:>4} {wide_bar:.cyan/238} {pos}/{len} {msg}{outlook}",
                };
                bar.set_style(style(template, self.started, &self.standing));
            }
            match of {
                0 => bar.unset_length(),
                _ => bar.set_length(of),
            }
            bar.set_position(done);
            bar.set_message(message.to_string());
        }
        !self.stopped()
    }

    /// Takes in that an earlier run did so many of the steps that are about to be reported.
    pub(super) fn found(&self, steps: u64) {
        if let Ok(mut s) = self.standing.lock() {
            s.pace.found(steps);
        }
    }

    /// Whether a step of the work was reported.
    pub(super) fn began(&self) -> bool {
        self.standing.lock().is_ok_and(|s| s.began)
    }

    /// A solver was at work for so many seconds.
    pub(super) fn solver_ended(&self, seconds: f64) {
        if let Ok(mut s) = self.standing.lock() {
            s.solver = Some(s.solver.unwrap_or(0.0) + seconds);
        }
    }

    /// Seconds of the solver, if one was at work.
    pub(super) fn solver_seconds(&self) -> Option<f64> {
        self.standing.lock().ok().and_then(|s| s.solver)
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
        if let Ok(mut s) = self.standing.lock() {
            s.over = true;
        }
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_soon_and_then_every_half_minute_until_the_work_is_over() {
        let standing = Mutex::new(Standing::default());
        let now = std::cell::Cell::new(0.0);
        let mut out = Vec::new();
        let mut wait = |pause: Duration| {
            now.set(now.get() + pause.as_secs_f64());
            let mut s = standing.lock().unwrap();
            (s.done, s.of, s.unit) = (now.get() as u64, 100, "steps");
            s.over = now.get() > 100.0;
        };
        lines_by(&mut wait, &|| now.get(), &standing, (100, &mut out));
        let said = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(
            lines,
            [
                "1.8 s: 1 of 100",
                "32 s: 31 of 100",
                "1 min 02 s: 61 of 100",
                "1 min 32 s: 91 of 100"
            ]
        );
    }

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long() {
        let mut s = Standing::default();
        assert_eq!(s.line(1.8), "1.8 s: at work\n");
        (s.done, s.of, s.unit) = (300, 1200, "steps");
        s.message.push_str("return 1.5");
        s.pace.report(3.0, 300, 1200);
        assert_eq!(s.line(3.0), "3.0 s: 300 of 1200, return 1.5, 100 steps/s, 9.0 s left\n");
    }
}
