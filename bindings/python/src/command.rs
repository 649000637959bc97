//! Commands of econc, with progress and Ctrl-C.

use econc::cli::hosted::{self, Host, Standing};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::sync::mpsc::{RecvTimeoutError, channel};
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
/// Ctrl-C, ends the work and is raised here.
#[pyfunction]
#[pyo3(signature = (words, progress=None))]
pub(crate) fn command(
    py: Python<'_>,
    words: Vec<String>,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<(u8, String, String)> {
    let host = Host::new(&words);
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
                return Ok((outcome.exit, outcome.printed, outcome.said));
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
