//! The other side of a command that is carried out inside another program ([`super::hosted`]): what it gets and what it lends, its
//! policies and the names of its files.

use crate::env::decide::Decide;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How policies of the host begin where a policy is named.
pub(super) const OUTSIDE: &str = "outside:";
/// How far a command is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Steps done.
    pub done: u64,
    /// Steps in all; 0 where that is not known.
    pub of: u64,
    /// What a step is called.
    pub unit: &'static str,
    /// What else there is to say.
    pub message: String,
}

/// The other side of a command that is carried out inside another program.
#[derive(Debug, Default)]
pub struct Host {
    standing: Mutex<Standing>,
    printed: Mutex<String>,
    said: Mutex<String>,
    words: Vec<String>,
    elsewhere: Option<Arc<dyn Elsewhere>>,
    piece: Option<Piece>,
    trained: Mutex<Option<Trained>>,
}

/// One seed of one trial of a search in one rung: work that may be done by another process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Number of the trial, from 1.
    pub trial: usize,
    /// The seed.
    pub seed: u64,
    /// Number of the rung, from 0.
    pub rung: usize,
    /// Where its training stands; `None` before its first step.
    pub checkpoint: Option<Vec<u8>>,
}

/// What came of a [`Piece`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trained {
    /// Its score, as it stands in the run of the search.
    pub score: Vec<u8>,
    /// Where its training stands now; `None` if it could not begin.
    pub checkpoint: Option<Vec<u8>>,
}

/// Other processes that do pieces of a search, each by a command of the same words in which the host asks for that piece
/// ([`Host::of_piece`]).
pub trait Elsewhere: std::fmt::Debug + Send + Sync {
    /// Hands out a piece; `number` names it in [`Elsewhere::ended`]. Leaves the work ([`crate::leave`]) where that fails.
    fn begin(&self, number: usize, piece: &Piece);
    /// The pieces that have come back since the last call: pairs of number and what came of it. Does not wait.
    fn ended(&self) -> Vec<(usize, Trained)>;
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Host {
    /// The host of a command of these words, without the program's name; the pieces of a search are done `elsewhere`, if that is there.
    pub fn new(words: &[String], elsewhere: Option<Arc<dyn Elsewhere>>) -> Arc<Host> {
        Arc::new(Host {
            words: std::iter::once("econc".to_string())
                .chain(words.iter().cloned())
                .collect(),
            elsewhere,
            ..Host::default()
        })
    }

    /// The host of a search of these words, of which only this piece is done.
    pub fn of_piece(words: &[String], piece: Piece) -> Arc<Host> {
        let host = Host::new(words, None);
        Arc::new(Host {
            words: host.words.clone(),
            piece: Some(piece),
            ..Host::default()
        })
    }

    /// Who does the pieces of a search, if others do.
    pub(super) fn elsewhere(&self) -> Option<&dyn Elsewhere> {
        self.elsewhere.as_deref()
    }

    /// The only piece of a search that is done, if that is asked.
    pub(super) fn piece(&self) -> Option<&Piece> {
        self.piece.as_ref()
    }

    /// Hands over what came of the piece.
    pub(super) fn hand_over(&self, trained: Trained) {
        *locked(&self.trained) = Some(trained);
    }

    /// What came of the piece, once the command has ended.
    pub fn trained(&self) -> Option<Trained> {
        locked(&self.trained).take()
    }

    /// What was printed and said so far, taken away.
    pub(super) fn take(&self) -> (String, String) {
        let take = |text| std::mem::take(&mut *locked(text));
        (take(&self.printed), take(&self.said))
    }

    /// How far the command is now.
    pub fn standing(&self) -> Standing {
        locked(&self.standing).clone()
    }

    /// The command line.
    pub(super) fn words(&self) -> &[String] {
        &self.words
    }

    pub(super) fn stands(&self, done: u64, of: u64, unit: &'static str, message: &str) {
        let mut standing = locked(&self.standing);
        (standing.done, standing.of, standing.unit) = (done, of, unit);
        standing.message.clear();
        standing.message.push_str(message);
    }

    pub(super) fn print(&self, text: &str) {
        locked(&self.printed).push_str(text);
    }

    pub(super) fn say(&self, text: &str) {
        locked(&self.said).push_str(text);
    }
}

/// Policies of the host that are played here, by number.
static POLICIES: Mutex<BTreeMap<u64, Outside>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicU64 = AtomicU64::new(1);

/// A policy of the host.
#[derive(Clone, Debug)]
pub struct Outside {
    /// What it does.
    pub policy: Arc<dyn Decide>,
    /// What it is called in reports.
    pub name: String,
    /// Whether it chooses among the nodes of grids in the file.
    pub grids: bool,
}

/// A policy of the host that can be named until this is dropped.
#[derive(Debug)]
pub struct Lent {
    number: u64,
}

impl Lent {
    /// Lends a policy.
    pub fn new(policy: Outside) -> Lent {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        locked(&POLICIES).insert(number, policy);
        Lent { number }
    }

    /// How commands name it: `outside:3`.
    pub fn word(&self) -> String {
        format!("{OUTSIDE}{}", self.number)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        locked(&POLICIES).remove(&self.number);
    }
}

/// The policy of the host that a word names, if it names one.
pub(super) fn outside(word: &str) -> Option<Outside> {
    let number = word.strip_prefix(OUTSIDE)?.parse().ok()?;
    locked(&POLICIES).get(&number).cloned()
}

/// How files are called that hold texts of the host.
static NAMES: Mutex<BTreeMap<PathBuf, String>> = Mutex::new(BTreeMap::new());

/// A file that is called by another name in messages, reports and manifests, until this is dropped.
#[derive(Debug)]
pub struct Named {
    file: PathBuf,
}

impl Named {
    /// Calls `file` by `name`.
    pub fn new(file: PathBuf, name: String) -> Named {
        locked(&NAMES).insert(file.clone(), name);
        Named { file }
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        locked(&NAMES).remove(&self.file);
    }
}

/// What a file is called, if by another name than its own.
pub(super) fn name_of(file: &Path) -> Option<String> {
    locked(&NAMES).get(file).cloned()
}
