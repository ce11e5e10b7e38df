//! Which states of calls a session has heard of, so that it is told nothing older.
//!
//! What two edges say of one call can arrive in either order: a `ringing` after the `accepted` that came of it.

use cluster::Moment;

/// Calls that are kept in mind; more than a device has lines, since one that ended is heard of once more.
const KEPT: usize = 64;

/// The newest state of each call.
#[derive(Debug)]
pub(super) struct Heard(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    newest: Moment,
    /// All of that state is known, since the session's own state was made from it.
    is_whole: bool,
}

/// What something that is said is to the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hearing {
    /// The first of its record.
    First,
    /// News of what is known already.
    More,
    /// No news.
    Old,
}

impl Heard {
    /// What the session's state speaks of.
    pub(super) fn in_state(knows: &[Moment]) -> Self {
        let entry = |moment: &Moment| Entry {
            newest: moment.clone(),
            is_whole: true,
        };
        Self(knows.iter().map(entry).collect())
    }

    /// Whether something said of this state is news. Several things may be said of one.
    pub(super) fn hear(&mut self, of: &Moment) -> Hearing {
        let known = self
            .0
            .iter_mut()
            .find(|entry| entry.newest.record == of.record);
        let Some(known) = known else {
            if self.0.len() >= KEPT {
                self.0.remove(0);
            }
            self.0.push(Entry {
                newest: of.clone(),
                is_whole: false,
            });
            return Hearing::First;
        };
        let version = known.newest.version;
        if of.version > version {
            known.newest = of.clone();
            known.is_whole = false;
        }
        if of.version > version || (of.version == version && !known.is_whole) {
            Hearing::More
        } else {
            Hearing::Old
        }
    }
}

#[cfg(test)]
mod tests {
    use cluster::records::RecordVersion;

    use super::*;

    fn moment(record: &str, version: u64) -> Moment {
        Moment {
            record: record.into(),
            version: RecordVersion(version),
        }
    }

    #[test]
    fn older_states_are_no_news_and_one_state_may_say_several_things() {
        let mut heard = Heard::in_state(&[moment("a", 5)]);
        let mut hear = |record, version| heard.hear(&moment(record, version));
        assert_eq!([hear("a", 4), hear("a", 5)], [Hearing::Old; 2]);
        assert_eq!([hear("a", 7), hear("a", 7)], [Hearing::More; 2]);
        assert_eq!([hear("a", 6), hear("a", 5)], [Hearing::Old; 2]);
        assert_eq!(
            [hear("b", 1), hear("b", 1)],
            [Hearing::First, Hearing::More]
        );
    }

    #[test]
    fn what_is_kept_in_mind_has_a_bound() {
        let mut heard = Heard::in_state(&[]);
        for number in 0..10 * KEPT as u64 {
            let first = heard.hear(&moment(&number.to_string(), 1));
            assert_eq!(first, Hearing::First);
        }
        assert_eq!(heard.0.len(), KEPT);
    }
}
