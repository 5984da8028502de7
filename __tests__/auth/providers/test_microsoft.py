"""Microsoft's tokens: one key set and one description for many tenants."""

from collections.abc import Callable
from typing import Any

import pytest
from __tests__.auth.hostile.keys import rsa_key
from __tests__.auth.providers.fake import EXCHANGE, NONCE, REQUEST, FakeProvider, profile_from, query_of
from pydantic import ValidationError

from auth import OAuthError
from auth.providers import MicrosoftProviderSettings, Profile, ProviderContext, ProviderProtocol

CONTOSO = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"
FABRIKAM = "82229342-1101-4ab6-817b-70c0747630f3"
PERSONAL = "9188040d-6c67-4c5b-b112-36a304b66dad"
CLIENT_ID = "6731de76-14a6-49ae-97bc-6eba6914391e"

type SignIn = Callable[..., ProviderProtocol]


@pytest.fixture
def sign_in(server: FakeProvider, context: ProviderContext) -> SignIn:
    """Microsoft for a tenant setting, about to answer with a token of some tenant."""

    def prepare(
        setting: str = "common", tenant: str = CONTOSO, settings: dict[str, Any] | None = None, **claims: Any
    ) -> ProviderProtocol:
        named = {"common": "{tenantid}", "organizations": "{tenantid}", "consumers": PERSONAL}.get(setting, setting)
        server.describe(f"{server.url}/{named}/v2.0", f"/{setting}/v2.0")
        now = int(context.clock().timestamp())
        honest = {
            "ver": "2.0",
            "iss": f"{server.url}/{tenant}/v2.0",
            "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
            "aud": CLIENT_ID,
            "exp": now + 3600,
            "iat": now,
            "nbf": now,
            "name": "Abe Lincoln",
            "preferred_username": "abeli@contoso.example",
            "oid": "00000000-0000-0000-66f3-3332eca7ea81",
            "email": "abeli@contoso.example",
            "tid": tenant,
            "nonce": NONCE,
        }
        token = {name: value for name, value in {**honest, **claims}.items() if value is not None}
        server.reply(
            f"/{setting}/v2.0/token",
            {"access_token": "eyJ0", "token_type": "Bearer", "expires_in": 3599, "id_token": server.sign(token)},
        )
        chosen: dict[str, Any] = {"client_id": CLIENT_ID, "client_secret": "s", "tenant": setting, **(settings or {})}
        return MicrosoftProviderSettings(base_url=server.url, **chosen).make_provider(context)

    return prepare


async def refused(provider: ProviderProtocol) -> str:
    with pytest.raises(OAuthError) as caught:
        await profile_from(provider)
    return caught.value.code


@pytest.mark.parametrize(
    ("setting", "tenant"),
    [
        ("common", CONTOSO),
        ("common", PERSONAL),
        ("organizations", CONTOSO),
        ("consumers", PERSONAL),
        (CONTOSO, CONTOSO),
    ],
)
async def test_the_account_is_the_subject_within_its_tenant(sign_in: SignIn, setting: str, tenant: str) -> None:
    assert await profile_from(sign_in(setting, tenant)) == Profile(
        provider_account_id=f"{tenant}:AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
        email="abeli@contoso.example",
        email_verified=False,
        name="Abe Lincoln",
    )


async def test_one_subject_in_two_tenants_is_two_accounts(sign_in: SignIn) -> None:
    contoso, fabrikam = [await profile_from(sign_in(tenant=tenant, sub="ABC123")) for tenant in (CONTOSO, FABRIKAM)]
    assert contoso.provider_account_id != fabrikam.provider_account_id


@pytest.mark.parametrize(
    ("setting", "tenant"),
    [(CONTOSO, FABRIKAM), (CONTOSO, PERSONAL), ("consumers", CONTOSO)],
)
async def test_another_tenants_token_is_refused(sign_in: SignIn, setting: str, tenant: str) -> None:
    assert await refused(sign_in(setting, tenant)) == "invalid_id_token"


async def test_organizations_are_not_persons(sign_in: SignIn) -> None:
    assert await refused(sign_in("organizations", PERSONAL)) == "access_denied"


