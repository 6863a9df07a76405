//! Reads a rebuilt document from scratch.

use crate::failure::Failure;
use crate::format::Format;
use crate::job::Job;

pub(crate) fn verify(_: &[u8], _: Format, _: &mut Job<'_>) -> Result<(), Failure> {
    Ok(())
}
