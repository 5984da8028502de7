"""What is in browsers and stores today is read by every later version: the values are written out here."""

from uuid import UUID

import pytest
from __tests__.auth.session.still_clock import StillClock
from starlette.requests import HTTPConnection
from starlette.responses import Response

from auth import AuthSettings
from auth.core.flow import Flow, FlowCookies
from auth.session.cookie import SessionCookie

SECRET = "a-secret-of-more-than-thirty-two-bytes-0"
SESSION = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")
STATE = "s" * 43
BINDER = "b" * 43
FLOW = Flow(purpose="signin", state=STATE, binder=BINDER, started=1700000000)
FLOW_COOKIE = (
    f"__Host-belgie_flow_fRxZM_0RIovuKsbU=signin.1700000000.{BINDER}.0f8fad5bd9cb469fa16570867728950e"
    ".6Du43f5Ba_t2r3_QAYACBUpJoMlTuclzC45aEZJjmFE"
)


def request(cookie: str) -> HTTPConnection:
    return HTTPConnection({"type": "http", "headers": [(b"cookie", cookie.encode())]})


@pytest.fixture
def flow_cookies() -> FlowCookies:
    settings = {"secret": SECRET, "base_url": "https://app.example", "cookie": {"host_prefix": True}}
    return FlowCookies(AuthSettings.model_validate(settings), StillClock())


def test_the_session_cookie_keeps_its_form() -> None:
    cookie = SessionCookie(name="s", secrets=[SECRET], secure=True, max_age=1, same_site="lax", domain=None)
    value = "0f8fad5bd9cb469fa16570867728950e.1thB5FhKiWdRHceVnBxx-Lq4fCZHJY7ionEQvwtlzUU"
    assert cookie.value(SESSION) == value
    assert cookie.read(request(f"s={value}")) == SESSION


def test_what_the_store_knows_of_a_flow_keeps_its_form() -> None:
    assert FLOW.nonce == "crgCG3TOpCtbttL_Th4yaTFVqhXBYFLzvf1yC4UNj6w"
    assert FLOW.stored_state("google", None) == "Utv_9shafZU7NG-eeDpM_Xm9Zp-iYzTLm1R6cOtePPA"
    assert FLOW.stored_state("google", SESSION) == "AfyhdZ8vL6QdZCv6P89I5JFWKsqW2PTPI93zvv9_F44"


def test_the_flow_cookie_keeps_its_form_and_carries_the_session(flow_cookies: FlowCookies) -> None:
    flow = flow_cookies.read(request(FLOW_COOKIE), STATE)
    assert flow == Flow(purpose="signin", state=STATE, binder=BINDER, started=1700000000, session_id=SESSION)
    response = Response()
    assert flow is not None
    flow_cookies.set(response, flow, request(""), cross_site=False)
    assert response.headers["set-cookie"].partition(";")[0] == FLOW_COOKIE


def test_an_opened_flow_knows_the_session_that_it_was_opened_in(flow_cookies: FlowCookies) -> None:
    assert flow_cookies.open("link", SESSION).session_id == SESSION
    assert flow_cookies.open("link").session_id is None


def test_a_surplus_flow_cookie_is_taken_back_empty(flow_cookies: FlowCookies) -> None:
    held = "; ".join(f"__Host-belgie_flow_{number:016}=x=y" for number in range(10))
    response = Response()
    flow_cookies.set(response, FLOW, request(held), cross_site=False)
    taken, given = response.headers.getlist("set-cookie")
    assert taken.startswith('__Host-belgie_flow_0000000000000000="";')
    assert "Max-Age=0" in taken
    assert given.startswith("__Host-belgie_flow_fRxZM_0RIovuKsbU=signin.1700000000.")


@pytest.mark.parametrize("longer", [f"{STATE}x", f"x{STATE}", f"{STATE}\n", f"{STATE}=", STATE[:-1]])
def test_a_state_that_is_longer_than_ours_is_no_state_even_with_a_cookie_made_for_it(
    flow_cookies: FlowCookies, longer: str
) -> None:
    response = Response()
    forged = Flow(purpose="signin", state=longer, binder=BINDER, started=1700000000)
    flow_cookies.set(response, forged, request(""), cross_site=False)
    assert flow_cookies.read(request(response.headers["set-cookie"].partition(";")[0]), longer) is None
