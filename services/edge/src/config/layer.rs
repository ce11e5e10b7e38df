//! One source of settings, as the merge sees it.
//!
//! Owns the names of the sources, by which an error says where a bad value came from.

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

/// Name of the layer that the environment makes.
pub(super) const ENVIRONMENT: &str = "environment";
/// Name of the layer that the command line makes.
pub(super) const FLAGS: &str = "command line";

/// Settings from one source.
#[derive(Debug)]
pub(super) struct Layer {
    source: String,
    values: Dict,
}

impl Layer {
    pub(super) fn new(source: impl Into<String>, values: Dict) -> Self {
        Self {
            source: source.into(),
            values,
        }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source.clone())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// Puts a value at `key` or `section.key`.
pub(super) fn insert(values: &mut Dict, path: &str, value: Value) {
    let Some((section, key)) = path.split_once('.') else {
        values.insert(path.to_owned(), value);
        return;
    };
    let section = values
        .entry(section.to_owned())
        .or_insert_with(|| Value::from(Dict::new()));
    if let Value::Dict(_, members) = section {
        members.insert(key.to_owned(), value);
    }
}
