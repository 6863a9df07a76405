//! Archives: every member is examined on its own, and a new archive is written of the rebuilt ones.
//!
//! ```text
//! ZIP ─▶ zip_structure ─┐                                        ┌─▶ zip_write ─▶ ZIP
//! tar ─▶ tar::parse ────┼─▶ members: nested examination, rebuilt ┼─▶ tar::write ─▶ tar
//! 7z ──▶ sevenzip ──────┘        └─ one is not: the archive fails└─  (7z comes out as ZIP)
//! gzip ─▶ one stream ─▶ its content, mostly a tar: nested ─▶ gzip
//! ```
//!
//! | module | question it answers |
//! |---|---|
//! | `members` | what becomes of the members, whatever the archive's format? |
//! | `zip`, `tar`, `gzip`, `sevenzip` | how is the format read so that it says one thing only, and written? |

pub(crate) mod gzip;
mod members;
pub(crate) mod sevenzip;
pub(crate) mod tar;
pub(crate) mod zip;

pub(crate) use members::Names;
