"""`Auth`: an application's settings, store, providers and hooks, put together."""

import inspect
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from functools import cached_property
from typing import Annotated, Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.requests import HTTPConnection
from starlette.responses import Response

from auth.core.capabilities import Capabilities
from auth.core.client import AuthClient
from auth.core.context import AuthContext, RegisteredProvider
from auth.core.dependencies import CookieSecurity, Dependencies
from auth.core.edge import http_errors
from auth.core.exceptions import ConfigurationError
from auth.core.flow import FlowCookies
from auth.core.hooks import HookRunner, Hooks
from auth.core.linking import LinkingPolicy
from auth.core.origin import OriginPolicy
from auth.core.routes import build_router
from auth.core.settings import ROUTES_PATH, AuthSettings
from auth.providers.context import ProviderContext, ProviderSettingsProtocol
from auth.providers.http import ProviderHTTP
from auth.providers.protocols import ProviderProtocol
from auth.session.cookie import SessionCookie
from auth.session.identity_cookie import IdentityCookie
from auth.session.manager import SessionManager
from auth.utils.clock import Clock, utc_now
from auth.utils.urls import parse_origin, split_url
from auth.utils.vault import Vault
from proto import (
    AccountProtocol,
    AdapterProtocol,
    DatabaseProtocol,
    DBConnection,
    Identity,
    OAuthStateProtocol,
    SessionProtocol,
    UserProtocol,
)

