//! What is wrong with the network now, and for whom.

use std::time::{Duration, Instant};

/// A direction through the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// What callers send.
    ToTarget,
    /// What callers hear.
    ToCaller,
}

/// A choice among the open connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Every one.
    All,
    /// Those on which a `SUBSCRIBE` of Redis was sent.
    Subscribers,
    /// The others.
    Others,
}

/// What befalls a connection, the worse the later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Effect {
    /// Bytes wait.
    Hold,
    /// Messages are thrown away, answers pass.
    Sift,
    /// Bytes are thrown away.
    Lose,
    /// The next chunk is cut and the connection reset.
    Cut,
    /// The target's end is closed, the caller's is kept.
    Forget,
    /// Both ends are reset.
    Reset,
}

/// The faults in force.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    rules: Vec<Rule>,
    pub(super) delay: Duration,
    pub(super) jitter: Duration,
    pub(super) refusing: bool,
}

#[derive(Debug, Clone)]
struct Rule {
    /// Only connections that were opened before are meant; without it, later ones too.
    before: Option<Instant>,
    which: Which,
    /// Both ways without it.
    way: Option<Way>,
    effect: Effect,
}

impl Faults {
    pub(super) fn slow(&mut self, delay: Duration, jitter: Duration) {
        self.delay = delay;
        self.jitter = jitter;
    }

    pub(super) fn refuse(&mut self) {
        self.refusing = true;
        self.add_for_open(Which::All, None, Effect::Reset);
    }

    pub(super) fn resume(&mut self) {
        self.slow(Duration::ZERO, Duration::ZERO);
        self.refusing = false;
        self.rules.retain(|rule| rule.effect != Effect::Hold);
    }

    pub(super) fn add_for_all(&mut self, way: Way, effect: Effect) {
        self.rules.push(Rule {
            before: None,
            which: Which::All,
            way: Some(way),
            effect,
        });
    }

    pub(super) fn add_for_open(&mut self, which: Which, way: Option<Way>, effect: Effect) {
        self.rules.push(Rule {
            before: Some(Instant::now()),
            which,
            way,
            effect,
        });
    }

    /// What befalls one way of a connection: the worst of the rules that mean it.
    pub(super) fn effect(&self, born: Instant, kind: Which, way: Way) -> Option<Effect> {
        let meant = self.rules.iter().filter(|rule| {
            rule.before.is_none_or(|before| born < before)
                && (rule.which == Which::All || rule.which == kind)
                && rule.way.is_none_or(|only| only == way)
        });
        meant.map(|rule| rule.effect).max()
    }
}
