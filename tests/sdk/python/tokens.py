"""Tokens signed by hand, as a user's own backend would: HS256 over base64url.

Takes any claim and any header, well formed or not; judging them is the edge's task.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from apps import DEMO, SecretKey


def sign(sub: Any, *, key: SecretKey = DEMO, expires_in: float = 3600, **claims: Any) -> str:
    """A token for peer `sub` that expires in `expires_in` seconds; a claim of None is left out."""
    everything = {"sub": sub, "exp": int(time.time() + expires_in), **claims}
    present = {name: value for name, value in everything.items() if value is not None}
    return encode({"alg": "HS256", "typ": "JWT", "kid": key.id}, present, key.secret)


def encode(header: dict[str, Any], claims: dict[str, Any], secret: str) -> str:
    """Header and claims as given, signed with HMAC-SHA256 whatever `alg` says."""
    signed = f"{_segment(header)}.{_segment(claims)}"
    digest = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_base64url(digest)}"


def unsigned(sub: str) -> str:
    """A token with `alg: none` and an empty signature."""
    header = {"alg": "none", "typ": "JWT", "kid": DEMO.id}
    return f"{_segment(header)}.{_segment({'sub': sub, 'exp': int(time.time()) + 3600})}."


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a token, unverified."""
    segment = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))


def header_of(token: str) -> dict[str, Any]:
    """The header of a token, unverified."""
    segment = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))


def _segment(value: dict[str, Any]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
