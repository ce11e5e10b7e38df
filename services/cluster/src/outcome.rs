//! What an edge finds out for one of its own sessions outside its lane.
//!
//! No backend makes one. They come through the inbox all the same, so that a session hears them and what the bus brings in
//! the order in which both were queued. Not dropped, like answers: each belongs to a request that was paid for.

use serde_json::value::RawValue;

use crate::envelope::Moment;

/// Something that one session is told; frames are whole frames of its dialect.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The session can begin.
    Begun {
        /// Its first frame.
        frame: Box<RawValue>,
        /// What the frame speaks of: older news of that is no news.
        knows: Vec<Moment>,
    },
    /// The session cannot begin: the backend could not be asked.
    Failed,
    /// A request is answered.
    Answered {
        /// The request, as the client named it.
        request: Box<str>,
        /// Whether it is carried out.
        verdict: Verdict,
        /// The answer.
        frame: Box<RawValue>,
    },
    /// What follows from a request of the session itself.
    Said(Box<RawValue>),
}

/// Whether a request is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It is.
    Accepted,
    /// It is not; the answer says why.
    Refused,
}
