"""The whole sign-in over HTTP: a real server, a real OpenID provider that nobody here wrote, every store."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import oidc_provider_mock
import pytest
from __tests__.auth.fixtures.serving import base_url, listening_socket, serving
from __tests__.auth.fixtures.stores import Store
from fastapi import Depends, FastAPI, Request, Security

from auth import Auth, AuthClient, AuthSettings, HookContext, Hooks, OIDCProviderSettings

ALICE = {"email": "Alice@Example.com", "email_verified": True, "name": "Alice", "picture": "https://img.example/a.png"}
BOB = {"email": "bob@example.com", "email_verified": True, "name": "Bob"}
MALLORY = {"email": "alice@example.com", "email_verified": False}


@dataclass
class Running:
    """An application that people can sign in to."""

    url: str
    store: Store
    provider: str
    events: list[str] = field(default_factory=list)

    def browser(self) -> httpx.AsyncClient:
        """A browser of somebody's own."""
        return httpx.AsyncClient(base_url=self.url, trust_env=False)

    async def sign_in(self, browser: httpx.AsyncClient, subject: str, path: str = "/me") -> httpx.Response:
        """Do what a person does: press the button, sign in at the provider, come back."""
        return await browser.get(await self.reach_callback(browser, subject, path))

    async def reach_callback(self, browser: httpx.AsyncClient, subject: str, path: str = "/me") -> str:
        """Everything up to the provider's answer."""
        started = await browser.get("/auth/provider/local/signin", params={"redirect_url": path})
        assert started.status_code == httpx.codes.SEE_OTHER, started.text
        answered = await browser.post(started.headers["location"], data={"sub": subject})
        return answered.headers["location"]


@pytest.fixture(scope="session")
def provider() -> Iterator[str]:
    """A local OpenID provider; its address."""
    claims = {"alice": ALICE, "bob": BOB, "mallory": MALLORY, "nobody": {}}
    users = [oidc_provider_mock.User(sub=subject, claims=dict(one)) for subject, one in claims.items()]
    with oidc_provider_mock.run_server_in_thread(user_claims=users) as server:
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.fixture
async def running(store: Store, provider: str) -> AsyncIterator[Running]:
    """The application over one store."""
    listener = listening_socket()
    found = Running(base_url(listener), store, provider)

    def note(event: str) -> Any:
        async def hook(context: HookContext[Any]) -> None:
            found.events.append(f"{event}:{context.user.email}")

        return hook

    auth = Auth(
        settings=AuthSettings(secret="a secret for tests, long enough for everybody", base_url=found.url),
        adapter=store.adapter,
        db=store.database,
        providers={
            "local": OIDCProviderSettings(issuer=provider, client_id="belgie", client_secret="a client's secret"),
        },
        hooks=Hooks(
            on_signup=note("signup"),
            on_signin=note("signin"),
            on_signout=note("signout"),
            on_delete=note("delete"),
        ),
    )
    app = FastAPI()
    app.include_router(auth.router)

    @app.get("/me")
    async def me(user: Annotated[Any, Depends(auth.user)]) -> dict[str, Any]:
        return {"id": str(user.id), "email": user.email, "verified": user.email_verified, "image": user.image}

    @app.get("/admin")
    async def admin(user: Annotated[Any, Security(auth.user, scopes=["admin"])]) -> str:
        return user.email

    @app.get("/maybe")
    async def maybe(user: Annotated[Any, Depends(auth.optional_user)]) -> bool:
        return user is not None

    @app.delete("/account")
    async def delete(
        client: Annotated[AuthClient[Any, Any, Any, Any], Depends(auth)],
        user: Annotated[Any, Depends(auth.user)],
        request: Request,
    ) -> bool:
        assert (await client.get_session(request)).user_id == user.id
        return await client.delete_user(user)

    async with serving(app, listener):
        yield found


async def test_a_person_signs_in_and_out_again(running: Running) -> None:
    async with running.browser() as browser:
        assert (await browser.get("/me")).json() == {"detail": "not_authenticated"}

        arrived = await running.sign_in(browser, "alice")

        assert (arrived.status_code, arrived.headers["location"]) == (303, "/me")
        me = (await browser.get("/me")).json()
        assert (me["email"], me["verified"], me["image"]) == ("alice@example.com", True, "https://img.example/a.png")
        session = (await browser.get("/auth/session")).json()
        assert session["user"]["name"] == "Alice"
        assert session["session"]["ip_address"] == "127.0.0.1"

        cookie = browser.cookies["belgie_session"]
        signed_out = await browser.post("/auth/signout")

        assert (signed_out.status_code, signed_out.headers["location"]) == (303, "/")
        assert "belgie_session" not in browser.cookies
        again = await browser.get("/me", headers={"cookie": f"belgie_session={cookie}"})
        assert (again.status_code, again.json()) == (401, {"detail": "not_authenticated"})
    assert running.events == ["signup:alice@example.com", "signin:alice@example.com", "signout:alice@example.com"]
    assert await running.store.count() == {"users": 1, "accounts": 1, "sessions": 0, "states": 0}


