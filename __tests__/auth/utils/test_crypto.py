"""Random values, digests and signatures."""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterator

import pytest

from auth.utils.crypto import (
    ValueSigner,
    base64url,
    code_challenge,
    digest,
    equal,
    from_base64url,
    generate_code_verifier,
    generate_token,
    keyed_digest,
)

OLD = "an-old-secret-of-more-than-32-bytes-000"
NEW = "a-newer-secret-of-more-than-32-bytes-00"
STRANGERS = "a-secret-of-somebody-else-entirely-0000"

#: Every printable ASCII character, and what may get between them.
CHARACTERS = [chr(code) for code in range(128)]


def signed_values(count: int) -> Iterator[tuple[str, str]]:
    """Values with their signatures; so many that their Base64 has every character."""
    signer = ValueSigner([NEW], "session")
    for number in range(count):
        value = f"{number:032x}"
        yield value, signer.sign(value)


def test_the_code_challenge_is_that_of_rfc_7636_appendix_b() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert code_challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.parametrize("generate", [generate_token, generate_code_verifier])
def test_generated_values_have_256_bits_in_url_safe_characters_and_never_repeat(generate: Callable[[], str]) -> None:
    values = [generate() for _ in range(1000)]
    assert len(set(values)) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", value) for value in values)
    assert all(len(base64.urlsafe_b64decode(value + "=")) == 32 for value in values)


def test_a_code_verifier_has_the_form_that_rfc_7636_wants() -> None:
    assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", generate_code_verifier())


def test_a_digest_is_sha_256_over_parts_with_their_lengths() -> None:
    expected = hashlib.sha256()
    for part in (b"purpose", b"one", "zwei-ü".encode()):
        expected.update(len(part).to_bytes(8, "big") + part)
    assert digest("purpose", "one", "zwei-ü") == base64.urlsafe_b64encode(expected.digest()).decode().rstrip("=")


@pytest.mark.parametrize(
    "parts",
    [
        ("purpose", "a", "bc"),
        ("purpose", "ab", "", "c"),
        ("purpose", "abc"),
        ("purpose", "abc", ""),
        ("purpose", "", "abc"),
        ("purposea", "b", "c"),
        ("", "purposeab", "c"),
        ("purpose", "ab", "c", ""),
        ("purpose", "c", "ab"),
        ("Purpose", "ab", "c"),
    ],
)
def test_what_moves_from_one_part_of_a_digest_to_the_next_changes_it(parts: tuple[str, ...]) -> None:
    assert digest(*parts) != digest("purpose", "ab", "c")


def test_a_keyed_digest_is_an_hmac_that_depends_on_key_purpose_and_parts() -> None:
    message = digest("nonce", "state").encode()
    expected = hmac.new(b"key", message, hashlib.sha256).digest()
    assert keyed_digest("key", "nonce", "state") == base64.urlsafe_b64encode(expected).decode().rstrip("=")
    others = {
        keyed_digest("other", "nonce", "state"),
        keyed_digest("key", "other", "state"),
        keyed_digest("key", "nonce", "other"),
        digest("nonce", "state"),
    }
    assert len(others | {keyed_digest("key", "nonce", "state")}) == 5


def test_data_of_every_length_comes_back_from_base64url_without_padding() -> None:
    samples = [bytes(range(255, 255 - length, -1)) for length in range(20)]
    samples += [bytes((0, 0, last)) for last in range(256)]  # every character can be the last one
    for data in samples:
        assert re.fullmatch(r"[A-Za-z0-9_-]*", base64url(data))
        assert from_base64url(base64url(data)) == data


@pytest.mark.parametrize("text", ["a", "ü", "abcde"])
def test_what_is_no_base64url_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_base64url(text)


@pytest.mark.parametrize("text", ["", "a", "ü", "\ud800", "a" * 5000])
def test_texts_of_any_kind_are_equal_to_themselves_only(text: str) -> None:
    assert equal(text, text)
    assert not equal(text, f"{text}x")
    assert not equal(f"x{text}", text)


def test_a_signed_value_comes_back() -> None:
    for value, signed in signed_values(50):
        assert ValueSigner([NEW], "session").unsign(signed) == value


def test_a_value_may_hold_dots() -> None:
    signer = ValueSigner([NEW], "flow")
    assert signer.unsign(signer.sign("signin.1700000000.abc")) == "signin.1700000000.abc"


def test_the_first_secret_signs_and_every_listed_one_verifies() -> None:
    rotated = ValueSigner([NEW, OLD], "session")
    before = ValueSigner([OLD], "session").sign("value")
    assert rotated.unsign(before) == "value"
    assert rotated.sign("value") == ValueSigner([NEW], "session").sign("value")
    assert ValueSigner([OLD, NEW], "session").sign("value") == before


def test_a_secret_that_is_not_listed_any_more_verifies_nothing() -> None:
    signed = ValueSigner([OLD], "session").sign("value")
    assert ValueSigner([NEW], "session").unsign(signed) is None
    assert ValueSigner([NEW, STRANGERS], "session").unsign(signed) is None


def test_what_was_signed_for_one_purpose_is_worthless_for_another() -> None:
    for purpose, other in (("session", "flow"), ("flow", "session"), ("session", ""), ("session", "sessions")):
        assert ValueSigner([NEW], other).unsign(ValueSigner([NEW], purpose).sign("value")) is None


def test_no_text_that_differs_in_one_character_verifies() -> None:
    signer = ValueSigner([NEW], "session")
    for value, signed in signed_values(4):
        for position, character in enumerate(signed):
            for other in CHARACTERS:
                if other != character:
                    assert signer.unsign(f"{signed[:position]}{other}{signed[position + 1 :]}") is None, value


def test_a_signature_has_one_spelling() -> None:
    signer = ValueSigner([NEW], "session")
    respelled = 0
    for _, signed in signed_values(50):
        value, _, signature = signed.rpartition(".")
        spellings = {
            f"{value}.{signature.translate(str.maketrans('-_', '+/'))}",
            f"{signed}=",
            f"{signed}\n",
            f" {signed}",
            f"{signed}.",
            f"{value}..{signature}",
            f"{value}.{signature[:20]} {signature[20:]}",
            f"{value}.{signature[:20]}\n{signature[20:]}",
            f"{value}.{signature[:-1]}{chr(ord(signature[-1]) + 1)}",
            f'"{signed}"',
        } - {signed}
        respelled += len(spellings)
        for spelling in spellings:
            assert signer.unsign(spelling) is None, spelling
    assert respelled > 9 * 50, "some of the signatures hold a character that Base64 spells in two ways"


@pytest.mark.parametrize(
    "text", ["", ".", "value", "value.", ".signature", "välue.abc", "\ud800.\ud800", "\x00.\x00", "a" * 10_000]
)
def test_what_was_never_signed_does_not_verify(text: str) -> None:
    assert ValueSigner([NEW], "session").unsign(text) is None


def test_a_truncated_signature_does_not_verify() -> None:
    signer = ValueSigner([NEW], "session")
    signed = signer.sign("value")
    for length in range(len(signed)):
        assert signer.unsign(signed[:length]) is None
