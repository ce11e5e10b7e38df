//! Lets answers of Redis through and keeps what is published (RESP3 pushes).

use bytes::BytesMut;
use redis_protocol::resp3::decode::complete::decode_bytes_mut;
use redis_protocol::resp3::types::{BytesFrame, Resp3Frame as _};

use super::relay::Broken;

/// What came of a frame that is not whole yet.
#[derive(Debug, Default)]
pub(super) struct Sieve(BytesMut);

impl Sieve {
    /// Returns what of `chunk`, and of what came before, goes on.
    pub(super) fn pass(&mut self, chunk: &[u8]) -> Result<Vec<u8>, Broken> {
        self.0.extend_from_slice(chunk);
        let mut passed = Vec::new();
        while let Some((frame, _, bytes)) = decode_bytes_mut(&mut self.0).map_err(|_| Broken)? {
            if !is_message(&frame) {
                passed.extend_from_slice(&bytes);
            }
        }
        Ok(passed)
    }
}

fn is_message(frame: &BytesFrame) -> bool {
    let BytesFrame::Push { data, .. } = frame else {
        return false;
    };
    data.first().and_then(BytesFrame::as_str) == Some("message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_pass_and_messages_do_not_however_they_are_cut() {
        let whole = "+OK\r\n>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n\
            >3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n:7\r\n";
        for cut in 0..whole.len() {
            let mut sieve = Sieve::default();
            let mut passed = sieve.pass(&whole.as_bytes()[..cut]).unwrap();
            passed.extend(sieve.pass(&whole.as_bytes()[cut..]).unwrap());
            let wanted = "+OK\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n:7\r\n";
            assert_eq!(String::from_utf8(passed).unwrap(), wanted, "cut at {cut}");
        }
    }
}
