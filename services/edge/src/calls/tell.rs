//! How devices hear of their calls.
//!
//! By the bus, on each device's own topic, wherever its session is; with the version of the call that it speaks of. What is
//! lost on the way is found again by the call's record: at the next connect, and by whoever watches over the call.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;

use cluster::records::RecordVersion;
use cluster::{Moment, News, Topic, Unavailable};
use protocol::device::{About, CallId, Event, What};
use protocol::{AppId, DeviceId, PeerId};

use super::board::Board;
use super::call::{Call, Leg, Role};
use super::who::topic;

impl Board {
    /// Tells those whom a transition concerns, but for the one who asked. Returns when all of it is on its way, in order;
    /// does not wait until it has arrived.
    pub(super) async fn spread(
        &self,
        app: &AppId,
        call: &Call,
        version: RecordVersion,
        told: Vec<(Role, What)>,
        except: Option<Role>,
    ) {
        for (role, what) in told {
            if Some(role) != except {
                let leg = call.leg(role);
                let about = About::call(leg.line, call.id.clone());
                self.send(
                    app,
                    leg,
                    event(about, what),
                    Some(moment(&call.id, version)),
                )
                .await;
            }
        }
    }

    /// Says something to one device without waiting for it to arrive.
    pub(super) async fn send(&self, app: &AppId, leg: &Leg, event: Event, of: Option<Moment>) {
        self.send_to(app, &leg.user, &leg.device, &event, of).await;
    }

    /// The same to a device that need not be in a call.
    pub(super) async fn send_to(
        &self,
        app: &AppId,
        user: &PeerId,
        device: &DeviceId,
        event: &Event,
        of: Option<Moment>,
    ) {
        let mut telling = Box::pin(self.tell(topic(app, user, device), event, of));
        // Polled once here, and so put in line before whatever is said next; the rest can wait.
        let is_done = poll_fn(|context| Poll::Ready(telling.as_mut().poll(context).is_ready()));
        if !is_done.await {
            self.0.tasks.spawn(async move {
                if telling.await.is_err() {
                    tracing::debug!("an event of a call may not have arrived");
                }
            });
        }
    }

    /// Says something to one device. Returns how many edges heard it: 0 if the device has no session.
    pub(super) fn tell(
        &self,
        topic: Topic,
        event: &Event,
        of: Option<Moment>,
    ) -> impl Future<Output = Result<usize, Unavailable>> + Send + use<> {
        let news = News {
            of,
            frame: (&event.to_json()).into(),
        };
        let bus = self.0.bus.clone();
        async move { bus.tell(&topic, news).await }
    }
}

/// An event that no request of its receiver caused.
pub(super) const fn event(about: About, what: What) -> Event {
    Event {
        about,
        transaction: None,
        what,
    }
}

/// One state of a call.
pub(super) fn moment(call: &CallId, version: RecordVersion) -> Moment {
    Moment {
        record: Arc::from(call.as_str()),
        version,
    }
}