async def test_of_many_tenants_only_the_allowed_ones_may_sign_in(sign_in: SignIn) -> None:
    allowed = {"allowed_tenants": [FABRIKAM]}
    assert await refused(sign_in(tenant=CONTOSO, settings=allowed)) == "access_denied"
    assert (await profile_from(sign_in(tenant=FABRIKAM, settings=allowed))).provider_account_id.startswith(FABRIKAM)


@pytest.mark.parametrize("setting", ["common", "organizations", CONTOSO])
@pytest.mark.parametrize(
    "claims",
    [
        {"tid": FABRIKAM},
        {"tid": None},
        {"tid": "{tenantid}"},
        {"tid": ""},
        {"tid": 7},
        {"tid": [CONTOSO]},
        {"tid": CONTOSO.upper()},
        {"tid": f"{CONTOSO}/v2.0/../{FABRIKAM}"},
    ],
    ids=str,
)
async def test_the_tenant_must_be_that_of_the_issuer(sign_in: SignIn, setting: str, claims: dict[str, Any]) -> None:
    assert await refused(sign_in(setting, CONTOSO, **claims)) == "invalid_id_token"


@pytest.mark.parametrize("tenant", ["{tenantid}", "common", "organizations", "consumers", "..", "contoso.example"])
async def test_a_tenant_is_a_guid_even_if_the_issuer_agrees(sign_in: SignIn, tenant: str) -> None:
    assert await refused(sign_in("common", tenant)) == "invalid_id_token"


@pytest.mark.parametrize("value", [True, "true", "1"], ids=repr)
async def test_an_address_is_verified_if_the_tenant_has_proved_its_domain(sign_in: SignIn, value: object) -> None:
    assert (await profile_from(sign_in(xms_edov=value))).email_verified


@pytest.mark.parametrize("value", [None, False, "false", "0", "", 0, 2, "True", [True], {}], ids=repr)
async def test_an_address_is_not_verified_by_anything_else(sign_in: SignIn, value: object) -> None:
    profile = await profile_from(sign_in(xms_edov=value, email_verified=True, verified_primary_email=["a@b.example"]))
    assert (profile.email, profile.email_verified) == ("abeli@contoso.example", False)


async def test_a_missing_address_is_not_replaced_by_the_name_of_the_user(sign_in: SignIn, server: FakeProvider) -> None:
    profile = await profile_from(sign_in(email=None))
    assert (profile.email, profile.email_verified) == (None, False)
    assert not server.requests("/common/v2.0/userinfo")


async def test_a_key_of_one_issuer_signs_for_no_other(sign_in: SignIn, server: FakeProvider) -> None:
    personal_issuer = f"{server.url}/{PERSONAL}/v2.0"
    server.keys = [server.key.public_jwk(issuer=personal_issuer)]
    assert await refused(sign_in(tenant=CONTOSO)) == "invalid_id_token"
    assert (await profile_from(sign_in(tenant=PERSONAL))).provider_account_id.startswith(PERSONAL)


@pytest.mark.parametrize("setting", [CONTOSO, "common", "organizations"])
async def test_one_tenant_is_signed_for_by_the_key_of_all(sign_in: SignIn, server: FakeProvider, setting: str) -> None:
    server.keys = [server.key.public_jwk(issuer=f"{server.url}/{{tenantid}}/v2.0")]
    assert (await profile_from(sign_in(setting, CONTOSO))).provider_account_id.startswith(CONTOSO)


async def test_a_key_of_all_issuers_signs_for_each(sign_in: SignIn, server: FakeProvider) -> None:
    template = f"{server.url}/{{tenantid}}/v2.0"
    other = rsa_key("another-key").public_jwk(issuer=template)
    server.keys = [other, server.key.public_jwk(issuer=template)]
    for tenant in (CONTOSO, FABRIKAM, PERSONAL):
        assert (await profile_from(sign_in(tenant=tenant))).provider_account_id.startswith(tenant)


