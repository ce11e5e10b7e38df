//! The payload of a token, behind its signature, on arbitrary bytes.
//!
//! Oracle: what is accepted says what serde_json's own tree of the payload says, and keeps to the limits of the
//! specification. A claim that is there is never read as absent: absent means all that the key allows.

#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::realtime::Claims;
use serde_json::{Value, value::RawValue};

fuzz_target!(|payload: &[u8]| {
    let Ok(claims) = Claims::from_json(payload) else {
        return;
    };
    // A number that overflows a float, in a claim that nobody reads, is all that the tree may refuse.
    let Ok(tree) = serde_json::from_slice::<Value>(payload) else {
        return;
    };
    assert_eq!(tree["sub"], claims.sub.as_str());
    assert_eq!(tree["exp"].as_u64(), Some(claims.exp));

    let channels = claims.channels.map(|patterns| {
        assert!(patterns.len() <= 100);
        let texts = patterns.iter().map(|pattern| Value::from(pattern.as_str()));
        Value::from_iter(texts)
    });
    assert_eq!(tree.get("channels"), channels.as_ref());

    let device = claims.device.map(|device| Value::from(device.as_str()));
    assert_eq!(tree.get("device"), device.as_ref());
    assert_eq!(
        tree.get("permissions").is_some(),
        claims.permissions.is_some()
    );
    for (name, claim, limit_bytes) in [
        ("metadata", claims.metadata, 8_192),
        ("peerMetadata", claims.peer_metadata, 4_096),
    ] {
        let claim = claim.as_deref().map(RawValue::get);
        assert!(claim.is_none_or(|json| json.len() <= limit_bytes));
        let claim = claim.map(|json| serde_json::from_str::<Value>(json).expect("compact JSON"));
        assert!(claim.as_ref().is_none_or(Value::is_object));
        assert_eq!(tree.get(name), claim.as_ref());
    }
});
