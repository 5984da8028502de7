import pytest
from benchmarks.figures import Sample, paired, ratio


def test_the_median_is_the_middle_value_and_not_the_mean() -> None:
    assert Sample.of([9, 1, 2]).median == 2


def test_the_median_of_an_even_number_of_values_is_the_mean_of_the_two_in_the_middle() -> None:
    assert Sample.of([1, 2, 4, 100]).median == 3


def test_a_sample_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        Sample.of([])


def test_the_spread_is_the_whole_range_in_parts_of_the_median() -> None:
    assert Sample.of([90, 100, 120]).spread == pytest.approx(0.3)


@pytest.mark.parametrize("values", [[100.0], [100.0, 100.0]])
def test_too_few_rounds_have_no_spread_however_alike_they_are(values: list[float]) -> None:
    assert Sample.of(values).spread is None


def test_a_median_of_zero_has_no_spread() -> None:
    assert Sample.of([0, 0, 0]).spread is None


def test_the_middle_half_leaves_the_outliers_out() -> None:
    assert Sample.of([1, 10, 11, 12, 1000]).middle_half == (10, 12)


def test_the_middle_half_of_two_values_is_both() -> None:
    assert Sample.of([4, 2]).middle_half == (2, 4)


def test_a_ratio_is_the_median_of_the_quotients_round_by_round() -> None:
    assert ratio(Sample.of([30, 31, 29]), Sample.of([10, 10, 10]), widest=0.3) == pytest.approx(3)


def test_what_slows_whole_rounds_down_does_not_widen_a_ratio() -> None:
    assert ratio(Sample.of([30, 60, 15]), Sample.of([10, 20, 5]), widest=0.1) == 3


def test_one_round_in_five_that_went_wrong_does_not_refuse_a_ratio() -> None:
    assert ratio(Sample.of([30, 30, 90, 30, 30]), Sample.of([10, 10, 10, 10, 10]), widest=0.1) == 3


def test_a_ratio_is_refused_if_the_middle_half_of_the_quotients_is_too_wide() -> None:
    assert ratio(Sample.of([10, 20, 30, 40]), Sample.of([10, 10, 10, 10]), widest=0.3) is None


def test_a_middle_half_at_the_limit_is_not_too_wide() -> None:
    assert ratio(Sample.of([75, 100, 125]), Sample.of([50, 50, 50]), widest=0.25) == 2


def test_a_ratio_of_too_few_rounds_is_refused() -> None:
    assert ratio(Sample.of([30, 30]), Sample.of([10, 10]), widest=0.3) is None


def test_a_ratio_of_different_rounds_is_refused() -> None:
    assert ratio(Sample.of([30, 30, 30]), Sample.of([10, 10, 10, 10]), widest=0.3) is None


def test_a_ratio_to_zero_is_refused() -> None:
    assert ratio(Sample.of([30, 30, 30]), Sample.of([10, 0, 10]), widest=0.3) is None


def test_paired_quotients_cancel_what_slows_a_whole_round_down() -> None:
    assert paired([10, 100, 10], [20, 200, 20]).values == (0.5, 0.5, 0.5)


def test_paired_quotients_need_the_same_rounds_of_both() -> None:
    with pytest.raises(ValueError, match="shorter"):
        paired([1, 2], [1])
