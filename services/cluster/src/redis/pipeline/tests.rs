//! The server is the other end of a pipe that the test holds.

use tokio::io::{DuplexStream, duplex};

use super::*;

/// A pipeline and the server's end of it.
fn pipeline() -> (Arc<Pipeline>, DuplexStream) {
    let (ours, theirs) = duplex(1024 * 1024);
    let (pipeline, connection) = Pipeline::over(ours, &TaskTracker::new());
    drop(connection.detach());
    (Arc::new(pipeline), theirs)
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
        let answer = b"*4\r\n:1\r\n$-1\r\n$2\r\nok\r\n$1\r\n\xff\r\n";
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
    let (pipeline, connection) = Pipeline::over(ours, &TaskTracker::new());
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
