//! Records over Redis: a hash for each shelf, changed by a script, announced on a channel for each kind.
//!
//! Redis alone has them; nothing is kept here but who wants to hear of changes. News follows the change that it is about, and
//! may be lost: whoever changed something may end before it says so, and a link that was rebuilt has not heard all.

use tokio::sync::broadcast;

use super::link::Link;
use super::parcel;
use super::scripts::record::{self, Outcome};
use super::shared::Shared;
use crate::Unavailable;
use crate::records::{
    Change, Changed, Expected, Kind, NOTICES_MAX, Notice, Record, RecordName, RecordsError, Shelf,
};

/// What one edge does with records.
#[derive(Debug)]
pub(crate) struct RecordTable<'a>(&'a Shared);

/// Who on this edge watches which kind.
#[derive(Debug)]
pub(super) struct Watches([broadcast::Sender<Notice>; Kind::ALL.len()]);

impl<'a> RecordTable<'a> {
    pub(super) fn new(shared: &'a Shared) -> Self {
        Self(shared)
    }

    pub(crate) async fn read(
        &self,
        shelf: &Shelf,
        name: &RecordName,
    ) -> Result<Option<Record>, Unavailable> {
        let mut found = self.find(shelf, Some(name)).await?;
        Ok(found.pop().map(|(_, record)| record))
    }

    pub(crate) async fn list(
        &self,
        shelf: &Shelf,
    ) -> Result<Vec<(RecordName, Record)>, Unavailable> {
        self.find(shelf, None).await
    }

    pub(crate) async fn change(
        &self,
        shelf: &Shelf,
        name: &RecordName,
        change: Change,
        expected: Expected,
    ) -> Result<Changed, RecordsError> {
        let link = self.link().await?;
        let (keys, args) = record::change(self.0.names.shelf(shelf), name, change, expected);
        let reply = self.0.run(&link, &record::CHANGE, keys, args).await?;
        let outcome = record::parse_change(reply).map_err(|_| Unavailable)?;
        let Outcome { changed, is_news } = outcome?;
        if is_news {
            self.announce(&link, shelf, Some(name)).await;
        }
        Ok(changed)
    }

    pub(crate) async fn clear(&self, shelf: &Shelf) -> Result<usize, Unavailable> {
        let link = self.link().await?;
        let (keys, args) = record::clear(self.0.names.shelf(shelf));
        let reply = self.0.run(&link, &record::CLEAR, keys, args).await?;
        let cleared = record::parse_clear(&reply).map_err(|_| Unavailable)?;
        self.announce(&link, shelf, None).await;
        Ok(cleared)
    }

    pub(crate) fn watch(&self, kind: Kind) -> broadcast::Receiver<Notice> {
        self.0.notices.0[kind as usize].subscribe()
    }

    async fn find(
        &self,
        shelf: &Shelf,
        name: Option<&RecordName>,
    ) -> Result<Vec<(RecordName, Record)>, Unavailable> {
        let link = self.link().await?;
        let (keys, args) = record::read(self.0.names.shelf(shelf), name);
        let reply = self.0.run(&link, &record::READ, keys, args).await?;
        record::parse_read(reply).map_err(|_| Unavailable)
    }

    async fn link(&self) -> Result<std::sync::Arc<Link>, Unavailable> {
        let by = self.0.deadline();
        self.0.links.by(by).await.ok_or(Unavailable)
    }

    /// The change is made whether its news gets through or not.
    async fn announce(&self, link: &Link, shelf: &Shelf, name: Option<&RecordName>) {
        let channel = self.0.names.notices(shelf.kind);
        if let Err(error) = link.publish(channel, parcel::notice(shelf, name)).await {
            self.0.doubt(link.generation, &error);
        }
    }
}

impl Watches {
    pub(super) fn tell(&self, notice: Notice) {
        let kind = match &notice {
            Notice::Changed(shelf, _) | Notice::Cleared(shelf) => shelf.kind,
            // No edge tells another one so.
            Notice::Missed => return,
        };
        // An error only says that nobody listens.
        drop(self.0[kind as usize].send(notice));
    }

    /// News of every kind may have been lost.
    pub(super) fn miss(&self) {
        for watchers in &self.0 {
            drop(watchers.send(Notice::Missed));
        }
    }
}

impl Default for Watches {
    fn default() -> Self {
        Self(Kind::ALL.map(|_| broadcast::Sender::new(NOTICES_MAX)))
    }
}
