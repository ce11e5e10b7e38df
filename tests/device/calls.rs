//! Calls of two phones on two edges, from ring to end (checklist 36–47, 50, 52).

use serde_json::{Value, json};
use testkit::{Force, Phone, RawSocket, TestCluster, TestEdge};

use crate::pair::{
    CALL, accept, alice, alice_and_bob, answer, bob, bobs, hangup, offer, outgoing, request,
    request_of, rings, talk, trickle,
};

#[tokio::test]
async fn c36_c37_c38_c41_c44_a_call_from_ring_to_end() {
    let cluster = TestCluster::start(2).await;
    let (mut alice, mut bob) = alice_and_bob(&cluster).await;
    // Twice, on the same line: it is free right after the first.
    for call in [CALL, "the second call"] {
        let of = |name: &str, more: Value| request_of(call, name, 0, more);
        let outgoing = of("outgoing_call", json!({"number": "1002", "jsep": offer()}));
        alice.acked(outgoing).await;
        let calling = alice.event("calling").await;
        assert_eq!(
            calling,
            json!({"event": "calling", "line": 0, "call_id": call})
        );
        let incoming = bob.event("incoming_call").await;
        assert_eq!(
            incoming,
            json!({"event": "incoming_call", "line": 0, "call_id": call, "caller": "1001",
                "callee": "1002", "jsep": offer()})
        );
        let ringing = alice.event("ringing").await;
        assert_eq!(
            ringing,
            json!({"event": "ringing", "line": 0, "call_id": call})
        );

        bob.acked(of("accept", json!({"jsep": answer()}))).await;
        let accepted = bob.event("accepted").await;
        assert_eq!(
            accepted,
            json!({"event": "accepted", "line": 0, "call_id": call})
        );
        let accepted = alice.event("accepted").await;
        assert_eq!(
            accepted,
            json!({"event": "accepted", "line": 0, "call_id": call, "callee": "1002", "jsep": answer()})
        );

        alice.acked(of("hangup", json!({}))).await;
        alice.event("hangingup").await;
        for phone in [&mut alice, &mut bob] {
            let hangup = phone.event("hangup").await;
            assert_eq!(
                (&hangup["code"], &hangup["call_id"]),
                (&json!(200), &json!(call))
            );
            assert!(hangup["reason"].is_string(), "{hangup}");
        }
    }
    alice.silent().await;
    bob.silent().await;
    let placed = cluster.metric("switchboard_calls_placed_total").await;
    let ended = "switchboard_calls_ended_total{reason=\"hung_up\"}";
    assert_eq!((placed, cluster.metric(ended).await), (2.0, 2.0));
}

#[tokio::test]
async fn c36_descriptions_and_candidates_arrive_letter_by_letter() {
    let cluster = TestCluster::start(2).await;
    let mut alice = alice(cluster.edge(0)).await;
    let door = Phone::door(&Phone::token("bob", "phone", "1002").sign(), Force::True);
    let mut bob = RawSocket::upgraded(cluster.edge(1), &door).await;
    assert_eq!(bob.text().await["handshake"], "state");
    // Blanks, escapes and the order of members are the sender's.
    let jsep = r#"{ "sdp":"\u0041\r\n\/é" ,"type":"offer","x":1e2}"#;
    let text = format!(
        r#"{{"request":"outgoing_call","transaction":"t","line":0,"call_id":"c","number":"1002","jsep":{jsep}}}"#
    );
    alice.send_text(&text).await;
    let (_, heard) = bob.frame().await.expect("a frame");
    let heard = String::from_utf8(heard).expect("text");
    assert!(heard.contains(jsep), "{heard}");
    let candidate = r#"{"candidate":"\u0061 ü","sdpMLineIndex":0.0, "x":null}"#;
    let text = format!(
        r#"{{"request":"ice_trickle","transaction":"u","line":0,"candidate":{candidate}}}"#
    );
    alice.send_text(&text).await;
    let (_, heard) = bob.frame().await.expect("a frame");
    let heard = String::from_utf8(heard).expect("text");
    assert!(heard.contains(candidate), "{heard}");
}

#[tokio::test]
async fn c39_candidates_go_both_ways_and_their_end_is_an_object() {
    let cluster = TestCluster::start(2).await;
    let (mut alice, mut bob) = alice_and_bob(&cluster).await;
    talk(&mut alice, &mut bob).await;
    let candidate = json!({"candidate": "candidate:1", "sdpMid": "0"});
    alice.acked(trickle(candidate.clone())).await;
    alice.acked(trickle(Value::Null)).await;
    bob.acked(trickle(candidate.clone())).await;
    bob.acked(trickle(Value::Null)).await;
    for phone in [&mut bob, &mut alice] {
        for candidate in [&candidate, &json!({"completed": true})] {
            let event = phone.event("ice_trickle").await;
            assert_eq!(
                event,
                json!({"event": "ice_trickle", "line": 0, "candidate": candidate})
            );
        }
    }
}

