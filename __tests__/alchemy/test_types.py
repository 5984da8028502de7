from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum, IntEnum, StrEnum
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from belgie.alchemy import DatabaseRuntime, DateTimeUTC, ScopeList, Scopes
from proto import InvalidValueError


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime | None] = mapped_column(DateTimeUTC)
    tags: Mapped[list[str] | None] = mapped_column(ScopeList.as_mutable(Scopes()))


class Permission(StrEnum):
    READ = "notes:read"
    WRITE = "notes:write"


class OldPermission(str, Enum):  # noqa: UP042  what applications wrote before StrEnum: str() gives its name, not its value
    READ = "notes:read"


class Level(IntEnum):
    HIGH = 3


MOMENT = datetime(2026, 3, 29, 1, 30, 15, 123456, tzinfo=UTC)


@pytest.fixture
async def db(runtime: DatabaseRuntime) -> AsyncIterator[AsyncSession]:
    await runtime.create_all(Base.metadata)
    async with runtime.session_maker() as session:
        yield session


async def stored_and_loaded(db: AsyncSession, **values: Any) -> Any:
    db.add(Note(id=1, **values))
    await db.commit()
    db.expunge_all()
    return (await db.execute(select(Note))).scalar_one()


async def test_a_datetime_comes_back_aware_in_utc_and_to_the_microsecond(db: AsyncSession) -> None:
    note = await stored_and_loaded(db, at=MOMENT)
    assert note.at == MOMENT
    assert note.at.tzinfo is UTC


async def test_a_datetime_of_another_zone_is_the_same_moment(db: AsyncSession) -> None:
    note = await stored_and_loaded(db, at=MOMENT.astimezone(timezone(timedelta(hours=5, minutes=45))))
    assert note.at == MOMENT
    assert note.at.utcoffset() == timedelta(0)


async def test_moments_compare_in_the_database_whatever_their_zone(db: AsyncSession) -> None:
    await stored_and_loaded(db, at=MOMENT)
    later_on_the_clock = (MOMENT - timedelta(seconds=1)).astimezone(timezone(timedelta(hours=14)))
    found = await db.scalars(select(Note.id).where(Note.at > later_on_the_clock))
    assert found.all() == [1]


async def test_a_naive_datetime_is_refused_and_says_what_to_use(db: AsyncSession) -> None:
    db.add(Note(id=1, at=datetime(2026, 1, 1)))  # noqa: DTZ001  the point of the test
    with pytest.raises(InvalidValueError, match=r"aware datetime, got a naive one: use datetime\.now\(UTC\)"):
        await db.flush()


async def test_the_error_for_a_bad_value_does_not_show_the_statement(db: AsyncSession) -> None:
    db.add(Note(id=1, at=datetime(2026, 1, 1), tags=["canary"]))  # noqa: DTZ001  the point of the test
    with pytest.raises(InvalidValueError) as caught:
        await db.flush()
    assert "canary" not in str(caught.value)
    assert "INSERT" not in str(caught.value)


@pytest.mark.parametrize("value", ["2026-01-01", 5, date(2026, 1, 1)])
async def test_what_is_no_datetime_is_refused(db: AsyncSession, value: object) -> None:
    with pytest.raises(InvalidValueError, match=f"aware datetime, got {type(value).__name__}"):
        await db.execute(insert(Note).values(id=1, at=value))


def test_a_moment_outside_the_years_of_utc_is_refused() -> None:
    early = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    with pytest.raises(InvalidValueError, match="years 1 to 9999"):
        DateTimeUTC.checked(early)


async def test_no_datetime_is_null(db: AsyncSession) -> None:
    assert (await stored_and_loaded(db, at=None)).at is None


async def test_a_time_span_can_be_added_to_a_moment_on_postgres(
    postgres_runtime: DatabaseRuntime,
) -> None:
    async with postgres_runtime.session_maker() as session:
        session.add(Note(id=1, at=MOMENT))
        later = await session.scalar(select(Note.at + timedelta(days=1)))
    assert later == MOMENT + timedelta(days=1)


