import asyncio
import sqlite3
import traceback

import asyncpg
import pytest
from sqlalchemy import exc, text
from sqlalchemy.ext.asyncio import AsyncSession

from belgie.alchemy.errors import translate, translated
from belgie.alchemy.settings import DatabaseRuntime, PostgresSettings
from proto import AdapterError, ConflictError, InvalidValueError, UnavailableError

SECRET = "ada@example.com"


@pytest.fixture
async def tables(runtime: DatabaseRuntime) -> DatabaseRuntime:
    async with runtime.session() as session:
        await session.execute(text("CREATE TABLE person (id INTEGER PRIMARY KEY, email VARCHAR(50) UNIQUE NOT NULL)"))
        await session.execute(text("CREATE TABLE pet (owner INTEGER REFERENCES person (id))"))
        await session.commit()
    return runtime


async def _add(session: AsyncSession, number: int, email: str | None) -> None:
    with translated():
        await session.execute(text("INSERT INTO person VALUES (:id, :email)"), {"id": number, "email": email})
        await session.commit()


async def test_a_duplicate_is_a_conflict_and_the_session_stays_usable(tables: DatabaseRuntime) -> None:
    async with tables.session() as session:
        await _add(session, 1, SECRET)
        with pytest.raises(ConflictError) as caught:
            await _add(session, 2, SECRET)
        await session.rollback()
        with pytest.raises(ConflictError):
            await _add(session, 1, "other@example.com")
        await session.rollback()
        await _add(session, 2, "grace@example.com")
    assert SECRET not in str(caught.value)
    assert isinstance(caught.value.__cause__, exc.IntegrityError)


async def test_no_traceback_shows_a_value(tables: DatabaseRuntime) -> None:
    async with tables.session() as session:
        await _add(session, 1, SECRET)
        with pytest.raises(ConflictError) as caught:
            await _add(session, 2, SECRET)
    said = "".join(traceback.format_exception(caught.value))
    assert "[SQL: INSERT INTO person" in said
    assert SECRET not in said


async def test_no_traceback_shows_a_value_that_asyncpg_could_not_send(postgres_settings: PostgresSettings) -> None:
    async with DatabaseRuntime(postgres_settings) as runtime, runtime.session() as session:
        with pytest.raises(InvalidValueError) as caught, translated():
            await session.execute(text("SELECT CAST(:x AS INTEGER)"), {"x": f"{SECRET} ("})
    said = "".join(traceback.format_exception(caught.value))
    assert "invalid input for query argument $1" in said
    assert SECRET not in said


async def test_a_reference_to_a_missing_row_is_an_adapter_error(tables: DatabaseRuntime) -> None:
    async with tables.session() as session:
        with pytest.raises(AdapterError) as caught, translated():
            await session.execute(text("INSERT INTO pet VALUES (7)"))
    assert type(caught.value) is AdapterError


async def test_another_broken_constraint_is_a_mistake_of_the_program(tables: DatabaseRuntime) -> None:
    async with tables.session() as session:
        with pytest.raises(exc.IntegrityError):
            await _add(session, 1, None)


async def test_a_missing_table_and_a_missing_column_are_unavailability(tables: DatabaseRuntime) -> None:
    for statement in ("SELECT 1 FROM missing", "SELECT missing FROM person"):
        async with tables.session() as session:
            with pytest.raises(UnavailableError), translated():
                await session.execute(text(statement))


async def test_a_mistyped_statement_is_a_mistake_of_the_program(runtime: DatabaseRuntime) -> None:
    async with runtime.session() as session:
        with pytest.raises(exc.DBAPIError), translated():
            await session.execute(text("SELEKT 1"))


async def test_a_lone_surrogate_cannot_be_stored(tables: DatabaseRuntime) -> None:
    async with tables.session() as session:
        with pytest.raises(InvalidValueError):
            await _add(session, 1, "a\ud800")


async def test_a_nul_character_cannot_be_stored_by_postgres(postgres_settings: PostgresSettings) -> None:
    async with DatabaseRuntime(postgres_settings) as runtime, runtime.session() as session:
        await session.execute(text("CREATE TABLE person (id INTEGER, email TEXT)"))
        with pytest.raises(InvalidValueError):
            await _add(session, 1, "a\x00b")


