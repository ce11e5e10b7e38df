//! Records: read, changed at a version, cleared. The keys of a shelf lie in one slot.

use std::sync::LazyLock;
use std::time::Duration;

use fred::bytes_utils::Str;
use fred::prelude::Value;
use fred::types::scripts::Script;

use super::{BadReply, Call, Reply, number};
use crate::records::{
    Change, Changed, Expected, Record, RecordName, RecordVersion, RecordsError, SHELF_RECORDS_MAX,
};

pub(in crate::redis) static CHANGE: LazyLock<Script> =
    LazyLock::new(|| Script::from_lua(include_str!("../lua/change_record.lua")));
pub(in crate::redis) static READ: LazyLock<Script> =
    LazyLock::new(|| Script::from_lua(include_str!("../lua/read_records.lua")));
pub(in crate::redis) static CLEAR: LazyLock<Script> =
    LazyLock::new(|| Script::from_lua(include_str!("../lua/clear_records.lua")));

/// What came of a change, and whether there is news to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::redis) struct Outcome {
    pub(in crate::redis) changed: Changed,
    pub(in crate::redis) is_news: bool,
}

/// [`CHANGE`].
pub(in crate::redis) fn change(
    shelf: [Str; 2],
    name: &RecordName,
    change: Change,
    expected: Expected,
) -> Call {
    let expected = match expected {
        Expected::Anything => "*".to_owned(),
        Expected::Absent => "-".to_owned(),
        Expected::At(version) => version.0.to_string(),
    };
    let (op, value, life) = match change {
        Change::Put { value, expires_in } => ("put", value, expires_in),
        Change::Remove => ("remove", "".into(), None),
    };
    let args = vec![
        name.as_str().into(),
        expected.into(),
        op.into(),
        Value::from(&*value),
        life.map_or_else(|| Value::from(""), life_ms),
        number(SHELF_RECORDS_MAX as u64),
    ];
    (shelf.into(), args)
}

/// The answer to [`change`].
pub(in crate::redis) fn parse_change(
    reply: Value,
) -> Result<Result<Outcome, RecordsError>, BadReply> {
    let mut reply = Reply::of(reply);
    match &*reply.text()? {
        "done" => Ok(Ok(Outcome {
            changed: Changed::Done(RecordVersion(reply.number()?)),
            is_news: &*reply.text()? == "1",
        })),
        "conflict" => {
            let found = reply.text()?;
            let found = match &*found {
                "" => None,
                version => Some(RecordVersion(version.parse().map_err(|_| BadReply)?)),
            };
            Ok(Ok(Outcome {
                changed: Changed::Conflict(found),
                is_news: false,
            }))
        }
        "full" => Ok(Err(RecordsError::Full)),
        _ => Err(BadReply),
    }
}

/// [`READ`]: one record, or all of the shelf.
pub(in crate::redis) fn read(shelf: [Str; 2], name: Option<&RecordName>) -> Call {
    let name = name.map_or("", RecordName::as_str);
    (shelf.into(), vec![name.into()])
}

/// The answer to [`read`], by name. What nobody here can have written is left out.
pub(in crate::redis) fn parse_read(reply: Value) -> Result<Vec<(RecordName, Record)>, BadReply> {
    let mut reply = Reply::of(reply);
    let mut records = Vec::new();
    while !reply.is_empty() {
        let name = reply.text()?;
        let version = RecordVersion(reply.number()?);
        let value = reply.text()?;
        if let Some(name) = RecordName::checked(&name) {
            let value = (&*value).into();
            records.push((name, Record { version, value }));
        }
    }
    records.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(records)
}

/// [`CLEAR`].
pub(in crate::redis) fn clear(shelf: [Str; 2]) -> Call {
    (shelf.into(), Vec::new())
}

/// The answer to [`clear`].
pub(in crate::redis) fn parse_clear(reply: &Value) -> Result<usize, BadReply> {
    let cleared = reply.as_str().ok_or(BadReply)?;
    cleared.parse().map_err(|_| BadReply)
}

/// At least one millisecond: nothing is put that has ended already.
fn life_ms(life: Duration) -> Value {
    number(
        u64::try_from(life.as_millis())
            .unwrap_or(u64::MAX >> 11)
            .max(1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(words: &[&str]) -> Value {
        Value::Array(words.iter().map(|word| Value::from(*word)).collect())
    }

    #[test]
    fn every_answer_to_a_change_is_read_and_nothing_else_is() {
        let read = |words: &[&str]| parse_change(reply(words));
        let done = Outcome {
            changed: Changed::Done(RecordVersion(7)),
            is_news: true,
        };
        assert_eq!(read(&["done", "7", "1"]), Ok(Ok(done)));
        let conflict = |found| Outcome {
            changed: Changed::Conflict(found),
            is_news: false,
        };
        assert_eq!(read(&["conflict", ""]), Ok(Ok(conflict(None))));
        let found = Some(RecordVersion(8));
        assert_eq!(read(&["conflict", "8"]), Ok(Ok(conflict(found))));
        assert_eq!(read(&["full"]), Ok(Err(RecordsError::Full)));
        for words in [
            &[][..],
            &["done"],
            &["done", "x", "1"],
            &["conflict", "x"],
            &["maybe"],
        ] {
            assert_eq!(read(words), Err(BadReply), "{words:?}");
        }
    }

    #[test]
    fn records_come_by_name_without_what_has_no_name() {
        let read = parse_read(reply(&["b", "2", "two", "", "3", "x", "a", "1", ""])).unwrap();
        let read: Vec<_> = read
            .iter()
            .map(|(name, record)| (name.as_str(), record.version.0, &*record.value))
            .collect();
        assert_eq!(read, [("a", 1, ""), ("b", 2, "two")]);
        assert_eq!(parse_read(reply(&["a", "1"])), Err(BadReply));
    }
}
