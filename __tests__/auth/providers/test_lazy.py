"""A provider costs nothing until it is named."""

import subprocess
import sys

import pytest

from auth import providers

PRESETS = {"apple", "discord", "facebook", "github", "gitlab", "google", "linkedin", "microsoft", "slack"}
NEEDS_OIDC = {"apple", "gitlab", "google", "linkedin", "microsoft", "slack"}


def loaded(statement: str) -> set[str]:
    """The modules below `auth.providers` that a fresh process has after `statement`."""
    program = f"import sys; {statement}; print(*(name for name in sys.modules if name.startswith('auth.providers.')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {name.removeprefix("auth.providers.") for name in done.stdout.split()}


@pytest.mark.parametrize("statement", ["import auth", "import auth.providers", "from auth import Auth, AuthSettings"])
def test_no_provider_is_loaded_with_the_package(statement: str) -> None:
    assert not loaded(statement) & (PRESETS | {"oauth2", "oidc", "id_token", "discovery"})


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("AppleProviderSettings", "apple"),
        ("DiscordProviderSettings", "discord"),
        ("FacebookProviderSettings", "facebook"),
        ("GitHubProviderSettings", "github"),
        ("GitLabProviderSettings", "gitlab"),
        ("GoogleProviderSettings", "google"),
        ("LinkedInProviderSettings", "linkedin"),
        ("MicrosoftProviderSettings", "microsoft"),
        ("SlackProviderSettings", "slack"),
    ],
)
def test_a_provider_loads_itself_and_no_other(name: str, module: str) -> None:
    found = loaded(f"from auth.providers import {name}")
    assert found & PRESETS == {module}
    assert ("oidc" in found, "oauth2" in found) == (module in NEEDS_OIDC, module not in NEEDS_OIDC)


def test_every_public_name_is_there_and_in_order() -> None:
    assert list(providers._MODULES) == providers.__all__ == sorted(providers.__all__)
    assert dir(providers) == providers.__all__
    for name in providers.__all__:
        assert getattr(providers, name).__name__ == name


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'auth\.providers' has no attribute 'MySpace'"):
        _ = providers.MySpace
