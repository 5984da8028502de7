"""A user's account with a sign-in provider."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import String, Text, Uuid

from belgie.alchemy.mixins.columns import AccountColumns, Column, column
from belgie.alchemy.mixins.primary_key import PrimaryKeyMixin
from belgie.alchemy.mixins.references import UserReference
from belgie.alchemy.mixins.timestamps import TimestampMixin
from belgie.alchemy.types import DateTimeUTC

__all__ = ["AccountMixin"]


class AccountMixin(
    UserReference,
    PrimaryKeyMixin,
    TimestampMixin,
    metaclass=AccountColumns,
    kw_only=True,
    eq=False,
    repr=False,
):
    """The columns of `proto.AccountProtocol`.

    `(provider, provider_account_id)` and `(user_id, provider)` are unique. Both names compare letter by letter:
    two subjects that differ in case only are two people (OpenID Connect Core 1.0, section 2).
    """

    __repr_fields__: ClassVar[tuple[str, ...]] = ("id", "user_id", "provider")
    __unique_together__: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("provider", "provider_account_id"),
        ("user_id", "provider"),
    )

    user_id: Column[UUID] = column(Uuid())
    provider: Column[str] = column(String(64))
    provider_account_id: Column[str] = column(String(255), repr=False)
    access_token: Column[str | None] = column(Text(), default=None, repr=False)
    refresh_token: Column[str | None] = column(Text(), default=None, repr=False)
    expires_at: Column[datetime | None] = column(DateTimeUTC(), default=None)
    token_type: Column[str | None] = column(Text(), default=None)
    scope: Column[str | None] = column(Text(), default=None)
    id_token: Column[str | None] = column(Text(), default=None, repr=False)
