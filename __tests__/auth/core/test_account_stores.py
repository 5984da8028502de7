"""A sign-in over stores that can do less than a database, or more than they must, or have lost something."""

import asyncio
from typing import Any

import pytest
from __tests__.auth.fixtures.dictionaries import DictAdapter, NoConnection, NoDatabase
from starlette.requests import HTTPConnection

from auth import Auth, AuthSettings, HookContext, HookError, Hooks, OAuthError
from auth.core.accounts import AccountResolver, Arrival
from auth.providers import Profile, TokenSet
from proto import DBConnection


def arrival() -> Arrival:
    return Arrival(
        provider_id="op",
        profile=Profile(provider_account_id="ada", email="ada@example.org", email_verified=True),
        tokens=TokenSet(access_token="an-access-token", token_type="bearer", scope="a-scope"),
        connection=HTTPConnection({"type": "http", "headers": [], "client": ("203.0.113.7", 1)}),
    )


def resolver(adapter: DictAdapter, hook: Any = None) -> AccountResolver[Any, Any, Any, Any]:
    auth: Auth[Any, Any, Any, Any] = Auth(
        settings=AuthSettings.model_validate({"secret": "x" * 32, "base_url": "https://app.example"}),
        adapter=adapter,
        db=NoDatabase(),
        hooks=Hooks(on_signup=hook),
    )
    return AccountResolver(auth._context)


async def test_who_goes_away_in_the_middle_leaves_no_user() -> None:
    adapter, begun = DictAdapter(), asyncio.Event()

    async def hook(_context: HookContext[Any]) -> None:
        begun.set()
        await asyncio.Event().wait()

    pending = asyncio.create_task(resolver(adapter, hook).sign_in(NoConnection(), arrival()))
    await begun.wait()
    assert len(adapter.users) == 1
    pending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pending
    assert not adapter.users


async def test_a_hook_that_fails_leaves_no_user_and_the_next_try_is_a_sign_up() -> None:
    adapter, fails = DictAdapter(), [True]

    def hook(_context: HookContext[Any]) -> None:
        if fails.pop():
            raise RuntimeError

    signs_up = resolver(adapter, hook)
    with pytest.raises(HookError):
        await signs_up.sign_in(NoConnection(), arrival())
    assert not adapter.users
    fails.append(False)
    assert (await signs_up.sign_in(NoConnection(), arrival())).is_new


async def test_an_account_whose_user_is_gone_lets_nobody_in_and_begins_nobody_anew() -> None:
    adapter = DictAdapter()
    await resolver(adapter).sign_in(NoConnection(), arrival())
    adapter.users.clear()
    sessions = dict(adapter.sessions)
    with pytest.raises(OAuthError) as caught:
        await resolver(adapter).sign_in(NoConnection(), arrival())
    assert caught.value.code == "account_not_linked"
    assert (adapter.users, adapter.sessions) == ({}, sessions)


class FindsBoth(DictAdapter):
    """Reads an account and its user in one query, and counts the queries."""

    def __init__(self) -> None:
        super().__init__()
        self.queries: list[str] = []

    async def get_account(self, db: DBConnection, provider: str, provider_account_id: str) -> Any:
        self.queries.append("account")
        return await super().get_account(db, provider, provider_account_id)

    async def get_account_and_user(self, db: DBConnection, provider: str, provider_account_id: str) -> Any:
        self.queries.append("both")
        account = await super().get_account(db, provider, provider_account_id)
        return None if account is None else (account, self.users[account.user_id])


async def test_a_store_that_finds_an_account_and_its_user_at_once_is_asked_once() -> None:
    adapter = FindsBoth()
    first = await resolver(adapter).sign_in(NoConnection(), arrival())
    again = await resolver(adapter).sign_in(NoConnection(), arrival())
    assert (first.is_new, again.is_new, again.user.id) == (True, False, first.user.id)
    assert adapter.queries == ["both", "both"]


def test_whoever_arrives_shows_neither_tokens_nor_request_nor_address() -> None:
    shown = repr(arrival())
    assert "op" in shown
    for hidden in ("tokens", "TokenSet", "a-scope", "connection", "HTTPConnection", "example.org"):
        assert hidden not in shown
