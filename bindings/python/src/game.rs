//! Environments: many worlds of a model at once, with a seat for each agent that the caller plays.

use crate::{error, policy, raised};
use econc::Model;
use econc::check::model::{Process, Then};
use econc::cli::hosted;
use econc::env::vector::{GameOptions, Sitting, Vectorised};
use econc::env::{Actions, Game as _, Told};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

type Row<'py, T> = Bound<'py, PyArray1<T>>;
/// Observations, rewards, terminated, truncated, last observations where an episode ended, mask.
type Step<'py> = (
    Row<'py, f32>,
    Row<'py, f64>,
    Row<'py, bool>,
    Row<'py, bool>,
    Option<Row<'py, f32>>,
    Option<Row<'py, f32>>,
);

/// Worlds of one model. Arrays are flat and row-major with one row per slot: `slot = world * members + member`.
#[pyclass(frozen, module = "econc._native")]
pub(crate) struct Game {
    inside: Mutex<Inside>,
    model: Box<Model>,
    worlds: usize,
}

struct Inside {
    game: Vectorised,
    actions: Actions,
}

impl Game {
    fn locked(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Work on the game without the interpreter, and why it could not go on.
    fn at_work<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&mut Inside) -> T + Send) -> PyResult<T> {
        let (out, failed) = py.detach(|| {
            let mut inside = self.locked();
            let out = work(&mut inside);
            (out, inside.game.take_failure())
        });
        match failed {
            None => Ok(out),
            Some(d) => Err(raised(py, &d)),
        }
    }
}

/// Copies what is chosen and refuses what cannot be.
fn chosen(
    inside: &mut Inside,
    seat: usize,
    continuous: Option<&PyReadonlyArray1<'_, f32>>,
    discrete: Option<&PyReadonlyArray1<'_, u32>>,
) -> PyResult<()> {
    let Inside { game, actions } = inside;
    actions.continuous.clear();
    actions.discrete.clear();
    if let Some(x) = continuous {
        actions.continuous.extend_from_slice(x.as_slice()?);
    }
    if let Some(x) = discrete {
        actions.discrete.extend_from_slice(x.as_slice()?);
    }
    let seats = game.seats();
    let at = seats
        .get(seat)
        .ok_or_else(|| PyIndexError::new_err(format!("there is no seat {seat}")))?;
    policy::check(actions, at.slots, &at.space).map_err(PyValueError::new_err)
}

fn mask_of<'py>(py: Python<'py>, mask: &[f32]) -> Option<Row<'py, f32>> {
    (!mask.is_empty()).then(|| PyArray1::from_slice(py, mask))
}

/// What a seat is told, for Python.
fn step_of<'py>(py: Python<'py>, told: &Told<'_>) -> Step<'py> {
    let ended = (0..told.terminated.len()).any(|s| told.ended(s));
    (
        PyArray1::from_slice(py, told.next.observation),
        PyArray1::from_iter(py, told.reward.iter().map(|x| f64::from(*x))),
        PyArray1::from_slice(py, told.terminated),
        PyArray1::from_slice(py, told.truncated),
        ended.then(|| PyArray1::from_slice(py, told.last)),
        mask_of(py, told.next.mask),
    )
}

#[pymethods]
impl Game {
    /// Worlds of the model in `file` with what `set` replaces. `agents` names those that the caller plays (`None`: the only one that
    /// decides; an empty list: all that can learn); `others` is as after `--others`.
    #[new]
    #[pyo3(signature = (file, *, set, agents, grids, scenario, worlds, periods, members, others, seed))]
    fn new(
        py: Python<'_>,
        file: PathBuf,
        set: Vec<(String, String)>,
        agents: Option<Vec<String>>,
        grids: bool,
        scenario: Option<String>,
        worlds: usize,
        periods: Option<usize>,
        members: Option<usize>,
        others: Vec<String>,
        seed: u64,
    ) -> PyResult<Game> {
        let read = py
            .detach(|| hosted::read(&file, &set, members, scenario.as_deref()))
            .map_err(|d| raised(py, &d))?;
        let Some(model) = read.model else {
            return Err(error(py, &read.said, &read.diagnostics.to_string()));
        };
        let made = || {
            let cast = hosted::cast(&model, &others)?;
            let agents: Vec<Option<String>> = match agents {
                None => vec![None],
                Some(named) if named.is_empty() => econc::env::able::able(&model)
                    .into_iter()
                    .map(|a| Some(model.agents[a].name.clone()))
                    .collect(),
                Some(named) => named.into_iter().map(Some).collect(),
            };
            let options = GameOptions {
                seats: agents
                    .into_iter()
                    .map(|agent| Sitting {
                        agent,
                        grids,
                        joint: false,
                    })
                    .collect(),
                scenario,
                worlds,
                periods,
                others: cast,
                together: 1,
                alike: false,
            };
            let mut game = Vectorised::new(&model, &options)?;
            game.reset(seed);
            match game.take_failure() {
                None => Ok(game),
                Some(d) => Err(d),
            }
        };
        let game = py.detach(made).map_err(|d| raised(py, &d))?;
        Ok(Game {
            inside: Mutex::new(Inside {
                game,
                actions: Actions::default(),
            }),
            model: Box::new(model),
            worlds,
        })
    }

