//! The `orch` binary: parse, run, exit code.

/// Samples are allocated on one thread and freed on the ledger's: glibc's allocator takes a lock and often a
/// system call for each, which was a tenth of a run's processor time (`cargo bench --bench eval -- burst`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    orch::cli::main(std::env::args_os())
}
