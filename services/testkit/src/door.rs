//! How a client asks for an upgrade: path, query and headers.

use std::fmt::Write as _;

/// One upgrade request, not yet sent.
#[derive(Debug, Clone)]
pub struct Door {
    path_and_query: String,
    headers: Vec<(String, String)>,
}

impl Door {
    /// The door as the client libraries use it with a publishable key.
    #[must_use]
    pub fn key(id: &str) -> Self {
        Self::path(&format!("/v1?key={}", percent_encoded(id)))
    }

    /// The door as the client libraries use it with a token.
    #[must_use]
    pub fn token(token: &str) -> Self {
        Self::path(&format!("/v1?token={}", percent_encoded(token)))
    }

    /// Any path and query, sent as it is.
    #[must_use]
    pub fn path(path_and_query: &str) -> Self {
        Self {
            path_and_query: path_and_query.to_owned(),
            headers: Vec::new(),
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path_and_query(&self) -> &str {
        &self.path_and_query
    }

    pub(crate) fn headers(&self) -> &[(String, String)] {
        &self.headers
    }
}

/// `value` as `encodeURIComponent` writes it, which is what both client libraries put into the query.
#[must_use]
pub fn percent_encoded(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_characters_and_other_alphabets_are_escaped() {
        assert_eq!(percent_encoded("a/b+c&d é"), "a%2Fb%2Bc%26d%20%C3%A9");
    }
}
