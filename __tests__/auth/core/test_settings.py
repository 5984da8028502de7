"""What an application decides, and what it is told when that does not fit."""

import pickle
import re
import subprocess
import sys
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from auth import AuthSettings, CookieSettings, HTTPSettings, SessionSettings, URLSettings
from auth.providers import GoogleProviderSettings, OIDCProviderSettings
from auth.utils.urls import Origin

SECRET = "canary-application-secret-0123456789"
OTHER = "canary-secret-of-the-year-before-012"
BASE_URL = "https://app.example"


def settings(**arguments: Any) -> AuthSettings:
    return AuthSettings.model_validate({"secret": SECRET, "base_url": BASE_URL, **arguments})


def refusal(**arguments: Any) -> str:
    with pytest.raises(ValidationError) as raised:
        settings(**arguments)
    return str(raised.value)


def test_what_must_be_said_is_asked_for_with_its_variable() -> None:
    with pytest.raises(ValidationError) as raised:
        AuthSettings.model_validate({})
    assert "secret\n  Field required (environment variable BELGIE_SECRET)" in str(raised.value)
    assert "base_url\n  Field required (environment variable BELGIE_BASE_URL)" in str(raised.value)


def test_everything_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {
        "BELGIE_SECRET": SECRET,
        "BELGIE_BASE_URL": "https://app.example/api/",
        "BELGIE_SESSION_MAX_AGE": "100",
        "BELGIE_SESSION_UPDATE_AGE": "10",
        "BELGIE_SESSION_ABSOLUTE_MAX_AGE": "1000",
        "BELGIE_COOKIE_NAME": "sid",
        "BELGIE_COOKIE_SAME_SITE": "strict",
        "BELGIE_COOKIE_HOST_PREFIX": "true",
        "BELGIE_URLS_SIGNIN_REDIRECT": "/in",
        "BELGIE_URLS_SIGNUP_REDIRECT": "/welcome",
        "BELGIE_URLS_SIGNOUT_REDIRECT": "/out",
        "BELGIE_URLS_ERROR_REDIRECT": "https://www.example/error",
        "BELGIE_HTTP_TIMEOUT": "2.5",
        "BELGIE_HTTP_MAX_BODY": "4096",
        "BELGIE_HTTP_CA_FILE": "/etc/ca.pem",
        "BELGIE_HTTP_ALLOW_PRIVATE_NETWORKS": "true",
        "BELGIE_TRUSTED_ORIGINS": '["https://www.example"]',
        "BELGIE_STATE_MAX_AGE": "60",
        "BELGIE_CSRF_STRICT": "true",
        "BELGIE_TRUSTED_PROXIES": "2",
        "BELGIE_PROVIDER_TOKENS": "encrypt",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = AuthSettings.model_validate({})
    assert found.secrets == (SECRET,)
    assert (found.base_url, found.base_path, found.origin) == (
        "https://app.example/api",
        "/api",
        Origin("https", "app.example", 443),
    )
    assert found.session == SessionSettings(max_age=100, update_age=10, absolute_max_age=1000)
    assert (found.cookie.name, found.cookie.same_site, found.cookie.host_prefix) == ("sid", "strict", True)
    assert found.urls.model_dump() == {
        "signin_redirect": "/in",
        "signup_redirect": "/welcome",
        "signout_redirect": "/out",
        "error_redirect": "https://www.example/error",
    }
    assert (found.http.timeout, found.http.max_body, found.http.allow_private_networks) == (2.5, 4096, True)
    assert str(found.http.ca_file) == "/etc/ca.pem"
    assert found.trusted_origins == ("https://www.example",)
    assert (found.state_max_age, found.csrf_strict, found.trusted_proxies) == (60, True, 2)
    assert found.provider_tokens == "encrypt"


def test_the_defaults_are_the_documented_ones() -> None:
    found = settings()
    assert found.session.model_dump() == {
        "max_age": 7 * 24 * 3600,
        "update_age": 24 * 3600,
        "absolute_max_age": 30 * 24 * 3600,
        "cookie_cache": 0,
    }
    assert found.cookie.model_dump() == {
        "name": "belgie_session",
        "same_site": "lax",
        "host_prefix": False,
        "domain": None,
    }
    assert found.urls.model_dump() == {
        "signin_redirect": "/",
        "signup_redirect": None,
        "signout_redirect": "/",
        "error_redirect": None,
    }
    assert found.http.model_dump() == {
        "timeout": 10.0,
        "max_body": 1024 * 1024,
        "ca_file": None,
        "allow_private_networks": False,
    }
    assert found.trusted_origins == ()
    assert (found.state_max_age, found.csrf_strict, found.trusted_proxies) == (600, False, 0)
    assert found.provider_tokens == "discard"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BELGIE_SESSION_MAX_AGE", "a week"),
        ("BELGIE_SESSION_MAX_AGE", "0"),
        ("BELGIE_SESSION_UPDATE_AGE", "-1"),
        ("BELGIE_SESSION_ABSOLUTE_MAX_AGE", "1.5"),
        ("BELGIE_COOKIE_NAME", "a b"),
        ("BELGIE_COOKIE_SAME_SITE", "none"),
        ("BELGIE_COOKIE_DOMAIN", "https://app.example"),
        ("BELGIE_HTTP_TIMEOUT", "0"),
        ("BELGIE_HTTP_MAX_BODY", "10"),
        ("BELGIE_STATE_MAX_AGE", "29"),
        ("BELGIE_STATE_MAX_AGE", "3601"),
        ("BELGIE_CSRF_STRICT", "perhaps"),
        ("BELGIE_TRUSTED_PROXIES", "-1"),
        ("BELGIE_TRUSTED_ORIGINS", "https://www.example"),
        ("BELGIE_TRUSTED_ORIGINS", '["https://www.example/path"]'),
        ("BELGIE_TRUSTED_ORIGINS", '["https://*.example"]'),
        ("BELGIE_TRUSTED_ORIGINS", '["null"]'),
        ("BELGIE_PROVIDER_TOKENS", "keep"),
        ("BELGIE_SECRET", "short"),
        ("BELGIE_SECRET", "[]"),
        ("BELGIE_SECRET", '["'),
        ("BELGIE_BASE_URL", "app.example"),
    ],
)
def test_a_malformed_variable_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    for name, good in (("BELGIE_SECRET", SECRET), ("BELGIE_BASE_URL", BASE_URL), (variable, value)):
        monkeypatch.setenv(name, good)
    with pytest.raises(ValidationError, match=rf"\(environment variable {variable}[,)]"):
        AuthSettings.model_validate({})


