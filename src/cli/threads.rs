//! Threads: as many as are asked for, or as the system gives.
//!
//! A system that gives no more threads (`ulimit -u`, address space) is no fault of the work: fewer do it, at last one alone.
//! Results depend on none of this.

use super::memory;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

/// Whether this process has no other thread that computes.
static ALONE: AtomicBool = AtomicBool::new(false);

/// How many of so many threads may run: each takes address space for its stack.
pub(super) fn most(wanted: usize) -> usize {
    wanted.min(memory::threads()).max(1)
}

/// Makes the pool of threads that rayon works with; once per process.
///
/// The threads are there before the pool is made: rayon tries once only, and then either has all it was to have or fails.
pub(super) fn start(wanted: usize) {
    // One that works alone waits for nobody. Inside another program the thread that asks first is not the one that asks next.
    let wanted = if wanted == 1 && !memory::is_hosted() { 0 } else { wanted };
    let mut hands: Vec<mpsc::Sender<rayon::ThreadBuilder>> = Vec::new();
    for number in 0..wanted {
        let (send, receive) = mpsc::channel::<rayon::ThreadBuilder>();
        let work = move || {
            if let Ok(thread) = receive.recv() {
                thread.run();
            }
        };
        let thread = std::thread::Builder::new().name(format!("work {number}"));
        if thread.spawn(work).is_err() {
            break;
        }
        hands.push(send);
    }
    let builder = rayon::ThreadPoolBuilder::new();
    // An error says that there is a pool already, which then is used.
    if hands.is_empty() {
        ALONE.store(true, Ordering::SeqCst);
        let _ = builder.num_threads(1).use_current_thread().build_global();
    } else {
        let _ = builder
            .num_threads(hands.len())
            .spawn_handler(move |thread| match hands.pop() {
                Some(hand) => hand
                    .send(thread)
                    .map_err(|_| std::io::Error::other("the thread has ended")),
                None => Err(std::io::Error::other("no thread is left")),
            })
            .build_global();
    }
}

/// Does `work` on this thread and on others, together as many as `workers` or as there are to be had.
pub(super) fn side_by_side(workers: usize, work: &(dyn Fn() + Sync)) {
    // Another thread would wait for this one, which is all the pool there is.
    let others = if ALONE.load(Ordering::SeqCst) {
        0
    } else {
        workers.saturating_sub(1)
    };
    std::thread::scope(|scope| {
        for _ in 0..others {
            if std::thread::Builder::new().spawn_scoped(scope, work).is_err() {
                break;
            }
        }
        work();
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn all_workers_do_the_work() {
        let done = Mutex::new(std::collections::BTreeSet::new());
        let barrier = std::sync::Barrier::new(3);
        side_by_side(3, &|| {
            barrier.wait();
            done.lock()
                .unwrap()
                .insert(format!("{:?}", std::thread::current().id()));
        });
        assert_eq!(done.into_inner().unwrap().len(), 3);
    }
}
