"""What of the providers' tokens is stored: encrypted under the application's secret, or not at all."""

from typing import Any, Final, Literal

from auth.core.settings import AuthSettings
from auth.providers.protocols import TokenSet
from auth.utils.vault import Vault
from proto import AccountProtocol

type TokenName = Literal["access_token", "refresh_token", "id_token"]

_TOKENS: Final[tuple[TokenName, ...]] = ("access_token", "refresh_token", "id_token")


class TokenStore:
    """Turns tokens into fields of an account, and back."""

    def __init__(self, settings: AuthSettings, vault: Vault) -> None:
        self.keeps: Final = settings.provider_tokens == "encrypt"
        self._vault = vault

    def fields(self, tokens: TokenSet, provider: str, account_id: str) -> dict[str, Any]:
        """Return the fields of a new account: always the granted scope, and the tokens if they are kept."""
        if not self.keeps:
            return {"scope": tokens.scope}
        sealed: dict[str, Any] = {}
        for name in _TOKENS:
            token: str | None = getattr(tokens, name)
            sealed[name] = self._vault.encrypt(token, name, provider, account_id) if token is not None else None
        return {**sealed, "scope": tokens.scope, "token_type": tokens.token_type, "expires_at": tokens.expires_at}

    def changes(self, tokens: TokenSet, account: AccountProtocol) -> dict[str, Any]:
        """Return the fields of an account that newer tokens change.

        What the provider did not send again stays as it is, save for the expiry, which is that of the access token.
        Tokens that were kept once go, if they are not kept any more.
        """
        fields = self.fields(tokens, account.provider, account.provider_account_id)
        sent = {name: value for name, value in fields.items() if value is not None or name == "expires_at"}
        gone = {} if self.keeps else dict.fromkeys((*_TOKENS, "token_type", "expires_at"))
        return {name: value for name, value in {**gone, **sent}.items() if getattr(account, name) != value}

    def open(self, name: TokenName, account: AccountProtocol) -> str | None:
        """Return a token of an account; None if there is none, or none that the application's secrets can open."""
        sealed: str | None = getattr(account, name)
        if sealed is None:
            return None
        try:
            return self._vault.decrypt(sealed, name, account.provider, account.provider_account_id)
        except ValueError:
            return None
