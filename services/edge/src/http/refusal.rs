//! Accepted only to be closed.
//!
//! A browser cannot read an HTTP status, so whoever is refused for its credential is upgraded first and then told in a
//! close frame (spec realtime §1.2).

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::lane::Upgraded;

/// Time for the client to read its refusal and to hang up.
const LINGER: Duration = Duration::from_secs(2);
/// What it may still send meanwhile.
const DRAIN_BYTES_MAX: u64 = 128 * 1024;

/// Sends one close frame and hangs up.
pub(super) async fn refuse(upgraded: Upgraded, close_frame: &[u8]) {
    let Ok(mut stream) = TcpStream::from_std(upgraded.socket) else {
        return;
    };
    let mut last_words = upgraded.response;
    last_words.extend_from_slice(close_frame);
    let farewell = async {
        stream.write_all(&last_words).await?;
        stream.shutdown().await?;
        // Unread bytes at the close of a socket make the kernel send a reset, which can overtake our frame.
        tokio::io::copy(&mut stream.take(DRAIN_BYTES_MAX), &mut tokio::io::sink()).await
    };
    // A client that is gone already misses nothing.
    drop(timeout(LINGER, farewell).await);
}
