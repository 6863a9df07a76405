//! What one worker may use.

use serde::{Deserialize, Serialize};

/// Upper bounds for one worker, that is, for one submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SandboxLimits {
    /// Address space, in bytes: program, stack, the file, what is expanded from it and its rebuilt copy.
    /// At least [`MIN_MEMORY_BYTES`](Self::MIN_MEMORY_BYTES).
    pub memory_bytes: u64,
    /// Processor time, in seconds; at least 1.
    pub cpu_seconds: u64,
    /// Time on the clock, in seconds, counted while the parent waits for the worker; at least 1.
    pub wall_seconds: u64,
    /// Sum of everything the worker sends back, in bytes: members for the scanner, rebuilt files, reports;
    /// at least 1.
    pub output_bytes: u64,
}

impl SandboxLimits {
    /// Below this the worker could not even start: its program and its stack need it.
    pub const MIN_MEMORY_BYTES: u64 = 256 << 20;

    /// Refuses limits under which no worker could work.
    ///
    /// # Errors
    /// The key that is too small, and its least value.
    pub fn check(&self) -> Result<(), (&'static str, u64)> {
        let least = [
            ("memory_bytes", self.memory_bytes, Self::MIN_MEMORY_BYTES),
            ("cpu_seconds", self.cpu_seconds, 1),
            ("wall_seconds", self.wall_seconds, 1),
            ("output_bytes", self.output_bytes, 1),
        ];
        match least.into_iter().find(|(_, value, least)| value < least) {
            Some((key, _, least)) => Err((key, least)),
            None => Ok(()),
        }
    }
}

impl Default for SandboxLimits {
    fn default() -> Self {
        Self { memory_bytes: 2 << 30, cpu_seconds: 60, wall_seconds: 120, output_bytes: 1 << 30 }
    }
}
