"""A user's account with a sign-in provider."""

from datetime import datetime
from typing import Protocol, runtime_checkable
from uuid import UUID


@runtime_checkable
class AccountProtocol(Protocol):
    """One user at one provider; `(provider, provider_account_id)` is unique, and so is `(user_id, provider)`.

    `provider_account_id` is the provider's stable subject, never an e-mail address
    (OpenID Connect Core 1.0, section 5.7).
    """

    id: UUID
    user_id: UUID
    provider: str
    provider_account_id: str
    access_token: str | None
    refresh_token: str | None
    expires_at: datetime | None
    token_type: str | None
    scope: str | None
    id_token: str | None
    created_at: datetime
    updated_at: datetime
