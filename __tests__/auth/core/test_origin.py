"""Requests that change something come from the application's own pages: decision 10, rows K01 to K04."""

import pytest
from starlette.requests import HTTPConnection

from auth import CrossOriginError
from auth.core.origin import OriginPolicy, check_navigation
from auth.utils.urls import parse_origin

OWN = "https://app.example"
TRUSTED = "https://www.example:8443"

LENIENT = OriginPolicy(parse_origin(OWN), [parse_origin(TRUSTED)])
STRICT = OriginPolicy(parse_origin(OWN), [parse_origin(TRUSTED)], strict=True)

type Headers = list[tuple[str, str]]


def request(headers: Headers, *, method: str = "POST", kind: str = "http") -> HTTPConnection:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    scope = {"type": kind, "headers": raw}
    return HTTPConnection(scope | ({"method": method} if kind == "http" else {}))


def allows(policy: OriginPolicy, connection: HTTPConnection) -> bool:
    try:
        policy.check(connection)
    except CrossOriginError:
        return False
    return True


OURS: list[Headers] = [
    [("origin", OWN)],
    [("origin", f"{OWN}:443")],
    [("origin", TRUSTED)],
    [("origin", OWN), ("sec-fetch-site", "cross-site")],
    [("origin", OWN), ("referer", "https://evil.example/")],
    [("sec-fetch-site", "same-origin")],
    [("sec-fetch-site", "none")],
    [("sec-fetch-site", "same-origin"), ("referer", "https://evil.example/")],
    [("referer", f"{OWN}/page?x=1")],
    [("referer", f"{TRUSTED}/page")],
]

THEIRS: list[Headers] = [
    *([("origin", origin)] for origin in ("null", "", "https://evil.example", "https://app.example.evil", "file://")),
    *([("origin", origin)] for origin in ("http://app.example", "https://app.example:8443", "https://app.evil")),
    *([("origin", origin)] for origin in ("https://APP.example", "https://sub.app.example", "https://app.example.")),
    *([("origin", origin)] for origin in ("https://app.example@evil", "https://evil@app.example", "app.example", "*")),
    *([("origin", origin)] for origin in ("https://www.example", f"{OWN} https://evil.example", f"{OWN}\xe9")),
    [("origin", OWN), ("origin", OWN)],
    [("origin", OWN), ("origin", "https://evil.example")],
    [("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")],
    [("origin", "null"), ("sec-fetch-site", "same-origin"), ("referer", f"{OWN}/")],
    *([("sec-fetch-site", site)] for site in ("cross-site", "same-site", "", "SAME-ORIGIN", "same-origin ", "x")),
    [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
    [("sec-fetch-site", "cross-site"), ("referer", f"{OWN}/")],
    *([("referer", url)] for url in ("https://evil.example/", "https://evil.example/?https://app.example/", "", "x")),
    *([("referer", url)] for url in ("http://app.example/", "https://app.example@evil/", "https://app.example:8443/")),
    [("referer", f"{OWN}/"), ("referer", f"{OWN}/")],
]

METHODS = ["POST", "PUT", "PATCH", "DELETE", "CONNECT", "PROPFIND", "post", "get"]


@pytest.mark.parametrize("policy", [LENIENT, STRICT], ids=["lenient", "strict"])
@pytest.mark.parametrize("headers", OURS)
def test_a_request_of_our_own_or_a_trusted_page_passes(policy: OriginPolicy, headers: Headers) -> None:
    assert allows(policy, request(headers))
    assert allows(policy, request(headers, kind="websocket"))


@pytest.mark.parametrize("policy", [LENIENT, STRICT], ids=["lenient", "strict"])
@pytest.mark.parametrize("headers", THEIRS)
def test_k01_k02_k03_a_request_of_another_site_is_refused(policy: OriginPolicy, headers: Headers) -> None:
    with pytest.raises(CrossOriginError, match="the request came from another site") as raised:
        policy.check(request(headers))
    assert raised.value.code == "csrf"
    assert not allows(policy, request(headers, kind="websocket"))


@pytest.mark.parametrize("method", METHODS)
def test_k01_every_method_that_may_change_something_is_looked_at(method: str) -> None:
    assert allows(LENIENT, request([("origin", OWN)], method=method))
    assert not allows(LENIENT, request([("origin", "https://evil.example")], method=method))


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE"])
def test_a_method_that_changes_nothing_passes_from_anywhere(method: str) -> None:
    connection = request([("origin", "https://evil.example")], method=method)
    assert allows(STRICT, connection)
    with pytest.raises(CrossOriginError):
        STRICT.check_source(connection)


def test_k04_what_names_no_source_is_no_browser_and_passes_unless_strict() -> None:
    for kind in ("http", "websocket"):
        plain = request([("user-agent", "curl"), ("x-http-method-override", "GET")], kind=kind)
        assert allows(LENIENT, plain)
        assert not allows(STRICT, plain)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_k01_the_content_type_makes_no_difference(content_type: str) -> None:
    cross = [("origin", "https://evil.example"), ("content-type", content_type)]
    assert not allows(LENIENT, request(cross))
    assert allows(LENIENT, request([("origin", OWN), ("content-type", content_type)]))


def test_k05_whether_a_cookie_is_there_makes_no_difference() -> None:
    assert not allows(LENIENT, request([("origin", "https://evil.example"), ("cookie", "belgie_session=x")]))
    assert not allows(LENIENT, request([("origin", "https://evil.example")]))


@pytest.mark.parametrize(
    ("site", "destination", "passes"),
    [
        (None, None, True),
        ("none", "document", True),
        ("same-origin", "empty", True),
        ("same-site", "iframe", True),
        ("cross-site", "document", True),
        ("cross-site", "image", False),
        ("cross-site", "iframe", False),
        ("cross-site", "empty", False),
        ("cross-site", "script", False),
        ("cross-site", None, False),
    ],
)
def test_a17_a_sign_in_starts_by_a_navigation_and_not_inside_of_another_site(
    site: str | None, destination: str | None, passes: bool
) -> None:
    headers = [("sec-fetch-site", site), ("sec-fetch-dest", destination)]
    connection = request([(name, value) for name, value in headers if value is not None], method="GET")
    if passes:
        check_navigation(connection)
    else:
        with pytest.raises(CrossOriginError, match="a sign-in starts with a navigation"):
            check_navigation(connection)
