//! Durations as an operator writes them: `"30s"`, `"1m 30s"`, `"250ms"`, `30` or `"30"` (seconds).
//!
//! For `#[serde(with = "duration")]`. Writes what it reads.

use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserializer, Visitor};
use serde::ser::Serializer;

pub(super) fn serialize<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_duration(*duration))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    deserializer.deserialize_any(DurationVisitor)
}

struct DurationVisitor;

impl Visitor<'_> for DurationVisitor {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as \"30s\" or \"250ms\", or a number of seconds")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
        // A bare number is told from a duration first: from the environment every value comes as text.
        if let Ok(seconds) = text.parse::<f64>() {
            return self.visit_f64(seconds);
        }
        humantime::parse_duration(text)
            .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Duration, E> {
        Ok(Duration::from_secs(seconds))
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Duration, E> {
        u64::try_from(seconds)
            .map(Duration::from_secs)
            .map_err(|_| E::invalid_value(de::Unexpected::Signed(seconds), &self))
    }

    fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Duration, E> {
        Duration::try_from_secs_f64(seconds)
            .map_err(|_| E::invalid_value(de::Unexpected::Float(seconds), &self))
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Held(#[serde(with = "super")] Duration);

    fn read(json: &str) -> Option<Duration> {
        serde_json::from_str::<Held>(json).ok().map(|held| held.0)
    }

    #[test]
    fn texts_and_numbers_of_seconds_are_durations() {
        for (json, millis) in [
            (r#""30s""#, 30_000),
            (r#""250ms""#, 250),
            (r#""1m 30s""#, 90_000),
            (r#""30""#, 30_000),
            ("30", 30_000),
            ("0.25", 250),
            (r#""0s""#, 0),
        ] {
            assert_eq!(read(json), Some(Duration::from_millis(millis)), "{json}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for json in [
            r#""""#,
            r#""soon""#,
            "-1",
            "-0.5",
            r#""NaN""#,
            r#""inf""#,
            "true",
            "[]",
        ] {
            assert_eq!(read(json), None, "{json}");
        }
    }

    #[test]
    fn a_duration_reads_back_what_was_written() {
        for millis in [0, 1, 250, 30_000, 86_400_000] {
            let held = Held(Duration::from_millis(millis));
            let json = serde_json::to_string(&held).unwrap();
            assert_eq!(serde_json::from_str::<Held>(&json).unwrap(), held, "{json}");
        }
    }
}
