# ruff: noqa: INP001, T201  a script that prints
"""Runs the README's application with the installed wheels, and nothing of the checkout: `installed.py README.md`."""

import asyncio
import importlib
import importlib.metadata
import os
import re
import sys
import tempfile
from contextlib import chdir
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx

ENVIRONMENT: Final = {
    "BELGIE_SECRET": "0123456789abcdef0123456789abcdef0123",
    "BELGIE_BASE_URL": "http://127.0.0.1:8000",
    "BELGIE_GOOGLE_CLIENT_ID": "client",
    "BELGIE_GOOGLE_CLIENT_SECRET": "secret",
    "BELGIE_DATABASE_URL": "sqlite:///app.db",
}
DISTRIBUTIONS: Final = {"auth": "belgie-auth", "belgie": "belgie", "proto": "belgie-proto"}


def check(what: str, found: object, wanted: object) -> None:
    """Print what was found, and end with an error if it is not what was wanted."""
    print(f"{what}: {found}")
    if found != wanted:
        sys.exit(f"expected {wanted!r}")


def check_packages() -> None:
    """Every package comes from its wheel, says that it is typed, and has the version of the others."""
    for package, distribution in DISTRIBUTIONS.items():
        folder = Path(str(importlib.import_module(package).__file__)).parent
        check(f"{package} is installed", folder.is_relative_to(sys.prefix), wanted=True)
        check(f"{package} is typed", (folder / "py.typed").is_file(), wanted=True)
        version = importlib.metadata.version(distribution)
        check(f"version of {distribution}", version, importlib.metadata.version("belgie"))


def application(readme: Path) -> dict[str, Any]:
    """Return the names of the README's first Python block, after running it."""
    block = re.search(r"^```python\n(.*?)^```$", readme.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    if block is None:
        sys.exit("the README has no Python block")
    names: dict[str, Any] = {"__name__": "application"}
    exec(compile(block[1], str(readme), "exec"), names)  # noqa: S102  it is ours, and this is what it is for
    return names


async def use(names: dict[str, Any]) -> None:
    """Start the application, write a user with its adapter, and ask who is signed in."""
    app, auth, adapter = names["app"], names["auth"], names["adapter"]
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=os.environ["BELGIE_BASE_URL"])
    async with app.router.lifespan_context(app), client:
        check("a stranger", (await client.get("/me")).json(), {"detail": "not_authenticated"})
        async with adapter.db_runtime.session_maker() as db:
            user = await adapter.create_user(db, "ada@example.org", "Ada", email_verified=True)
            session = await adapter.create_session(db, user.id, datetime.now(UTC) + timedelta(hours=1))
        client.cookies.set(auth.session_cookie_name, auth.session_cookie(session))
        check("the user", (await client.get("/me")).json(), {"email": "ada@example.org"})
        check("without the scope", (await client.get("/admin")).status_code, 403)


def main(readme: Path) -> None:
    """Do all of it."""
    check_packages()
    os.environ.update(ENVIRONMENT)
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        asyncio.run(use(application(readme)))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
