"""Facebook's answers, as its documentation shows them."""

from typing import Any

import pytest
from __tests__.auth.providers.fake import CALLBACK, EXCHANGE, REQUEST, FakeProvider, profile_from, query_of
from pydantic import ValidationError

from auth import OAuthError
from auth.providers import FacebookProviderSettings, Profile, ProviderContext, ProviderProtocol

TOKENS = {"access_token": "EAACEdEose0cBAtoken", "token_type": "bearer", "expires_in": 5183944}
PICTURE = {"height": 200, "is_silhouette": False, "url": "https://platform-lookaside.fbsbx.com/p.jpg", "width": 200}
USER: dict[str, Any] = {
    "id": "102001234567890",
    "name": "Elizabeth Carrierosky",
    "email": "elizabeth@tfbnw.example",
    "picture": {"data": PICTURE},
}
TOKEN_PATH, USER_PATH = "/v23.0/oauth/access_token", "/v23.0/me"


@pytest.fixture
def facebook(server: FakeProvider, context: ProviderContext) -> ProviderProtocol:
    server.reply(TOKEN_PATH, TOKENS)
    server.reply(USER_PATH, USER)
    settings = FacebookProviderSettings(client_id="1234", client_secret="app-secret", graph_url=server.url)
    return settings.make_provider(context)


async def test_an_address_is_never_one_that_facebook_vouches_for(facebook: ProviderProtocol) -> None:
    assert await profile_from(facebook) == Profile(
        provider_account_id="102001234567890",
        email="elizabeth@tfbnw.example",
        email_verified=False,
        name="Elizabeth Carrierosky",
        image="https://platform-lookaside.fbsbx.com/p.jpg",
    )


async def test_a_claim_that_facebook_does_not_document_changes_nothing(
    facebook: ProviderProtocol, server: FakeProvider
) -> None:
    server.reply(USER_PATH, {**USER, "email_verified": True, "verified": True})
    assert not (await profile_from(facebook)).email_verified


async def test_an_account_made_by_phone_has_no_address(facebook: ProviderProtocol, server: FakeProvider) -> None:
    server.reply(USER_PATH, {"id": "102001234567890"})
    assert await profile_from(facebook) == Profile(provider_account_id="102001234567890")


async def test_the_picture_of_nobody_is_none(facebook: ProviderProtocol, server: FakeProvider) -> None:
    server.reply(USER_PATH, {**USER, "picture": {"data": {**PICTURE, "is_silhouette": True}}})
    assert (await profile_from(facebook)).image is None


@pytest.mark.parametrize(
    "user",
    [{"name": "x"}, {**USER, "picture": "text"}, {**USER, "picture": {"data": []}}, {**USER, "picture": {}}],
    ids=["no-id", "text", "list", "no-data"],
)
async def test_a_user_in_another_shape_is_refused(
    facebook: ProviderProtocol, server: FakeProvider, user: dict[str, Any]
) -> None:
    server.reply(USER_PATH, user)
    with pytest.raises(OAuthError) as caught:
        await profile_from(facebook)
    assert caught.value.code == "invalid_userinfo"


async def test_an_error_object_is_an_error(facebook: ProviderProtocol, server: FakeProvider) -> None:
    error = {"message": "This authorization code has expired.", "type": "OAuthException", "code": 100}
    server.reply(TOKEN_PATH, {"error": error}, 400)
    with pytest.raises(OAuthError) as caught:
        await facebook.exchange_code(EXCHANGE)
    assert (caught.value.code, str(caught.value)) == ("token_exchange_failed", "token_exchange_failed")


async def test_neither_token_nor_secret_is_in_a_url(facebook: ProviderProtocol, server: FakeProvider) -> None:
    await profile_from(facebook)
    exchanged, asked = server.request(TOKEN_PATH), server.request(USER_PATH)
    assert (exchanged.method, exchanged.client, exchanged.query) == ("POST", ("1234", "app-secret"), {})
    assert exchanged.form["code_verifier"] == "the-verifier"
    assert (asked.bearer, asked.query) == (TOKENS["access_token"], {"fields": "id,name,email,picture.type(large)"})


async def test_scopes_are_separated_by_commas(context: ProviderContext) -> None:
    provider = FacebookProviderSettings(client_id="1234", client_secret="s", api_version="v24.0").make_provider(context)
    url = await provider.authorization_url(REQUEST)
    assert url.startswith("https://www.facebook.com/v24.0/dialog/oauth?")
    assert query_of(url) == {
        "response_type": "code",
        "client_id": "1234",
        "redirect_uri": CALLBACK,
        "scope": "email,public_profile",
        "state": "the-state",
        "code_challenge": "the-challenge",
        "code_challenge_method": "S256",
    }


@pytest.mark.parametrize("version", ["23", "v23", "23.0", "v23.0/../x", "latest"])
def test_a_version_that_is_none_is_refused(version: str) -> None:
    with pytest.raises(ValidationError, match="BELGIE_FACEBOOK_API_VERSION"):
        FacebookProviderSettings(client_id="1234", client_secret="s", api_version=version)
