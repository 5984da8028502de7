"""What holds for a provider about whom nothing more was said."""

import pytest
from pydantic import ValidationError

from auth.providers import OIDCProviderSettings
from auth.providers.oidc import Quirks


def test_an_openid_provider_is_held_to_the_standard() -> None:
    settings = OIDCProviderSettings.model_validate({"issuer": "https://op.example", "client_id": "belgie"})
    assert settings.algorithms == ("RS256",)
    assert settings.scopes == ("openid", "email", "profile")
    assert settings.trusted_audiences == frozenset()
    assert settings.userinfo == "auto"
    assert not settings.require_pkce


def test_a_provider_has_no_quirks_unless_they_are_named() -> None:
    quirks = Quirks()
    assert (quirks.described_issuer, quirks.issuer_template) == (None, None)
    assert quirks.further_issuers == frozenset()
    assert not quirks.ignores_nonce
    assert not quirks.refuses_code_verifier


@pytest.mark.parametrize(
    "issuer",
    ["https://op.example?x", "https://op.example/#x", "op.example", "https://a@op.example", "HTTPS://op.example", ""],
)
def test_an_issuer_is_an_absolute_url_without_query_and_fragment(issuer: str) -> None:
    with pytest.raises(ValidationError, match="issuer"):
        OIDCProviderSettings.model_validate({"issuer": issuer, "client_id": "belgie"})


@pytest.mark.parametrize("issuer", ["https://op.example", "https://op.example/", "https://op.example/tenant/"])
def test_an_issuer_is_kept_to_the_letter(issuer: str) -> None:
    assert OIDCProviderSettings.model_validate({"issuer": issuer, "client_id": "belgie"}).issuer == issuer


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("algorithms", ()),
        ("algorithms", ("none",)),
        ("algorithms", ("HS256",)),
        ("algorithms", ("RS256", "HS256")),
        ("algorithms", ("rs256",)),
        ("scopes", ("email", "profile")),
        ("scopes", ("OpenID",)),
    ],
)
def test_settings_do_not_open_what_an_openid_provider_must_have_closed(field: str, value: tuple[str, ...]) -> None:
    honest = {"issuer": "https://op.example", "client_id": "belgie"}
    with pytest.raises(ValidationError, match=field):
        OIDCProviderSettings.model_validate({**honest, field: value})
