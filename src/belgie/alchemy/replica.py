"""A copy of a PostgreSQL database that answers reads which may be a little old."""

from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, FilePath, SecretStr, model_validator

from belgie.alchemy.options import SessionAttributes, SslMode
from belgie.alchemy.url import parse_url


class ReplicaSettings(BaseModel, frozen=True):
    """How the replica differs from its primary; what is not given here is the primary's."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    host: str = Field(min_length=1)
    port: int | None = Field(default=None, ge=1, le=65535)
    database: str | None = None
    username: str | None = None
    password: SecretStr | None = None
    password_file: FilePath | None = None
    ssl: SslMode | None = None
    target_session_attrs: SessionAttributes | None = None
    application_name: str | None = None
    pool_size: int | None = Field(default=None, ge=1)
    max_overflow: int | None = Field(default=None, ge=-1)

    @model_validator(mode="before")
    @classmethod
    def _from_url(cls, data: Any) -> Any:
        if not isinstance(data, dict | str | SecretStr):
            return data
        fields: dict[str, Any] = {"url": data} if isinstance(data, str | SecretStr) else cast("dict[str, Any]", data)
        url = fields.get("url")
        if url is None:
            return fields
        parts = parse_url(url.get_secret_value() if isinstance(url, SecretStr) else str(url))
        if parts.pop("type") != "postgres":
            msg = "a replica is a PostgreSQL database"
            raise ValueError(msg)
        return {**parts, **{name: value for name, value in fields.items() if name != "url"}}

    def changes(self) -> dict[str, Any]:
        """Return what the replica's settings have in place of the primary's."""
        given = {name: getattr(self, name) for name in type(self).model_fields}
        changes = {name: value for name, value in given.items() if value is not None}
        if self.password is not None:
            changes["password_file"] = None
        elif self.password_file is not None:
            changes["password"] = SecretStr("")
        return {**changes, "read_only": True, "replica": None}
