//! Which requests of one socket were answered, and how (spec device-session §2.3).
//!
//! A client that waited in vain sends the same request again: that must not be carried out twice, and is answered as
//! before. Names mean something on their own socket only, so all of it ends with the session.

use std::collections::VecDeque;

use cluster::Verdict;
use protocol::device::Transaction;
use protocol::device::limits::TRANSACTIONS_REMEMBERED;
use serde_json::value::RawValue;

/// Requests that may be without an answer at once.
const UNDER_WAY_MAX: usize = TRANSACTIONS_REMEMBERED / 2;

/// The latest requests of a session; holds no memory before the first.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    /// In the order in which they came.
    recent: VecDeque<Entry>,
    under_way: usize,
}

#[derive(Debug)]
struct Entry {
    transaction: Transaction,
    answer: Option<(Box<RawValue>, Verdict)>,
}

/// What is known of a request.
#[derive(Debug)]
pub(super) enum Known<'a> {
    /// Nothing.
    New,
    /// Its answer will come.
    UnderWay,
    /// Its answer was this.
    Answered(&'a str, Verdict),
}

impl Transactions {
    pub(super) fn meet(&self, transaction: &Transaction) -> Known<'_> {
        let mut recent = self.recent.iter();
        match recent.find(|known| known.transaction == *transaction) {
            None => Known::New,
            Some(known) => match &known.answer {
                None => Known::UnderWay,
                Some((frame, verdict)) => Known::Answered(frame.get(), *verdict),
            },
        }
    }

    /// Whether so many are without an answer that no more may begin.
    pub(super) const fn is_full(&self) -> bool {
        self.under_way >= UNDER_WAY_MAX
    }

    pub(super) fn begin(&mut self, transaction: &Transaction) {
        if self.recent.len() == TRANSACTIONS_REMEMBERED {
            // At most half of them are under way, so there is one.
            let answered = self.recent.iter().position(|known| known.answer.is_some());
            answered.map(|oldest| self.recent.remove(oldest));
        }
        self.under_way += 1;
        self.recent.push_back(Entry {
            transaction: transaction.clone(),
            answer: None,
        });
    }

    pub(super) fn finish(&mut self, transaction: &str, frame: &RawValue, verdict: Verdict) {
        let mut recent = self.recent.iter_mut();
        let of_it = recent.find(|known| known.transaction.as_str() == transaction);
        if let Some(known) = of_it.filter(|known| known.answer.is_none()) {
            known.answer = Some((frame.to_owned(), verdict));
            self.under_way -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(number: usize) -> Transaction {
        format!("t-{number}").parse().unwrap()
    }

    fn answer() -> Box<RawValue> {
        RawValue::from_string("{}".to_owned()).unwrap()
    }

    #[test]
    fn a_request_is_new_then_under_way_then_answered() {
        let mut transactions = Transactions::default();
        assert!(matches!(transactions.meet(&named(1)), Known::New));
        transactions.begin(&named(1));
        assert!(matches!(transactions.meet(&named(1)), Known::UnderWay));
        transactions.finish("t-1", &answer(), Verdict::Refused);
        let Known::Answered("{}", Verdict::Refused) = transactions.meet(&named(1)) else {
            panic!("forgotten")
        };
        assert!(matches!(transactions.meet(&named(2)), Known::New));
    }

    #[test]
    fn only_so_many_may_be_under_way() {
        let mut transactions = Transactions::default();
        for number in 0..UNDER_WAY_MAX {
            assert!(!transactions.is_full());
            transactions.begin(&named(number));
        }
        assert!(transactions.is_full());
        transactions.finish("t-0", &answer(), Verdict::Accepted);
        transactions.finish("t-0", &answer(), Verdict::Accepted);
        assert!(!transactions.is_full());
    }

    #[test]
    fn what_is_under_way_is_never_forgotten_and_the_rest_in_time() {
        let mut transactions = Transactions::default();
        transactions.begin(&named(0));
        for number in 1..10 * TRANSACTIONS_REMEMBERED {
            transactions.begin(&named(number));
            transactions.finish(&format!("t-{number}"), &answer(), Verdict::Accepted);
        }
        assert!(matches!(transactions.meet(&named(0)), Known::UnderWay));
        assert!(matches!(transactions.meet(&named(1)), Known::New));
        assert_eq!(transactions.recent.len(), TRANSACTIONS_REMEMBERED);
    }
}
