//! Worlds as bytes.

use super::Worlds;
use crate::env::engine::Frame;
use crate::num::random::Key;

impl Worlds {
    /// Everything that moves, as bytes: with [`Worlds::load`] a run continues bit for bit.
    pub fn save(&self) -> Vec<u8> {
        // Writing plain numbers to a vector cannot fail; an empty one is refused when it is read.
        postcard::to_stdvec(&(self.key, self.step, &self.period, &self.frame, &self.stored)).unwrap_or_default()
    }

    /// Continues from the bytes of [`Worlds::save`].
    ///
    /// # Errors
    /// A sentence that says what does not fit: damaged bytes, or worlds of another number or shape.
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        let (key, step, period, frame, stored): (Key, u64, Vec<usize>, Frame, Vec<Vec<f64>>) =
            postcard::from_bytes(bytes).map_err(|e| format!("the worlds are damaged ({e})"))?;
        let alike = |a: &[Vec<f64>], b: &[Vec<f64>]| a.iter().map(Vec::len).eq(b.iter().map(Vec::len));
        if period.len() != self.worlds || !alike(&frame, &self.frame) || !alike(&stored, &self.stored) {
            return Err("the worlds are of another number or shape".into());
        }
        (self.key, self.step, self.period, self.frame, self.stored) = (key, step, period, frame, stored);
        Ok(())
    }
}