@pytest.fixture
async def postgres_runtime(postgres_settings: Any) -> AsyncIterator[DatabaseRuntime]:
    async with DatabaseRuntime(postgres_settings) as runtime:
        await runtime.create_all(Base.metadata)
        yield runtime


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["b", "a"], ["b", "a"]),
        (("b", "a"), ["b", "a"]),
        ({"b", "a"}, ["a", "b"]),
        (frozenset({"b", "a"}), ["a", "b"]),
        ([], []),
        ([Permission.WRITE, "x"], ["notes:write", "x"]),
        ([OldPermission.READ], ["notes:read"]),
        (["ünïcödé", "a b", '"quoted"', "{braces}", "a,b"], ["ünïcödé", "a b", '"quoted"', "{braces}", "a,b"]),
        (None, None),
    ],
)
async def test_scopes_come_back_as_a_list_of_plain_strings(db: AsyncSession, given: Any, kept: Any) -> None:
    note = await stored_and_loaded(db, tags=given)
    assert note.tags == kept
    assert note.tags is None or {type(tag) for tag in note.tags} <= {str}


async def test_a_stored_strenum_member_equals_itself_when_loaded(db: AsyncSession) -> None:
    note = await stored_and_loaded(db, tags=[Permission.READ])
    assert Permission.READ in note.tags
    assert Permission.WRITE not in note.tags


@pytest.mark.parametrize("value", ["admin", b"admin", 5, {"a": 1}, iter(["a"])])
def test_what_is_no_list_of_scopes_is_refused_when_it_is_assigned(value: Any) -> None:
    with pytest.raises(InvalidValueError, match="expected a list, tuple or set of scopes"):
        Note(id=1, tags=value)


async def test_a_lone_string_is_refused_in_a_statement_too(db: AsyncSession) -> None:
    with pytest.raises(InvalidValueError, match="expected a list, tuple or set of scopes, got str"):
        await db.execute(insert(Note).values(id=1, tags="admin"))


@pytest.mark.parametrize("value", [[5], [None], [["a"]], [b"a"], [Level.HIGH]])
def test_a_scope_that_is_no_string_is_refused(value: Any) -> None:
    with pytest.raises(InvalidValueError, match="every scope to be a string"):
        Note(id=1, tags=value)


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_a_scope_that_a_database_cannot_hold_is_refused(value: str) -> None:
    with pytest.raises(InvalidValueError, match="NUL"):
        Note(id=1, tags=[value])


async def test_a_change_in_place_is_saved(db: AsyncSession) -> None:
    note = await stored_and_loaded(db, tags=["a"])
    note.tags.append("b")
    note.tags.remove("a")
    await db.commit()
    db.expunge_all()
    assert (await db.execute(select(Note))).scalar_one().tags == ["b"]


async def test_a_bad_scope_added_in_place_is_refused_when_it_is_saved(db: AsyncSession) -> None:
    note = await stored_and_loaded(db, tags=["a"])
    note.tags.append(5)
    with pytest.raises(InvalidValueError, match="every scope to be a string"):
        await db.flush()


async def test_no_scopes_are_null_and_not_the_json_null(db: AsyncSession) -> None:
    await stored_and_loaded(db, tags=None)
    assert (await db.execute(text("SELECT count(*) FROM notes WHERE tags IS NULL"))).scalar_one() == 1


async def test_scopes_are_an_array_on_postgres(postgres_runtime: DatabaseRuntime) -> None:
    async with postgres_runtime.session_maker() as session:
        session.add(Note(id=1, tags=["a", "b"]))
        await session.flush()
        query = text("SELECT pg_typeof(tags)::text, tags[2] FROM notes")
        assert (await session.execute(query)).one() == ("text[]", "b")


def test_the_types_print_as_what_a_migration_needs() -> None:
    assert repr(DateTimeUTC()) == "DateTimeUTC()"
    assert repr(Scopes()) == "Scopes()"
