"""The one form in which e-mail addresses are stored and compared."""

import re
import unicodedata
from typing import Final

_ASCII_LOWER: Final = str.maketrans({chr(upper): chr(upper + 32) for upper in range(ord("A"), ord("Z") + 1)})

# Characters that Unicode calls the same as an ASCII one (Kelvin sign, Greek question mark, Greek varia). To normalise
# them would make two people's addresses equal.
_ASCII_TWINS: Final = re.compile("([\u212a\u037e\u1fef])")


def fold_email(address: str) -> str:
    """Return `address` without outer white space, in Unicode form NFC and with A-Z in lower case.

    Only ASCII letters are folded, and nothing that is not ASCII becomes ASCII: full case folding and plain NFC make
    different letters equal (the Kelvin sign and `k`), and two people's addresses with them. The function says nothing
    about validity; `auth` checks that where an address comes in.
    """
    parts = _ASCII_TWINS.split(address.strip())
    composed = (part if _ASCII_TWINS.fullmatch(part) else unicodedata.normalize("NFC", part) for part in parts)
    return "".join(composed).translate(_ASCII_LOWER)
