"""Which kind of database is asked for, and what the arguments for it are."""

from collections.abc import Collection, Mapping
from typing import Any, Literal, cast

from pydantic import BaseModel, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from belgie.alchemy.refusal import refuse, unknown
from belgie.alchemy.url import parse_url

type Kind = Literal["postgres", "sqlite"]

_TITLE = "DatabaseSettings"
_KINDS: tuple[Kind, ...] = ("postgres", "sqlite")


class _Hints(BaseSettings):
    """What the environment says about the kind, in the sources that the settings themselves would read."""

    model_config = SettingsConfigDict(env_prefix="BELGIE_DATABASE_", extra="ignore", hide_input_in_errors=True)

    type: str | None = None
    url: SecretStr | None = None
    host: str | None = None


def select_kind(values: Mapping[str, Any]) -> Kind:
    """Return the kind of database that arguments and environment ask for.

    Raises:
        ValidationError: The type is neither of the two, or the URL has another scheme.
    """
    if values.get("type") is not None:
        return _kind(values["type"])
    if url := values.get("url"):
        return parts_of(_TITLE, url)["type"]
    sources = {name: value for name, value in values.items() if name.startswith("_")}
    hints = _Hints(**sources)
    if hints.type is not None:
        return _kind(hints.type)
    if hints.url is not None and hints.url.get_secret_value():
        return parts_of(_TITLE, hints.url)["type"]
    if hints.host:
        prefix = str(sources.get("_env_prefix", "BELGIE_DATABASE_")).upper()
        message = f"{prefix}HOST is set: set {prefix}TYPE=postgres too, or unset the host to use SQLite"
        raise refuse(_TITLE, [(("type",), "missing", message)])
    return "sqlite"


def arguments(model: type[BaseModel], kinds: Collection[type[BaseModel]], values: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments for `model`, with the URL among them taken apart.

    Raises:
        ValidationError: A name is no field of the model, or the URL cannot be used for it.
    """
    kind = model.model_fields["type"].default
    given = {"type": kind, **values}
    refusals = [
        unknown(name, model, kinds) for name in given if name not in model.model_fields and not name.startswith("_")
    ]
    if refusals:
        raise refuse(model.__name__, refusals)
    if not (url := given.get("url")):
        return given
    parts = parts_of(model.__name__, url)
    if parts.pop("type") != kind:
        message = f"The URL is of another kind than type={kind!r}"
        raise refuse(model.__name__, [(("url",), "database_url", message)])
    return {**parts, **given}


def parts_of(title: str, url: str | SecretStr) -> dict[str, Any]:
    """Return the settings in a URL.

    Raises:
        ValidationError: The URL cannot be understood, or asks for what the driver cannot do.
    """
    try:
        return parse_url(url.get_secret_value() if isinstance(url, SecretStr) else url)
    except ValueError as error:
        message = str(error)
    raise refuse(title, [(("url",), "database_url", message)])


def mapping(title: str, value: object) -> dict[str, Any]:
    """Return settings that were given as a mapping or as a URL.

    Raises:
        ValidationError: It is neither.
    """
    if isinstance(value, str | SecretStr):
        return {"url": value}
    if isinstance(value, Mapping):
        found = cast("Mapping[object, Any]", value)
        if all(isinstance(name, str) for name in found):
            return dict(cast("Mapping[str, Any]", found))
    message = "Input should be the settings as a mapping, a database URL, or a DatabaseSettings object"
    raise refuse(title, [((), "database_settings", message)])


def _kind(value: object) -> Kind:
    for kind in _KINDS:
        if value == kind:
            return kind
    raise refuse(
        _TITLE, [(("type",), "database_type", "Input should be 'postgres' or 'sqlite' (type=, BELGIE_DATABASE_TYPE)")]
    )
