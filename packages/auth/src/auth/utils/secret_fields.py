"""The types of settings that hold secrets: given as text, read as `SecretStr`.

Pydantic makes the one of the other, which type checkers cannot know; a descriptor tells them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, SecretStr
from pydantic_settings import NoDecode

if TYPE_CHECKING:

    class _Given[ReadT, WriteT]:
        def __get__(self, instance: object, owner: Any = None) -> ReadT: ...
        def __set__(self, instance: object, value: WriteT) -> None: ...

    type Secret = _Given[SecretStr, str | SecretStr]
    type OptionalSecret = _Given[SecretStr | None, str | SecretStr | None]
    type SeveralSecrets = _Given[tuple[SecretStr, ...], str | SecretStr | Sequence[str | SecretStr]]
else:
    Secret = SecretStr
    OptionalSecret = Annotated[SecretStr, Field(min_length=1)] | None
    SeveralSecrets = Annotated[tuple[SecretStr, ...], NoDecode]

#: The default of a secret that need not be given.
NO_SECRET: Any = None
