"""PROVIDERS.md: its tables name every setting, and the provider that it shows signs people in."""

import re
from pathlib import Path
from typing import Any

import pytest
from __tests__.auth.hostile.clock import Clock
from __tests__.auth.providers.fake import FakeProvider, query_of
from __tests__.auth.providers.site import running

from auth import providers
from auth.providers import ClientSettings, OpenIDClientSettings

DOCUMENT = (Path(__file__).parents[3] / "packages/auth/PROVIDERS.md").read_text()
PRESETS = sorted(name for name in providers.__all__ if name.endswith("ProviderSettings"))
SHARED = {
    "client_id": "required",
    "client_secret": "required by Discord, Facebook, GitHub, GitLab, LinkedIn",
    "scopes": "the provider's",
    "redirect_uri": "`{base_url}/auth/provider/{id}/callback`",
    "token_endpoint_auth_method": "what the provider takes",
    "authorization_parameters": "`{}`",
    "label": "the provider's name",
}


def settings_class(name: str) -> type[ClientSettings]:
    found: Any = getattr(providers, name)
    return found


def documented() -> dict[str, str]:
    """Each variable of the tables, and its default there."""
    rows = re.findall(r"^\| `(BELGIE_[A-Z0-9_]+)` \| (.*?) \|", DOCUMENT, re.MULTILINE)
    assert len(dict(rows)) == len(rows)
    return dict(rows)


def own_fields(name: str) -> dict[str, Any]:
    """The fields that only this provider's settings have."""
    made = settings_class(name)
    base = OpenIDClientSettings if issubclass(made, OpenIDClientSettings) else ClientSettings
    return {field: info for field, info in made.model_fields.items() if field not in base.model_fields}


@pytest.mark.parametrize("name", PRESETS)
def test_every_setting_of_a_provider_is_in_the_tables(name: str) -> None:
    prefix = settings_class(name).model_config.get("env_prefix")
    expected = {f"{prefix}{field}".upper() for field in own_fields(name)} - {"BELGIE_OAUTH2_MAPPING"}
    shared = {f"BELGIE_GITHUB_{field}".upper() for field in ClientSettings.model_fields}
    openid = set(OpenIDClientSettings.model_fields) - set(ClientSettings.model_fields)
    of_openid = {f"BELGIE_OIDC_{field}".upper() for field in openid}
    assert {row for row in documented() if row.startswith(str(prefix))} - shared - of_openid == expected


@pytest.mark.parametrize("name", PRESETS)
def test_the_documented_defaults_are_those_of_the_code(name: str) -> None:
    prefix = settings_class(name).model_config.get("env_prefix")
    for field, info in own_fields(name).items():
        if field in {"mapping", "api_url", "scope_separator"}:  # told in words
            continue
        shown = documented()[f"{prefix}{field}".upper()]
        if info.is_required():
            assert shown == "required"
        elif info.default is None:
            assert shown == "none"
        elif info.default == frozenset():
            assert shown == "`[]`"
        else:
            assert shown == f"`{info.default}`"


def test_the_settings_that_all_have_are_in_the_tables() -> None:
    rows = documented()
    assert {field: rows[f"BELGIE_GITHUB_{field}".upper()] for field in ClientSettings.model_fields} == SHARED
    openid = set(OpenIDClientSettings.model_fields) - set(ClientSettings.model_fields)
    assert all(f"BELGIE_OIDC_{field}".upper() in rows for field in openid)
    required = {name for name in PRESETS if settings_class(name).model_fields["client_secret"].is_required()}
    named = re.findall(r"[A-Z]\w+", SHARED["client_secret"])
    assert required == {f"{name}ProviderSettings" for name in named}


@pytest.mark.parametrize("name", PRESETS)
def test_every_provider_is_in_the_overview(name: str) -> None:
    assert f"| `{name}` |" in DOCUMENT


def shown_provider() -> str:
    (block,) = (one for one in re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL) if "class Forge" in one)
    return block


def test_a_provider_of_ones_own_is_short() -> None:
    assert len(shown_provider().splitlines()) < 40


async def test_the_provider_that_is_shown_signs_people_in(server: FakeProvider, clock: Clock) -> None:
    namespace: dict[str, Any] = {"__name__": "shown"}
    exec(compile(shown_provider(), "PROVIDERS.md", "exec"), namespace)  # the very text that is shown
    forge = namespace["ForgeProviderSettings"](client_id="belgie", client_secret="s", base_url=server.url)
    server.reply("/oauth/token", {"access_token": "at", "token_type": "bearer"})
    server.reply("/api/user", {"id": 7, "mail": "Smith@Forge.example", "mail_confirmed": True, "full_name": "J. Smith"})
    async with running(clock, {"forge": forge}) as site:
        person = site.person()
        location = await person.start("forge")
        assert location.startswith(f"{server.url}/oauth/authorize?")
        assert query_of(location)["scope"] == "profile email"
        assert (await person.come_back("forge", location)).status_code == 303
        session = await person.session()
        assert session is not None
        assert (session["user"]["email"], session["user"]["email_verified"]) == ("smith@forge.example", True)
        assert session["user"]["name"] == "J. Smith"
        assert site.auth.providers["forge"].label == "Forge"
    seen = server.request("/oauth/token")
    assert (seen.client, len(seen.form["code_verifier"])) == (("belgie", "s"), 43)
    assert server.request("/api/user").bearer == "at"


def test_the_settings_of_a_provider_of_ones_own_have_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    namespace: dict[str, Any] = {"__name__": "shown"}
    exec(compile(shown_provider(), "PROVIDERS.md", "exec"), namespace)
    monkeypatch.setenv("BELGIE_FORGE_CLIENT_ID", "from-outside")
    monkeypatch.setenv("BELGIE_FORGE_BASE_URL", "https://my-forge.example")
    made = namespace["ForgeProviderSettings"]()
    assert (made.client_id, made.base_url) == ("from-outside", "https://my-forge.example")
