//! The closed sets that labels come from.

use protocol::close::CloseReason;

/// Declares a closed set of label values.
macro_rules! labels {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl super::Label for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)*];

            fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

labels! {
    /// How a connection attempt at a door ended.
    Outcome {
        /// The client got its welcome.
        Admitted = "admitted",
        /// No, wrong or expired credential, or a foreign origin.
        Unauthorized = "unauthorized",
        /// A good token that claims more than its key has.
        OutOfScope = "out_of_scope",
        /// Not a member of the room, or a foreign page with a cookie.
        NotMember = "not_member",
        /// The app is suspended.
        Suspended = "suspended",
        /// The app's concurrent sessions are used up.
        OverConcurrentLimit = "over_concurrent_limit",
        /// Too many attempts from one address.
        TooManyConnects = "too_many_connects",
        /// A newer session of the device came first.
        TakenOver = "taken_over",
        /// Another session of the device is attached, and the client would not take its place.
        DeviceAttached = "device_attached",
        /// The cluster backend could not be asked.
        BackendUnavailable = "backend_unavailable",
        /// No proper WebSocket upgrade.
        BadUpgrade = "bad_upgrade",
        /// The edge drains.
        Draining = "draining",
        /// The client went away before its welcome.
        Abandoned = "abandoned",
    }
}

impl Outcome {
    /// How a session counts that was closed before its welcome.
    #[must_use]
    pub fn of(reason: CloseReason) -> Self {
        match reason {
            CloseReason::ScopeMismatch => Self::OutOfScope,
            CloseReason::AppSuspended => Self::Suspended,
            CloseReason::MembershipEnded => Self::NotMember,
            CloseReason::OverConcurrentLimit => Self::OverConcurrentLimit,
            CloseReason::TakenOver => Self::TakenOver,
            CloseReason::DeviceAttached => Self::DeviceAttached,
            CloseReason::BackendUnavailable => Self::BackendUnavailable,
            CloseReason::GoingAway => Self::Draining,
            CloseReason::InvalidToken
            | CloseReason::TokenExpired
            | CloseReason::OriginRefused
            | CloseReason::KeyRemoved => Self::Unauthorized,
            CloseReason::ClientClosed
            | CloseReason::ConnectionLost
            | CloseReason::ProtocolViolation
            | CloseReason::InvalidUtf8
            | CloseReason::PolicyViolation
            | CloseReason::TooBig
            | CloseReason::SlowConsumer
            | CloseReason::PongTimeout
            | CloseReason::HandshakeTimeout
            | CloseReason::OverMessageRate
            | CloseReason::Kicked
            | CloseReason::InternalError
            | CloseReason::RoomClosed
            | CloseReason::NotUnderstood => Self::Abandoned,
        }
    }
}

labels! {
    /// Kinds of frames from clients.
    FrameIn {
        /// A subscribe.
        Subscribe = "subscribe",
        /// An unsubscribe.
        Unsubscribe = "unsubscribe",
        /// A publish.
        Publish = "publish",
        /// A send.
        Send = "send",
        /// A request of a device.
        Request = "request",
        /// A JSON ping, or a keepalive.
        Ping = "ping",
        /// A frame that was answered with an error before its kind was known.
        Malformed = "malformed",
        /// A WebSocket ping, pong or close.
        Control = "control",
    }
}

labels! {
    /// Kinds of frames to clients.
    FrameOut {
        /// The first frame.
        Welcome = "welcome",
        /// A positive answer.
        Ack = "ack",
        /// A negative one.
        Error = "error",
        /// A channel's message.
        Message = "message",
        /// A direct.
        Direct = "direct",
        /// What a device is told besides answers.
        Event = "event",
        /// A snapshot or a delta.
        Presence = "presence",
        /// The answer to a JSON ping, or to a keepalive.
        Pong = "pong",
        /// The announcement of a drain.
        GoingAway = "going_away",
        /// A WebSocket ping, pong or close.
        Control = "control",
    }
}

labels! {
    /// Limits that refuse.
    Refusal {
        /// Concurrent sessions of an app.
        Sessions = "sessions",
        /// Messages of an app in its period.
        Messages = "messages",
        /// Messages per second of a session.
        Rate = "rate",
        /// Channels of a session.
        Channels = "channels",
        /// Connects per minute of an address.
        Connects = "connects",
        /// Sockets of an address that have not been admitted.
        Unauthenticated = "unauthenticated",
    }
}

labels! {
    /// How a reload of apps and keys ended.
    Reload {
        /// The new ones are in force.
        Ok = "ok",
        /// The file is bad; the old ones stay.
        Refused = "refused",
    }
}

labels! {
    /// How asking an issuer's endpoint for its keys ended.
    Fetch {
        /// It has keys.
        Ok = "ok",
        /// Not within the time for one fetch.
        Timeout = "timeout",
        /// No address, no connection, no TLS, or cut in the middle.
        Unreachable = "unreachable",
        /// Another status than 2xx.
        Status = "status",
        /// More than a set of keys can be long.
        TooLarge = "too_large",
        /// No set of keys, or none that can be used.
        Garbage = "garbage",
        /// A redirect to another host, or a private address.
        Forbidden = "forbidden",
    }
}

labels! {
    /// What came of a question to the membership webhook.
    WebhookOutcome {
        /// A member.
        Allowed = "allowed",
        /// No member.
        Denied = "denied",
        /// An answer that was still known.
        Cached = "cached",
        /// No usable answer: nobody was admitted.
        Failed = "failed",
    }
}

labels! {
    /// Why a call ended.
    CallEnd {
        /// Somebody hung up after it was answered.
        HungUp = "hung_up",
        /// The caller gave up.
        Cancelled = "cancelled",
        /// The callee declined.
        Declined = "declined",
        /// No line of the callee was free.
        Busy = "busy",
        /// Nobody has the number.
        Unknown = "unknown",
        /// No device could be reached, or none answered in time.
        Unavailable = "unavailable",
        /// One side lost its connection and did not come back.
        Lost = "lost",
    }
}

labels! {
    /// What came of a wake-up.
    WakeOutcome {
        /// The service took it.
        Sent = "sent",
        /// An attempt failed and another follows.
        Retried = "retried",
        /// The service will never take it.
        Refused = "refused",
        /// Every attempt failed for as long as it was worth anything.
        Failed = "failed",
        /// Too many waited already.
        Dropped = "dropped",
    }
}