#[tokio::test]
async fn c40_candidates_sent_with_the_call_follow_incoming_call() {
    let cluster = TestCluster::start(2).await;
    let (mut alice, mut bob) = alice_and_bob(&cluster).await;
    let mut burst = vec![outgoing("1002")];
    burst.extend((0..10).map(|number| trickle(json!({"candidate": number.to_string()}))));
    burst.push(trickle(Value::Null));
    for (number, request) in burst.iter_mut().enumerate() {
        request["transaction"] = json!(format!("t-{number}"));
    }
    alice.send_all(&burst).await;
    bob.event("incoming_call").await;
    for number in 0..10 {
        let event = bob.event("ice_trickle").await;
        assert_eq!(event["candidate"]["candidate"], number.to_string());
    }
    assert_eq!(
        bob.event("ice_trickle").await["candidate"]["completed"],
        true
    );
}

#[tokio::test]
async fn c42_declined_is_486_and_given_up_is_487() {
    let cluster = TestCluster::start(2).await;
    let (mut alice, mut bob) = alice_and_bob(&cluster).await;
    rings(&mut alice, &mut bob).await;
    bob.acked(request("decline", 0, json!({"refer_id": null})))
        .await;
    assert_eq!(bob.event("declining").await["code"], 486);
    assert_eq!(bob.event("hangup").await["code"], 486);
    assert_eq!(alice.event("hangup").await["code"], 486);

    let of = |name: &str, more: Value| request_of("another", name, 0, more);
    alice
        .acked(of(
            "outgoing_call",
            json!({"number": "1002", "jsep": offer()}),
        ))
        .await;
    alice.event("calling").await;
    bob.event("incoming_call").await;
    alice.event("ringing").await;
    alice.acked(of("hangup", json!({}))).await;
    alice.event("hangingup").await;
    assert_eq!(alice.event("hangup").await["code"], 487);
    assert_eq!(bob.event("hangup").await["code"], 487);
    // Whoever answers too late learns that it is over, and the line is not stuck.
    assert_eq!(
        bob.refused(of("accept", json!({"jsep": answer()}))).await,
        410
    );
    bob.acked(of("decline", json!({}))).await;
    assert_eq!(bob.event("hangup").await["code"], 487);
}

#[tokio::test]
async fn c43_a_number_that_nobody_has_and_a_user_who_is_gone() {
    let edge = TestEdge::demo().await;
    let mut alice = alice(&edge).await;
    bob(&edge).await.leave().await;
    for (number, code) in [("9999", 604), ("1002", 480)] {
        let of = |name: &str, more: Value| request_of(number, name, 1, more);
        let outgoing = of("outgoing_call", json!({"number": number, "jsep": offer()}));
        edge.holds(1).await;
        alice.acked(outgoing.clone()).await;
        alice.event("calling").await;
        let hangup = alice.event("hangup").await;
        assert_eq!(
            (&hangup["code"], &hangup["line"]),
            (&json!(code), &json!(1))
        );
        // The same once more, under another transaction: it is told, and nothing is called.
        alice.acked(outgoing).await;
        assert_eq!(alice.event("hangup").await["code"], code);
    }
    alice.silent().await;
}

#[tokio::test]
async fn c45_without_a_free_line_the_caller_hears_486_and_the_callee_misses_a_call() {
    let edge = TestEdge::demo().await;
    let one_line =
        |user: &str, number: &str| Phone::token(user, "phone", number).claim("lines", json!(1));
    let mut alice = Phone::attach(&edge, &one_line("alice", "1001")).await;
    let mut bob = Phone::attach(&edge, &one_line("bob", "1002")).await;
    let mut carol = Phone::attach(&edge, &one_line("carol", "1003")).await;
    rings(&mut alice, &mut bob).await;
    let call = |name: &str| {
        request_of(
            name,
            "outgoing_call",
            0,
            json!({"number": "1002", "jsep": offer()}),
        )
    };
    carol.acked(call("of carol")).await;
    carol.event("calling").await;
    assert_eq!(carol.event("hangup").await["code"], 486);
    let missed = bob.event("missed_call").await;
    assert_eq!(
        missed,
        json!({"event": "missed_call", "line": 0, "call_id": "of carol", "caller": "1003", "callee": "1002"})
    );
    // Nor can a line be used twice, or one that there is not.
    assert_eq!(alice.refused(call("a second one")).await, 459);
    let third = request_of(
        "third",
        "outgoing_call",
        1,
        json!({"number": "1002", "jsep": offer()}),
    );
    assert_eq!(alice.refused(third).await, 459);
}

