//! Text from outside that nobody has vouched for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A value from outside. It can be moved and stored, but shown only escaped, and it never appears in logs: `Debug` prints no content.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Untrusted<T>(T);

impl<T> Untrusted<T> {
    /// Marks a value as coming from outside.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value as it came, for code whose work it is to judge it.
    pub const fn as_untrusted(&self) -> &T {
        &self.0
    }
}

impl Untrusted<String> {
    /// The text fit to show: invisible and control characters escaped, cut at 200 characters.
    #[must_use]
    pub fn shown(&self) -> String {
        sluse_sanitize::report::plain(&self.0)
    }
}

impl<T> fmt::Debug for Untrusted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Untrusted(…)")
    }
}
