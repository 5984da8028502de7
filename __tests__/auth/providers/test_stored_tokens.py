"""What a sign-in leaves of the provider's tokens in the store."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from __tests__.auth.hostile.clock import Clock
from __tests__.auth.providers.fake import FakeProvider
from __tests__.auth.providers.site import Site, running

from auth.providers import DiscordProviderSettings

FIRST = {
    "access_token": "access-one",
    "token_type": "Bearer",
    "expires_in": 600,
    "refresh_token": "refresh-one",
    "scope": "identify email",
}


@pytest.fixture(params=["encrypt", "discard"])
async def site(request: pytest.FixtureRequest, server: FakeProvider, clock: Clock) -> AsyncIterator[Site]:
    server.reply("/api/oauth2/token", FIRST)
    server.reply("/api/v10/users/@me", {"id": "80", "username": "n", "email": "n@discord.example", "verified": True})
    discord = DiscordProviderSettings(client_id="c", client_secret="s", base_url=server.url)
    async with running(clock, {"discord": discord}, provider_tokens=request.param) as found:
        yield found


async def sign_in(site: Site) -> None:
    person = site.person()
    assert (await person.come_back("discord", await person.start("discord"))).status_code == 303


async def access_token(site: Site) -> str:
    (user,) = site.users
    db: Any = None  # the store over dictionaries needs none
    return await site.auth.client(db).access_token(user, "discord")


@pytest.mark.parametrize("site", ["encrypt"], indirect=True)
async def test_tokens_are_encrypted_and_given_to_the_application(site: Site, server: FakeProvider) -> None:
    await sign_in(site)
    (account,) = site.adapter.accounts.values()
    assert not any(token in str(vars(account)) for token in ("access-one", "refresh-one"))
    assert (account.scope, account.token_type) == ("identify email", "bearer")
    assert await access_token(site) == "access-one"


@pytest.mark.parametrize("site", ["encrypt"], indirect=True)
async def test_a_later_sign_in_renews_what_it_got_and_keeps_the_rest(
    site: Site, server: FakeProvider, clock: Clock
) -> None:
    await sign_in(site)
    server.reply("/api/oauth2/token", {"access_token": "access-two", "token_type": "Bearer"})
    await sign_in(site)
    clock.advance(601)
    assert await access_token(site) == "access-two"
    (account,) = site.adapter.accounts.values()
    account.expires_at = clock()
    server.reply("/api/oauth2/token", {**FIRST, "access_token": "access-three"})
    assert await access_token(site) == "access-three"
    assert server.requests("/api/oauth2/token")[-1].form["refresh_token"] == "refresh-one"


@pytest.mark.parametrize("site", ["discard"], indirect=True)
async def test_tokens_are_not_stored_by_default(site: Site) -> None:
    await sign_in(site)
    await sign_in(site)
    (account,) = site.adapter.accounts.values()
    assert (account.access_token, account.refresh_token, account.id_token, account.expires_at) == (None,) * 4
    assert account.scope == "identify email"


@pytest.mark.parametrize("site", ["discard"], indirect=True)
async def test_tokens_of_former_days_go_at_the_next_sign_in(site: Site) -> None:
    await sign_in(site)
    (account,) = site.adapter.accounts.values()
    account.access_token, account.refresh_token = "v1.sealed", "v1.sealed"
    await sign_in(site)
    (account,) = site.adapter.accounts.values()
    assert (account.access_token, account.refresh_token) == (None, None)