_PROVIDER_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class Auth[
    UserT: UserProtocol[Any],
    AccountT: AccountProtocol,
    SessionT: SessionProtocol,
    OAuthStateT: OAuthStateProtocol,
]:
    """Sign-in, sessions and accounts for a FastAPI application.

    `app.include_router(auth.router)` adds the routes under `/auth`. `Depends(auth.user)`, `Depends(auth.session)`,
    `Depends(auth.optional_user)` and `Security(auth.user, scopes=[...])` say who is calling; `Depends(auth)` gives a
    route its `AuthClient`. In one request all of them share one look-up, and the application's own database session.

    Args:
        settings: what to know; see `AuthSettings`.
        adapter: the store.
        providers: for each id, as it stands in the URLs, the provider's settings or a provider.
        hooks: what the application does when somebody signs up, in, out or leaves.
        db: where connections come from, if not from `adapter.dependency`.
        linking: when a sign-in may join a user who has the same e-mail address.
        is_active: whether a user may be signed in at all; asked at every sign-in and every request.
        clock: what time it is.

    Raises:
        ConfigurationError: there is no database dependency, the adapter lacks a method, a provider's id or settings are
            not acceptable, or a hook is not.
    """

    def __init__(
        self,
        *,
        settings: AuthSettings,
        adapter: AdapterProtocol[UserT, AccountT, SessionT, OAuthStateT],
        providers: Mapping[str, ProviderSettingsProtocol | ProviderProtocol] | None = None,
        hooks: Hooks | None = None,
        db: DatabaseProtocol | None = None,
        linking: LinkingPolicy | None = None,
        is_active: Callable[[UserT], bool] | None = None,
        clock: Clock = utc_now,
    ) -> None:
        _check_adapter(adapter)
        self.settings = settings
        self.adapter = adapter
        context = AuthContext[UserT, AccountT, SessionT, OAuthStateT](
            settings=settings,
            adapter=adapter,
            capabilities=Capabilities[UserT, AccountT, SessionT].of(adapter),
            sessions=SessionManager(
                adapter,
                settings.session.max_age,
                settings.session.update_age,
                absolute_max_age=settings.session.absolute_max_age,
                clock=clock,
            ),
            hooks=HookRunner(hooks),
            providers=_register(settings, providers or {}, clock),
            session_cookie=_session_cookie(settings),
            flow_cookies=FlowCookies(settings, clock),
            redirects=settings.redirects,
            origins=OriginPolicy(
                settings.origin,
                [parse_origin(one) for one in settings.trusted_origins],
                strict=settings.csrf_strict,
            ),
            linking=linking or LinkingPolicy(),
            vault=Vault(settings.secrets),
            clock=clock,
            is_active=is_active,
            identity_cookie=_identity_cookie(settings, clock),
        )
        self._context = context
        self._dependencies = Dependencies(context, _database(adapter, db), own_database=db is None)
        # FastAPI reads this instead of the signature of __call__, which cannot know the client's dependency
        self.__signature__ = inspect.Signature(
            [
                _parameter("connection", HTTPConnection),
                _parameter("client", Annotated[Any, Depends(self._dependencies.client)]),
            ],
        )

    async def __call__(
        self,
        connection: HTTPConnection,
        client: AuthClient[UserT, AccountT, SessionT, OAuthStateT],
    ) -> AsyncGenerator[AuthClient[UserT, AccountT, SessionT, OAuthStateT]]:
        """Give a route its `AuthClient`: use it as `Depends(auth)`. Errors that leave the route become HTTP answers."""
        with http_errors(connection):
            yield client

    @cached_property
    def router(self) -> APIRouter:
        """The routes, under `/auth`."""
        return build_router(self._context, self._dependencies)

    @property
    def user(self) -> CookieSecurity[..., UserT]:
        """The dependency that gives the signed-in user; 401 if nobody is, 403 if a scope of `Security` is lacking."""
        return self._dependencies.user

    @property
    def optional_user(self) -> CookieSecurity[..., UserT | None]:
        """The dependency that gives the signed-in user, or None."""
        return self._dependencies.optional_user

    @property
    def session(self) -> CookieSecurity[..., SessionT]:
        """The dependency that gives the request's session; 401 if there is none."""
        return self._dependencies.session

    @property
    def identity(self) -> CookieSecurity[..., Identity]:
        """The dependency that gives who is calling as a value; faster than `user`, and without a row to change.

        401 if nobody is signed in, 403 if a scope of `Security` is lacking.
        """
        return self._dependencies.identity

    @property
    def same_origin(self) -> Callable[..., Any]:
        """The dependency that lets only the application's own pages change something; 403 `csrf` for other sites."""
        return self._dependencies.same_origin

    @property
    def sessions(self) -> SessionManager[UserT, SessionT]:
        """The session manager."""
        return self._context.sessions

    @property
    def providers(self) -> Mapping[str, RegisteredProvider]:
        """The providers by id, for sign-in buttons: `{base_url}/auth/provider/{id}/signin`."""
        return self._context.providers

    @property
    def origins(self) -> OriginPolicy:
        """The rule behind `same_origin`."""
        return self._context.origins

    @cached_property
    def cross_site_paths(self) -> frozenset[str]:
        """The paths of the callbacks that providers answer by POST, from their own site."""
        posting = (registered for registered in self._context.providers.values() if registered.answers_by_post)
        return frozenset(urlsplit(registered.redirect_uri).path for registered in posting)

    def fresh(self, max_age: int) -> CookieSecurity[..., UserT]:
        """Return a dependency that gives the user if the sign-in was at most `max_age` seconds ago.

        Older than that: 403 `reauthentication_required`.
        """
        return self._dependencies.fresh(max_age)

    def client(self, db: DBConnection) -> AuthClient[UserT, AccountT, SessionT, OAuthStateT]:
        """Return a client over `db`, for scripts and background work."""
        return AuthClient(self._context, db)

    def session_cookie(self, session: SessionT | UUID) -> str:
        """Return the value of the session cookie for a session, for tests and sign-in of the application's own."""
        return self._context.session_cookie.value(_session_id(session))

    def set_session_cookie(self, response: Response, session: SessionT | UUID) -> None:
        """Make `response` sign the browser in with a session."""
        self._context.session_cookie.set(response, _session_id(session))

    def delete_session_cookie(self, response: Response) -> None:
        """Make `response` take the session cookie back."""
        self._context.take_cookies(response)

    @property
    def session_cookie_name(self) -> str:
        """The name of the session cookie, prefix included."""
        return self._context.session_cookie.name


