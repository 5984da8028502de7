"""Open sign-ins: the half that the browser holds."""

import re
from typing import Any
from uuid import uuid4

import pytest
from __tests__.auth.session.still_clock import StillClock
from starlette.requests import HTTPConnection
from starlette.responses import Response

from auth import AuthSettings
from auth.core.flow import Flow, FlowCookies
from auth.utils.crypto import ValueSigner

SECRET = "a-secret-of-more-than-thirty-two-bytes-0"
OLD = "an-old-secret-of-more-than-32-bytes-000"


def make(clock: StillClock, **arguments: Any) -> FlowCookies:
    values = {"secret": SECRET, "base_url": "https://app.example", **arguments}
    return FlowCookies(AuthSettings.model_validate(values), clock)


def request(*cookies: str) -> HTTPConnection:
    return HTTPConnection({"type": "http", "headers": [(b"cookie", "; ".join(cookies).encode())]})


def changes(response: Response) -> dict[str, dict[str, str]]:
    """The Set-Cookie headers: for each name its value and attributes."""
    found: dict[str, dict[str, str]] = {}
    for header in response.headers.getlist("set-cookie"):
        first, *rest = (part.strip().partition("=") for part in header.split(";"))
        found[first[0]] = {"value": first[2]} | {name.lower(): value for name, _, value in rest}
    return found


def given(cookies: FlowCookies, flow: Flow, *held: str, cross_site: bool = False) -> dict[str, dict[str, str]]:
    response = Response()
    cookies.set(response, flow, request(*held), cross_site=cross_site)
    return changes(response)


def cookie_of(cookies: FlowCookies, flow: Flow) -> str:
    [(name, one)] = given(cookies, flow).items()
    return f"{name}={one['value']}"


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def cookies(clock: StillClock) -> FlowCookies:
    return make(clock)


def test_an_open_flow_comes_back_from_its_browser(cookies: FlowCookies) -> None:
    for purpose in ("signin", "link"):
        flow = cookies.open(purpose)
        assert cookies.read(request("a=1", cookie_of(cookies, flow)), flow.state) == flow


def test_every_flow_has_random_values_of_its_own(cookies: FlowCookies) -> None:
    flows = [cookies.open("signin") for _ in range(1000)]
    for name in ("state", "binder", "nonce"):
        values = {getattr(flow, name) for flow in flows}
        assert len(values) == 1000
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", value) for value in values)


def test_nothing_of_a_flow_is_shown(cookies: FlowCookies) -> None:
    flow = cookies.open("signin")
    for value in (flow.state, flow.binder, flow.nonce):
        assert value not in repr(flow)


def test_the_cookie_holds_neither_state_nor_nonce_and_the_store_neither_half(cookies: FlowCookies) -> None:
    flow = cookies.open("signin")
    cookie = cookie_of(cookies, flow)
    stored = flow.stored_state("op", None)
    for secret in (flow.state, flow.nonce, stored):
        assert secret not in cookie
    for secret in (flow.state, flow.nonce, flow.binder):
        assert secret not in stored


def test_the_cookie_is_short_lived_and_http_only(cookies: FlowCookies) -> None:
    [(name, one)] = given(cookies, cookies.open("signin")).items()
    assert re.fullmatch(r"belgie_flow_[A-Za-z0-9_-]{16}", name)
    del one["value"]
    assert one == {"max-age": "600", "path": "/", "secure": "", "httponly": "", "samesite": "lax"}


def test_the_cookie_has_the_host_prefix_where_that_is_asked_for(clock: StillClock) -> None:
    prefixed = make(clock, cookie={"host_prefix": True})
    flow = prefixed.open("signin")
    cookie = cookie_of(prefixed, flow)
    assert cookie.startswith("__Host-belgie_flow_")
    assert prefixed.read(request(cookie.removeprefix("__Host-")), flow.state) is None
    assert prefixed.read(request(cookie), flow.state) == flow


def test_the_cookie_of_a_provider_that_answers_by_post_is_sent_across_sites_and_secure(clock: StillClock) -> None:
    loopback = make(clock, base_url="http://127.0.0.1:8000")
    [plain] = given(loopback, loopback.open("signin")).values()
    [posted] = given(loopback, loopback.open("signin"), cross_site=True).values()
    assert ("secure" in plain, plain["samesite"]) == (False, "lax")
    assert ("secure" in posted, posted["samesite"]) == (True, "none")


def test_the_cookie_is_taken_back_with_its_attributes(cookies: FlowCookies) -> None:
    for cross_site in (False, True):
        flow = cookies.open("signin")
        response = Response()
        cookies.delete(response, flow, cross_site=cross_site)
        [(name, one)] = given(cookies, flow, cross_site=cross_site).items()
        taken = changes(response)
        assert taken.pop(name) == one | {"value": '""', "max-age": "0"}
        assert taken == {}


