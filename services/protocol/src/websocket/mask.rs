//! The masking key of one frame, and how far into it the payload has come (RFC 6455 §5.3).
//!
//! Works in place and a machine word at a time. Refuses to know how long the frame is.

/// Takes the mask off a payload that arrives in pieces: the key turns with every byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mask {
    key: [u8; 4],
}

impl Mask {
    pub(super) const fn new(key: [u8; 4]) -> Self {
        Self { key }
    }

    /// Unmasks the next bytes of the payload.
    pub(super) fn apply(&mut self, bytes: &mut [u8]) {
        let [a, b, c, d] = self.key;
        // Both the words and the key are in memory order, so the byte order of the machine does not
        // matter.
        let key = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
        let (words, tail) = bytes.as_chunks_mut();
        for word in words {
            *word = (u64::from_ne_bytes(*word) ^ key).to_ne_bytes();
        }
        for (byte, key) in tail.iter_mut().zip(self.key.iter().cycle()) {
            *byte ^= key;
        }
        self.key.rotate_left(bytes.len() % 4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    /// The definition of §5.3, byte by byte.
    fn by_the_letter(bytes: &[u8]) -> Vec<u8> {
        let turning = KEY.iter().cycle();
        bytes
            .iter()
            .zip(turning)
            .map(|(byte, key)| byte ^ key)
            .collect()
    }

    #[test]
    fn every_length_is_unmasked_by_the_letter() {
        let masked: Vec<u8> = (0..=40).collect();
        for length in 0..=masked.len() {
            let mut bytes = masked[..length].to_vec();
            Mask::new(KEY).apply(&mut bytes);
            assert_eq!(bytes, by_the_letter(&masked[..length]));
        }
    }

    #[test]
    fn the_key_keeps_its_turn_across_any_cut() {
        let masked: Vec<u8> = (0..=40).collect();
        for cut in 0..=masked.len() {
            let mut bytes = masked.clone();
            let mut mask = Mask::new(KEY);
            let (head, tail) = bytes.split_at_mut(cut);
            mask.apply(head);
            mask.apply(tail);
            assert_eq!(bytes, by_the_letter(&masked), "cut at {cut}");
        }
    }
}