    /// Name of the model.
    #[getter]
    fn model(&self) -> &str {
        &self.model.name
    }

    /// Number of worlds.
    #[getter]
    fn worlds(&self) -> usize {
        self.worlds
    }

    /// The seats: for each a dictionary with its agent, shapes, what columns and actions mean, and the discount factor.
    fn seats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let inside = self.locked();
        let out = PyList::empty(py);
        for (number, seat) in inside.game.seats().iter().enumerate() {
            let interface = inside.game.interface(number);
            let model = &inside.game.worlds().model;
            let d = PyDict::new(py);
            let agent = interface.actions.first().map(|a| model.actions[*a].owner);
            d.set_item("agent", agent.map(|a| model.agents[a].name.clone()))?;
            d.set_item("members", seat.members)?;
            d.set_item("slots", seat.slots)?;
            d.set_item("width", seat.observation_width)?;
            d.set_item("columns", interface.columns())?;
            d.set_item("ends", interface.ends())?;
            d.set_item("limits", interface.limits(model))?;
            d.set_item("continuous", seat.space.continuous)?;
            d.set_item("discrete", seat.space.discrete.clone())?;
            d.set_item("masked", seat.masked)?;
            d.set_item("discount", seat.discount)?;
            d.set_item("stage", interface.stage)?;
            let meanings =
                serde_json::to_string(&interface.meanings(model)).map_err(|e| PyValueError::new_err(e.to_string()))?;
            d.set_item("meanings", meanings)?;
            out.append(d)?;
        }
        Ok(out)
    }

    /// Begins everything anew from a seed.
    fn reset(&self, py: Python<'_>, seed: u64) -> PyResult<()> {
        self.at_work(py, |inside| inside.game.reset(seed))
    }

    /// Begins new episodes in the marked worlds (one entry per world), with draws that no episode has met.
    fn begin_anew(&self, py: Python<'_>, which: PyReadonlyArray1<'_, bool>) -> PyResult<()> {
        let which = which.as_slice()?;
        if which.len() != self.worlds {
            return Err(PyValueError::new_err(format!(
                "{} entries for {} worlds",
                which.len(),
                self.worlds
            )));
        }
        self.at_work(py, |inside| inside.game.begin_anew(which))?
            .map_err(|d| raised(py, &d))
    }

    /// The seats that choose now.
    fn turn(&self) -> Vec<usize> {
        self.locked().game.turn().to_vec()
    }

    /// What a seat on turn sees, and its mask if choices can be forbidden.
    fn seen<'py>(&self, py: Python<'py>, seat: usize) -> (Row<'py, f32>, Option<Row<'py, f32>>) {
        let inside = self.locked();
        let seen = inside.game.seen(seat);
        (PyArray1::from_slice(py, seen.observation), mask_of(py, seen.mask))
    }

    /// Takes the choice of a seat on turn.
    #[pyo3(signature = (seat, continuous=None, discrete=None))]
    fn act(
        &self,
        py: Python<'_>,
        seat: usize,
        continuous: Option<PyReadonlyArray1<'_, f32>>,
        discrete: Option<PyReadonlyArray1<'_, u32>>,
    ) -> PyResult<()> {
        chosen(&mut self.locked(), seat, continuous.as_ref(), discrete.as_ref())?;
        self.at_work(py, |inside| inside.game.act(seat, &inside.actions))
    }

    /// Everybody on turn has chosen: goes on to the next turn. Worlds marked in `still` (one entry per world) stand still.
    #[pyo3(signature = (still=None))]
    fn proceed(&self, py: Python<'_>, still: Option<PyReadonlyArray1<'_, bool>>) -> PyResult<()> {
        let still = still.as_ref().map(|s| s.as_slice()).transpose()?.unwrap_or(&[]);
        self.at_work(py, |inside| {
            inside.game.stand_still(still);
            inside.game.proceed();
        })
    }

    /// What came of the last choice of a seat on turn; `None` before its first.
    fn told<'py>(&self, py: Python<'py>, seat: usize) -> Option<Step<'py>> {
        self.locked().game.told(seat).map(|told| step_of(py, &told))
    }

    /// A turn of the only seat: its choice, what follows, and what it is told.
    #[pyo3(signature = (continuous=None, discrete=None, still=None))]
    fn step<'py>(
        &self,
        py: Python<'py>,
        continuous: Option<PyReadonlyArray1<'py, f32>>,
        discrete: Option<PyReadonlyArray1<'py, u32>>,
        still: Option<PyReadonlyArray1<'py, bool>>,
    ) -> PyResult<Step<'py>> {
        chosen(&mut self.locked(), 0, continuous.as_ref(), discrete.as_ref())?;
        let still = still.as_ref().map(|s| s.as_slice()).transpose()?.unwrap_or(&[]);
        self.at_work(py, |inside| {
            inside.game.stand_still(still);
            inside.game.act(0, &inside.actions);
            inside.game.proceed();
        })?;
        let inside = self.locked();
        match inside.game.told(0) {
            Some(told) => Ok(step_of(py, &told)),
            None => Err(PyValueError::new_err("nobody has chosen")),
        }
    }

    /// States and shocks in the units of the file: flat arrays by name, `element x world`.
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let inside = self.locked();
        let worlds = inside.game.worlds();
        let out = PyDict::new(py);
        for s in &worlds.model.states {
            out.set_item(&s.name, PyArray1::from_slice(py, &worlds.frame[s.input.0 as usize]))?;
        }
        for s in &worlds.model.shocks {
            let carried = &worlds.frame[s.input.0 as usize];
            let values: Vec<f64> = match &s.process {
                Process::Chain { values, .. } => carried.iter().map(|x| values[*x as usize]).collect(),
                Process::Ar1 { .. } | Process::RandomWalk { .. } | Process::Iid(_) | Process::Var1 { .. } => {
                    carried.clone()
                }
            };
            out.set_item(&s.name, PyArray1::from_vec(py, values))?;
        }
        Ok(out)
    }

    /// The members of a seat that have left for good, one entry per slot; `None` where none can.
    fn left<'py>(&self, py: Python<'py>, seat: usize) -> Option<Row<'py, bool>> {
        let inside = self.locked();
        let interface = inside.game.interface(seat);
        let worlds = inside.game.worlds();
        let agent = interface.actions.first().map(|a| worlds.model.actions[*a].owner);
        let n = worlds.worlds();
        let mut out: Option<Vec<bool>> = None;
        for end in worlds.model.ends.iter().filter(|e| e.agent == agent) {
            let Then::Leave { alive } = end.then else { continue };
            let present = &worlds.frame[worlds.model.states[alive].input.0 as usize];
            let left = out.get_or_insert_with(|| vec![false; n * interface.members]);
            for (e, x) in present.iter().enumerate() {
                left[(e % n) * interface.members + e / n] |= *x == 0.0;
            }
        }
        out.map(|left| PyArray1::from_vec(py, left))
    }

    /// Periods since the episode of each world began.
    fn periods(&self) -> Vec<usize> {
        self.locked().game.worlds().period().to_vec()
    }

    /// Everything that moves, as bytes; `load` goes on from them to the bit.
    fn save<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.locked().game.save_state())
    }

    /// Goes on from `save`.
    fn load(&self, bytes: &[u8]) -> PyResult<()> {
        self.locked().game.load_state(bytes).map_err(PyValueError::new_err)
    }
}
