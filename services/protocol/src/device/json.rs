//! A JSON value that is passed on as it came.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// The text of one JSON value; cheap to clone, equal by text. Session descriptions, candidates and messages stay what their
/// sender wrote, blanks and escapes included.
#[derive(Clone)]
pub struct Json(Arc<RawValue>);

impl Json {
    /// What `value` looks like in JSON.
    ///
    /// # Panics
    /// If it cannot be written in JSON, like a map whose keys are no strings.
    #[must_use]
    pub fn of<T: Serialize>(value: &T) -> Self {
        let raw = serde_json::value::to_raw_value(value);
        Self(Arc::from(raw.expect("frames are plain JSON")))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl From<&RawValue> for Json {
    fn from(value: &RawValue) -> Self {
        Self(Arc::from(value.to_owned()))
    }
}

impl From<&Json> for Box<RawValue> {
    fn from(json: &Json) -> Self {
        (*json.0).to_owned()
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Json {}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What people say to each other stays out of logs.
        write!(f, "Json({} bytes)", self.as_str().len())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| Self(Arc::from(raw)))
    }
}
