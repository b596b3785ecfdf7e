//! The `orch` binary: parse, run, exit code.

fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
