"""What the routes tell: never a token, and times in UTC."""

from datetime import UTC, datetime
from enum import StrEnum
from uuid import uuid4

from __tests__.auth.fixtures.dictionaries import DictAccount, DictSession, DictUser

from auth.core.views import AccountView, SessionView, UserView

NAIVE = datetime(2026, 1, 1, 12)  # noqa: DTZ001  as some stores return them


class Right(StrEnum):
    READ = "read"


def test_j08_a_user_is_told_as_much_as_a_page_shows() -> None:
    user = DictUser(email="ada@example.org", name="Ada")
    assert UserView.of(user).model_dump() == {
        "id": user.id,
        "email": "ada@example.org",
        "email_verified": False,
        "name": "Ada",
        "image": None,
        "scopes": [],
    }


def test_scopes_are_told_as_plain_words() -> None:
    user = DictUser(email="ada@example.org", scopes=[Right.READ, "write"])
    scopes = UserView.of(user).scopes
    assert scopes == ["read", "write"]
    assert all(type(scope) is str for scope in scopes)


def test_a_session_is_told_with_whether_it_is_the_one_that_asks() -> None:
    session = DictSession(user_id=uuid4(), expires_at=NAIVE, created_at=NAIVE, ip_address="192.0.2.1", user_agent="x")
    told = SessionView.of(session, current=session.id)
    assert told.model_dump() == {
        "id": session.id,
        "current": True,
        "ip_address": "192.0.2.1",
        "user_agent": "x",
        "created_at": NAIVE.replace(tzinfo=UTC),
        "expires_at": NAIVE.replace(tzinfo=UTC),
    }
    assert SessionView.of(session, current=uuid4()).current is False


def test_j09_an_account_is_told_without_its_tokens() -> None:
    account = DictAccount(
        user_id=uuid4(),
        provider="op",
        provider_account_id="1",
        access_token="canary",
        refresh_token="canary",
        id_token="canary",
        scope="openid",
        created_at=NAIVE,
    )
    told = AccountView.of(account)
    assert told.model_dump() == {
        "provider": "op",
        "provider_account_id": "1",
        "scope": "openid",
        "created_at": NAIVE.replace(tzinfo=UTC),
    }
    assert "canary" not in told.model_dump_json()
