//! The server is the other end of a pipe that the test holds.

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::*;
use crate::redis::messages::Received;

/// A pipeline and the server's end of it.
fn pipeline() -> (Arc<Pipeline>, DuplexStream) {
    let (pipeline, _messages, server) = with_messages();
    (pipeline, server)
}

fn with_messages() -> (Arc<Pipeline>, Messages, DuplexStream) {
    let (ours, theirs) = duplex(1024 * 1024);
    let (pipeline, messages, connection) = Pipeline::over(ours, &TaskTracker::new());
    drop(connection.detach());
    (Arc::new(pipeline), messages, theirs)
}

/// The next message that is there, as `channel payload`.
fn heard(messages: &mut Messages) -> Option<String> {
    match messages.try_recv()? {
        Received::Message(message) => {
            let payload = std::str::from_utf8(&message.payload).unwrap();
            Some(format!("{} {payload}", &*message.channel))
        }
        Received::Lagged(_) => None,
    }
}

/// Reads until everything of `wanted` has come, and nothing else.
async fn expect(server: &mut DuplexStream, wanted: &str) {
    let mut read = vec![0; wanted.len()];
    server.read_exact(&mut read).await.unwrap();
    assert_eq!(String::from_utf8(read).unwrap(), wanted);
}

/// Answers once something has been asked.
async fn answer(server: &mut DuplexStream, text: &str) {
    let mut some = [0];
    server.read_exact(&mut some).await.unwrap();
    server.write_all(text.as_bytes()).await.unwrap();
}

fn publish(
    pipeline: &Arc<Pipeline>,
    channel: &'static str,
) -> impl Future<Output = Result<u64, Error>> + use<> {
    let pipeline = Arc::clone(pipeline);
    async move { pipeline.publish(channel, b"x").await }
}

#[tokio::test]
async fn what_is_called_together_leaves_together_and_is_answered_in_order() {
    let (pipeline, mut server) = pipeline();
    let serve = async {
        expect(
            &mut server,
            "*3\r\n$7\r\nPUBLISH\r\n$1\r\na\r\n$1\r\nx\r\n*3\r\n$7\r\nPUBLISH\r\n$1\r\nb\r\n$1\r\nx\r\n",
        )
        .await;
        // An answer may come in pieces.
        server.write_all(b":1").await.unwrap();
        server.write_all(b"7\r\n:2\r\n").await.unwrap();
    };
    let (one, two, ()) = tokio::join!(publish(&pipeline, "a"), publish(&pipeline, "b"), serve);
    assert_eq!((one.unwrap(), two.unwrap()), (17, 2));
}

#[tokio::test]
async fn a_refusal_is_its_callers_alone() {
    let (pipeline, mut server) = pipeline();
    let (one, two, three, ()) = tokio::join!(
        publish(&pipeline, "a"),
        publish(&pipeline, "b"),
        publish(&pipeline, "c"),
        answer(
            &mut server,
            "-READONLY You can't write\r\n-WRONGPASS no\r\n:1\r\n"
        ),
    );
    assert!(one.unwrap_err().details().starts_with("READONLY"));
    assert_eq!(*two.unwrap_err().kind(), ErrorKind::Auth);
    assert_eq!(three.unwrap(), 1);
}

#[tokio::test]
async fn a_script_that_redis_does_not_know_is_told_and_run() {
    let (pipeline, mut server) = pipeline();
    let script = Script::from_lua("return 1");
    let sha = script.sha1().clone();
    let evaluate = format!("*4\r\n$7\r\nEVALSHA\r\n$40\r\n{sha}\r\n$1\r\n1\r\n$1\r\nk\r\n");
    let serve = async {
        expect(&mut server, &evaluate).await;
        server.write_all(b"-NOSCRIPT none\r\n").await.unwrap();
        expect(
            &mut server,
            "*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n$8\r\nreturn 1\r\n",
        )
        .await;
        server.write_all(b"$40\r\n").await.unwrap();
        server.write_all(sha.as_bytes()).await.unwrap();
        server.write_all(b"\r\n").await.unwrap();
        expect(&mut server, &evaluate).await;
        let answer = b"*4\r\n:1\r\n_\r\n$2\r\nok\r\n$1\r\n\xff\r\n";
        server.write_all(answer).await.unwrap();
    };
    let keys = ["k".into()];
    let (answer, ()) = tokio::join!(pipeline.script(&script, &keys, &[]), serve);
    let wanted = [
        Value::Integer(1),
        Value::Null,
        Value::String("ok".into()),
        Value::Bytes(Bytes::from_static(b"\xff")),
    ];
    assert_eq!(answer.unwrap().into_array(), wanted);
}

#[tokio::test]
async fn an_end_fails_who_waits_and_who_comes_later() {
    let (pipeline, server) = pipeline();
    let (waiting, ()) = tokio::join!(publish(&pipeline, "a"), async { drop(server) });
    assert_eq!(*waiting.unwrap_err().kind(), ErrorKind::IO);
    let late = publish(&pipeline, "b").await;
    assert_eq!(*late.unwrap_err().kind(), ErrorKind::Canceled);
}

