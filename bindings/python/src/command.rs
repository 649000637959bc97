//! Commands of econc, with progress and Ctrl-C.

use econc::cli::hosted::{self, Elsewhere, Host, Outcome, Piece, Standing, Trained};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Calls a file by another name in messages, reports and manifests, as long as this object lives.
#[pyclass(frozen, module = "econc._native")]
pub(crate) struct Named {
    _named: hosted::Named,
}

#[pymethods]
impl Named {
    #[new]
    fn new(file: std::path::PathBuf, name: String) -> Named {
        Named {
            _named: hosted::Named::new(file, name),
        }
    }
}

/// Time between two looks at signals and progress.
const TICK: Duration = Duration::from_millis(20);
/// Stack of the thread that works, as large as that of a program's first thread is allowed to be.
const STACK: usize = 64 << 20;

/// Carries out a command line without the program's name; returns its exit status, what it would have printed on standard output, and its
/// messages as they would have been shown. `progress(done, of, unit, message)` is called while it is at work; what that raises, and
/// Ctrl-C, ends the work and is raised here. `elsewhere` does the pieces of a search: `begin(number, trial, seed, rung, checkpoint)` hands one
/// out, `ended()` gives those that have come back, (number, score, checkpoint) each, as [`piece`] returned them.
#[pyfunction]
#[pyo3(signature = (words, progress=None, elsewhere=None))]
pub(crate) fn command(
    py: Python<'_>,
    words: Vec<String>,
    progress: Option<Bound<'_, PyAny>>,
    elsewhere: Option<Py<PyAny>>,
) -> PyResult<(u8, String, String)> {
    let others = elsewhere.map(|object| Arc::new(Others::new(object)));
    let host = Host::new(&words, others.clone().map(|o| o as Arc<dyn Elsewhere>));
    let outcome = carried_out(py, &host, progress)?;
    if let Some(why) = others.and_then(|o| o.raised()) {
        return Err(why);
    }
    Ok((outcome.exit, outcome.printed, outcome.said))
}

/// Does one piece of the search of these words: one seed of a trial (counted from 1) in a rung (from 0), from where its checkpoint stands.
/// Returns exit status, what was printed, messages, and the piece's score and checkpoint, if it was done.
#[pyfunction]
#[pyo3(signature = (words, trial, seed, rung, checkpoint=None))]
pub(crate) fn piece<'py>(
    py: Python<'py>,
    words: Vec<String>,
    trial: usize,
    seed: u64,
    rung: usize,
    checkpoint: Option<Vec<u8>>,
) -> PyResult<(
    u8,
    String,
    String,
    Option<(Bound<'py, PyBytes>, Option<Bound<'py, PyBytes>>)>,
)> {
    let asked = Piece {
        trial,
        seed,
        rung,
        checkpoint,
    };
    let host = Host::of_piece(&words, asked);
    let outcome = carried_out(py, &host, None)?;
    let done = host.trained().map(|t| {
        let checkpoint = t.checkpoint.map(|b| PyBytes::new(py, &b));
        (PyBytes::new(py, &t.score), checkpoint)
    });
    Ok((outcome.exit, outcome.printed, outcome.said, done))
}

/// The command line of these words, without the program's name, in a process that is there for nothing else; its exit status.
#[pyfunction]
pub(crate) fn main(py: Python<'_>, words: Vec<String>) -> u8 {
    py.detach(|| econc::cli::main_of(words))
}

/// An object of Python that has pieces of a search done.
#[derive(Debug)]
struct Others {
    object: Py<PyAny>,
    raised: Mutex<Option<PyErr>>,
}

impl Others {
    fn new(object: Py<PyAny>) -> Others {
        Others {
            object,
            raised: Mutex::default(),
        }
    }

    /// What was raised, taken away.
    fn raised(&self) -> Option<PyErr> {
        self.raised.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What a call gives; the work is left where it raises, and whoever asked for it raises the same.
    fn called<T>(&self, call: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>) -> T {
        match Python::attach(|py| call(self.object.bind(py))) {
            Ok(value) => value,
            Err(why) => {
                let mut raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
                raised.get_or_insert(why);
                drop(raised);
                econc::leave()
            }
        }
    }
}

impl Elsewhere for Others {
    fn begin(&self, number: usize, piece: &Piece) {
        self.called(|object| {
            let checkpoint = piece.checkpoint.as_deref().map(|b| PyBytes::new(object.py(), b));
            object
                .call_method1("begin", (number, piece.trial, piece.seed, piece.rung, checkpoint))
                .map(|_| ())
        });
    }

    fn ended(&self) -> Vec<(usize, Trained)> {
        type Back = Vec<(usize, Vec<u8>, Option<Vec<u8>>)>;
        let back = self.called(|object| object.call_method0("ended")?.extract::<Back>());
        let trained = |(number, score, checkpoint)| (number, Trained { score, checkpoint });
        back.into_iter().map(trained).collect()
    }
}

/// Carries out what a host was made of, on a thread of its own.
fn carried_out(py: Python<'_>, host: &Arc<Host>, progress: Option<Bound<'_, PyAny>>) -> PyResult<Outcome> {
    let (done, ended) = channel();
    let at_work = {
        let host = host.clone();
        let work = move || {
            // Nobody listens where the interpreter has gone.
            let _ = done.send(hosted::carry_out(&host));
        };
        std::thread::Builder::new()
            .name("econc".to_string())
            .stack_size(STACK)
            .spawn(work)
            .map_err(|e| PyRuntimeError::new_err(format!("no thread can be had: {e}")))?
    };
    let ended = std::sync::Mutex::new(ended);
    let wait = || match ended.lock() {
        Ok(ended) => ended.recv_timeout(TICK),
        Err(_) => Err(RecvTimeoutError::Disconnected),
    };
    let mut told = Standing::default();
    loop {
        match py.detach(wait) {
            Ok(outcome) => {
                let _ = py.detach(|| at_work.join());
                return Ok(outcome);
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(PyRuntimeError::new_err("the thread that worked has ended"));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        let mut on = py.check_signals();
        if let (Ok(()), Some(progress)) = (&on, &progress) {
            let now = host.standing();
            if now != told {
                on = progress
                    .call1((now.done, now.of, now.unit, now.message.as_str()))
                    .map(|_| ());
                told = now;
            }
        }
        if let Err(why) = on {
            py.detach(|| {
                hosted::stop();
                let _ = at_work.join();
            });
            return Err(why);
        }
    }
}
