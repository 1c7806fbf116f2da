import pandas as pd
import pytest

from tracklight import cli
from tracklight.errors import InputError
from tracklight.stages.checks import Check, read_checks, write_checks

FIELD = Check("receptive-field: width over window", 0.4, 0.3, 0.5, 0.9, "warn")
GAP = Check("deletion: gap to random order", 1.25, verdict="pass")


def test_the_tables_are_joined_in_the_order_given(tmp_path):
    write_checks(tmp_path / "a.tsv", [FIELD])
    write_checks(tmp_path / "b.tsv", [GAP])
    files = [str(tmp_path / name) for name in ("b.tsv", "a.tsv")]
    assert cli.main(["trust", "--checks", *files, "--out", str(tmp_path / "trust.tsv")]) == 0
    assert (tmp_path / "trust.tsv").read_text().splitlines() == [
        "check\tvalue\tlow\thigh\tcontrol\tverdict",
        "deletion: gap to random order\t1.25\t\t\t\tpass",
        "receptive-field: width over window\t0.4\t0.3\t0.5\t0.9\twarn",
    ]


def test_a_check_that_stands_twice_is_refused_and_nothing_is_written(tmp_path, capsys):
    write_checks(tmp_path / "a.tsv", [FIELD])
    file = str(tmp_path / "a.tsv")
    assert cli.main(["trust", "--checks", file, file, "--out", str(tmp_path / "trust.tsv")]) == 2
    assert "a check stands twice; got receptive-field: width over window" in capsys.readouterr().err
    assert not (tmp_path / "trust.tsv").exists()


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        (
            pd.DataFrame({"check": ["a"], "value": [1]}),
            "not a table of checks; got check, value; allowed: check, value, low",
        ),
        (pd.DataFrame([FIELD._replace(verdict="fine")]), "unknown verdict; got fine; allowed: pass"),
    ],
)
def test_another_table_is_refused(tmp_path, table, fault):
    table.to_csv(tmp_path / "a.tsv", sep="\t", index=False)
    with pytest.raises(InputError, match=fault):
        read_checks(tmp_path / "a.tsv")
