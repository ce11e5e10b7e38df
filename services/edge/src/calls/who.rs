//! Whose requests they are: a device, and how others see its user.

use cluster::{LeaseKey, Topic};
use protocol::device::Number;
use protocol::{AppId, DeviceId, PeerId};

use super::call::Leg;

/// The dialect in the names of its leases.
const DIALECT: &str = "device";

/// A device that has a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Who {
    /// The tenant.
    pub(crate) app: AppId,
    /// Whose device it is.
    pub(crate) user: PeerId,
    /// The device.
    pub(crate) device: DeviceId,
    /// What others dial to reach the user.
    pub(crate) number: Number,
    /// How the user is called.
    pub(crate) name: Option<String>,
}

impl Who {
    /// The device as a part of a call.
    pub(super) fn leg(&self, line: u8) -> Leg {
        Leg {
            user: self.user.clone(),
            device: self.device.clone(),
            line,
            number: self.number.clone(),
            name: self.name.clone(),
            has_left: false,
        }
    }
}

/// Where a device's session is reached.
pub(super) fn topic(app: &AppId, user: &PeerId, device: &DeviceId) -> Topic {
    Topic::device(app, user.clone(), device.clone())
}

/// What a device's session holds.
pub(crate) fn lease_key(app: &AppId, user: &PeerId, device: &DeviceId) -> LeaseKey {
    LeaseKey {
        app: app.clone(),
        dialect: DIALECT,
        peer: user.clone(),
        device: Some(device.clone()),
        room: None,
    }
}
