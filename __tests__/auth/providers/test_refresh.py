"""Refresh requests: what is sent, and what the answers mean."""

from typing import Any

import pytest
from __tests__.auth.hostile.clock import Clock
from __tests__.auth.providers.fake import FakeProvider

from auth import OAuthError
from auth.providers import (
    AuthorizationRequest,
    CodeExchange,
    GoogleProviderSettings,
    OAuth2ProviderSettings,
    OIDCProviderSettings,
    Profile,
    ProviderContext,
    ProviderResponse,
    RefreshProtocol,
    TokenSet,
)
from auth.providers.token_requests import Client

CLIENT: dict[str, Any] = {"client_id": "belgie", "client_secret": "s"}


@pytest.fixture(params=["oauth2", "oidc"])
def provider(request: pytest.FixtureRequest, server: FakeProvider, context: ProviderContext) -> RefreshProtocol:
    """A provider of either kind, with its token endpoint at /token."""
    if request.param == "oidc":
        server.describe(server.url, token_endpoint_auth_methods_supported=["client_secret_post"])
        return OIDCProviderSettings(issuer=server.url, **CLIENT).make_provider(context)
    return OAuth2ProviderSettings(
        authorization_endpoint=f"{server.url}/authorize",
        token_endpoint=f"{server.url}/token",
        userinfo_endpoint=f"{server.url}/me",
        **CLIENT,
    ).make_provider(context)


async def refused(provider: RefreshProtocol) -> OAuthError:
    with pytest.raises(OAuthError) as caught:
        await provider.refresh("the-refresh-token")
    assert "the-refresh-token" not in f"{caught.value!r} {caught.value}"
    return caught.value


async def test_a_refresh_token_gives_new_tokens(provider: RefreshProtocol, server: FakeProvider, clock: Clock) -> None:
    answer = {
        "access_token": "new",
        "token_type": "bearer",
        "expires_in": 28800,
        "refresh_token": "next",
        "scope": "a b",
    }
    server.reply("/token", answer)
    tokens = await provider.refresh("the-refresh-token")
    assert (tokens.access_token, tokens.refresh_token, tokens.scope) == ("new", "next", "a b")
    assert tokens.expires_at is not None
    assert abs((tokens.expires_at - clock()).total_seconds() - 28800) < 5
    seen = server.request("/token")
    assert (seen.method, seen.query) == ("POST", {})
    assert seen.form == {
        "grant_type": "refresh_token",
        "refresh_token": "the-refresh-token",
        "client_id": "belgie",
        "client_secret": "s",
    }


@pytest.mark.parametrize(
    ("lifetime", "seconds"),
    [
        ("28800", 28800),
        (1.5, 1.5),
        (0, None),
        (-1, None),
        ("", None),
        ("soon", None),
        (True, None),
        (None, None),
        (1e18, None),
    ],
    ids=repr,
)
async def test_a_lifetime_is_a_number_or_digits(
    provider: RefreshProtocol, server: FakeProvider, clock: Clock, lifetime: object, seconds: float | None
) -> None:
    server.reply("/token", {"access_token": "new", "token_type": "bearer", "expires_in": lifetime})
    expires_at = (await provider.refresh("the-refresh-token")).expires_at
    if seconds is None:
        assert expires_at is None
    else:
        assert expires_at is not None
        assert abs((expires_at - clock()).total_seconds() - seconds) < 5


@pytest.mark.parametrize("status", [200, 400, 401])
@pytest.mark.parametrize("error", ["invalid_grant", "bad_refresh_token", "invalid_refresh_token"])
async def test_a_refresh_token_that_is_not_accepted_any_more_is_told_apart(
    provider: RefreshProtocol, server: FakeProvider, error: str, status: int
) -> None:
    server.reply("/token", {"error": error, "error_description": "gone"}, status)
    assert (await refused(provider)).code == "provider_token_expired"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"error": "invalid_client"}, 401),
        ({"error": "unsupported_grant_type"}, 400),
        ({"error": {"message": "x", "code": 190}}, 400),
        ({"error": "slow_down"}, 429),
        ({"access_token": "new", "token_type": "bearer"}, 201),
        (b"<html>", 200),
        (b"", 204),
        ([], 200),
    ],
    ids=["client", "grant", "object", "429", "201", "html", "empty", "list"],
)
async def test_any_other_error_is_the_providers(
    provider: RefreshProtocol, server: FakeProvider, body: Any, status: int
) -> None:
    server.reply("/token", body, status)
    assert (await refused(provider)).code == "provider_error"


@pytest.mark.parametrize("status", [500, 503, 302])
async def test_a_provider_that_is_down_is_asked_once(
    provider: RefreshProtocol, server: FakeProvider, status: int
) -> None:
    server.reply("/token", b"", status)
    assert (await refused(provider)).code == "provider_unavailable"
    assert len(server.requests("/token")) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"access_token": None},
        {"access_token": ""},
        {"access_token": 7},
        {"access_token": "a\nb"},
        {"access_token": "é"},
        {"access_token": "\ud800"},
        {"refresh_token": ["next"]},
        {"refresh_token": "a\x00b"},
        {"scope": {"a": 1}},
        {"scope": "a\r\nb"},
        {"token_type": "mac"},
        {"token_type": None},
    ],
    ids=ascii,
)
async def test_tokens_are_printable_text(
    provider: RefreshProtocol, server: FakeProvider, changes: dict[str, Any]
) -> None:
    server.reply("/token", {"access_token": "new", "token_type": "bearer", **changes})
    assert (await refused(provider)).code == "invalid_token_response"


async def test_an_openid_providers_second_id_token_is_not_looked_at(
    server: FakeProvider, context: ProviderContext
) -> None:
    server.describe(server.url)
    server.reply("/token", {"access_token": "new", "token_type": "Bearer", "id_token": "of.somebody.else"})
    google = GoogleProviderSettings(issuer=server.url, **CLIENT).make_provider(context)
    assert (await google.refresh("the-refresh-token")).id_token is None


@pytest.mark.parametrize(
    "value",
    [
        TokenSet(access_token="a-hidden", token_type="bearer", refresh_token="r-hidden", id_token="i-hidden"),
        Client(id="belgie", secret="c-hidden"),
        CodeExchange(code="c-hidden", code_verifier="v-hidden", redirect_uri="https://app.example"),
        AuthorizationRequest(
            state="s-hidden", nonce="n-hidden", code_challenge="c", redirect_uri="https://app.example"
        ),
        Profile(provider_account_id="7", email="e-hidden", name="n-hidden", image="i-hidden"),
        ProviderResponse(200, {"a": "d-hidden"}, ["i-hidden"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_secret_does_not_show(value: object) -> None:
    assert "hidden" not in f"{value!r} {value}"
