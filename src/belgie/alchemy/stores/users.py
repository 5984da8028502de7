"""The adapter's methods on users."""

from typing import Any
from uuid import UUID

from belgie.alchemy.table import Table
from proto import DBConnection, UserProtocol

__all__ = ["UserStore"]


class UserStore[UserT: UserProtocol[Any]]:
    """Creates, finds and changes users."""

    _users: Table[UserT]

    async def create_user(
        self,
        db: DBConnection,
        email: str,
        name: str | None = None,
        image: str | None = None,
        *,
        email_verified: bool = False,
    ) -> UserT:
        """Store a new user; the address is stored as `proto.fold_email` gives it.

        Raises:
            ConflictError: a user has this address already.
            InvalidValueError: a value that the database cannot hold.
        """
        return await self._users.insert(
            db,
            {"email": email, "name": name, "image": image, "email_verified": email_verified},
        )

    async def get_user_by_id(self, db: DBConnection, user_id: UUID) -> UserT | None:
        """Return the user with this id."""
        return await self._users.get(db, id=user_id)

    async def get_user_by_email(self, db: DBConnection, email: str) -> UserT | None:
        """Return the user with this e-mail address, in whatever letter case it is given."""
        return await self._users.get(db, email=email)

    async def update_user(self, db: DBConnection, user_id: UUID, **updates: Any) -> UserT | None:
        """Change fields of a user, the application's own among them, and return it.

        Raises:
            TypeError: a field that does not exist or must not be changed; nothing was written.
            ConflictError: another user has the new address.
            InvalidValueError: a value that the database cannot hold.
        """
        self._users.refuse_others("update_user", updates)
        if not updates:
            return await self._users.get(db, id=user_id)
        return await self._users.update(db, updates, id=user_id)