async def test_the_second_sign_in_finds_the_same_user_and_ends_the_session_before(running: Running) -> None:
    async with running.browser() as browser:
        await running.sign_in(browser, "alice")
        first, before = (await browser.get("/me")).json(), browser.cookies["belgie_session"]

        await running.sign_in(browser, "alice")

        assert (await browser.get("/me")).json() == first
        assert browser.cookies["belgie_session"] != before
    assert await running.store.count() == {"users": 1, "accounts": 1, "sessions": 1, "states": 0}


async def test_scopes_open_a_route_at_the_next_request(running: Running) -> None:
    async with running.browser() as browser:
        assert (await browser.get("/admin")).status_code == 401
        await running.sign_in(browser, "alice")
        refused = await browser.get("/admin")
        assert (refused.status_code, refused.json()) == (403, {"detail": "insufficient_scope"})

        await running.store.update_user("alice@example.com", scopes=["admin"])

        assert (await browser.get("/admin")).json() == "alice@example.com"


async def test_an_optional_user_is_there_or_not(running: Running) -> None:
    async with running.browser() as browser:
        assert (await browser.get("/maybe")).json() is False
        await running.sign_in(browser, "bob")
        assert (await browser.get("/maybe")).json() is True


async def test_a_deleted_user_leaves_nothing_and_may_come_back_as_a_new_one(running: Running) -> None:
    async with running.browser() as browser:
        await running.sign_in(browser, "alice")
        first = (await browser.get("/me")).json()["id"]

        assert (await browser.delete("/account")).json() is True

        assert (await browser.get("/me")).status_code == 401
        assert await running.store.count() == {"users": 0, "accounts": 0, "sessions": 0, "states": 0}
        await running.sign_in(browser, "alice")
        assert (await browser.get("/me")).json()["id"] != first
    assert running.events[2] == "delete:alice@example.com"


async def test_an_unverified_address_joins_nobody(running: Running) -> None:
    async with running.browser() as alice, running.browser() as mallory:
        await running.sign_in(alice, "alice")

        refused = await running.sign_in(mallory, "mallory")

        assert (refused.status_code, refused.json()) == (409, {"detail": "account_not_linked"})
        assert (await mallory.get("/me")).status_code == 401
    assert await running.store.count() == {"users": 1, "accounts": 1, "sessions": 1, "states": 0}


async def test_a_person_without_an_address_is_refused_and_leaves_nothing(running: Running) -> None:
    async with running.browser() as browser:
        refused = await running.sign_in(browser, "nobody")

        assert (refused.status_code, refused.json()) == (400, {"detail": "email_required"})
    assert await running.store.count() == {"users": 0, "accounts": 0, "sessions": 0, "states": 0}


async def test_an_answer_counts_once_and_in_the_browser_that_asked(running: Running) -> None:
    async with running.browser() as browser, running.browser() as other:
        answer = await running.reach_callback(browser, "alice")

        stolen = await other.get(answer)
        first = await browser.get(answer)
        second = await browser.get(answer)

        assert (stolen.status_code, stolen.json()) == (400, {"detail": "invalid_state"})
        assert first.status_code == 303
        assert (second.status_code, second.json()) == (400, {"detail": "invalid_state"})
    assert (await running.store.count())["sessions"] == 1


async def test_who_says_no_at_the_provider_is_not_signed_in(running: Running) -> None:
    async with running.browser() as browser:
        started = await browser.get("/auth/provider/local/signin")
        answered = await browser.post(started.headers["location"], data={"sub": "alice", "action": "deny"})

        refused = await browser.get(answered.headers["location"])

        assert (refused.status_code, refused.json()) == (400, {"detail": "access_denied"})
    assert await running.store.count() == {"users": 0, "accounts": 0, "sessions": 0, "states": 0}


async def test_the_request_to_the_provider_has_pkce_state_and_nonce_each_time_anew(running: Running) -> None:
    async with running.browser() as browser:
        starts = [await browser.get("/auth/provider/local/signin") for _ in range(2)]

    first, second = (parse_qs(urlsplit(start.headers["location"]).query) for start in starts)
    assert first["response_type"] == ["code"]
    assert first["code_challenge_method"] == ["S256"]
    assert first["redirect_uri"] == [f"{running.url}/auth/provider/local/callback"]
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name][0]) == 43
        assert first[name] != second[name]


async def test_an_unknown_provider_is_not_found(running: Running) -> None:
    async with running.browser() as browser:
        for path in ("signin", "callback"):
            answer = await browser.get(f"/auth/provider/other/{path}")
            assert (answer.status_code, answer.json()) == (404, {"detail": "unknown_provider"})
