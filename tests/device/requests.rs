//! Requests and their answers, whatever they are about (checklist 16–21).

use serde_json::{Value, json};
use testkit::{EdgeConfig, Phone, RawFrame, RawSocket, TestCluster, TestEdge, Token};
use tokio_tungstenite::tungstenite::Message;

use crate::pair::{alice_and_bob, outgoing};

fn token() -> Token {
    Phone::token("alice", "phone", "1001")
}

/// Requests of every shape, with the code if they are refused before anybody looks at a call.
fn requests() -> Vec<(Value, Option<u64>)> {
    let call = json!({"line": 0, "call_id": "nobody's call"});
    let with = |more: Value| {
        let mut request = call.clone();
        let members = more.as_object().expect("an object").clone();
        request.as_object_mut().expect("an object").extend(members);
        request
    };
    let jsep = json!({"type": "offer", "sdp": "v=0"});
    vec![
        (json!({"request": "nonsense"}), Some(453)),
        (json!({"request": "nonsense", "line": null}), Some(453)),
        (with(json!({"request": "nonsense"})), Some(453)),
        (
            with(json!({"request": "transfer", "number": "1"})),
            Some(457),
        ),
        (
            json!({"request": "hangup", "line": null, "call_id": "c"}),
            Some(457),
        ),
        (json!({"request": "hangup", "line": 0}), Some(456)),
        (json!({"request": "hangup", "call_id": "c"}), Some(456)),
        (with(json!({"request": "accept"})), Some(456)),
        (with(json!({"request": "accept", "jsep": 1})), Some(467)),
        (
            with(json!({"request": "outgoing_call", "number": "1", "from": "2", "jsep": jsep})),
            Some(457),
        ),
        (with(json!({"request": "hangup"})), None),
        (with(json!({"request": "decline", "refer_id": null})), None),
        (with(json!({"request": "hold"})), None),
        (with(json!({"request": "unhold"})), None),
        (with(json!({"request": "accept", "jsep": jsep})), None),
        (with(json!({"request": "update", "jsep": jsep})), None),
        (
            with(json!({"request": "peer_message", "type": "x", "data": null})),
            None,
        ),
        (
            json!({"request": "ice_trickle", "line": 0, "candidate": null}),
            None,
        ),
        (json!({"request": "presence_update", "settings": {}}), None),
    ]
}

#[tokio::test]
async fn c16_c19_every_request_is_answered_once_with_what_it_was_about() {
    let edge = TestEdge::demo().await;
    let mut phone = Phone::attach(&edge, &token()).await;
    for (number, (mut request, code)) in requests().into_iter().enumerate() {
        let transaction = format!("t-{number}");
        request["transaction"] = json!(transaction);
        phone.send(&request).await;
        let answer = phone
            .find(
                |frame| frame["transaction"] == transaction.as_str(),
                "an answer",
            )
            .await;
        let response = answer["response"].as_str().expect("a response");
        assert!(["ack", "error"].contains(&response), "{answer}");
        for member in ["line", "call_id"] {
            assert_eq!(
                answer.get(member),
                request.get(member),
                "{member}: {answer}"
            );
        }
        if response == "error" {
            assert!(
                answer["code"].is_u64() && answer["reason"].is_string(),
                "{answer}"
            );
        }
        if let Some(code) = code {
            assert_eq!(answer["code"], code, "{request}");
        }
        let more = phone.before_echo().await;
        assert!(
            more.iter().all(|frame| frame["response"].is_null()),
            "{more:?}"
        );
    }
}

#[tokio::test]
async fn c16_answers_keep_the_order_of_a_burst_of_requests() {
    let edge = TestEdge::demo().await;
    let mut phone = Phone::attach(&edge, &token()).await;
    let burst: Vec<Value> = (0..30)
        .map(|number| {
            json!({"request": "hangup", "transaction": format!("t-{number}"), "line": 0, "call_id": "c"})
        })
        .collect();
    phone.send_all(&burst).await;
    for request in &burst {
        let answer = phone
            .find(|frame| !frame["response"].is_null(), "an answer")
            .await;
        assert_eq!(answer["transaction"], request["transaction"]);
    }
}

#[tokio::test]
async fn c17_the_same_request_again_is_answered_as_before() {
    let edge = TestEdge::demo().await;
    let mut phone = Phone::attach(&edge, &token()).await;
    for (number, (mut request, _)) in requests().into_iter().enumerate() {
        request["transaction"] = json!(format!("t-{number}"));
        phone.send_all(&[request.clone(), request.clone()]).await;
        let first = phone.next_frame().await;
        phone.before_echo().await;
        phone.send(&request).await;
        let again = phone
            .find(|frame| !frame["response"].is_null(), "an answer")
            .await;
        assert_eq!(first, again);
    }
}

