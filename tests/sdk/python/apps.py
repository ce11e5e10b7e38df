"""The apps and keys that the suite configures, and the configuration file around them.

One app per rule that would get in the way of another test: a small plan, a spent quota,
a suspended account.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SecretKey:
    """A secret key: its id names it in a token's `kid`, its secret signs."""

    id: str
    secret: str

    @property
    def bearer(self) -> str:
        """The credential of the REST control plane."""
        return f"{self.id}:{self.secret}"


# The ordinary app: everything is allowed.
PUBLISHABLE = "pk_live_demo"
DEMO = SecretKey("sk_id_demo", "sk_secret_demo")

# Keys of the same app with a scope and with fewer actions.
NARROW_PATTERNS = ("open/*", "deep/**", r"literal/\*")
NARROW_PUBLISHABLE = "pk_live_narrow"
NARROW = SecretKey("sk_id_narrow", "sk_secret_narrow")
LISTENER_PUBLISHABLE = "pk_live_listener"

# Another tenant.
OTHER_PUBLISHABLE = "pk_live_other"
OTHER = SecretKey("sk_id_other", "sk_secret_other")

SUSPENDED_PUBLISHABLE = "pk_live_suspended"
SMALL_PUBLISHABLE = "pk_live_small"
SMALL_SESSIONS = 2
QUOTA = SecretKey("sk_id_quota", "sk_secret_quota")
QUOTA_MESSAGES = 5
# An app that only the usage test touches, so that it can count.
COUNTED = SecretKey("sk_id_counted", "sk_secret_counted")

_EVERYTHING = ("publish", "subscribe", "presence", "send")


def config(sections: str = "", **limits: int) -> str:
    """The configuration file; `limits` are keys of `[limits]`, `sections` further TOML."""
    merged = {"connects_per_minute": 0, **limits}
    return "\n".join(
        [
            "[limits]",
            *(f"{name} = {value}" for name, value in merged.items()),
            sections,
            _app("demo"),
            _publishable(PUBLISHABLE),
            _secret(DEMO),
            _publishable(NARROW_PUBLISHABLE, patterns=NARROW_PATTERNS),
            _secret(NARROW, patterns=NARROW_PATTERNS, actions=("publish", "subscribe")),
            _publishable(LISTENER_PUBLISHABLE, actions=("subscribe",)),
            _app("other"),
            _publishable(OTHER_PUBLISHABLE),
            _secret(OTHER),
            _app("suspended", "suspended = true"),
            _publishable(SUSPENDED_PUBLISHABLE),
            _app("small", f"plan = {{ max_sessions = {SMALL_SESSIONS} }}"),
            _publishable(SMALL_PUBLISHABLE),
            _app("quota", f"plan = {{ max_messages = {QUOTA_MESSAGES} }}"),
            _secret(QUOTA),
            _app("counted"),
            _secret(COUNTED),
        ]
    )


def _app(name: str, extra: str = "") -> str:
    return f'\n[[apps]]\nid = "{name}"\n{extra}'


def _publishable(name: str, *, patterns=("**",), actions=_EVERYTHING) -> str:
    return "\n".join(["[[apps.keys]]", f'id = "{name}"', _scope(patterns, actions)])


def _secret(key: SecretKey, *, patterns=("**",), actions=_EVERYTHING) -> str:
    return "\n".join(
        ["[[apps.keys]]", f'id = "{key.id}"', f'secret = "{key.secret}"', _scope(patterns, actions)]
    )


def _scope(patterns, actions) -> str:
    # Literal TOML strings: a pattern may hold a backslash.
    quoted = ", ".join(f"'{pattern}'" for pattern in patterns)
    return f"channel_patterns = [{quoted}]\nactions = {list(actions)}"
