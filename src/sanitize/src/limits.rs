//! How large, deep and many may things be.
//!
//! Every limit is enforced before a third party's parser sees the bytes. Limits are values of the caller's policy;
//! the defaults here are what an ordinary self-service solution needs.

use serde::{Deserialize, Serialize};

/// Upper bounds for one call of [`sanitize`](crate::sanitize), nested content included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Size of one file, in bytes, before and after rebuilding; archive members count as files.
    pub max_bytes: u64,
    /// Sum of everything expanded from one top-level file (ZIP members, PDF streams), in bytes.
    pub max_expanded_bytes: u64,
    /// Expanded size ÷ stored size of one compressed member or stream, once it expands beyond 1 MiB.
    pub max_ratio: u64,
    /// Levels of nesting below the top-level file: an archive in an archive is level 2.
    pub max_depth: u32,
    /// Members of one archive or container.
    pub max_members: u32,
    /// Nodes (files at every level) in the report of one top-level file.
    pub max_nodes: u32,
    /// Width × height of one picture.
    pub max_pixels: u64,
    /// Elements open at once in XML, JSON or nested PDF objects.
    pub max_nesting: u32,
    /// Bytes of one file name; longer names are refused.
    pub max_name_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 256 << 20,
            max_expanded_bytes: 512 << 20,
            max_ratio: 200,
            max_depth: 4,
            max_members: 10_000,
            max_nodes: 10_000,
            max_pixels: 100_000_000,
            max_nesting: 256,
            max_name_bytes: 1024,
        }
    }
}
