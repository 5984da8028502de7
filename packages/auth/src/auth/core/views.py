"""What the routes tell about users, sessions and accounts: never a token."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel

from auth.utils.clock import as_utc
from proto import AccountProtocol, SessionProtocol, UserProtocol


class UserView(BaseModel):
    """A user, as the user may see it."""

    id: UUID
    email: str
    email_verified: bool
    name: str | None
    image: str | None
    scopes: list[str]

    @classmethod
    def of(cls, user: UserProtocol[Any]) -> Self:
        """Return the view of `user`."""
        return cls(
            id=user.id,
            email=user.email,
            email_verified=user.email_verified,
            name=user.name,
            image=user.image,
            scopes=[str(scope) for scope in user.scopes or ()],
        )


class SessionView(BaseModel):
    """A session; `current` is the one that asks."""

    id: UUID
    current: bool
    ip_address: str | None
    user_agent: str | None
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, session: SessionProtocol, *, current: UUID) -> Self:
        """Return the view of `session`."""
        return cls(
            id=session.id,
            current=session.id == current,
            ip_address=session.ip_address,
            user_agent=session.user_agent,
            created_at=as_utc(session.created_at),
            expires_at=as_utc(session.expires_at),
        )


class SignedInView(BaseModel):
    """Who is signed in, and by which session."""

    user: UserView
    session: SessionView


class AccountView(BaseModel):
    """An account at a provider."""

    provider: str
    provider_account_id: str
    scope: str | None
    created_at: datetime

    @classmethod
    def of(cls, account: AccountProtocol) -> Self:
        """Return the view of `account`."""
        return cls(
            provider=account.provider,
            provider_account_id=account.provider_account_id,
            scope=account.scope,
            created_at=as_utc(account.created_at),
        )


class RevokedView(BaseModel):
    """How many sessions were ended."""

    revoked: int
