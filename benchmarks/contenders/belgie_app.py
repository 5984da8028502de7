"""belgie with its defaults, in three ways: the user's row, the identity, and the identity with the cookie cache."""

import secrets
from typing import Annotated
from uuid import UUID

from benchmarks.contenders.serving import arguments, serve
from examples.alchemy.auth_models import Account, OAuthState, Session, User
from fastapi import Depends, FastAPI

from belgie import AlchemyAdapter, Auth, AuthSettings, DatabaseSettings
from belgie.auth import SessionSettings
from belgie.proto import Identity

CACHED_SECONDS = 600

options = arguments("user", "identity", "cached")
auth = Auth(
    settings=AuthSettings(
        secret=secrets.token_urlsafe(32),
        base_url="http://127.0.0.1:8000",
        session=SessionSettings(cookie_cache=CACHED_SECONDS if options.way == "cached" else 0),
    ),
    adapter=AlchemyAdapter(
        user=User,
        account=Account,
        session=Session,
        oauth_state=OAuthState,
        db=DatabaseSettings.from_url(options.url),
    ),
)
app = FastAPI()

if options.way == "user":

    @app.get("/me")
    async def user_row(user: Annotated[User, Depends(auth.user)]) -> dict[str, str]:
        return {"id": user.id.hex, "email": user.email}
else:

    @app.get("/me")
    async def identity_value(identity: Annotated[Identity, Depends(auth.identity)]) -> dict[str, str]:
        return {"id": identity.user_id.hex, "email": identity.email}


if __name__ == "__main__":
    serve(app, cookie=f"{auth.session_cookie_name}={auth.session_cookie(UUID(options.session))}")
