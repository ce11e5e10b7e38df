//! Leases that are audited, offered again and given back.

use fred::interfaces::KeysInterface;

use super::*;

#[tokio::test]
async fn only_session_and_fence_of_the_holder_release() {
    let redis = Server::start().await;
    let (older, _) = granted(redis.attach(claim(ALICE)).await);
    let (newer, _) = granted(redis.attach(claim(BOB)).await);
    for (who, fence) in [
        (ALICE, Some(older)),
        (ALICE, Some(newer)),
        (ALICE, None),
        (BOB, Some(older)),
    ] {
        assert_eq!(redis.release(who, fence).await, 0);
    }
    assert_eq!(redis.holder(&[]).await, Some(BOB.holding(newer)));
    assert_eq!(redis.release(BOB, Some(newer)).await, 1);
    assert_eq!(redis.holder(&[]).await, None);
    let life: i64 = redis.client.pttl(LEASE).await.unwrap();
    assert!(
        (1..=RELEASED_LIFE.as_millis() as i64).contains(&life),
        "{life}"
    );
}

#[tokio::test]
async fn a_session_whose_attach_was_never_answered_is_released_without_its_fence() {
    let redis = Server::start().await;
    granted(redis.attach(claim(ALICE)).await);
    assert_eq!(redis.release(ALICE, None).await, 1);
    assert_eq!(redis.holder(&[]).await, None);
}

#[tokio::test]
async fn an_audit_states_what_is_missing_and_finds_nothing_to_say() {
    let redis = Server::start().await;
    let (fence, _) = granted(redis.attach(claim(ALICE)).await);
    let (): () = redis.client.del(LEASE).await.unwrap();
    assert_eq!(redis.audit(ALICE, fence).await, Audited::default());
    assert_eq!(redis.holder(&[]).await, Some(ALICE.holding(fence)));
    assert_eq!(redis.audit(ALICE, fence).await, Audited::default());
}

#[tokio::test]
async fn an_audit_of_the_greater_claim_puts_the_lesser_out() {
    let redis = Server::start().await;
    let (lesser, _) = granted(redis.attach(claim(ALICE)).await);
    let fence = Fence(lesser.0 + 1);
    let ousted = Ousted {
        place: 0,
        claimant: ALICE.claimant(),
        registration: ALICE.edge(),
    };
    let audited = Audited {
        lost: vec![],
        ousted: vec![ousted],
    };
    assert_eq!(redis.audit(BOB, fence).await, audited);
    assert_eq!(redis.holder(&[]).await, Some(BOB.holding(fence)));
    assert_eq!(redis.audit(ALICE, lesser).await, lost(fence, BOB));
}

#[tokio::test]
async fn of_equal_fences_the_greater_name_wins_whoever_is_first() {
    let fence = Fence(1_771_070_400_000_000);
    for [first, second] in [[ALICE, BOB], [BOB, ALICE]] {
        let redis = Server::start().await;
        redis.audit(first, fence).await;
        redis.audit(second, fence).await;
        assert_eq!(redis.holder(&[]).await, Some(BOB.holding(fence)));
        assert_eq!(redis.audit(ALICE, fence).await, lost(fence, BOB));
    }
}

#[tokio::test]
async fn an_older_session_cannot_take_back_what_a_newer_one_left() {
    let redis = Server::start().await;
    let (older, _) = granted(redis.attach(claim(ALICE)).await);
    let (newer, _) = granted(redis.attach(claim(BOB)).await);
    assert_eq!(redis.release(BOB, Some(newer)).await, 1);
    assert_eq!(redis.audit(ALICE, older).await, lost(newer, BOB));
    assert_eq!(redis.holder(&[]).await, None);
}

#[tokio::test]
async fn an_audit_under_another_registration_is_put_on_record() {
    let redis = Server::start().await;
    let (fence, _) = granted(redis.attach(claim(ALICE)).await);
    let anew = Incarnation::from_u64(77);
    let believed = [ALICE.believed(fence)];
    let reply = redis.run(&AUDIT, audit(anew, "eu", &believed)).await;
    assert_eq!(parse_audit(reply).unwrap(), Audited::default());
    let held = Held {
        registration: anew,
        ..ALICE.holding(fence)
    };
    assert_eq!(redis.holder(&[ALICE.edge()]).await, Some(held));
}

#[tokio::test]
async fn a_lost_answer_shows_in_the_audit_as_ones_own_newer_fence() {
    let redis = Server::start().await;
    let (known, _) = granted(redis.attach(claim(ALICE)).await);
    let (unheard, _) = granted(redis.attach(claim(ALICE)).await);
    assert_eq!(redis.audit(ALICE, known).await, lost(unheard, ALICE));
}

#[tokio::test]
async fn audits_renew_a_lease_that_has_less_than_half_its_life_left() {
    let redis = Server::start().await;
    let (fence, _) = granted(redis.attach(claim(ALICE)).await);
    let life = LEASE_LIFE.as_millis() as i64;
    for (left, renewed) in [(life * 2 / 3, false), (life / 3, true)] {
        let (): () = redis.client.pexpire(LEASE, left, None).await.unwrap();
        redis.audit(ALICE, fence).await;
        let now: i64 = redis.client.pttl(LEASE).await.unwrap();
        assert_eq!(now > left, renewed, "{now} of {left}");
    }
}

#[tokio::test]
async fn many_leases_are_audited_and_released_in_one_run() {
    let redis = Server::start().await;
    let lease = |n: usize| Str::from(format!("sw:{{p7}}:lease:{n}"));
    let mut believed = Vec::new();
    for n in 0..AUDIT_LEASES_MAX {
        let attached = redis
            .attach(Claim {
                lease: lease(n),
                ..claim(ALICE)
            })
            .await;
        let (fence, _) = granted(attached);
        believed.push(Believed {
            lease: lease(n),
            ..ALICE.believed(fence)
        });
    }
    let newer = granted(
        redis
            .attach(Claim {
                lease: lease(9),
                ..claim(BOB)
            })
            .await,
    )
    .0;
    let (): () = redis.client.del(lease(5)).await.unwrap();
    let reply = redis
        .run(&AUDIT, audit(ALICE.edge(), "eu", &believed))
        .await;
    let beaten = Lost {
        place: 9,
        fence: newer,
        winner: BOB.claimant(),
    };
    let audited = Audited {
        lost: vec![beaten],
        ousted: vec![],
    };
    assert_eq!(parse_audit(reply).unwrap(), audited);
    let leaving: Vec<_> = believed
        .into_iter()
        .map(|believed| (believed.lease, believed.claimant, Some(believed.fence)))
        .collect();
    let released = redis.run(&RELEASE, release(&leaving)).await;
    assert_eq!(released.as_u64(), Some(AUDIT_LEASES_MAX as u64 - 1));
}
