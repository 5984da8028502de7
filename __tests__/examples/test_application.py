"""The example's pages and routes, over HTTP, on SQLite and PostgreSQL."""

import re
import secrets
from collections.abc import Generator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from examples.auth.browser import Browser, Page
from examples.auth.main import create_app
from examples.auth.provider import local_provider
from examples.auth.serve import address, listen, running

from belgie import AuthSettings, DatabaseSettings, OIDCProviderSettings, URLSettings

SIGN_IN = "Sign in with the local provider"


@pytest.fixture(scope="module")
def issuer() -> Generator[str]:
    with local_provider() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseSettings:
    if request.param == "sqlite":
        return DatabaseSettings(type="sqlite", database=str(tmp_path / "example.db"))
    return DatabaseSettings.from_url(request.getfixturevalue("postgres_database"))


@pytest.fixture
def url(issuer: str, database: DatabaseSettings) -> Generator[str]:
    """The address of the running example."""
    listener = listen("127.0.0.1", 0)
    settings = AuthSettings(
        secret=secrets.token_urlsafe(48), base_url=address(listener), urls=URLSettings(error_redirect="/")
    )
    provider = OIDCProviderSettings(
        issuer=issuer, client_id="example", client_secret=secrets.token_urlsafe(), label="the local provider"
    )
    with running(create_app(settings=settings, db=database, providers={"local": provider}), listener):
        yield settings.base_url


@pytest.fixture
def browser() -> Generator[Browser]:
    with Browser("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0") as opened:
        yield opened


def sign_in(browser: Browser, url: str, person: str = "ada") -> Page:
    return browser.press(browser.open(browser.open(f"{url}/").links[SIGN_IN]), person)


def end_session_url(page: Page) -> str:
    return next(form.action for form in page.forms if "Sign out this one" in form.buttons)


def test_a_stranger_sees_a_button_for_the_provider_and_no_account(browser: Browser, url: str) -> None:
    page = browser.open(f"{url}/")
    assert page.links == {SIGN_IN: f"{url}/auth/provider/local/signin"}
    assert page.forms == []


def test_the_page_shows_the_profile_and_this_session(browser: Browser, url: str) -> None:
    page = sign_in(browser, url)
    assert page.url == f"{url}/"
    for text in ("Ada Lovelace", "ada@example.org", "verified", "admin", "Firefox on Linux", "127.0.0.1", "this one"):
        assert text in page.text
    assert [*page.forms[0].buttons] == ["Sign out"]
    assert len(page.forms) == 1


def test_the_first_user_may_see_the_admin_page_and_the_second_may_not(browser: Browser, url: str) -> None:
    sign_in(browser, url)
    assert browser.get(f"{url}/admin").status_code == 200
    with Browser("Other") as other:
        sign_in(other, url, "grace")
        refused = other.get(f"{url}/admin", accept="text/html,*/*;q=0.8")
        assert refused.status_code == 403
        assert "this page is not for you" in refused.text
        assert other.get(f"{url}/admin").json() == {"detail": "insufficient_scope"}


def test_a_stranger_gets_a_page_from_the_admin_page_too(browser: Browser, url: str) -> None:
    refused = browser.get(f"{url}/admin", accept="text/html")
    assert refused.status_code == 401
    assert "Please sign in first" in refused.text


def test_another_session_can_be_signed_out_from_the_page(browser: Browser, url: str) -> None:
    with Browser("Phone") as phone:
        sign_in(phone, url)
        page = sign_in(browser, url)
        assert page.text.count("Sign out this one") == 1
        page = browser.press(page, "Sign out this one")
        assert "Phone" not in page.text
        assert phone.get(f"{url}/me").status_code == 401
        assert browser.get(f"{url}/me").status_code == 200


def test_all_other_sessions_can_be_signed_out_together(browser: Browser, url: str) -> None:
    with Browser("Phone") as phone, Browser("Tablet") as tablet:
        sign_in(phone, url)
        sign_in(tablet, url)
        page = browser.press(sign_in(browser, url), "Sign out everywhere else")
        assert "Sign out this one" not in page.text
        assert [one.get(f"{url}/me").status_code for one in (phone, tablet, browser)] == [401, 401, 200]


def test_somebody_elses_session_cannot_be_ended(browser: Browser, url: str) -> None:
    with Browser("Phone") as phone, Browser("Other") as other:
        sign_in(phone, url)
        target = end_session_url(sign_in(browser, url))
        sign_in(other, url, "grace")
        cookies = {"Cookie": f"belgie_session={other.cookies['belgie_session']}"}
        assert httpx.post(target, headers=cookies).status_code == 404
        assert phone.get(f"{url}/me").status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_another_site_cannot_end_sessions_or_sign_out(browser: Browser, url: str, origin: str) -> None:
    with Browser("Phone") as phone:
        sign_in(phone, url)
        target = end_session_url(sign_in(browser, url))
        headers = {"Cookie": f"belgie_session={browser.cookies['belgie_session']}", "Origin": origin}
        for path in (urlsplit(target).path, "/sessions/others/end", "/auth/signout"):
            answer = httpx.post(f"{url}{path}", headers=headers)
            assert (answer.status_code, answer.json()) == (403, {"detail": "csrf"}), path
        assert phone.get(f"{url}/me").status_code == 200
        assert browser.get(f"{url}/me").status_code == 200


def test_signing_out_ends_the_session_at_the_server(browser: Browser, url: str) -> None:
    page = sign_in(browser, url)
    cookie = f"belgie_session={browser.cookies['belgie_session']}"
    page = browser.press(page, "Sign out")
    assert list(page.links) == [SIGN_IN]
    assert browser.get(f"{url}/me", cookie=cookie).json() == {"detail": "not_authenticated"}


def test_who_refuses_at_the_provider_comes_back_with_a_notice(browser: Browser, url: str) -> None:
    page = browser.press(browser.open(browser.open(f"{url}/").links[SIGN_IN]), "Deny access")
    assert "You did not agree, so you are not signed in." in page.text
    assert list(page.links) == [SIGN_IN]


@pytest.mark.parametrize("code", ["<script>alert(1)</script>", "no_such_code", ""])
def test_an_unknown_error_in_the_address_is_not_repeated(browser: Browser, url: str, code: str) -> None:
    answer = httpx.get(f"{url}/", params={"error": code})
    assert "That did not work." in answer.text
    assert not code or code not in answer.text


def test_me_is_for_programs(browser: Browser, url: str) -> None:
    assert browser.get(f"{url}/me").json() == {"detail": "not_authenticated"}
    sign_in(browser, url)
    found = browser.get(f"{url}/me").json()
    assert re.fullmatch(r"[0-9a-f-]{36}", found.pop("id"))
    assert found == {"email": "ada@example.org", "name": "Ada Lovelace", "scopes": ["admin"]}


def test_the_page_loads_nothing_but_its_own_style(browser: Browser, url: str) -> None:
    pages = [browser.open(f"{url}/"), sign_in(browser, url), browser.open(f"{url}/admin")]
    for page in pages:
        html = page.response.text
        assert re.findall(r"""(?:src|href)="(?!/|http://127\.0\.0\.1)""", html) == []
        assert re.findall(r"<script|<style|<img|<iframe|style=|\son\w+=", html) == []
        policy = page.response.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'self';")
        assert page.response.headers["cache-control"] == "no-store"
        assert page.response.headers["referrer-policy"] == "same-origin"
    style = browser.get(f"{url}/style.css")
    assert style.headers["content-type"].startswith("text/css")
    assert "url(" not in style.text
    assert "@import" not in style.text
