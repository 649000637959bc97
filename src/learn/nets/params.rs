//! Parameters of a network, and the buffers that its passes leave behind.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::ops::Deref;
use std::sync::Arc;
#[cfg(feature = "learn")]
use std::sync::{Mutex, PoisonError};

/// All parameters of a network in one vector. A pass on a tape shares it, since dfdx's tape must own what it needs; changing it
/// copies only while somebody else still has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params(Arc<Vec<f32>>);

impl Params {
    /// All parameters in one line, to be changed.
    pub fn edit(&mut self) -> &mut [f32] {
        let all: &mut Vec<f32> = Arc::make_mut(&mut self.0);
        all
    }
}

impl From<Vec<f32>> for Params {
    fn from(values: Vec<f32>) -> Params {
        Params(Arc::new(values))
    }
}

impl Deref for Params {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.0
    }
}

impl Serialize for Params {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_slice().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Params {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Params, D::Error> {
        Vec::deserialize(deserializer).map(Params::from)
    }
}

/// What passes over a network keep until they are differentiated, given back afterwards for the next one, so that nothing is
/// allocated after the first passes of a size. Scratch: never compared, stored or shown, and a copy of the network starts anew.
pub struct Pool<K> {
    #[cfg(feature = "learn")]
    kept: Arc<Mutex<Vec<K>>>,
    #[cfg(not(feature = "learn"))]
    kept: std::marker::PhantomData<K>,
}

#[cfg(feature = "learn")]
impl<K: Default> Pool<K> {
    /// A handle to the same pool.
    pub(super) fn share(&self) -> Pool<K> {
        Pool {
            kept: self.kept.clone(),
        }
    }
    /// Buffers to write to, of any size.
    pub(super) fn take(&self) -> K {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_default()
    }
    /// Gives buffers back.
    pub(super) fn put(&self, kept: K) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
    }
}

impl<K> Default for Pool<K> {
    fn default() -> Pool<K> {
        Pool {
            kept: Default::default(),
        }
    }
}
impl<K> Clone for Pool<K> {
    fn clone(&self) -> Pool<K> {
        Pool::default()
    }
}
impl<K> PartialEq for Pool<K> {
    fn eq(&self, _: &Pool<K>) -> bool {
        true
    }
}
impl<K> std::fmt::Debug for Pool<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("..")
    }
}
