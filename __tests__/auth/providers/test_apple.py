"""Apple's answers: a secret that the application signs, a form in place of a query, the name once."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from __tests__.auth.hostile.clock import Clock
from __tests__.auth.providers.fake import EXCHANGE, NONCE, REQUEST, FakeProvider, profile_from, query_of
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey
from pydantic import ValidationError

from auth import OAuthError
from auth.providers import AppleProviderSettings, NameInAnswerProtocol, Profile, ProviderContext, ProviderProtocol

KEY = ec.generate_private_key(ec.SECP256R1())
SUBJECT = "000544.5e201aec537347aeb79d23cbc345170a.1321"


def pem(key: Any) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def settings(**changes: Any) -> AppleProviderSettings:
    values: dict[str, Any] = {
        "client_id": "example.app.signin",
        "team_id": "ABCDE12345",
        "key_id": "FGHIJ67890",
        "private_key": pem(KEY),
    }
    return AppleProviderSettings(**(values | changes))


@pytest.fixture
def apple(server: FakeProvider, context: ProviderContext) -> ProviderProtocol:
    server.describe(server.url, userinfo_endpoint=None, token_endpoint_auth_methods_supported=["client_secret_post"])
    answer(server, context)
    return settings(issuer=server.url).make_provider(context)


def answer(server: FakeProvider, context: ProviderContext, **changes: Any) -> None:
    """Make Apple answer with a token of a user."""
    now = int(context.clock().timestamp())
    honest = {
        "iss": server.url,
        "aud": "example.app.signin",
        "exp": now + 86400,
        "iat": now,
        "sub": SUBJECT,
        "nonce": NONCE,
        "nonce_supported": True,
        "email": "dp9bvqbxcd@privaterelay.appleid.example",
        "email_verified": "true",
        "is_private_email": "true",
        "auth_time": now,
    }
    claims = {name: value for name, value in {**honest, **changes}.items() if value is not None}
    server.reply(
        "/token",
        {
            "access_token": "adg61...67Or9",
            "token_type": "Bearer",
            "expires_in": 3600,
            "refresh_token": "rca7...lABoQ",
            "id_token": server.sign(claims),
        },
    )


@pytest.mark.parametrize("verified", ["true", True], ids=repr)
async def test_an_address_is_verified_by_a_boolean_or_its_text(
    apple: ProviderProtocol, server: FakeProvider, context: ProviderContext, verified: object
) -> None:
    answer(server, context, email_verified=verified)
    assert await profile_from(apple) == Profile(
        provider_account_id=SUBJECT,
        email="dp9bvqbxcd@privaterelay.appleid.example",
        email_verified=True,
    )


@pytest.mark.parametrize("verified", ["false", False, None, "", "True", 1, [True]], ids=repr)
async def test_an_address_is_not_verified_by_anything_else(
    apple: ProviderProtocol, server: FakeProvider, context: ProviderContext, verified: object
) -> None:
    answer(server, context, email_verified=verified)
    assert not (await profile_from(apple)).email_verified


async def test_a_later_sign_in_may_have_no_address(
    apple: ProviderProtocol, server: FakeProvider, context: ProviderContext
) -> None:
    answer(server, context, email=None, email_verified=None)
    assert await profile_from(apple) == Profile(provider_account_id=SUBJECT)


async def test_a_token_that_says_nonces_are_not_supported_is_refused(
    apple: ProviderProtocol, server: FakeProvider, context: ProviderContext
) -> None:
    answer(server, context, nonce=None, nonce_supported=False)
    with pytest.raises(OAuthError) as caught:
        await profile_from(apple)
    assert caught.value.code == "invalid_id_token"


async def test_the_browser_is_asked_to_come_back_with_a_form(apple: ProviderProtocol) -> None:
    query = query_of(await apple.authorization_url(REQUEST))
    assert (query["response_mode"], query["scope"]) == ("form_post", "openid email name")
    assert (query["nonce"], query["code_challenge"]) == (NONCE, "the-challenge")
    assert getattr(apple, "answers_by_post", False) is True


def claims_of(secret: str) -> dict[str, Any]:
    """What a client secret says, if its signature is that of the key."""
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    token = jwt.decode(secret, ECKey.import_key(public), algorithms=["ES256"])
    assert token.header == {"alg": "ES256", "kid": "FGHIJ67890", "typ": "JWT"}
    return dict(token.claims)


async def test_the_secret_is_signed_by_the_key_for_a_day(
    apple: ProviderProtocol, server: FakeProvider, clock: Clock
) -> None:
    await apple.exchange_code(EXCHANGE)
    seen = server.request("/token")
    claims = claims_of(seen.form["client_secret"])
    assert seen.form["client_id"] == "example.app.signin"
    assert abs(claims.pop("iat") - clock.timestamp()) < 5
    assert abs(claims.pop("exp") - clock.timestamp() - timedelta(days=1).total_seconds()) < 5
    assert claims == {"iss": "ABCDE12345", "aud": server.url, "sub": "example.app.signin"}


async def test_the_secret_is_kept_for_half_its_life(
    apple: ProviderProtocol, server: FakeProvider, clock: Clock
) -> None:
    for hours in (0, 11.9, 0.2, 11.9, 0.2):
        clock.advance(hours * 3600)
        await apple.exchange_code(EXCHANGE)
        assert claims_of(server.requests("/token")[-1].form["client_secret"])["exp"] > clock.timestamp() + 12 * 3600 - 5
    secrets = [seen.form["client_secret"] for seen in server.requests("/token")]
    assert secrets[0] == secrets[1]
    assert secrets[2] == secrets[3]
    assert len(set(secrets)) == 3


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ('{"name":{"firstName":"Jane","lastName":"Appleseed"},"email":"jane@people.example"}', "Jane Appleseed"),
        ('{"name":{"firstName":"Jane","lastName":""}}', "Jane"),
        ('{"name":{"lastName":"Appleseed"}}', "Appleseed"),
        ('{"name":{"firstName":"Ja\\u0000ne\\n","middleName":"X","lastName":null}}', "Jane"),
        ('{"name":{"firstName":7,"lastName":["x"]}}', None),
        ('{"name":{}}', None),
        ('{"name":null}', None),
        ('{"name":"Jane"}', None),
        ('{"email":"jane@people.example"}', None),
        ("[]", None),
        ("null", None),
        ("{", None),
        ("", None),
        ("[" * 100_000, None),
        ("\ud800", None),
    ],
    ids=lambda value: str(value)[:40].encode("ascii", "replace").decode(),
)
def test_the_name_is_what_the_first_answer_says(apple: ProviderProtocol, user: str, expected: str | None) -> None:
    assert isinstance(apple, NameInAnswerProtocol)
    assert apple.name_in_answer({"code": ["c"], "user": [user]}) == expected


def test_a_later_answer_says_no_name(apple: ProviderProtocol) -> None:
    assert isinstance(apple, NameInAnswerProtocol)
    assert apple.name_in_answer({"code": ["c"]}) is None
    assert apple.name_in_answer({"user": []}) is None


def test_a_long_name_is_cut(apple: ProviderProtocol) -> None:
    assert isinstance(apple, NameInAnswerProtocol)
    long = json.dumps({"name": {"firstName": "a" * 10_000, "lastName": "b" * 10_000}})
    assert apple.name_in_answer({"user": [long]}) == "a" * 255


@pytest.mark.parametrize(
    "key",
    [
        "",
        "not a key",
        pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        pem(ec.generate_private_key(ec.SECP384R1())),
        pem(ed25519.Ed25519PrivateKey.generate()),
        KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        pem(KEY)[:-60],
        base64.b64encode(b"x" * 32).decode(),
    ],
    ids=["empty", "text", "rsa", "p384", "ed25519", "public", "cut", "octets"],
)
def test_a_key_that_cannot_sign_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ValidationError, match=r"expected a private key.*BELGIE_APPLE_PRIVATE_KEY") as caught:
        settings(private_key=key)
    assert len(key) < 40 or key[30:60] not in str(caught.value)


def test_a_key_may_have_its_lines_ends_spelled_out(monkeypatch: pytest.MonkeyPatch, context: ProviderContext) -> None:
    monkeypatch.setenv("BELGIE_APPLE_CLIENT_ID", "example.app.signin")
    monkeypatch.setenv("BELGIE_APPLE_TEAM_ID", "ABCDE12345")
    monkeypatch.setenv("BELGIE_APPLE_KEY_ID", "FGHIJ67890")
    monkeypatch.setenv("BELGIE_APPLE_PRIVATE_KEY", pem(KEY).replace("\n", "\\n"))
    made = AppleProviderSettings().make_provider(context)
    assert claims_of(made.client_secret())["aud"] == "https://appleid.apple.com"


def test_a_client_secret_of_another_kind_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"expected no client secret.*BELGIE_APPLE_CLIENT_SECRET") as caught:
        settings(client_secret="pasted by mistake")
    assert "pasted by mistake" not in str(caught.value)


def test_the_key_shows_nowhere() -> None:
    made = settings()
    secret = pem(KEY).splitlines()[1]
    for shown in (repr(made), str(made), made.model_dump_json()):
        assert secret not in shown
