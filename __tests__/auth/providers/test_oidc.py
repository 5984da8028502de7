"""Any OpenID provider, by what it says of itself."""

from collections.abc import Callable
from typing import Any

import pytest
from __tests__.auth.hostile.clock import Clock
from __tests__.auth.providers.fake import EXCHANGE, NONCE, REQUEST, FakeProvider, profile_from, query_of
from pydantic import ValidationError

from auth import ConfigurationError, OAuthError
from auth.providers import OIDCProvider, OIDCProviderSettings, ProviderContext

JANE = {"sub": "248289761001", "email": "jane@people.example", "email_verified": True, "name": "Jane"}

type Make = Callable[..., OIDCProvider]


@pytest.fixture
def make(server: FakeProvider, context: ProviderContext) -> Make:
    """A provider with these settings, about to answer with a token of Jane's."""

    def prepare(claims: dict[str, Any] | None = None, **settings: Any) -> OIDCProvider:
        if not server.replies:
            server.describe(server.url)
        now = int(context.clock().timestamp())
        flow = {"iss": server.url, "aud": "belgie", "iat": now, "exp": now + 600, "nonce": NONCE}
        token = {name: value for name, value in {**flow, **JANE, **(claims or {})}.items() if value is not None}
        server.reply("/token", {"access_token": "at", "token_type": "Bearer", "id_token": server.sign(token)})
        chosen: dict[str, Any] = {"client_id": "belgie", "client_secret": "the secret", **settings}
        return OIDCProviderSettings(issuer=server.url, **chosen).make_provider(context)

    return prepare


async def refused(provider: OIDCProvider) -> str:
    with pytest.raises(OAuthError) as caught:
        await profile_from(provider)
    return caught.value.code


@pytest.mark.parametrize(
    ("listed", "chosen", "secret", "where"),
    [
        (None, None, "the secret", "header"),
        (["client_secret_basic"], None, "the secret", "header"),
        (["client_secret_post"], None, "the secret", "form"),
        (["client_secret_post", "client_secret_basic"], None, "the secret", "header"),
        (["private_key_jwt"], None, "the secret", "header"),
        ([], None, "the secret", "header"),
        (["client_secret_basic"], "client_secret_post", "the secret", "form"),
        (["client_secret_post"], "client_secret_basic", "the secret", "header"),
        (["client_secret_post"], None, None, "nowhere"),
        (["client_secret_post"], "none", "the secret", "nowhere"),
    ],
)
async def test_the_secret_is_shown_where_the_provider_wants_it(
    make: Make, server: FakeProvider, *, listed: list[str] | None, chosen: Any, secret: str | None, where: str
) -> None:
    server.describe(server.url, token_endpoint_auth_methods_supported=listed)
    await make(client_secret=secret, token_endpoint_auth_method=chosen).exchange_code(EXCHANGE)
    seen = server.request("/token")
    assert seen.client == ("belgie", None if where == "nowhere" else secret)
    assert ("client_secret" in seen.form) == (where == "form")
    assert ("authorization" in seen.headers) == (where == "header")
    assert seen.form["code_verifier"] == "the-verifier"


async def test_a_secret_in_a_header_is_encoded_as_in_a_form(make: Make, server: FakeProvider) -> None:
    server.describe(server.url, token_endpoint_auth_methods_supported=None)
    await make({"aud": "a:b"}, client_id="a:b", client_secret="c%:+ ü").exchange_code(EXCHANGE)
    assert server.request("/token").client == ("a:b", "c%:+ ü")


@pytest.mark.parametrize(
    ("mode", "claims", "asked"),
    [
        ("auto", {}, False),
        ("auto", {"email": None}, True),
        ("always", {}, True),
        ("never", {"email": None}, False),
    ],
)
async def test_the_userinfo_endpoint_is_asked_as_the_setting_says(
    make: Make, server: FakeProvider, *, mode: str, claims: dict[str, Any], asked: bool
) -> None:
    server.describe(server.url)
    server.reply("/userinfo", {**JANE, "name": "Jane at the userinfo endpoint", "picture": "https://x.example/j"})
    profile = await profile_from(make(claims, userinfo=mode))
    assert bool(server.requests("/userinfo")) == asked
    assert profile.email == (None if mode == "never" else "jane@people.example")
    assert profile.name == "Jane"
    assert profile.image == ("https://x.example/j" if asked else None)


async def test_a_provider_without_a_userinfo_endpoint_is_not_asked(make: Make, server: FakeProvider) -> None:
    server.describe(server.url, userinfo_endpoint=None)
    profile = await profile_from(make({"email": None}, userinfo="always"))
    assert (profile.email, profile.email_verified) == (None, True)


