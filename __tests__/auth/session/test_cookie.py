"""The session cookie: what a browser is given, and what of it is read."""

from http.cookies import SimpleCookie
from typing import Any
from uuid import UUID, uuid1, uuid4

import pytest
from starlette.requests import HTTPConnection
from starlette.responses import Response

from auth.session.cookie import SessionCookie, cookie_values
from auth.utils.crypto import ValueSigner

SECRET = "a-secret-of-more-than-thirty-two-bytes-0"
OLD = "an-old-secret-of-more-than-32-bytes-000"
NAME = "belgie_session"


def make(**changes: Any) -> SessionCookie:
    options: dict[str, Any] = {
        "name": NAME,
        "secrets": [SECRET],
        "secure": True,
        "max_age": 1000,
        "same_site": "lax",
        "domain": None,
    }
    return SessionCookie(**{**options, **changes})


def request(*cookie_headers: str) -> HTTPConnection:
    headers = [(b"cookie", header.encode("latin-1")) for header in cookie_headers]
    return HTTPConnection({"type": "http", "headers": headers})


def set_cookie(response: Response) -> str:
    [header] = response.headers.getlist("set-cookie")
    return header


def attributes(header: str) -> dict[str, str]:
    pairs = (part.strip().partition("=") for part in header.split(";")[1:])
    return {name.lower(): value for name, _, value in pairs}


@pytest.mark.parametrize(
    ("headers", "values"),
    [
        ([], []),
        ([""], []),
        (["a=1"], ["1"]),
        (["b=2"], []),
        (["a=1; a=2"], ["1", "2"]),
        (["a=1", "a=2"], ["1", "2"]),
        (["b=2; a=1;c=3"], ["1"]),
        (["  a = 1 ; b=2"], ["1"]),
        (["a"], [""]),
        (["a="], [""]),
        (["a=b=c"], ["b=c"]),
        (['a="1"'], ['"1"']),
        (["A=1; aa=2; xa=3; a.=4"], []),
        ([";;a=1;;"], ["1"]),
        (["a=1,a=2"], ["1,a=2"]),
    ],
)
def test_every_value_of_a_name_is_found(headers: list[str], values: list[str]) -> None:
    assert cookie_values(headers, "a") == values


def test_a_session_comes_back_from_its_cookie() -> None:
    for _ in range(50):
        session_id = uuid4()
        assert make().read(request(f"a=1; {NAME}={make().value(session_id)}; b=2")) == session_id


def test_without_a_cookie_there_is_no_session() -> None:
    assert make().read(request()) is None
    assert make().read(request("a=1")) is None


def test_the_name_is_compared_to_the_letter() -> None:
    value = make().value(uuid4())
    for name in ("Belgie_session", "belgie_session2", "xbelgie_session", "__Host-belgie_session", "belgie_session "):
        read = make().read(request(f"{name}={value}"))
        assert (read is None) is (name.strip() != NAME)


def test_e02_two_cookies_of_the_name_are_no_session_even_if_both_are_ours() -> None:
    session_id = uuid4()
    own, other = make().value(session_id), make().value(uuid4())
    for second in (own, other, "", "x"):
        assert make().read(request(f"{NAME}={own}; {NAME}={second}")) is None
        assert make().read(request(f"{NAME}={second}; {NAME}={own}")) is None
        assert make().read(request(f"{NAME}={own}", f"{NAME}={second}")) is None
    assert make().read(request(f"{NAME}={own}; {NAME}")) is None
    assert make().read(request(f"{NAME}={own}", "other=1")) == session_id


