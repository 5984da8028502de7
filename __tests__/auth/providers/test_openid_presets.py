"""Google, GitLab, LinkedIn and Slack: OpenID providers, each with its own ideas."""

from collections.abc import Callable
from typing import Any

import pytest
from __tests__.auth.providers.fake import EXCHANGE, NONCE, REQUEST, FakeProvider, profile_from, query_of
from pydantic import ValidationError

from auth import OAuthError
from auth.providers import (
    GitLabProviderSettings,
    GoogleProviderSettings,
    LinkedInProviderSettings,
    OIDCProvider,
    OpenIDClientSettings,
    Profile,
    ProviderContext,
    SlackProviderSettings,
)

CLIENT: dict[str, Any] = {"client_id": "belgie", "client_secret": "s"}
GOOGLE = {
    "sub": "10769150350006150715113082367",
    "email": "jsmith@gmail.example",
    "email_verified": True,
    "name": "J Smith",
    "picture": "https://lh3.googleusercontent.example/p",
    "hd": "corp.example",
}
GITLAB = {
    "sub": "574",
    "sub_legacy": "90abcdef",
    "auth_time": 1311280970,
    "name": "Alice",
    "nickname": "alice",
    "preferred_username": "alice",
    "email": "alice@gitlab.example",
    "email_verified": True,
    "profile": "https://gitlab.example/alice",
    "picture": "https://gitlab.example/uploads/alice.png",
    "groups_direct": ["group", "group/sub"],
}
LINKEDIN = {
    "sub": "782bbtaQ",
    "name": "John Doe",
    "given_name": "John",
    "family_name": "Doe",
    "picture": "https://media.licdn-ei.example/dms/image/p",
    "locale": "en-US",
    "email": "doe@email.example",
    "email_verified": "true",
}
SLACK = {
    "sub": "U0R7JM",
    "https://slack.com/user_id": "U0R7JM",
    "https://slack.com/team_id": "T0R7GR",
    "email": "krane@slack-corp.example",
    "email_verified": True,
    "date_email_verified": 1622128723,
    "name": "krane",
    "picture": "https://secure.gravatar.example/k.png",
}

type Make = Callable[..., OIDCProvider]


@pytest.fixture
def make(server: FakeProvider, context: ProviderContext) -> Make:
    """The provider of the settings, about to answer with a token of these claims."""

    def prepare(settings: OpenIDClientSettings, user: dict[str, Any], **claims: Any) -> OIDCProvider:
        server.describe(server.url)
        now = int(context.clock().timestamp())
        flow = {"iss": server.url, "aud": "belgie", "iat": now, "exp": now + 3600, "nonce": NONCE}
        token = {name: value for name, value in {**flow, **user, **claims}.items() if value is not None}
        server.reply("/token", {"access_token": "at", "token_type": "Bearer", "id_token": server.sign(token)})
        provider: Any = settings
        return provider.make_provider(context)

    return prepare


def google(server: FakeProvider, **more: Any) -> GoogleProviderSettings:
    return GoogleProviderSettings(issuer=server.url, **CLIENT, **more)


def gitlab(server: FakeProvider, **more: Any) -> GitLabProviderSettings:
    return GitLabProviderSettings(base_url=server.url, **CLIENT, **more)


def linkedin(server: FakeProvider, **more: Any) -> LinkedInProviderSettings:
    return LinkedInProviderSettings(issuer=server.url, **CLIENT, **more)


def slack(server: FakeProvider, **more: Any) -> SlackProviderSettings:
    return SlackProviderSettings(issuer=server.url, **CLIENT, **more)


async def refused(provider: OIDCProvider) -> str:
    with pytest.raises(OAuthError) as caught:
        await profile_from(provider)
    return caught.value.code


@pytest.mark.parametrize("settings", [google, gitlab, slack])
@pytest.mark.parametrize("verified", [False, "true", "false", 1, None], ids=repr)
async def test_only_true_means_that_the_address_was_checked(
    make: Make, server: FakeProvider, settings: Callable[[FakeProvider], OpenIDClientSettings], verified: object
) -> None:
    profile = await profile_from(make(settings(server), SLACK, email_verified=verified))
    assert (profile.email, profile.email_verified) == ("krane@slack-corp.example", False)


@pytest.mark.parametrize("settings", [google, gitlab, linkedin, slack])
async def test_a_token_of_another_sign_in_is_refused(
    make: Make, server: FakeProvider, settings: Callable[[FakeProvider], OpenIDClientSettings]
) -> None:
    for nonce in ("another", "", 7, [NONCE], True):
        assert await refused(make(settings(server), SLACK, nonce=nonce)) == "invalid_id_token"