#[tokio::test]
async fn a_connection_that_is_given_up_fails_who_waits() {
    let (ours, _server) = duplex(64);
    let (pipeline, _messages, connection) = Pipeline::over(ours, &TaskTracker::new());
    let pipeline = Arc::new(pipeline);
    let (waiting, ()) = tokio::join!(publish(&pipeline, "a"), async { connection.abort() });
    assert_eq!(*waiting.unwrap_err().kind(), ErrorKind::Canceled);
    assert!(publish(&pipeline, "b").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn one_answer_that_does_not_come_in_time_ends_it() {
    let (pipeline, mut server) = pipeline();
    let (one, two, ()) = tokio::join!(
        publish(&pipeline, "a"),
        publish(&pipeline, "b"),
        answer(&mut server, ":1\r\n"),
    );
    assert_eq!(one.unwrap(), 1);
    assert_eq!(*two.unwrap_err().kind(), ErrorKind::Timeout);
    assert!(publish(&pipeline, "c").await.is_err());
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_ends_it() {
    let (pipeline, mut server) = pipeline();
    server.write_all(b"+hello\r\n").await.unwrap();
    let mut end = Vec::new();
    server.read_to_end(&mut end).await.unwrap();
    assert!(publish(&pipeline, "a").await.is_err());
}

#[tokio::test]
async fn who_publishes_without_waiting_is_told_in_any_case() {
    let (pipeline, mut server) = pipeline();
    let (told, mut heard) = tokio::sync::mpsc::channel(1);
    let publish = || {
        let told = told.clone();
        pipeline.publish_then("a", b"x", move |heard| told.try_send(heard).unwrap());
    };
    publish();
    answer(&mut server, ":3\r\n").await;
    assert_eq!(heard.recv().await.unwrap().unwrap(), 3);
    publish();
    drop(server);
    assert!(heard.recv().await.unwrap().is_err());
    publish();
    assert!(heard.recv().await.unwrap().is_err());
}

#[tokio::test]
async fn messages_come_between_answers_and_are_with_the_reader_before_what_follows_them() {
    let (pipeline, mut messages, mut server) = with_messages();
    let channels = ["a".into(), "b".into()];
    let serve = async {
        expect(
            &mut server,
            "*3\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n$1\r\nb\r\n",
        )
        .await;
        server
            .write_all(
                b">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n\
                >3\r\n$7\r\nmessage\r\n$1\r\na\r\n$3\r\none\r\n\
                >3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n\
                >2\r\n$10\r\ninvalidate\r\n_\r\n\
                >3\r\n$7\r\nmessage\r\n$1\r\nb\r\n$3\r\ntw",
            )
            .await
            .unwrap();
    };
    let (subscribed, ()) = tokio::join!(pipeline.subscribe(&channels), serve);
    subscribed.unwrap();
    assert_eq!(heard(&mut messages).unwrap(), "a one");
    assert_eq!(heard(&mut messages), None);
    let serve = async {
        expect(
            &mut server,
            "*3\r\n$11\r\nUNSUBSCRIBE\r\n$1\r\na\r\n$1\r\nb\r\n",
        )
        .await;
        server
            .write_all(
                b"o\r\n>3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n\
                >3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:0\r\n",
            )
            .await
            .unwrap();
    };
    let (unsubscribed, ()) = tokio::join!(pipeline.unsubscribe(&channels), serve);
    unsubscribed.unwrap();
    assert_eq!(heard(&mut messages).unwrap(), "b two");
}

#[tokio::test]
async fn a_subscription_that_is_refused_is_its_callers_alone() {
    let (pipeline, mut server) = pipeline();
    let channels = ["a".into(), "b".into()];
    let (subscribed, published, ()) = tokio::join!(
        pipeline.subscribe(&channels),
        publish(&pipeline, "c"),
        answer(&mut server, "-NOPERM no\r\n:1\r\n"),
    );
    assert!(subscribed.unwrap_err().details().starts_with("NOPERM"));
    assert_eq!(published.unwrap(), 1);
}

#[tokio::test]
async fn a_confirmation_that_nobody_waits_for_ends_it() {
    let (pipeline, mut server) = pipeline();
    let (published, ()) = tokio::join!(
        publish(&pipeline, "a"),
        answer(&mut server, ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"),
    );
    assert_eq!(*published.unwrap_err().kind(), ErrorKind::Protocol);
}

#[tokio::test]
async fn it_says_who_it_is_and_which_database_it_means() {
    let (pipeline, mut server) = pipeline();
    let config = Config::from_url("redis://ann:secret@127.0.0.1/3").unwrap();
    let serve = async {
        expect(
            &mut server,
            "*5\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$3\r\nann\r\n$6\r\nsecret\r\n",
        )
        .await;
        let hello = b"%2\r\n$5\r\nproto\r\n:3\r\n$7\r\nmodules\r\n*0\r\n";
        server.write_all(hello).await.unwrap();
        expect(&mut server, "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n").await;
        server.write_all(b"+OK\r\n").await.unwrap();
    };
    let (greeted, ()) = tokio::join!(pipeline.greet(&config), serve);
    greeted.unwrap();
}
