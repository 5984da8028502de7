from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from examples.auth import pages

ATTACKS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "{header}",
    "&lt;b&gt;",
]
TAGS = "a body button div form h1 h2 head header html li link main meta p section span title ul"


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: bytes | memoryview) -> Reader:
    reader = Reader()
    reader.feed(bytes(html).decode())
    reader.close()
    return reader


def device(text: str, *, is_this: bool = False) -> pages.Device:
    now = datetime(2026, 11, 22, 13, 5, tzinfo=UTC)
    return pages.Device(id=text, user_agent=text, ip_address=text, since=now, until=now, is_this=is_this)


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_that_a_user_or_provider_says_becomes_html(attack: str) -> None:
    person = pages.Person(name=attack, email=attack, email_verified=True, scopes=[attack])
    for response in (
        pages.home_page(person, [device(attack), device(attack, is_this=True)]),
        pages.sign_in_page({attack: attack}, notice=attack),
        pages.message_page(attack, attack),
    ):
        found = read(response.body)
        assert found.tags <= set(TAGS.split())
        assert not {name for name in found.attributes if name.startswith("on")}
        assert attack in found.text


@pytest.mark.parametrize("name", [None, "", " ", "Ada", "Ada King Lovelace"])
def test_a_person_is_shown_with_any_kind_of_name(name: str | None) -> None:
    person = pages.Person(name=name, email="ada@example.org", email_verified=False, scopes=[])
    text = read(pages.home_page(person, [device("Phone", is_this=True)]).body).text
    assert "ada@example.org" in text
    assert "verified" not in text


def test_a_session_of_an_unknown_device_is_shown() -> None:
    now = datetime(2026, 11, 22, 13, 5, tzinfo=UTC)
    unknown = pages.Device(id="1", user_agent=None, ip_address=None, since=now, until=now, is_this=False)
    person = pages.Person(name="Ada", email="ada@example.org", email_verified=True, scopes=[])
    text = read(pages.home_page(person, [unknown]).body).text
    assert "Unknown device" in text
    assert "unknown address, since 22 Nov 2026, 13:05" in text


@pytest.mark.parametrize(
    ("user_agent", "shown"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"),
        ("Laptop", "Laptop"),
    ],
)
def test_a_session_is_shown_as_a_person_would_call_the_device(user_agent: str, shown: str) -> None:
    now = datetime(2026, 11, 22, 13, 5, tzinfo=UTC)
    known = pages.Device(id="1", user_agent=user_agent, ip_address=None, since=now, until=now, is_this=True)
    person = pages.Person(name="Ada", email="ada@example.org", email_verified=True, scopes=[])
    html = bytes(pages.home_page(person, [known]).body).decode()
    assert f'<span class="device" title="{user_agent}">{shown}</span>' in html
