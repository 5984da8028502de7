"""A whole sign-in with a provider that answers by a form, which its own page sends off."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from __tests__.auth.hostile.clock import Clock
from __tests__.auth.providers.fake import FakeProvider, query_of
from __tests__.auth.providers.site import Person, Site, running
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from auth.providers import AppleProviderSettings, GitHubProviderSettings

KEY = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
FIRST = json.dumps({"name": {"firstName": "Jane", "lastName": "Appleseed"}, "email": "somebody-else@people.example"})


@pytest.fixture
async def site(server: FakeProvider, clock: Clock) -> AsyncIterator[Site]:
    server.describe(server.url, userinfo_endpoint=None)
    server.reply("/login/oauth/access_token", {"access_token": "gho_t", "token_type": "bearer"})
    server.reply("/api/v3/user", {"id": 1, "login": "jane", "name": "Jane", "avatar_url": None})
    server.reply(
        "/api/v3/user/emails", [{"email": "jane@github.example", "verified": True, "primary": True, "visibility": None}]
    )
    apple = AppleProviderSettings(
        issuer=server.url, client_id="example.signin", team_id="TEAM", key_id="KEY", private_key=KEY
    )
    github = GitHubProviderSettings(client_id="c", client_secret="s", base_url=server.url)
    async with running(clock, {"apple": apple, "github": github}) as found:
        yield found


def about_to_answer(server: FakeProvider, clock: Clock, location: str, **claims: Any) -> None:
    """Let Apple have a token for the sign-in that began so."""
    now = int(clock.timestamp())
    honest = {
        "iss": server.url,
        "aud": "example.signin",
        "iat": now,
        "exp": now + 600,
        "sub": "000544.5e20",
        "nonce": query_of(location)["nonce"],
        "email": "jane@people.example",
        "email_verified": "true",
        **claims,
    }
    server.reply("/token", {"access_token": "at", "token_type": "Bearer", "id_token": server.sign(honest)})


async def sign_in(person: Person, server: FakeProvider, clock: Clock, **more: str) -> dict[str, Any]:
    location = await person.start("apple")
    assert query_of(location)["response_mode"] == "form_post"
    about_to_answer(server, clock, location)
    answer = await person.post_back("apple", location, **more)
    assert (answer.status_code, answer.headers["location"]) == (303, "/"), answer.text
    session = await person.session()
    assert session is not None
    return session["user"]


async def test_the_name_is_taken_from_the_first_answer_and_kept(site: Site, server: FakeProvider, clock: Clock) -> None:
    first = await sign_in(site.person(), server, clock, user=FIRST)
    assert (first["name"], first["email"], first["email_verified"]) == ("Jane Appleseed", "jane@people.example", True)
    again = await sign_in(site.person(), server, clock)
    assert again == first


async def test_nothing_but_a_name_is_taken_from_the_form(site: Site, server: FakeProvider, clock: Clock) -> None:
    forged = json.dumps({"name": {"firstName": "Jane"}, "sub": "other", "email": "other@people.example", "id": 1})
    user = await sign_in(site.person(), server, clock, user=forged)
    assert (user["email"], user["name"]) == ("jane@people.example", "Jane")
    (account,) = site.adapter.accounts.values()
    assert account.provider_account_id == "000544.5e20"


@pytest.mark.parametrize("user", ["", "{", "[]", '{"name": 7}', "\x00"])
async def test_a_name_that_is_garbage_is_none(site: Site, server: FakeProvider, clock: Clock, user: str) -> None:
    assert (await sign_in(site.person(), server, clock, user=user))["name"] is None


async def test_a_query_is_no_answer_of_a_provider_that_posts(site: Site, server: FakeProvider, clock: Clock) -> None:
    person = site.person()
    location = await person.start("apple")
    about_to_answer(server, clock, location)
    assert (await person.come_back("apple", location)).status_code == 405
    assert (await person.post_back("apple", location)).status_code == 303


async def test_the_form_of_another_browser_signs_nobody_in(site: Site, server: FakeProvider, clock: Clock) -> None:
    location = await site.person().start("apple")
    about_to_answer(server, clock, location)
    other = site.person()
    answer = await other.post_back("apple", location)
    assert (answer.status_code, answer.json()) == (400, {"detail": "invalid_state"})
    assert not server.requests("/token")


async def test_the_session_that_the_browser_had_ends(site: Site, server: FakeProvider, clock: Clock) -> None:
    person = site.person()
    await sign_in(person, server, clock)
    (before,) = site.adapter.sessions
    await sign_in(person, server, clock)
    (after,) = site.adapter.sessions
    assert before != after


async def signed_in_with_github(site: Site) -> Person:
    person = site.person()
    assert (await person.come_back("github", await person.start("github"))).status_code == 303
    return person


async def test_a_signed_in_person_links_the_account(site: Site, server: FakeProvider, clock: Clock) -> None:
    person = await signed_in_with_github(site)
    location = await person.start_link("apple")
    about_to_answer(server, clock, location)
    answer = await person.post_back("apple", location)
    assert (answer.status_code, answer.headers["location"]) == (303, "/"), answer.text
    (user,) = site.users
    assert {(one.provider, one.user_id) for one in site.adapter.accounts.values()} == {
        ("github", user.id),
        ("apple", user.id),
    }
    assert (await sign_in(site.person(), server, clock))["email"] == "jane@github.example"


async def test_nobody_links_to_a_session_that_has_ended(site: Site, server: FakeProvider, clock: Clock) -> None:
    person = await signed_in_with_github(site)
    location = await person.start_link("apple")
    about_to_answer(server, clock, location)
    site.adapter.sessions.clear()
    answer = await person.post_back("apple", location)
    assert (answer.status_code, answer.json()) == (400, {"detail": "link_session_mismatch"})
    assert [one.provider for one in site.adapter.accounts.values()] == ["github"]


async def test_nobody_links_from_another_browser(site: Site, server: FakeProvider, clock: Clock) -> None:
    location = await (await signed_in_with_github(site)).start_link("apple")
    about_to_answer(server, clock, location)
    server.reply("/api/v3/user", {"id": 2, "login": "eve", "name": "Eve", "avatar_url": None})
    server.reply("/api/v3/user/emails", [{"email": "eve@github.example", "verified": True, "primary": True}])
    other = await signed_in_with_github(site)
    answer = await other.post_back("apple", location)
    assert (answer.status_code, answer.json()) == (400, {"detail": "invalid_state"})
    assert {one.provider for one in site.adapter.accounts.values()} == {"github"}


async def test_the_flow_of_a_provider_that_does_not_post_names_no_session(site: Site) -> None:
    person = await signed_in_with_github(site)
    (session_id,) = site.adapter.sessions
    await person.start("github")
    await person.start("apple")
    flows = [cookie for cookie in person.jar if cookie.name.startswith("belgie_flow_")]
    naming = [cookie.same_site for cookie in flows if session_id.hex in cookie.value]
    assert (len(flows), naming) == (2, ["none"])
