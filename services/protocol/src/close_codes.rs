//! The close codes of a dialect as an enum: what is the same whatever the codes are.

/// Makes `CloseCode` of a dialect's codes, ascending, and `reason_text`. The dialect beside it says in
/// `farewell(CloseReason) -> (CloseCode, &'static str)` what a reason becomes.
macro_rules! close_codes {
    (
        $(#[$about:meta])+
        pub enum CloseCode {
            $($(#[$means:meta])+ $name:ident = $number:literal,)+
        }
    ) => {
        $(#[$about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum CloseCode {
            $($(#[$means])+ $name,)+
        }

        impl CloseCode {
            /// Every code, ascending, for docs, tests and metrics.
            pub const ALL: [Self; [$($number),+].len()] = [$(Self::$name),+];

            /// The number in the close frame.
            #[must_use]
            pub const fn as_u16(self) -> u16 {
                match self {
                    $(Self::$name => $number,)+
                }
            }
        }

        impl From<CloseReason> for CloseCode {
            fn from(reason: CloseReason) -> Self {
                farewell(reason).0
            }
        }

        /// The reason text of the close frame: short, from a closed list, free of secrets.
        #[must_use]
        pub const fn reason_text(reason: CloseReason) -> &'static str {
            farewell(reason).1
        }
    };
}

pub(crate) use close_codes;
