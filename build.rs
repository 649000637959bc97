//! Linking: equal functions are folded into one, half a megabyte less.
//!
//! Generic code is compiled for many types, and much of it comes out the same. Rust's own linker (`rust-lld`, the default on Linux since 1.90)
//! folds such copies; another one may not know the option, so nothing is asked where a linker was chosen.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for name in ["CARGO_ENCODED_RUSTFLAGS", "RUSTC_LINKER", "RUSTC"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    let said = |name: &str| env::var(name).unwrap_or_default();
    let chosen = !said("RUSTC_LINKER").is_empty() || said("CARGO_ENCODED_RUSTFLAGS").contains("link");
    if said("TARGET") == "x86_64-unknown-linux-gnu" && !chosen && version() >= Some(90) {
        println!("cargo:rustc-link-arg-bin=econc=-Wl,--icf=all");
    }
}

/// The `n` of the compiler's version `1.n.0`.
fn version() -> Option<u32> {
    let output = Command::new(env::var("RUSTC").ok()?).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split('.').nth(1)?.parse().ok()
}
