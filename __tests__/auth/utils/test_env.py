"""Settings from arguments and the environment."""

import copy
import pickle
import traceback
from typing import Any

import pytest
from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict

from auth.utils.env import EnvironmentSettings

CANARY = "canary-secret-value"


class Inner(EnvironmentSettings):
    model_config = SettingsConfigDict(env_prefix="SAMPLE_INNER_")

    size: int = Field(default=1, gt=0)
    token: SecretStr | None = None


class Sample(EnvironmentSettings):
    model_config = SettingsConfigDict(env_prefix="SAMPLE_")

    key: SecretStr
    number: int = 1
    names: tuple[str, ...] = ()
    table: dict[str, str] = Field(default_factory=dict)
    groups: frozenset[str] = frozenset()
    inner: Inner = Field(default_factory=Inner)


class Application(BaseModel):
    """An application's own settings, which hold ours."""

    sample: Sample


def refusal(**arguments: Any) -> ValidationError:
    with pytest.raises(ValidationError) as raised:
        Sample(**arguments)
    return raised.value


def test_a_missing_value_is_told_with_its_variable() -> None:
    error = refusal()
    assert error.errors()[0]["loc"] == ("key",)
    assert "key\n  Field required (environment variable SAMPLE_KEY)" in str(error)


def test_values_come_from_the_environment_and_arguments_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_KEY", CANARY)
    monkeypatch.setenv("SAMPLE_NUMBER", "2")
    monkeypatch.setenv("SAMPLE_NAMES", '["a", "b"]')
    monkeypatch.setenv("SAMPLE_TABLE", '{"a": "b"}')
    monkeypatch.setenv("SAMPLE_INNER_SIZE", "3")
    sample = Sample(number=5)
    assert (sample.number, sample.names, sample.table, sample.inner.size) == (5, ("a", "b"), {"a": "b"}, 3)
    assert sample.key.get_secret_value() == CANARY


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("SAMPLE_NUMBER", "many", "(environment variable SAMPLE_NUMBER)"),
        ("SAMPLE_NAMES", "a,b", "(environment variable SAMPLE_NAMES, as JSON)"),
        ("SAMPLE_NAMES", '["a"', "(environment variable SAMPLE_NAMES, as JSON)"),
        ("SAMPLE_NAMES", "3", "(environment variable SAMPLE_NAMES, as JSON)"),
        ("SAMPLE_TABLE", "a=b", "(environment variable SAMPLE_TABLE, as JSON)"),
        ("SAMPLE_GROUPS", "a", "(environment variable SAMPLE_GROUPS, as JSON)"),
        ("SAMPLE_INNER", "large", "(environment variable SAMPLE_INNER, as JSON)"),
        ("SAMPLE_INNER_SIZE", "large", "(environment variable SAMPLE_INNER_SIZE)"),
        ("SAMPLE_INNER_SIZE", "0", "(environment variable SAMPLE_INNER_SIZE)"),
        ("SAMPLE_INNER", '{"size": 0}', "(environment variable SAMPLE_INNER_SIZE)"),
    ],
)
def test_a_malformed_value_is_told_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert told in str(refusal(key=CANARY))


@pytest.mark.parametrize(
    "arguments",
    [
        {"key": {CANARY: CANARY}},
        {"key": [CANARY]},
        {"number": CANARY},
        {"key": CANARY, "number": CANARY},
        {"key": CANARY, "names": CANARY},
        {"key": CANARY, "names": [{CANARY: 1}]},
        {"key": CANARY, "inner": CANARY},
        {"key": CANARY, "inner": {"size": CANARY, "token": CANARY}},
        {"key": CANARY, "inner": {"size": -1, "token": CANARY}},
        {"key": CANARY, "unknown": CANARY},
    ],
)
def test_no_error_repeats_what_was_given(arguments: dict[str, Any]) -> None:
    error = refusal(**arguments)
    told = [str(error), repr(error), str(error.errors()), error.json(), "".join(traceback.format_exception(error))]
    assert not any(CANARY in text for text in told)
    with pytest.raises(ValidationError) as raised:
        Application.model_validate({"sample": arguments})
    assert CANARY not in str(raised.value)
    assert CANARY not in str(raised.value.errors())


def test_no_chained_error_repeats_what_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_TABLE", CANARY)
    error: BaseException | None = refusal(key=CANARY)
    while error is not None:
        assert CANARY not in f"{error!r}{vars(error)}"
        error = error.__cause__ or error.__context__


def test_an_unknown_name_is_refused() -> None:
    assert "unknown\n  Extra inputs are not permitted" in str(refusal(key=CANARY, unknown=1))


def test_settings_do_not_change() -> None:
    sample = Sample(key=SecretStr(CANARY))
    with pytest.raises(ValidationError, match="frozen"):
        sample.number = 2  # ty: ignore[invalid-assignment]  which is the point


def test_no_way_of_showing_settings_shows_a_secret() -> None:
    sample = Sample(key=SecretStr(CANARY), inner=Inner(token=SecretStr(CANARY)))
    shown = [repr(sample), str(sample), f"{sample}", str(sample.model_dump()), sample.model_dump_json()]
    shown.append(str(Application(sample=sample).model_dump()))
    assert not any(CANARY in text for text in shown)


def test_settings_are_not_pickled_but_copied() -> None:
    sample = Sample(key=SecretStr(CANARY))
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="Sample may hold secrets and cannot be pickled"):
            pickle.dumps(sample, protocol)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(Application(sample=sample))
    assert copy.copy(sample) == copy.deepcopy(sample) == sample.model_copy() == sample
    assert copy.deepcopy(sample).key.get_secret_value() == CANARY
