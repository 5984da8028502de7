"""libpq's `sslmode`, in the terms of asyncpg."""

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from belgie.alchemy.settings import PostgresSettings


def tls_argument(settings: "PostgresSettings") -> ssl.SSLContext | str | bool:
    """Return asyncpg's `ssl` argument.

    As with libpq, `require` encrypts without asking who the server is, unless there is a root certificate;
    `verify-ca` asks for a certificate that the root has signed, `verify-full` also for the host's name on it.
    Without a root certificate, the verifying modes trust what the system trusts.

    Raises:
        OSError: A certificate or key cannot be read or used.
    """
    if settings.ssl == "disable":
        return False
    if settings.ssl in {"allow", "prefer"}:
        return settings.ssl
    root = None if settings.ssl_root_cert in {None, "system"} else str(settings.ssl_root_cert)
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=root)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = settings.ssl == "verify-full"
    if settings.ssl == "require" and root is None:
        context.verify_mode = ssl.CERT_NONE
    if settings.ssl_cert is not None:
        secret = settings.ssl_key_password
        # Without a password, a callable: OpenSSL would ask on the terminal.
        context.load_cert_chain(
            settings.ssl_cert, settings.ssl_key, (lambda: "") if secret is None else secret.get_secret_value()
        )
    return context
