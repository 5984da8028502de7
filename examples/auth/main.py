"""A small web application with sign-in: what it puts together, and its routes."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Final, cast
from uuid import UUID

from examples.alchemy.auth_models import Account, OAuthState, Session, User
from examples.auth import pages
from fastapi import Depends, FastAPI, HTTPException, Request, Response, Security
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from belgie import (
    AlchemyAdapter,
    Auth,
    AuthClient,
    AuthSettings,
    Base,
    DatabaseRuntime,
    DatabaseSettings,
    HookContext,
    Hooks,
    OIDCProviderSettings,
)

type ExampleAuth = Auth[User, Account, Session, OAuthState]
type ExampleClient = AuthClient[User, Account, Session, OAuthState]

_NOTICES: Final = {
    "access_denied": "You did not agree, so you are not signed in.",
    "account_not_linked": "That address belongs to somebody who signs in another way.",
    "expired_state": "That took too long. Please try again.",
    "provider_unavailable": "The provider does not answer. Please try again later.",
}
_REFUSALS: Final = {
    "insufficient_scope": "You are signed in, but this page is not for you.",
    "not_authenticated": "Please sign in first.",
}


class Me(BaseModel):
    """What `/me` tells."""

    id: UUID
    email: str
    name: str | None
    scopes: list[str]


async def make_the_first_user_an_admin(context: HookContext[User]) -> None:
    """Give the scope `admin` to whoever signs up first; it runs in the transaction that writes the user."""
    session = cast("AsyncSession", context.db)
    if await session.scalar(select(func.count()).select_from(User)) == 1:
        context.user.scopes = ["admin"]


def create_app(
    *, settings: AuthSettings, db: DatabaseSettings, providers: Mapping[str, OIDCProviderSettings]
) -> FastAPI:
    """Return the application.

    Args:
        settings: where it is found, and its secret.
        db: where users and sessions are kept; the tables are made at the start.
        providers: with whom people can sign in, by their names in the URLs.
    """
    db_runtime = DatabaseRuntime(db)
    auth = Auth(
        settings=settings,
        adapter=AlchemyAdapter(user=User, account=Account, session=Session, oauth_state=OAuthState, db=db),
        providers=providers,
        hooks=Hooks(on_signup=make_the_first_user_an_admin),
    )

    app = FastAPI(title="belgie example", lifespan=partial(db_runtime.lifespan, create_all=Base.metadata))
    app.include_router(auth.router)
    app.add_exception_handler(HTTPException, _refuse)
    add_routes(app, auth)
    return app


def add_routes(app: FastAPI, auth: ExampleAuth) -> None:
    """Add the pages, which are for people, and `/me`, which is for programs."""
    buttons = {provider.label: f"/auth/provider/{provider.id}/signin" for provider in auth.providers.values()}

    @app.get("/", response_class=HTMLResponse)
    async def home(
        request: Request, client: Annotated[ExampleClient, Depends(auth)], error: str | None = None
    ) -> Response:
        found = await client.find(request)
        if found is None:
            default = "That did not work. Please try again."
            return pages.sign_in_page(buttons, notice=None if error is None else _NOTICES.get(error, default))
        this, user = found
        person = pages.Person(
            name=user.name, email=user.email, email_verified=user.email_verified, scopes=user.scopes or []
        )
        sessions = await client.list_sessions(user)
        return pages.home_page(person, [_device(session, this.id) for session in sessions])

    @app.get("/me")
    async def me(user: Annotated[User, Depends(auth.user)]) -> Me:
        return Me(id=user.id, email=user.email, name=user.name, scopes=user.scopes or [])

    @app.get("/admin", response_class=HTMLResponse)
    async def admin(user: Annotated[User, Security(auth.user, scopes=["admin"])]) -> Response:
        return pages.message_page("Admin page", f"{user.email} has the scope admin and may see this page.")

    @app.post("/sessions/others/end", dependencies=[Depends(auth.same_origin)])
    async def end_other_sessions(
        client: Annotated[ExampleClient, Depends(auth)],
        user: Annotated[User, Depends(auth.user)],
        session: Annotated[Session, Depends(auth.session)],
    ) -> Response:
        await client.revoke_sessions(user, keep=session.id)
        return RedirectResponse("/", 303)

    @app.post("/sessions/{session_id}/end", dependencies=[Depends(auth.same_origin)])
    async def end_session(
        session_id: UUID, client: Annotated[ExampleClient, Depends(auth)], user: Annotated[User, Depends(auth.user)]
    ) -> Response:
        await client.revoke_session(user, session_id)
        return RedirectResponse("/", 303)

    @app.get("/style.css", include_in_schema=False)
    async def style() -> Response:
        return Response(pages.STYLE, media_type="text/css")


def _device(session: Session, this: UUID) -> pages.Device:
    return pages.Device(
        id=str(session.id),
        user_agent=session.user_agent,
        ip_address=session.ip_address,
        since=session.created_at,
        until=session.expires_at,
        is_this=session.id == this,
    )


async def _refuse(request: Request, error: Exception) -> Response:
    """Answer a refusal with a page where a person is looking, and with FastAPI's JSON elsewhere."""
    refused = cast("HTTPException", error)
    text = _REFUSALS.get(str(refused.detail))
    if text is None or "text/html" not in request.headers.get("accept", ""):
        return await http_exception_handler(request, refused)
    return pages.message_page("Not for you", text, status_code=refused.status_code)