def test_e02_with_the_host_prefix_only_that_name_is_read() -> None:
    prefixed = make(name=f"__Host-{NAME}")
    session_id = uuid4()
    own = prefixed.value(session_id)
    assert prefixed.read(request(f"{NAME}={own}")) is None
    assert prefixed.read(request(f"{NAME}={make().value(uuid4())}; __Host-{NAME}={own}")) == session_id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0" * 31,
        "0" * 33,
        str(UUID(int=5)),
        "{" + str(UUID(int=5)) + "}",
        f"urn:uuid:{UUID(int=5)}",
        UUID(int=2**127 + 10).hex.upper(),
        "g" * 32,
        f" {UUID(int=5).hex}",
        f"{UUID(int=5).hex}\n",
        f"{UUID(int=5).hex}.",
    ],
)
def test_e03_an_id_of_another_form_is_no_session_though_it_is_signed(text: str) -> None:
    signed = ValueSigner([SECRET], "session").sign(text)
    assert make().read(request(f"{NAME}={signed}")) is None


@pytest.mark.parametrize("guess", [uuid4(), uuid1(), UUID(int=0), UUID(int=1), UUID(int=2**128 - 1)])
def test_e03_an_id_without_our_signature_is_no_session(guess: UUID) -> None:
    stranger = make(secrets=[OLD]).value(guess)
    signature = make().value(uuid4()).rpartition(".")[2]
    for value in (str(guess), guess.hex, f"{guess.hex}.", f"{guess.hex}.{signature}", stranger):
        assert make().read(request(f"{NAME}={value}")) is None


def test_e05_the_cookie_of_a_listed_older_secret_is_read_until_it_is_taken_off_the_list() -> None:
    session_id = uuid4()
    header = f"{NAME}={make(secrets=[OLD]).value(session_id)}"
    assert make(secrets=[SECRET, OLD]).read(request(header)) == session_id
    assert make(secrets=[SECRET]).read(request(header)) is None
    assert make(secrets=[SECRET, OLD]).value(session_id) == make(secrets=[SECRET]).value(session_id)


@pytest.mark.parametrize("spelling", ['"{}"', "{}=", "{}.", "{} x", "%{}", "{}\x00", "{}é"])
def test_e05_another_spelling_of_a_good_value_is_no_session(spelling: str) -> None:
    assert make().read(request(f"{NAME}={spelling.format(make().value(uuid4()))}")) is None


def test_e13_what_was_signed_for_another_purpose_is_no_session() -> None:
    session_id = uuid4().hex
    for purpose in ("flow", "nonce", "", "session2"):
        assert make().read(request(f"{NAME}={ValueSigner([SECRET], purpose).sign(session_id)}")) is None


def test_e11_the_cookie_is_http_only_lax_for_this_host_and_the_whole_site() -> None:
    response = Response()
    session_id = uuid4()
    make().set(response, session_id)
    header = set_cookie(response)
    assert header.partition(";")[0] == f"{NAME}={make().value(session_id)}"
    assert attributes(header) == {"httponly": "", "max-age": "1000", "path": "/", "samesite": "lax", "secure": ""}
    assert len(header.partition(";")[0]) < 4096


def test_e11_the_attributes_are_those_that_were_configured() -> None:
    response = Response()
    make(secure=False, same_site="strict", domain="app.example", max_age=7).set(response, uuid4())
    assert attributes(set_cookie(response)) == {
        "domain": "app.example",
        "httponly": "",
        "max-age": "7",
        "path": "/",
        "samesite": "strict",
    }


@pytest.mark.parametrize("options", [{}, {"secure": False}, {"domain": "app.example", "same_site": "strict"}])
def test_e12_the_cookie_is_taken_back_with_the_attributes_it_was_given_with(options: dict[str, Any]) -> None:
    given, taken = Response(), Response()
    make(**options).set(given, uuid4())
    make(**options).delete(taken)
    assert attributes(set_cookie(taken)) == attributes(set_cookie(given)) | {"max-age": "0"}
    [(name, morsel)] = SimpleCookie(set_cookie(taken)).items()
    assert (name, morsel.value) == (NAME, "")


def test_browsers_need_not_quote_the_value() -> None:
    for _ in range(50):
        response = Response()
        make().set(response, uuid4())
        assert '"' not in set_cookie(response)
