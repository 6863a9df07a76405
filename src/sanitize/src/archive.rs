//! placeholder
use crate::{
    failure::Failure,
    format::{Format, Rewritten},
    job::Job,
};
pub(crate) fn rebuild(_: &[u8], _: Format, _: &mut Job<'_>) -> Result<Rewritten, Failure> {
    Err(Failure::Refused(String::new()))
}
pub(crate) fn verify(_: &[u8], _: Format, _: &mut Job<'_>) -> Result<(), Failure> {
    Err(Failure::Refused(String::new()))
}
