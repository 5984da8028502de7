"""Settings that come from arguments or the environment, with errors that name the variable."""

from typing import Any, LiteralString, Self, cast

from pydantic import ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict


class EnvironmentSettings(BaseSettings):
    """Settings whose validation errors name the field and its environment variable, and never repeat the input.

    Pydantic prints the input of what it refuses, and of a whole model that lacks a field; here that could be a secret.
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
    def _with_variable(cls, location: tuple[int | str, ...], kind: str, message: str) -> InitErrorDetails:
        name = str(location[0]) if location else ""
        if name in cls.model_fields and "environment variable" not in message:
            variable = f"{cls.model_config.get('env_prefix', '')}{name}".upper()
            message = f"{message} (environment variable {variable})"
        custom = PydanticCustomError(cast("LiteralString", kind), "{text}", {"text": message})
        return InitErrorDetails(type=custom, loc=location, input=None)
