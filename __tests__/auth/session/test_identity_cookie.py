"""The cookie cache: believed for a short while, for its own session, if it is exactly ours."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from __tests__.auth.session.still_clock import StillClock
from starlette.requests import HTTPConnection
from starlette.responses import Response

from auth.session.cookie import SessionCookie
from auth.session.identity_cookie import IdentityCookie
from auth.utils.crypto import ValueSigner, base64url
from proto import Identity

SECRET = "a-secret-of-more-than-thirty-two-bytes-0"
OLD = "an-old-secret-of-more-than-32-bytes-000"
NAME = "belgie_session_identity"
SECONDS = 60


def make(clock: StillClock, *secrets: str) -> IdentityCookie:
    return IdentityCookie(
        name=NAME, secrets=secrets or (SECRET,), secure=True, same_site="lax", max_age=SECONDS, clock=clock
    )


@pytest.fixture
def identity(clock: StillClock) -> Identity:
    return Identity(
        user_id=uuid4(),
        email="ada@example.org",
        email_verified=True,
        scopes=("read", "write"),
        session_id=uuid4(),
        created_at=clock.now,
        expires_at=clock.now + timedelta(days=7),
    )


def request(*cookies: str) -> HTTPConnection:
    return HTTPConnection({"type": "http", "headers": [(b"cookie", "; ".join(cookies).encode())]})


def written(cookie: IdentityCookie, identity: Identity) -> str | None:
    response = Response()
    cookie.set(response, identity)
    header = response.headers.get("set-cookie")
    return None if header is None else header.partition(";")[0]


def test_the_identity_comes_back_for_as_long_as_it_is_believed(clock: StillClock, identity: Identity) -> None:
    cookie = make(clock)
    held = str(written(cookie, identity))
    assert cookie.read(request(held), identity.session_id) == identity
    clock.advance(SECONDS - 0.001)
    assert cookie.read(request(held), identity.session_id) == identity
    clock.advance(0.001)
    assert cookie.read(request(held), identity.session_id) is None


def test_it_never_outlives_the_session(clock: StillClock, identity: Identity) -> None:
    cookie = make(clock)
    ending = identity._replace(expires_at=clock.now + timedelta(seconds=10))
    held = str(written(cookie, ending))
    clock.advance(9)
    assert cookie.read(request(held), ending.session_id) == ending
    clock.advance(1)
    assert cookie.read(request(held), ending.session_id) is None


def test_beside_another_session_it_says_nothing(clock: StillClock, identity: Identity) -> None:
    cookie = make(clock)
    assert cookie.read(request(str(written(cookie, identity))), uuid4()) is None


def test_two_of_them_say_nothing(clock: StillClock, identity: Identity) -> None:
    cookie = make(clock)
    held = str(written(cookie, identity))
    assert cookie.read(request(held, held), identity.session_id) is None
    assert cookie.read(request(held, f"{NAME}=x"), identity.session_id) is None
    assert cookie.read(request(), identity.session_id) is None


def test_no_character_of_it_can_be_changed(clock: StillClock, identity: Identity) -> None:
    cookie = make(clock)
    held = str(written(cookie, identity))
    for position in range(len(NAME) + 1, len(held)):
        other = "A" if held[position] != "A" else "B"
        assert cookie.read(request(f"{held[:position]}{other}{held[position + 1 :]}"), identity.session_id) is None


def test_secrets_rotate_and_those_of_other_purposes_do_not_count(clock: StillClock, identity: Identity) -> None:
    held = str(written(make(clock, OLD), identity))
    assert make(clock, SECRET, OLD).read(request(held), identity.session_id) == identity
    assert make(clock, SECRET).read(request(held), identity.session_id) is None
    content = held.partition("=")[2].rpartition(".")[0]
    for purpose in ("session", "flow"):
        forged = f"{NAME}={ValueSigner([SECRET], purpose).sign(content)}"
        assert make(clock).read(request(forged), identity.session_id) is None
    assert make(clock).read(request(f"{NAME}={ValueSigner([SECRET], 'identity').sign(content)}"), identity.session_id)


def test_e13_it_is_no_session_cookie(clock: StillClock, identity: Identity) -> None:
    options: dict[str, Any] = {"secrets": [SECRET], "secure": True, "max_age": 1, "same_site": "lax", "domain": None}
    value = str(written(make(clock), identity)).partition("=")[2]
    assert SessionCookie(name="belgie_session", **options).read(request(f"belgie_session={value}")) is None


@pytest.mark.parametrize("content", ["", "{}", "[]", '["2026-01-01T00:00:00Z", {"user_id": 1}]', "null", "\xff"])
def test_what_another_version_has_signed_is_as_if_it_were_not_there(
    clock: StillClock, identity: Identity, content: str
) -> None:
    signer = ValueSigner([SECRET], "identity")
    for value in (base64url(content.encode("latin-1")), content.encode("ascii", "replace").decode(), "a"):
        assert make(clock).read(request(f"{NAME}={signer.sign(value)}"), identity.session_id) is None


def test_one_that_is_too_large_for_a_browser_is_not_written(clock: StillClock, identity: Identity) -> None:
    assert written(make(clock), identity._replace(scopes=("x" * 4000,))) is None


def test_it_is_http_only_and_short_lived_and_taken_back_likewise(clock: StillClock, identity: Identity) -> None:
    given, taken = Response(), Response()
    make(clock).set(given, identity)
    make(clock).delete(taken)
    for response, age in ((given, SECONDS), (taken, 0)):
        attributes = {part.strip().lower() for part in response.headers["set-cookie"].split(";")[1:]}
        assert attributes == {"httponly", f"max-age={age}", "path=/", "samesite=lax", "secure"}
    assert '"' not in given.headers["set-cookie"]


def test_the_largest_that_is_written_has_3800_bytes(clock: StillClock, identity: Identity) -> None:
    cookie = make(clock)
    sizes: list[int] = []
    for length in range(2300, 2900):
        pair = written(cookie, identity._replace(email="x" * length))
        if pair is None:
            break
        sizes.append(len(pair.removeprefix(f"{NAME}=")))
    assert sizes[-1] == 3800


def test_it_is_taken_back_empty_and_as_strict_as_it_was_given(clock: StillClock, identity: Identity) -> None:
    cookie = IdentityCookie(name=NAME, secrets=[SECRET], secure=True, same_site="strict", max_age=SECONDS, clock=clock)
    response = Response()
    cookie.set(response, identity)
    cookie.delete(response)
    given, taken = response.headers.getlist("set-cookie")
    assert taken.startswith(f'{NAME}="";')
    for header in (given, taken):
        assert "samesite=strict" in header.lower()
