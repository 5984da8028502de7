"""An authorization request that waits for its answer."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import String, Text

from belgie.alchemy.mixins.columns import Column, OAuthStateColumns, column
from belgie.alchemy.mixins.primary_key import PrimaryKeyMixin
from belgie.alchemy.mixins.timestamps import utc_now
from belgie.alchemy.types import DateTimeUTC

__all__ = ["OAuthStateMixin"]


class OAuthStateMixin(PrimaryKeyMixin, metaclass=OAuthStateColumns, kw_only=True, eq=False, repr=False):
    """The columns of `proto.OAuthStateProtocol`; such a row is made once and deleted, never changed."""

    __repr_fields__: ClassVar[tuple[str, ...]] = ("id", "expires_at")

    state: Column[str] = column(String(255), unique=True, repr=False)
    expires_at: Column[datetime] = column(DateTimeUTC(), index=True)
    code_verifier: Column[str | None] = column(String(128), default=None, repr=False)
    redirect_url: Column[str | None] = column(Text(), default=None, repr=False)
    created_at: Column[datetime] = column(
        DateTimeUTC(),
        default_factory=utc_now,
        insert_default=utc_now,
        sort_order=100,
    )
