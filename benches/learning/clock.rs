//! Seconds that this thread has been on a core: what other programs take in between does not count.
#![allow(unsafe_code, reason = "one call of the system")]

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub fn seconds() -> f64 {
    #[repr(C)]
    struct Time {
        seconds: i64,
        nanoseconds: i64,
    }
    unsafe extern "C" {
        fn clock_gettime(clock: i32, time: *mut Time) -> i32;
    }
    const THIS_THREAD: i32 = 3;
    let mut time = Time {
        seconds: 0,
        nanoseconds: 0,
    };
    // SAFETY: the layout is that of 64-bit Linux, and the pointer is to a local.
    unsafe { clock_gettime(THIS_THREAD, &mut time) };
    time.seconds as f64 + 1e-9 * time.nanoseconds as f64
}

/// Elsewhere the wall clock.
#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
pub fn seconds() -> f64 {
    use std::sync::OnceLock;
    use std::time::Instant;
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64()
}
