"""Discord's answers, as its documentation shows them."""

from typing import Any

import pytest
from __tests__.auth.providers.fake import EXCHANGE, REQUEST, FakeProvider, profile_from, query_of

from auth import OAuthError
from auth.providers import DiscordProviderSettings, Profile, ProviderContext, ProviderProtocol

TOKENS = {
    "access_token": "6qrZcUqja7812RVdnEKjpzOL4CvHBFG",
    "token_type": "Bearer",
    "expires_in": 604800,
    "refresh_token": "D43f5y0ahjqew82jZ4NViEr2YafMKhue",
    "scope": "identify email",
}
NELLY: dict[str, Any] = {
    "id": "80351110224678912",
    "username": "nelly",
    "discriminator": "0",
    "global_name": "Nelly",
    "avatar": "8342729096ea3675442027381ff50dfe",
    "verified": True,
    "email": "nelly@discord.example",
}


@pytest.fixture
def discord(server: FakeProvider, context: ProviderContext) -> ProviderProtocol:
    server.reply("/api/oauth2/token", TOKENS)
    server.reply("/api/v10/users/@me", NELLY)
    return DiscordProviderSettings(
        client_id="157730590492196864", client_secret="s", base_url=server.url
    ).make_provider(context)


async def test_a_user_has_an_address_that_discord_checked(discord: ProviderProtocol, server: FakeProvider) -> None:
    assert await profile_from(discord) == Profile(
        provider_account_id="80351110224678912",
        email="nelly@discord.example",
        email_verified=True,
        name="Nelly",
        image="https://cdn.discordapp.com/avatars/80351110224678912/8342729096ea3675442027381ff50dfe.png",
    )
    assert server.request("/api/v10/users/@me").bearer == TOKENS["access_token"]


@pytest.mark.parametrize(
    "changes",
    [{"verified": False}, {"verified": "true"}, {"verified": 1}, {"verified": None}],
    ids=str,
)
async def test_only_true_means_that_the_address_was_checked(
    discord: ProviderProtocol, server: FakeProvider, changes: dict[str, Any]
) -> None:
    server.reply("/api/v10/users/@me", {**NELLY, **changes})
    profile = await profile_from(discord)
    assert (profile.email, profile.email_verified) == ("nelly@discord.example", False)


async def test_an_account_made_by_phone_has_no_address(discord: ProviderProtocol, server: FakeProvider) -> None:
    server.reply("/api/v10/users/@me", {**NELLY, "email": None, "verified": False})
    assert (await profile_from(discord)).email is None


async def test_a_missing_display_name_is_replaced_by_the_username(
    discord: ProviderProtocol, server: FakeProvider
) -> None:
    server.reply("/api/v10/users/@me", {**NELLY, "global_name": None})
    assert (await profile_from(discord)).name == "nelly"


@pytest.mark.parametrize(
    "changes",
    [{"avatar": None}, {"avatar": "../../evil"}, {"avatar": 7}, {"id": 80351110224678912}, {"id": "1/../2"}],
    ids=str,
)
async def test_a_picture_is_only_made_of_what_discord_calls_a_picture(
    discord: ProviderProtocol, server: FakeProvider, changes: dict[str, Any]
) -> None:
    server.reply("/api/v10/users/@me", {**NELLY, **changes})
    assert (await profile_from(discord)).image is None


async def test_an_animated_picture_is_shown_still(discord: ProviderProtocol, server: FakeProvider) -> None:
    server.reply("/api/v10/users/@me", {**NELLY, "avatar": "a_bb226cc212758b21ce483de2d1a4d1ae"})
    assert str((await profile_from(discord)).image).endswith("/a_bb226cc212758b21ce483de2d1a4d1ae.png")


async def test_the_profile_of_a_withdrawn_token_is_refused(discord: ProviderProtocol, server: FakeProvider) -> None:
    server.reply("/api/v10/users/@me", {"message": "401: Unauthorized", "code": 0}, 401)
    with pytest.raises(OAuthError) as caught:
        await profile_from(discord)
    assert caught.value.code == "invalid_userinfo"


async def test_a_token_answer_says_when_the_token_expires(discord: ProviderProtocol, context: ProviderContext) -> None:
    tokens = await discord.exchange_code(EXCHANGE)
    assert tokens.refresh_token == TOKENS["refresh_token"]
    assert tokens.expires_at is not None
    assert 604790 < (tokens.expires_at - context.clock()).total_seconds() <= 604800


async def test_the_browser_is_sent_to_discord_with_a_challenge(context: ProviderContext) -> None:
    provider = DiscordProviderSettings(client_id="c", client_secret="s").make_provider(context)
    url = await provider.authorization_url(REQUEST)
    assert url.startswith("https://discord.com/oauth2/authorize?")
    assert query_of(url)["scope"] == "identify email"
    assert (query_of(url)["code_challenge"], query_of(url)["code_challenge_method"]) == ("the-challenge", "S256")
