//! The sluse command.

fn main() {
    // Before anything else: a worker must be single-threaded when it confines itself, so no runtime may exist yet.
    if std::env::args_os().nth(1).is_some_and(|first| first == sluse::sandbox::WORKER_ARGUMENT) {
        sluse::sandbox::child::main();
    }
}