def test_a03_the_cookie_of_another_flow_is_none_of_this_one(cookies: FlowCookies) -> None:
    flow, other = cookies.open("signin"), cookies.open("signin")
    name = cookie_of(cookies, flow).partition("=")[0]
    value = cookie_of(cookies, other).partition("=")[2]
    assert cookies.read(request(cookie_of(cookies, other)), flow.state) is None
    moved = cookies.read(request(f"{name}={value}"), flow.state)
    assert moved is not None, "the cookie does not name its state"
    assert moved.stored_state("op", None) != flow.stored_state("op", None), "the store does"
    assert moved.nonce not in {flow.nonce, other.nonce}


def test_the_stored_digest_binds_purpose_provider_state_binder_and_user(cookies: FlowCookies) -> None:
    flow, user_id = cookies.open("signin"), uuid4()
    other = cookies.open("signin")
    digests = [
        flow.stored_state("op", None),
        flow.stored_state("evil", None),
        flow.stored_state("op", user_id),
        flow.stored_state("op", uuid4()),
        other.stored_state("op", None),
        Flow(purpose="link", state=flow.state, binder=flow.binder, started=0).stored_state("op", None),
        Flow(purpose="signin", state=other.state, binder=flow.binder, started=0).stored_state("op", None),
        Flow(purpose="signin", state=flow.state, binder=other.binder, started=0).stored_state("op", None),
    ]
    assert len(set(digests)) == len(digests)
    again = Flow(purpose="signin", state=flow.state, binder=flow.binder, started=99)
    assert again.stored_state("op", None) == digests[0]


@pytest.mark.parametrize(
    "state", ["", "x", "a" * 42, "a" * 44, "ä" * 43, "a" * 42 + "=", "a" * 42 + "\n", "a" * 10_000, "\ud800"]
)
def test_a04_a_state_of_another_form_is_not_looked_for(cookies: FlowCookies, state: str) -> None:
    assert cookies.read(request(cookie_of(cookies, cookies.open("signin"))), state) is None


def test_two_cookies_of_one_flow_are_none(cookies: FlowCookies) -> None:
    flow = cookies.open("signin")
    cookie = cookie_of(cookies, flow)
    assert cookies.read(request(cookie, cookie), flow.state) is None
    assert cookies.read(request(cookie, f"{cookie.partition('=')[0]}=x"), flow.state) is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "signin",
        "signin.1",
        "signin.1.x",
        "other.1." + "a" * 43,
        "signin.x." + "a" * 43,
        "signin.1." + "a" * 43 + ".",
    ],
)
def test_a11_a_signed_value_of_another_form_is_no_flow(cookies: FlowCookies, content: str) -> None:
    flow = cookies.open("signin")
    name = cookie_of(cookies, flow).partition("=")[0]
    assert cookies.read(request(f"{name}={ValueSigner([SECRET], 'flow').sign(content)}"), flow.state) is None


def test_a11_e13_a_value_signed_by_another_key_or_for_another_purpose_is_no_flow(
    cookies: FlowCookies, clock: StillClock
) -> None:
    flow = cookies.open("signin")
    name = cookie_of(cookies, flow).partition("=")[0]
    content = f"signin.{flow.started}.{flow.binder}"
    assert cookies.read(request(f"{name}={ValueSigner([SECRET], 'flow').sign(content)}"), flow.state) == flow
    for signer in (ValueSigner([OLD], "flow"), ValueSigner([SECRET], "session")):
        assert cookies.read(request(f"{name}={signer.sign(content)}"), flow.state) is None
    rotated = make(clock, secret=[SECRET, OLD])
    assert rotated.read(request(f"{name}={ValueSigner([OLD], 'flow').sign(content)}"), flow.state) == flow


def test_a12_a_browser_holds_ten_open_flows_and_loses_the_oldest(cookies: FlowCookies, clock: StillClock) -> None:
    held: list[str] = []
    for _ in range(30):
        clock.advance(1)
        changed = given(cookies, cookies.open("signin"), *held)
        taken = {name for name, one in changed.items() if one["max-age"] == "0"}
        assert taken == {cookie.partition("=")[0] for cookie in held[: max(0, len(held) - 9)]}
        held = [cookie for cookie in held if cookie.partition("=")[0] not in taken]
        held += [f"{name}={one['value']}" for name, one in changed.items() if name not in taken]
        assert len(held) <= 10
    assert len(held) == 10
    assert sum(map(len, held)) < 4096


def test_a12_what_is_not_signed_by_us_goes_first(cookies: FlowCookies, clock: StillClock) -> None:
    planted = [f"belgie_flow_{number:016d}=x" for number in range(12)]
    clock.advance(-100)
    own = cookie_of(cookies, cookies.open("signin"))
    clock.advance(100)
    changed = given(cookies, cookies.open("signin"), own, *planted)
    taken = {name for name, one in changed.items() if one["max-age"] == "0"}
    assert taken < {cookie.partition("=")[0] for cookie in planted}
    assert len(taken) == 4


@pytest.mark.parametrize(
    "name", ["belgie_flow_{:015d}", "belgie_flow_{:017d}", "belgie_flow_!{:015d}", "x_flow_{:016d}", "{:016d}"]
)
def test_a12_cookies_of_other_names_are_left_alone(cookies: FlowCookies, name: str) -> None:
    held = [f"{name.format(number)}=x" for number in range(20)]
    assert len(given(cookies, cookies.open("signin"), *held)) == 1
