//! The serde door of every name: a string, checked by `FromStr`, copied once.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de;

use super::NameError;

/// Reads a string and hands it to the name's own check.
pub(crate) struct NameVisitor<T> {
    expected: &'static str,
    name: PhantomData<T>,
}

impl<T> NameVisitor<T> {
    /// `expected` is the type's name, for serde's "invalid type" message.
    pub(crate) const fn new(expected: &'static str) -> Self {
        Self {
            expected,
            name: PhantomData,
        }
    }
}

impl<T: FromStr<Err = NameError>> de::Visitor<'_> for NameVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a string that is a valid {}", self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}
