"""When a row was made and last changed."""

from datetime import UTC, datetime

from sqlalchemy.orm import MappedAsDataclass

from belgie.alchemy.mixins.columns import Column, TimestampColumns, column
from belgie.alchemy.types import DateTimeUTC

__all__ = ["TimestampMixin", "utc_now"]


def utc_now() -> datetime:
    """Return the time, aware and in UTC."""
    return datetime.now(UTC)


class TimestampMixin(MappedAsDataclass, metaclass=TimestampColumns, kw_only=True, eq=False):
    """`created_at` and `updated_at`, set by the application's clock; every UPDATE sets `updated_at`."""

    created_at: Column[datetime] = column(
        DateTimeUTC(),
        default_factory=utc_now,
        insert_default=utc_now,
        sort_order=100,
    )
    updated_at: Column[datetime] = column(
        DateTimeUTC(),
        default_factory=utc_now,
        insert_default=utc_now,
        onupdate=utc_now,
        sort_order=101,
    )
