//! Sealed submissions.
