"""What a test may turn to make the provider misbehave: one knob a defect, all neutral by default."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from __tests__.auth.hostile.keys import Sign, SigningKey


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""As the value of a change: leave the member out."""

type Changes = Mapping[str, object]


def changed(honest: Mapping[str, object], changes: Changes) -> dict[str, Any]:
    """The honest members with the changes applied; a function is asked for its value each time."""
    merged = {name: value() if callable(value) else value for name, value in {**honest, **changes}.items()}
    return {name: value for name, value in merged.items() if value is not MISSING}


@dataclass(frozen=True)
class Answer:
    """An answer in place of the honest one."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Knobs:
    """The state of a hostile provider; a new object is an honest provider."""

    metadata: Changes = field(default_factory=dict)
    """Members of the discovery document."""

    keys: tuple[SigningKey, ...] | None = None
    """The keys published, in place of the provider's own one."""

    jwks: object | None = None
    """The whole key set document."""

    signer: SigningKey | None = None
    """Which key signs, and names itself in the header."""

    sign: Sign | None = None
    """The signature function alone; the header stays."""

    header: Changes = field(default_factory=dict)
    """Members of the id_token's header."""

    claims: Changes = field(default_factory=dict)
    """Claims of the id_token."""

    payload: bytes | None = None
    """The id_token's payload as bytes."""

    id_token: object | None = None
    """The id_token as a whole; `MISSING` leaves it out."""

    token_members: Changes = field(default_factory=dict)
    """Members of the token answer."""

    userinfo_members: Changes = field(default_factory=dict)
    """Members of the userinfo answer."""

    callback_params: Changes = field(default_factory=dict)
    """Query parameters that the browser is sent back with."""

    answers: dict[str, Answer] = field(default_factory=dict)
    """Endpoint (`discovery`, `jwks`, `token`, `userinfo`) to the answer in place of the honest one."""

    delays: dict[str, float] = field(default_factory=dict)
    """Endpoint to seconds of silence before the answer."""

    checks_pkce: bool = True
    """Whether the token endpoint compares the code_verifier."""
