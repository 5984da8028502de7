"""The settings that all providers share."""

from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from auth.providers import ClientSettings


class SomeSettings(ClientSettings):
    model_config = SettingsConfigDict(env_prefix="BELGIE_SOME_")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("openid email", ("openid", "email")),
        ("openid,email", ("openid", "email")),
        (" openid  email openid", ("openid", "email")),
        ('["openid", "email"]', ("openid", "email")),
        ("https://www.googleapis.com/auth/drive.readonly", ("https://www.googleapis.com/auth/drive.readonly",)),
        ("", ()),
    ],
)
def test_scopes_in_the_environment_are_words_or_a_json_list(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: tuple[str, ...]
) -> None:
    monkeypatch.setenv("BELGIE_SOME_SCOPES", value)
    assert SomeSettings(client_id="c").scopes == expected


@pytest.mark.parametrize(
    "value", ["[openid", '["open id"]', ["a b"], ["a\n"], [""], ['a"b'], ["a\\b"], ["é"], [7], 7, None], ids=repr
)
def test_what_is_no_scope_is_refused_by_name(value: Any) -> None:
    with pytest.raises(ValidationError, match="BELGIE_SOME_SCOPES"):
        SomeSettings(client_id="c", scopes=value)


@pytest.mark.parametrize(
    "name",
    [
        "response_type",
        "response_mode",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "request",
        "request_uri",
    ],
)
def test_no_parameter_of_the_flow_can_be_set_from_outside(name: str) -> None:
    with pytest.raises(ValidationError, match=f"expected no parameter that belgie sets itself: {name}"):
        SomeSettings(client_id="c", authorization_parameters={name: "x", "prompt": "login"})


def test_further_parameters_can_be_set_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELGIE_SOME_AUTHORIZATION_PARAMETERS", '{"prompt": "login"}')
    assert SomeSettings(client_id="c").extra_parameters() == {"prompt": "login"}


@pytest.mark.parametrize("given", [{"client_id": ""}, {"client_id": "c", "client_secret": ""}], ids=["id", "secret"])
def test_an_empty_id_or_secret_is_none(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="BELGIE_SOME_CLIENT_"):
        SomeSettings(**given)


def test_the_secret_shows_nowhere() -> None:
    settings = SomeSettings(client_id="c", client_secret="not to be seen")
    assert settings.secret() == "not to be seen"
    for shown in (repr(settings), str(settings), settings.model_dump_json(), str(settings.model_dump())):
        assert "not to be seen" not in shown
    assert SomeSettings(client_id="c").secret() is None


def test_an_unknown_setting_is_refused_without_its_value() -> None:
    misspelt: dict[str, Any] = {"client_id": "c", "client_secert": "a typo in the name"}
    with pytest.raises(ValidationError) as caught:
        SomeSettings(**misspelt)
    assert "client_secert" in str(caught.value)
    assert "a typo in the name" not in str(caught.value)
