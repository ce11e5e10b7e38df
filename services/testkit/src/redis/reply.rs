//! What Redis answers, as its protocol (RESP2) writes it.

use std::{fmt, io};

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A simple or a bulk string.
    Bytes(Vec<u8>),
    /// An integer.
    Integer(i64),
    /// Nothing there.
    Nil,
    /// Several answers in one.
    List(Vec<Reply>),
    /// An error, such as `MOVED …` or `READONLY …`.
    Refused(String),
}

impl Reply {
    /// The text of a string or an integer; empty for anything else.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::Integer(number) => number.to_string(),
            Self::Nil | Self::List(_) | Self::Refused(_) => String::new(),
        }
    }

    /// The bytes of a string; none for anything else.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Integer(_) | Self::Nil | Self::List(_) | Self::Refused(_) => &[],
        }
    }

    /// The members of a list; empty for anything else.
    #[must_use]
    pub fn list(&self) -> &[Reply] {
        match self {
            Self::List(members) => members,
            Self::Bytes(_) | Self::Integer(_) | Self::Nil | Self::Refused(_) => &[],
        }
    }

    /// The number of an integer reply.
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Bytes(_) | Self::Nil | Self::List(_) | Self::Refused(_) => None,
        }
    }

    /// The answer, unless it is an error.
    #[track_caller]
    pub fn accepted(self) -> Self {
        if let Self::Refused(reason) = &self {
            panic!("Redis refused: {reason}");
        }
        self
    }

    pub(super) async fn read(from: &mut (impl AsyncBufRead + Unpin + Send)) -> io::Result<Self> {
        let head = line(from).await?;
        let (kind, rest) = head.split_at_checked(1).ok_or_else(malformed)?;
        match kind {
            "+" => Ok(Self::Bytes(rest.as_bytes().to_owned())),
            "-" => Ok(Self::Refused(rest.to_owned())),
            ":" => Ok(Self::Integer(rest.parse().map_err(|_| malformed())?)),
            "$" => {
                let Some(length) = length(rest)? else {
                    return Ok(Self::Nil);
                };
                let mut bytes = vec![0; length + 2];
                from.read_exact(&mut bytes).await?;
                bytes.truncate(length);
                Ok(Self::Bytes(bytes))
            }
            "*" => {
                let Some(count) = length(rest)? else {
                    return Ok(Self::Nil);
                };
                let mut members = Vec::with_capacity(count.min(1024));
                for _ in 0..count {
                    members.push(Box::pin(Self::read(from)).await?);
                }
                Ok(Self::List(members))
            }
            _ => Err(malformed()),
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{}", String::from_utf8_lossy(bytes)),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Nil => write!(f, "(nil)"),
            Self::Refused(reason) => write!(f, "(error) {reason}"),
            Self::List(members) => f.debug_list().entries(members).finish(),
        }
    }
}

async fn line(from: &mut (impl AsyncBufRead + Unpin + Send)) -> io::Result<String> {
    let mut line = String::new();
    if from.read_line(&mut line).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    line.truncate(line.trim_end().len());
    Ok(line)
}

/// A length, or nothing where the protocol says `-1`.
fn length(text: &str) -> io::Result<Option<usize>> {
    if text == "-1" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| malformed())
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "this is not RESP2")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_kind_of_reply_is_read_and_nothing_beyond_it() {
        let mut bytes: &[u8] = b"*5\r\n+OK\r\n:-7\r\n$4\r\na\r\nb\r\n$-1\r\n-ERR no\r\n+next\r\n";
        let expected = [
            Reply::Bytes(b"OK".to_vec()),
            Reply::Integer(-7),
            Reply::Bytes(b"a\r\nb".to_vec()),
            Reply::Nil,
            Reply::Refused("ERR no".to_owned()),
        ];
        assert_eq!(Reply::read(&mut bytes).await.unwrap().list(), expected);
        assert_eq!(Reply::read(&mut bytes).await.unwrap().text(), "next");
        assert!(
            Reply::read(&mut bytes).await.is_err(),
            "the end is no reply"
        );
    }
}
