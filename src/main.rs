//! The `econc` command: hands its arguments to [`econc::cli`] and turns the outcome into an exit status.

fn main() -> std::process::ExitCode {
    econc::cli::main()
}
