//! Faults planted on purpose, to see which of them the certificate and the cross-checks catch.
//!
//! A judge is worth what it finds. `fault!("room.name", wrong, right)` stands where a mistake would be plausible: a
//! transposed matrix, a node lost, a price of another lane. Outside the unit tests it *is* `right`: the wrong expression
//! is not compiled and no branch is left in the program. In unit tests `fault::with("room.name", || ..)` runs something
//! with that one fault alive, in a thread pool of its own whose threads carry the fault, so that it holds wherever
//! rayon goes and other tests, which run at the same time, never see it.
//!
//! The table of all faults, with the model on which each shows and the row that must catch it, is
//! `driver/faults/mod.rs`; what was measured stands in `docs/faults.md`. A fault that is planted and not in the table, or in the
//! table and nowhere planted, fails that test.

/// The wrong expression while the named fault is alive, else the right one; with `do`, something that is done only then.
#[cfg(test)]
macro_rules! fault {
    ($name:literal, do $wrong:block) => {
        if $crate::fault::alive(const { $crate::fault::number($name) }) $wrong
    };
    ($name:literal, $wrong:expr, $right:expr) => {
        if $crate::fault::alive(const { $crate::fault::number($name) }) {
            $wrong
        } else {
            $right
        }
    };
}

/// The right expression; see the head of `fault.rs`.
#[cfg(not(test))]
macro_rules! fault {
    ($name:literal, do $wrong:block) => {};
    ($name:literal, $wrong:expr, $right:expr) => {
        $right
    };
}

#[cfg(test)]
pub(crate) use switch::{alive, number, with};

#[cfg(test)]
mod switch {
    use std::cell::Cell;

    thread_local! {
        /// Number of the fault that is alive on this thread; 0 if none is.
        static CURRENT: Cell<u64> = const { Cell::new(0) };
    }

    /// The number of a name: FNV-1a, so that a comparison in a hot loop costs no more than one of integers.
    pub(crate) const fn number(name: &str) -> u64 {
        let bytes = name.as_bytes();
        let mut hash = 0xcbf2_9ce4_8422_2325;
        let mut i = 0;
        while i < bytes.len() {
            hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0100_0000_01b3);
            i += 1;
        }
        hash
    }

    /// Whether the fault with this number is alive on this thread.
    #[inline]
    pub(crate) fn alive(number: u64) -> bool {
        CURRENT.get() == number
    }

    /// Runs `work` with a fault alive (`""`: none), on this thread's behalf in a pool of two threads of its own.
    pub(crate) fn with<T: Send>(name: &str, work: impl FnOnce() -> T + Send) -> T {
        let id = if name.is_empty() { 0 } else { number(name) };
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(2)
            .stack_size(16 << 20)
            .start_handler(move |_| CURRENT.set(id))
            .build()
            .expect("a pool of two threads");
        pool.install(work)
    }
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    fn one() -> i32 {
        fault!("test.one", 2, 1)
    }

    #[test]
    fn a_fault_lives_in_its_own_pool_only_and_on_all_its_threads() {
        let sum = |n: i32| -> i32 { (0..n).into_par_iter().map(|_| one()).sum() };
        assert_eq!(super::with("test.one", || sum(1000)), 2000);
        assert_eq!(super::with("test.other", || sum(1000)), 1000);
        assert_eq!(super::with("test.one", || super::with("", || sum(1000))), 1000);
        assert_eq!(sum(1000), 1000);
    }
}