#[tokio::test]
async fn c46_an_update_goes_there_and_its_answer_comes_back() {
    let cluster = TestCluster::start(2).await;
    let (mut alice, mut bob) = alice_and_bob(&cluster).await;
    talk(&mut alice, &mut bob).await;
    let update = |jsep: Value| request("update", 0, json!({"jsep": jsep}));
    bob.acked(update(offer())).await;
    bob.event("updating").await;
    let updating = alice.event("updating_call").await;
    assert_eq!(
        updating,
        json!({"event": "updating_call", "line": 0, "call_id": CALL, "caller": "1002", "callee": "1001", "jsep": offer()})
    );
    // Both at once: the one whose offer comes later is told to wait.
    assert_eq!(alice.refused(update(offer())).await, 471);
    alice.acked(update(answer())).await;
    alice.event("updating").await;
    alice.event("updated").await;
    let accepted = bob.event("accepted").await;
    assert_eq!(accepted["jsep"], answer());
    assert_eq!(alice.refused(update(answer())).await, 464);
    for (name, event) in [("hold", "holding"), ("unhold", "resuming")] {
        alice.acked(request(name, 0, json!({}))).await;
        alice.event(event).await;
    }
    bob.silent().await;
}

#[tokio::test]
async fn c47_a_peer_message_is_passed_on_unread() {
    let cluster = TestCluster::start(2).await;
    let (mut alice, mut bob) = alice_and_bob(&cluster).await;
    talk(&mut alice, &mut bob).await;
    let data = json!({"deep": [1, {"ü": null}]});
    alice
        .acked(request(
            "peer_message",
            0,
            json!({"type": "note", "data": data}),
        ))
        .await;
    assert_eq!(
        bob.event("peer_message").await,
        json!({"event": "peer_message", "line": 0, "call_id": CALL, "sender": "1001", "type": "note", "data": data})
    );
    alice.silent().await;
}

#[tokio::test]
async fn c50_a_request_for_a_call_that_is_not_there_is_refused() {
    let edge = TestEdge::demo().await;
    let (mut alice, mut bob) = (alice(&edge).await, bob(&edge).await);
    let mut mallory = Phone::attach(&edge, &Phone::token("mallory", "phone", "1666")).await;
    talk(&mut alice, &mut bob).await;
    for name in ["hangup", "decline", "hold", "unhold"] {
        assert_eq!(
            alice
                .refused(request_of("nobody's", name, 0, json!({})))
                .await,
            410
        );
        assert_eq!(
            alice.refused(request(name, 1, json!({}))).await,
            459,
            "another line"
        );
        assert_eq!(
            mallory.refused(request(name, 0, json!({}))).await,
            459,
            "a stranger"
        );
    }
    let id_taken = json!({"number": "1002", "jsep": offer()});
    assert_eq!(
        mallory.refused(request("outgoing_call", 0, id_taken)).await,
        467
    );
    assert_eq!(mallory.refused(trickle(json!({}))).await, 459);
    bob.silent().await;
    alice.silent().await;
}

#[tokio::test]
async fn every_device_rings_and_the_first_that_accepts_has_the_call() {
    let cluster = TestCluster::start(3).await;
    let mut alice = alice(cluster.edge(0)).await;
    let mut phone = bobs(cluster.edge(1), "phone").await;
    let mut tablet = bobs(cluster.edge(2), "tablet").await;
    alice.acked(outgoing("1002")).await;
    alice.event("calling").await;
    phone.event("incoming_call").await;
    tablet.event("incoming_call").await;
    alice.event("ringing").await;
    // Both at once, on different edges.
    for device in [&mut phone, &mut tablet] {
        let mut accept = accept();
        accept["transaction"] = json!("t");
        device.send(&accept).await;
    }
    let answers = [phone.next_frame().await, tablet.next_frame().await];
    let won = answers
        .iter()
        .filter(|frame| frame["response"] == "ack")
        .count();
    assert_eq!(won, 1, "{answers:?}");
    let [of_phone, of_tablet] = answers;
    let (mut winner, mut loser, first) = if of_phone["response"] == "ack" {
        (phone, tablet, of_tablet)
    } else {
        (tablet, phone, of_phone)
    };
    winner.event("accepted").await;
    assert_eq!(alice.event("accepted").await["jsep"], answer());
    // The loser hears that it is over, before or after its own attempt is refused.
    let heard = [first, loser.next_frame().await];
    assert!(heard.iter().any(|frame| frame["code"] == 410), "{heard:?}");
    let hangup = heard.iter().find(|frame| frame["event"] == "hangup");
    assert_eq!(hangup.expect("a hangup")["code"], 487);
    alice.acked(trickle(json!({"candidate": "for one"}))).await;
    winner.event("ice_trickle").await;
    loser.silent().await;
    alice.silent().await;
}

