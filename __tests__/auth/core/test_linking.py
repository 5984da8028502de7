"""An account joins a user only with proof on both sides."""

from itertools import product

import pytest
from __tests__.auth.fixtures.dictionaries import DictUser

from auth import LinkingPolicy
from auth.providers import Profile


def profile(*, verified: bool) -> Profile:
    return Profile(provider_account_id="1", email="ada@example.org", email_verified=verified)


def user(*, verified: bool) -> DictUser:
    return DictUser(email="ada@example.org", email_verified=verified)


@pytest.mark.parametrize(("theirs", "ours"), list(product([True, False], repeat=2)))
def test_g07_both_addresses_must_be_verified(theirs: bool, ours: bool) -> None:
    may = LinkingPolicy().may_link(provider="op", profile=profile(verified=theirs), user=user(verified=ours))
    assert may is (theirs and ours)


@pytest.mark.parametrize(("theirs", "ours"), list(product([True, False], repeat=2)))
def test_g09_a_trusted_provider_needs_a_verified_address_of_its_own_only(theirs: bool, ours: bool) -> None:
    policy = LinkingPolicy(trusted_providers=["google"])
    assert policy.may_link(provider="google", profile=profile(verified=theirs), user=user(verified=ours)) is theirs


@pytest.mark.parametrize("provider", ["goog", "google2", "Google", "", "github"])
def test_g09_another_provider_is_not_trusted(provider: str) -> None:
    policy = LinkingPolicy(trusted_providers=["google"])
    assert not policy.may_link(provider=provider, profile=profile(verified=True), user=user(verified=False))
