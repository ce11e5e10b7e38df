//! What one member says to the others: a type and a payload that nobody on the way reads.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A signal between client and server, and on the bus.
#[derive(Clone, Debug)]
pub struct Signal<'a> {
    /// `offer`, `answer`, `ice-candidate` or whatever clients agree on.
    pub kind: Cow<'a, str>,
    /// Any JSON value, as it was written.
    pub payload: Cow<'a, RawValue>,
}

/// How a signal crosses the bus.
#[derive(Deserialize)]
struct Carried<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
}

impl Signal<'_> {
    /// The signal as one JSON value.
    #[must_use]
    pub fn to_data(&self) -> Box<RawValue> {
        let kind = serde_json::to_string(&self.kind).expect("any text can be written as JSON");
        let data = format!("{{\"type\":{kind},\"data\":{}}}", self.payload.get());
        RawValue::from_string(data).expect("an object of a string and a value that is JSON already")
    }
}

impl<'a> Signal<'a> {
    /// Reads what [`to_data`](Self::to_data) wrote; nothing if it is something else.
    #[must_use]
    pub fn from_data(data: &'a RawValue) -> Option<Self> {
        let carried: Carried<'a> = serde_json::from_str(data.get()).ok()?;
        Some(Self {
            kind: carried.kind,
            payload: Cow::Borrowed(carried.data),
        })
    }
}
