//! One edge as a real process: started on free ports, found by what it prints, gone when dropped.

use std::{
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Output, Stdio},
    thread,
};

use nix::sys::signal::Signal;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::{EdgeConfig, Rest, Scrape, directory::Directory, signal, until, within};

/// The metric of the sessions that an edge holds.
pub(crate) const SESSIONS: &str = "switchboard_sessions";

/// A running edge. Dropping it kills the process; a test that fails while it runs shows the end of its log.
#[derive(Debug)]
pub struct TestEdge {
    process: Child,
    /// Held open, since a process that prints into a closed pipe dies of it.
    _stdout: Lines<BufReader<ChildStdout>>,
    directory: Directory,
    listen: SocketAddr,
    admin: SocketAddr,
}

impl TestEdge {
    /// Starts an edge with [`EdgeConfig::demo`].
    pub async fn demo() -> Self {
        EdgeConfig::demo().start().await
    }

    /// Starts an edge and waits until both of its listeners are announced.
    pub async fn start(config: &EdgeConfig) -> Self {
        let directory = Directory::new();
        directory.write_config(config);
        let mut process = command(&directory, config)
            .stdout(Stdio::piped())
            .stderr(directory.log_file())
            .spawn()
            .expect("the binary was found, so it can be started");
        let pipe = process.stdout.take().expect("stdout is piped just above");
        let mut stdout = BufReader::new(pipe).lines();
        let announced = within(
            "the edge announces its listeners",
            announcements(&mut stdout),
        )
        .await;
        let Some((listen, admin)) = announced else {
            panic!("the edge did not start:\n{}", directory.log());
        };
        Self {
            process,
            _stdout: stdout,
            directory,
            listen,
            admin,
        }
    }

    /// Runs the binary with arguments until it ends by itself, for what it does without serving.
    pub async fn run(config: &EdgeConfig, arguments: &[&str]) -> Output {
        let directory = Directory::new();
        directory.write_config(config);
        let run = command(&directory, config).args(arguments).output();
        within("the binary ends by itself", run)
            .await
            .expect("the binary was found, so it can be started")
    }

    /// Where clients connect.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// The control plane without a credential.
    #[must_use]
    pub fn anonymous(&self) -> Rest {
        Rest::new(&format!("http://{}", self.listen))
    }

    /// The control plane with the secret key of [`App::demo`](crate::App::demo).
    #[must_use]
    pub fn rest(&self) -> Rest {
        self.anonymous().bearer("sk_id_demo:sk_secret_demo")
    }

    /// The admin listener.
    #[must_use]
    pub fn admin(&self) -> Rest {
        Rest::new(&format!("http://{}", self.admin))
    }

    /// A reading of `/metrics`.
    pub async fn scrape(&self) -> Scrape {
        let answer = self.admin().get("/metrics").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        Scrape::new(answer.text)
    }

    /// Waits until the edge holds so many sessions.
    pub async fn holds(&self, sessions: u32) {
        until("so many sessions are left", async || {
            let held = self.scrape().await.value(SESSIONS)?;
            (held == f64::from(sessions)).then_some(())
        })
        .await;
    }

    /// Everything that the process has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.directory.log()
    }

    /// Replaces the configuration file in one step. The edge is not told: see [`TestEdge::reload`].
    pub fn write_config(&self, config: &EdgeConfig) {
        self.directory.write_config(config);
    }

    /// Asks the edge to read its file again (SIGHUP).
    pub async fn reload(&self) {
        signal::send(self.pid(), Signal::SIGHUP);
    }

    /// Asks the edge to leave (SIGTERM) and returns at once.
    pub async fn terminate(&self) {
        signal::send(self.pid(), Signal::SIGTERM);
    }

    /// Waits until the process has ended.
    pub async fn exited(&mut self) -> ExitStatus {
        within("the edge exits", self.process.wait())
            .await
            .expect("a child that was not reaped can be waited for")
    }

    /// Asks the edge to leave and waits until it has.
    pub async fn stop(&mut self) -> ExitStatus {
        self.terminate().await;
        self.exited().await
    }

    /// Stops the process where it stands (SIGSTOP): sockets stay open, and it is late for everything until
    /// [`TestEdge::thaw`].
    pub async fn freeze(&self) {
        signal::freeze(self.pid()).await;
    }

    /// Lets a frozen process go on (SIGCONT).
    pub async fn thaw(&self) {
        signal::send(self.pid(), Signal::SIGCONT);
    }

    /// Kills the process (SIGKILL) and returns when it is gone: no goodbye to anybody.
    pub async fn kill(&mut self) {
        signal::send(self.pid(), Signal::SIGKILL);
        self.exited().await;
    }

    /// The most memory that the process has held at any time, in bytes (`VmHWM` of proc(5)).
    #[must_use]
    pub fn peak_resident_bytes(&self) -> u64 {
        let kibibytes = signal::status(self.pid(), "VmHWM");
        let number = kibibytes.trim_end_matches("kB").trim().parse::<u64>();
        number.expect("the kernel writes a number of kB") * 1024
    }

    /// Whether the process has not ended yet, as far as the test has waited for its end.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.process.id().is_some()
    }

    /// The id of the process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id().expect("the edge still runs")
    }
}

impl Drop for TestEdge {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = self.directory.log();
            let start = log.len().saturating_sub(LOG_TAIL_BYTES);
            let tail = log.get(start..).unwrap_or(&log);
            eprintln!("--- the end of the edge's log ---\n{tail}\n---");
        }
    }
}

/// The edge's binary: `$SWITCHBOARD_BIN`, else the one that was built beside this test.
#[must_use]
pub fn binary() -> PathBuf {
    let path = env::var_os("SWITCHBOARD_BIN").map_or_else(beside_this_test, PathBuf::from);
    assert!(
        path.is_file(),
        "no edge at {}: run `cargo build -p edge`, or set SWITCHBOARD_BIN",
        path.display()
    );
    path
}

/// `target/<profile>/switchboard`, seen from `target/<profile>/deps/<test>`.
fn beside_this_test() -> PathBuf {
    let test = env::current_exe().expect("a running test knows its own path");
    let profile = test.parent().and_then(Path::parent);
    profile.map_or_else(PathBuf::new, |profile| profile.join("switchboard"))
}

/// The command with an environment of its own: nothing of the caller's settings leaks into a test.
fn command(directory: &Directory, config: &EdgeConfig) -> Command {
    let mut words = config.host().prefix();
    words.push(binary().into());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    let listen = format!("{}:0", config.host().tests());
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("SWITCHBOARD_") {
            command.env_remove(name);
        }
    }
    command
        .env("SWITCHBOARD_CONFIG", directory.config_path())
        .env("SWITCHBOARD_LISTEN", &listen)
        .env("SWITCHBOARD_ADMIN_LISTEN", &listen)
        .envs(config.variables())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// The two addresses that the edge prints, or nothing if it ends first.
async fn announcements(
    stdout: &mut Lines<BufReader<ChildStdout>>,
) -> Option<(SocketAddr, SocketAddr)> {
    let (mut listen, mut admin) = (None, None);
    loop {
        let line = stdout.next_line().await.ok().flatten()?;
        if let Some(address) = line.strip_prefix("switchboard listening on http://") {
            listen = address.parse().ok();
        }
        if let Some(address) = line.strip_prefix("switchboard admin on http://") {
            admin = address.parse().ok();
        }
        if let (Some(listen), Some(admin)) = (listen, admin) {
            return Some((listen, admin));
        }
    }
}

const LOG_TAIL_BYTES: usize = 8192;
