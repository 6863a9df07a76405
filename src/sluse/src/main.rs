//! The `sluse` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    // A worker is confined before anything else of this program has run: no runtime, no threads, no logging.
    if std::env::args_os().nth(1).is_some_and(|word| word == sluse::sandbox::WORKER_ARGUMENT) {
        sluse::sandbox::child::main();
    }
    sluse::cli::main()
}
