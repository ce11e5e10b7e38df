//! A connection to a Redis process: commands out, replies in, with a deadline.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncWriteExt as _, BufReader},
    net::TcpStream,
    time::timeout,
};

use super::Reply;

/// One connection. It knows commands and replies, and nothing of what they mean.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens there, or nobody answers in time.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = timeout(PATIENCE, TcpStream::connect(address)).await??;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// One command and its reply; an error of Redis is a reply as well.
    ///
    /// # Errors
    /// The connection ended, or no reply came in time.
    pub async fn command<W: AsRef<[u8]>>(&mut self, words: &[W]) -> io::Result<Reply> {
        self.send(words).await?;
        self.reply().await
    }

    /// Writes a command and waits for nothing.
    ///
    /// # Errors
    /// The connection ended, or takes nothing.
    pub async fn send<W: AsRef<[u8]>>(&mut self, words: &[W]) -> io::Result<()> {
        let mut bytes = Vec::new();
        encode(&mut bytes, words);
        self.write(&bytes).await
    }

    /// Writes the same command many times in few writes, and reads the replies: as fast as Redis can be asked.
    ///
    /// # Errors
    /// The connection ended, or a reply did not come in time.
    pub async fn repeat<W: AsRef<[u8]>>(
        &mut self,
        words: &[W],
        times: usize,
    ) -> io::Result<Vec<Reply>> {
        const BATCH: usize = 1000;
        let mut replies = Vec::with_capacity(times);
        while replies.len() < times {
            let count = BATCH.min(times - replies.len());
            let mut bytes = Vec::new();
            for _ in 0..count {
                encode(&mut bytes, words);
            }
            self.write(&bytes).await?;
            for _ in 0..count {
                replies.push(self.reply().await?);
            }
        }
        Ok(replies)
    }

    /// The next reply, or the next message of a subscription.
    ///
    /// # Errors
    /// The connection ended, or nothing came in time.
    pub async fn reply(&mut self) -> io::Result<Reply> {
        timeout(PATIENCE, Reply::read(&mut self.stream)).await?
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        timeout(PATIENCE, self.stream.write_all(bytes)).await?
    }
}

fn encode<W: AsRef<[u8]>>(bytes: &mut Vec<u8>, words: &[W]) {
    bytes.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words.iter().map(AsRef::as_ref) {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
}

/// Longer than any command of a test takes, shorter than a test's own patience.
const PATIENCE: Duration = Duration::from_secs(10);
