//! Which link is in use, and doubts about it.
//!
//! Everybody who needs Redis asks here; only the keeper puts a link in or takes one out.

use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::link::Link;
use super::status::Reason;

/// The link in use, if any.
#[derive(Debug)]
pub(super) struct Links {
    current: watch::Sender<Option<Arc<Link>>>,
    doubt: std::sync::Mutex<Option<(u64, Reason)>>,
    doubted: Notify,
}

impl Links {
    pub(super) fn new() -> Self {
        Self {
            current: watch::Sender::new(None),
            doubt: std::sync::Mutex::default(),
            doubted: Notify::new(),
        }
    }

    pub(super) fn current(&self) -> Option<Arc<Link>> {
        self.current.borrow().clone()
    }

    /// The link in use, or the next one that is put in before `deadline`.
    pub(super) async fn by(&self, deadline: Instant) -> Option<Arc<Link>> {
        self.after(0, deadline).await
    }

    /// A link newer than `generation`, if one is put in before `deadline`.
    pub(super) async fn after(&self, generation: u64, deadline: Instant) -> Option<Arc<Link>> {
        let mut current = self.current.subscribe();
        let is_newer = |link: &Option<Arc<Link>>| {
            link.as_ref()
                .is_some_and(|link| link.generation > generation)
        };
        let newer = current.wait_for(is_newer);
        let link = tokio::time::timeout_at(deadline, newer).await.ok()?.ok()?;
        link.clone()
    }

    /// Tells the keeper that a link does not work. Only the first doubt about a link counts.
    pub(super) fn doubt(&self, generation: u64, reason: Reason) {
        let mut doubt = self
            .doubt
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if doubt.is_none_or(|(doubted, _)| doubted < generation) {
            *doubt = Some((generation, reason));
            self.doubted.notify_one();
        }
    }

    /// Waits for a doubt about the link of this generation.
    pub(super) async fn doubted(&self, generation: u64) -> Reason {
        loop {
            let doubted = self.doubted.notified();
            {
                let doubt = self
                    .doubt
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                if let Some((doubted, reason)) = *doubt
                    && doubted == generation
                {
                    return reason;
                }
            }
            doubted.await;
        }
    }

    pub(super) fn put(&self, link: Arc<Link>) {
        self.current.send_replace(Some(link));
    }

    pub(super) fn take(&self) -> Option<Arc<Link>> {
        self.current.send_replace(None)
    }
}