@pytest.mark.parametrize("settings", [google, gitlab, slack])
async def test_a_token_without_a_nonce_is_refused(
    make: Make, server: FakeProvider, settings: Callable[[FakeProvider], OpenIDClientSettings]
) -> None:
    assert await refused(make(settings(server), SLACK, nonce=None)) == "invalid_id_token"


async def test_google_is_an_openid_provider(make: Make, server: FakeProvider) -> None:
    assert await profile_from(make(google(server), GOOGLE)) == Profile(
        provider_account_id="10769150350006150715113082367",
        email="jsmith@gmail.example",
        email_verified=True,
        name="J Smith",
        image="https://lh3.googleusercontent.example/p",
    )


@pytest.mark.parametrize("claim", ["other.example", None, "CORP.EXAMPLE", ["corp.example"], True], ids=repr)
async def test_googles_hosted_domain_is_what_the_token_says(make: Make, server: FakeProvider, claim: object) -> None:
    provider = make(google(server, hd="corp.example"), GOOGLE)
    assert query_of(await provider.authorization_url(REQUEST))["hd"] == "corp.example"
    assert (await profile_from(provider)).email == "jsmith@gmail.example"
    assert await refused(make(google(server, hd="corp.example"), GOOGLE, hd=claim)) == "access_denied"


async def test_googles_issuer_has_two_spellings(make: Make, server: FakeProvider) -> None:
    assert (await profile_from(make(google(server), GOOGLE, iss="accounts.google.com"))).name == "J Smith"
    assert await refused(make(gitlab(server), GOOGLE, iss="accounts.google.com")) == "invalid_id_token"
    with pytest.raises(OAuthError):
        await make(google(server), GOOGLE).check_issuer("accounts.google.com")


async def test_google_is_asked_for_a_refresh_token_on_request(make: Make, server: FakeProvider) -> None:
    query = query_of(await make(google(server, access_type="offline", prompt="consent"), {}).authorization_url(REQUEST))
    assert (query["access_type"], query["prompt"]) == ("offline", "consent")


async def test_gitlab_is_an_openid_provider_at_an_address_of_ones_own(make: Make, server: FakeProvider) -> None:
    provider = make(gitlab(server), GITLAB)
    assert await profile_from(provider) == Profile(
        provider_account_id="574",
        email="alice@gitlab.example",
        email_verified=True,
        name="Alice",
        image="https://gitlab.example/uploads/alice.png",
    )
    assert server.request("/token").form["code_verifier"] == "the-verifier"


async def test_gitlabs_address_can_be_in_the_userinfo_only(make: Make, server: FakeProvider) -> None:
    server.reply("/userinfo", GITLAB)
    provider = make(gitlab(server), {"sub": "574"})
    assert (await profile_from(provider)).email == "alice@gitlab.example"
    assert server.request("/userinfo").bearer == "at"
    server.reply("/userinfo", {**GITLAB, "sub": "575"})
    assert await refused(provider) == "invalid_userinfo"


@pytest.mark.parametrize("base_url", ["gitlab.example", "https://gitlab.example/?x", "https://a@gitlab.example"])
def test_gitlabs_address_is_checked(base_url: str) -> None:
    with pytest.raises(ValidationError, match="BELGIE_GITLAB_BASE_URL"):
        GitLabProviderSettings(base_url=base_url, **CLIENT)
    assert (
        GitLabProviderSettings(base_url="https://gitlab.example/git/", **CLIENT).base_url
        == "https://gitlab.example/git"
    )


async def test_linkedin_leaves_the_nonce_out_and_the_verifier_is_left_out_for_it(
    make: Make, server: FakeProvider
) -> None:
    provider = make(linkedin(server), LINKEDIN, nonce=None)
    query = query_of(await provider.authorization_url(REQUEST))
    assert (query["nonce"], query["code_challenge"]) == (NONCE, "the-challenge")
    assert await profile_from(provider) == Profile(
        provider_account_id="782bbtaQ",
        email="doe@email.example",
        email_verified=True,
        name="John Doe",
        image="https://media.licdn-ei.example/dms/image/p",
    )
    seen = server.request("/token")
    assert "code_verifier" not in seen.form
    assert seen.client == ("belgie", "s")
    assert "authorization" not in seen.headers


async def test_linkedin_may_mend_its_nonce(make: Make, server: FakeProvider) -> None:
    assert (await profile_from(make(linkedin(server), LINKEDIN))).name == "John Doe"


