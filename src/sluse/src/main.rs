//! The sluse command.
fn main() {}
