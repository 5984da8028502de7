"""The same-origin rule for a whole application, over real HTTP."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
import websockets
from __tests__.auth.fixtures.dictionaries import DictAdapter, NoDatabase
from __tests__.auth.fixtures.serving import base_url, listening_socket, serving
from fastapi import FastAPI, WebSocket
from websockets.asyncio.client import connect

from auth import Auth, AuthSettings, SameOriginMiddleware
from auth.providers import AuthorizationRequest, CodeExchange, Profile, TokenSet

EVIL = "https://evil.example"
TRUSTED = "https://www.example"


class PostingProvider:
    """Answers by POST, from its own site."""

    answers_by_post = True

    async def authorization_url(self, request: AuthorizationRequest) -> str:
        return f"https://op.example/?state={request.state}"

    async def check_issuer(self, issuer: str | None) -> None:
        """It sends none."""

    async def exchange_code(self, exchange: CodeExchange) -> TokenSet:
        return TokenSet(access_token=exchange.code, token_type="bearer")

    async def fetch_profile(self, tokens: TokenSet, *, nonce: str) -> Profile:
        return Profile(provider_account_id=tokens.access_token)


class AskingProvider(PostingProvider):
    """Answers by GET, as most do."""

    answers_by_post = False


@dataclass
class Shop:
    """An application that never thinks of other sites."""

    url: str
    sold: int = 0


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    listener = listening_socket()
    shop = Shop(base_url(listener))
    auth = Auth(
        settings=AuthSettings(secret="x" * 32, base_url=shop.url, trusted_origins=(TRUSTED,)),
        adapter=DictAdapter(),
        db=NoDatabase(),
        providers={"posting": PostingProvider(), "asking": AskingProvider()},
    )
    app = FastAPI()
    app.include_router(auth.router)
    app.add_middleware(SameOriginMiddleware, auth=auth)

    @app.api_route("/sell", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def sell() -> int:
        shop.sold += 1
        return shop.sold

    @app.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("welcome")
        await websocket.close()

    async with serving(app, listener):
        yield shop


@pytest.fixture
async def client(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=shop.url, trust_env=False) as client:
        yield client


async def test_k01_no_route_is_reached_by_a_request_of_another_site_that_may_change_something(
    shop: Shop, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for headers in ({"Origin": EVIL}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Referer": EVIL}):
            answer = await client.request(method, "/sell", headers=headers)
            assert (answer.status_code, answer.json()) == (403, {"detail": "csrf"})
            assert answer.headers["cache-control"] == "no-store"
    assert shop.sold == 0
    assert [vars(record)["code"] for record in caplog.records if record.name == "auth"] == ["csrf"] * 16


async def test_the_applications_own_and_trusted_pages_and_programs_reach_it(
    shop: Shop, client: httpx.AsyncClient
) -> None:
    for headers in ({"Origin": shop.url}, {"Origin": TRUSTED}, {"Sec-Fetch-Site": "same-origin"}, {}):
        assert (await client.post("/sell", headers=headers)).status_code == 200
    assert shop.sold == 4


async def test_what_changes_nothing_is_reached_from_anywhere(shop: Shop, client: httpx.AsyncClient) -> None:
    assert (await client.get("/sell", headers={"Origin": EVIL})).status_code == 200
    assert shop.sold == 1


async def test_a_socket_of_another_site_is_not_accepted(shop: Shop) -> None:
    address = f"{shop.url.replace('http', 'ws')}/socket"
    for origin in (EVIL, "null"):
        with pytest.raises(websockets.InvalidStatus) as raised:
            async with connect(address, additional_headers={"Origin": origin}, proxy=None):
                pass
        assert raised.value.response.status_code == 403
    for headers in ({"Origin": shop.url}, {}):
        async with connect(address, additional_headers=headers, proxy=None) as socket:
            assert await socket.recv() == "welcome"


async def test_a_callback_that_is_posted_by_the_providers_site_passes_and_no_other(client: httpx.AsyncClient) -> None:
    headers = {"Origin": "https://op.example", "Sec-Fetch-Site": "cross-site"}
    passed = await client.post("/auth/provider/posting/callback", headers=headers, data={"state": "x", "code": "y"})
    assert (passed.status_code, passed.json()) == (400, {"detail": "invalid_state"})
    for path in (
        "/auth/provider/asking/callback",
        "/auth/provider/posting/link",
        "/auth/signout",
        "/auth/provider/posting",
    ):
        refused = await client.post(path, headers=headers)
        assert (refused.status_code, refused.json()) == (403, {"detail": "csrf"})
