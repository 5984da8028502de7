from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from proto import AdapterError, ConflictError

EXPIRY = datetime(2030, 1, 1, tzinfo=UTC)
TOKENS = {
    "access_token": "access",
    "refresh_token": "refresh",
    "expires_at": EXPIRY,
    "token_type": "Bearer",
    "scope": "openid email",
    "id_token": "header.payload.signature",
}


async def test_a_new_account_is_permanent_with_its_tokens(adapter: Any, db: Any, other_db: Any, rows: Any) -> None:
    account = await adapter.create_account(db, rows.user.id, "other", "1", **TOKENS)
    found = await adapter.get_account(other_db, "other", "1")
    assert (found.id, found.user_id) == (account.id, rows.user.id)
    assert {name: getattr(found, name) for name in TOKENS} == TOKENS


async def test_an_account_is_found_by_its_user_and_provider(adapter: Any, db: Any, rows: Any) -> None:
    assert (await adapter.get_account_by_user_and_provider(db, rows.user.id, "op")).id == rows.account.id
    assert await adapter.get_account_by_user_and_provider(db, rows.user.id, "other") is None
    assert await adapter.get_account_by_user_and_provider(db, uuid4(), "op") is None


async def test_an_account_comes_with_its_user(adapter: Any, db: Any, rows: Any) -> None:
    account, user = await adapter.get_account_and_user(db, "op", "subject")
    assert (account.id, user.id, user.email) == (rows.account.id, rows.user.id, "ada@example.com")


async def test_provider_and_subject_compare_exactly(adapter: Any, db: Any, rows: Any) -> None:
    for number, (provider, subject) in enumerate(
        (("op", "SUBJECT"), ("OP", "subject"), ("op", "subject "), ("op", ""))
    ):
        assert await adapter.get_account(db, provider, subject) is None
        assert await adapter.get_account_and_user(db, provider, subject) is None
        other = await adapter.create_user(db, f"{number}@example.com")
        account = await adapter.create_account(db, other.id, provider, subject)
        assert (await adapter.get_account(db, provider, subject)).id == account.id
    assert (await adapter.get_account(db, "op", "subject")).id == rows.account.id


async def test_a_subject_belongs_to_one_user(adapter: Any, db: Any, rows: Any) -> None:
    other = await adapter.create_user(db, "eve@example.com")
    with pytest.raises(ConflictError):
        await adapter.create_account(db, other.id, "op", "subject")
    assert (await adapter.get_account(db, "op", "subject")).user_id == rows.user.id


async def test_a_user_has_one_account_at_a_provider(adapter: Any, db: Any, rows: Any) -> None:
    with pytest.raises(ConflictError):
        await adapter.create_account(db, rows.user.id, "op", "another subject")
    assert len(await adapter.list_accounts(db, rows.user.id)) == 1


async def test_an_account_of_nobody_is_an_error_and_the_session_goes_on(adapter: Any, db: Any, rows: Any) -> None:
    with pytest.raises(AdapterError, match="does not exist") as caught:
        await adapter.create_account(db, uuid4(), "op", "another subject")
    assert not isinstance(caught.value, ConflictError)
    assert len(await adapter.list_accounts(db, rows.user.id)) == 1


async def test_tokens_are_changed_and_those_not_named_stay(adapter: Any, db: Any, other_db: Any, rows: Any) -> None:
    changed = await adapter.update_account(db, rows.user.id, "op", refresh_token="second", expires_at=EXPIRY)
    assert (changed.access_token, changed.refresh_token, changed.expires_at) == ("first", "second", EXPIRY)
    found = await adapter.get_account(other_db, "op", "subject")
    assert (found.access_token, found.refresh_token, found.expires_at) == ("first", "second", EXPIRY)
    assert found.updated_at > rows.account.updated_at


async def test_a_token_can_be_taken_away(adapter: Any, db: Any, rows: Any) -> None:
    assert (await adapter.update_account(db, rows.user.id, "op", access_token=None)).access_token is None


async def test_tokens_of_no_account_are_none(adapter: Any, db: Any, rows: Any) -> None:
    assert await adapter.update_account(db, rows.user.id, "other", access_token="a") is None
    assert await adapter.update_account(db, rows.user.id, "other") is None
    assert (await adapter.update_account(db, rows.user.id, "op")).id == rows.account.id


async def test_a_field_that_is_no_token_is_a_type_error_before_any_sql(
    adapter: Any, db: Any, rows: Any, statement_log: Any
) -> None:
    for field in ("id", "created_at", "updated_at", "acess_token", "__class__"):
        with pytest.raises(TypeError, match=r"create_account\(\).*allowed are access_token"):
            await adapter.create_account(db, rows.user.id, "other", "1", **{field: "x"})
        with pytest.raises(TypeError, match=r"update_account\(\).*allowed are access_token"):
            await adapter.update_account(db, rows.user.id, "op", **{field: "x"})
    assert statement_log.statements == []


async def test_an_account_cannot_be_moved_to_another_subject_or_user(
    adapter: Any, db: Any, rows: Any, statement_log: Any
) -> None:
    for field in ("provider_account_id", "user_id", "provider"):
        with pytest.raises(TypeError):
            await adapter.update_account(db, rows.user.id, "op", **{field: "x"})
    assert statement_log.statements == []


async def test_accounts_are_listed_oldest_first(adapter: Any, db: Any, rows: Any) -> None:
    for provider in ("b", "a"):
        await adapter.create_account(db, rows.user.id, provider, "1")
    other = await adapter.create_user(db, "eve@example.com")
    await adapter.create_account(db, other.id, "b", "2")
    assert [account.provider for account in await adapter.list_accounts(db, rows.user.id)] == ["op", "b", "a"]
    assert await adapter.list_accounts(db, uuid4()) == []


async def test_an_account_is_deleted_once_and_no_other(adapter: Any, db: Any, other_db: Any, rows: Any) -> None:
    await adapter.create_account(db, rows.user.id, "other", "1")
    assert await adapter.delete_account(db, rows.user.id, "op") is True
    assert await adapter.delete_account(db, rows.user.id, "op") is False
    assert [account.provider for account in await adapter.list_accounts(other_db, rows.user.id)] == ["other"]
