//! The scripts that run in Redis, each with its arguments and its answer as values.
//!
//! Nothing here knows a connection: whoever has one runs a [`Call`] and hands the reply to the parser beside it. A script
//! touches only the keys that it is given, all of one slot, and reads only its arguments and the clock of Redis. Numbers
//! travel as decimal text and stay below 2^53, where Lua's are exact.

#[cfg(test)]
mod agreement;
pub(super) mod lease;
pub(super) mod quota;
#[cfg(test)]
pub(super) mod server;

use fred::bytes_utils::Str;
use fred::prelude::Value;

/// The keys and arguments of one run.
pub(super) type Call = (Vec<Str>, Vec<Value>);

/// A script answered something that it never says: another version's script, or another Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer of a script cannot be read")]
pub(super) struct BadReply;

/// What is read from a reply, piece by piece.
struct Reply(std::vec::IntoIter<Value>);

impl Reply {
    fn of(reply: Value) -> Self {
        Self(reply.into_array().into_iter())
    }

    fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    fn list(&mut self) -> Result<Self, BadReply> {
        self.0.next().map(Self::of).ok_or(BadReply)
    }

    fn text(&mut self) -> Result<Str, BadReply> {
        self.0
            .next()
            .and_then(Value::into_bytes_str)
            .ok_or(BadReply)
    }

    fn number(&mut self) -> Result<u64, BadReply> {
        self.text()?.parse().map_err(|_| BadReply)
    }
}

fn number(number: u64) -> Value {
    number.to_string().into()
}
