"""Settings that come from arguments or the environment, with errors that name the variable."""

from typing import Any, Final, LiteralString, NoReturn, Self, cast

from pydantic import ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

_READ_AS_JSON: Final = frozenset({"dict_type", "frozen_set_type", "model_type", "tuple_type"})


class _Variables(EnvSettingsSource):
    """The environment. What should be JSON and is not goes on as text, so that validation refuses it by name."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Return the value of a variable that holds JSON, or the text as it is."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


class EnvironmentSettings(BaseSettings):
    """Settings whose validation errors name the field and its environment variable, and never repeat the input.

    Pydantic prints the input of what it refuses, and of a whole model that lacks a field; here that could be a secret.
    Such settings cannot be pickled: a pickle holds every secret in the clear.
    """

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True)

    @model_validator(mode="wrap")
    @classmethod
    def _name_variables(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(data)
        except ValidationError as error:
            lines = [cls._with_variable(line["loc"], line["type"], line["msg"]) for line in error.errors()]
        raise ValidationError.from_exception_data(cls.__name__, lines, hide_input=True) from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003  ours takes its place
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment by our own source."""
        return init_settings, _Variables(settings_cls), dotenv_settings, file_secret_settings

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled."""
        raise TypeError(f"{type(self).__name__} may hold secrets and cannot be pickled: make it where it is needed")

    @classmethod
    def _with_variable(cls, location: tuple[int | str, ...], kind: str, message: str) -> InitErrorDetails:
        name = str(location[0]) if location else ""
        if name in cls.model_fields and "environment variable" not in message:
            variable = f"{cls.model_config.get('env_prefix', '')}{name}".upper()
            message = f"{message} (environment variable {variable}{', as JSON' if kind in _READ_AS_JSON else ''})"
        custom = PydanticCustomError(cast("LiteralString", kind), "{text}", {"text": message})
        return InitErrorDetails(type=custom, loc=location, input=None)
