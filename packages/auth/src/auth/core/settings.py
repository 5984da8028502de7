"""What an application decides about sign-in and sessions."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, Self, cast

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from auth.utils.crypto import MINIMUM_SECRET_BYTES, SECRET_COMMAND
from auth.utils.env import EnvironmentSettings
from auth.utils.secret_fields import SeveralSecrets
from auth.utils.urls import Origin, RedirectPolicy, parse_origin, split_url

_DAY: Final = 24 * 3600

#: The path below `base_url` at which the router of `Auth` stands.
ROUTES_PATH: Final = "/auth"


class SessionSettings(EnvironmentSettings):
    """How long a session lives; `BELGIE_SESSION_*`.

    Attributes:
        max_age: seconds that a session lives without being used (7 days).
        update_age: seconds between two writes of a session in use, at the least (1 day).
        absolute_max_age: seconds that a session lives however much it is used (30 days).
        cookie_cache: seconds for which `auth.identity` believes a signed cookie instead of asking the store; 0 is off.
            For so long, a session that was ended elsewhere still counts, and so do scopes that were taken away.
    """

    model_config = SettingsConfigDict(env_prefix="BELGIE_SESSION_")

    max_age: int = Field(default=7 * _DAY, gt=0)
    update_age: int = Field(default=_DAY, ge=0)
    absolute_max_age: int = Field(default=30 * _DAY, gt=0)
    cookie_cache: int = Field(default=0, ge=0, le=3600)

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.absolute_max_age < self.max_age:
            raise ValueError("expected absolute_max_age to be at least max_age")
        return self


class CookieSettings(EnvironmentSettings):
    """The session cookie; `BELGIE_COOKIE_*`. It is HttpOnly always, and Secure unless `base_url` is http on loopback.

    Attributes:
        name: the cookie's name, without a prefix.
        same_site: `lax` sends it with links from other sites, `strict` does not.
        host_prefix: put `__Host-` before the name, so that no sub-domain can set it (needs https).
        domain: share the cookie with the sub-domains of this domain; without it, it is this host's alone.
    """

    model_config = SettingsConfigDict(env_prefix="BELGIE_COOKIE_")

    name: str = Field(default="belgie_session", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    same_site: Literal["lax", "strict"] = "lax"
    host_prefix: bool = False
    domain: str | None = Field(default=None, pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")

    @model_validator(mode="after")
    def _check_prefix(self) -> Self:
        if self.host_prefix and self.domain is not None:
            raise ValueError("expected host_prefix or domain, not both: a __Host- cookie belongs to one host")
        return self


class URLSettings(EnvironmentSettings):
    """Where the browser goes; `BELGIE_URLS_*`. Each is a path, or an absolute URL at a trusted origin.

    Attributes:
        signin_redirect: after a sign-in that named no way back.
        signup_redirect: after a first sign-in that named no way back; `signin_redirect` if not set.
        signout_redirect: after a sign-out.
        error_redirect: after a sign-in that failed, with `?error=code`; without it the answer is JSON.
    """

    model_config = SettingsConfigDict(env_prefix="BELGIE_URLS_")

    signin_redirect: str = "/"
    signup_redirect: str | None = None
    signout_redirect: str = "/"
    error_redirect: str | None = None


class HTTPSettings(EnvironmentSettings):
    """Requests to providers; `BELGIE_HTTP_*`.

    Attributes:
        timeout: seconds for one request, from the name's look-up to the last byte of the answer.
        max_body: bytes of an answer, after decompression.
        ca_file: a PEM file of certificate authorities to trust instead of the public ones.
        allow_private_networks: let a provider resolve to an address that is not public, such as 10.0.0.7. Whoever can
            name a provider can then make this server send requests into its own network.
    """

    model_config = SettingsConfigDict(env_prefix="BELGIE_HTTP_")

    timeout: float = Field(default=10.0, gt=0, le=120)
    max_body: int = Field(default=1024 * 1024, ge=1024)
    ca_file: Path | None = None
    allow_private_networks: bool = False


class AuthSettings(EnvironmentSettings):
    """Everything that `Auth` needs to know; `BELGIE_*`.

    Attributes:
        secret: at least 32 bytes of randomness, or several for rotation: the first signs, all verify.
        base_url: where browsers find the application, such as `https://app.example`. It is never taken from a request.
        session: how long sessions live.
        cookie: the session cookie.
        urls: where the browser goes.
        http: requests to providers.
        trusted_origins: further origins that may send requests which change something, and that may be redirected to.
        state_max_age: seconds that a user has between the sign-in button and the provider's answer.
        csrf_strict: also refuse unsafe requests that name no source at all, as no browser sends them.
        trusted_proxies: how many proxies stand before the application and append to `X-Forwarded-For`.
        provider_tokens: keep the providers' tokens in the store, `encrypt`ed under `secret`, or `discard` them.
    """

    model_config = SettingsConfigDict(env_prefix="BELGIE_")

    secret: SeveralSecrets = Field(default=...)
    base_url: str = Field(default=...)
    session: SessionSettings = Field(default_factory=SessionSettings)
    cookie: CookieSettings = Field(default_factory=CookieSettings)
    urls: URLSettings = Field(default_factory=URLSettings)
    http: HTTPSettings = Field(default_factory=HTTPSettings)
    trusted_origins: tuple[str, ...] = ()
    state_max_age: int = Field(default=600, ge=30, le=3600)
    csrf_strict: bool = False
    trusted_proxies: int = Field(default=0, ge=0, le=16)
    provider_tokens: Literal["discard", "encrypt"] = "discard"

    @field_validator("secret", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        if isinstance(value, str) and value.lstrip().startswith("["):
            return cls._parse_secrets(value)
        if isinstance(value, str | SecretStr):
            return (value,)
        return tuple(cast("Sequence[Any]", value)) if isinstance(value, list | tuple) else value

    @staticmethod
    def _parse_secrets(text: str) -> tuple[str, ...]:
        try:
            return tuple(json.loads(text))
        except ValueError:
            raise ValueError("expected one secret, or a JSON list of them") from None

    @field_validator("secret")
    @classmethod
    def _check_secrets(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not value or any(len(one.get_secret_value().encode()) < MINIMUM_SECRET_BYTES for one in value):
            raise ValueError(
                f"expected at least {MINIMUM_SECRET_BYTES} bytes of randomness; make them with: {SECRET_COMMAND}"
            )
        return value

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, value: str) -> str:
        origin, rest = split_url(value)
        if "?" in rest or "#" in rest:
            raise ValueError("expected no query and no fragment")
        if origin.scheme == "http" and not origin.is_loopback:
            raise ValueError("expected https; plain http only with a loopback host, for development")
        return value.rstrip("/")

    @field_validator("trusted_origins")
    @classmethod
    def _check_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(parse_origin(one)) for one in value)

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.cookie.host_prefix and not self.secure_cookies:
            raise ValueError("expected base_url to be https: browsers refuse a __Host- cookie without it")
        for name in ("signin_redirect", "signup_redirect", "signout_redirect", "error_redirect"):
            target: str | None = getattr(self.urls, name)
            if target is not None and not self.redirects.is_allowed(target):
                message = (
                    f"expected urls.{name} to be a path such as /welcome, or a URL at base_url or a trusted origin"
                )
                raise ValueError(message)
        return self

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets as text, the signing one first."""
        return tuple(one.get_secret_value() for one in self.secret)

    @property
    def origin(self) -> Origin:
        """The application's own origin."""
        return split_url(self.base_url)[0]

    @property
    def base_path(self) -> str:
        """The path of `base_url`: empty, or such as `/api`."""
        return split_url(self.base_url)[1]

    @property
    def secure_cookies(self) -> bool:
        """Whether cookies are sent over https only."""
        return self.origin.scheme == "https"

    @property
    def redirects(self) -> RedirectPolicy:
        """Where a browser may be sent."""
        trusted = (parse_origin(one) for one in self.trusted_origins)
        return RedirectPolicy(self.origin, trusted, f"{self.base_path}{ROUTES_PATH}".lower())