def test_a_secret_is_one_text_or_several(monkeypatch: pytest.MonkeyPatch) -> None:
    both = (SECRET, OTHER)
    assert settings(secret=SECRET).secrets == (SECRET,)
    assert settings(secret=SecretStr(SECRET)).secrets == (SECRET,)
    assert settings(secret=[SECRET, OTHER]).secrets == both
    assert settings(secret=(SecretStr(SECRET), OTHER)).secrets == both
    monkeypatch.setenv("BELGIE_SECRET", SECRET)
    assert AuthSettings.model_validate({"base_url": BASE_URL}).secrets == (SECRET,)
    monkeypatch.setenv("BELGIE_SECRET", f' ["{SECRET}", "{OTHER}"]')
    assert AuthSettings.model_validate({"base_url": BASE_URL}).secrets == both


@pytest.mark.parametrize(
    "secret",
    ["", "x" * 31, "ü" * 15, [], (), [SECRET, "x" * 31], [SECRET, ""], SecretStr("short"), f'["{SECRET}", "short"]'],
)
def test_a_short_secret_is_refused_with_the_command_that_makes_one(secret: Any) -> None:
    told = refusal(secret=secret)
    assert "expected at least 32 bytes of randomness; make them with: python -c" in told


def test_the_command_that_is_told_makes_a_secret_that_is_accepted() -> None:
    command = re.search(r'python -c "(?P<code>[^"]+)"', refusal(secret="short"))
    assert command is not None
    made = subprocess.run([sys.executable, "-c", command["code"]], capture_output=True, text=True, check=True)
    assert settings(secret=made.stdout.strip()).secrets == (made.stdout.strip(),)


@pytest.mark.parametrize("secret", ["x" * 32, "ü" * 16])
def test_thirty_two_bytes_are_enough(secret: str) -> None:
    assert settings(secret=secret).secrets == (secret,)


def test_no_way_of_showing_the_settings_shows_a_secret() -> None:
    found = settings(secret=[SECRET, OTHER])
    google = GoogleProviderSettings(client_id="id", client_secret=SecretStr("canary-client"))
    oidc = OIDCProviderSettings(issuer="https://op.example", client_id="id", client_secret=SecretStr("canary-client"))
    for one in (found, google, oidc):
        shown = [repr(one), str(one), f"{one}", str(one.model_dump()), one.model_dump_json()]
        assert not any("canary" in text for text in shown)
        assert any("**********" in text for text in shown)
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(one)


