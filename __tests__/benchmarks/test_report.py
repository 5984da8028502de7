import pytest
from benchmarks.budgets import verdicts
from benchmarks.load import Load
from benchmarks.report import table
from benchmarks.results import Place, Results
from benchmarks.tables import REFUSED, markdown

STEADY = (1.0, 1.0, 1.0)
WILD = (1.0, 3.0, 1.0)


def results_of(rates: dict[str, float], *, kind: str = "postgres", noise: tuple[float, ...] = STEADY) -> Results:
    results = Results()
    for name, rate in rates.items():
        for factor in STEADY if name == "join" else noise:
            load = Load(rate=rate * factor, p50=1.0, p99=50.0 * factor, cpu=1e6 / rate)
            results.loads[Place(kind, 16, name)].append(load)
            results.memory[kind, name].append(80.0)
    return results


def cells(results: Results, start: str) -> list[str]:
    line = next(line for line in table(results, widest=0.3).splitlines() if line.startswith(f"| {start}"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_table_gives_the_ratio_by_requests_and_by_processor_time() -> None:
    row = cells(results_of({"join": 1000, "identity": 2500}), "belgie auth.identity")
    assert row[10] == "2.50"
    assert row[13] == "2.50"


def test_the_table_leaves_out_the_ratio_to_a_contender_that_did_not_run() -> None:
    row = cells(results_of({"join": 1000, "identity": 2500}), "belgie auth.identity")
    assert row[11] == "-"


def test_the_table_refuses_a_ratio_that_changes_too_much_from_round_to_round() -> None:
    row = cells(results_of({"join": 1000, "identity": 2500}, noise=WILD), "belgie auth.identity")
    assert row[10] == REFUSED
    assert row[13] == "2.50"


@pytest.mark.parametrize(("rate", "word"), [(1100, "met"), (1099, "MISSED")])
def test_a_budget_is_met_from_its_least_ratio_on(rate: float, word: str) -> None:
    lines = list(verdicts(results_of({"join": 1000, "user": rate}), widest=0.3))
    assert [line.split()[0] for line in lines if "of join" in line] == [word]


def test_a_budget_is_not_judged_by_a_ratio_that_changes_too_much() -> None:
    lines = list(verdicts(results_of({"join": 1000, "user": 5000}, noise=WILD), widest=0.3))
    assert [line.split()[0] for line in lines if "of join" in line] == ["unsure"]


def test_the_tail_is_judged_on_postgres_alone() -> None:
    def tails(kind: str) -> list[str]:
        return [line for line in verdicts(results_of({"user": 1000}, kind=kind), widest=0.3) if "p99" in line]

    assert len(tails("postgres")) == 1
    assert tails("sqlite") == []


def test_a_worker_may_hold_ten_mebibytes_more_than_the_one_by_hand() -> None:
    results = results_of({"join": 1000, "user": 2000})
    results.memory["postgres", "user"] = [91.0]
    assert any(line.startswith("MISSED") and "MiB" in line for line in verdicts(results, widest=0.3))


def test_a_table_pads_its_cells() -> None:
    assert markdown(["a", "figure"], [["long name", "1"]]).splitlines() == [
        "| a         | figure |",
        "| --------- | -----: |",
        "| long name |      1 |",
    ]
