//! Where a process runs: on this machine as it is, or inside a network namespace.

use std::{
    ffi::OsString,
    net::{IpAddr, Ipv4Addr},
};

/// A place with addresses of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    namespace: Option<String>,
    peers: IpAddr,
    tests: IpAddr,
}

impl Host {
    /// The loopback interface of this machine.
    #[must_use]
    pub fn local() -> Self {
        Self {
            namespace: None,
            peers: IpAddr::V4(Ipv4Addr::LOCALHOST),
            tests: IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }

    /// A named network namespace: `peers` is how the processes under test reach this host, `tests` how the test does.
    #[must_use]
    pub fn namespace(name: &str, peers: IpAddr, tests: IpAddr) -> Self {
        Self {
            namespace: Some(name.to_owned()),
            peers,
            tests,
        }
    }

    /// The address by which other processes under test know this host.
    #[must_use]
    pub fn peers(&self) -> IpAddr {
        self.peers
    }

    /// The address by which the test reaches this host, also while it is cut off from its peers.
    #[must_use]
    pub fn tests(&self) -> IpAddr {
        self.tests
    }

    /// What stands before a command line so that it runs here.
    #[must_use]
    pub fn prefix(&self) -> Vec<OsString> {
        let enter = |name: &String| ["ip", "netns", "exec", name].map(OsString::from).into();
        self.namespace.as_ref().map_or_else(Vec::new, enter)
    }
}
