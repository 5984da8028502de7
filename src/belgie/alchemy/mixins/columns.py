"""How the mixins look to a type checker, and what they are when they run.

A mapped attribute has two types: on a row it is the value (`user.email` is a `str`), on the class it is part of a SQL
expression (`User.email == address`). SQLAlchemy says both with the descriptor `Mapped[str]`, but pyright does not
take a descriptor for a protocol's attribute (microsoft/pyright#11021), so a row would not be a `UserProtocol`.

So a checker sees `Column[str]` as plain `str`, which is what a row has, and the metaclasses below add what the class
has. At run time `Column` is `Mapped`, `column` is `mapped_column`, and every metaclass is SQLAlchemy's own.

The metaclasses form one chain, because a model that combines mixins needs one that derives from all of theirs.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, dataclass_transform

from sqlalchemy.orm import InstrumentedAttribute, Mapped, MappedColumn, mapped_column
from sqlalchemy.orm.decl_api import DCTransformDeclarative

__all__ = [
    "AccountColumns",
    "Column",
    "ModelColumns",
    "OAuthStateColumns",
    "PrimaryKeyColumns",
    "SessionColumns",
    "TimestampColumns",
    "UserColumns",
    "column",
]

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    type Column[T] = T
    type _Sql[T] = InstrumentedAttribute[T]

    def column(
        *args: Any,
        default: Any = ...,
        default_factory: Callable[[], Any] = ...,
        **options: Any,
    ) -> Any: ...

    @dataclass_transform(eq_default=False, kw_only_default=True, field_specifiers=(column, MappedColumn, mapped_column))
    class ModelColumns(DCTransformDeclarative):
        """Of `Base`: its models have keyword-only constructors, and compare and hash by identity."""

    @dataclass_transform(eq_default=False, kw_only_default=True, field_specifiers=(column, MappedColumn, mapped_column))
    class TimestampColumns(ModelColumns):
        @property
        def created_at(self) -> _Sql[datetime]: ...
        @property
        def updated_at(self) -> _Sql[datetime]: ...

    @dataclass_transform(eq_default=False, kw_only_default=True, field_specifiers=(column, MappedColumn, mapped_column))
    class PrimaryKeyColumns(TimestampColumns):
        @property
        def id(self) -> _Sql[UUID]: ...

    @dataclass_transform(eq_default=False, kw_only_default=True, field_specifiers=(column, MappedColumn, mapped_column))
    class UserColumns(PrimaryKeyColumns):
        @property
        def email(self) -> _Sql[str]: ...
        @property
        def email_verified(self) -> _Sql[bool]: ...
        @property
        def name(self) -> _Sql[str | None]: ...
        @property
        def image(self) -> _Sql[str | None]: ...
        @property
        def scopes(self) -> _Sql[list[str] | None]: ...

    @dataclass_transform(eq_default=False, kw_only_default=True, field_specifiers=(column, MappedColumn, mapped_column))
    class AccountColumns(PrimaryKeyColumns):
        @property
        def user_id(self) -> _Sql[UUID]: ...
        @property
        def provider(self) -> _Sql[str]: ...
        @property
        def provider_account_id(self) -> _Sql[str]: ...
        @property
        def access_token(self) -> _Sql[str | None]: ...
        @property
        def refresh_token(self) -> _Sql[str | None]: ...
        @property
        def expires_at(self) -> _Sql[datetime | None]: ...
        @property
        def token_type(self) -> _Sql[str | None]: ...
        @property
        def scope(self) -> _Sql[str | None]: ...
        @property
        def id_token(self) -> _Sql[str | None]: ...

    @dataclass_transform(eq_default=False, kw_only_default=True, field_specifiers=(column, MappedColumn, mapped_column))
    class SessionColumns(PrimaryKeyColumns):
        @property
        def user_id(self) -> _Sql[UUID]: ...
        @property
        def expires_at(self) -> _Sql[datetime]: ...
        @property
        def ip_address(self) -> _Sql[str | None]: ...
        @property
        def user_agent(self) -> _Sql[str | None]: ...

    @dataclass_transform(eq_default=False, kw_only_default=True, field_specifiers=(column, MappedColumn, mapped_column))
    class OAuthStateColumns(PrimaryKeyColumns):
        @property
        def state(self) -> _Sql[str]: ...
        @property
        def code_verifier(self) -> _Sql[str | None]: ...
        @property
        def redirect_url(self) -> _Sql[str | None]: ...
        @property
        def expires_at(self) -> _Sql[datetime]: ...

else:
    Column = Mapped
    column = mapped_column
    ModelColumns = TimestampColumns = PrimaryKeyColumns = UserColumns = DCTransformDeclarative
    AccountColumns = SessionColumns = OAuthStateColumns = DCTransformDeclarative
