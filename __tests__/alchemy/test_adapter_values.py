"""What no database gets to see: the error is the same on all of them, and comes before any SQL."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest

from proto import InvalidValueError

SOON = datetime(2030, 1, 1, tzinfo=UTC)
NAIVE = datetime(2030, 1, 1)  # noqa: DTZ001  the point of the tests

type Call = Callable[[Any, Any, Any, Any], Awaitable[Any]]

TEXTS: dict[str, Call] = {
    "create_user email": lambda adapter, db, rows, bad: adapter.create_user(db, bad),
    "create_user name": lambda adapter, db, rows, bad: adapter.create_user(db, "eve@example.com", bad),
    "create_user image": lambda adapter, db, rows, bad: adapter.create_user(db, "eve@example.com", None, bad),
    "get_user_by_email": lambda adapter, db, rows, bad: adapter.get_user_by_email(db, bad),
    "update_user email": lambda adapter, db, rows, bad: adapter.update_user(db, rows.user.id, email=bad),
    "update_user name": lambda adapter, db, rows, bad: adapter.update_user(db, rows.user.id, name=bad),
    "create_account provider": lambda adapter, db, rows, bad: adapter.create_account(db, rows.user.id, bad, "1"),
    "create_account subject": lambda adapter, db, rows, bad: adapter.create_account(db, rows.user.id, "x", bad),
    "create_account token": lambda adapter, db, rows, bad: adapter.create_account(
        db, rows.user.id, "x", "1", access_token=bad
    ),
    "get_account": lambda adapter, db, rows, bad: adapter.get_account(db, "op", bad),
    "get_account provider": lambda adapter, db, rows, bad: adapter.get_account(db, bad, "subject"),
    "get_account_and_user": lambda adapter, db, rows, bad: adapter.get_account_and_user(db, "op", bad),
    "get_account_by_user_and_provider": lambda adapter, db, rows, bad: adapter.get_account_by_user_and_provider(
        db, rows.user.id, bad
    ),
    "update_account": lambda adapter, db, rows, bad: adapter.update_account(db, rows.user.id, "op", id_token=bad),
    "delete_account": lambda adapter, db, rows, bad: adapter.delete_account(db, rows.user.id, bad),
    "create_session address": lambda adapter, db, rows, bad: adapter.create_session(db, rows.user.id, SOON, bad),
    "create_session agent": lambda adapter, db, rows, bad: adapter.create_session(db, rows.user.id, SOON, None, bad),
    "update_session": lambda adapter, db, rows, bad: adapter.update_session(db, rows.session.id, user_agent=bad),
    "create_oauth_state": lambda adapter, db, rows, bad: adapter.create_oauth_state(db, bad, SOON),
    "create_oauth_state verifier": lambda adapter, db, rows, bad: adapter.create_oauth_state(db, "x", SOON, bad),
    "get_oauth_state": lambda adapter, db, rows, bad: adapter.get_oauth_state(db, bad),
    "delete_oauth_state": lambda adapter, db, rows, bad: adapter.delete_oauth_state(db, bad),
}


BAD_TEXTS = (
    ("canary\0", "NUL characters or lone surrogates"),
    ("canary\ud800", "NUL characters or lone surrogates"),
    (b"canary", "must be a string, got bytes"),
    (5, "must be a string, got int"),
)


async def test_text_that_a_database_cannot_hold_is_refused_before_any_sql(
    adapter: Any, db: Any, rows: Any, statement_log: Any
) -> None:
    for call in TEXTS.values():
        for bad, message in BAD_TEXTS:
            with pytest.raises(InvalidValueError, match=message) as caught:
                await call(adapter, db, rows, bad)
            assert "canary" not in str(caught.value)
    assert statement_log.statements == []


IDS: dict[str, Call] = {
    "get_user_by_id": lambda adapter, db, rows, bad: adapter.get_user_by_id(db, bad),
    "update_user": lambda adapter, db, rows, bad: adapter.update_user(db, bad, name="x"),
    "delete_user": lambda adapter, db, rows, bad: adapter.delete_user(db, bad),
    "create_account": lambda adapter, db, rows, bad: adapter.create_account(db, bad, "x", "1"),
    "list_accounts": lambda adapter, db, rows, bad: adapter.list_accounts(db, bad),
    "create_session": lambda adapter, db, rows, bad: adapter.create_session(db, bad, SOON),
    "get_session": lambda adapter, db, rows, bad: adapter.get_session(db, bad),
    "get_session_and_user": lambda adapter, db, rows, bad: adapter.get_session_and_user(db, bad),
    "list_sessions": lambda adapter, db, rows, bad: adapter.list_sessions(db, bad),
    "update_session": lambda adapter, db, rows, bad: adapter.update_session(db, bad, user_agent="x"),
    "delete_session": lambda adapter, db, rows, bad: adapter.delete_session(db, bad),
    "delete_sessions keep": lambda adapter, db, rows, bad: adapter.delete_sessions(db, rows.user.id, keep=bad or ""),
}


async def test_what_is_no_uuid_is_refused_before_any_sql(adapter: Any, db: Any, rows: Any, statement_log: Any) -> None:
    for call in IDS.values():
        for bad in ("canary", str(uuid4()), 5, None):
            with pytest.raises(InvalidValueError, match="must be a UUID, got"):
                await call(adapter, db, rows, bad)
    assert statement_log.statements == []


MOMENTS: dict[str, Call] = {
    "create_account": lambda adapter, db, rows, bad: adapter.create_account(db, rows.user.id, "x", "1", expires_at=bad),
    "update_account": lambda adapter, db, rows, bad: adapter.update_account(db, rows.user.id, "op", expires_at=bad),
    "create_session": lambda adapter, db, rows, bad: adapter.create_session(db, rows.user.id, bad),
    "update_session": lambda adapter, db, rows, bad: adapter.update_session(db, rows.session.id, expires_at=bad),
    "extend_session": lambda adapter, db, rows, bad: adapter.extend_session(db, rows.session.id, bad, previous=SOON),
    "extend_session previous": lambda adapter, db, rows, bad: adapter.extend_session(
        db, rows.session.id, SOON, previous=bad
    ),
    "create_oauth_state": lambda adapter, db, rows, bad: adapter.create_oauth_state(db, "x", bad),
}


async def test_what_is_no_moment_is_refused_before_any_sql(
    adapter: Any, db: Any, rows: Any, statement_log: Any
) -> None:
    for call in MOMENTS.values():
        for bad in (NAIVE, "2030-01-01", 1_900_000_000, date(2030, 1, 1)):
            with pytest.raises(InvalidValueError, match=r"expires_at.* an aware datetime"):
                await call(adapter, db, rows, bad)
    assert statement_log.statements == []


BAD_UPDATES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"email": None}, "email must be a string, got NoneType"),
    ({"email_verified": None}, "email_verified must be a bool, got NoneType"),
    ({"email_verified": "false"}, "email_verified must be a bool, got str"),
    ({"email_verified": 1}, "email_verified must be a bool, got int"),
    ({"scopes": "admin"}, "scopes: expected a list, tuple or set of scopes, got str"),
    ({"scopes": ["admin", 5]}, "scopes: expected every scope to be a string"),
    ({"scopes": ["\0"]}, "scopes: expected scopes without NUL"),
)


async def test_a_user_is_not_given_what_its_columns_do_not_take(
    adapter: Any, db: Any, rows: Any, statement_log: Any
) -> None:
    for updates, message in BAD_UPDATES:
        with pytest.raises(InvalidValueError, match=message):
            await adapter.update_user(db, rows.user.id, **updates)
    assert statement_log.statements == []


async def test_text_that_is_too_long_is_refused_on_every_database(adapter: Any, db: Any, rows: Any) -> None:
    calls = {
        "email": lambda length: adapter.update_user(db, rows.user.id, email="x" * length),
        "provider_account_id": lambda length: adapter.create_account(db, rows.user.id, "x", "x" * length),
        "ip_address": lambda length: adapter.update_session(db, rows.session.id, ip_address="x" * length),
        "code_verifier": lambda length: adapter.create_oauth_state(db, "x", SOON, "x" * length),
    }
    models = (adapter.user, adapter.account, adapter.session, adapter.oauth_state)
    for (name, call), model in zip(calls.items(), models, strict=True):
        limit = getattr(model, name).type.length
        if limit is None:  # the plain models set no limit, so there is none
            await call(1000)
            continue
        with pytest.raises(InvalidValueError, match=f"{name} must have at most {limit} characters, got {limit + 1}"):
            await call(limit + 1)
        await call(limit)


async def test_a_text_that_is_longer_than_any_that_is_stored_is_not_found(adapter: Any, db: Any) -> None:
    assert await adapter.get_account(db, "op", "x" * 1000) is None
    assert await adapter.get_oauth_state(db, "x" * 1000) is None


async def test_what_is_no_async_session_is_a_type_error(adapter: Any) -> None:
    for db in (None, "db", object()):
        with pytest.raises(TypeError, match=f"AsyncSession as db, got {type(db).__name__}"):
            await adapter.get_user_by_email(db, "ada@example.com")
        with pytest.raises(TypeError, match="AsyncSession"):
            adapter.transaction(db)


async def test_text_of_every_plane_comes_back_as_it_was(adapter: Any, db: Any, other_db: Any) -> None:
    # a right-to-left override, a bell, a letter composed and decomposed, letters of other planes, a non-character
    name = "Ada 😀 \u202e\u0007 é e\u0301 \U0001d538 \uffff"
    user = await adapter.create_user(db, "ada@example.com", name)
    assert (await adapter.get_user_by_id(other_db, user.id)).name == name
