//! What was asked, what was answered, and what arrived: the client's own account, from which losses are counted.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::{Duration, Instant},
};

use serde_json::Value;

/// The account of one stream. Requests are numbered from 0.
#[derive(Debug, Default)]
pub struct Ledger {
    asked: Vec<Asked>,
    heard: Vec<(Instant, usize)>,
}

/// One request.
#[derive(Debug)]
pub struct Asked {
    /// When it was sent.
    pub at: Instant,
    /// When the answer came, and its error code; no code is an ack.
    pub answer: Option<(Instant, Option<String>)>,
    /// Answers beyond the first.
    pub surplus: usize,
}

impl Asked {
    /// Whether it was acknowledged.
    #[must_use]
    pub fn is_acked(&self) -> bool {
        matches!(self.answer, Some((_, None)))
    }
}

impl Ledger {
    /// The requests, by number.
    #[must_use]
    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// What arrived, in order: when, and which number.
    #[must_use]
    pub fn heard(&self) -> &[(Instant, usize)] {
        &self.heard
    }

    /// Numbers that were acknowledged and never arrived.
    #[must_use]
    pub fn lost(&self) -> Vec<usize> {
        let heard: BTreeSet<usize> = self.heard.iter().map(|(_, number)| *number).collect();
        let acked = self
            .asked
            .iter()
            .enumerate()
            .filter(|(_, asked)| asked.is_acked());
        acked
            .map(|(number, _)| number)
            .filter(|number| !heard.contains(number))
            .collect()
    }

    /// From the first lost one to the last, by when they were sent.
    #[must_use]
    pub fn loss_window(&self) -> Duration {
        let lost = self.lost();
        match (lost.first(), lost.last()) {
            (Some(first), Some(last)) => self.asked[*last].at - self.asked[*first].at,
            _ => Duration::ZERO,
        }
    }

    /// Numbers that arrived more than once.
    #[must_use]
    pub fn doubled(&self) -> Vec<usize> {
        let mut seen = BTreeSet::new();
        let again = self
            .heard
            .iter()
            .filter(|(_, number)| !seen.insert(*number));
        again.map(|(_, number)| *number).collect()
    }

    /// Numbers that arrived after a larger one.
    #[must_use]
    pub fn overtaken(&self) -> Vec<usize> {
        let pairs = self.heard.windows(2);
        pairs
            .filter(|pair| pair[1].1 < pair[0].1)
            .map(|pair| pair[1].1)
            .collect()
    }

    /// Numbers without exactly one answer.
    #[must_use]
    pub fn unanswered(&self) -> Vec<usize> {
        let wrong = |asked: &Asked| asked.answer.is_none() || asked.surplus > 0;
        let asked = self.asked.iter().enumerate();
        asked
            .filter(|(_, asked)| wrong(asked))
            .map(|(number, _)| number)
            .collect()
    }

    /// How often each answer came; acks under `ack`.
    #[must_use]
    pub fn answers(&self) -> BTreeMap<&str, usize> {
        let mut answers = BTreeMap::new();
        for (_, code) in self.asked.iter().filter_map(|asked| asked.answer.as_ref()) {
            *answers.entry(code.as_deref().unwrap_or("ack")).or_default() += 1;
        }
        answers
    }

    /// The longest time that a request waited for its answer.
    #[must_use]
    pub fn slowest_answer(&self) -> Duration {
        let waited = self
            .asked
            .iter()
            .filter_map(|asked| Some(asked.answer.as_ref()?.0 - asked.at));
        waited.max().unwrap_or_default()
    }

    /// The longest silence of the receiver after `begin`.
    #[must_use]
    pub fn silence_after(&self, begin: Instant) -> Duration {
        let mut longest = Duration::ZERO;
        let mut last = begin;
        for (at, _) in self.heard.iter().filter(|(at, _)| *at >= begin) {
            longest = longest.max(*at - last);
            last = *at;
        }
        longest
    }

    /// Nothing lost, doubled or overtaken, and exactly one answer to everything; panics otherwise.
    #[track_caller]
    pub fn assert_whole(&self) {
        self.assert_sound();
        assert_eq!(
            self.lost(),
            [0; 0],
            "acknowledged and never arrived: {self}"
        );
    }

    /// Nothing doubled or overtaken, and exactly one answer to everything; panics otherwise.
    #[track_caller]
    pub fn assert_sound(&self) {
        assert_eq!(
            self.unanswered(),
            [0; 0],
            "without exactly one answer: {self}"
        );
        assert_eq!(self.doubled(), [0; 0], "arrived twice: {self}");
        assert_eq!(self.overtaken(), [0; 0], "overtaken: {self}");
    }

    pub(crate) fn ask(&mut self) -> usize {
        self.asked.push(Asked {
            at: Instant::now(),
            answer: None,
            surplus: 0,
        });
        self.asked.len() - 1
    }

    pub(crate) fn take_answer(&mut self, frame: &Value) {
        let number = frame["requestId"]
            .as_str()
            .and_then(|id| id.parse::<usize>().ok());
        let Some(asked) = number.and_then(|number| self.asked.get_mut(number)) else {
            return;
        };
        let code = frame["code"].as_str().map(str::to_owned);
        match &asked.answer {
            None => asked.answer = Some((Instant::now(), code)),
            Some(_) => asked.surplus += 1,
        }
    }

    pub(crate) fn take_arrival(&mut self, frame: &Value) {
        let number = frame["data"]["n"].as_u64();
        if let Some(number) = number.and_then(|number| usize::try_from(number).ok()) {
            self.heard.push((Instant::now(), number));
        }
    }

    /// Whether every request has an answer, and everything acknowledged has arrived.
    pub(crate) fn is_settled(&self) -> bool {
        let last = self
            .asked
            .iter()
            .filter_map(|asked| Some(asked.answer.as_ref()?.0))
            .max();
        // What was lost never comes: after a quiet second it is not waited for.
        let quiet = last.is_none_or(|last| last.elapsed() > Duration::from_secs(1));
        self.asked.iter().all(|asked| asked.answer.is_some()) && (quiet || self.lost().is_empty())
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} asked, answers {:?}, slowest {:?}, {} heard, {} lost within {:?}, {} twice, {} overtaken",
            self.asked.len(),
            self.answers(),
            self.slowest_answer(),
            self.heard.len(),
            self.lost().len(),
            self.loss_window(),
            self.doubled().len(),
            self.overtaken().len(),
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_fault_is_counted() {
        let mut ledger = Ledger::default();
        for _ in 0..5 {
            ledger.ask();
        }
        for id in ["0", "1", "1", "2"] {
            ledger.take_answer(&json!({"type": "ack", "requestId": id}));
        }
        ledger.take_answer(&json!({"type": "error", "requestId": "3", "code": "backend_error"}));
        for number in [1, 0, 1] {
            ledger.take_arrival(&json!({"data": {"n": number}}));
        }
        assert_eq!(ledger.lost(), [2]);
        assert_eq!(ledger.doubled(), [1]);
        assert_eq!(ledger.overtaken(), [0]);
        assert_eq!(ledger.unanswered(), [1, 4]);
        assert_eq!(
            ledger.answers(),
            BTreeMap::from([("ack", 3), ("backend_error", 1)])
        );
        assert!(!ledger.is_settled());
    }
}
