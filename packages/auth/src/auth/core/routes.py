"""The router of `Auth`: the routes that the application's adapter can serve."""

from typing import Any

from fastapi import APIRouter

from auth.core.account_routes import add_account_routes
from auth.core.context import AuthContext
from auth.core.dependencies import Dependencies
from auth.core.edge import AuthRoute
from auth.core.session_routes import add_session_routes, add_sessions_routes
from auth.core.settings import ROUTES_PATH
from auth.core.signin_routes import add_signin_routes
from proto import AccountProtocol, OAuthStateProtocol, SessionProtocol, UserProtocol


def build_router[
    UserT: UserProtocol[Any],
    AccountT: AccountProtocol,
    SessionT: SessionProtocol,
    OAuthStateT: OAuthStateProtocol,
](
    context: AuthContext[UserT, AccountT, SessionT, OAuthStateT],
    dependencies: Dependencies[UserT, AccountT, SessionT, OAuthStateT],
) -> APIRouter:
    """Return the router, with prefix `/auth`."""
    router = APIRouter(prefix=ROUTES_PATH, tags=["auth"], route_class=AuthRoute)
    add_signin_routes(router, context, dependencies)
    add_session_routes(router, context, dependencies)
    if context.capabilities.user_sessions is not None:
        add_sessions_routes(router, context, dependencies)
    if context.capabilities.user_accounts is not None:
        add_account_routes(router, dependencies)
    return router
