"""When a sign-in may join a user who is there already."""

from collections.abc import Iterable
from typing import Any

from auth.providers.protocols import Profile
from proto import UserProtocol


class LinkingPolicy:
    """Decides whether an unknown account with a known e-mail address becomes that user's.

    The default wants proof on both sides: the provider says that it checked the address, and the user's own address was
    checked too. One without the other is how accounts are taken over: an address that nobody checked may be anybody's.

    An application may pass an object of its own with the same method.

    Args:
        trusted_providers: ids of providers that are believed even if the user's own address was never checked.
            The address must still be one that the provider calls verified, and the sessions and accounts that the user
            had without that proof end.
    """

    def __init__(self, trusted_providers: Iterable[str] = ()) -> None:
        self._trusted = frozenset(trusted_providers)

    def may_link(self, *, provider: str, profile: Profile, user: UserProtocol[Any]) -> bool:
        """Whether the account of `profile` at `provider` may become one of `user`, who has the same address."""
        return profile.email_verified and (user.email_verified or provider in self._trusted)
