//! What the binary does without serving.

use testkit::{App, EdgeConfig, Key, TestEdge};

#[tokio::test]
async fn a_good_file_passes_the_check() {
    let output = TestEdge::run(&EdgeConfig::demo(), &["--check-config"]).await;
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(stdout.contains("configuration ok"), "{stdout}");
}

#[tokio::test]
async fn a_wrong_file_fails_the_check_and_the_start_and_the_member_is_named() {
    let wrong = [
        (
            EdgeConfig::demo().limit("connects_per_minut", 1),
            "connects_per_minut",
        ),
        (EdgeConfig::demo().timing("ping", "soon"), "ping"),
        (
            EdgeConfig::demo().timing("ping", "1s").timing("pong", "2s"),
            "pong",
        ),
        (
            EdgeConfig::demo().section("limits", "message_burst", "many"),
            "message_burst",
        ),
        (EdgeConfig::demo().app(App::demo()), "demo"),
        (
            EdgeConfig::new().app(App::new("a").key(Key::publishable("pk_x").actions(["fly"]))),
            "fly",
        ),
        (
            EdgeConfig::demo().environment("SWITCHBOARD_LIMITS__MESSAGE_BURST", "many"),
            "MESSAGE_BURST",
        ),
    ];
    for (config, named) in wrong {
        for arguments in [&["--check-config"][..], &[]] {
            let output = TestEdge::run(&config, arguments).await;
            let told = format!(
                "{}{}",
                String::from_utf8_lossy(&output.stderr),
                String::from_utf8_lossy(&output.stdout)
            );
            assert!(!output.status.success(), "{arguments:?} {named}");
            assert!(
                told.to_lowercase().contains(&named.to_lowercase()),
                "{named} is not named: {told}"
            );
            assert!(!told.contains("listening on"), "a port was opened: {told}");
        }
    }
}

#[tokio::test]
async fn the_printed_configuration_hides_secrets_and_shows_the_rest() {
    let config = EdgeConfig::demo()
        .section("turn", "urls", vec!["turn:t.example:3478"])
        .section("turn", "secrets", vec!["hush-turn"])
        .environment("SWITCHBOARD_LIMITS__MESSAGE_BURST", "321")
        .environment(
            "SWITCHBOARD_REDIS_URL",
            "redis://user:hush-redis@127.0.0.1:1/0",
        );
    let output = TestEdge::run(&config, &["--print-config"]).await;
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    for secret in ["sk_secret_demo", "hush-turn", "hush-redis"] {
        assert!(!printed.contains(secret), "{secret} is printed");
    }
    for shown in [
        "[redacted]",
        "pk_live_demo",
        "turn:t.example:3478",
        "message_burst = 321",
    ] {
        assert!(printed.contains(shown), "{shown} is missing: {printed}");
    }
}

#[tokio::test]
async fn the_version_and_the_help_are_printed() {
    for arguments in [["--version"], ["--help"]] {
        let output = TestEdge::run(&EdgeConfig::demo(), &arguments).await;
        assert!(output.status.success(), "{output:?}");
        assert!(
            String::from_utf8_lossy(&output.stdout).contains("switchboard"),
            "{output:?}"
        );
    }
}
