"""How many statements and commits each method costs; a read commits nothing."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

LATER = datetime(2031, 1, 1, tzinfo=UTC)

type Call = Callable[[Any, Any, Any], Awaitable[Any]]

READS: dict[str, Call] = {
    "get_user_by_id": lambda adapter, db, rows: adapter.get_user_by_id(db, rows.user.id),
    "get_user_by_email": lambda adapter, db, rows: adapter.get_user_by_email(db, rows.user.email),
    "get_account": lambda adapter, db, rows: adapter.get_account(db, "op", "subject"),
    "get_account_by_user_and_provider": lambda adapter, db, rows: adapter.get_account_by_user_and_provider(
        db, rows.user.id, "op"
    ),
    "get_account_and_user": lambda adapter, db, rows: adapter.get_account_and_user(db, "op", "subject"),
    "get_session": lambda adapter, db, rows: adapter.get_session(db, rows.session.id),
    "get_session_and_user": lambda adapter, db, rows: adapter.get_session_and_user(db, rows.session.id),
    "get_oauth_state": lambda adapter, db, rows: adapter.get_oauth_state(db, "state"),
    "list_sessions": lambda adapter, db, rows: adapter.list_sessions(db, rows.user.id),
    "list_accounts": lambda adapter, db, rows: adapter.list_accounts(db, rows.user.id),
    "update_user without fields": lambda adapter, db, rows: adapter.update_user(db, rows.user.id),
    "update_account without fields": lambda adapter, db, rows: adapter.update_account(db, rows.user.id, "op"),
    "update_session without fields": lambda adapter, db, rows: adapter.update_session(db, rows.session.id),
}

INSERTS: dict[str, Call] = {
    "create_user": lambda adapter, db, rows: adapter.create_user(db, "eve@example.com"),
    "create_account": lambda adapter, db, rows: adapter.create_account(db, rows.user.id, "other", "1", scope="x"),
    "create_session": lambda adapter, db, rows: adapter.create_session(db, rows.user.id, LATER),
    "create_oauth_state": lambda adapter, db, rows: adapter.create_oauth_state(db, "other", LATER),
}

UPDATES: dict[str, Call] = {
    "update_user": lambda adapter, db, rows: adapter.update_user(db, rows.user.id, name="x", scopes=["x"]),
    "update_account": lambda adapter, db, rows: adapter.update_account(db, rows.user.id, "op", scope="x"),
    "update_session": lambda adapter, db, rows: adapter.update_session(db, rows.session.id, expires_at=LATER),
    "extend_session": lambda adapter, db, rows: adapter.extend_session(
        db, rows.session.id, LATER, previous=rows.session.expires_at
    ),
    "extend_session too late": lambda adapter, db, rows: adapter.extend_session(
        db, rows.session.id, LATER, previous=rows.session.expires_at - timedelta(seconds=1)
    ),
    "update of nothing": lambda adapter, db, rows: adapter.update_user(db, uuid4(), name="x"),
}

DELETES: dict[str, Call] = {
    "delete_account": lambda adapter, db, rows: adapter.delete_account(db, rows.user.id, "op"),
    "delete_session": lambda adapter, db, rows: adapter.delete_session(db, rows.session.id),
    "delete_sessions": lambda adapter, db, rows: adapter.delete_sessions(db, rows.user.id),
    "delete_sessions but one": lambda adapter, db, rows: adapter.delete_sessions(
        db, rows.user.id, keep=rows.session.id
    ),
    "delete_oauth_state": lambda adapter, db, rows: adapter.delete_oauth_state(db, "state"),
    "delete_expired_sessions": lambda adapter, db, rows: adapter.delete_expired_sessions(db),
    "delete_expired_oauth_states": lambda adapter, db, rows: adapter.delete_expired_oauth_states(db),
    "delete of nothing": lambda adapter, db, rows: adapter.delete_session(db, uuid4()),
}


async def test_a_read_is_one_select_and_no_commit(adapter: Any, db: Any, rows: Any, statement_log: Any) -> None:
    for name, call in READS.items():
        statement_log.statements.clear()
        await call(adapter, db, rows)
        assert (name, statement_log.statements, statement_log.commits) == (name, ["SELECT"], 0)


@pytest.mark.parametrize(("calls", "word"), [(INSERTS, "INSERT"), (UPDATES, "UPDATE"), (DELETES, "DELETE")])
async def test_a_write_is_one_statement_and_one_commit(
    adapter: Any, db: Any, rows: Any, *, statement_log: Any, calls: dict[str, Call], word: str
) -> None:
    for name, call in calls.items():
        statement_log.statements.clear()
        statement_log.commits = 0
        await call(adapter, db, rows)
        assert (name, statement_log.statements, statement_log.commits) == (name, [word], 1)


async def test_a_user_is_deleted_in_one_transaction(adapter: Any, db: Any, rows: Any, statement_log: Any) -> None:
    await adapter.delete_user(db, rows.user.id)
    expected = 1 if adapter.db_runtime.engine.dialect.name == "postgresql" else 3
    assert statement_log.statements == ["DELETE"] * expected
    assert statement_log.commits == 1


async def test_every_value_is_a_bound_parameter(adapter: Any, db: Any, rows: Any, statement_log: Any) -> None:
    await adapter.get_user_by_email(db, "canary@example.com")
    await adapter.get_account(db, "canary", "canary")
    await adapter.create_oauth_state(db, "canary", LATER, "canary", "canary")
    await adapter.update_user(db, rows.user.id, name="canary", scopes=["canary"])
    await adapter.update_account(db, rows.user.id, "op", access_token="canary", scope="canary")
    await adapter.create_session(db, rows.user.id, LATER, "canary", "canary")
    await adapter.delete_oauth_state(db, "canary")
    assert len(statement_log.texts) == 7
    assert all("canary" not in text and "LIKE" not in text.upper() for text in statement_log.texts)
    assert all("canary" in str(parameters) for parameters in statement_log.parameters)


async def test_a_statement_is_built_once(adapter: Any, db: Any, rows: Any) -> None:
    engine = adapter.db_runtime.engine.sync_engine
    for calls in (READS, UPDATES, DELETES) * 2:  # SQLAlchemy settles on the key of a nested SELECT at its second use
        for call in calls.values():
            await call(adapter, db, rows)
    compiled = len(engine._compiled_cache)
    kept = {name: dict(getattr(table, name)) for table, name in caches(adapter)}
    for calls in (READS, UPDATES, DELETES):
        for call in calls.values():
            await call(adapter, db, rows)
    assert len(engine._compiled_cache) == compiled
    assert {name: dict(getattr(table, name)) for table, name in caches(adapter)} == kept


def caches(adapter: Any) -> list[tuple[Any, str]]:
    tables = (adapter._users, adapter._accounts, adapter._sessions, adapter._oauth_states)
    return [(table, name) for table in tables for name in ("_selects", "_updates", "_deletes")]
