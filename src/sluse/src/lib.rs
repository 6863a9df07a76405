//! sluse.

pub mod contract_schema;
pub mod sandbox;
pub mod scan;
