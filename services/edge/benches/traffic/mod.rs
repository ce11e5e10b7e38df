//! Traffic on a workbench: what is delivered in one round, in the ways that the figures are about.

use edge::workbench::{Workbench, client_frame};

/// Subscribers of a fan-out.
pub(crate) const SUBSCRIBERS: usize = 1_000;
/// Messages of a batch.
pub(crate) const BATCH: usize = 64;
/// `data` of every message, in bytes.
const DATA_BYTES: usize = 128;

/// One way of delivering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// A publisher sends a batch of messages in one write.
    FanoutBatched,
    /// A publisher sends one message at a time.
    FanoutUnbatched,
    /// One peer sends another a direct.
    Direct,
    /// The same, acknowledged: two deliveries.
    DirectAcked,
}

/// A workbench and what its first session says in each round.
#[derive(Debug)]
pub(crate) struct Rounds {
    bench: Workbench,
    said: Vec<u8>,
    deliveries: usize,
}

impl Traffic {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [
        Self::FanoutBatched,
        Self::FanoutUnbatched,
        Self::Direct,
        Self::DirectAcked,
    ];

    /// As the table of bounds calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::FanoutBatched => "fanout-batched",
            Self::FanoutUnbatched => "fanout-unbatched",
            Self::Direct => "direct",
            Self::DirectAcked => "direct-acked",
        }
    }

    /// A workbench that is ready for it and has warmed up.
    pub(crate) fn prepare(self) -> Rounds {
        let mut rounds = match self {
            Self::FanoutBatched => fanout(BATCH),
            Self::FanoutUnbatched => fanout(1),
            Self::Direct => direct("", 1),
            Self::DirectAcked => direct(r#","requestId":"q""#, 2),
        };
        rounds.play(3);
        rounds
    }
}

impl Rounds {
    /// Plays so many rounds, each to its end.
    pub(crate) fn play(&mut self, rounds: usize) {
        for _ in 0..rounds {
            self.bench.say(0, &self.said);
            self.bench.settle();
        }
    }

    /// Deliveries in one round.
    pub(crate) const fn deliveries(&self) -> usize {
        self.deliveries
    }
}

fn fanout(batch: usize) -> Rounds {
    let mut bench = Workbench::new(1 + SUBSCRIBERS);
    let subscribe = client_frame(r#"{"type":"subscribe","channel":"bench"}"#);
    for session in 1..=SUBSCRIBERS {
        bench.say(session, &subscribe);
        bench.settle();
    }
    let publish = format!(
        r#"{{"type":"publish","channel":"bench","data":{}}}"#,
        data()
    );
    Rounds {
        bench,
        said: client_frame(&publish).repeat(batch),
        deliveries: batch * SUBSCRIBERS,
    }
}

fn direct(request: &str, deliveries: usize) -> Rounds {
    let send = format!(
        r#"{{"type":"send","to":"peer-1","data":{}{request}}}"#,
        data()
    );
    Rounds {
        bench: Workbench::new(2),
        said: client_frame(&send),
        deliveries,
    }
}

fn data() -> String {
    format!("\"{}\"", "x".repeat(DATA_BYTES - 2))
}
