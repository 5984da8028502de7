from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from __tests__.auth.fixtures.dictionaries import DictAccount

from auth import AuthSettings
from auth.core.token_store import TokenStore
from auth.providers import TokenSet
from auth.utils.vault import Vault

SECRET = "a secret for tests, long enough for everybody"
SOON = datetime(2030, 1, 1, tzinfo=UTC)
TOKENS = TokenSet(
    access_token="the-access",
    token_type="bearer",
    refresh_token="the-refresh",
    id_token="the-identity",
    scope="a b",
    expires_at=SOON,
)


def store(kept: Any = "encrypt") -> TokenStore:
    settings = AuthSettings(secret=SECRET, base_url="https://app.example", provider_tokens=kept)
    return TokenStore(settings, Vault(settings.secrets))


def account(**fields: Any) -> DictAccount:
    return DictAccount(user_id=uuid4(), provider="theirs", provider_account_id="jane", **fields)


def test_tokens_are_not_kept_by_default() -> None:
    settings = AuthSettings(secret=SECRET, base_url="https://app.example")
    made = TokenStore(settings, Vault(settings.secrets))
    assert not made.keeps
    assert made.fields(TOKENS, "theirs", "jane") == {"scope": "a b"}


def test_kept_tokens_are_encrypted_for_their_account() -> None:
    made = store()
    fields = made.fields(TOKENS, "theirs", "jane")
    assert fields.keys() == {"access_token", "refresh_token", "id_token", "scope", "token_type", "expires_at"}
    assert (fields["scope"], fields["token_type"], fields["expires_at"]) == ("a b", "bearer", SOON)
    assert not any(token in str(fields) for token in ("the-access", "the-refresh", "the-identity"))
    held = account(**fields)
    assert made.open("access_token", held) == "the-access"
    assert made.open("refresh_token", held) == "the-refresh"
    assert made.open("id_token", held) == "the-identity"


@pytest.mark.parametrize(
    "changes", [{"provider": "other"}, {"provider_account_id": "eve"}], ids=["another-provider", "another-account"]
)
def test_a_token_in_another_place_is_none(changes: dict[str, str]) -> None:
    made = store()
    held = account(**made.fields(TOKENS, "theirs", "jane"))
    for name, value in changes.items():
        setattr(held, name, value)
    assert made.open("access_token", held) is None


def test_a_token_under_another_name_is_none() -> None:
    made = store()
    held = account(access_token=made.fields(TOKENS, "theirs", "jane")["refresh_token"])
    assert made.open("access_token", held) is None


@pytest.mark.parametrize("stored", [None, "", "the-access", "v1.", "v1.é", "v1.AAAA", "v1.!"], ids=repr)
def test_what_was_not_encrypted_by_us_is_no_token(stored: str | None) -> None:
    assert store().open("access_token", account(access_token=stored)) is None


def test_what_was_not_sent_again_stays_but_the_expiry() -> None:
    made = store()
    held = account(**made.fields(TOKENS, "theirs", "jane"))
    changes = made.changes(TokenSet(access_token="next", token_type="bearer"), held)
    assert changes.keys() == {"access_token", "expires_at"}
    assert changes["expires_at"] is None
    for name, value in changes.items():
        setattr(held, name, value)
    assert (made.open("access_token", held), made.open("refresh_token", held)) == ("next", "the-refresh")


def test_what_was_sent_again_replaces_what_was_there() -> None:
    made = store()
    held = account(**made.fields(TOKENS, "theirs", "jane"))
    later = TokenSet(
        access_token="next",
        token_type="bearer",
        refresh_token="next-refresh",
        scope="a",
        expires_at=SOON + timedelta(hours=1),
    )
    changes = made.changes(later, held)
    assert changes.keys() == {"access_token", "refresh_token", "scope", "expires_at"}
    assert (changes["scope"], changes["expires_at"]) == ("a", SOON + timedelta(hours=1))


def test_tokens_that_are_not_kept_any_more_go() -> None:
    held = account(**store().fields(TOKENS, "theirs", "jane"))
    changes = store("discard").changes(TOKENS, held)
    assert changes == dict.fromkeys(("access_token", "refresh_token", "id_token", "token_type", "expires_at"))
    for name, value in changes.items():
        setattr(held, name, value)
    assert store("discard").changes(TOKENS, held) == {}
