//! A run of envelopes on one topic, rendered once per variant.

use std::sync::Arc;

use bytes::Bytes;
use cluster::{Address, Envelope, Incarnation, Origin, SessionId, Topic};

use crate::dialects::Variant;
use crate::metrics::{FrameOut, Metrics};

/// Renders lazily and shares: listeners of one variant get the same bytes. The publisher to a channel does not hear itself,
/// so it gets a rendering of its own.
#[derive(Debug)]
pub(super) struct Rendering<'a> {
    topic: &'a Topic,
    run: &'a [Arc<Envelope>],
    here: Incarnation,
    /// The publishers that live on this edge; a run mostly has one.
    publishers: Vec<SessionId>,
    to_others: Vec<Rendered>,
    to_publishers: Vec<Rendered>,
}

#[derive(Debug)]
struct Rendered {
    variant: Variant,
    frames: Bytes,
    /// How many frames of which kind, if any.
    kind: Option<(FrameOut, u64)>,
    listeners: u64,
}

impl<'a> Rendering<'a> {
    pub(super) fn new(topic: &'a Topic, run: &'a [Arc<Envelope>], here: Incarnation) -> Self {
        let mut publishers = Vec::new();
        let origins = run.iter().map(|envelope| envelope.origin);
        for origin in origins.filter(|_| !has_echo(topic)) {
            if origin.incarnation == here && !publishers.contains(&origin.session) {
                publishers.push(origin.session);
            }
        }
        Self {
            topic,
            run,
            here,
            publishers,
            to_others: Vec::new(),
            to_publishers: Vec::new(),
        }
    }

    /// The frames for one listener; empty if there is nothing for it to know.
    pub(super) fn frames_for(&mut self, variant: Variant, session: SessionId) -> Bytes {
        if self.publishers.contains(&session) {
            // Sessions of two edges may have one number.
            let here = self.here;
            let is_own = |origin: Origin| origin.incarnation == here && origin.session == session;
            let rendered = self.render(variant, |envelope| !is_own(envelope.origin));
            let frames = rendered.frames.clone();
            self.to_publishers.push(rendered);
            return frames;
        }
        let at = self
            .to_others
            .iter()
            .position(|rendered| rendered.variant == variant)
            .unwrap_or_else(|| {
                self.to_others.push(Rendered {
                    listeners: 0,
                    ..self.render(variant, |_| true)
                });
                self.to_others.len() - 1
            });
        let rendered = &mut self.to_others[at];
        rendered.listeners += 1;
        rendered.frames.clone()
    }

    /// Counts what was rendered, once per listener.
    pub(super) fn count(&self, metrics: &Metrics) {
        for rendered in self.to_others.iter().chain(&self.to_publishers) {
            if let Some((kind, frames)) = rendered.kind {
                rendered
                    .variant
                    .metrics(metrics)
                    .frames_out
                    .add(kind, frames * rendered.listeners);
            }
        }
    }

    fn render(&self, variant: Variant, hears: impl Fn(&Envelope) -> bool) -> Rendered {
        let mut frames = Vec::new();
        let mut kind = None;
        for envelope in self.run.iter().filter(|envelope| hears(envelope)) {
            if let Some(rendered) = variant.render(self.topic, envelope, &mut frames) {
                let (_, count) = kind.get_or_insert((rendered, 0));
                *count += 1;
            }
        }
        Rendered {
            variant,
            frames: frames.into(),
            kind,
            listeners: 1,
        }
    }
}

/// Whether a sender among the addressed hears itself: a direct reaches every session of its peer (spec realtime §2.4), a
/// channel's message all but the publisher's (§2.3), and so does a room's signal (spec room §2.6).
fn has_echo(topic: &Topic) -> bool {
    match topic.address() {
        Address::Peer(_) | Address::Account(_) => true,
        Address::Channel(_) | Address::Room(_) => false,
    }
}
