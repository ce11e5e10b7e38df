//! Who is in a channel, as it is told.
//!
//! Invariant: no snapshot frame exceeds [`limits::SERVER_FRAME_BYTES`](super::limits::SERVER_FRAME_BYTES), and a roster
//! that fits into one frame is one frame, since the SDKs take the first presence frame of a channel for all of it
//! (spec §3.1).

use serde::Serialize;
use serde_json::value::RawValue;

use super::limits::SERVER_FRAME_BYTES;
use crate::{ChannelName, PeerId};

/// One entry of a roster or delta.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Member<'a> {
    /// Who.
    #[serde(rename = "peerId")]
    pub peer: &'a PeerId,
    /// That peer's `peerMetadata` claim; left out when the token had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<&'a RawValue>,
}

/// Writes a roster as one presence frame, or as several when one would be too large, and hands each to `emit`.
///
/// An empty roster is one frame too. A member takes at most about 4.5 KB, because its metadata has passed
/// [`Claims`](super::Claims); hence every frame has room for one.
pub fn write_snapshot<'a>(
    channel: &ChannelName,
    members: impl IntoIterator<Item = Member<'a>>,
    mut emit: impl FnMut(&[u8]),
) {
    let mut frame = Vec::with_capacity(256);
    frame.extend_from_slice(br#"{"type":"presence","channel":"#);
    write_json(&mut frame, channel);
    frame.extend_from_slice(br#","joined":["#);
    let head_bytes = frame.len();

    for member in members {
        let fitting_bytes = frame.len();
        if fitting_bytes > head_bytes {
            frame.push(b',');
        }
        let entry_start = frame.len();
        write_json(&mut frame, &member);
        if fitting_bytes > head_bytes && frame.len() + TAIL.len() > SERVER_FRAME_BYTES {
            let entry = frame.split_off(entry_start);
            frame.truncate(fitting_bytes);
            frame.extend_from_slice(TAIL);
            emit(&frame);
            frame.truncate(head_bytes);
            frame.extend_from_slice(&entry);
        }
    }
    frame.extend_from_slice(TAIL);
    emit(&frame);
}

const TAIL: &[u8] = br#"],"left":[]}"#;

fn write_json(out: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(out, value)
        .expect("a Vec takes every write, and names and members are strings or JSON already");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realtime::ServerFrame;

    fn frames(peers: &[PeerId], metadata: Option<&RawValue>) -> Vec<Vec<u8>> {
        let channel = "app/\"room\"".parse().unwrap();
        let mut frames = Vec::new();
        let members = peers.iter().map(|peer| Member { peer, metadata });
        write_snapshot(&channel, members, |frame| frames.push(frame.to_vec()));
        frames
    }

    fn peers(count: usize) -> Vec<PeerId> {
        (0..count)
            .map(|number| format!("peer-{number}").parse().unwrap())
            .collect()
    }

    /// A `peerMetadata` as large as they come.
    fn metadata() -> Box<RawValue> {
        RawValue::from_string(format!(r#"{{"a":"{}"}}"#, "x".repeat(4088))).unwrap()
    }

    #[test]
    fn a_roster_that_fits_is_the_presence_frame_itself() {
        for count in [0, 1, 3] {
            let peers = peers(count);
            let joined: Vec<_> = peers
                .iter()
                .map(|peer| Member {
                    peer,
                    metadata: None,
                })
                .collect();
            let mut expected = Vec::new();
            let channel = &"app/\"room\"".parse().unwrap();
            ServerFrame::Presence {
                channel,
                joined: &joined,
                left: &[],
            }
            .write_json(&mut expected);
            assert_eq!(frames(&peers, None), [expected], "{count} members");
        }
    }

    #[test]
    fn two_hundred_and_fifty_large_members_still_fit_into_one_frame() {
        assert_eq!(frames(&peers(250), Some(&metadata())).len(), 1);
    }

    #[test]
    fn a_roster_that_does_not_fit_is_split_without_losing_anybody() {
        let peers = peers(1000);
        let frames = frames(&peers, Some(&metadata()));
        assert_eq!(frames.len(), 4);
        let mut told = Vec::new();
        for (index, frame) in frames.iter().enumerate() {
            assert!(frame.len() <= SERVER_FRAME_BYTES);
            let is_last = index + 1 == frames.len();
            assert!(
                is_last || frame.len() > SERVER_FRAME_BYTES - 4200,
                "frames are filled"
            );
            let frame: serde_json::Value = serde_json::from_slice(frame).unwrap();
            assert_eq!(frame["left"], serde_json::json!([]));
            let joined = frame["joined"].as_array().unwrap().iter();
            told.extend(
                joined.map(|entry| entry["peerId"].as_str().unwrap().parse::<PeerId>().unwrap()),
            );
        }
        assert_eq!(told, peers);
    }
}
