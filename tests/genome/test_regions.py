import gzip

import numpy as np
import pytest

from tracklight.errors import InputError
from tracklight.genome.regions import read_regions
from tracklight.settings import PrepareWindows, validate

LENGTHS = {"I": 100, "II": 50}
HEADER = "chrom\tstart\tend\tname\tstrand\texpression\n"


def settings(**changes):
    values = {"active_above": 1.0, "upstream_bp": 5, "downstream_bp": 5, **changes}
    return validate(PrepareWindows, values, where="prepare_windows")


def read(folder, text, **changes):
    path = folder / "regions.tsv"
    path.write_text(text)
    return read_regions(path, lengths=LENGTHS, settings=settings(**changes))


@pytest.mark.parametrize(
    "start", ["", "#", "## made by hand\n\n", "## a\n#", "# a\n# b c\n", "# a\n\n#", "\ufeff", "\ufeff#"]
)
def test_rows_keep_the_line_number_of_the_file(tmp_path, start):
    table = read(tmp_path, start + HEADER + "I\t0\t10\tx\t+\t1.5\n\nII\t5\t8\t\t-\tNA\n")
    first = start.count("\n") + 2
    assert table.index.tolist() == [first, first + 2]
    assert table[["chrom", "start", "end", "name", "strand"]].to_numpy().tolist() == [
        ["I", 0, 10, "x", "+"],
        ["II", 5, 8, f"line{first + 2}", "-"],
    ]
    assert table.expression.iloc[0] == 1.5
    assert np.isnan(table.expression.iloc[1])
    assert (table.start.dtype, table.end.dtype, table.expression.dtype) == (np.int64, np.int64, np.float64)


def test_gzip_and_carriage_returns_read_the_same(tmp_path):
    text = (HEADER + "I\t0\t10\tx\t+\t1e-1\n").replace("\n", "\r\n")
    path = tmp_path / "table"
    path.write_bytes(gzip.compress(text.encode()))
    table = read_regions(path, lengths=LENGTHS, settings=settings())
    assert table.loc[2].tolist() == ["I", 0, 10, "x", "+", 0.1]


def test_single_base_regions_need_no_end_name_or_strand(tmp_path):
    columns = {"chrom": "c", "start": "tss0", "end": None, "name": None, "strand": None}
    table = read(
        tmp_path, "c\ttss0\tfpkm\nchrI\t99\t3\n", columns=columns, targets=["fpkm"], contig_names={"chrI": "I"}
    )
    assert table.loc[2].tolist() == ["I", 99, 100, "line2", "+", 3.0]


@pytest.mark.parametrize("missing", ["", ".", "NA", "NaN", "nan", "N/A"])
def test_missing_values_are_nan(tmp_path, missing):
    table = read(tmp_path, HEADER + f"I\t0\t10\tx\t+\t{missing}\n")
    assert table.expression.isna().tolist() == [True]


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("I\t10\t10\tx\t+\t1", "line 2: end is not after start; got 10-10"),
        ("I\t12\t10\tx\t+\t1", "line 2: end is not after start; got 12-10"),
        ("I\t95\t101\tx\t+\t1", "line 2: region beyond the contig; got I:95-101; allowed: 0-100"),
        ("I\t-1\t10\tx\t+\t1", "line 2: region beyond the contig; got I:-1-10"),
        ("chrI\t0\t10\tx\t+\t1", r"got chrI; allowed: I, II; map the names with .* prepare_windows.contig_names"),
        ("I\t0\t10\tx\tforward\t1", "line 2: unknown strand; got 'forward'; allowed: +, -, ."),
        ("I\t0\t10\tx\t+\thigh", r"line 2: value \(expression\) is not a number; got 'high'"),
        ("I\t0\t10\tx\t+\tinf", r"line 2: value \(expression\) is not a number; got 'inf'"),
        ("I\tx\t10\tx\t+\t1", r"line 2: start \(start\) is not a whole number; got 'x'"),
        ("I\t0\t1e1\tx\t+\t1", r"line 2: end \(end\) is not a whole number; got '1e1'"),
        ("I\t0\t10\tx\t+", "line 2: wrong number of tab-separated columns; got 5; allowed: 6"),
    ],
)
def test_bad_rows_are_one_line_with_file_line_and_value(tmp_path, row, complaint):
    with pytest.raises(InputError, match=rf"regions.tsv.*{complaint.replace('+', '[+]')}") as caught:
        read(tmp_path, HEADER + row + "\n")
    assert "\n" not in str(caught.value)


def test_the_first_bad_line_is_the_one_named(tmp_path):
    with pytest.raises(InputError, match=r"line 4: value \(expression\) is not a number; got 'b'"):
        read(tmp_path, HEADER + "I\t0\t9\tx\t+\t1\nI\t0\t9\tx\t+\tNA\nI\t0\t9\tx\t+\tb\nI\t0\t9\tx\t+\tc\n")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"targets": ["fpkm"]}, r"missing column; got 'fpkm'; allowed: chrom, .*, expression; .*targets.0"),
        ({"columns": {"chrom": "seq"}}, r"missing column; got 'seq'; .* prepare_windows.columns.chrom"),
        ({"split": {"by": "column", "column": "fold"}}, r"missing column; got 'fold'; .*split.column"),
        ({"split": {"by": "column"}}, r"missing column; got None; .*split.column"),
        ({"targets": ["start"]}, r"prepare_windows.targets: not usable as the name of a target; got 'start'"),
        ({"targets": ["end"]}, r"not usable as the name of a target; got 'end'"),
        ({"targets": ["expression", "expression"]}, r"not usable as the name of a target; got 'expression'"),
    ],
)
def test_missing_columns_name_the_setting_and_what_exists(tmp_path, changes, complaint):
    with pytest.raises(InputError, match=complaint):
        read(tmp_path, HEADER + "I\t0\t10\tx\t+\t1\n", **changes)


def test_a_bed_without_header_is_told_that_it_needs_one(tmp_path):
    wanted = "chrom, start, end, name, strand, expression"
    complaint = f"region table has no header line; got I, 0, 10, x, [+], 1.5; put a line with the .* by tabs: {wanted}"
    with pytest.raises(InputError, match=complaint):
        read(tmp_path, "# measured\nI\t0\t10\tx\t+\t1.5\nI\t5\t20\ty\t+\t1.0\n")


@pytest.mark.parametrize("start", ["#", "# note\n#", "# note\n"])
def test_a_header_with_other_names_is_still_known_as_the_header(tmp_path, start):
    text = start + HEADER.replace("chrom", "seq") + "I\t0\t10\tx\t+\t1\n"
    with pytest.raises(InputError, match="missing column; got 'chrom'; allowed: seq, start, end"):
        read(tmp_path, text)


def test_a_target_may_not_take_the_name_of_the_activity_of_another(tmp_path):
    with pytest.raises(InputError, match=r"not usable as the name of a target; got 'x.active'; every target needs"):
        read(tmp_path, "chrom\tstart\tend\tname\tstrand\tx\tx.active\nI\t0\t9\ta\t+\t1\t1\n", targets=["x", "x.active"])


@pytest.mark.parametrize("text", [HEADER, "## only a note\n", "# only a comment\n# another\n"])
def test_a_table_without_rows_is_refused(tmp_path, text):
    with pytest.raises(InputError, match=r"regions.tsv: region table has no rows"):
        read(tmp_path, text)


def test_columns_of_the_same_name_are_refused(tmp_path):
    with pytest.raises(InputError, match="columns with the same name; got name"):
        read(tmp_path, HEADER.replace("strand", "name") + "I\t0\t10\tx\t+\t1\n")
