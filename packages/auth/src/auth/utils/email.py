"""E-mail addresses: one normal form, or none."""

import re
import unicodedata
from typing import Final

from proto import fold_email

_MAXIMUM_ADDRESS: Final = 254  # RFC 5321, section 4.5.3.1.3, less the angle brackets
_MAXIMUM_LOCAL_BYTES: Final = 64  # RFC 5321, section 4.5.3.1.1
_ATEXT: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~")
# Letters and marks that show as nothing (Unicode's Default_Ignorable_Code_Point, less the format characters)
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_DOMAIN: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*")


def normalize_email(address: str) -> str:
    """Return the form in which `address` is stored and compared.

    Outer white space goes, Unicode becomes NFC, A-Z become lower case and the domain becomes ASCII (IDNA 2008 with
    the UTS 46 mapping). Dots and `+tags` stay: they are different mailboxes at most providers.

    Raises:
        ValueError: it is not one plain address (RFC 5321, RFC 6531): quoted local parts, comments, lists,
            control, format and zero-width characters are refused. The text is not repeated.
    """
    folded = fold_email(address)
    local, at, domain = folded.partition("@")
    if not at or not _is_local_part(local) or not _is_visible(folded):
        raise ValueError(_MESSAGE)
    ascii_domain = _to_ascii(domain)
    result = f"{local}@{ascii_domain}"
    if len(result.encode("utf-8")) > _MAXIMUM_ADDRESS:
        raise ValueError(_MESSAGE)
    return result


_MESSAGE: Final = "expected one e-mail address of the form local@domain"


def _is_visible(address: str) -> bool:
    """Whether every character shows: the mapping of domains (UTS 46) drops what does not, and would join addresses."""
    return _INVISIBLE.search(address) is None and all(unicodedata.category(one)[0] not in "CZ" for one in address)


def _is_local_part(local: str) -> bool:
    if not local or len(local.encode("utf-8", "surrogatepass")) > _MAXIMUM_LOCAL_BYTES:
        return False
    return all(atom and all(_is_atom_character(character) for character in atom) for atom in local.split("."))


def _is_atom_character(character: str) -> bool:
    # beyond ASCII: letters, marks and numbers, so nothing invisible and nothing that acts as punctuation
    return character in _ATEXT if character.isascii() else unicodedata.category(character)[0] in "LMN"


def _to_ascii(domain: str) -> str:
    ascii_domain = domain
    if not domain.isascii():
        import idna  # noqa: PLC0415 - its tables are large, and such domains are rare

        try:
            ascii_domain = idna.encode(domain, uts46=True).decode("ascii")
        except UnicodeError as error:  # idna.IDNAError is one
            raise ValueError(_MESSAGE) from error
    if not _DOMAIN.fullmatch(ascii_domain):
        raise ValueError(_MESSAGE)
    return ascii_domain
