import pytest

import proto

ERRORS = [proto.AdapterError, proto.ConflictError, proto.InvalidValueError, proto.UnavailableError]


@pytest.mark.parametrize("error", ERRORS)
def test_what_an_adapter_raises_is_a_belgie_error(error: type[proto.BelgieError]) -> None:
    assert issubclass(error, proto.AdapterError)
    assert issubclass(error, proto.BelgieError)


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [error.code for error in (proto.BelgieError, *ERRORS)]
    assert len(set(codes)) == len(codes)
    assert all(code.replace("_", "").isalpha() and code.islower() for code in codes)


def test_a_value_that_cannot_be_stored_is_also_a_value_error() -> None:
    assert issubclass(proto.InvalidValueError, ValueError)
