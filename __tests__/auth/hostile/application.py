"""The routes of the application under test, as an application writes them."""

from typing import Annotated, Any

from examples.alchemy.auth_models import Account, OAuthState, Session, User
from fastapi import Depends, FastAPI, Response, Security

from auth import Auth, AuthClient
from belgie.proto import Identity

type ExampleAuth = Auth[User, Account, Session, OAuthState]
type ExampleClient = AuthClient[User, Account, Session, OAuthState]


def make_application(auth: ExampleAuth) -> FastAPI:
    """A FastAPI application with the routes of `Auth` and some of its own."""
    app = FastAPI()
    app.include_router(auth.router)
    _add_reading(app, auth)
    _add_identity(app, auth)
    _add_writing(app, auth)
    return app


def _add_reading(app: FastAPI, auth: ExampleAuth) -> None:
    @app.get("/me")
    async def me(user: Annotated[User, Depends(auth.user)]) -> dict[str, Any]:
        return {"id": str(user.id), "email": user.email, "name": user.name, "scopes": user.scopes}

    @app.get("/admin")
    async def admin(user: Annotated[User, Security(auth.user, scopes=["admin"])]) -> dict[str, str]:
        return {"id": str(user.id)}

    @app.get("/read")
    async def read(user: Annotated[User, Security(auth.user, scopes=["read"])]) -> dict[str, str]:
        return {"id": str(user.id)}

    @app.get("/maybe")
    async def maybe(user: Annotated[User | None, Depends(auth.optional_user)]) -> dict[str, str | None]:
        return {"id": str(user.id) if user else None}

    @app.get("/session")
    async def session(session: Annotated[Session, Depends(auth.session)]) -> dict[str, str]:
        return {"expires_at": session.expires_at.isoformat()}

    @app.get("/recent")
    async def recent(user: Annotated[User, Depends(auth.fresh(300))]) -> dict[str, str]:
        return {"id": str(user.id)}


def _add_identity(app: FastAPI, auth: ExampleAuth) -> None:
    @app.get("/identity")
    async def identity(caller: Annotated[Identity, Depends(auth.identity)]) -> dict[str, str]:
        return {"id": str(caller.user_id)}

    @app.get("/identity/admin")
    async def admin(caller: Annotated[Identity, Security(auth.identity, scopes=["admin"])]) -> dict[str, str]:
        return {"id": str(caller.user_id)}


def _add_writing(app: FastAPI, auth: ExampleAuth) -> None:
    @app.delete("/account")
    async def delete_account(
        client: Annotated[ExampleClient, Depends(auth)],
        user: Annotated[User, Depends(auth.user)],
    ) -> dict[str, bool]:
        return {"deleted": await client.delete_user(user)}

    @app.post("/promote")
    async def promote(
        client: Annotated[ExampleClient, Depends(auth)],
        session: Annotated[Session, Depends(auth.session)],
        response: Response,
    ) -> None:
        auth.set_session_cookie(response, await client.rotate_session(session))

    @app.post("/transfer", dependencies=[Depends(auth.same_origin)])
    async def transfer() -> dict[str, bool]:
        return {"done": True}
