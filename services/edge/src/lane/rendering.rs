//! A run of envelopes on one topic, rendered once per variant.

use std::sync::Arc;

use bytes::Bytes;
use cluster::{Address, Envelope, Incarnation, Origin, SessionId, Topic};

use crate::dialects::Variant;
use crate::metrics::{FrameOut, Metrics};

/// Neighbouring envelopes on one topic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run<'a> {
    pub(super) topic: &'a Topic,
    pub(super) envelopes: &'a [Arc<Envelope>],
}

/// Renders lazily and shares: listeners of one variant get the same bytes. The publisher to a channel does not hear itself,
/// so it gets a rendering of its own. Used again for the next run, so that a run allocates its shared frames alone.
#[derive(Debug, Default)]
pub(super) struct Rendering {
    here: Option<Incarnation>,
    /// The publishers that live on this edge; a run mostly has one.
    publishers: Vec<SessionId>,
    to_others: Vec<Rendered>,
    to_publishers: Vec<Rendered>,
    scratch: Vec<u8>,
}

#[derive(Debug)]
struct Rendered {
    variant: Variant,
    frames: Bytes,
    /// How many frames of which kind, if any.
    kind: Option<(FrameOut, u64)>,
    listeners: u64,
}

/// Room that is kept for the frames of the next run.
const SCRATCH_KEPT_BYTES: usize = 64 * 1024;

impl Rendering {
    /// Begins with a run and forgets the one before.
    pub(super) fn begin(&mut self, run: Run<'_>, here: Incarnation) {
        self.publishers.clear();
        self.to_others.clear();
        self.to_publishers.clear();
        self.scratch.shrink_to(SCRATCH_KEPT_BYTES);
        let origins = run.envelopes.iter().map(|envelope| envelope.origin);
        for origin in origins.filter(|_| !has_echo(run.topic)) {
            if origin.incarnation == here && !self.publishers.contains(&origin.session) {
                self.publishers.push(origin.session);
            }
        }
        self.here = Some(here);
    }

    /// The frames for one listener; empty if there is nothing for it to know. `run` is the one that was begun with.
    pub(super) fn frames_for(
        &mut self,
        run: Run<'_>,
        variant: Variant,
        session: SessionId,
    ) -> Bytes {
        if self.publishers.contains(&session) {
            // Sessions of two edges may have one number.
            let here = self.here;
            let is_own =
                |origin: Origin| Some(origin.incarnation) == here && origin.session == session;
            let rendered = self.render(run, variant, |envelope| !is_own(envelope.origin));
            let frames = rendered.frames.clone();
            self.to_publishers.push(rendered);
            return frames;
        }
        let known = self
            .to_others
            .iter()
            .position(|rendered| rendered.variant == variant);
        let at = known.unwrap_or_else(|| {
            let rendered = Rendered {
                listeners: 0,
                ..self.render(run, variant, |_| true)
            };
            self.to_others.push(rendered);
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

    fn render(
        &mut self,
        run: Run<'_>,
        variant: Variant,
        hears: impl Fn(&Envelope) -> bool,
    ) -> Rendered {
        self.scratch.clear();
        let mut kind = None;
        for envelope in run.envelopes.iter().filter(|envelope| hears(envelope)) {
            if let Some(rendered) = variant.render(run.topic, envelope, &mut self.scratch) {
                let (_, count) = kind.get_or_insert((rendered, 0));
                *count += 1;
            }
        }
        Rendered {
            variant,
            frames: Bytes::copy_from_slice(&self.scratch),
            kind,
            listeners: 1,
        }
    }
}

/// Whether a sender among the addressed hears itself: a direct reaches every session of its peer (spec realtime §2.4), a
/// channel's message all but the publisher's (§2.3), and so does a room's signal (spec room §2.6).
fn has_echo(topic: &Topic) -> bool {
    match topic.address() {
        Address::Peer(_) | Address::Account(_) | Address::Device(..) => true,
        Address::Channel(_) | Address::Room(_) => false,
    }
}
