"""From a profile to a user: who is found, joined, made or refused, and what each of these leaves in the store."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from __tests__.auth.fixtures.dictionaries import DictAdapter, DictUser, NoConnection, NoDatabase
from __tests__.auth.fixtures.stores import Store
from starlette.requests import HTTPConnection

from auth import Auth, AuthSettings, HookContext, HookError, Hooks, LinkingPolicy, OAuthError
from auth.core.accounts import AccountResolver, Arrival, SignedIn
from auth.providers import Profile, TokenSet
from proto import DBConnection

ADA = "ada@example.org"
NOWHERE = NoConnection()


@dataclass
class World:
    """An application over a store, and those who knock at it."""

    store: Store
    disabled: set[UUID] = field(default_factory=set)
    told: list[HookContext[Any]] = field(default_factory=list)
    hook_fails: bool = False
    closed: bool = False

    def __post_init__(self) -> None:
        auth: Auth[Any, Any, Any, Any] = Auth(
            settings=AuthSettings.model_validate(
                {"secret": "x" * 32, "base_url": "https://app.example", "provider_tokens": "encrypt"}
            ),
            adapter=self.store.adapter,
            db=self.store.database,
            linking=LinkingPolicy(trusted_providers=["trusted"]),
            hooks=Hooks(on_signup=self.tell),
            is_active=lambda user: not self.closed and user.id not in self.disabled,
        )
        self.adapter = self.store.adapter
        self.resolver = AccountResolver(auth._context)

    def tell(self, context: HookContext[Any]) -> None:
        self.told.append(context)
        if self.hook_fails:
            raise RuntimeError

    async def sign_in(self, arrival: Arrival) -> SignedIn[Any, Any]:
        if self.store.runtime is None:
            return await self.resolver.sign_in(NOWHERE, arrival)
        async with self.store.runtime.session_maker() as session:
            return await self.resolver.sign_in(session, arrival)

    async def link(self, arrival: Arrival, user: Any) -> None:
        if self.store.runtime is None:
            return await self.resolver.link(NOWHERE, arrival, user)
        async with self.store.runtime.session_maker() as session:
            return await self.resolver.link(session, arrival, user)

    async def not_linked(self, arrival: Arrival, user: Any) -> str:
        with pytest.raises(OAuthError) as caught:
            await self.link(arrival, user)
        return caught.value.code

    async def refused(self, arrival: Arrival) -> str:
        with pytest.raises(OAuthError) as caught:
            await self.sign_in(arrival)
        return caught.value.code

    async def account(self, provider: str, account_id: str) -> Any:
        if self.store.runtime is None:
            return await self.adapter.get_account(NOWHERE, provider, account_id)
        async with self.store.runtime.session_maker() as session:
            return await self.adapter.get_account(session, provider, account_id)


def arrival(
    account_id: str = "ada",
    *,
    email: str | None = ADA,
    verified: bool = True,
    provider: str = "op",
    tokens: TokenSet | None = None,
    replaces: UUID | None = None,
) -> Arrival:
    headers = [(b"user-agent", b"Browser/1")]
    return Arrival(
        provider_id=provider,
        profile=Profile(provider_account_id=account_id, email=email, email_verified=verified, name="Ada"),
        tokens=tokens or TokenSet(access_token="at", token_type="bearer", scope="openid"),
        connection=HTTPConnection({"type": "http", "headers": headers, "client": ("203.0.113.7", 1)}),
        replaces=replaces,
    )


def over(adapter: DictAdapter) -> World:
    return World(Store(adapter, NoDatabase()))


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


@pytest.mark.parametrize("account_id", ["", "a" * 256, "a\n", "a\x00", "\u200b"], ids=repr)
@pytest.mark.parametrize("step", ["sign_in", "link"])
async def test_a_subject_that_cannot_be_kept_exactly_is_refused_before_the_store_is_asked(
    account_id: str, step: str
) -> None:
    world = over(DictAdapter())
    user = DictUser(email=ADA)
    knock = arrival(account_id)
    code = await (world.refused(knock) if step == "sign_in" else world.not_linked(knock, user))
    assert code == "invalid_userinfo"
    assert await world.store.count() == {"users": 0, "accounts": 0, "sessions": 0, "states": 0}


@pytest.mark.parametrize("account_id", ["1", "a" * 255, "ä b"])
async def test_a_subject_is_kept_to_the_letter(world: World, account_id: str) -> None:
    await world.sign_in(arrival(account_id))
    assert (await world.account("op", account_id)).provider_account_id == account_id


@pytest.mark.parametrize(
    ("email", "code"),
    [(None, "email_required"), ("", "invalid_email"), ("ada", "invalid_email"), ("a@b,c@d", "invalid_email")],
)
async def test_nobody_signs_up_without_an_address(email: str | None, code: str) -> None:
    world = over(DictAdapter())
    assert await world.refused(arrival(email=email)) == code
    assert (await world.store.count())["users"] == 0


async def test_a_sign_up_is_told_and_says_where_it_came_from(world: World) -> None:
    knock = arrival()
    result = await world.sign_in(knock)
    assert result.is_new
    assert (result.user.email, result.user.email_verified, result.user.name) == (ADA, True, "Ada")
    assert (result.session.user_id, result.session.ip_address) == (result.user.id, "203.0.113.7")
    assert result.session.user_agent == "Browser/1"
    (context,) = world.told
    assert (context.user.id, context.provider, context.profile) == (result.user.id, "op", knock.profile)
    assert context.request is knock.connection
    account = await world.account("op", "ada")
    assert (account.user_id, account.scope, account.access_token is None) == (result.user.id, "openid", False)


async def test_a_sign_up_that_a_hook_refuses_leaves_nothing(world: World) -> None:
    world.hook_fails = True
    with pytest.raises(HookError):
        await world.sign_in(arrival())
    assert await world.store.count() == {"users": 0, "accounts": 0, "sessions": 0, "states": 0}


async def test_a_known_account_signs_in_its_user_whatever_address_it_shows(world: World) -> None:
    first = await world.sign_in(arrival())
    again = await world.sign_in(arrival(email=None, verified=False, replaces=first.session.id))
    assert (again.user.id, again.is_new, again.session.user_id) == (first.user.id, False, first.user.id)
    assert again.session.id != first.session.id
    assert await world.store.count() == {"users": 1, "accounts": 1, "sessions": 1, "states": 0}
    assert len(world.told) == 1


async def test_the_newest_tokens_are_kept(world: World) -> None:
    await world.sign_in(arrival())
    before = await world.account("op", "ada")
    await world.sign_in(arrival(tokens=TokenSet(access_token="later", token_type="bearer", scope="openid email")))
    after = await world.account("op", "ada")
    assert after.access_token != before.access_token
    assert after.scope == "openid email"


async def test_an_account_joins_the_user_with_the_same_proved_address(world: World) -> None:
    first = await world.sign_in(arrival())
    joined = await world.sign_in(arrival("ada-there", provider="other", replaces=first.session.id))
    assert (joined.user.id, joined.is_new, joined.session.user_id) == (first.user.id, False, first.user.id)
    assert (await world.account("other", "ada-there")).user_id == first.user.id
    assert await world.store.count() == {"users": 1, "accounts": 2, "sessions": 1, "states": 0}


async def test_an_account_joins_nobody_without_proof(world: World) -> None:
    await world.sign_in(arrival())
    assert await world.refused(arrival("mallory", provider="other", verified=False)) == "account_not_linked"
    assert await world.refused(arrival("mallory", provider="trusted", verified=False)) == "account_not_linked"
    assert (await world.store.count())["accounts"] == 1


@pytest.mark.parametrize("provider", ["op", "other"])
async def test_a_disabled_user_comes_in_neither_by_a_known_account_nor_by_a_new_one(
    world: World, provider: str
) -> None:
    first = await world.sign_in(arrival())
    world.disabled.add(first.user.id)
    assert await world.refused(arrival(provider=provider)) == "account_disabled"
    assert await world.store.count() == {"users": 1, "accounts": 1, "sessions": 1, "states": 0}


@pytest.mark.parametrize("store_settings", ["sqlite_memory", "sqlite_file", "postgres"], indirect=True)
async def test_who_registered_an_address_unproved_is_shut_out_by_its_proof(world: World) -> None:
    squatter = await world.sign_in(arrival("squatter", verified=False))
    owner = await world.sign_in(arrival("owner", provider="trusted"))
    assert (owner.user.id, owner.user.email_verified, owner.is_new) == (squatter.user.id, True, False)
    assert (await world.store.user(ADA)).email_verified
    assert await world.account("op", "squatter") is None
    assert (await world.account("trusted", "owner")).user_id == owner.user.id
    assert await world.store.count() == {"users": 1, "accounts": 1, "sessions": 1, "states": 0}
    later = await world.sign_in(arrival("squatter", verified=False, email="elsewhere@example.org"))
    assert later.user.id != owner.user.id


@pytest.mark.parametrize("store_settings", ["sqlite_memory"], indirect=True)
async def test_a_disabled_user_is_not_changed_by_a_proof_either(world: World) -> None:
    squatter = await world.sign_in(arrival("squatter", verified=False))
    world.disabled.add(squatter.user.id)
    assert await world.refused(arrival("owner", provider="trusted")) == "account_disabled"
    assert not (await world.store.user(ADA)).email_verified
    assert await world.account("op", "squatter") is not None


class ListsAccounts(DictAdapter):
    async def list_accounts(self, db: DBConnection, user_id: UUID) -> list[Any]:
        return [one for one in self.accounts.values() if one.user_id == user_id]

    async def delete_account(self, db: DBConnection, user_id: UUID, provider: str) -> bool:
        account = await self.get_account_by_user_and_provider(db, user_id, provider)
        return account is not None and self.accounts.pop(account.id, None) is not None


class ListsSessions(DictAdapter):
    async def list_sessions(self, db: DBConnection, user_id: UUID) -> list[Any]:
        return [one for one in self.sessions.values() if one.user_id == user_id]

    async def delete_sessions(self, db: DBConnection, user_id: UUID, *, keep: UUID | None = None) -> int:
        over = [one.id for one in self.sessions.values() if one.user_id == user_id and one.id != keep]
        return len([self.sessions.pop(one) for one in over])


class ListsBoth(ListsAccounts, ListsSessions):
    """Each row that it gives is a copy, which no later change reaches."""


@pytest.mark.parametrize("adapter", [DictAdapter, ListsAccounts, ListsSessions])
async def test_a_store_that_cannot_shut_others_out_joins_only_what_was_proved_before(
    adapter: type[DictAdapter],
) -> None:
    world = over(adapter())
    squatter = await world.sign_in(arrival("squatter", verified=False))
    assert await world.refused(arrival("owner", provider="trusted")) == "account_not_linked"
    assert not (await world.store.user(ADA)).email_verified
    assert await world.store.count() == {"users": 1, "accounts": 1, "sessions": 1, "states": 0}
    assert (await world.sign_in(arrival("squatter"))).user.id == squatter.user.id


async def test_the_user_that_a_proof_gives_back_is_proved() -> None:
    world = over(ListsBoth())
    await world.sign_in(arrival("squatter", verified=False))
    owner = await world.sign_in(arrival("owner", provider="trusted"))
    assert owner.user.email_verified
    assert await world.store.count() == {"users": 1, "accounts": 1, "sessions": 1, "states": 0}


class Behind(DictAdapter):
    """A store in which a parallel sign-in is quicker: it makes a user at the moment at which this one looks."""

    rival: Arrival | None = None

    async def get_user_by_email(self, db: DBConnection, email: str) -> DictUser | None:
        found = await super().get_user_by_email(db, email)
        if self.rival is not None and found is None:
            knock, self.rival = self.rival, None
            await over(self).sign_in(knock)
        return found


async def test_of_two_sign_ups_of_one_account_both_end_with_the_one_user() -> None:
    adapter = Behind()
    adapter.rival = arrival()
    result = await over(adapter).sign_in(arrival())
    assert not result.is_new
    assert [result.user.id] == list(adapter.users)
    assert (len(adapter.accounts), len(adapter.sessions)) == (1, 2)


async def test_a_disabled_user_is_not_let_in_by_a_race() -> None:
    adapter = Behind()
    adapter.rival = arrival()
    world = over(adapter)
    world.closed = True
    assert await world.refused(arrival()) == "account_disabled"
    assert len(adapter.sessions) == 1


async def test_a_sign_up_that_loses_its_address_to_another_account_proves_nothing() -> None:
    adapter = Behind()
    adapter.rival = arrival("somebody-else")
    assert await over(adapter).refused(arrival()) == "account_not_linked"
    assert [one.provider_account_id for one in adapter.accounts.values()] == ["somebody-else"]


async def test_a_user_who_is_signed_in_links_whatever_account_is_theirs_alone(world: World) -> None:
    ada = (await world.sign_in(arrival())).user
    await world.link(arrival("there", provider="other", email="else@example.org", verified=False), ada)
    linked = await world.account("other", "there")
    await world.link(
        arrival("there", provider="other", tokens=TokenSet(access_token="later", token_type="bearer")), ada
    )
    again = await world.account("other", "there")
    assert (linked.user_id, again.user_id) == (ada.id, ada.id)
    assert again.access_token != linked.access_token
    assert await world.store.count() == {"users": 1, "accounts": 2, "sessions": 1, "states": 0}


async def test_an_account_of_somebody_else_stays_theirs(world: World) -> None:
    ada = (await world.sign_in(arrival())).user
    bob = (await world.sign_in(arrival("bob", provider="other", email="bob@example.org"))).user
    before = await world.account("other", "bob")
    later = TokenSet(access_token="of-ada", token_type="bearer", scope="more")
    assert await world.not_linked(arrival("bob", provider="other", tokens=later), ada) == "account_in_use"
    after = await world.account("other", "bob")
    assert (after.user_id, after.access_token, after.scope) == (bob.id, before.access_token, before.scope)


async def test_a_user_has_one_account_at_a_provider(world: World) -> None:
    ada = (await world.sign_in(arrival())).user
    assert await world.not_linked(arrival("ada-too"), ada) == "provider_already_linked"
    assert await world.account("op", "ada-too") is None


@pytest.mark.parametrize(("winner", "code"), [("ada", None), ("bob", "account_in_use")])
async def test_an_account_that_a_parallel_request_linked_first_is_its_users(winner: str, code: str | None) -> None:
    class Beaten(DictAdapter):
        """Stores the account for the other request just before this one does."""

        async def create_account(self, db: DBConnection, user_id: UUID, *args: Any, **tokens: Any) -> Any:
            owner = next(one for one in self.users.values() if one.name == winner)
            await super().create_account(db, owner.id, *args, **tokens)
            return await super().create_account(db, user_id, *args, **tokens)

    world = over(Beaten())
    users = {name: await world.adapter.create_user(NOWHERE, f"{name}@example.org", name) for name in ("ada", "bob")}
    if code is None:
        await world.link(arrival(), users["ada"])
    else:
        assert await world.not_linked(arrival(), users["ada"]) == code
    assert (await world.account("op", "ada")).user_id == users[winner].id
