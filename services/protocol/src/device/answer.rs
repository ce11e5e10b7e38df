//! What a request gets, exactly once (spec device-session §2.4).

use serde::Serialize;

use super::{About, ErrorCode, Json, Transaction};

/// The answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Received, checked and begun; what comes of it is told by events.
    Ack,
    /// Not carried out.
    Error {
        /// For programs.
        code: ErrorCode,
        /// For people; never empty.
        reason: &'static str,
    },
}

#[derive(Serialize)]
struct Frame<'a> {
    response: &'static str,
    transaction: &'a Transaction,
    #[serde(flatten)]
    about: &'a About,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl Answer {
    /// The frame that answers the request of this transaction, which spoke of `about`.
    #[must_use]
    pub fn to_json(&self, transaction: &Transaction, about: &About) -> Json {
        let (response, code, reason) = match self {
            Self::Ack => ("ack", None, None),
            Self::Error { code, reason } => ("error", Some(code.as_u16()), Some(*reason)),
        };
        Json::of(&Frame {
            response,
            transaction,
            about,
            code,
            reason,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Line;
    use super::*;

    #[test]
    fn an_answer_mirrors_what_the_request_was_about() {
        let transaction: Transaction = "t-1".parse().unwrap();
        let mut lines = Vec::new();
        for about in [
            About::default(),
            About::line(0),
            About::call(1, "call".parse().unwrap()),
            About {
                line: Line::Guest,
                call: None,
            },
        ] {
            lines.push(Answer::Ack.to_json(&transaction, &about));
            let error = Answer::Error {
                code: ErrorCode::UnknownRequest,
                reason: "unknown request",
            };
            lines.push(error.to_json(&transaction, &about));
        }
        let lines: Vec<_> = lines.iter().map(Json::as_str).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
