"""A local OpenID provider, so that the example works without a network and without an account anywhere.

It is a real HTTP server (`oidc-provider-mock`), but it asks nobody for a password: never use it outside of development.
"""

import logging
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import oidc_provider_mock  # pyright: ignore[reportMissingTypeStubs]  typed, but without the marker
from werkzeug.serving import make_server

PEOPLE: Final = {
    "ada": {"name": "Ada Lovelace", "email": "ada@example.org", "email_verified": True},
    "grace": {"name": "Grace Hopper", "email": "grace@example.org", "email_verified": True},
}


@contextmanager
def local_provider() -> Generator[str]:
    """Run the provider on a free loopback port while the block runs, and give its issuer."""
    people = [oidc_provider_mock.User(sub=sub, claims=dict(claims)) for sub, claims in PEOPLE.items()]
    server = make_server("127.0.0.1", 0, oidc_provider_mock.app(require_nonce=True, user_claims=people), threaded=True)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # not a line for every request
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
