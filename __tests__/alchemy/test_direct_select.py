"""Who is calling, asked of the driver itself: the same answer as SQLAlchemy's, and the same behaviour in trouble."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Dialect,
    Engine,
    ForeignKey,
    String,
    TypeDecorator,
    UniqueConstraint,
    Uuid,
    event,
    func,
    text,
    update,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from belgie.alchemy import AlchemyAdapter, DatabaseRuntime, Databases, DateTimeUTC, Scopes
from belgie.alchemy.settings import PostgresSettings, SqliteSettings
from belgie.alchemy.stores.direct import DirectSelect
from proto import UnavailableError

SOON = datetime(2031, 2, 3, 4, 5, 6, 789012, tzinfo=UTC)
type Adapter = AlchemyAdapter[Any, Any, Any, Any]


class Epoch(TypeDecorator[datetime]):
    """A moment as a number of microseconds."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else round(value.timestamp() * 1_000_000)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromtimestamp(0, UTC) + timedelta(microseconds=value)


class Turned(TypeDecorator[str]):
    """A text that the database turns round on its way, with parameters of its own."""

    impl = String
    cache_ok = True

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.replace(column, "ada", "eve", type_=self)


class OddBase(DeclarativeBase):
    """Identifiers as text, moments as numbers."""


class OddUser(OddBase):
    __tablename__ = "odd user"

    id: Mapped[UUID] = mapped_column(Uuid(native_uuid=False), primary_key=True, default=uuid4)
    email: Mapped[str] = mapped_column("E-Mail", unique=True)
    email_verified: Mapped[bool] = mapped_column(default=True)
    name: Mapped[str | None]
    image: Mapped[str | None]
    scopes: Mapped[list[str] | None] = mapped_column(Scopes())
    created_at: Mapped[datetime] = mapped_column(DateTimeUTC, default=lambda: datetime.now(UTC))
    updated_at: Mapped[datetime] = mapped_column(DateTimeUTC, default=lambda: datetime.now(UTC))


