//! A Redis of a test's own: started on a free port of the loopback address, ended with the test.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fred::clients::Client;
use fred::interfaces::ClientLike;
use fred::prelude::{Builder, Config, Value};
use fred::types::scripts::Script;

use super::Call;

pub(in crate::redis) struct Server {
    pub(in crate::redis) client: Client,
    _process: Process,
}

impl Server {
    /// An empty Redis that answers.
    pub(in crate::redis) async fn start() -> Self {
        // A port that was free a moment ago may be somebody else's when the server asks for it; then the next one is tried.
        for _ in 0..10 {
            let Some((process, port)) = Process::listening().await else {
                continue;
            };
            let config = Config::from_url(&format!("redis://127.0.0.1:{port}")).unwrap();
            let client = Builder::from_config(config).build().unwrap();
            client.init().await.unwrap();
            let pid = format!("process_id:{}\r", process.0.id());
            let server = Self {
                client,
                _process: process,
            };
            // The port may have gone to another test's server, which answers as well.
            let whoami = Script::from_lua("return redis.call('INFO', 'server')");
            let info = server.run(&whoami, (Vec::new(), Vec::new())).await;
            if info.into_string().is_some_and(|info| info.contains(&pid)) {
                return server;
            }
        }
        panic!("no port was free for redis-server");
    }

    /// Runs a script as the backend does.
    pub(in crate::redis) async fn run(&self, script: &Script, call: Call) -> Value {
        let (keys, args) = call;
        script
            .evalsha_with_reload(&self.client, keys, args)
            .await
            .unwrap()
    }
}

/// Killed when it is dropped, on whatever path.
struct Process(Child);

impl Process {
    async fn listening() -> Option<(Self, u16)> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server, of the package of that name, is installed");
        let mut process = Self(child);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if process.0.try_wait().unwrap().is_some() {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Some((process, port))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing left to do then.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
