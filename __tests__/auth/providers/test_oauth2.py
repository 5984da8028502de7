"""Any OAuth 2.0 provider, by its addresses and the names of its claims."""

from collections.abc import Mapping
from typing import Any

import pytest
from __tests__.auth.providers.fake import EXCHANGE, REQUEST, FakeProvider, profile_from, query_of
from pydantic import ValidationError

from auth import ConfigurationError, OAuthError
from auth.providers import OAuth2ProviderSettings, Profile, ProviderContext

USER: dict[str, Any] = {
    "sub": "248289761001",
    "email": "jane@people.example",
    "email_verified": True,
    "name": "Jane Doe",
    "picture": "https://people.example/jane.jpg",
}


def build(addresses: dict[str, Any], **changes: Any) -> OAuth2ProviderSettings:
    return OAuth2ProviderSettings(**{**addresses, **changes})


@pytest.fixture
def addresses(server: FakeProvider) -> dict[str, Any]:
    """The settings that every provider needs."""
    server.reply("/token", {"access_token": "at", "token_type": "Bearer"})
    server.reply("/me", USER)
    return {
        "authorization_endpoint": f"{server.url}/authorize",
        "token_endpoint": f"{server.url}/token",
        "userinfo_endpoint": f"{server.url}/me",
        "client_id": "belgie",
        "client_secret": "the secret",
    }


async def test_the_claims_have_their_openid_names_by_default(
    addresses: dict[str, Any], context: ProviderContext
) -> None:
    provider = build(addresses).make_provider(context)
    assert await profile_from(provider) == Profile(
        provider_account_id="248289761001",
        email="jane@people.example",
        email_verified=True,
        name="Jane Doe",
        image="https://people.example/jane.jpg",
    )


async def test_the_claims_can_have_other_names(
    addresses: dict[str, Any], server: FakeProvider, context: ProviderContext
) -> None:
    server.reply(
        "/me", {"uid": 7, "mail": "j@people.example", "confirmed": True, "nick": "J", "pic": "https://x.example"}
    )
    names = {
        "subject_claim": "uid",
        "email_claim": "mail",
        "email_verified_claim": "confirmed",
        "name_claim": "nick",
        "image_claim": "pic",
    }
    assert await profile_from(build(addresses, **names).make_provider(context)) == Profile(
        provider_account_id="7",
        email="j@people.example",
        email_verified=True,
        name="J",
        image="https://x.example",
    )


@pytest.mark.parametrize("value", [False, "true", "false", 1, None, [True], {}], ids=repr)
async def test_only_true_means_that_the_address_was_checked(
    addresses: dict[str, Any], server: FakeProvider, context: ProviderContext, value: object
) -> None:
    server.reply("/me", {**USER, "email_verified": value})
    profile = await profile_from(build(addresses).make_provider(context))
    assert (profile.email, profile.email_verified) == ("jane@people.example", False)


async def test_a_provider_that_does_not_say_has_checked_nothing(
    addresses: dict[str, Any], context: ProviderContext
) -> None:
    settings = build(addresses, email_verified_claim=None)
    assert not (await profile_from(settings.make_provider(context))).email_verified


async def test_a_function_can_map_any_shape(
    addresses: dict[str, Any], server: FakeProvider, context: ProviderContext
) -> None:
    def mapping(claims: Mapping[str, Any]) -> Profile:
        return Profile(provider_account_id=claims["data"]["id"], name=claims["data"]["name"])

    settings = build(addresses, mapping=mapping)
    server.reply("/me", {"data": {"id": "2244994945", "name": "X Dev"}})
    assert await profile_from(settings.make_provider(context)) == Profile(
        provider_account_id="2244994945", name="X Dev"
    )
    for garbage in ({}, {"data": None}, {"data": []}, {"data": "text"}):
        server.reply("/me", garbage)
        with pytest.raises(OAuthError, match="the mapping failed with") as caught:
            await profile_from(settings.make_provider(context))
        assert (caught.value.code, caught.value.__cause__) == ("invalid_userinfo", None)
    assert "mapping" not in settings.model_dump_json()


@pytest.mark.parametrize("user", [{}, {"sub": ""}, {"sub": None}, {"sub": False}, {"sub": ["a"]}], ids=str)
async def test_a_user_without_an_id_is_refused(
    addresses: dict[str, Any], server: FakeProvider, context: ProviderContext, user: dict[str, Any]
) -> None:
    server.reply("/me", user)
    with pytest.raises(OAuthError) as caught:
        await profile_from(build(addresses).make_provider(context))
    assert caught.value.code == "invalid_userinfo"


