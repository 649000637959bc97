//! How much may be computed for one model: the first solve is done, however long it takes; what comes after it, certificates, wider and finer grids and
//! theirs, has a fixed share of that. All of it is counted, never timed, so that results are the same on every machine.

use crate::check::Model;
use crate::check::model::Setting;
use crate::check::settings::defaults;
use crate::solve::decision::Decision;
use crate::solve::progress::{Control, Progress, Watch};
use serde::{Deserialize, Serialize};

/// Instructions of lanes that are allowed beside those of the first solve, for each time that these may be done again: some solves take next to nothing.
/// At the usual four times that is half a minute of one core.
const BESIDE: f64 = 1e10;
/// Instructions that one draw tried in the economy counts for beside those of the model.
const TRIAL: f64 = 60.0;

/// How much was computed so far, and how much may be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Work {
    /// How often what the first solve takes may be spent.
    times: f64,
    spent: f64,
    /// What the first solve took.
    first: Option<f64>,
    /// Work and branches of the last problem, solved and judged.
    last: Option<(f64, f64)>,
}

impl Default for Work {
    fn default() -> Self {
        Work {
            times: defaults::WORK,
            spent: 0.0,
            first: None,
            last: None,
        }
    }
}

impl Work {
    /// As the file allows.
    pub(super) fn of(model: &Model) -> Work {
        let said = model.solve_settings().and_then(|s| match s.get("work") {
            Some(Setting::Number(x)) => Some(*x),
            _ => None,
        });
        Work {
            times: said.unwrap_or(defaults::WORK),
            ..Work::default()
        }
    }

    /// How much is left for all that comes after the first solve.
    pub(super) fn left(&self) -> f64 {
        self.first
            .map_or(f64::INFINITY, |first| self.times * (first + BESIDE) - self.spent)
    }

    /// A problem with so many branches was solved.
    pub(super) fn solved(&mut self, work: f64, branches: f64) {
        self.first.get_or_insert(work);
        self.spent += work;
        self.last = Some((work, branches));
    }

    /// The solution was judged: by so much work on its own chain, and so many draws tried in an economy of so many operations.
    pub(super) fn judged(&mut self, grid: f64, (draws, operations): (usize, usize)) {
        let work = grid + draws as f64 * (operations as f64 + TRIAL);
        self.spent += work;
        if let Some((last, _)) = &mut self.last {
            *last += work;
        }
    }

    /// Whether a problem with so many branches is affordable: it takes as much more than the last one as it has more of them.
    pub(super) fn affords(&self, branches: f64) -> bool {
        let next = self.last.map_or(0.0, |(work, before)| work * branches / before);
        next <= self.left()
    }

    /// What to write to be allowed more.
    pub(super) fn more(&self) -> String {
        format!("allow more work: work = {}", (4.0 * self.times).max(4.0))
    }
}

/// Lets a solve go on for as long as its work is affordable.
pub(super) struct Within<'a> {
    watch: &'a mut dyn Watch,
    problem: &'a Decision,
    most: f64,
    /// Work of an earlier process, which was interrupted.
    before: f64,
    /// Whether it was ended because it took too much.
    pub(super) over: bool,
}

/// Bytes of a number.
const NUMBER: usize = 8;

impl<'a> Within<'a> {
    /// At most `most` of work.
    pub(super) fn new(watch: &'a mut dyn Watch, problem: &'a Decision, most: f64) -> Within<'a> {
        Within {
            watch,
            problem,
            most,
            before: 0.0,
            over: false,
        }
    }

    /// Work of this solve.
    pub(super) fn spent(&self) -> f64 {
        self.before + self.problem.work()
    }
}

impl Watch for Within<'_> {
    fn report(&mut self, progress: Progress) -> Control {
        let go_on = self.watch.report(progress);
        self.over |= go_on == Control::Continue && self.spent() > self.most;
        if self.over { Control::Cancel } else { go_on }
    }

    fn begins(&mut self) -> Option<Vec<u8>> {
        let mut standing = self.watch.begins()?;
        let rest = (standing.len() >= NUMBER).then(|| standing.split_off(NUMBER))?;
        // What was done before is part of what is found, and done again up to there.
        let earlier = f64::from_le_bytes(standing.try_into().ok()?);
        self.before = earlier - self.problem.work();
        Some(rest)
    }

    fn standing(&mut self, standing: &dyn Fn() -> Vec<u8>) {
        let spent = self.spent();
        self.watch
            .standing(&|| [&spent.to_le_bytes()[..], &standing()].concat());
    }

    fn solved(&mut self, solved: &dyn Fn() -> Vec<u8>) {
        self.watch.solved(solved);
    }

    fn solved_before(&mut self) -> Option<Vec<u8>> {
        self.watch.solved_before()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solve::decision;
    use crate::solve::progress::silent;

    const SAVER: &str = "agent a {\n  state w in [0, 4], start 1\n  action c in (0, w + 1]\n  w' = w + 1 - c\n  observe w\n  reward log(c)\n  discount 0.9\n}\n";

    fn problem(nodes: usize) -> Decision {
        let (model, found) = crate::compile(SAVER, &crate::Options::default());
        let options = decision::ProblemOptions {
            nodes,
            ..decision::ProblemOptions::default()
        };
        Decision::new(&model.unwrap_or_else(|| panic!("{found:?}")), &options).unwrap_or_else(|d| panic!("{d:?}"))
    }

    #[test]
    fn work_is_a_count_and_grows_with_the_branches() {
        let of = || {
            let problem = problem(0);
            let found = crate::solve::value_iteration::solve(&problem, &Default::default(), &mut silent);
            assert!(found.is_ok());
            (problem.work(), problem)
        };
        let ((once, problem), (twice, _)) = (of(), of());
        assert!(once > 0.0 && once == twice);
        let mut work = Work::default();
        assert!(work.affords(f64::INFINITY), "what comes first is done");
        work.solved(once, problem.branches());
        let most = work.left() / once * problem.branches();
        assert!(work.affords(0.99 * most) && !work.affords(1.01 * most));
        // More may be done where the first solve took more, and where the file says so.
        assert_eq!(work.left(), 4.0 * (once + BESIDE) - once);
        let before = work.left();
        work.judged(1e6, (1000, 40));
        assert_eq!(before - work.left(), 1e6 + 1000.0 * 100.0);
        assert_eq!(self::problem(400).branches(), 400.0);
    }

    #[test]
    fn a_solve_ends_where_its_work_is_used_up_and_says_so() {
        let problem = problem(0);
        let mut watch = silent;
        let mut within = Within::new(&mut watch, &problem, 1.0);
        let found = crate::solve::value_iteration::solve(&problem, &Default::default(), &mut within);
        assert_eq!(found.err().map(|d| d.into_message().code), Some("E0906".to_string()));
        assert!(within.over);
    }
}
