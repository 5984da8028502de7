"""GitHub's answers, as its documentation shows them."""

from typing import Any

import pytest
from __tests__.auth.providers.fake import (
    CALLBACK,
    EXCHANGE,
    NONCE,
    REQUEST,
    FakeProvider,
    form_body,
    profile_from,
    query_of,
)
from pydantic import ValidationError

from auth import ConfigurationError, OAuthError
from auth.providers import GitHubProviderSettings, Profile, ProviderContext, ProviderHTTP, ProviderProtocol

TOKENS = {
    "access_token": "gho_16C7e42F292c6912E7710c838347Ae178B4a",
    "scope": "read:user,user:email",
    "token_type": "bearer",
}
OCTOCAT: dict[str, Any] = {
    "login": "octocat",
    "id": 583231,
    "node_id": "MDQ6VXNlcjE=",
    "avatar_url": "https://avatars.githubusercontent.com/u/583231",
    "type": "User",
    "name": "monalisa octocat",
    "email": "public@github.example",
}
PRIMARY = {"email": "octocat@github.example", "verified": True, "primary": True, "visibility": "private"}
WORK = {"email": "mona@work.example", "verified": True, "primary": False, "visibility": None}
NOREPLY = {"email": "583231+octocat@users.noreply.github.com", "verified": True, "primary": False, "visibility": None}


def unverified(address: dict[str, Any]) -> dict[str, Any]:
    return {**address, "verified": False}


@pytest.fixture
def settings(server: FakeProvider) -> GitHubProviderSettings:
    return GitHubProviderSettings(client_id="Iv1.8a61f9b3a7aba766", client_secret="s3cret", base_url=server.url)


@pytest.fixture
def github(server: FakeProvider, settings: GitHubProviderSettings, context: ProviderContext) -> ProviderProtocol:
    """GitHub, which is a GitHub Enterprise Server on loopback here."""
    server.reply("/login/oauth/access_token", TOKENS)
    server.reply("/api/v3/user", OCTOCAT)
    server.reply("/api/v3/user/emails", [WORK, PRIMARY, NOREPLY])
    return settings.make_provider(context)


async def test_the_primary_address_is_taken_if_github_checked_it(github: ProviderProtocol) -> None:
    assert await profile_from(github) == Profile(
        provider_account_id="583231",
        email="octocat@github.example",
        email_verified=True,
        name="monalisa octocat",
        image="https://avatars.githubusercontent.com/u/583231",
    )


@pytest.mark.parametrize(
    "addresses",
    [
        [],
        [unverified(PRIMARY)],
        [unverified(PRIMARY), WORK, NOREPLY],
        [WORK, NOREPLY],
        [{**PRIMARY, "verified": "true"}],
        [{**PRIMARY, "verified": 1}],
        [{**PRIMARY, "primary": "true"}],
    ],
    ids=["none", "unverified", "unverified-and-others", "no-primary", "text", "number", "primary-text"],
)
async def test_no_other_address_takes_its_place(
    github: ProviderProtocol, server: FakeProvider, addresses: list[dict[str, Any]]
) -> None:
    server.reply("/api/v3/user/emails", addresses)
    profile = await profile_from(github)
    assert (profile.provider_account_id, profile.email, profile.email_verified) == ("583231", None, False)


@pytest.mark.parametrize(("status", "message"), [(403, "Resource not accessible by integration"), (404, "Not Found")])
async def test_addresses_that_are_withheld_are_none(
    github: ProviderProtocol, server: FakeProvider, status: int, message: str
) -> None:
    server.reply("/api/v3/user/emails", {"message": message}, status)
    profile = await profile_from(github)
    assert (profile.provider_account_id, profile.email, profile.email_verified) == ("583231", None, False)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"message": "Requires authentication"}, 401),
        ({"message": "API rate limit exceeded"}, 429),
        ([PRIMARY], 401),
        ({"message": "moved"}, 200),
        (b"<html>", 200),
        ([{"email": "a@b.example"}], 200),
        (["a@b.example"], 200),
        ([None], 200),
    ],
    ids=["401", "429", "list-with-401", "object", "html", "no-flags", "texts", "null"],
)
async def test_addresses_in_another_shape_are_refused(
    github: ProviderProtocol, server: FakeProvider, body: Any, status: int
) -> None:
    server.reply("/api/v3/user/emails", body, status)
    with pytest.raises(OAuthError) as caught:
        await profile_from(github)
    assert caught.value.code == "invalid_userinfo"


async def test_a_missing_name_is_replaced_by_the_login(github: ProviderProtocol, server: FakeProvider) -> None:
    server.reply("/api/v3/user", {**OCTOCAT, "name": None, "email": None})
    assert (await profile_from(github)).name == "octocat"


@pytest.mark.parametrize("user", [{}, {"id": None}, {"id": True}, {"id": 1.5}, {"id": ""}, {"id": [1]}], ids=str)
async def test_a_user_without_an_id_is_refused(
    github: ProviderProtocol, server: FakeProvider, user: dict[str, Any]
) -> None:
    server.reply("/api/v3/user", user)
    with pytest.raises(OAuthError) as caught:
        await profile_from(github)
    assert caught.value.code == "invalid_userinfo"


