//! The command: parse, run, print, exit code.

mod cli;

/// A capture of an attack makes and drops millions of small things on every core; the systems' own allocators are
/// several times slower at that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::run(std::env::args_os()).into()
}
