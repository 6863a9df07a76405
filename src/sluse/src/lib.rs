//! sluse.