@pytest.mark.parametrize(
    ("error", "status"),
    [("bad_verification_code", 200), ("incorrect_client_credentials", 200), ("redirect_uri_mismatch", 200), ("x", 400)],
)
async def test_an_error_counts_whatever_its_status(
    github: ProviderProtocol, server: FakeProvider, error: str, status: int
) -> None:
    server.reply("/login/oauth/access_token", {"error": error, "error_description": "The code is incorrect."}, status)
    with pytest.raises(OAuthError) as caught:
        await github.exchange_code(EXCHANGE)
    assert (caught.value.code, str(caught.value)) == ("token_exchange_failed", "token_exchange_failed")


async def test_a_form_is_no_token_answer(github: ProviderProtocol, server: FakeProvider) -> None:
    server.reply("/login/oauth/access_token", form_body(TOKENS))
    with pytest.raises(OAuthError) as caught:
        await github.exchange_code(EXCHANGE)
    assert caught.value.code == "token_exchange_failed"


async def test_the_token_goes_into_a_header_and_never_into_a_url(
    github: ProviderProtocol, server: FakeProvider
) -> None:
    await profile_from(github)
    asked = [*server.requests("/api/v3/user"), *server.requests("/api/v3/user/emails")]
    assert {seen.bearer for seen in asked} == {TOKENS["access_token"]}
    assert {seen.headers["accept"] for seen in asked} == {"application/vnd.github+json"}
    assert {seen.headers["x-github-api-version"] for seen in asked} == {"2022-11-28"}
    assert not any(TOKENS["access_token"] in seen.url or "s3cret" in seen.url for seen in server.seen)


async def test_the_code_is_exchanged_with_its_verifier_and_the_secret(
    github: ProviderProtocol, server: FakeProvider
) -> None:
    tokens = await github.exchange_code(EXCHANGE)
    assert (tokens.scope, tokens.expires_at, tokens.refresh_token) == ("read:user,user:email", None, None)
    assert server.request("/login/oauth/access_token").form == {
        "grant_type": "authorization_code",
        "code": "the-code",
        "redirect_uri": CALLBACK,
        "code_verifier": "the-verifier",
        "client_id": "Iv1.8a61f9b3a7aba766",
        "client_secret": "s3cret",
    }


async def test_the_browser_is_sent_to_github_with_a_challenge(context: ProviderContext) -> None:
    settings = GitHubProviderSettings(
        client_id="c", client_secret="s", authorization_parameters={"allow_signup": "false"}
    )
    url = await settings.make_provider(context).authorization_url(REQUEST)
    assert url.partition("?")[0] == "https://github.com/login/oauth/authorize"
    assert query_of(url) == {
        "response_type": "code",
        "client_id": "c",
        "redirect_uri": CALLBACK,
        "scope": "read:user user:email",
        "state": "the-state",
        "code_challenge": "the-challenge",
        "code_challenge_method": "S256",
        "allow_signup": "false",
    }
    assert NONCE not in url


@pytest.mark.parametrize("issuer", [None, "https://github.com/login/oauth", "anything"])
async def test_an_issuer_is_ignored_as_github_names_none(github: ProviderProtocol, issuer: str | None) -> None:
    await github.check_issuer(issuer)


@pytest.mark.parametrize(
    ("base_url", "api_url", "expected"),
    [
        ("https://github.com", None, "https://api.github.com/user"),
        ("https://github.com/", None, "https://api.github.com/user"),
        ("https://ghe.example", None, "https://ghe.example/api/v3/user"),
        ("https://octo.ghe.com", "https://api.octo.ghe.com/", "https://api.octo.ghe.com/user"),
    ],
)
def test_the_api_is_where_the_installation_has_it(
    context: ProviderContext, base_url: str, api_url: str | None, expected: str
) -> None:
    settings = GitHubProviderSettings(client_id="c", client_secret="s", base_url=base_url, api_url=api_url)
    assert settings.make_provider(context)._user_url == expected


@pytest.mark.parametrize(
    "base_url",
    ["github.com", "https://user:pw@github.com", "https://github.com?x=1", "https://github.com#x", "ftp://x"],
)
def test_an_address_that_is_none_is_refused_by_name(base_url: str) -> None:
    with pytest.raises(ValidationError, match="BELGIE_GITHUB_BASE_URL") as caught:
        GitHubProviderSettings(client_id="c", client_secret="s", base_url=base_url)
    assert "user:pw" not in str(caught.value)


def test_http_is_for_loopback_only(context: ProviderContext) -> None:
    settings = GitHubProviderSettings(client_id="c", client_secret="s", base_url="http://ghe.example")
    with pytest.raises(ConfigurationError, match="provider 'theirs': authorization endpoint: expected https"):
        settings.make_provider(context)
    production = ProviderContext(
        provider_id="theirs",
        http=ProviderHTTP(context.http._settings, loopback=False),
        clock=context.clock,
    )
    loopback = GitHubProviderSettings(client_id="c", client_secret="s", base_url="http://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="expected https"):
        loopback.make_provider(production)


def test_the_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError, match=r"(?s)BELGIE_GITHUB_CLIENT_ID.*BELGIE_GITHUB_CLIENT_SECRET"):
        GitHubProviderSettings()
    monkeypatch.setenv("BELGIE_GITHUB_CLIENT_ID", "from-outside")
    monkeypatch.setenv("BELGIE_GITHUB_CLIENT_SECRET", "a secret from outside")
    monkeypatch.setenv("BELGIE_GITHUB_SCOPES", "user:email")
    settings = GitHubProviderSettings()
    assert (settings.client_id, settings.secret(), settings.scopes, settings.label) == (
        "from-outside",
        "a secret from outside",
        ("user:email",),
        "GitHub",
    )
    assert "a secret from outside" not in repr(settings) + str(settings) + settings.model_dump_json()
