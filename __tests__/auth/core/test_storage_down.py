"""A store that does not answer: 503 and Retry-After, and nobody is taken for signed out."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from __tests__.auth.core.application import Application, served
from __tests__.auth.fixtures.dictionaries import DictAdapter, DictSession, DictUser, NoDatabase
from __tests__.auth.fixtures.stores import Store
from examples.alchemy.auth_models import Account, OAuthState, Session, User
from sqlalchemy import text

from auth import UnavailableError
from belgie.alchemy import AlchemyAdapter, Base, DatabaseRuntime, DatabaseSettings
from proto import DBConnection

ADA = "ada@example.org"
READS = ["/user", "/session", "/optional", "/everything", "/admin", "/fresh"]
OWN_READS = ["/auth/session", "/auth/sessions", "/auth/accounts"]


def assert_unavailable(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()) == (503, {"detail": "storage_unavailable"})
    assert answer.headers["retry-after"] == "5"
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers


async def new_session(application: Application, adapter: Any, database: Any) -> Any:
    async for db in database.dependency():
        ada = await adapter.create_user(db, ADA, "Ada")
        return await application.auth.sessions.create_session(db, ada.id)
    return None


async def test_i08_a_stopped_postgres_is_a_503_on_every_route_and_the_session_lives_on_after_it(
    own_postgres_server: Any,
) -> None:
    settings = DatabaseSettings.from_url(own_postgres_server.dsn)
    async with DatabaseRuntime(settings) as runtime:
        await runtime.create_all(Base.metadata)
        adapter = AlchemyAdapter(user=User, account=Account, session=Session, oauth_state=OAuthState, db=settings)
        async with served(adapter, runtime) as application:
            session = await new_session(application, adapter, runtime)
            async with application.browser(session) as browser, application.browser() as stranger:
                assert (await browser.get("/user")).json() == ADA
                own_postgres_server.stop()
                for path in READS + OWN_READS:
                    assert_unavailable(await browser.get(path))
                    assert (await stranger.get(path)).status_code == (200 if path == "/optional" else 401)
                for path in ("/auth/sessions", f"/auth/sessions/{session.id}", "/auth/accounts/op"):
                    assert_unavailable(await browser.delete(path))
                assert_unavailable(await browser.post("/auth/signout"))
                own_postgres_server.start()
                assert (await browser.get("/user")).json() == ADA
                assert (await browser.get("/auth/sessions")).json()[0]["current"] is True


@pytest.mark.parametrize("store_settings", ["sqlite_memory", "sqlite_file", "postgres"], indirect=True)
async def test_i10_a_missing_table_is_a_503_and_never_an_anonymous_200(store: Store) -> None:
    assert store.runtime is not None
    async with served(store.adapter, store.database) as application:
        session = await new_session(application, store.adapter, store.database)
        async with store.runtime.transaction() as db:
            await db.execute(text("DROP TABLE sessions"))
        async with application.browser(session) as browser:
            for path in READS:
                assert_unavailable(await browser.get(path))


class Failing(DictAdapter):
    """A store that answers until it is told not to, from the method on that is named."""

    fails: str = ""

    async def get_session(self, db: DBConnection, session_id: UUID) -> DictSession | None:
        self._check("get_session")
        return await super().get_session(db, session_id)

    async def get_user_by_id(self, db: DBConnection, user_id: UUID) -> DictUser | None:
        self._check("get_user_by_id")
        return await super().get_user_by_id(db, user_id)

    async def update_session(self, db: DBConnection, session_id: UUID, **updates: Any) -> DictSession | None:
        self._check("update_session")
        return await super().update_session(db, session_id, **updates)

    async def delete_session(self, db: DBConnection, session_id: UUID) -> bool:
        self._check("delete_session")
        return await super().delete_session(db, session_id)

    def _check(self, method: str) -> None:
        if self.fails == method:
            raise UnavailableError("canary")


@pytest.fixture
async def failing() -> AsyncIterator[tuple[Failing, Application, Any]]:
    adapter = Failing()
    async with served(adapter, NoDatabase(), session={"update_age": 0}) as application:
        yield adapter, application, await new_session(application, adapter, NoDatabase())


@pytest.mark.parametrize("method", ["get_session", "get_user_by_id", "update_session"])
async def test_a_read_that_fails_at_any_step_is_a_503(
    failing: tuple[Failing, Application, Any], method: str, caplog: pytest.LogCaptureFixture
) -> None:
    adapter, application, session = failing
    async with application.browser(session) as browser:
        adapter.fails = method
        for path in [*READS, "/auth/session"]:
            answer = await browser.get(path)
            assert_unavailable(answer)
            assert "canary" not in answer.text
        adapter.fails = ""
        assert (await browser.get("/user")).json() == ADA
    refusals = [record for record in caplog.records if record.name == "auth"]
    assert {vars(record)["code"] for record in refusals} == {"storage_unavailable"}


async def test_a_sign_out_that_could_not_end_the_session_does_not_take_the_cookie(
    failing: tuple[Failing, Application, Any],
) -> None:
    adapter, application, session = failing
    async with application.browser(session) as browser:
        adapter.fails = "delete_session"
        assert_unavailable(await browser.post("/auth/signout"))
        adapter.fails = ""
        assert (await browser.get("/user")).json() == ADA
        assert (await browser.post("/auth/signout")).status_code == 303
        assert adapter.sessions == {}