class OddAccount(OddBase):
    __tablename__ = "odd account"
    __table_args__ = (UniqueConstraint("provider", "provider_account_id"), UniqueConstraint("user_id", "provider"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(OddUser.id, ondelete="CASCADE"))
    provider: Mapped[str]
    provider_account_id: Mapped[str]
    access_token: Mapped[str | None]
    refresh_token: Mapped[str | None]
    expires_at: Mapped[datetime | None] = mapped_column(DateTimeUTC)
    token_type: Mapped[str | None]
    scope: Mapped[str | None]
    id_token: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(DateTimeUTC, default=lambda: datetime.now(UTC))
    updated_at: Mapped[datetime] = mapped_column(DateTimeUTC, default=lambda: datetime.now(UTC))


class OddSession(OddBase):
    __tablename__ = "odd session"

    id: Mapped[UUID] = mapped_column("select", Uuid(native_uuid=False), primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(OddUser.id, ondelete="CASCADE"))
    expires_at: Mapped[datetime] = mapped_column(Epoch)
    ip_address: Mapped[str | None]
    user_agent: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(Epoch, default=lambda: datetime.now(UTC))
    updated_at: Mapped[datetime] = mapped_column(Epoch, default=lambda: datetime.now(UTC))


class OddPending(OddBase):
    __tablename__ = "odd pending"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    state: Mapped[str] = mapped_column(unique=True)
    code_verifier: Mapped[str | None]
    redirect_url: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(DateTimeUTC, default=lambda: datetime.now(UTC))
    expires_at: Mapped[datetime] = mapped_column(DateTimeUTC)


@dataclass
class Ways:
    """How often a statement went each way."""

    driver: int = 0
    core: int = 0


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> Ways:
    ways = Ways()
    ask, execute = DirectSelect._ask_driver, DirectSelect._execute

    def asked(select: DirectSelect, value: Any) -> Any:
        ways.driver += 1
        return ask(select, value)

    def executed(select: DirectSelect, value: Any) -> Any:
        ways.core += 1
        return execute(select, value)

    monkeypatch.setattr(DirectSelect, "_ask_driver", asked)
    monkeypatch.setattr(DirectSelect, "_execute", executed)
    return ways


@pytest.fixture
async def odd(runtime: DatabaseRuntime) -> Adapter:
    await runtime.create_all(OddBase.metadata)
    return AlchemyAdapter(user=OddUser, account=OddAccount, session=OddSession, oauth_state=OddPending, db=runtime)


async def _signed_in(adapter: Adapter, email: str = "ada@example.com", **fields: Any) -> UUID:
    async with adapter.db_runtime.session() as db:
        user = await adapter.create_user(db, email)
        await adapter.update_user(db, user.id, **fields)
        return (await adapter.create_session(db, user.id, SOON)).id


async def _both(adapter: Adapter, session_id: UUID, ways: Ways) -> Any:
    """Return the identity, having compared what the driver and what Core make of it."""
    before = ways.driver
    direct = await adapter.get_identity(session_id)
    assert ways.driver == before + 1
    engine = adapter.db_runtime.engine.sync_engine

    def listener(*_: Any) -> None: ...

    event.listen(engine, "after_cursor_execute", listener)
    executed = await adapter.get_identity(session_id)
    event.remove(engine, "after_cursor_execute", listener)
    assert ways.driver == before + 1
    assert direct == executed
    if direct is not None and executed is not None:
        assert [type(each) for each in _values(direct)] == [type(each) for each in _values(executed)]
    return direct


def _values(identity: Any) -> list[Any]:
    names = ("user_id", "email", "email_verified", "scopes", "session_id", "created_at", "expires_at")
    return [getattr(identity, name) for name in names]


@pytest.mark.parametrize("scopes", [None, [], ["a"], ["read", "wörld", 'quo"te', "{}", "a,b"]])
async def test_it_is_what_core_makes_of_it(adapter: Adapter, ways: Ways, scopes: list[str] | None) -> None:
    session_id = await _signed_in(adapter, scopes=scopes, email_verified=True)
    found = await _both(adapter, session_id, ways)
    assert (found.email, found.email_verified, found.scopes) == ("ada@example.com", True, tuple(scopes or ()))
    assert (found.session_id, found.expires_at) == (session_id, SOON)
    assert await _both(adapter, uuid4(), ways) is None


async def test_types_of_the_application_s_own_are_respected(odd: Adapter, ways: Ways) -> None:
    session_id = await _signed_in(odd, scopes=["x"])
    found = await _both(odd, session_id, ways)
    assert (found.email, found.expires_at, found.scopes) == ("ada@example.com", SOON, ("x",))
    assert isinstance(found.user_id, UUID)


async def test_a_type_with_parameters_of_its_own_goes_through_core(
    odd: Adapter, ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OddUser.__table__.c["E-Mail"], "type", Turned())
    session_id = await _signed_in(odd)
    found = await odd.get_identity(session_id)
    assert found is not None
    assert found.email == "eve@example.com"
    assert (ways.driver, ways.core) == (0, 1)


@pytest.mark.parametrize("name", ["before_execute", "after_execute", "before_cursor_execute", "after_cursor_execute"])
@pytest.mark.parametrize("on", ["this engine", "all engines"])
async def test_who_listens_hears_one_select(adapter: Adapter, ways: Ways, name: str, on: str) -> None:
    session_id, heard = await _signed_in(adapter), list[str]()
    await adapter.get_identity(session_id)
    target = adapter.db_runtime.engine.sync_engine if on == "this engine" else Engine

    def listener(*arguments: Any) -> None:
        heard.append(str(arguments[2] if "cursor" in name else arguments[1]))

    event.listen(target, name, listener)
    try:
        await adapter.get_identity(session_id)
    finally:
        event.remove(target, name, listener)
    assert len(heard) == 1
    assert heard[0].startswith("SELECT")
    assert (ways.driver, ways.core) == (1, 1)
    await adapter.get_identity(session_id)
    assert (ways.driver, ways.core) == (2, 1)


@pytest.mark.parametrize("how", ["echo", "level"])
async def test_who_logs_sees_the_statement(
    adapter: Adapter, ways: Ways, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    session_id = await _signed_in(adapter)
    engine = adapter.db_runtime.engine.sync_engine
    with caplog.at_level(logging.INFO, logger="sqlalchemy.engine.Engine" if how == "level" else "unrelated"):
        if how == "echo":
            engine.echo = True
        await adapter.get_identity(session_id)
        engine.echo = False
    assert ways.driver == 0
    assert "SELECT" in caplog.text
    assert "ada@example.com" not in caplog.text
    assert str(session_id) not in caplog.text
    await adapter.get_identity(session_id)
    assert ways.driver == 1


async def test_behind_a_transaction_pooler_it_goes_through_core(
    postgres_settings: PostgresSettings, models: Any, ways: Ways
) -> None:
    settings = postgres_settings.model_copy(update={"statement_cache_size": 0})
    async with settings.runtime as runtime:
        await runtime.create_all(models.metadata)
        adapter: Adapter = AlchemyAdapter(
            user=models.user,
            account=models.account,
            session=models.session,
            oauth_state=models.oauth_state,
            db=runtime,
        )
        found = await adapter.get_identity(await _signed_in(adapter))
    assert found is not None
    assert (ways.driver, ways.core) == (0, 1)


async def test_it_reads_what_is_committed_also_inside_a_transaction(adapter: Adapter, models: Any, ways: Ways) -> None:
    session_id = await _signed_in(adapter)
    async with adapter.db_runtime.transaction() as db:
        assert await adapter.get_identity(session_id)
        settings = adapter.db_runtime.settings
        if not (isinstance(settings, SqliteSettings) and settings.database == ":memory:"):  # there a reader waits
            await db.execute(update(models.user).values(email="new@example.com"))
            inside = await adapter.get_identity(session_id)
            assert inside is not None
            assert inside.email == "ada@example.com"
    async with adapter.db_runtime.transaction() as db:
        await db.execute(update(models.user).values(email="new@example.com"))
    after = await adapter.get_identity(session_id)
    assert after is not None
    assert after.email == "new@example.com"
    assert ways.core == 0


async def test_the_connection_is_back_at_once_and_holds_no_transaction(adapter: Adapter, ways: Ways) -> None:
    session_id = await _signed_in(adapter)
    for _ in range(20):
        await asyncio.gather(*(adapter.get_identity(session_id) for _ in range(12)))
    runtime = adapter.db_runtime
    assert runtime.connections.in_use == 0
    assert runtime.connections.idle <= runtime.settings.pool_size
    assert ways.driver == 240
    if runtime.settings.type == "postgres":
        async with runtime.session() as db:
            open_ones = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%' AND datname = 'tests'"
            assert await db.scalar(text(open_ones)) == 0


async def test_after_the_engine_is_disposed_of_it_connects_again(adapter: Adapter, ways: Ways) -> None:
    session_id = await _signed_in(adapter)
    first = await adapter.get_identity(session_id)
    await adapter.db_runtime.engine.dispose()
    assert await adapter.get_identity(session_id) == first
    assert ways.driver == 2


async def test_each_of_several_databases_knows_its_own(tmp_path: Any, models: Any, ways: Ways) -> None:
    databases = Databases({name: f"sqlite:///{tmp_path}/{name}.db" for name in ("one", "two")})
    adapters: list[Adapter] = []
    for name in ("one", "two"):
        runtime = databases[name]
        await runtime.create_all(models.metadata)
        adapters.append(
            AlchemyAdapter(
                user=models.user,
                account=models.account,
                session=models.session,
                oauth_state=models.oauth_state,
                db=runtime,
            )
        )
    first = await _signed_in(adapters[0], "one@example.com")
    second = await _signed_in(adapters[1], "two@example.com")
    emails = [
        each.email if each else None for each in [await a.get_identity(i) for a in adapters for i in (first, second)]
    ]
    assert emails == ["one@example.com", None, None, "two@example.com"]
    assert ways.driver == 4
    await databases.dispose()


async def test_a_table_that_is_not_there_is_unavailability_and_the_pool_recovers(
    adapter: Adapter, models: Any, ways: Ways
) -> None:
    session_id = await _signed_in(adapter)
    before = await adapter.get_identity(session_id)
    runtime = adapter.db_runtime
    async with runtime.transaction() as db:
        await db.execute(text(f"ALTER TABLE {models.session.__tablename__} RENAME TO elsewhere"))
    for _ in range(runtime.settings.pool_size + runtime.settings.max_overflow + 1):
        with pytest.raises(UnavailableError) as caught:
            await adapter.get_identity(session_id)
        assert str(session_id) not in f"{caught.value!r}{caught.value.__cause__!r}"
    assert runtime.connections.in_use == 0
    async with runtime.transaction() as db:
        await db.execute(text(f"ALTER TABLE elsewhere RENAME TO {models.session.__tablename__}"))
    assert await adapter.get_identity(session_id) == before
    assert ways.core == 0


async def test_a_migration_under_a_prepared_statement_is_not_noticed(
    postgres_settings: PostgresSettings, adapter_of: Callable[[DatabaseRuntime], Adapter], models: Any
) -> None:
    async with postgres_settings.runtime as runtime:
        await runtime.create_all(models.metadata)
        adapter = adapter_of(runtime)
        session_id = await _signed_in(adapter)
        before = await adapter.get_identity(session_id)
        email = models.user.__table__.c[models.user.email.expression.name].name
        async with runtime.transaction() as db:
            await db.execute(text(f"ALTER TABLE {models.user.__tablename__} ALTER {email} TYPE varchar(200)"))
        assert await adapter.get_identity(session_id) == before


@pytest.fixture
def adapter_of(models: Any) -> Callable[[DatabaseRuntime], Adapter]:
    def make(runtime: DatabaseRuntime) -> Adapter:
        return AlchemyAdapter(
            user=models.user,
            account=models.account,
            session=models.session,
            oauth_state=models.oauth_state,
            db=runtime,
        )

    return make


async def test_a_connection_that_the_server_ends_in_the_middle_costs_nobody_an_answer(
    postgres_settings: PostgresSettings,
    adapter_of: Callable[[DatabaseRuntime], Adapter],
    models: Any,
    ways: Ways,
) -> None:
    settings = postgres_settings.model_copy(update={"pool_size": 1, "max_overflow": 0, "application_name": "victim"})
    async with settings.runtime as runtime, postgres_settings.runtime as other:
        await runtime.create_all(models.metadata)
        adapter = adapter_of(runtime)
        session_id = await _signed_in(adapter)
        before = await adapter.get_identity(session_id)
        async with other.transaction() as lock:
            await lock.execute(text(f"LOCK TABLE {models.user.__tablename__} IN ACCESS EXCLUSIVE MODE"))
            asking = asyncio.create_task(adapter.get_identity(session_id))
            await asyncio.sleep(0.05)
            assert not asking.done()
            await lock.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim'")
            )
        assert await asyncio.wait_for(asking, 10) == before
        assert runtime.connections.in_use == 0
        assert ways == Ways(driver=2, core=1)


async def test_a_server_that_stopped_is_unavailability_until_it_is_back(
    own_postgres_server: Any, adapter_of: Callable[[DatabaseRuntime], Adapter], models: Any
) -> None:
    settings = PostgresSettings.from_url(own_postgres_server.dsn)
    async with settings.runtime as runtime:
        await runtime.create_all(models.metadata)
        adapter = adapter_of(runtime)
        session_id = await _signed_in(adapter)
        before = await adapter.get_identity(session_id)
        await asyncio.to_thread(own_postgres_server.stop)
        for _ in range(3):
            with pytest.raises(UnavailableError):
                await adapter.get_identity(session_id)
        assert runtime.connections.in_use == 0
        await asyncio.to_thread(own_postgres_server.start)
        assert await adapter.get_identity(session_id) == before


async def test_a_statement_that_takes_too_long_is_not_tried_again(
    postgres_settings: PostgresSettings,
    adapter_of: Callable[[DatabaseRuntime], Adapter],
    models: Any,
    ways: Ways,
) -> None:
    settings = postgres_settings.model_copy(update={"command_timeout": 0.2})
    async with settings.runtime as runtime, postgres_settings.runtime as other:
        await runtime.create_all(models.metadata)
        adapter = adapter_of(runtime)
        session_id = await _signed_in(adapter)
        async with other.transaction() as lock:
            await lock.execute(text(f"LOCK TABLE {models.user.__tablename__} IN ACCESS EXCLUSIVE MODE"))
            with pytest.raises(UnavailableError):
                await adapter.get_identity(session_id)
        assert ways == Ways(driver=1, core=0)
        assert runtime.connections.in_use == 0
        assert await adapter.get_identity(session_id)


async def test_who_is_cancelled_in_the_middle_leaves_no_connection_that_is_used_again(
    postgres_settings: PostgresSettings, adapter_of: Callable[[DatabaseRuntime], Adapter], models: Any
) -> None:
    settings = postgres_settings.model_copy(update={"pool_size": 1, "max_overflow": 0, "application_name": "victim"})
    pids = text("SELECT pid FROM pg_stat_activity WHERE application_name = 'victim'")
    async with settings.runtime as runtime, postgres_settings.runtime as other:
        await runtime.create_all(models.metadata)
        adapter = adapter_of(runtime)
        session_id = await _signed_in(adapter)
        async with other.transaction() as lock:
            (before,) = await lock.scalars(pids)
            await lock.execute(text(f"LOCK TABLE {models.user.__tablename__} IN ACCESS EXCLUSIVE MODE"))
            asking = asyncio.create_task(adapter.get_identity(session_id))
            await asyncio.sleep(0.05)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert runtime.connections.in_use == 0
        found = await adapter.get_identity(session_id)
        assert found is not None
        async with other.session() as db:
            (after,) = await db.scalars(pids)
        assert after != before


async def test_a_cancellation_at_any_moment_mixes_up_nobody(adapter: Adapter) -> None:
    """An answer that comes after its caller is gone must not be taken for the next one's."""
    sessions = {await _signed_in(adapter, f"user{number}@example.com"): number for number in range(4)}
    runtime = adapter.db_runtime
    cancelled = 0
    for moment in range(40):
        tasks = {asyncio.create_task(adapter.get_identity(key)): number for key, number in sessions.items()}
        for _ in range(moment % 13):
            await asyncio.sleep(0.0001 * (moment % 3))
        victims = list(tasks)[: 1 + moment % 3]
        for task in victims:
            task.cancel()
        await asyncio.wait(tasks)
        for task, number in tasks.items():
            if task.cancelled():
                cancelled += 1
                continue
            found = task.result()
            assert found is not None
            assert found.email == f"user{number}@example.com"
    assert cancelled
    assert runtime.connections.in_use == 0
    await asyncio.wait_for(asyncio.gather(*(adapter.get_identity(key) for key in sessions for _ in range(5))), 10)


async def test_the_server_is_asked_once_and_for_nothing_else(
    own_postgres_server: Any, adapter_of: Callable[[DatabaseRuntime], Adapter], models: Any
) -> None:
    administrator = await asyncpg.connect(own_postgres_server.dsn)
    await administrator.execute("ALTER SYSTEM SET log_statement = 'all'")
    await administrator.execute("ALTER SYSTEM SET log_line_prefix = '[%a] '")
    await administrator.execute("SELECT pg_reload_conf()")
    await administrator.close()
    log = own_postgres_server.folder / "log"
    settings = PostgresSettings.from_url(own_postgres_server.dsn).model_copy(
        update={"application_name": "asking", "pool_size": 1, "max_overflow": 0}
    )
    async with settings.runtime as runtime:
        await runtime.create_all(models.metadata)
        adapter = adapter_of(runtime)
        session_id = await _signed_in(adapter)
        await adapter.get_identity(session_id)  # prepares the statement
        seen = len(log.read_text())
        for _ in range(3):
            assert await adapter.get_identity(session_id)
        lines = [line for line in log.read_text()[seen:].splitlines() if line.startswith("[asking] LOG:")]
    assert len(lines) == 3, lines
    assert all("execute" in line and "SELECT" in line for line in lines), lines


@pytest.mark.parametrize("wrong", ["not-a-uuid", None, 7])
async def test_what_is_no_session_id_is_refused_as_elsewhere(adapter: Adapter, wrong: Any, db: Any) -> None:
    errors = []
    for ask in (lambda: adapter.get_identity(wrong), lambda: adapter.get_session(db, wrong)):
        try:
            errors.append(await ask())
        except Exception as error:  # noqa: BLE001 - whichever it is
            errors.append(type(error))
    assert errors[0] == errors[1]
    assert adapter.db_runtime.connections.in_use == 0


async def test_it_needs_a_database(models: Any) -> None:
    adapter: Adapter = AlchemyAdapter(
        user=models.user, account=models.account, session=models.session, oauth_state=models.oauth_state
    )
    with pytest.raises(AttributeError, match="made without db="):
        await adapter.get_identity(uuid4())
