//! Files that are kept on the way: sealed, so that one that changed is refused.

use super::files::{cannot_write, shown, unreadable, write_whole};
use super::open::{has_work, open_file};
use super::{FileEntry, RunDirectory, SEALED, Status};
use crate::diag::Diagnostic;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{ErrorKind, Read};

impl RunDirectory {
    /// Writes a file of `bytes` that belongs to the work and not to the result (a checkpoint): whole or not at all, not
    /// on record, so that a kill between two versions leaves nothing that looks damaged. [`RunDirectory::clear`]
    /// removes it, and what stands under [`super::WORK`] goes when the run has come to its end.
    ///
    /// # Errors
    /// E0951, E0957; what stood there before then still stands.
    pub fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), Diagnostic> {
        let target = self.inside(name)?;
        write_whole(&target, name, |w| w.write_all(bytes))
            .map(drop)
            .map_err(|e| cannot_write(&target, &self.partial, &e))
    }

    /// The bytes of a file of [`RunDirectory::keep`], if it is there.
    ///
    /// # Errors
    /// E0951 if it cannot be read, E0957.
    pub fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, Diagnostic> {
        let path = self.named(name)?;
        let mut bytes = Vec::new();
        match open_file(&path).and_then(|mut f| f.read_to_end(&mut bytes)) {
            Ok(_) => Ok(Some(bytes)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(unreadable(&path, &e)),
        }
    }

    /// Like [`RunDirectory::keep`], with length and hash, so that whatever happens to the file is seen by
    /// [`RunDirectory::kept_sealed`].
    ///
    /// # Errors
    /// E0951, E0957.
    pub fn keep_sealed(&self, name: &str, bytes: &[u8]) -> Result<(), Diagnostic> {
        let target = self.inside(name)?;
        write_whole(&target, name, |w| {
            w.write_all(SEALED)?;
            w.write_all(&(bytes.len() as u64).to_le_bytes())?;
            w.write_all(&Sha256::digest(bytes))?;
            w.write_all(bytes)
        })
        .map(drop)
        .map_err(|e| cannot_write(&target, &self.partial, &e))
    }

    /// The bytes of a file of [`RunDirectory::keep_sealed`], if it is there.
    ///
    /// # Errors
    /// E0983 if it is not as it was written; E0951, E0957.
    pub fn kept_sealed(&self, name: &str) -> Result<Option<Vec<u8>>, Diagnostic> {
        let Some(mut bytes) = self.kept(name)? else {
            return Ok(None);
        };
        let damaged = |what: String| {
            let path = self.partial.join(name);
            Diagnostic::error(
                "E0983",
                format!("the checkpoint {} is not as it was written", shown(&path)),
            )
            .note(what)
            .hint("restore the file, or remove it: what it holds is then done again from its start")
        };
        let head = SEALED.len() + 8 + 32;
        if bytes.len() < head || !bytes.starts_with(SEALED) {
            return Err(damaged("it does not begin as a checkpoint does".to_string()));
        }
        let content = bytes.split_off(head);
        let (length, hash) = bytes[SEALED.len()..].split_at(8);
        if length != (content.len() as u64).to_le_bytes() {
            return Err(damaged(format!(
                "it holds {} bytes, which is not its length",
                content.len()
            )));
        }
        if hash != &Sha256::digest(&content)[..] {
            return Err(damaged("its content has changed".to_string()));
        }
        Ok(Some(content))
    }

    /// Removes a file of [`RunDirectory::keep`].
    pub fn clear(&self, name: &str) {
        if let Ok(path) = self.named(name) {
            // A checkpoint that cannot be removed does no harm.
            let _ = fs::remove_file(path);
        }
    }

    /// Takes back every file written since the manifest held the list `before`, one entry per file: a run that is
    /// resumed writes them again, and must not find them.
    pub fn take_back(&mut self, before: Vec<FileEntry>) {
        for entry in self.manifest.files.iter().filter(|f| !before.contains(f)) {
            // Not on record any more, it is written over.
            let _ = fs::remove_file(self.partial.join(&entry.name));
        }
        self.manifest.files = before;
    }

    /// Puts the files written so far on record, for runs that can be resumed.
    ///
    /// # Errors
    /// E0951 (cannot be written).
    pub fn checkpoint(&self) -> Result<(), Diagnostic> {
        self.save_manifest(
            Status::Interrupted,
            Some("the run had not come to its end when this was written"),
        )
    }

    /// Whether work has been kept here from which the run could go on.
    pub fn has_work(&self) -> bool {
        has_work(&self.partial)
    }
}
