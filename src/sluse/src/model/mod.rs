//! What a submission is on its way: the values that the roles hand each other.

pub mod delivery;
pub mod outcome;
pub mod quarantine;
