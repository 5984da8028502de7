"""The FastAPI dependencies of one `Auth`."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Response
from fastapi.openapi.models import APIKey, APIKeyIn
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from auth.core.client import AuthClient
from auth.core.context import AuthContext
from auth.core.edge import http_errors
from auth.core.identity import Identities
from proto import (
    AccountProtocol,
    DatabaseProtocol,
    DBConnection,
    Identity,
    OAuthStateProtocol,
    SessionProtocol,
    UserProtocol,
)


class CookieSecurity[**P, T](SecurityBase):
    """A dependency that shows in the OpenAPI description as what it is: an API key in a cookie."""

    def __init__(self, call: Callable[P, Awaitable[T]], cookie_name: str) -> None:
        # FastAPI reads the one, Python the other; both are the call's own
        self.__signature__ = inspect.signature(call)
        self.model = APIKey.model_validate({"in": APIKeyIn.cookie, "name": cookie_name})
        self.scheme_name = "belgie_session"
        self._call = call

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the dependency gives."""
        return await self._call(*args, **kwargs)


class Dependencies[
    UserT: UserProtocol[Any],
    AccountT: AccountProtocol,
    SessionT: SessionProtocol,
    OAuthStateT: OAuthStateProtocol,
]:
    """The dependencies over one context and one database.

    All of them share one `AuthClient` a request, and with it one look-up of the session.
    """

    def __init__(
        self,
        context: AuthContext[UserT, AccountT, SessionT, OAuthStateT],
        database: DatabaseProtocol,
        *,
        own_database: bool,
    ) -> None:
        cookie_name = context.session_cookie.name

        async def client(
            connection: HTTPConnection, db: Annotated[DBConnection, Depends(database.dependency)]
        ) -> AuthClient[UserT, AccountT, SessionT, OAuthStateT]:
            return AuthClient(context, db, connection)

        async def user(
            connection: HTTPConnection,
            security_scopes: SecurityScopes,
            client: Annotated[AuthClient[UserT, AccountT, SessionT, OAuthStateT], Depends(client)],
        ) -> UserT:
            with http_errors(connection):
                return await client.get_user(security_scopes, connection)

        async def optional_user(
            connection: HTTPConnection,
            client: Annotated[AuthClient[UserT, AccountT, SessionT, OAuthStateT], Depends(client)],
        ) -> UserT | None:
            with http_errors(connection):
                found = await client.find(connection)
                return None if found is None else found[1]

        async def session(
            connection: HTTPConnection,
            client: Annotated[AuthClient[UserT, AccountT, SessionT, OAuthStateT], Depends(client)],
        ) -> SessionT:
            with http_errors(connection):
                return await client.get_session(connection)

        identities = Identities(context, database)

        async def identity(
            connection: HTTPConnection,
            response: Response,
            security_scopes: SecurityScopes,
        ) -> Identity:
            with http_errors(connection):
                return await identities.get(security_scopes, connection, response)

        async def identity_of_client(
            connection: HTTPConnection,
            response: Response,
            security_scopes: SecurityScopes,
            client: Annotated[AuthClient[UserT, AccountT, SessionT, OAuthStateT], Depends(client)],
        ) -> Identity:
            with http_errors(connection):
                return await identities.get(security_scopes, connection, response, client)

        async def same_origin(connection: HTTPConnection) -> None:
            with http_errors(connection):
                context.origins.check(connection)

        def fresh(max_age: int) -> CookieSecurity[..., UserT]:
            async def fresh_user(
                connection: HTTPConnection,
                client: Annotated[AuthClient[UserT, AccountT, SessionT, OAuthStateT], Depends(client)],
            ) -> UserT:
                with http_errors(connection):
                    return await client.require_fresh(connection, max_age)

            return CookieSecurity(fresh_user, cookie_name)

        self.client = client
        self.user = CookieSecurity(user, cookie_name)
        self.optional_user = CookieSecurity(optional_user, cookie_name)
        self.session = CookieSecurity(session, cookie_name)
        # Without a row to look at, and without a connection of the request: only if nobody has a say in either.
        alone = own_database and context.capabilities.identities is not None and context.is_active is None
        self.identity: CookieSecurity[..., Identity] = (
            CookieSecurity(identity, cookie_name) if alone else CookieSecurity(identity_of_client, cookie_name)
        )
        self.same_origin = same_origin
        self.fresh = fresh
