"""Texts at rest."""

import base64

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from auth.utils.vault import Vault

OLD = "an-old-secret-of-more-than-32-bytes-000"
NEW = "a-newer-secret-of-more-than-32-bytes-00"
TOKEN = "canary-access-token"
PLACE = ("access_token", "google", "subject-1")


@pytest.mark.parametrize("text", ["", TOKEN, "tökén", "a" * 20_000])
def test_a_text_comes_back_where_it_belongs(text: str) -> None:
    assert Vault([NEW]).decrypt(Vault([NEW]).encrypt(text, *PLACE), *PLACE) == text


def test_what_is_stored_shows_nothing_of_the_text_and_is_never_the_same_twice() -> None:
    sealed = {Vault([NEW]).encrypt(TOKEN, *PLACE) for _ in range(100)}
    assert len(sealed) == 100
    for one in sealed:
        assert one.startswith("v1.")
        assert TOKEN.encode() not in base64.urlsafe_b64decode(one[3:])


def test_the_first_secret_encrypts_and_every_listed_one_decrypts() -> None:
    before = Vault([OLD]).encrypt(TOKEN, *PLACE)
    after = Vault([NEW, OLD]).encrypt(TOKEN, *PLACE)
    assert Vault([NEW, OLD]).decrypt(before, *PLACE) == TOKEN
    assert Vault([NEW]).decrypt(after, *PLACE) == TOKEN
    with pytest.raises(ValueError, match="expected a text that was encrypted for this place"):
        Vault([NEW]).decrypt(before, *PLACE)


@pytest.mark.parametrize(
    "place",
    [
        (),
        ("access_token", "google"),
        ("refresh_token", "google", "subject-1"),
        ("access_token", "github", "subject-1"),
        ("access_token", "google", "subject-2"),
        ("access_token", "googlesubject-1"),
        ("access_token", "google", "subject", "-1"),
        ("access_token", "googles", "ubject-1"),
        ("google", "access_token", "subject-1"),
    ],
)
def test_a_text_that_was_moved_to_another_row_or_column_does_not_decrypt(place: tuple[str, ...]) -> None:
    sealed = Vault([NEW]).encrypt(TOKEN, *PLACE)
    with pytest.raises(ValueError, match="expected"):
        Vault([NEW]).decrypt(sealed, *place)


def test_what_was_tampered_with_never_decrypts_to_another_text() -> None:
    vault = Vault([NEW])
    sealed = vault.encrypt(TOKEN, *PLACE)
    refused = 0
    for position, character in enumerate(sealed):
        for other in "A_-z09.= ":
            if other == character:
                continue
            try:
                assert vault.decrypt(f"{sealed[:position]}{other}{sealed[position + 1 :]}", *PLACE) == TOKEN
            except ValueError:
                refused += 1
    assert refused > 8 * (len(sealed) - 5), "all but other spellings of the last character are refused"


@pytest.mark.parametrize("text", ["", TOKEN, "v1.", "v1.AAAA", "v1.ü", "v2.AAAA", "v1", "v1.===", "V1.AAAA"])
def test_what_was_never_encrypted_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|padding|base64|Nonce|data") as raised:
        Vault([NEW]).decrypt(text, *PLACE)
    assert TOKEN not in str(raised.value)


def test_the_format_stays_readable_for_later_versions() -> None:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"belgie.tokens.v1").derive(NEW.encode())
    place = b"".join(len(part).to_bytes(4, "big") + part.encode() for part in PLACE)
    data = base64.urlsafe_b64decode(Vault([NEW]).encrypt(TOKEN, *PLACE).removeprefix("v1."))
    assert AESGCM(key).decrypt(data[:12], data[12:], place) == TOKEN.encode()
