"""A signed-in browser or device."""

from datetime import datetime
from typing import Protocol, runtime_checkable
from uuid import UUID


@runtime_checkable
class SessionProtocol(Protocol):
    """One sign-in that has not ended; `id` is a name for it, not a credential."""

    id: UUID
    user_id: UUID
    expires_at: datetime
    ip_address: str | None
    user_agent: str | None
    created_at: datetime
    updated_at: datetime
