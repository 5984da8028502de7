"""Where a request comes from."""

import pytest
from starlette.requests import HTTPConnection

from auth.core.request import client_address, user_agent


def request(*headers: tuple[str, str], client: tuple[str, int] | None = ("192.0.2.1", 5000)) -> HTTPConnection:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return HTTPConnection({"type": "http", "headers": raw, "client": client})


def forwarded(*values: str) -> HTTPConnection:
    return request(*(("x-forwarded-for", value) for value in values))


@pytest.mark.parametrize(
    "header",
    [
        ("x-forwarded-for", "203.0.113.9"),
        ("forwarded", "for=203.0.113.9"),
        ("x-real-ip", "203.0.113.9"),
        ("true-client-ip", "203.0.113.9"),
    ],
)
def test_without_a_trusted_proxy_the_connection_decides(header: tuple[str, str]) -> None:
    assert client_address(request(header), 0) == "192.0.2.1"


@pytest.mark.parametrize(
    ("values", "proxies", "address"),
    [
        (["203.0.113.9"], 1, "203.0.113.9"),
        (["10.0.0.1, 203.0.113.9"], 1, "203.0.113.9"),
        (["203.0.113.9, 10.0.0.1"], 2, "203.0.113.9"),
        (["198.51.100.1, 203.0.113.9, 10.0.0.1"], 2, "203.0.113.9"),
        (["198.51.100.1", "203.0.113.9", "10.0.0.1"], 2, "203.0.113.9"),
        (["198.51.100.1,203.0.113.9 ,  10.0.0.1"], 2, "203.0.113.9"),
        (["2001:DB8:0:0:0:0:0:1"], 1, "2001:db8::1"),
        (["203.0.113.9"], 2, None),
        ([], 1, None),
        ([""], 1, None),
        (["unknown"], 1, None),
        (["203.0.113.9:8080"], 1, None),
        (["203.0.113.9,"], 1, None),
        (["999.0.0.1"], 1, None),
        (["<script>"], 1, None),
        (["203.0.113.9, evil"], 1, None),
    ],
)
def test_behind_proxies_only_what_they_appended_counts(values: list[str], proxies: int, address: str | None) -> None:
    assert client_address(forwarded(*values), proxies) == address


@pytest.mark.parametrize(
    ("client", "address"),
    [(None, None), (("testclient", 1), None), (("::1", 1), "::1"), (("", 0), None), (("192.0.2.7", 1), "192.0.2.7")],
)
def test_an_address_is_an_ip_address_or_unknown(client: tuple[str, int] | None, address: str | None) -> None:
    assert client_address(request(client=client), 0) == address


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Mozilla/5.0 (X11)", "Mozilla/5.0 (X11)"),
        ("a\tb\x1b[31m\x7f\xe9", "a?b?[31m??"),
        ("x" * 5000, "x" * 512),
    ],
)
def test_j05_a_user_agent_is_printable_and_short(given: str, kept: str) -> None:
    assert user_agent(request(("user-agent", given))) == kept


def test_without_a_user_agent_there_is_none() -> None:
    assert user_agent(request()) is None
    assert user_agent(request(("user-agent", ""))) is None
