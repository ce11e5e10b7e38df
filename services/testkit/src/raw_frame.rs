//! One WebSocket frame as bytes (RFC 6455 §5.2), right or deliberately wrong.

/// A frame to send: masked and final unless told otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawFrame {
    first: u8,
    masked: Masking,
    announced: usize,
    payload: Vec<u8>,
}

/// The four bits that say what a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    /// A data opcode that the RFC has not given away.
    Reserved = 0x3,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xA,
}

impl RawFrame {
    /// A whole frame.
    #[must_use]
    pub fn new(opcode: Opcode, payload: &[u8]) -> Self {
        Self {
            first: FIN | opcode as u8,
            masked: Masking::Masked,
            announced: payload.len(),
            payload: payload.to_vec(),
        }
    }

    /// A whole text frame.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::new(Opcode::Text, text.as_bytes())
    }

    /// A whole close frame.
    #[must_use]
    pub fn close(code: u16, reason: &str) -> Self {
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend_from_slice(reason.as_bytes());
        Self::new(Opcode::Close, &payload)
    }

    /// The frame without FIN: more fragments follow.
    #[must_use]
    pub fn unfinished(mut self) -> Self {
        self.first &= !FIN;
        self
    }

    /// The frame without a mask, as only a server may send it.
    #[must_use]
    pub fn unmasked(mut self) -> Self {
        self.masked = Masking::Plain;
        self
    }

    /// The frame with reserved bits set, `0x40` for RSV1 down to `0x10` for RSV3.
    #[must_use]
    pub fn reserved_bits(mut self, bits: u8) -> Self {
        self.first |= bits & 0x70;
        self
    }

    /// The frame with a header that announces another length than the payload has.
    #[must_use]
    pub fn announcing(mut self, bytes: usize) -> Self {
        self.announced = bytes;
        self
    }

    /// The bytes on the wire.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.first];
        let mask_bit = match self.masked {
            Masking::Masked => 0x80,
            Masking::Plain => 0,
        };
        match (u8::try_from(self.announced), u16::try_from(self.announced)) {
            (Ok(length @ 0..126), _) => bytes.push(mask_bit | length),
            (_, Ok(length)) => {
                bytes.push(mask_bit | 126);
                bytes.extend_from_slice(&length.to_be_bytes());
            }
            (_, Err(_)) => {
                bytes.push(mask_bit | 127);
                bytes.extend_from_slice(&(self.announced as u64).to_be_bytes());
            }
        }
        match self.masked {
            Masking::Plain => bytes.extend_from_slice(&self.payload),
            Masking::Masked => {
                bytes.extend_from_slice(&MASK);
                bytes.extend(
                    self.payload
                        .iter()
                        .zip(MASK.iter().cycle())
                        .map(|(byte, mask)| byte ^ mask),
                );
            }
        }
        bytes
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Masking {
    Masked,
    Plain,
}

const FIN: u8 = 0x80;

/// Any mask does; a fixed one keeps failures repeatable.
const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_hello_looks_as_in_the_rfc() {
        let expected = [
            0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58,
        ];
        assert_eq!(RawFrame::text("Hello").to_bytes(), expected);
    }

    #[test]
    fn lengths_use_the_shortest_form() {
        let header = |length: usize| RawFrame::text("").unmasked().announcing(length).to_bytes();
        assert_eq!(header(125), [0x81, 125]);
        assert_eq!(header(126), [0x81, 126, 0, 126]);
        assert_eq!(header(65536), [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }
}