@pytest.mark.parametrize(("verified", "expected"), [(True, True), ("true", True), ("false", False), (1, False)])
async def test_linkedins_address_is_verified_by_a_boolean_or_its_text(
    make: Make, server: FakeProvider, verified: object, *, expected: bool
) -> None:
    profile = await profile_from(make(linkedin(server), LINKEDIN, email_verified=verified))
    assert profile.email_verified is expected


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({}, "T0R7GR:U0R7JM"),
        ({"https://slack.com/enterprise_id": ""}, "T0R7GR:U0R7JM"),
        ({"https://slack.com/enterprise_id": "E0R7GR"}, "E0R7GR:U0R7JM"),
        ({"https://slack.com/team_id": "T1111"}, "T1111:U0R7JM"),
    ],
)
async def test_slacks_account_is_the_user_within_the_workspace(
    make: Make, server: FakeProvider, claims: dict[str, Any], expected: str
) -> None:
    assert await profile_from(make(slack(server), SLACK, **claims)) == Profile(
        provider_account_id=expected,
        email="krane@slack-corp.example",
        email_verified=True,
        name="krane",
        image="https://secure.gravatar.example/k.png",
    )


@pytest.mark.parametrize("team", [None, "", 7, ["T0R7GR"]], ids=repr)
async def test_slacks_token_names_a_workspace(make: Make, server: FakeProvider, team: object) -> None:
    assert await refused(make(slack(server), SLACK, **{"https://slack.com/team_id": team})) == "invalid_id_token"


async def test_slack_is_asked_for_no_workspace_unless_one_is_set(make: Make, server: FakeProvider) -> None:
    query = query_of(
        await make(slack(server, authorization_parameters={"locale": "en"}), SLACK).authorization_url(REQUEST)
    )
    assert ("team" in query, query["locale"]) == (False, "en")


async def test_slacks_workspace_is_what_the_token_says(make: Make, server: FakeProvider) -> None:
    provider = make(slack(server, team="T0R7GR"), SLACK)
    assert query_of(await provider.authorization_url(REQUEST))["team"] == "T0R7GR"
    assert (await profile_from(provider)).name == "krane"
    assert await refused(make(slack(server, team="T9999"), SLACK)) == "access_denied"
    in_enterprise = {"https://slack.com/enterprise_id": "T9999"}
    assert await refused(make(slack(server, team="T9999"), SLACK, **in_enterprise)) == "access_denied"


@pytest.mark.parametrize("error", ["invalid_code", "bad_client_secret", "code_already_used"])
async def test_slacks_error_counts_with_status_200(make: Make, server: FakeProvider, error: str) -> None:
    provider = make(slack(server), SLACK)
    server.reply("/token", {"ok": False, "error": error})
    with pytest.raises(OAuthError) as caught:
        await provider.exchange_code(EXCHANGE)
    assert caught.value.code == "token_exchange_failed"


async def test_slacks_userinfo_error_counts_with_status_200(make: Make, server: FakeProvider) -> None:
    server.reply("/userinfo", {"ok": False, "error": "token_revoked"})
    assert await refused(make(slack(server), SLACK, email=None)) == "invalid_userinfo"


async def test_a_public_client_shows_no_secret(make: Make, server: FakeProvider) -> None:
    provider = make(SlackProviderSettings(issuer=server.url, client_id="belgie"), SLACK)
    await provider.exchange_code(EXCHANGE)
    seen = server.request("/token")
    assert (seen.client, seen.form["code_verifier"]) == (("belgie", None), "the-verifier")


@pytest.mark.parametrize(
    ("settings", "prefix"),
    [
        (GitLabProviderSettings, "GITLAB"),
        (GoogleProviderSettings, "GOOGLE"),
        (LinkedInProviderSettings, "LINKEDIN"),
        (SlackProviderSettings, "SLACK"),
    ],
)
def test_the_settings_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, settings: Callable[[], OpenIDClientSettings], prefix: str
) -> None:
    with pytest.raises(ValidationError, match=f"BELGIE_{prefix}_CLIENT_ID"):
        settings()
    monkeypatch.setenv(f"BELGIE_{prefix}_CLIENT_ID", "from-outside")
    monkeypatch.setenv(f"BELGIE_{prefix}_CLIENT_SECRET", "a secret from outside")
    found = settings()
    assert (found.client_id, found.secret()) == ("from-outside", "a secret from outside")
    assert found.scopes == ("openid", "email", "profile")
    assert found.label is not None
    assert found.label.upper() == prefix


@pytest.mark.parametrize(
    ("settings", "issuer"),
    [
        (GoogleProviderSettings, "https://accounts.google.com"),
        (LinkedInProviderSettings, "https://www.linkedin.com/oauth"),
        (SlackProviderSettings, "https://slack.com"),
    ],
)
def test_the_issuer_is_known(settings: Any, issuer: str) -> None:
    assert settings(**CLIENT).issuer == issuer
