//! The names that cross the wire, one checked type each.
//!
//! Owns what a well-formed name is. Knows nothing about whether the thing it names exists or may be used.
//! Invariant: a value of one of these types has passed its check; the check is the only way in, for serde too.

mod app_id;
mod channel_name;
mod device_id;
mod edge_id;
mod error;
mod key_id;
mod peer_id;
mod request_id;
mod visitor;

pub use app_id::AppId;
pub use channel_name::ChannelName;
pub use device_id::DeviceId;
pub use edge_id::EdgeId;
pub use error::NameError;
pub(crate) use error::{check, is_printable_ascii};
pub use key_id::KeyId;
pub use peer_id::PeerId;
pub use request_id::RequestId;
pub(crate) use visitor::NameVisitor;

/// Defines a name around one counted string: `name! { /// docs  pub struct AppId; check = check; }`.
///
/// A macro and not a generic `Name<Rule>`, so that each name keeps its own inherent methods, docs and `Debug` text.
macro_rules! name {
    ($(#[$doc:meta])* pub struct $name:ident; check = $check:path;) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// The name as it stands on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::names::NameError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $check(text)?;
                Ok(Self(std::sync::Arc::from(text)))
            }
        }

        impl TryFrom<&str> for $name {
            type Error = $crate::names::NameError;

            fn try_from(text: &str) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        // Sound because the derived `Eq`, `Ord` and `Hash` are those of the text.
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str($crate::names::NameVisitor::new(stringify!($name)))
            }
        }
    };
}
pub(crate) use name;
