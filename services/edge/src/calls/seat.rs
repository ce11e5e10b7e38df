//! One session's place at the exchange: its requests, carried out one after the other.
//!
//! A task runs only while there is something to do, so a silent phone costs a queue and no task.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::device::{CallId, ErrorCode, Registration, Request, State};
use tokio::time::sleep;

use super::attach::Found;
use super::attendant::Attendant;
use super::board::Replies;
use super::{Party, Shared, Sink};
use crate::lane::unix_now;

/// Given back by being dropped: the device is without a session then.
#[derive(Debug)]
pub(crate) struct Seat(Arc<Desk>);

#[derive(Debug)]
struct Desk {
    exchange: Arc<Shared>,
    party: Arc<Party>,
    sink: Sink,
    queue: Mutex<Queue>,
    /// Only the task that works the queue off takes it.
    attendant: tokio::sync::Mutex<Option<Attendant>>,
}

#[derive(Debug, Default)]
struct Queue {
    /// Bounded by the session, which has only so many requests without an answer.
    work: VecDeque<Work>,
    /// A task is working it off.
    running: bool,
    /// A look at the session's calls is due in a while.
    looking: bool,
}

#[derive(Debug)]
enum Work {
    Attach,
    Execute(Request),
    Heard(CallId),
    Look,
    Detach,
}

impl Seat {
    pub(super) fn new(exchange: Arc<Shared>, party: Arc<Party>, sink: Sink) -> Self {
        let desk = Arc::new(Desk {
            exchange,
            party,
            sink,
            queue: Mutex::default(),
            attendant: tokio::sync::Mutex::default(),
        });
        desk.put(Work::Attach);
        Self(desk)
    }

    /// Carries out a request once those before it are done.
    pub(crate) fn submit(&self, request: Request) {
        self.0.put(Work::Execute(request));
    }
}

impl Seat {
    /// The session was told of something: if it is a call, it has to be looked after.
    pub(crate) fn hear(&self, record: &str) {
        if let Ok(call) = record.parse() {
            self.0.put(Work::Heard(call));
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.put(Work::Detach);
    }
}

impl Desk {
    fn put(self: &Arc<Self>, work: Work) {
        let mut queue = self.queue();
        queue.work.push_back(work);
        if queue.running {
            return;
        }
        queue.running = true;
        drop(queue);
        let desk = Arc::clone(self);
        let exchange = &self.exchange;
        exchange
            .tasks
            .spawn_on(async move { desk.work_off().await }, &exchange.front);
    }

    async fn work_off(self: Arc<Self>) {
        let mut sink = self.sink.clone();
        let mut attendant = self.attendant.lock().await;
        while let Some(work) = self.next() {
            match work {
                Work::Attach => *attendant = self.attach(&sink).await,
                Work::Execute(request) => {
                    self.execute(attendant.as_mut(), &request, &mut sink).await;
                }
                Work::Heard(call) => {
                    if let Some(attendant) = attendant.as_mut() {
                        attendant.watch(call);
                    }
                }
                Work::Look => {
                    self.queue().looking = false;
                    if let Some(attendant) = attendant.as_mut() {
                        attendant.look().await;
                    }
                }
                Work::Detach => {
                    if let Some(attendant) = attendant.take() {
                        attendant.leave();
                    }
                }
            }
            self.plan_look(attendant.as_ref());
        }
    }

    async fn execute(&self, attendant: Option<&mut Attendant>, request: &Request, sink: &mut Sink) {
        // Without one the session has no state, and is about to be closed.
        if let Some(attendant) = attendant {
            let mut replies = Replies { request, sink };
            if let Err(denied) = attendant.execute(request.ask.clone(), &mut replies).await {
                sink.refuse(request, denied.code, denied.reason);
            }
        }
        if !sink.take_answered() {
            sink.refuse(request, ErrorCode::BackendError, "not carried out");
            sink.take_answered();
        }
    }

    /// Sees to it that the session's calls are looked after, while there are any.
    fn plan_look(self: &Arc<Self>, attendant: Option<&Attendant>) {
        let Some(within) = attendant.and_then(Attendant::looks_in) else {
            return;
        };
        if std::mem::replace(&mut self.queue().looking, true) {
            return;
        }
        let (desk, exchange) = (Arc::downgrade(self), &self.exchange);
        let drain = exchange.drain.clone();
        let look = async move {
            tokio::select! {
                () = drain.cancelled() => {}
                () = sleep(within) => {
                    if let Some(desk) = desk.upgrade() {
                        desk.put(Work::Look);
                    }
                }
            }
        };
        exchange.tasks.spawn_on(look, &exchange.front);
    }

    fn next(&self) -> Option<Work> {
        let mut queue = self.queue();
        let work = queue.work.pop_front();
        if work.is_none() {
            queue.running = false;
            queue.work.shrink_to_fit();
        }
        work
    }

    /// Makes the device this session's, and tells what it finds.
    async fn attach(&self, sink: &Sink) -> Option<Attendant> {
        let found = self.exchange.board.attach(&self.party).await;
        let Ok(found) = found else {
            sink.failed();
            return None;
        };
        let Found {
            lines,
            knows,
            missed,
            attendant,
        } = found;
        let interval = self.exchange.config.keepalive_interval;
        let state = State {
            keepalive_interval_ms: u64::try_from(interval.as_millis()).unwrap_or(u64::MAX),
            timestamp_ms: u64::try_from(unix_now().as_millis()).unwrap_or(u64::MAX),
            registration: Registration::Registered,
            lines,
            presence_infos: Vec::new(),
            dialog_infos: Vec::new(),
        };
        sink.state(&state, knows);
        missed.iter().for_each(|event| sink.event(event));
        Some(attendant)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
