//! Loading as a whole: which source wins, what is refused and how it is said, what is printed.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser as _;
use uuid::Uuid;

use super::*;

/// A file of its own for each test, gone afterwards.
struct File(PathBuf);

impl File {
    fn new(text: &str) -> Self {
        let name = format!("switchboard-{}.toml", Uuid::new_v4().simple());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        fs::remove_file(&self.0).unwrap();
    }
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn flags(arguments: &[&str]) -> Flags {
    Flags::try_parse_from([&["switchboard"], arguments].concat()).unwrap()
}

fn load(text: &str, variables: &[(&str, &str)], arguments: &[&str]) -> Result<Config, String> {
    let file = File::new(text);
    let name = file.0.display().to_string();
    let flags = Flags {
        config: Some(file.0.clone()),
        ..flags(arguments)
    };
    Config::load_with(&flags, &environment(variables))
        .map_err(|error| error.to_string().replace(&name, "FILE"))
}

fn refusal(text: &str, variables: &[(&str, &str)]) -> String {
    load(text, variables, &[]).unwrap_err()
}

#[test]
fn without_any_source_the_defaults_hold() {
    let config = Config::load_with(&Flags::default(), &Environment::default()).unwrap();
    assert_eq!(config, Config::default());
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file() {
    let text = "region = \"file\"\nlog = \"warn\"\nlisten = \"127.0.0.1:1\"\n";
    let variables = [
        ("SWITCHBOARD_REGION", "environment"),
        ("SWITCHBOARD_LOG", "error"),
    ];
    let config = load(text, &variables, &["--region", "flag"]).unwrap();
    assert_eq!(
        (config.region.as_str(), config.log.as_str()),
        ("flag", "error")
    );
    assert_eq!(config.listen, "127.0.0.1:1".parse().unwrap());
    assert_eq!(config.admin_listen, Config::default().admin_listen);
}

#[test]
fn every_flag_reaches_its_setting() {
    let config = Config::load_with(
        &flags(&[
            "--listen=0.0.0.0:1",
            "--admin-listen=0.0.0.0:2",
            "--redis-url=redis://u:p@db",
            "--edge-id=7",
            "--region=1",
            "--log=debug",
            "--log-format=json",
        ]),
        &Environment::default(),
    )
    .unwrap();
    assert_eq!((config.listen.port(), config.admin_listen.port()), (1, 2));
    assert_eq!(config.redis_url.unwrap().expose(), "redis://u:p@db");
    assert_eq!(config.edge_id.unwrap().as_str(), "7");
    assert_eq!(
        (config.region.as_str(), config.log.as_str()),
        ("1", "debug")
    );
    assert_eq!(config.log_format, LogFormat::Json);
}

#[test]
fn every_variable_reaches_its_setting() {
    // Another value than the default for each kind, so that a variable without effect shows.
    let value = |setting: &Setting| match (setting.path, setting.kind) {
        ("timing.ping", _) => "40s",
        ("timing.drain", _) => "3s",
        ("log_format", _) => "json",
        ("listen", _) => "[::1]:7",
        ("admin_listen", _) => "[::1]:8",
        ("redis_url", _) => "redis://db",
        ("trusted_proxies", _) => "10.0.0.0/8, fd00::/8",
        ("room.membership", _) => "registry",
        ("room.wire", _) => "guide",
        ("room.webhook_url", _) => "http://backend/members",
        ("push.webhook_url" | "push.fcm_url", _) => "http://backend/push",
        ("push.webhook_secret", _) => "0123456789abcdef",
        ("room.close_on_expiry", _) => "false",
        ("turn.urls", _) => "stun:a,turn:b",
        ("turn.ttl_seconds", _) => "61",
        ("limits.mailbox_bytes", _) => "20000",
        (_, SettingKind::Duration) => "2s",
        (_, SettingKind::Number) => "7",
        (_, SettingKind::Switch) => "true",
        (_, SettingKind::Text | SettingKind::List | SettingKind::FileOnly) => "debug",
    };
    let variables: Environment = SETTINGS
        .iter()
        .filter_map(|setting| Some((setting.variable()?, value(setting).to_owned())))
        .collect();
    let config = Config::load_with(&Flags::default(), &variables).unwrap();
    let changed = Config::default().restart_needed(&config);
    let all: Vec<_> = SETTINGS
        .iter()
        .filter(|setting| setting.variable().is_some())
        .map(|setting| setting.path)
        .collect();
    assert_eq!(changed, all);
    assert_eq!(config.timing.pong, Duration::from_secs(2));
    assert_eq!(config.trusted_proxies.len(), 2);
    assert_eq!(config.room.membership, [MembershipSource::Registry]);
}

#[test]
fn the_file_may_be_named_by_a_variable() {
    let file = File::new("region = \"north\"\n");
    let variables = environment(&[(Environment::CONFIG, file.0.to_str().unwrap())]);
    let config = Config::load_with(&Flags::default(), &variables).unwrap();
    assert_eq!(config.region, "north");
    assert_eq!(config.file.as_ref(), Some(&file.0));
}

#[test]
fn empty_and_foreign_variables_are_left_alone() {
    let variables = [
        ("SWITCHBOARD_REDIS_URL", ""),
        ("SWITCHBOARD_PORT", "tcp://10.0.0.1:80"),
        ("HOME", "/"),
    ];
    assert_eq!(load("", &variables, &[]).unwrap().redis_url, None);
}

#[test]
fn the_example_file_is_valid_and_shows_the_defaults() {
    let config = load(
        include_str!("../../../../deploy/switchboard.example.toml"),
        &[],
        &[],
    )
    .unwrap();
    assert_eq!(
        Config::default().restart_needed(&config),
        Vec::<&str>::new()
    );
    assert_eq!(config.apps[0].keys.len(), 2);
}

#[test]
fn a_refusal_names_the_setting_and_its_source() {
    let key = |members: &str| {
        refusal(
            &format!("[[apps]]\nid = \"a\"\n[[apps.keys]]\n{members}"),
            &[],
        )
    };
    let said = [
        refusal("regoin = \"x\"\n", &[]),
        refusal("[limits]\nconects = 1\n", &[]),
        refusal("[limits]\nmessage_burst = \"many\"\n", &[]),
        refusal("[timing]\nping = \"soon\"\n", &[]),
        refusal("lanes = -1\n", &[]),
        refusal("log_format = \"xml\"\n", &[]),
        refusal("[[apps]]\nid = \"a b\"\n", &[]),
        refusal("[[apps]]\nid = \"a\"\n[[apps]]\nid = \"a\"\n", &[]),
        key("id = \"pk_a\"\nactions = []\n"),
        key("id = \"pk_a\"\nactions = [\"fly\"]\nchannel_patterns = []\n"),
        key("id = \"pk_a\"\nactions = []\nchannel_patterns = [\"\"]\n"),
        key("id = \"sk_a\"\nactions = []\nchannel_patterns = []\n"),
        key("id = \"pk_a\"\nactions = []\nchannel_patterns = []\nallowed_origins = [\"x\"]\n"),
        refusal("", &[("SWITCHBOARD_LIMITS__CONNECTS_PER_MINUTE", "lots")]),
        refusal(
            "",
            &[
                ("SWITCHBOARD_LIMITS__FOO", "1"),
                ("SWITCHBOARD_APPS__ID", "a"),
            ],
        ),
        refusal("", &[("SWITCHBOARD_LISTEN", "8080")]),
        refusal("", &[("SWITCHBOARD_TIMING__PONG", "1m")]),
        refusal("[timing]\ndrain = 0\nedge_ttl = \"2days\"\n", &[]),
        refusal("region = \nlog = 1\n", &[]),
    ]
    .join("\n");
    insta::assert_snapshot!(said);
}

#[test]
fn values_that_cannot_go_together_are_all_named() {
    let text = r#"
listen = "127.0.0.1:1"
admin_listen = "127.0.0.1:1"
region = ""
log = "a=b=c"
lanes = 5000
[limits]
message_burst = 0
mailbox_bytes = 0
unauthenticated_per_address = 9
unauthenticated_total = 8
[turn]
urls = ["turn:a", "http://b"]
ttl_seconds = 1
[room]
message_burst = 0
frame_bytes = 0
membership = ["token", "token"]
[calls]
ring = "0s"
grace = "2 days"
[push]
webhook_url = "backend"
"#;
    let said = refusal(text, &[]).replace("; ", "\n");
    insta::assert_snapshot!(said);
}

#[test]
fn a_missing_file_is_an_error() {
    let flags = flags(&["--config", "/nowhere/switchboard.toml"]);
    let error = Config::load_with(&flags, &Environment::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read the configuration file /nowhere/switchboard.toml"
    );
    assert!(std::error::Error::source(&error).is_some());
}

const WITH_SECRETS: &str = r#"
redis_url = "redis://user:hunter2@db:6379/0"
[turn]
urls = ["turn:t.example"]
secrets = ["hunter3"]
[[apps]]
id = "a"
[[apps.keys]]
id = "sk_a"
secret = "hunter4"
channel_patterns = ["**"]
actions = ["publish"]
"#;

#[test]
fn the_printed_configuration_is_complete_and_redacted() {
    let config = load(WITH_SECRETS, &[], &[]).unwrap();
    insta::assert_snapshot!(config.redacted_toml());
    let all = format!("{config:?} {} {}", config.redacted_toml(), config.summary());
    assert!(!all.contains("hunter"), "{all}");
}

#[test]
fn a_refusal_shows_no_secret() {
    let key = |members: &str| {
        let rest = "channel_patterns = []\nactions = []\n";
        format!("[[apps]]\nid = \"a\"\n[[apps.keys]]\n{members}{rest}")
    };
    for text in [
        "redis_url = \"http://hunter2@db\"\n".to_owned(),
        "redis_url = [\"hunter2\"]\n".to_owned(),
        "redis_url = \"redis://hunter2\n".to_owned(),
        "[turn]\nsecrets = \"hunter2\"\n".to_owned(),
        "[turn]\nsecrets = [\"a\", 77702]\n".to_owned(),
        key("id = \"sk_a\"\nsecret = 77702\n"),
        key("id = \"pk_a\"\nsecret = \"hunter2\"\n"),
    ] {
        let said = refusal(&text, &[]);
        assert!(
            !said.contains("hunter") && !said.contains("77702"),
            "{said}"
        );
    }
    let printed = format!(
        "{:?} {:?}",
        environment(&[("SWITCHBOARD_REDIS_URL", "hunter2")]),
        flags(&["--redis-url=hunter2"])
    );
    assert!(!printed.contains("hunter"), "{printed}");
}

#[test]
fn a_changed_secret_needs_a_restart_too() {
    let before = load(WITH_SECRETS, &[], &[]).unwrap();
    let after = load(
        &WITH_SECRETS.replace("hunter2", "x").replace("hunter3", "y"),
        &[],
        &[],
    )
    .unwrap();
    assert_eq!(before.restart_needed(&after), ["redis_url", "turn.secrets"]);
    let keys = load(&WITH_SECRETS.replace("hunter4", "z"), &[], &[]).unwrap();
    assert_eq!(before.restart_needed(&keys), Vec::<&str>::new());
}
