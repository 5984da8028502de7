"""What the application is to a provider: the settings that every provider has."""

import json
import re
from typing import Annotated, Any, Final, cast

from pydantic import AfterValidator, Field, field_validator
from pydantic_settings import NoDecode

from auth.providers.token_requests import ClientAuthentication
from auth.utils.env import EnvironmentSettings
from auth.utils.scopes import parse_scopes
from auth.utils.secret_fields import NO_SECRET, OptionalSecret
from auth.utils.urls import split_url


def check_base_url(value: str) -> str:
    """Return `value` without a closing slash if addresses can be made by appending to it.

    Raises:
        ValueError: it is no absolute URL, or has a query or fragment.
    """
    _, rest = split_url(value)
    if "?" in rest or "#" in rest:
        raise ValueError("expected a URL without query and fragment")
    return value.rstrip("/")


type BaseURL = Annotated[str, AfterValidator(check_base_url)]
ScopeNames = Annotated[tuple[str, ...], NoDecode]  # no `type` alias: pydantic-settings does not look into one

_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749, section 3.3
_RESERVED: Final = frozenset(
    {
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
    },
)


class ClientSettings(EnvironmentSettings):
    """The application as a provider knows it; the base of all providers' settings.

    Attributes:
        client_id: as the provider registered the application.
        client_secret: the same; None for a public client.
        scopes: what to ask for; in the environment separated by blanks.
        redirect_uri: where the provider sends the browser back; None for the route of `Auth`.
        token_endpoint_auth_method: how the client shows its secret; None for what the provider is known to take.
        authorization_parameters: more parameters for the authorization URL, such as `{"prompt": "login"}`.
        label: the name on a sign-in button; None for the provider's id.
    """

    client_id: str = Field(default=..., min_length=1)
    client_secret: OptionalSecret = Field(default=NO_SECRET)
    scopes: ScopeNames = ()
    redirect_uri: str | None = None
    token_endpoint_auth_method: ClientAuthentication | None = None
    authorization_parameters: dict[str, str] = Field(default_factory=dict)
    label: str | None = None

    @field_validator("scopes", mode="before")
    @classmethod
    def _split_scopes(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if not value.lstrip().startswith("["):
            return tuple(parse_scopes(value))
        try:
            return tuple(cast("list[Any]", json.loads(value)))
        except ValueError:
            raise ValueError("expected scopes separated by blanks, or a JSON list of them") from None

    @field_validator("scopes")
    @classmethod
    def _check_scopes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_SCOPE.fullmatch(scope) for scope in value):
            raise ValueError("expected scopes of printable ASCII without blanks, quotes and backslashes")
        return value

    @field_validator("authorization_parameters")
    @classmethod
    def _check_parameters(cls, value: dict[str, str]) -> dict[str, str]:
        if taken := _RESERVED & set(value):
            raise ValueError(f"expected no parameter that belgie sets itself: {', '.join(sorted(taken))}")
        return value

    def secret(self) -> str | None:
        """Return the client secret as text."""
        return self.client_secret.get_secret_value() if self.client_secret is not None else None

    def extra_parameters(self) -> dict[str, str]:
        """Return the parameters of the authorization URL that are not the flow's own."""
        return self.authorization_parameters
