"""The user that an application stores."""

from datetime import datetime
from typing import Protocol, runtime_checkable
from uuid import UUID


@runtime_checkable
class UserProtocol[S: str](Protocol):
    """A person who signs in.

    `S` is the type of one scope: `str`, or an application's own `StrEnum`.
    """

    id: UUID
    email: str
    email_verified: bool
    name: str | None
    image: str | None
    created_at: datetime
    updated_at: datetime
    scopes: list[S] | None
