"""The routes of sessions: who am I, where am I signed in, sign out."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response, status

from auth.core.client import AuthClient
from auth.core.context import AuthContext
from auth.core.dependencies import Dependencies
from auth.core.edge import http_errors, see_other
from auth.core.exceptions import NotFoundError
from auth.core.views import RevokedView, SessionView, SignedInView, UserView
from proto import AccountProtocol, OAuthStateProtocol, SessionProtocol, UserProtocol


def add_session_routes[
    UserT: UserProtocol[Any],
    AccountT: AccountProtocol,
    SessionT: SessionProtocol,
    OAuthStateT: OAuthStateProtocol,
](
    router: APIRouter,
    context: AuthContext[UserT, AccountT, SessionT, OAuthStateT],
    dependencies: Dependencies[UserT, AccountT, SessionT, OAuthStateT],
) -> None:
    """Add `GET /session` and `POST /signout`."""

    @router.get("/session")
    async def who_am_i(
        user: Annotated[UserT, Depends(dependencies.user)],
        session: Annotated[SessionT, Depends(dependencies.session)],
    ) -> SignedInView:
        """Return who is signed in."""
        return SignedInView(user=UserView.of(user), session=SessionView.of(session, current=session.id))

    @router.post(
        "/signout",
        status_code=status.HTTP_303_SEE_OTHER,
        response_class=Response,
        dependencies=[Depends(dependencies.same_origin)],
    )
    async def sign_out(
        request: Request,
        client: Annotated[AuthClient[UserT, AccountT, SessionT, OAuthStateT], Depends(dependencies.client)],
    ) -> Response:
        """End the session, if there is one, and take the cookie back."""
        session_id = context.session_cookie.read(request)
        if session_id is not None:
            with http_errors(request):
                await client.sign_out(session_id)
        response = see_other(context.settings.urls.signout_redirect)
        context.take_cookies(response)
        return response


def add_sessions_routes[
    UserT: UserProtocol[Any],
    AccountT: AccountProtocol,
    SessionT: SessionProtocol,
    OAuthStateT: OAuthStateProtocol,
](
    router: APIRouter,
    context: AuthContext[UserT, AccountT, SessionT, OAuthStateT],
    dependencies: Dependencies[UserT, AccountT, SessionT, OAuthStateT],
) -> None:
    """Add `GET /sessions`, `DELETE /sessions/{id}` and `DELETE /sessions`."""
    own_pages_only = [Depends(dependencies.same_origin)]

    @router.get("/sessions")
    async def list_sessions(
        request: Request,
        client: Annotated[AuthClient[UserT, AccountT, SessionT, OAuthStateT], Depends(dependencies.client)],
        user: Annotated[UserT, Depends(dependencies.user)],
        session: Annotated[SessionT, Depends(dependencies.session)],
    ) -> list[SessionView]:
        """Return where the user is signed in, the newest first."""
        with http_errors(request):
            return [SessionView.of(one, current=session.id) for one in await client.list_sessions(user)]

    @router.delete(
        "/sessions/{session_id}",
        status_code=status.HTTP_204_NO_CONTENT,
        dependencies=own_pages_only,
    )
    async def revoke_session(  # noqa: PLR0917  FastAPI passes them by name
        session_id: str,
        request: Request,
        response: Response,
        client: Annotated[AuthClient[UserT, AccountT, SessionT, OAuthStateT], Depends(dependencies.client)],
        user: Annotated[UserT, Depends(dependencies.user)],
        session: Annotated[SessionT, Depends(dependencies.session)],
    ) -> None:
        """End one of the user's sessions."""
        with http_errors(request):
            wanted = _parse_id(session_id)
            await client.revoke_session(user, wanted)
        if wanted == session.id:
            context.take_cookies(response)

    @router.delete("/sessions", dependencies=own_pages_only)
    async def revoke_other_sessions(
        request: Request,
        client: Annotated[AuthClient[UserT, AccountT, SessionT, OAuthStateT], Depends(dependencies.client)],
        user: Annotated[UserT, Depends(dependencies.user)],
        session: Annotated[SessionT, Depends(dependencies.session)],
    ) -> RevokedView:
        """End all of the user's sessions but this one."""
        with http_errors(request):
            return RevokedView(revoked=await client.revoke_sessions(user, keep=session.id))


def _parse_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFoundError("the user has no such session") from None