@pytest.mark.parametrize(
    "arguments",
    [
        {"secret": "canary-short"},
        {"secret": {"canary": SECRET}},
        {"secret": ["canary-short", 3]},
        {"secret": f'["{SECRET}", '},
        {"base_url": "https://canary:canary@app.example"},
        {"session": {"max_age": "canary"}},
        {"cookie": {"name": "canary canary"}},
        {"trusted_origins": ["https://canary@www.example"]},
        {"urls": {"error_redirect": "//canary"}},
        {"provider_tokens": "canary"},
    ],
)
def test_no_error_repeats_what_was_given(arguments: dict[str, Any]) -> None:
    assert "canary" not in refusal(**arguments)


@pytest.mark.parametrize(
    ("base_url", "origin", "path", "secure"),
    [
        ("https://app.example", Origin("https", "app.example", 443), "", True),
        ("https://app.example/", Origin("https", "app.example", 443), "", True),
        ("https://app.example:8443/api/v1/", Origin("https", "app.example", 8443), "/api/v1", True),
        ("http://127.0.0.1:8000", Origin("http", "127.0.0.1", 8000), "", False),
        ("http://localhost", Origin("http", "localhost", 80), "", False),
        ("http://[::1]:8000", Origin("http", "[::1]", 8000), "", False),
    ],
)
def test_the_base_url_says_origin_path_and_whether_cookies_are_secure(
    base_url: str, origin: Origin, path: str, secure: bool
) -> None:
    found = settings(base_url=base_url)
    assert (found.origin, found.base_path, found.secure_cookies) == (origin, path, secure)
    assert not found.base_url.endswith("/")


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("", "expected an absolute URL"),
        ("app.example", "expected an absolute URL"),
        ("ftp://app.example", "expected an absolute URL"),
        ("https://App.example", "expected an absolute URL"),
        ("https://user:password@app.example", "expected an absolute URL"),
        ("https://app.example:0", "expected an absolute URL"),
        ("https://app.example:70000", "expected a port from 1 to 65535"),
        ("https://app.example?x", "expected no query and no fragment"),
        ("https://app.example/#x", "expected no query and no fragment"),
        ("https://app.example\n", "expected an absolute URL"),
        ("http://app.example", "expected https; plain http only with a loopback host"),
        ("http://10.0.0.1:8000", "expected https; plain http only with a loopback host"),
        ("http://0.0.0.0:8000", "expected https; plain http only with a loopback host"),
        ("http://localhost.evil", "expected https; plain http only with a loopback host"),
    ],
)
def test_a_base_url_that_would_not_do_is_refused_with_what_was_expected(base_url: str, expected: str) -> None:
    told = refusal(base_url=base_url)
    assert expected in told
    assert "(environment variable BELGIE_BASE_URL)" in told


@pytest.mark.parametrize("name", ["signin_redirect", "signup_redirect", "signout_redirect", "error_redirect"])
@pytest.mark.parametrize(
    "target", ["//evil", "https://evil.example/", "javascript:x", "", "a", "https://app.example@evil"]
)
def test_the_ways_back_lead_to_the_application_or_a_trusted_origin(name: str, target: str) -> None:
    assert f"expected urls.{name} to be a path such as /welcome" in refusal(
        urls=URLSettings.model_validate({name: target})
    )
    trusted = settings(
        urls=URLSettings.model_validate({name: "https://www.example/x"}), trusted_origins=("https://www.example",)
    )
    assert getattr(trusted.urls, name) == "https://www.example/x"


def test_trusted_origins_are_kept_as_browsers_write_them() -> None:
    assert settings(trusted_origins=["https://www.example:443/"]).trusted_origins == ("https://www.example",)


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValidationError, match="expected absolute_max_age to be at least max_age"):
        SessionSettings(max_age=100, absolute_max_age=99)
    with pytest.raises(ValidationError, match="expected host_prefix or domain, not both"):
        CookieSettings(host_prefix=True, domain="app.example")
    told = refusal(base_url="http://127.0.0.1:8000", cookie=CookieSettings(host_prefix=True))
    assert "expected base_url to be https: browsers refuse a __Host- cookie without it" in told


def test_a_name_that_is_no_setting_is_refused() -> None:
    for kind in (SessionSettings, CookieSettings, URLSettings, HTTPSettings):
        with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
            kind.model_validate({"max_agee": 1})
    assert "Extra inputs are not permitted" in refusal(secrets=[SECRET])
