"""A signed-in browser or device."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import String, Uuid

from belgie.alchemy.mixins.columns import Column, SessionColumns, column
from belgie.alchemy.mixins.primary_key import PrimaryKeyMixin
from belgie.alchemy.mixins.references import UserReference
from belgie.alchemy.mixins.timestamps import TimestampMixin
from belgie.alchemy.types import DateTimeUTC

__all__ = ["SessionMixin"]


class SessionMixin(
    UserReference,
    PrimaryKeyMixin,
    TimestampMixin,
    metaclass=SessionColumns,
    kw_only=True,
    eq=False,
    repr=False,
):
    """The columns of `proto.SessionProtocol`; indexed by user and by expiry, for listing and for purging."""

    __repr_fields__: ClassVar[tuple[str, ...]] = ("id", "user_id", "expires_at")

    user_id: Column[UUID] = column(Uuid(), index=True)
    expires_at: Column[datetime] = column(DateTimeUTC(), index=True)
    ip_address: Column[str | None] = column(String(64), default=None, repr=False)
    user_agent: Column[str | None] = column(String(512), default=None, repr=False)