@pytest.mark.parametrize(
    ("token", "userinfo", "expected"),
    [
        ({"email_verified": None}, {}, ("jane@people.example", False)),
        ({"email_verified": False}, {}, ("jane@people.example", False)),
        ({"email": "other@people.example"}, {"email_verified": False}, ("other@people.example", True)),
        ({"email": None, "email_verified": True}, {"email_verified": False}, ("jane@people.example", False)),
        ({"email": None, "email_verified": True}, {"email_verified": None}, ("jane@people.example", False)),
        ({"email": None, "email_verified": False}, {}, ("jane@people.example", True)),
    ],
)
async def test_an_address_and_whether_it_was_checked_come_from_one_place(
    make: Make,
    server: FakeProvider,
    token: dict[str, Any],
    userinfo: dict[str, Any],
    expected: tuple[str, bool],
) -> None:
    server.describe(server.url)
    server.reply("/userinfo", {**JANE, **userinfo})
    profile = await profile_from(make(token, userinfo="always"))
    assert (profile.email, profile.email_verified) == expected


@pytest.mark.parametrize("subject", ["another", "", None, 248289761001, ["248289761001"]], ids=repr)
async def test_the_userinfo_of_somebody_else_is_refused(make: Make, server: FakeProvider, subject: object) -> None:
    server.describe(server.url)
    server.reply("/userinfo", {**JANE, "sub": subject})
    assert await refused(make(userinfo="always")) == "invalid_userinfo"


@pytest.mark.parametrize(
    ("listed", "accepted"),
    [(["S256"], True), (["plain", "S256"], True), (["plain"], False), ([], False), (None, False)],
)
async def test_pkce_can_be_required(
    make: Make, server: FakeProvider, *, listed: list[str] | None, accepted: bool
) -> None:
    server.describe(server.url, code_challenge_methods_supported=listed)
    lax, strict = make(), make(require_pkce=True)
    assert query_of(await lax.authorization_url(REQUEST))["code_challenge_method"] == "S256"
    if accepted:
        assert query_of(await strict.authorization_url(REQUEST))["code_challenge_method"] == "S256"
        return
    with pytest.raises(OAuthError) as caught:
        await strict.authorization_url(REQUEST)
    assert caught.value.code == "provider_misconfigured"


@pytest.mark.parametrize(("advertised", "accepted"), [(True, False), (False, True), (None, True), ("true", True)])
async def test_a_missing_issuer_is_an_error_if_the_provider_sends_it(
    make: Make, server: FakeProvider, *, advertised: object, accepted: bool
) -> None:
    server.describe(server.url, authorization_response_iss_parameter_supported=advertised)
    provider = make()
    await provider.check_issuer(server.url)
    for wrong in ("", f"{server.url}/", "https://evil.example"):
        with pytest.raises(OAuthError) as caught:
            await provider.check_issuer(wrong)
        assert caught.value.code == "issuer_mismatch"
    if accepted:
        await provider.check_issuer(None)
    else:
        with pytest.raises(OAuthError):
            await provider.check_issuer(None)


async def test_a_token_answer_without_an_id_token_is_refused(make: Make, server: FakeProvider) -> None:
    provider = make()
    server.reply("/token", {"access_token": "at", "token_type": "Bearer"})
    with pytest.raises(OAuthError) as caught:
        await provider.exchange_code(EXCHANGE)
    assert caught.value.code == "invalid_token_response"


async def test_an_issuer_with_a_path_describes_itself_below_it(context: ProviderContext, server: FakeProvider) -> None:
    for issuer in (f"{server.url}/realms/one", f"{server.url}/realms/two/"):
        server.describe(issuer, issuer.removeprefix(server.url).rstrip("/"))
        settings = OIDCProviderSettings(issuer=issuer, client_id="belgie")
        url = await settings.make_provider(context).authorization_url(REQUEST)
        assert url.startswith(f"{issuer.rstrip('/')}/authorize?")


async def test_the_description_is_fetched_once_an_hour(make: Make, server: FakeProvider, clock: Clock) -> None:
    provider = make()
    for _ in range(3):
        await provider.authorization_url(REQUEST)
    assert server.hits["/.well-known/openid-configuration"] == 1
    clock.advance(3601)
    await provider.authorization_url(REQUEST)
    assert server.hits["/.well-known/openid-configuration"] == 2


@pytest.mark.parametrize("scopes", [(), ("email",), ("OPENID",), ("openid2",)])
def test_the_scope_openid_is_a_must(scopes: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match=r"expected the scope openid.*BELGIE_OIDC_SCOPES"):
        OIDCProviderSettings(issuer="https://op.example", client_id="c", scopes=scopes)


def test_plain_http_is_for_loopback_only(context: ProviderContext) -> None:
    with pytest.raises(ConfigurationError, match="provider 'theirs': issuer: expected https"):
        OIDCProviderSettings(issuer="http://op.example", client_id="c").make_provider(context)


def test_the_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError, match=r"(?s)BELGIE_OIDC_CLIENT_ID.*BELGIE_OIDC_ISSUER"):
        OIDCProviderSettings()
    monkeypatch.setenv("BELGIE_OIDC_ISSUER", "https://op.example/")
    monkeypatch.setenv("BELGIE_OIDC_CLIENT_ID", "c")
    monkeypatch.setenv("BELGIE_OIDC_ALGORITHMS", '["RS256", "ES256"]')
    monkeypatch.setenv("BELGIE_OIDC_SCOPES", "openid email")
    settings = OIDCProviderSettings()
    assert (settings.issuer, settings.algorithms, settings.scopes) == (
        "https://op.example/",
        ("RS256", "ES256"),
        ("openid", "email"),
    )
