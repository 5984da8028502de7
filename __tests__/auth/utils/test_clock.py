"""What time it is."""

from datetime import UTC, datetime, timedelta, timezone

from auth.utils.clock import as_utc, utc_now


def test_now_is_aware_and_in_utc() -> None:
    before = datetime.now(UTC)
    now = utc_now()
    assert now.tzinfo is UTC
    assert before <= now <= datetime.now(UTC)


def test_a_naive_moment_is_taken_for_utc() -> None:
    assert as_utc(datetime(2026, 1, 1, 12)) == datetime(2026, 1, 1, 12, tzinfo=UTC)  # noqa: DTZ001  naive on purpose


def test_an_aware_moment_stays_the_same_moment() -> None:
    moment = as_utc(datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=5))))
    assert moment == datetime(2026, 1, 1, 7, tzinfo=UTC)
    assert moment.tzinfo is UTC
