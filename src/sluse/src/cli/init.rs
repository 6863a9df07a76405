//! `sluse init`.

use std::path::{Path, PathBuf};

use crate::cli::{CommandError, Done};
use crate::setup::{self, Zone};

pub(crate) fn run(zone: Zone, dir: &Path, imports: &[PathBuf]) -> Result<Done, CommandError> {
    let made = setup::zone(zone, dir, imports)?;
    for path in &made.new {
        println!("made {}", path.display());
    }
    if made.missing.is_empty() {
        println!("{} is complete; check it with: sluse check --config {}/…", dir.display(), dir.display());
    } else {
        println!("\nStill to be imported from the other zones, with --import …/public:");
        for path in &made.missing {
            println!("  {}", path.display());
        }
    }
    Ok(Done::Fully)
}
