//! Clients that come, stay and do nothing, thousands of them: in a process of their own, since one process may not have as
//! many sockets as all of them need.

use std::{
    io::{self, Read as _},
    net::SocketAddr,
    process::{ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use serde_json::json;
use testkit::{
    TestEdge, Token,
    load::{
        Heard,
        links::{LinkId, Links, Owner},
        stage::{Outcome, Part, Stage, histogram},
        stream::Tally,
        wire,
    },
    within,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, ChildStdout, Command},
};

/// What this program is started with to be such a process.
pub(crate) const WORD: &str = "--residents";

/// The clients of one edge.
#[derive(Debug)]
pub(crate) struct Residents {
    process: Child,
    stdout: BufReader<ChildStdout>,
}

impl Residents {
    /// Starts the process and waits for nothing. Each client has a device, and is with one other in a channel.
    pub(crate) fn start(edge: &TestEdge, stem: &str, count: usize) -> Self {
        let program = std::env::current_exe().expect("a running program knows its own path");
        let mut process = Command::new(program)
            .args([WORD, &edge.listen().to_string(), stem, &count.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("what runs can be started once more");
        let pipe = process.stdout.take().expect("stdout is piped just above");
        Self {
            process,
            stdout: BufReader::new(pipe),
        }
    }

    /// Waits until all of them have come.
    pub(crate) async fn arrived(&mut self) {
        let mut line = String::new();
        let said = tokio::time::timeout(ARRIVE_WITHIN, self.stdout.read_line(&mut line)).await;
        let said = said.expect("all come in time");
        said.expect("a pipe can be read");
        assert_eq!(line, ARRIVED, "the clients did not all come");
    }

    /// Has them go; a failure of the row if one was sent away before, or was refused anything.
    pub(crate) async fn leave(mut self) {
        // Its end is the word to go.
        drop(self.process.stdin.take());
        let status = within("the clients go", self.process.wait()).await;
        let status = status.expect("a child that was not reaped can be waited for");
        assert!(status.success(), "the clients had no rest: {status}");
    }
}

/// The other process: an address, the stem of the names and how many.
pub(crate) fn reside(words: impl Iterator<Item = String>) -> ExitCode {
    let words: Vec<String> = words.collect();
    match stay(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("residents: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn stay(words: &[String]) -> anyhow::Result<()> {
    let [edge, stem, count] = words else {
        anyhow::bail!("{WORD} takes an address, a name and a number");
    };
    let edge: SocketAddr = edge.parse().context("no address")?;
    let company = Company::new(stem, count.parse().context("no number")?);
    let mut stage = Stage::new(&[edge], SOURCES, vec![Box::new(company)])?;
    stage.gather(AT_ONCE, ARRIVE_WITHIN)?;
    print!("{ARRIVED}");
    // However it ends, whoever started this wants no more of it.
    let word = thread::spawn(|| io::stdin().read_to_end(&mut Vec::new()));
    while !word.is_finished() {
        stage.rest(TURN)?;
    }
    let tally = stage.outcome()?.tally;
    ensure!(tally.is_clean(), "{tally:?}");
    Ok(())
}

/// All clients of the process.
#[derive(Debug)]
struct Company {
    credentials: Vec<String>,
    acks: usize,
    tally: Tally,
}

impl Company {
    fn new(stem: &str, count: usize) -> Self {
        let token = |number: usize| {
            let token = Token::peer(&format!("{stem}-{number}")).claim("device", json!("phone"));
            format!("token={}", token.expires_in(3600).sign())
        };
        Self {
            credentials: (0..count).map(token).collect(),
            acks: 0,
            tally: Tally::default(),
        }
    }
}

impl Part for Company {
    fn size(&self) -> usize {
        self.credentials.len()
    }

    fn enter(&mut self, links: &mut Links, owner: Owner) -> io::Result<LinkId> {
        links.connect(&self.credentials[owner.member], owner)
    }

    fn hear(
        &mut self,
        links: &mut Links,
        heard: Heard<'_>,
        link: LinkId,
        member: usize,
        _at: Instant,
    ) {
        match heard {
            // The same number on the other edge is in the same channel.
            Heard::Welcome(_) => links.send(link, &wire::subscribe(&format!("room-{member}"))),
            Heard::Ack => self.acks += 1,
            Heard::Presence | Heard::Ping => {}
            Heard::Refused(_) => self.tally.unanswered += 1,
            Heard::Message(_) | Heard::Direct(_) | Heard::Unknown => self.tally.malformed += 1,
            Heard::Closed => self.tally.broken += 1,
        }
    }

    fn is_ready(&self) -> bool {
        self.acks == self.size()
    }

    fn outcome(&self) -> Outcome {
        Outcome {
            units: self.acks as u64,
            latency: histogram(),
            tally: self.tally,
        }
    }
}

const ARRIVED: &str = "arrived\n";
const ARRIVE_WITHIN: Duration = Duration::from_secs(120);
/// Connects under way.
const AT_ONCE: usize = 64;
/// Source addresses, from 127.0.0.1 on: the ports of one do not suffice for several runs in a row.
const SOURCES: u8 = 8;
/// Between two looks at whether it is time to go.
const TURN: Duration = Duration::from_millis(100);
