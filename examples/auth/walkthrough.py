"""The whole of it, once: a provider, the application, and browsers that sign in and out over HTTP."""

import logging
import secrets
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from examples.auth.browser import Browser, Page
from examples.auth.main import create_app
from examples.auth.provider import local_provider
from examples.auth.serve import address, listen, running

from belgie import AuthSettings, DatabaseSettings, OIDCProviderSettings, URLSettings

_COOKIE: Final = "belgie_session"
_SIGN_IN: Final = "Sign in with the local provider"


class Steps:
    """Prints each step, and remembers which one is being taken."""

    def __init__(self) -> None:
        self.current = "getting ready"
        self._number = 0

    def begin(self, what: str) -> None:
        self._number += 1
        self.current = what
        print(f"{self._number}. {what}", flush=True)

    def tell(self, what: object) -> None:
        print(f"     {what}", flush=True)


def expect(what: str, found: object, wanted: object) -> None:
    """Compare.

    Raises:
        AssertionError: they differ.
    """
    if found != wanted:
        msg = f"{what}: expected {wanted!r}, found {found!r}"
        raise AssertionError(msg)


def walk_through() -> int:
    """Take every step and return 0; or return 1 and say which one failed."""
    logging.getLogger("auth").addHandler(logging.NullHandler())  # the steps tell what happens
    steps = Steps()
    try:
        with application(steps) as base_url:
            visit(base_url, steps)
    except Exception as error:  # noqa: BLE001  whatever it is, it is told
        print(f"FAILED at: {steps.current}\n     {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print("All is well.")
    return 0


@contextmanager
def application(steps: Steps) -> Generator[str]:
    """Run the provider and the application on free ports, with a database that goes away, and give the address."""
    steps.begin("start a local OpenID provider and the application, with an empty SQLite file")
    with local_provider() as issuer, tempfile.TemporaryDirectory() as folder:
        listener = listen("127.0.0.1", 0)
        settings = AuthSettings(
            secret=secrets.token_urlsafe(48), base_url=address(listener), urls=URLSettings(error_redirect="/")
        )
        provider = OIDCProviderSettings(
            issuer=issuer, client_id="example", client_secret=secrets.token_urlsafe(), label="the local provider"
        )
        db = DatabaseSettings(type="sqlite", database=str(Path(folder) / "walkthrough.db"))
        with running(create_app(settings=settings, db=db, providers={"local": provider}), listener):
            steps.tell(f"provider {issuer}, application {settings.base_url}")
            yield settings.base_url


def visit(base_url: str, steps: Steps) -> None:
    """Do what people do."""
    with Browser("Laptop") as laptop, Browser("Phone") as phone, Browser("Other laptop") as other:
        steps.begin("open the page as a stranger")
        page = laptop.open(f"{base_url}/")
        expect("buttons", list(page.links), [_SIGN_IN])
        expect("status of /me", laptop.get(f"{base_url}/me").status_code, 401)
        steps.tell(f"there is a button {_SIGN_IN!r}; /me answers 401")

        steps.begin("sign in: follow the button, post the provider's form, come back")
        page = sign_in(laptop, base_url, "ada")
        expect("address", page.url, f"{base_url}/")
        cookie = laptop.cookies[_COOKIE]
        user = me(laptop, base_url)
        expect("e-mail", user["email"], "ada@example.org")
        steps.tell(f"signed in as {user['name']} <{user['email']}>, id {user['id']}")

        steps.begin("open a page that needs the scope 'admin'")
        expect("status of /admin", laptop.get(f"{base_url}/admin").status_code, 200)
        steps.tell(f"200: the first user has the scopes {user['scopes']}, by the hook on_signup")

        steps.begin("sign in as somebody else, in another browser, and open the same page")
        sign_in(other, base_url, "grace")
        refused = other.get(f"{base_url}/admin")
        expect("answer of /admin", (refused.status_code, refused.json()), (403, {"detail": "insufficient_scope"}))
        steps.tell(f"{me(other, base_url)['name']} gets 403 insufficient_scope")

        steps.begin("sign in on a second device, list the sessions, and sign that device out from the first")
        sign_in(phone, base_url, "ada")
        sessions: list[dict[str, Any]] = laptop.get(f"{base_url}/auth/sessions").json()
        for session in sessions:
            steps.tell(f"{session['user_agent']} at {session['ip_address']}, until {session['expires_at']}")
        expect("devices", sorted(session["user_agent"] for session in sessions), ["Laptop", "Phone"])
        page = laptop.press(laptop.open(f"{base_url}/"), "Sign out this one")
        expect("status of /me on the phone", phone.get(f"{base_url}/me").status_code, 401)
        expect("status of /me on the laptop", laptop.get(f"{base_url}/me").status_code, 200)
        steps.tell("the phone gets 401, the laptop stays signed in")

        steps.begin("sign out")
        page = laptop.press(page, "Sign out")
        expect("buttons", list(page.links), [_SIGN_IN])
        expect("session cookie", laptop.cookies.get(_COOKIE), None)
        steps.tell("the page shows the sign-in button again, and the cookie is gone")

        steps.begin("show the old cookie once more")
        answer = laptop.get(f"{base_url}/me", cookie=f"{_COOKIE}={cookie}")
        expect("answer of /me", (answer.status_code, answer.json()), (401, {"detail": "not_authenticated"}))
        steps.tell("401 not_authenticated: the session ended at the server")


def sign_in(browser: Browser, base_url: str, person: str) -> Page:
    """Sign in as one of the provider's people, and return the page that it ends on."""
    form = browser.open(browser.open(f"{base_url}/").links[_SIGN_IN])
    return browser.press(form, person)


def me(browser: Browser, base_url: str) -> dict[str, Any]:
    """Return what the application says who is signed in."""
    answer = browser.get(f"{base_url}/me")
    expect("status of /me", answer.status_code, 200)
    return answer.json()
