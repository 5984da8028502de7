"""What the adapter needs of the four models, checked when it is made rather than at somebody's sign-in."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from sqlalchemy import Column, DateTime, PrimaryKeyConstraint, Table, UniqueConstraint
from sqlalchemy.exc import NoInspectionAvailable

from belgie.alchemy.table import mapped_columns

__all__ = ["check_model"]

_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "user": ("id", "email", "email_verified", "name", "image", "created_at", "updated_at", "scopes"),
    "account": (
        *("id", "user_id", "provider", "provider_account_id", "access_token", "refresh_token", "expires_at"),
        *("token_type", "scope", "id_token", "created_at", "updated_at"),
    ),
    "session": ("id", "user_id", "expires_at", "ip_address", "user_agent", "created_at", "updated_at"),
    "oauth_state": ("id", "state", "code_verifier", "redirect_url", "created_at", "expires_at"),
}
_UNIQUE: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "user": (("email",),),
    "account": (("provider", "provider_account_id"), ("user_id", "provider")),
    "session": (),
    "oauth_state": (("state",),),
}


def check_model(role: str, model: type[Any], *, sqlite: bool) -> None:
    """Check the model for `role`: `user`, `account`, `session` or `oauth_state`.

    The unique constraints are not a matter of taste: of two sign-ups at the same moment, the database decides.

    Args:
        role: what the model is for.
        model: the mapped class.
        sqlite: whether the database is known to be SQLite, which keeps no time zone.

    Raises:
        TypeError: it is no mapped class, or lacks something; the message lists what.
    """
    try:
        columns = mapped_columns(model)
    except NoInspectionAvailable as error:
        msg = f"AlchemyAdapter({role}=...) takes a mapped class, got {model!r}"
        raise TypeError(msg) from error
    if problems := [*_missing(role, columns), *_not_unique(role, columns), *_naive(role, columns, sqlite=sqlite)]:
        msg = f"AlchemyAdapter({role}={model.__name__}): {'; '.join(problems)}"
        raise TypeError(msg)


def _missing(role: str, columns: Mapping[str, Column[Any]]) -> Iterable[str]:
    for name in _FIELDS[role]:
        if name not in columns:
            yield f"there is no mapped column {name}"


def _not_unique(role: str, columns: Mapping[str, Column[Any]]) -> Iterable[str]:
    for names in _UNIQUE[role]:
        wanted = {columns[name] for name in names if name in columns}
        if len(wanted) == len(names) and not any(unique <= wanted for unique in _unique_sets(columns[names[0]])):
            yield f"({', '.join(names)}) must be unique: add UniqueConstraint({', '.join(map(repr, names))})"


def _unique_sets(column: Column[Any]) -> Iterable[set[Column[Any]]]:
    table = cast("object", column.table)  # a model may be mapped to a join or a subquery
    if not isinstance(table, Table):
        return
    for constraint in table.constraints:
        if isinstance(constraint, (PrimaryKeyConstraint, UniqueConstraint)):
            yield set(constraint.columns)
    for index in table.indexes:
        if index.unique:
            yield set(index.columns)


def _naive(role: str, columns: Mapping[str, Column[Any]], *, sqlite: bool) -> Iterable[str]:
    for name in _FIELDS[role]:
        kind = columns[name].type if name in columns else None
        if isinstance(kind, DateTime) and (sqlite or not kind.timezone):
            where = " on SQLite" if kind.timezone else ""
            yield f"{name} holds no time zone{where}: use belgie.alchemy.DateTimeUTC as its type"
