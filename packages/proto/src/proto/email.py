"""The one form in which e-mail addresses are stored and compared."""

import unicodedata
from typing import Final

_ASCII_LOWER: Final = str.maketrans({chr(upper): chr(upper + 32) for upper in range(ord("A"), ord("Z") + 1)})


def fold_email(address: str) -> str:
    """Return `address` without outer white space, in Unicode form NFC and with A-Z in lower case.

    Only ASCII letters are folded: full case folding makes different letters equal (the Kelvin sign and `k`),
    and two people's addresses with them. The function says nothing about validity; `auth` checks that where
    an address comes in.
    """
    return unicodedata.normalize("NFC", address.strip()).translate(_ASCII_LOWER)
