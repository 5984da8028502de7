"""Who is calling, as a value: without rows, and without the request's database session where the adapter can."""

from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from fastapi.security import SecurityScopes
from starlette.requests import HTTPConnection
from starlette.responses import Response

from auth.core.client import AuthClient
from auth.core.context import AuthContext
from auth.core.exceptions import AuthenticationError, AuthorizationError
from auth.utils.clock import as_utc
from auth.utils.scopes import validate_scopes
from proto import (
    AccountProtocol,
    DatabaseProtocol,
    Identity,
    OAuthStateProtocol,
    SessionProtocol,
    UserProtocol,
)


class Identities[
    UserT: UserProtocol[Any],
    AccountT: AccountProtocol,
    SessionT: SessionProtocol,
    OAuthStateT: OAuthStateProtocol,
]:
    """Finds out who is calling.

    Args:
        context: the parts of `Auth`.
        database: where a connection comes from when a session is to be extended or removed.
    """

    def __init__(
        self,
        context: AuthContext[UserT, AccountT, SessionT, OAuthStateT],
        database: DatabaseProtocol,
    ) -> None:
        self._context = context
        self._open = asynccontextmanager(database.dependency)

    async def get(
        self,
        security_scopes: SecurityScopes,
        connection: HTTPConnection,
        response: Response,
        client: AuthClient[UserT, AccountT, SessionT, OAuthStateT] | None = None,
    ) -> Identity:
        """Return who is calling.

        Args:
            security_scopes: the scopes that the route needs.
            connection: the request.
            response: what the cookie cache may be written into.
            client: the request's client, where the adapter cannot tell over a connection of its own.

        Raises:
            AuthenticationError: nobody is signed in.
            AuthorizationError: a scope is lacking.
        """
        identity = await self._find(connection, response, client)
        if identity is None:
            raise AuthenticationError("nobody is signed in")
        if not validate_scopes(identity.scopes, security_scopes.scopes):
            raise AuthorizationError("the user lacks a scope that the route needs")
        return identity

    async def _find(
        self,
        connection: HTTPConnection,
        response: Response,
        client: AuthClient[UserT, AccountT, SessionT, OAuthStateT] | None,
    ) -> Identity | None:
        if connection.scope["type"] == "websocket":
            self._context.origins.check(connection)
        session_id = self._context.session_cookie.read(connection)
        if session_id is None:
            return None
        cookie = self._context.identity_cookie
        cached = cookie.read(connection, session_id) if cookie is not None else None
        if cached is not None:
            return cached
        if client is None:
            identity = await self._ask(session_id)
        else:
            found = await client.find(connection)
            identity = None if found is None else _identity_of(*found)
        if identity is not None and cookie is not None:
            cookie.set(response, identity)
        return identity

    async def _ask(self, session_id: UUID) -> Identity | None:
        adapter, sessions = self._context.capabilities.identities, self._context.sessions
        identity = None if adapter is None else await adapter.get_identity(session_id)
        if identity is None or sessions.goes_on_unchanged(identity.created_at, identity.expires_at):
            return identity
        async with self._open() as db:
            found = await sessions.get_session_and_user(db, session_id)
        return None if found is None else _identity_of(*found)


def _identity_of(session: SessionProtocol, user: UserProtocol[Any]) -> Identity:
    return Identity(
        user_id=user.id,
        email=user.email,
        email_verified=user.email_verified,
        scopes=tuple(str(scope) for scope in user.scopes or ()),
        session_id=session.id,
        created_at=as_utc(session.created_at),
        expires_at=as_utc(session.expires_at),
    )
