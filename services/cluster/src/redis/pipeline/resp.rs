//! Commands and answers as they stand on the wire (RESP3).

use bytes::{BufMut as _, Bytes, BytesMut};
use fred::bytes_utils::Str;
use fred::error::{Error, ErrorKind};
use fred::prelude::Value;
use redis_protocol::resp3::types::BytesFrame;

use crate::redis::messages::Message;

/// What Redis sends without being asked for it each time.
#[derive(Debug)]
pub(super) enum Push {
    /// Something was published.
    Message(Message),
    /// One channel more is heard, or one less.
    Confirmation,
    /// Nothing that anybody here has asked for.
    Other,
}

/// Appends a command: an array of bulk strings.
pub(super) fn put_command(commands: &mut BytesMut, words: &[&[u8]]) {
    put_number(commands, b'*', words.len());
    for word in words {
        put_number(commands, b'$', word.len());
        commands.put_slice(word);
        commands.put_slice(b"\r\n");
    }
}

fn put_number(commands: &mut BytesMut, kind: u8, number: usize) {
    commands.put_u8(kind);
    commands.put_slice(itoa::Buffer::new().format(number).as_bytes());
    commands.put_slice(b"\r\n");
}

/// What a push says.
///
/// # Errors
/// It has another form than those of Redis.
pub(super) fn push(words: Vec<BytesFrame>) -> Result<Push, Error> {
    let mut words = words.into_iter().map(text);
    let mut next = || words.next().flatten();
    let kind = next().ok_or_else(not_understood)?;
    Ok(match &*kind {
        b"message" => {
            let (channel, payload) = next().zip(next()).ok_or_else(not_understood)?;
            let channel = Str::from_inner(channel).map_err(|_| not_understood())?;
            Push::Message(Message { channel, payload })
        }
        b"subscribe" | b"unsubscribe" => Push::Confirmation,
        _ => Push::Other,
    })
}

/// What an answer says.
///
/// # Errors
/// Redis refuses.
pub(super) fn answer(frame: BytesFrame) -> Result<BytesFrame, Error> {
    if let BytesFrame::SimpleError { data, .. } = &frame {
        Err(refusal(data))
    } else if let BytesFrame::BlobError { data, .. } = &frame {
        Err(refusal(&String::from_utf8_lossy(data)))
    } else {
        Ok(frame)
    }
}

/// The answer to a PUBLISH.
///
/// # Errors
/// It is no count.
pub(super) fn count(frame: &BytesFrame) -> Result<u64, Error> {
    if let BytesFrame::Number { data, .. } = frame {
        Ok(u64::try_from(*data).unwrap_or_default())
    } else {
        Err(not_understood())
    }
}

/// The answer of a script as the library would give it.
///
/// # Errors
/// A part of it is an error, or of a kind that no script of ours returns.
pub(super) fn value(frame: BytesFrame) -> Result<Value, Error> {
    let frame = answer(frame)?;
    if let BytesFrame::Number { data, .. } = frame {
        Ok(Value::Integer(data))
    } else if let BytesFrame::Null = frame {
        Ok(Value::Null)
    } else if let BytesFrame::Array { data, .. } = frame {
        let values: Result<_, Error> = data.into_iter().map(value).collect();
        values.map(Value::Array)
    } else {
        let bytes = text(frame).ok_or_else(not_understood)?;
        Ok(match Str::from_inner(bytes) {
            Ok(text) => Value::String(text),
            Err(error) => Value::Bytes(error.into_inner()),
        })
    }
}

fn text(frame: BytesFrame) -> Option<Bytes> {
    if let BytesFrame::BlobString { data, .. } | BytesFrame::SimpleString { data, .. } = frame {
        Some(data)
    } else {
        None
    }
}

/// Redis answered that it would not.
fn refusal(text: &str) -> Error {
    let kind = match text.split(' ').next() {
        Some("NOAUTH" | "WRONGPASS") => ErrorKind::Auth,
        Some(_) | None => ErrorKind::Unknown,
    };
    Error::new(kind, text.to_owned())
}

pub(super) fn not_understood() -> Error {
    Error::new(
        ErrorKind::Protocol,
        "an answer that nobody has asked for, or of another kind",
    )
}
