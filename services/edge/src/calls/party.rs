//! Who a device's session is.

use cluster::{Fence, SessionId, Topic};
use protocol::device::Number;
use protocol::{AppId, DeviceId, PeerId};

/// One session of one device of one user, as its token and its lease say.
#[derive(Clone, Debug)]
pub(crate) struct Party {
    /// The tenant.
    pub(crate) app: AppId,
    /// The user; a user can have several devices.
    pub(crate) user: PeerId,
    /// The device; it has one session.
    pub(crate) device: DeviceId,
    /// What others dial, where the directory does not say.
    pub(crate) number: Option<Number>,
    /// What those who are called see.
    pub(crate) name: Option<String>,
    /// How many calls the device can have at once.
    pub(crate) lines: u8,
    /// The session.
    pub(crate) session: SessionId,
    /// With which it holds its device: a larger one belongs to a newer session.
    pub(crate) fence: Fence,
}

impl Party {
    /// Where the device's session is reached, on whichever edge.
    pub(crate) fn address(&self) -> Topic {
        Topic::device(&self.app, self.user.clone(), self.device.clone())
    }
}
