"""Several databases of one application, each under a name."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr
from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource

from belgie.alchemy.refusal import refuse
from belgie.alchemy.runtime import DatabaseRuntime
from belgie.alchemy.settings import DatabaseSettings
from belgie.alchemy.sources import mapping

_PREFIX = "BELGIE_DATABASE_"
_SEPARATOR = "__"
_DEFAULT = "default"
_RESERVED = "replica"  # BELGIE_DATABASE_REPLICA__HOST is of the database without a name
_SIGNS = ("type", "url", "host", "database")  # one of these says that there is a database without a name


class Databases(BaseModel, frozen=True):
    """The databases that `BELGIE_DATABASE_<NAME>__*` describes; `databases["analytics"]` is a runtime.

    What `BELGIE_DATABASE_*` describes, without a name, is called "default". A named database takes nothing from it: a
    password meant for one server is not sent to another.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    databases: dict[str, DatabaseSettings]

    def __init__(
        self,
        databases: Mapping[str, DatabaseSettings | Mapping[str, Any] | str | SecretStr] | None = None,
        *,
        env_file: Path | str | None = None,
    ) -> None:
        """Read the settings of every database.

        Args:
            databases: Settings by name: objects, mappings or URLs. An object wins over the environment; what a mapping
                or a URL leaves open comes from the variables of its name.
            env_file: A file of variables, beside those of the process.

        Raises:
            ValidationError: A setting is missing or wrong; the error names its environment variable.
        """
        given: dict[str, Any] = dict(databases or {})
        found = {name: given.get(name, {}) for name in [*_names(env_file), *given]}
        super().__init__(databases={name: _settings(name, value, env_file) for name, value in found.items()})

    def __getitem__(self, name: str) -> DatabaseRuntime:
        """Return the runtime of a database.

        Raises:
            KeyError: There is none of this name.
        """
        return self.databases[name].runtime

    @property
    def runtimes(self) -> dict[str, DatabaseRuntime]:
        """The runtime of each database."""
        return {name: settings.runtime for name, settings in self.databases.items()}

    @asynccontextmanager
    async def lifespan(self, app: object = None, *, wait: float = 30.0) -> AsyncGenerator[None]:  # noqa: ARG002 - FastAPI passes it
        """Wait for all databases, and dispose of all runtimes in the end: `FastAPI(lifespan=databases.lifespan)`.

        Args:
            app: What FastAPI passes; not used.
            wait: Seconds to wait for the databases.

        Raises:
            UnavailableError: One of them did not answer in time.
        """
        runtimes = self.runtimes.values()
        async with AsyncExitStack() as stack:
            for runtime in runtimes:
                stack.push_async_callback(runtime.dispose)
            await asyncio.gather(*(runtime.wait(wait) for runtime in runtimes))
            yield

    async def dispose(self) -> None:
        """Dispose of all runtimes."""
        async with AsyncExitStack() as stack:  # each, even if another fails
            for runtime in self.runtimes.values():
                stack.push_async_callback(runtime.dispose)


def _names(env_file: Path | str | None) -> list[str]:
    variables = {
        **DotEnvSettingsSource(DatabaseSettings, env_file=None if env_file is None else Path(env_file)).env_vars,
        **EnvSettingsSource(DatabaseSettings).env_vars,
    }
    prefix = _PREFIX.lower()
    rests = [variable.lower().removeprefix(prefix) for variable in variables if variable.lower().startswith(prefix)]
    named = {rest.partition(_SEPARATOR)[0] for rest in rests if _SEPARATOR in rest} - {_RESERVED}
    if any(sign in rests for sign in _SIGNS):
        if _DEFAULT in named:
            message = f"{_PREFIX}DEFAULT{_SEPARATOR}* and {_PREFIX}* describe the same database: use one of them"
            raise refuse("Databases", [(("databases", _DEFAULT), "contradiction", message)])
        named.add(_DEFAULT)
    return sorted(named)


def _settings(name: str, value: object, env_file: Path | str | None) -> DatabaseSettings:
    if isinstance(value, DatabaseSettings):
        return value
    own = "" if name == _DEFAULT else f"{name}{_SEPARATOR}"
    sources = {"_env_prefix": _PREFIX + own.upper(), "_env_file": env_file}
    return DatabaseSettings(**mapping("Databases", value), **sources)
