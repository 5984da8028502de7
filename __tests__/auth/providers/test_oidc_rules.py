"""What the settings of an OpenID provider mean for its tokens, and which user information counts."""

from collections.abc import Callable
from typing import Any

import pytest
from __tests__.auth.hostile.keys import SigningKey, compact, ec_key
from __tests__.auth.providers.fake import NONCE, FakeProvider, profile_from

from auth import OAuthError
from auth.providers import MicrosoftProviderSettings, OIDCProvider, OIDCProviderSettings, ProviderContext, TokenSet

TENANT = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"

type Make = Callable[..., OIDCProvider]


@pytest.fixture
def make(server: FakeProvider, context: ProviderContext) -> Make:
    """A provider with these settings, about to answer with a token by this key."""

    def prepare(
        key: SigningKey | None = None, *, claims: dict[str, Any] | None = None, **settings: Any
    ) -> OIDCProvider:
        signer = key or server.key
        server.describe(server.url)
        server.keys = [server.key.public_jwk(), signer.public_jwk()]
        now = int(context.clock().timestamp())
        flow = {
            "iss": server.url,
            "sub": "jane",
            "aud": "c",
            "iat": now,
            "exp": now + 600,
            "nonce": NONCE,
            "email": None,
        }
        token = compact({"alg": signer.alg, "kid": signer.kid}, {**flow, **(claims or {})}, signer.sign)
        server.reply("/token", {"access_token": "at", "token_type": "Bearer", "id_token": token})
        chosen = OIDCProviderSettings(issuer=server.url, client_id="c", client_secret="s", **settings)
        return chosen.make_provider(context)

    return prepare


async def refused(provider: OIDCProvider) -> str:
    with pytest.raises(OAuthError) as caught:
        await profile_from(provider)
    return caught.value.code


async def test_the_algorithms_of_the_settings_are_those_that_are_accepted(make: Make) -> None:
    elliptic = ec_key("elliptic")
    assert (await profile_from(make(elliptic, algorithms=("ES256",)))).provider_account_id == "jane"
    assert await refused(make(algorithms=("ES256",))) == "invalid_id_token"
    assert await refused(make(elliptic)) == "invalid_id_token"


async def test_further_audiences_are_those_of_the_settings(make: Make) -> None:
    claims = {"aud": ["c", "api"], "azp": "c"}
    assert (await profile_from(make(claims=claims, trusted_audiences={"api"}))).provider_account_id == "jane"
    assert await refused(make(claims=claims, trusted_audiences={"other"})) == "invalid_id_token"
    assert await refused(make(claims=claims)) == "invalid_id_token"


async def test_where_every_tenant_has_its_issuer_the_pattern_itself_is_none(
    server: FakeProvider, context: ProviderContext
) -> None:
    pattern = f"{server.url}/{{tenantid}}/v2.0"
    server.describe(pattern, "/common/v2.0")
    now = int(context.clock().timestamp())
    honest = {"sub": "abe", "aud": "c", "iat": now, "exp": now + 600, "nonce": NONCE, "tid": TENANT}
    settings = MicrosoftProviderSettings(base_url=server.url, client_id="c", client_secret="s", tenant="common")
    provider = settings.make_provider(context)
    for issuer, accepted in ((pattern.replace("{tenantid}", TENANT), True), (pattern, False)):
        token = server.sign({**honest, "iss": issuer})
        server.reply("/common/v2.0/token", {"access_token": "at", "token_type": "Bearer", "id_token": token})
        if accepted:
            assert (await profile_from(provider)).provider_account_id
        else:
            with pytest.raises(OAuthError) as caught:
                await profile_from(provider)
            assert caught.value.code == "invalid_id_token"


async def test_tokens_without_an_id_token_are_nobodys(make: Make) -> None:
    with pytest.raises(OAuthError) as caught:
        await make().fetch_profile(TokenSet(access_token="at", token_type="bearer"), nonce=NONCE)
    assert caught.value.code == "invalid_id_token"


@pytest.mark.parametrize("status", [201, 400, 401, 403, 404])
async def test_user_information_counts_with_the_status_200_only(make: Make, server: FakeProvider, status: int) -> None:
    provider = make(userinfo="always")
    server.reply("/userinfo", {"sub": "jane", "email": "jane@people.example", "email_verified": True}, status)
    assert await refused(provider) == "invalid_userinfo"


@pytest.mark.parametrize("body", [b"", b"[]", b'"jane"', b"null", b"a.b.c"])
async def test_user_information_that_is_no_object_is_refused(make: Make, server: FakeProvider, body: bytes) -> None:
    provider = make(userinfo="always")
    server.reply("/userinfo", body)
    assert await refused(provider) == "invalid_userinfo"
