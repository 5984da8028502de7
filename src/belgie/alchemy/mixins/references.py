"""Constraints that reach beyond one column.

They are added to the finished table rather than declared in `__table_args__`: an application that sets its own
`__table_args__` would lose them without a word, and sign-in relies on them.
"""

from typing import Any, ClassVar

from sqlalchemy import ForeignKeyConstraint, Table, UniqueConstraint

__all__ = ["UserReference"]


class UserReference:
    """Points `user_id` at the users' table: a row goes when its user goes.

    A model whose users live elsewhere than in `users.id` says so with `__user_key__ = "app_user.id"`, or brings
    a `user_id` column with a foreign key of its own.
    """

    __user_key__: ClassVar[str] = "users.id"
    __unique_together__: ClassVar[tuple[tuple[str, ...], ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        """Add the constraints once the table is there; a mixin and an abstract class have none."""
        super().__init_subclass__(**options)
        table = cls.__dict__.get("__table__")
        if not isinstance(table, Table):
            return
        if not any("user_id" in constraint.columns for constraint in table.foreign_key_constraints):
            table.append_constraint(ForeignKeyConstraint(["user_id"], [cls.__user_key__], ondelete="CASCADE"))
        for names in cls.__unique_together__:
            table.append_constraint(UniqueConstraint(*names))