#[tokio::test]
async fn c17_a_call_that_is_asked_for_again_and_again_rings_once() {
    let cluster = TestCluster::start(2).await;
    let (mut alice, mut bob) = alice_and_bob(&cluster).await;
    let mut call = outgoing("1002");
    call["transaction"] = json!("transaction-of-the-call");
    alice
        .send_all(&[call.clone(), call.clone(), call.clone()])
        .await;
    bob.event("incoming_call").await;
    alice.find_event("ringing").await;
    alice.send(&call).await;
    let heard = alice.before_echo().await;
    let count = |name: &str, value: &str| heard.iter().filter(|frame| frame[name] == value).count();
    // Those that came before the answer share it; the one that came later has it again.
    assert_eq!(
        (count("response", "ack"), count("response", "error")),
        (2, 0)
    );
    assert_eq!(count("event", "calling"), 1);
    bob.silent().await;
}

#[tokio::test]
async fn c18_the_same_transactions_on_two_sockets_do_not_mix() {
    let edge = TestEdge::demo().await;
    let mut alice = Phone::attach(&edge, &token()).await;
    let mut bob = Phone::attach(&edge, &Phone::token("bob", "phone", "1002")).await;
    let ask = |call: &str, number: u32| json!({"request": "hangup", "transaction": format!("t-{number}"), "line": 0, "call_id": call});
    for number in 0..10 {
        alice.send(&ask("of alice", number)).await;
        bob.send(&ask("of bob", number)).await;
    }
    for number in 0..10 {
        for (phone, call) in [(&mut alice, "of alice"), (&mut bob, "of bob")] {
            let answer = phone
                .find(|frame| !frame["response"].is_null(), "an answer")
                .await;
            assert_eq!(answer["call_id"], call);
            assert_eq!(answer["transaction"], format!("t-{number}"));
        }
    }
    // Nor do those of one device before and after its reconnect.
    let mut again = Phone::attach(&edge, &token()).await;
    again.send(&ask("another", 1)).await;
    assert_eq!(again.next_frame().await["call_id"], "another");
}

#[tokio::test]
async fn c20_what_is_no_frame_closes_with_4501() {
    let edge = TestEdge::demo().await;
    let texts = [
        "",
        "{",
        "[]",
        "null",
        "\"keepalive\"",
        "{}",
        r#"{"handshake":"state"}"#,
        r#"{"event":"registered"}"#,
        r#"{"response":"ack","transaction":"t"}"#,
        r#"{"request":"hangup"}"#,
        r#"{"request":1,"transaction":"t"}"#,
    ];
    let texts = texts.into_iter().map(Message::text);
    for message in texts.chain([Message::binary(&b"{}"[..])]) {
        let mut phone = Phone::attach(&edge, &token()).await;
        phone.send_message(message.clone()).await;
        assert_eq!(phone.expect_close().await.code, 4501, "{message:?}");
    }
}

#[tokio::test]
async fn c21_a_frame_over_the_limit_closes_with_1009() {
    let edge = EdgeConfig::demo()
        .section("device", "frame_bytes", 1000)
        .start()
        .await;
    let keepalive = |length: usize| {
        let text = format!(
            r#"{{"handshake":"keepalive","transaction":"{}"}}"#,
            "t".repeat(length)
        );
        (text.len(), text)
    };
    let door = Phone::door(&token().sign(), testkit::Force::True);
    let mut socket = RawSocket::upgraded(&edge, &door).await;
    socket.text().await;
    let (overhead, _) = keepalive(0);
    let (length, fits) = keepalive(1000 - overhead);
    assert_eq!(length, 1000);
    socket.send(&RawFrame::text(&fits)).await;
    assert_eq!(socket.text().await["handshake"], "keepalive");
    socket
        .send(&RawFrame::text(&keepalive(1001 - overhead).1))
        .await;
    assert_eq!(socket.closed().await.code, 1009);
}

#[tokio::test]
async fn a_client_that_asks_too_fast_is_told_so_and_then_closed_with_1008() {
    let edge = EdgeConfig::demo()
        .section("device", "requests_per_second", 1)
        .section("device", "request_burst", 5)
        .start()
        .await;
    let mut phone = Phone::attach(&edge, &token()).await;
    for number in 0..20 {
        let answer = phone
            .ask(json!({"request": "presence_update", "settings": {}}))
            .await;
        if number > 7 {
            assert_eq!(answer["code"], 490, "{answer}");
        }
    }
    let flood: Vec<Value> = (0..200)
        .map(|number| json!({"handshake": "keepalive", "transaction": number.to_string()}))
        .collect();
    phone.send_all(&flood).await;
    assert_eq!(phone.find_close().await.code, 1008);
}

#[tokio::test]
async fn requests_count_as_messages_of_the_app() {
    let app = testkit::App::demo().plan("max_messages", 3);
    let edge = EdgeConfig::new().app(app).start().await;
    let mut phone = Phone::attach(&edge, &token()).await;
    let request = || json!({"request": "presence_update", "settings": {}});
    for number in 0..6 {
        let code = phone.ask(request()).await["code"].as_u64();
        assert_eq!(code == Some(490), number >= 3, "request {number}: {code:?}");
    }
    // Being there costs nothing.
    phone.silent().await;
    let usage = edge.rest().get("/v1/usage").await.ok();
    assert_eq!(usage["messagesUsed"], 6, "{usage}");
}
