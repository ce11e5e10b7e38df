//! One process of Redis, whatever its role: started, frozen, killed, started again on the same port.

use std::{
    ffi::OsString,
    fmt, io,
    net::SocketAddr,
    process::{Child, Stdio},
};

use nix::sys::signal::Signal;

use super::{CommandStats, Connection, Port, Reply, keeper};
use crate::{Host, directory::Directory, signal, until};

/// Which program to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    Server,
    Sentinel,
}

/// A process with its port, its files and its log. Dropping it kills the process.
pub struct RedisProcess {
    program: Program,
    host: Host,
    port: Port,
    directory: Directory,
    /// Nothing while it is down.
    child: Option<Child>,
}

impl RedisProcess {
    /// Writes `settings`, to which port and folder are added, starts the process and waits until it answers.
    pub(super) async fn start(program: Program, host: Host, port: Port, settings: &str) -> Self {
        let directory = Directory::new();
        let folder = directory.path("").display().to_string();
        let text = format!("port {}\ndir {folder}\n{BASE}{settings}", port.number());
        directory.write("redis.conf", &text);
        let mut process = Self {
            program,
            host,
            port,
            directory,
            child: None,
        };
        process.revive().await;
        process
    }

    /// Where other processes under test reach it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host.peers(), self.port.number())
    }

    /// A connection of the test's own.
    ///
    /// # Errors
    /// The process is down or frozen.
    pub async fn connect(&self) -> io::Result<Connection> {
        Connection::open(SocketAddr::new(self.host.tests(), self.port.number())).await
    }

    /// One command on a connection of its own; a process that does not answer is a failure of the test.
    pub async fn command(&self, words: &[&str]) -> Reply {
        match self.try_command(words).await {
            Ok(reply) => reply,
            Err(error) => panic!("{self}: {words:?}: {error}\n{}", self.log()),
        }
    }

    /// One command on a connection of its own.
    ///
    /// # Errors
    /// The process does not answer.
    pub async fn try_command(&self, words: &[&str]) -> io::Result<Reply> {
        self.connect().await?.command(words).await
    }

    /// Whether the process says that it is a `role`: "master" or "slave" of `ROLE`. None also while it does not answer:
    /// a node whose role changes cuts off its clients.
    pub async fn is_role(&self, role: &str) -> Option<()> {
        let reply = self.try_command(&["ROLE"]).await.ok()?;
        (reply.list().first()?.text() == role).then_some(())
    }

    /// One section of `INFO`, as text.
    pub async fn info(&self, section: &str) -> String {
        self.command(&["INFO", section]).await.accepted().text()
    }

    /// How often each command was called so far.
    pub async fn command_stats(&self) -> CommandStats {
        CommandStats::read(&self.info("commandstats").await)
    }

    /// Everything that the process has logged, over all of its runs.
    #[must_use]
    pub fn log(&self) -> String {
        self.directory.log()
    }

    /// Whether it was started and not killed since.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.child.is_some()
    }

    /// Kills the process (SIGKILL) and returns when it is gone: ports closed, connections reset.
    pub async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Fails only for a process that has ended by itself, which is what is wanted.
            drop(child.kill());
            until("a killed process ends", async || child.try_wait().ok()?).await;
        }
    }

    /// Stops the process where it stands (SIGSTOP): its sockets stay open, connects still succeed, nothing is answered.
    pub async fn freeze(&self) {
        signal::freeze(self.id()).await;
    }

    /// Lets a frozen process go on (SIGCONT).
    pub fn thaw(&self) {
        signal::send(self.id(), Signal::SIGCONT);
    }

    /// Starts a killed process again on the same port. A server comes back empty: nothing is ever saved.
    pub async fn revive(&mut self) {
        assert!(!self.is_up(), "{self} runs already");
        let mut words = self.host.prefix();
        let program = match self.program {
            Program::Server => "redis-server",
            Program::Sentinel => "redis-sentinel",
        };
        words.push(program.into());
        words.push(self.directory.path("redis.conf").into());
        self.child = Some(self.launch(words));
        until("Redis answers", async || {
            self.assert_runs();
            let info = self.try_command(&["INFO", "server"]).await.ok()?.text();
            // Whoever else might listen on this port must not be taken for it.
            let id = format!("process_id:{}\r\n", self.id());
            info.contains(&id).then_some(())
        })
        .await;
    }

    fn launch(&self, words: Vec<OsString>) -> Child {
        let mut command = keeper::command(words);
        command
            .stdin(Stdio::null())
            .stdout(self.directory.append_log())
            .stderr(self.directory.append_log());
        match keeper::start(command) {
            Ok(child) => child,
            Err(error) => panic!("setpriv cannot be started: {error}"),
        }
    }

    fn assert_runs(&mut self) {
        let ended = self.child.as_mut().and_then(|child| child.try_wait().ok());
        if let Some(Some(status)) = ended {
            self.child = None;
            panic!("{self} ended with {status}:\n{}", self.log());
        }
    }

    fn id(&self) -> u32 {
        match &self.child {
            Some(child) => child.id(),
            None => panic!("{self} is down"),
        }
    }
}

impl Drop for RedisProcess {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Both fail only if the process has ended by itself.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl fmt::Debug for RedisProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}", self.program, self.address())
    }
}

impl fmt::Display for RedisProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// For every role: nothing of a machine's own configuration, nothing reachable that needs a password.
const BASE: &str = "protected-mode no\ndaemonize no\nlogfile \"\"\n";
