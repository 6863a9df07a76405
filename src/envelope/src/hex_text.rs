//! Fixed-length values whose text form is lower-case hexadecimal and nothing else.

/// Gives a tuple struct over a byte array its text form, both ways and strictly: each value has one spelling.
macro_rules! hex_text {
    ($value:ident, $error:ident) => {
        impl std::fmt::Display for $value {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl std::fmt::Debug for $value {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($value), "({})"), self)
            }
        }

        impl std::str::FromStr for $value {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                let mut value = Self(Default::default());
                hex::decode_to_slice(text, &mut value.0).map_err(|_| $error)?;
                // Upper-case digits decode too; writing the value again shows them.
                if value.to_string() == text { Ok(value) } else { Err($error) }
            }
        }

        impl TryFrom<String> for $value {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, $error> {
                text.parse()
            }
        }

        impl From<$value> for String {
            fn from(value: $value) -> Self {
                value.to_string()
            }
        }
    };
}

pub(crate) use hex_text;