async def test_a_value_of_the_wrong_type_cannot_be_stored_by_postgres(postgres_settings: PostgresSettings) -> None:
    async with DatabaseRuntime(postgres_settings) as runtime, runtime.session() as session:
        with pytest.raises(InvalidValueError), translated():
            await session.execute(text("SELECT CAST(:x AS INTEGER)"), {"x": "secret"})
        await session.rollback()
        with pytest.raises(InvalidValueError), translated():
            await session.execute(text("SELECT CAST(CAST(:x AS TEXT) AS INTEGER)"), {"x": "secret"})


async def test_a_connection_that_the_server_ended_is_unavailability(postgres_settings: PostgresSettings) -> None:
    async with DatabaseRuntime(postgres_settings) as runtime, runtime.session() as session, runtime.session() as other:
        number = await session.scalar(text("SELECT pg_backend_pid()"))
        await other.execute(text("SELECT pg_terminate_backend(:number)"), {"number": number})
        with pytest.raises(UnavailableError), translated():
            await session.execute(text("SELECT 1"))


async def test_a_table_that_changes_under_a_prepared_statement_is_unavailability(
    postgres_settings: PostgresSettings,
) -> None:
    async with DatabaseRuntime(postgres_settings) as runtime, runtime.session() as session:
        async with runtime.transaction() as other:
            await other.execute(text("CREATE TABLE shape (n INTEGER)"))
        for _ in range(2):
            await session.execute(text("SELECT * FROM shape"))
            await session.rollback()
        async with runtime.transaction() as other:
            await other.execute(text("ALTER TABLE shape ALTER n TYPE TEXT"))
        with pytest.raises(UnavailableError), translated():
            await session.execute(text("SELECT * FROM shape"))
        await session.rollback()
        await session.execute(text("SELECT * FROM shape"))


async def test_a_serialization_failure_is_unavailability(postgres_settings: PostgresSettings) -> None:
    async with DatabaseRuntime(postgres_settings) as runtime, runtime.session() as one, runtime.session() as two:
        await one.execute(text("CREATE TABLE counter (n INTEGER)"))
        await one.execute(text("INSERT INTO counter VALUES (0)"))
        await one.commit()
        for session in (one, two):
            await session.connection(execution_options={"isolation_level": "SERIALIZABLE"})
            await session.execute(text("SELECT n FROM counter"))
        await one.execute(text("UPDATE counter SET n = 1"))
        await one.commit()
        with pytest.raises(UnavailableError), translated():
            await two.execute(text("UPDATE counter SET n = 2"))


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (exc.TimeoutError(), UnavailableError),
        (TimeoutError(), UnavailableError),
        (ConnectionRefusedError(), UnavailableError),
        (asyncpg.InterfaceError("connection is closed"), UnavailableError),
        (asyncpg.TargetServerAttributeNotMatched(), UnavailableError),
        (exc.DBAPIError("SELECT 1", {}, Exception(), connection_invalidated=True), UnavailableError),
        (exc.StatementError("", "", {}, InvalidValueError("no")), InvalidValueError),
    ],
)
def test_an_error_outside_the_drivers_is_translated_by_its_kind(error: Exception, meaning: type[AdapterError]) -> None:
    assert type(translate(error)) is meaning


@pytest.mark.parametrize(
    "error",
    [
        ValueError(),
        asyncio.CancelledError(),
        exc.InvalidRequestError(),
        KeyError("x"),
        asyncpg.InterfaceError("another operation is in progress"),
        sqlite3.ProgrammingError("misuse"),
    ],
)
def test_what_is_no_answer_of_the_database_is_not_translated(error: BaseException) -> None:
    assert translate(error) is None


def test_an_adapter_error_passes_through_unchanged() -> None:
    error = ConflictError("taken")
    assert translate(error) is error
    with pytest.raises(ConflictError) as caught, translated():
        raise error
    assert caught.value is error
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (sqlite3.SQLITE_BUSY_SNAPSHOT, UnavailableError),
        (sqlite3.SQLITE_IOERR_WRITE, UnavailableError),
        (sqlite3.SQLITE_READONLY_DBMOVED, UnavailableError),
        (sqlite3.SQLITE_TOOBIG, InvalidValueError),
    ],
)
def test_an_extended_code_of_sqlite_counts_as_its_primary_code(code: int, meaning: type[AdapterError]) -> None:
    error = sqlite3.OperationalError()
    error.sqlite_errorcode = code
    assert type(translate(exc.OperationalError(None, None, error))) is meaning