@pytest.mark.parametrize(
    "owner", [None, "", 7, ["https://login.microsoftonline.com/{tenantid}/v2.0"], "https://evil.example"]
)
async def test_a_key_of_something_else_signs_for_nobody(sign_in: SignIn, server: FakeProvider, owner: object) -> None:
    server.keys = [server.key.public_jwk(issuer=owner)]
    assert await refused(sign_in()) == "invalid_id_token"


async def test_a_description_that_names_another_issuer_is_refused(sign_in: SignIn, server: FakeProvider) -> None:
    provider = sign_in("common")
    server.describe(f"{server.url}/{CONTOSO}/v2.0", "/common/v2.0")
    with pytest.raises(OAuthError) as caught:
        await provider.authorization_url(REQUEST)
    assert caught.value.code == "provider_misconfigured"


@pytest.mark.parametrize(
    ("setting", "allowed", "named", "accepted"),
    [
        ("common", [], CONTOSO, True),
        ("common", [], PERSONAL, True),
        ("common", [FABRIKAM], CONTOSO, False),
        ("common", [], "common", False),
        ("common", [], "{tenantid}", False),
        ("organizations", [], CONTOSO, True),
        ("organizations", [], PERSONAL, False),
        ("consumers", [], PERSONAL, True),
        ("consumers", [], "consumers", False),
        (CONTOSO, [], CONTOSO, True),
        (CONTOSO, [], FABRIKAM, False),
    ],
)
async def test_an_issuer_that_is_sent_must_be_one_of_the_tenants(
    sign_in: SignIn, server: FakeProvider, *, setting: str, allowed: list[str], named: str, accepted: bool
) -> None:
    provider = sign_in(setting, settings={"allowed_tenants": allowed})
    await provider.check_issuer(None)
    issuer = f"{server.url}/{named}/v2.0"
    for wrong in (f"{issuer}/", issuer.replace("http", "https"), named, f"{server.url}/{named}", ""):
        with pytest.raises(OAuthError):
            await provider.check_issuer(wrong)
    if accepted:
        await provider.check_issuer(issuer)
    else:
        with pytest.raises(OAuthError):
            await provider.check_issuer(issuer)


async def test_the_browser_is_sent_to_microsoft_with_nonce_and_challenge(sign_in: SignIn) -> None:
    query = query_of(await sign_in("common").authorization_url(REQUEST))
    assert (query["nonce"], query["code_challenge"], query["scope"]) == (NONCE, "the-challenge", "openid email profile")


async def test_the_code_is_exchanged_with_its_verifier_and_the_secret(sign_in: SignIn, server: FakeProvider) -> None:
    await sign_in("common").exchange_code(EXCHANGE)
    seen = server.request("/common/v2.0/token")
    assert (seen.client, seen.form["code_verifier"]) == ((CLIENT_ID, "s"), "the-verifier")


@pytest.mark.parametrize(
    "tenant", ["", "contoso.onmicrosoft.com", "../common", "COMMON", "{tenantid}", CONTOSO.upper()]
)
def test_a_tenant_is_a_guid_or_one_of_three_words(tenant: str) -> None:
    with pytest.raises(ValidationError, match=r"GUID in lower case.*BELGIE_MICROSOFT_TENANT"):
        MicrosoftProviderSettings(client_id="c", client_secret="s", tenant=tenant)


def test_allowed_tenants_are_guids(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError, match="BELGIE_MICROSOFT_ALLOWED_TENANTS"):
        MicrosoftProviderSettings(client_id="c", client_secret="s", allowed_tenants=frozenset({"common"}))
    monkeypatch.setenv("BELGIE_MICROSOFT_TENANT", "organizations")
    monkeypatch.setenv("BELGIE_MICROSOFT_ALLOWED_TENANTS", f'["{CONTOSO}"]')
    settings = MicrosoftProviderSettings(client_id="c", client_secret="s")
    assert (settings.tenant, settings.allowed_tenants) == ("organizations", {CONTOSO})


def test_the_default_is_the_public_cloud(context: ProviderContext) -> None:
    provider = MicrosoftProviderSettings(client_id="c", client_secret="s", tenant=CONTOSO).make_provider(context)
    assert provider.is_issuer(f"https://login.microsoftonline.com/{CONTOSO}/v2.0")
