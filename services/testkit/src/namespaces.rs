//! Two halves of a network that can be cut apart, while the test still reaches both.
//!
//! Each half is a network namespace. One pair of virtual interfaces joins the halves and is what gets cut: packets are
//! dropped, both ways, without a word, as in a real partition. Another pair leads from each half to the test. Needs root,
//! `ip` and `iptables`; names carry the process's id and are removed at the end.

use std::{
    net::{IpAddr, Ipv4Addr},
    process::{self, Command},
};

use anyhow::{Context as _, ensure};

use crate::Host;

/// The two halves. Dropping it removes them; processes in them have to be gone by then.
#[derive(Debug)]
pub struct Namespaces {
    names: [String; 2],
    octet: u8,
}

impl Namespaces {
    /// Makes both halves and joins them.
    ///
    /// # Errors
    /// Not root, or a tool is missing. The reason is for people.
    pub fn new() -> anyhow::Result<Self> {
        run("iptables --version").context("iptables is needed")?;
        let id = process::id() % 100_000;
        let octet = u8::try_from(id % 250).context("a remainder of 250 is a byte")?;
        let halves = Self {
            names: [format!("sb{id}a"), format!("sb{id}b")],
            octet,
        };
        for name in &halves.names {
            run(&format!("ip netns add {name}")).context("network namespaces need root")?;
            run(&format!("ip -n {name} link set lo up"))?;
        }
        halves.join()?;
        for half in 0..2 {
            halves.reach(half)?;
        }
        Ok(halves)
    }

    /// A half, 0 or 1, as a place for processes.
    #[must_use]
    pub fn host(&self, half: usize) -> Host {
        Host::namespace(&self.names[half], self.peers(half), self.tests(half))
    }

    /// Drops every packet between the halves from now on.
    ///
    /// # Errors
    /// The kernel took no rule.
    pub fn cut(&self) -> anyhow::Result<()> {
        self.rule("-A")
    }

    /// Lets packets pass again.
    ///
    /// # Errors
    /// There was no cut.
    pub fn heal(&self) -> anyhow::Result<()> {
        self.rule("-D")
    }

    fn rule(&self, verb: &str) -> anyhow::Result<()> {
        for name in &self.names {
            run(&format!(
                "ip netns exec {name} iptables {verb} INPUT -i {JOINT} -j DROP"
            ))?;
            run(&format!(
                "ip netns exec {name} iptables {verb} OUTPUT -o {JOINT} -j DROP"
            ))?;
        }
        Ok(())
    }

    fn join(&self) -> anyhow::Result<()> {
        let [a, b] = &self.names;
        run(&format!(
            "ip link add {JOINT} netns {a} type veth peer name {JOINT} netns {b}"
        ))?;
        for (half, name) in self.names.iter().enumerate() {
            run(&format!(
                "ip -n {name} addr add {}/30 dev {JOINT}",
                self.peers(half)
            ))?;
            run(&format!("ip -n {name} link set {JOINT} up"))?;
        }
        Ok(())
    }

    fn reach(&self, half: usize) -> anyhow::Result<()> {
        let name = &self.names[half];
        // The interface on the test's side carries the half's own name.
        run(&format!(
            "ip link add {name} type veth peer name {WAY_IN} netns {name}"
        ))?;
        run(&format!("ip addr add {}/30 dev {name}", self.here(half)))?;
        run(&format!("ip link set {name} up"))?;
        run(&format!(
            "ip -n {name} addr add {}/30 dev {WAY_IN}",
            self.tests(half)
        ))?;
        run(&format!("ip -n {name} link set {WAY_IN} up"))
    }

    fn peers(&self, half: usize) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(10, 213, self.octet, [1, 2][half]))
    }

    fn tests(&self, half: usize) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(10, 214, self.octet, [2, 6][half]))
    }

    fn here(&self, half: usize) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(10, 214, self.octet, [1, 5][half]))
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for name in &self.names {
            // What was never made cannot be removed; its interfaces go with a namespace.
            drop(run(&format!("ip link del {name}")));
            drop(run(&format!("ip netns del {name}")));
        }
    }
}

fn run(line: &str) -> anyhow::Result<()> {
    let mut words = line.split(' ');
    let program = words.next().unwrap_or_default();
    let output = Command::new(program)
        .args(words)
        .output()
        .context(program.to_owned())?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{line}: {}", said.trim());
    Ok(())
}

/// The interface that joins the halves, in each of them.
const JOINT: &str = "joint";
/// The interface that leads from a half to the test.
const WAY_IN: &str = "way-in";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis::SentinelSet;

    #[tokio::test]
    async fn a_cut_separates_the_halves_from_each_other_and_not_from_the_test() {
        let halves = match Namespaces::new() {
            Ok(halves) => halves,
            Err(reason) => return println!("not run: {reason:#}"),
        };
        let (minority, majority) = (halves.host(0), halves.host(1));
        let set = SentinelSet::on([minority, majority.clone(), majority], "").await;
        assert_eq!(set.primary().await, Some(0));
        halves.cut().unwrap();
        let next = set.succeeded(0).await;
        assert_ne!(next, 0, "the majority has elected another one");
        let role = set.node(0).command(&["ROLE"]).await;
        assert_eq!(
            role.list()[0].text(),
            "master",
            "the minority has not heard of it"
        );
        halves.heal().unwrap();
        crate::until("the former primary gives in", async || {
            set.node(0).is_role("slave").await
        })
        .await;
        drop(set);
    }
}