#[tokio::test]
async fn whoever_calls_the_own_number_reaches_the_other_devices() {
    let edge = TestEdge::demo().await;
    let (mut phone, mut tablet) = (bobs(&edge, "phone").await, bobs(&edge, "tablet").await);
    phone.acked(outgoing("1002")).await;
    phone.event("calling").await;
    tablet.event("incoming_call").await;
    phone.event("ringing").await;
    phone.silent().await;
}

#[tokio::test]
async fn two_who_call_each_other_have_two_calls() {
    let cluster = TestCluster::start(2).await;
    let (mut alice, mut bob) = alice_and_bob(&cluster).await;
    let call = |id: &str, line: u8, number: &str| {
        let more = json!({"number": number, "jsep": offer()});
        request_of(id, "outgoing_call", line, more)
    };
    alice.acked(call("of alice", 0, "1002")).await;
    // Her call has taken his first line before he has heard of it.
    assert_eq!(bob.refused(call("of bob", 0, "1001")).await, 459);
    bob.acked(call("of bob", 1, "1001")).await;
    for (phone, line, call) in [(&mut alice, 1, "of bob"), (&mut bob, 0, "of alice")] {
        let incoming = phone.find_event("incoming_call").await;
        assert_eq!(
            (&incoming["line"], &incoming["call_id"]),
            (&json!(line), &json!(call))
        );
    }
}

#[tokio::test]
async fn of_two_who_call_each_other_at_once_at_least_one_gets_through() {
    let cluster = TestCluster::start(2).await;
    let (mut alice, mut bob) = alice_and_bob(&cluster).await;
    let call = |id: &str, number: &str| {
        let more = json!({"number": number, "jsep": offer()});
        request_of(id, "outgoing_call", 0, more)
    };
    let (of_alice, of_bob) = tokio::join!(
        alice.ask(call("of alice", "1002")),
        bob.ask(call("of bob", "1001"))
    );
    // Whoever is called on line 0 before its own call is there finds the line taken, and is told so.
    let stands = |answer: &Value| {
        let is_acked = answer["response"] == "ack";
        assert!(is_acked || answer["code"] == 459, "{answer}");
        is_acked
    };
    assert!(stands(&of_alice) || stands(&of_bob), "{of_alice}, {of_bob}");
    for (phone, own, others, id) in [
        (&mut alice, &of_alice, &of_bob, "of bob"),
        (&mut bob, &of_bob, &of_alice, "of alice"),
    ] {
        if stands(others) {
            let incoming = phone.find_event("incoming_call").await;
            let line = u8::from(stands(own));
            assert_eq!(
                (&incoming["line"], &incoming["call_id"]),
                (&json!(line), &json!(id))
            );
        }
    }
}

#[tokio::test]
async fn the_same_number_in_two_apps_is_two_users() {
    let edge = testkit::EdgeConfig::demo()
        .app(testkit::App::other())
        .start()
        .await;
    let other = |user: &str, number: &str| {
        Phone::token(user, "phone", number).key("sk_id_other", "sk_secret_other")
    };
    let mut alice = alice(&edge).await;
    let mut bob = bob(&edge).await;
    let mut stranger = Phone::attach(&edge, &other("bob", "1002")).await;
    rings(&mut alice, &mut bob).await;
    stranger.silent().await;
    let mut caller = Phone::attach(&edge, &other("eve", "1003")).await;
    // Not even the same call id meets.
    caller.acked(outgoing("1002")).await;
    stranger.event("incoming_call").await;
    bob.silent().await;
    caller.find_event("ringing").await;
    caller.acked(hangup()).await;
    assert_eq!(stranger.find_event("hangup").await["code"], 487);
    bob.silent().await;
}

#[tokio::test]
async fn nobody_answers_for_as_long_as_it_rings() {
    let edge = testkit::EdgeConfig::demo()
        .section("calls", "ring", "1s")
        .start()
        .await;
    let (mut alice, mut bob) = (alice(&edge).await, bob(&edge).await);
    rings(&mut alice, &mut bob).await;
    assert_eq!(alice.event("hangup").await["code"], 480);
    assert_eq!(bob.event("hangup").await["code"], 487);
    let unavailable = "switchboard_calls_ended_total{reason=\"unavailable\"}";
    assert_eq!(edge.scrape().await.value(unavailable), Some(1.0));
}
