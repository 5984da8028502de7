"""A person who signs in."""

from sqlalchemy import String, Text
from sqlalchemy.orm import validates

from belgie.alchemy.mixins.columns import Column, UserColumns, column
from belgie.alchemy.mixins.primary_key import PrimaryKeyMixin
from belgie.alchemy.mixins.timestamps import TimestampMixin
from belgie.alchemy.types import ScopeList, Scopes
from proto import fold_email

__all__ = ["UserMixin"]


class UserMixin(PrimaryKeyMixin, TimestampMixin, metaclass=UserColumns, kw_only=True, eq=False, repr=False):
    """The columns of `proto.UserProtocol`; an application adds its own beside them, with defaults.

    `email` is unique and stored as `proto.fold_email` gives it, wherever it is assigned. `scopes` is a list that
    may be changed in place (`user.scopes.append("admin")`).
    """

    email: Column[str] = column(String(320), unique=True, repr=False)
    email_verified: Column[bool] = column(default=False)
    name: Column[str | None] = column(Text(), default=None, repr=False)
    image: Column[str | None] = column(Text(), default=None, repr=False)
    scopes: Column[list[str] | None] = column(ScopeList.as_mutable(Scopes()), default=None)

    @validates("email")
    def _fold_email(self, _key: str, address: str) -> str:
        return fold_email(address)