def _parameter(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation)


def _session_id(session: SessionProtocol | UUID) -> UUID:
    return session if isinstance(session, UUID) else session.id


def _check_adapter(adapter: object) -> None:
    if not isinstance(adapter, AdapterProtocol):
        names = (name for name in vars(AdapterProtocol) if not name.startswith("_"))
        missing = ", ".join(name for name in names if not callable(getattr(adapter, name, None)))
        raise ConfigurationError(f"the adapter lacks methods of proto.AdapterProtocol: {missing}")


def _database(adapter: object, db: DatabaseProtocol | None) -> DatabaseProtocol:
    chosen: Any = adapter if db is None else db
    if getattr(chosen, "dependency", None) is None:
        raise ConfigurationError("no database: pass db= to Auth (anything with a dependency), or to the adapter")
    return chosen


def _identity_cookie(settings: AuthSettings, clock: Clock) -> IdentityCookie | None:
    if not settings.session.cookie_cache:
        return None
    prefix = "__Host-" if settings.cookie.host_prefix else ""
    return IdentityCookie(
        name=f"{prefix}{settings.cookie.name}_identity",
        secrets=settings.secrets,
        secure=settings.secure_cookies,
        same_site=settings.cookie.same_site,
        max_age=settings.session.cookie_cache,
        clock=clock,
    )


def _session_cookie(settings: AuthSettings) -> SessionCookie:
    prefix = "__Host-" if settings.cookie.host_prefix else ""
    return SessionCookie(
        name=f"{prefix}{settings.cookie.name}",
        secrets=settings.secrets,
        secure=settings.secure_cookies,
        max_age=settings.session.absolute_max_age,
        same_site=settings.cookie.same_site,
        domain=settings.cookie.domain,
    )


def _register(
    settings: AuthSettings,
    providers: Mapping[str, ProviderSettingsProtocol | ProviderProtocol],
    clock: Clock,
) -> dict[str, RegisteredProvider]:
    http = ProviderHTTP(settings.http, loopback=settings.origin.is_loopback)
    registered: dict[str, RegisteredProvider] = {}
    for provider_id, given in providers.items():
        if not _PROVIDER_ID.fullmatch(provider_id):
            raise ConfigurationError(f"expected a provider's id of a-z, 0-9, - and _, not {provider_id!r}")
        provider = (
            given.make_provider(ProviderContext(provider_id=provider_id, http=http, clock=clock))
            if isinstance(given, ProviderSettingsProtocol)
            else given
        )
        if not _is_provider(provider):
            raise ConfigurationError(
                f"provider {provider_id!r}: expected its settings, or an auth.providers.ProviderProtocol"
            )
        redirect_uri = getattr(given, "redirect_uri", None)
        registered[provider_id] = RegisteredProvider(
            id=provider_id,
            provider=provider,
            redirect_uri=_redirect_uri(settings, provider_id, redirect_uri),
            label=getattr(given, "label", None) or provider_id,
            answers_by_post=getattr(provider, "answers_by_post", False),
        )
    return registered


def _is_provider(value: object) -> bool:
    return isinstance(value, ProviderProtocol)


def _redirect_uri(settings: AuthSettings, provider_id: str, given: str | None) -> str:
    if given is None:
        return f"{settings.base_url}{ROUTES_PATH}/provider/{provider_id}/callback"
    try:
        origin, _ = split_url(given)
    except ValueError as error:
        raise ConfigurationError(f"provider {provider_id!r}: redirect_uri: {error}") from error
    if origin.scheme == "http" and not origin.is_loopback:
        raise ConfigurationError(f"provider {provider_id!r}: redirect_uri: expected https")
    return given
