//! The numbers of the device dialect, each with its unit in its name.

use std::time::Duration;

/// Silence after which a client sends a keepalive, as the state tells it (default).
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// What a client waits for the answer to a request or a keepalive (spec device-session §2.5).
pub const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// Longest time from the upgrade to the state (spec device-session §1.9).
pub const STATE_WITHIN: Duration = Duration::from_secs(1);

/// Deepest nesting of arrays and objects in a client's frame, its own object included.
pub const FRAME_DEPTH: usize = 64;

/// Largest client frame, in bytes (default). An offer of a video call takes some 10 KB.
pub const CLIENT_FRAME_BYTES: u32 = 64 * 1024;

/// Refill of a session's request bucket, in requests per second (default).
pub const REQUESTS_PER_SECOND: u32 = 50;

/// Size of a session's request bucket (default): the candidates of two calls come in one burst.
pub const REQUEST_BURST: u32 = 200;

/// Lines of a device whose token does not say how many it has.
pub const LINES: u8 = 2;

/// Most lines of a device.
pub const LINES_MAX: u8 = 16;

/// Longest name that is shown of a caller, in bytes.
pub const NAME_BYTES: usize = 256;

/// Requests by whose transaction a retry is known (spec device-session §2.3).
pub const TRANSACTIONS_REMEMBERED: usize = 64;

/// How long a silent client is waited for: twice the interval, and never less than the interval and the time that the client
/// itself waits for an answer (spec device-session §2.2).
#[must_use]
pub fn silence_max(keepalive_interval: Duration) -> Duration {
    (keepalive_interval * 2).max(keepalive_interval + ANSWER_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_measured_in_intervals_and_in_waits() {
        let seconds = |seconds| silence_max(Duration::from_secs(seconds)).as_secs();
        assert_eq!((seconds(30), seconds(10), seconds(1)), (60, 20, 11));
    }
}
