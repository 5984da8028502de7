from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from proto import ConflictError


async def test_a_new_user_is_permanent_when_the_call_returns(adapter: Any, db: Any, other_db: Any) -> None:
    user = await adapter.create_user(db, "ada@example.com", "Ada", "https://i.example/a.png", email_verified=True)
    found = await adapter.get_user_by_id(other_db, user.id)
    assert (found.email, found.name, found.image, found.email_verified, found.scopes) == (
        "ada@example.com",
        "Ada",
        "https://i.example/a.png",
        True,
        None,
    )
    assert found.created_at.tzinfo is UTC


async def test_a_new_user_has_no_verified_address_unless_told_so(adapter: Any, db: Any) -> None:
    assert (await adapter.create_user(db, "ada@example.com")).email_verified is False


async def test_an_address_is_stored_folded_and_found_in_any_letter_case(adapter: Any, db: Any) -> None:
    user = await adapter.create_user(db, " Ada@Example.COM ")
    assert user.email == "ada@example.com"
    for address in ("ada@example.com", "ADA@EXAMPLE.COM", " ada@example.com\n"):
        assert (await adapter.get_user_by_email(db, address)).id == user.id


async def test_only_ascii_letters_are_folded(adapter: Any, db: Any) -> None:
    await adapter.create_user(db, "s@example.com")
    assert await adapter.get_user_by_email(db, "\u017f@example.com") is None  # a long s, which case folding makes an s


@pytest.mark.usefixtures("rows")
async def test_what_looks_like_sql_or_a_pattern_is_plain_text(adapter: Any, db: Any) -> None:
    for address in ("' OR 1=1--", "%", "_da@example.com", "ada@example.com%", "a\\"):
        assert await adapter.get_user_by_email(db, address) is None, address
        user = await adapter.create_user(db, address)
        assert (await adapter.get_user_by_email(db, address)).id == user.id


async def test_nobody_is_none(adapter: Any, db: Any) -> None:
    assert await adapter.get_user_by_id(db, uuid4()) is None
    assert await adapter.get_user_by_email(db, "nobody@example.com") is None
    assert await adapter.update_user(db, uuid4(), name="Ada") is None
    assert await adapter.update_user(db, uuid4()) is None
    assert await adapter.delete_user(db, uuid4()) is False


async def test_an_address_belongs_to_one_user(adapter: Any, db: Any, rows: Any) -> None:
    with pytest.raises(ConflictError):
        await adapter.create_user(db, "ADA@example.com")
    assert (await adapter.get_user_by_email(db, "ada@example.com")).id == rows.user.id
    assert await db.scalar(select(func.count()).select_from(adapter.user)) == 1


async def test_an_update_is_permanent_and_returns_the_row(adapter: Any, db: Any, other_db: Any, rows: Any) -> None:
    changed = await adapter.update_user(db, rows.user.id, name=None, email_verified=True, scopes=["admin"])
    assert (changed.name, changed.email_verified, changed.scopes) == (None, True, ["admin"])
    found = await adapter.get_user_by_id(other_db, rows.user.id)
    assert (found.name, found.email_verified, found.scopes) == (None, True, ["admin"])
    assert found.updated_at > rows.user.updated_at
    assert found.created_at == rows.user.created_at


async def test_an_update_shows_on_the_row_that_the_session_holds(adapter: Any, db: Any, rows: Any) -> None:
    held = await adapter.get_user_by_id(db, rows.user.id)
    assert await adapter.update_user(db, rows.user.id, name="Countess") is held
    assert held.name == "Countess"


async def test_an_update_without_fields_returns_the_user(adapter: Any, db: Any, rows: Any) -> None:
    found = await adapter.update_user(db, rows.user.id)
    assert (found.id, found.updated_at) == (rows.user.id, rows.user.updated_at)


async def test_a_new_address_is_folded_too(adapter: Any, db: Any, rows: Any) -> None:
    assert (await adapter.update_user(db, rows.user.id, email=" New@Example.com")).email == "new@example.com"


@pytest.mark.usefixtures("rows")
async def test_a_new_address_that_is_taken_changes_nothing(adapter: Any, db: Any, other_db: Any) -> None:
    eve = (await adapter.create_user(db, "eve@example.com", name="Eve")).id
    with pytest.raises(ConflictError):
        await adapter.update_user(db, eve, email="Ada@example.com", name="Ada")
    found = await adapter.get_user_by_id(other_db, eve)
    assert (found.email, found.name) == ("eve@example.com", "Eve")


FORBIDDEN = ("id", "created_at", "updated_at", "nmae", "__class__", "__dict__", "_sa_instance_state", "metadata", "")


async def test_a_field_that_is_not_for_callers_is_a_type_error_before_any_sql(
    adapter: Any, db: Any, rows: Any, statement_log: Any
) -> None:
    for field in FORBIDDEN:
        with pytest.raises(TypeError, match=r"update_user\(\).*allowed are .*email.*name") as caught:
            await adapter.update_user(db, rows.user.id, **{"name": "canary", field: "canary"})
        assert repr(field) in str(caught.value)
        assert "canary" not in str(caught.value)
    assert statement_log.statements == []


async def test_a_row_read_again_has_what_another_session_wrote(adapter: Any, db: Any, other_db: Any, rows: Any) -> None:
    held = await adapter.get_user_by_id(db, rows.user.id)
    await db.commit()
    await adapter.update_user(other_db, rows.user.id, scopes=["admin"])
    assert held.scopes is None
    assert await adapter.get_user_by_id(db, rows.user.id) is held
    assert held.scopes == ["admin"]


async def test_a_deleted_user_takes_accounts_and_sessions_along(
    adapter: Any, db: Any, other_db: Any, rows: Any
) -> None:
    assert await adapter.delete_user(db, rows.user.id) is True
    assert await adapter.delete_user(db, rows.user.id) is False
    assert await adapter.get_user_by_id(other_db, rows.user.id) is None
    assert await adapter.get_account(other_db, "op", "subject") is None
    assert await adapter.get_session(other_db, rows.session.id) is None


async def test_a_deleted_user_takes_nobody_elses_rows_along(adapter: Any, db: Any, rows: Any) -> None:
    other = await adapter.create_user(db, "eve@example.com")
    session = await adapter.create_session(db, other.id, datetime.now(UTC))
    assert await adapter.delete_user(db, rows.user.id) is True
    assert (await adapter.get_session(db, session.id)).user_id == other.id


async def test_a_deleted_row_stays_readable_in_the_session_that_held_it(adapter: Any, db: Any, rows: Any) -> None:
    held = await adapter.get_user_by_id(db, rows.user.id)
    await adapter.delete_user(db, rows.user.id)
    assert held.email == "ada@example.com"
    assert held not in db
