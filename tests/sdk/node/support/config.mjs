// The edge's configuration for the suite, and the credentials that stand in it. One file serves every test:
// what a test needs differently (a cap, a suspension, narrow rights) is an app or a key of its own.

/** Publishable keys, by what is special about them. */
export const PUBLISHABLE = {
  demo: "pk_live_demo",
  neighbour: "pk_live_neighbour",
  capped: "pk_live_capped",
  suspended: "pk_live_suspended",
};

/** Secret keys, by what is special about them. */
export const SECRET = {
  demo: { id: "sk_id_demo", secret: "sk_secret_demo" },
  /** Reaches `narrow/*`, `deep/**` and the channel that is literally called `literal-*`. */
  narrow: { id: "sk_id_narrow", secret: "sk_secret_narrow" },
  /** May only subscribe. */
  listening: { id: "sk_id_listening", secret: "sk_secret_listening" },
  /** An app whose period allows `QUOTA_MESSAGES` messages. */
  metered: { id: "sk_id_metered", secret: "sk_secret_metered" },
  neighbour: { id: "sk_id_neighbour", secret: "sk_secret_neighbour" },
  suspended: { id: "sk_id_suspended", secret: "sk_secret_suspended" },
};

/** Concurrent sessions of the app behind `PUBLISHABLE.capped`. */
export const CAP_SESSIONS = 2;

/** Messages per period of the app behind `SECRET.metered`. */
export const QUOTA_MESSAGES = 5;

/** Tokens of the message rate bucket, and its refill per second: the defaults of the dialect. */
export const MESSAGE_BURST = 200;

/** The TURN server that `TURN_CONFIG` hands out. */
export const TURN_URL = "turn:turn.example.net:3478";

const ALL_ACTIONS = '["publish", "subscribe", "presence", "send"]';

// The suite opens more than 60 connections a minute from one address: hence no connect limit.
export const CONFIG = `
[limits]
connects_per_minute = 0
messages_per_second = 100
message_burst = ${MESSAGE_BURST}

[[apps]]
id = "demo"
${publishable(PUBLISHABLE.demo)}
${secret(SECRET.demo)}
${secret(SECRET.narrow, String.raw`["narrow/*", "deep/**", "literal-\\*"]`)}
${secret(SECRET.listening, '["**"]', '["subscribe"]')}

[[apps]]
id = "neighbour"
${publishable(PUBLISHABLE.neighbour)}
${secret(SECRET.neighbour)}

[[apps]]
id = "capped"
plan = { max_sessions = ${CAP_SESSIONS} }
${publishable(PUBLISHABLE.capped)}

[[apps]]
id = "metered"
plan = { max_messages = ${QUOTA_MESSAGES} }
${secret(SECRET.metered)}

[[apps]]
id = "suspended"
suspended = true
${publishable(PUBLISHABLE.suspended)}
${secret(SECRET.suspended)}
`;

/** The same with a TURN server to hand out. */
export const TURN_CONFIG = `${CONFIG}
[turn]
urls = ["${TURN_URL}"]
secrets = ["turn_secret_demo"]
ttl_seconds = 600
`;

function publishable(id) {
  return key(`id = "${id}"`, '["**"]', ALL_ACTIONS);
}

function secret({ id, secret }, channelPatterns = '["**"]', actions = ALL_ACTIONS) {
  return key(`id = "${id}"\nsecret = "${secret}"`, channelPatterns, actions);
}

function key(identity, channelPatterns, actions) {
  return `[[apps.keys]]\n${identity}\nchannel_patterns = ${channelPatterns}\nactions = ${actions}`;
}
