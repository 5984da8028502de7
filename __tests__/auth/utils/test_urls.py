"""Where a browser may be sent, and what an origin is.

The oracle reads a target as browsers do (WHATWG URL standard), after a proxy has decoded it not at all, once or twice,
and takes every doubt for an escape. What the policy allows must stay at an allowed origin in all three readings.
"""

import re
from itertools import product
from urllib.parse import unquote

import pytest

from auth.utils.urls import Origin, RedirectPolicy, is_loopback_host, parse_origin, split_url

OWN = Origin("https", "app.example", 443)
TRUSTED = Origin("https", "www.example", 8443)
POLICY = RedirectPolicy(OWN, [TRUSTED])

SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
DEFAULT_PORTS = {"http": "80", "https": "443"}

REFUSED = {
    "D01": [
        "//evil",
        "///evil",
        "////evil",
        "/\\evil",
        "\\/evil",
        "\\\\evil",
        "//evil/..",
        "//app.example",
        "/\\/evil",
    ],
    "D02": [
        *("https:evil", "https:/evil", "https:///evil", "https:app.example", "https:/app.example/", "https:\\\\evil"),
        *("javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "javascript://app.example/%0aalert(1)"),
        *("data:text/html,x", "DATA:text/html,x", "vbscript:x", "blob:https://app.example/x", "file:///etc/passwd"),
        *("HTTPS://app.example/", "ftp://app.example/", "wss://app.example/", "mailto:a@app.example", "evil", "a/b"),
        *("?next=/", "#top", "", ".", "..", "./x", "*", "://app.example", "//", "https://", "https://?x", "https:"),
    ],
    "D03": [
        *(
            "/%2f%2fevil",
            "/%2fevil",
            "/%2Fevil",
            "/%5cevil",
            "/%5Cevil",
            "/%5c%5cevil",
            "/%252f%252fevil",
            "/%252fevil",
        ),
        *("/%0d%0aSet-Cookie:x", "/%00", "/a%00b", "/%250d%250a", "/%09/evil", "/%7f", "/%c2%85", "/%255cevil"),
        *("/a?x=%0d%0aSet-Cookie:x", "/a#%00", "https://app.example/%5cevil", "https://app.example/%0d%0ax"),
        *("/a%2f%2fevil", "/a/%2fevil", "/a%2f/evil", "/a%252f/evil"),
    ],
    "D04": [
        *(
            "/\t/evil",
            "\n//evil",
            "/\n/evil",
            "/\r/evil",
            "/a\tb",
            "/a b",
            " /a",
            "/a ",
            "\t/a",
            "/a\n",
            "/\x00",
            "\x00/a",
        ),
        *("h\nttps://evil", "https://ap\tp.example/", "/\u2028", "/\u200b/evil", "/ü", "/\u2044evil", "\u2044/evil"),
        *("\uff0f\uff0fevil", "/\x7f", "/\x85", "/\ud800"),
    ],
    "D05": [
        *("https://app@evil", "https://app.example@evil", "https://app.example:443@evil", "https://app.example\\@evil"),
        *("https://app.example;@evil", "https://evil@app.example/", "https://:@app.example/", "https://@app.example/"),
        *("https://app.example%40evil/", "https://evil%2f@app.example/", "https://app.example%2f@evil/"),
    ],
    "D06": [
        *(
            "https://app.example.evil",
            "https://evil?app.example",
            "https://evil#app.example",
            "https://evilapp.example",
        ),
        *("https://app.exampl", "https://app.example.", "https://app.example./", "https://sub.app.example/"),
        *("https://app-example/", "https://app.examplf/", "https://xapp.example/", "https://app.example%2eevil/"),
        *(
            "https://APP.example/",
            "https://[app.example]/",
            "https://app.example%00.evil/",
            "https://app.example\u3002evil",
        ),
        *("https://evil/https://app.example", "https://evil/?https://app.example/", "https://*.example/"),
    ],
    "D08": [
        *(
            "https://app.example:8443/",
            "https://app.example:99999/",
            "https://app.example:0443/",
            "https://app.example:/",
        ),
        *(
            "https://app.example:",
            "https://app.example:443x/",
            "https://app.example:-443/",
            "https://app.example:+443/",
        ),
        *("https://app.example:0/", "https://app.example:44 3/", "https://www.example/", "https://www.example:443/"),
        *("https://app.example:65979/", "https://app.example:\u0664\u0664\u0663/"),
    ],
    "D09": ["http://app.example/", "http://app.example:443/", "http://www.example:8443/"],
    "D11": [f"/{'a' * 2048}", f"https://app.example/{'a' * 3000}", "/" + "%61" * 1000],
    "D15": [
        *("//auth/signout", "/auth//signout", "/auth/./signout", "/x/../auth/signout", "/auth/../x", "/./a", "/a/."),
        *("/..", "/../", "/a/..", "/%2e%2e/auth", "/%2e/auth", "/.%2e/a", "/%252e%252e/a", "/a%2f../b", "/a//", "//"),
        *("https://app.example//evil", "https://app.example/a/../b", "https://app.example/%2e%2e/b"),
    ],
}

ALLOWED = [
    "/",
    "/welcome",
    "/welcome/",
    "/a/b.c/d..e/...",
    "/search?q=a&next=//evil",
    "/search?next=https://evil/",
    "/#//evil",
    "/a?b=c#d?e=/../f",
    "/%C3%BC%20x",
    "/100%25",
    "/%",
    "/:8443",
    "/@evil",
    "/a:b@c",
    "/javascript:alert(1)",
    f"/{'a' * 2047}",
    "https://app.example",
    "https://app.example/",
    "https://app.example:443/x",
    "https://app.example?x=//evil",
    "https://app.example#@evil",
    "https://app.example/?u=https://evil@evil/..",
    "https://www.example:8443/back",
]


def lands_at(target: str, base: Origin) -> str | None:
    """Where a browser at `base` goes: `scheme://host:port`, or None if that is in doubt."""
    text = target.strip("".join(map(chr, range(33))))
    text = re.sub(r"[\t\n\r]", "", text).replace("\\", "/")
    own = f"{base.scheme}://{base.host}:{base.port}"
    scheme, rest = base.scheme, text
    if match := SCHEME.match(text):
        scheme, rest = match[1].lower(), text[match.end() :]
        if scheme not in DEFAULT_PORTS:
            return None
    elif not text.startswith("/"):
        return None
    elif not text.startswith("//"):
        return own
    authority = re.split(r"[/?#]", rest.lstrip("/"), maxsplit=1)[0]
    host, _, port = authority.rpartition("@")[2].partition(":")
    return f"{scheme}://{host.lower()}:{port or DEFAULT_PORTS[scheme]}" if host else None


def readings(target: str) -> set[str | None]:
    """Where the target leads as it stands, decoded once and decoded twice."""
    once = unquote(target)
    return {lands_at(spelling, OWN) for spelling in (target, once, unquote(once))}


ALLOWED_PLACES = {"https://app.example:443", "https://www.example:8443"}


@pytest.mark.parametrize("target", [target for targets in REFUSED.values() for target in targets])
def test_a_target_that_leads_or_could_lead_elsewhere_is_refused(target: str) -> None:
    assert not POLICY.is_allowed(target)


@pytest.mark.parametrize("target", ALLOWED)
def test_a_path_of_the_application_and_a_url_at_an_allowed_origin_are_allowed(target: str) -> None:
    assert POLICY.is_allowed(target)
    assert readings(target) <= ALLOWED_PLACES


@pytest.mark.parametrize(
    "target", ["//evil", "/\\evil", "/%2fevil", "/%252f/evil", "https:evil", "https://app.example@evil", "\t//evil"]
)
def test_the_oracle_sees_an_escape(target: str) -> None:
    assert not readings(target) <= ALLOWED_PLACES


def test_no_combination_of_pieces_is_allowed_that_some_reading_leads_elsewhere() -> None:
    pieces = [
        *("/", "\\", "%2f", "%5c", "%252f", "\t", "https:", "app.example", "evil.example"),
        *("@", "%40", ":", ".", "%2e", "?", "#"),
    ]
    allowed = 0
    for length in (1, 2, 3, 4):
        for combination in product(pieces, repeat=length):
            for target in ("".join(combination), f"https://app.example{''.join(combination)}"):
                if POLICY.is_allowed(target):
                    allowed += 1
                    assert readings(target) <= ALLOWED_PLACES, target
    assert allowed > 5_000, "the policy still allows what is harmless"


@pytest.mark.parametrize(
    "target",
    [
        *("/auth", "/auth/", "/auth/signout", "/auth/provider/op/signin?redirect_url=/x", "/auth?x", "/auth#x"),
        *("/AUTH/signout", "/Auth", "/auth;x", "/auth;x/signout", "/%61uth/signout", "/%2561uth/signout"),
        *("/auth%2fsignout", "/auth%252fsignout", "https://app.example/auth/signout", "https://app.example:443/auth"),
    ],
)
def test_d12_d15_a_target_within_the_sign_in_routes_is_reserved(target: str) -> None:
    assert POLICY.is_allowed(target)
    assert POLICY.is_reserved(target)


@pytest.mark.parametrize(
    "target", ["/", "/authors", "/auth-help", "/x/auth", "/x?next=/auth", "/#/auth", "https://app.example/authors"]
)
def test_a_target_beside_the_sign_in_routes_is_not_reserved(target: str) -> None:
    assert not POLICY.is_reserved(target)


def test_the_reserved_path_is_that_below_the_base_url() -> None:
    policy = RedirectPolicy(OWN, [], "/api/auth")
    assert policy.is_reserved("/api/auth/session")
    assert not policy.is_reserved("/auth/session")


@pytest.mark.parametrize(
    ("url", "origin", "rest"),
    [
        ("https://app.example", Origin("https", "app.example", 443), ""),
        ("https://app.example/", Origin("https", "app.example", 443), "/"),
        ("http://localhost:8000/a?b#c", Origin("http", "localhost", 8000), "/a?b#c"),
        ("https://[::1]:8443/x", Origin("https", "[::1]", 8443), "/x"),
        ("https://xn--mnchen-3ya.example?x", Origin("https", "xn--mnchen-3ya.example", 443), "?x"),
        ("https://a.example:65535", Origin("https", "a.example", 65535), ""),
    ],
)
def test_a_url_is_split_into_its_origin_and_the_rest(url: str, origin: Origin, rest: str) -> None:
    assert split_url(url) == (origin, rest)


@pytest.mark.parametrize(
    "url", ["", "app.example", "https://", "https://a b", "https://a.example:65536", "https://ü.example"]
)
def test_what_is_no_plain_url_is_refused_with_what_was_expected(url: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        split_url(url)


@pytest.mark.parametrize(
    "url", ["https://a.example/x", "https://a.example?x", "https://a.example#x", "https://a.example//"]
)
def test_an_origin_has_no_path(url: str) -> None:
    with pytest.raises(ValueError, match="expected scheme, host and port only"):
        parse_origin(url)


def test_an_origin_is_written_as_browsers_write_it() -> None:
    assert str(parse_origin("https://a.example:443/")) == "https://a.example"
    assert str(parse_origin("http://a.example:80")) == "http://a.example"
    assert str(parse_origin("https://a.example:80")) == "https://a.example:80"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"])
def test_loopback_is_loopback(host: str) -> None:
    assert is_loopback_host(host)
    assert Origin("http", host, 8000).is_loopback


@pytest.mark.parametrize(
    "host",
    [
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "localhost.evil",
        "127.0.0.1.evil",
        "10.0.0.1",
        "[::2]",
        "0.0.0.0",
        "",
    ],
)
def test_everything_else_is_not(host: str) -> None:
    assert not is_loopback_host(host)
