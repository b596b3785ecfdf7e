//! The `orch` binary: parse, run, exit code.

fn main() -> std::process::ExitCode {
    orch::cli::main(std::env::args_os())
}