@pytest.mark.parametrize(
    ("body", "status"),
    [(USER, 201), (USER, 400), (USER, 401), (USER, 403), ([USER], 200), (b"<html>", 200), (b"", 200)],
)
async def test_a_profile_is_an_object_with_status_200(
    addresses: dict[str, Any], server: FakeProvider, context: ProviderContext, body: Any, status: int
) -> None:
    server.reply("/me", body, status)
    with pytest.raises(OAuthError) as caught:
        await profile_from(build(addresses).make_provider(context))
    assert caught.value.code == "invalid_userinfo"


async def test_an_issuer_must_be_the_configured_one_if_it_is_sent(
    addresses: dict[str, Any], context: ProviderContext
) -> None:
    provider = build(addresses, issuer="https://op.example").make_provider(context)
    await provider.check_issuer("https://op.example")
    await provider.check_issuer(None)
    for other in ("https://op.example/", "https://evil.example", "", "HTTPS://OP.EXAMPLE"):
        with pytest.raises(OAuthError) as caught:
            await provider.check_issuer(other)
        assert caught.value.code == "issuer_mismatch"


async def test_an_issuer_that_nobody_knows_is_ignored(addresses: dict[str, Any], context: ProviderContext) -> None:
    provider = build(addresses).make_provider(context)
    await provider.check_issuer("https://op.example")
    await provider.check_issuer(None)


@pytest.mark.parametrize(
    ("method", "secret", "where"),
    [
        (None, "the secret", "form"),
        ("client_secret_post", "the secret", "form"),
        ("client_secret_basic", "the secret", "header"),
        (None, None, "nowhere"),
    ],
)
async def test_the_secret_is_shown_where_the_provider_wants_it(
    addresses: dict[str, Any],
    server: FakeProvider,
    context: ProviderContext,
    *,
    method: Any,
    secret: str | None,
    where: str,
) -> None:
    settings = build(addresses, client_secret=secret, token_endpoint_auth_method=method)
    await settings.make_provider(context).exchange_code(EXCHANGE)
    seen = server.request("/token")
    assert seen.client == ("belgie", secret)
    assert ("client_secret" in seen.form) == (where == "form")
    assert ("authorization" in seen.headers) == (where == "header")
    assert seen.form["code_verifier"] == "the-verifier"


async def test_the_scopes_are_asked_for_as_the_provider_wants_them(
    addresses: dict[str, Any], context: ProviderContext
) -> None:
    async def asked(**more: Any) -> dict[str, str]:
        return query_of(await build(addresses, **more).make_provider(context).authorization_url(REQUEST))

    assert "scope" not in await asked()
    assert (await asked(scopes=("a", "b:c")))["scope"] == "a b:c"
    assert (await asked(scopes=("a", "b:c"), scope_separator=","))["scope"] == "a,b:c"
    assert {(await asked())["code_challenge_method"], (await asked())["code_challenge"]} == {"S256", "the-challenge"}


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "userinfo_endpoint"])
@pytest.mark.parametrize(
    "url", ["", "op.example", "https://user:password@op.example/x", "javascript:alert(1)", "https://x y"]
)
def test_an_endpoint_that_is_no_address_is_refused_by_name(addresses: dict[str, Any], name: str, url: str) -> None:
    with pytest.raises(ValidationError, match=f"BELGIE_OAUTH2_{name.upper()}") as caught:
        build(addresses, **{name: url})
    assert "password@" not in str(caught.value)


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "userinfo_endpoint"])
def test_an_endpoint_without_tls_is_refused_when_auth_is_made(
    addresses: dict[str, Any], context: ProviderContext, name: str
) -> None:
    settings = build(addresses, **{name: "http://op.example/x"})
    with pytest.raises(
        ConfigurationError, match=f"provider 'theirs': {name.partition('_')[0]} endpoint: expected https"
    ):
        settings.make_provider(context)


@pytest.mark.parametrize("separator", ["", ";", "  ", "%20", "\n"])
def test_a_separator_is_a_blank_or_a_comma(addresses: dict[str, Any], separator: str) -> None:
    with pytest.raises(ValidationError, match="BELGIE_OAUTH2_SCOPE_SEPARATOR"):
        build(addresses, scope_separator=separator)
