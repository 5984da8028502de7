"""The application of the README, on SQLite and on PostgreSQL by its environment alone."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from __tests__.auth.fixtures.serving import base_url, listening_socket
from examples.alchemy.auth_models import Account, OAuthState, Session, User

from auth import Auth, AuthSettings
from belgie.alchemy import AlchemyAdapter, DatabaseSettings

README = Path(__file__).parents[2] / "README.md"
SECRET = "a secret for tests, long enough for everybody"
START_SECONDS = 60


def application() -> str:
    """The README's one program, as it stands there."""
    (found,) = [
        code
        for code in re.findall(r"^```python\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
        if "app =" in code
    ]
    return found


@asynccontextmanager
async def started(folder: Path, url: str) -> AsyncGenerator[str]:
    """Run `uvicorn app:app` in a process of its own; its address."""
    listener = listening_socket()
    listener.listen()
    found = base_url(listener)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BELGIE_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "uvicorn", "app:app", "--fd", str(listener.fileno())),
        cwd=folder,
        pass_fds=[listener.fileno()],
        env={
            **kept,
            "BELGIE_SECRET": SECRET,
            "BELGIE_BASE_URL": found,
            "BELGIE_GOOGLE_CLIENT_ID": "client",
            "BELGIE_GOOGLE_CLIENT_SECRET": "a client's secret",
            "BELGIE_DATABASE_URL": url,
        },
    )
    try:
        yield found
    finally:
        process.terminate()
        assert await process.wait() == -signal.SIGTERM  # which uvicorn raises again when it has shut down
        listener.close()


async def cookie(settings: DatabaseSettings, email: str) -> dict[str, str]:
    """Put a user who is signed in into the application's database, as a sign-in would."""
    adapter = AlchemyAdapter(user=User, account=Account, session=Session, oauth_state=OAuthState, db=settings)
    auth = Auth(settings=AuthSettings(secret=SECRET, base_url="http://127.0.0.1:8000"), adapter=adapter)
    async with settings.runtime as runtime, runtime.session() as db:
        user = await adapter.create_user(db, email, email_verified=True)
        session = await auth.sessions.create_session(db, user.id)
    return {auth.session_cookie_name: auth.session_cookie(session)}


async def test_it_is_switched_from_sqlite_to_postgres_by_an_environment_variable(
    tmp_path: Path, postgres_database: Any
) -> None:
    (tmp_path / "app.py").write_text(application())
    for url, email in (("sqlite:///app.db", "lite@example.org"), (postgres_database, "post@example.org")):
        async with started(tmp_path, url) as address:
            async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=START_SECONDS) as client:
                assert (await client.get("/me")).json() == {"detail": "not_authenticated"}
            settings = DatabaseSettings.from_url(url.replace("///", f"///{tmp_path}/"))
            cookies = await cookie(settings, email)
            async with httpx.AsyncClient(base_url=address, trust_env=False, cookies=cookies) as client:
                assert (await client.get("/me")).json() == {"email": email}
                assert (await client.get("/admin")).status_code == 403
