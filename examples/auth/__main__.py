"""`python -m examples.auth` serves the example; with `--walkthrough` it also uses it, and ends."""

import argparse
import logging
import os
import secrets
import sys
from contextlib import ExitStack, suppress
from typing import Final

from examples.auth.main import create_app
from examples.auth.provider import local_provider
from examples.auth.serve import address, listen, make_server
from examples.auth.walkthrough import walk_through

from belgie import AuthSettings, DatabaseSettings, GoogleProviderSettings, OIDCProviderSettings, URLSettings

_GOOGLE: Final = ("BELGIE_GOOGLE_CLIENT_ID", "BELGIE_GOOGLE_CLIENT_SECRET")


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m examples.auth", description="A small application with sign-in.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", default=8000, type=int, help="port to listen on, 0 for a free one (default: 8000)")
    parser.add_argument(
        "--database", default="./belgie_auth_example.db", help="SQLite file, made if missing (default: %(default)s)"
    )
    parser.add_argument(
        "--walkthrough",
        action="store_true",
        help="start everything on free ports with a database of its own, sign in and out over HTTP, print each step; "
        "exit with 0 if all is well and leave nothing behind",
    )
    return parser.parse_args(arguments)


def serve(options: argparse.Namespace) -> int:
    """Serve until interrupted."""
    logging.basicConfig(format="%(levelname)s:     %(name)s: %(message)s")
    logging.getLogger("auth").setLevel(logging.INFO)  # every sign-in, sign-out and refusal, without addresses
    try:
        listener = listen(options.host, options.port)
    except OSError as error:
        print(f"cannot listen on {options.host}, port {options.port}: {error.strerror}", file=sys.stderr)
        return 1
    with listener, ExitStack() as stack:
        providers: dict[str, OIDCProviderSettings] = {}
        if all(os.environ.get(name) for name in _GOOGLE):
            providers["google"] = GoogleProviderSettings()
        else:
            issuer = stack.enter_context(local_provider())
            providers["local"] = OIDCProviderSettings(
                issuer=issuer, client_id="example", client_secret=secrets.token_urlsafe(), label="the local provider"
            )
            print(f"Provider: {issuer} (local, asks for no password; set {' and '.join(_GOOGLE)} for Google)")
        settings = AuthSettings(
            # without BELGIE_SECRET the sessions end with the process
            secret=os.environ.get("BELGIE_SECRET") or secrets.token_urlsafe(48),
            base_url=address(listener),
            urls=URLSettings(error_redirect="/"),
        )
        db = DatabaseSettings(type="sqlite", database=options.database)
        app = create_app(settings=settings, db=db, providers=providers)
        print(f"Database: {options.database}")
        print(f"Open {settings.base_url}/ in a browser; press Ctrl+C to stop.", flush=True)
        with suppress(KeyboardInterrupt):  # the server has shut down properly by then
            make_server(app).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    chosen = parse(sys.argv[1:])
    sys.exit(walk_through() if chosen.walkthrough else serve(chosen))
