"""A whole sign-in with a provider that is no OpenID provider."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from __tests__.auth.hostile.clock import Clock
from __tests__.auth.providers.fake import FakeProvider, query_of
from __tests__.auth.providers.site import Site, running

from auth.providers import GitHubProviderSettings

PRIMARY = {"email": "octocat@github.example", "verified": True, "primary": True, "visibility": "private"}


@pytest.fixture
async def site(server: FakeProvider, clock: Clock) -> AsyncIterator[Site]:
    server.reply("/login/oauth/access_token", {"access_token": "gho_t", "scope": "user:email", "token_type": "bearer"})
    server.reply("/api/v3/user", {"id": 583231, "login": "octocat", "name": None, "avatar_url": "https://x.example/a"})
    server.reply("/api/v3/user/emails", [PRIMARY])
    github = GitHubProviderSettings(client_id="c", client_secret="s", base_url=server.url)
    async with running(clock, {"github": github}) as found:
        yield found


async def test_a_person_signs_up_and_in_with_a_verified_address(site: Site, server: FakeProvider) -> None:
    for _ in range(2):
        person = site.person()
        location = await person.start("github")
        answer = await person.come_back("github", location)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        session = await person.session()
        assert session is not None
        assert session["user"]["email"] == "octocat@github.example"
        assert (session["user"]["email_verified"], session["user"]["name"]) == (True, "octocat")
        verifier = server.requests("/login/oauth/access_token")[-1].form["code_verifier"]
        challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        assert query_of(location)["code_challenge"] == challenge
    assert (len(site.users), len(site.adapter.accounts), len(site.adapter.sessions)) == (1, 1, 2)
    (account,) = site.adapter.accounts.values()
    assert (account.provider, account.provider_account_id, account.scope) == ("github", "583231", "user:email")
    assert (account.access_token, account.refresh_token) == (None, None)


async def refused(site: Site) -> tuple[int, Any]:
    person = site.person()
    answer = await person.come_back("github", await person.start("github"))
    assert await person.session() is None
    assert not site.users
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ([], 200),
        ([{**PRIMARY, "verified": False}], 200),
        ({"message": "Forbidden"}, 403),
        ({"message": "Not Found"}, 404),
    ],
    ids=["none", "unverified", "403", "404"],
)
async def test_nobody_signs_up_without_a_verified_address(
    site: Site, server: FakeProvider, body: Any, status: int
) -> None:
    server.reply("/api/v3/user/emails", body, status)
    assert await refused(site) == (400, {"detail": "email_required"})


async def test_somebody_who_is_known_signs_in_without_an_address(site: Site, server: FakeProvider) -> None:
    first = site.person()
    await first.come_back("github", await first.start("github"))
    server.reply("/api/v3/user/emails", {"message": "Forbidden"}, 403)
    again = site.person()
    await again.come_back("github", await again.start("github"))
    session = await again.session()
    assert session is not None
    assert session["user"]["email"] == "octocat@github.example"


async def test_an_error_with_status_200_signs_nobody_in(site: Site, server: FakeProvider) -> None:
    server.reply("/login/oauth/access_token", {"error": "bad_verification_code", "error_description": "<script>"})
    assert await refused(site) == (502, {"detail": "token_exchange_failed"})
    assert not server.requests("/api/v3/user")


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_provider_that_is_down_signs_nobody_in(site: Site, server: FakeProvider, status: int) -> None:
    server.reply("/api/v3/user", b"", status)
    assert await refused(site) == (503, {"detail": "provider_unavailable"})


@pytest.mark.parametrize("error", ["access_denied", "user_cancelled_authorize", "user_cancelled_login"])
async def test_who_says_no_is_told_so(site: Site, server: FakeProvider, error: str) -> None:
    person = site.person()
    location = await person.start("github")
    answer = await person.request(
        "GET", f"/auth/provider/github/callback?error={error}&state={query_of(location)['state']}", {}
    )
    assert (answer.status_code, answer.json()) == (httpx.codes.BAD_REQUEST, {"detail": "access_denied"})
    assert not server.requests("/login/oauth/access_token")
