import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from tracklight.errors import InputError
from tracklight.report.findings import held_out_sentence
from tracklight.report.page import render
from tracklight.report.run_folder import RunFolder, open_run
from tracklight.settings import Report

SETTINGS = Report(title="A <toy> run", about="Toy networks.", citation=["Someone 2030. A toy."], top_n=1)


class Outline(HTMLParser):
    """Collects what a browser would ask for and what a screen reader would need."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.headings, self.asked, self.images, self.open = [], [], [], []
        self.captions = self.tables = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        named = dict(attrs)
        self.asked += [named[key] for key in ("src", "srcset", "data") if key in named]
        self.asked += [named["href"]] if tag == "link" else []
        self.images += [named] if tag == "img" else []
        self.tables += tag == "table"
        self.captions += tag == "caption"
        if tag not in ("meta", "link", "img", "input"):
            self.open.append(tag)
        if tag in ("h1", "h2"):
            self.headings.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings[-1] += data


def opened(run: Path) -> RunFolder:
    """A run that lists every file of its folder."""
    return open_run(run, [path for path in run.rglob("*") if path.is_file()])


@pytest.fixture(scope="module")
def html(whole_run: Path) -> str:
    return render(opened(whole_run), SETTINGS, page=whole_run / "report.html")


def test_page_asks_for_nothing_but_its_own_data_uris(html: str) -> None:
    page = Outline(html)
    assert len(page.images) == 9
    assert all(address.startswith("data:") for address in page.asked)
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest", html)
    assert "default-src 'none'; img-src data:;" in unescape(html)


def test_every_element_is_closed_and_every_table_and_image_is_described(html: str) -> None:
    page = Outline(html)
    assert page.open == []
    assert page.tables == page.captions > 5
    assert all(image["alt"] for image in page.images)


def test_headings_come_in_reading_order(html: str) -> None:
    assert Outline(html).headings == [
        "A <toy> run",
        "Candidate promoters",
        "Tracks and letters of the top candidates",
        "Where the light falls in measured windows",
        "What was trained on what",
        "Accuracy on held-out windows",
        "Training",
        "Confidence",
        "Peaks against chance",
        "Known elements",
        "Can the light be trusted?",
        "Shortcuts: right for the wrong reason?",
        "Does the prediction hang on the bases the map points at?",
        "Does the map depend on what was learned?",
        "Do the attribution methods agree?",
        "Where in its window the network looks",
        "Files",
        "Provenance",
        "Please cite",
    ]


def test_texts_of_the_user_are_escaped(html: str) -> None:
    assert "<toy>" not in html
    assert "&lt;abcA&gt;" in html


def test_expected_precision_is_the_mean_confidence_of_what_passes(html: str) -> None:
    assert "2 of 3 elements pass the filters. Expected precision of the list: 80.0%" in html
    assert "1 marked low_confidence" in html
    assert "1 marked near_tss" in html


def test_the_promise_is_held_against_held_out_measurements() -> None:
    table = pd.DataFrame(
        {
            "filter": ["PASS"] * 4 + ["high_q"],
            "held_out": ["active", "active", "inactive", ".", "inactive"],
            "confidence": [0.9, 0.6, 0.6, 0.1, 0.1],
            "seen_in_training": [False, False, False, True, True],
        }
    )
    said = held_out_sentence(table)
    assert said.startswith("1 of them overlap training windows")
    assert "3 have their summit in held-out measured windows" in said
    assert "66.7% measured active (95% interval 20.8% to 93.9%; stated 70.0%)" in said  # Wilson's interval by hand
    assert "measured active" not in held_out_sentence(table[table["held_out"] == "."])


def test_candidate_table_stops_at_top_n_and_links_to_the_picture(html: str) -> None:
    assert '<a href="#logo-candidate_1">candidate_1</a>' in html
    assert 'id="logo-candidate_1"' in html
    assert "candidate_2" not in html
    assert "chr1:1,010-1,030" in html


def test_page_says_plainly_that_no_peak_passes(html: str) -> None:
    assert "None of the 50 peaks passes q ≤ 0.20 against dinucleotide shuffles or windows measured inactive." in html
    assert "is this peak higher than chance sequence would give?" in html
    assert "p &lt; 0.05 in 5.1% of its peaks" in html


def test_accuracy_stands_beside_the_best_baseline_and_the_spread_over_seeds(html: str) -> None:
    assert "Pearson r 0.550 (k-mer ridge 0.420)" in html
    assert "0.520 ± 0.014" in html


def test_calibration_names_its_error_and_its_prior(html: str) -> None:
    assert "On 60 held-out windows" in html
    assert "expected calibration error" in html
    assert "15.0% of the windows behind it are active" in html


def test_splits_are_counted(html: str) -> None:
    rows = re.findall(r'<th scope=row data-value="(train|validation|test)">.*?</tr>', html, flags=re.DOTALL)
    assert rows == ["train", "validation", "test"]
    assert "2 (50.0%)" in html
    assert "beyond_contig" in html


def test_files_are_linked_relative_to_the_page(run_folder: Path) -> None:
    html = render(opened(run_folder), SETTINGS, page=run_folder.parent / "elsewhere" / "report.html")
    assert '<a href="../toy/tracks/saliency.plus.bw">tracks/saliency.plus.bw</a>' in html
    assert "spread over the ensemble of gradient x input, minus strand (bigWig)" in html
    assert "evaluation.tsv" in html


def test_provenance_names_versions_devices_and_checksums(html: str) -> None:
    assert "tracklight 0.1.0, Python 3.11.2, torch 2.6.0" in html
    assert html.index("prepare_genome") < html.index("train_seed0")
    assert html.count("ab" * 32) == 2  # once as text, once as the value it sorts by
    assert "device cpu" in html


def test_missing_optional_parts_leave_one_sentence(run_folder: Path) -> None:
    for name in ("elements.tsv", "logos/logos.json", "peaks/null.tsv", "peaks/calibration.json", "evaluation.tsv"):
        (run_folder / name).unlink()
    for path in run_folder.glob("model/*/metrics.tsv"):
        path.unlink()
    html = render(opened(run_folder), SETTINGS, page=run_folder / "report.html")
    for sentence in (
        "No known elements were given to compare with.",
        "No candidate is drawn.",
        "No held-out active window has a saliency maximum.",
        "This run has no peaks.",
        "This run has no calibration.",
        "This run has no evaluation.",
        "This run has no training curves.",
    ):
        assert html.count(sentence) == 1


def test_empty_candidate_list_says_why(run_folder: Path) -> None:
    table = (run_folder / "candidates.tsv").read_text().replace("PASS", "low_confidence")
    (run_folder / "candidates.tsv").write_text(table)
    html = render(opened(run_folder), SETTINGS, page=run_folder / "report.html")
    assert "None of 3 elements passes the filters, so the list is empty." in html
    assert "3 marked low_confidence" in html


def test_same_folder_gives_the_same_page(whole_run: Path, html: str) -> None:
    assert render(opened(whole_run), SETTINGS, page=whole_run / "report.html") == html


def test_folder_without_windows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"windows\.json: description of the windows not found"):
        open_run(tmp_path, [])
    with pytest.raises(InputError, match=r"nowhere: run folder not found"):
        open_run(tmp_path / "nowhere", [])


def test_damaged_json_is_refused_with_its_name(run_folder: Path) -> None:
    (run_folder / "peaks" / "calibration.json").write_text("{")
    with pytest.raises(InputError, match=r"calibration\.json: not JSON"):
        opened(run_folder).facts("peaks/calibration.json")
    (run_folder / "peaks" / "calibration.json").write_text("[1]")
    with pytest.raises(InputError, match=r"not a JSON object; got list"):
        opened(run_folder).facts("peaks/calibration.json")


def test_damaged_table_is_refused_with_its_name(run_folder: Path) -> None:
    (run_folder / "evaluation.tsv").write_text('a\tb\n1\t2\n3\t4\t5\t6\n"')
    with pytest.raises(InputError, match=r"evaluation\.tsv: not a table"):
        opened(run_folder).table("evaluation.tsv")


def test_networks_are_ordered_by_number(run_folder: Path) -> None:
    (run_folder / "model" / "seed1").rename(run_folder / "model" / "seed10")
    (run_folder / "model" / "seed2").mkdir()
    (run_folder / "model" / "seed2" / "metrics.tsv").write_text("epoch\n1\n")
    assert list(opened(run_folder).curves()) == ["seed0", "seed2", "seed10"]


def test_what_the_run_does_not_list_is_not_read(run_folder: Path, html: str) -> None:
    files = [path for path in run_folder.rglob("*") if path.is_file()]
    for name in ("model/seed7/metrics.tsv", "provenance/train_seed7.json", "tracks/saliency.bw", "elements.tsv"):
        (run_folder / name).parent.mkdir(exist_ok=True)
        (run_folder / name).write_text("{left by an earlier configuration")
    run = open_run(run_folder, [path for path in files if path.name != "elements.tsv"])
    page = render(run, SETTINGS, page=run_folder / "report.html")
    assert list(run.curves()) == ["seed0", "seed1"]
    assert list(run.provenance()) == ["prepare_genome", "train_seed0", "candidates"]
    assert "No known elements were given to compare with." in page
    assert "tracks/saliency.plus.bw" in page
    assert "tracks/saliency.bw" not in page
    assert ">elements.tsv<" not in page


def test_the_list_of_files_is_checked(run_folder: Path) -> None:
    windows = [run_folder / "windows" / name for name in ("windows.json", "windows.tsv.gz")]
    with pytest.raises(InputError, match=r"windows\.tsv\.gz: index of the windows is not among the files of the run"):
        open_run(run_folder, windows[:1])
    with pytest.raises(InputError, match=r"elements2\.tsv: file of the run not found"):
        open_run(run_folder, [*windows, run_folder / "elements2.tsv"])
    with pytest.raises(InputError, match="file is outside the run folder"):
        open_run(run_folder, [*windows, Path(__file__)])


def test_a_contig_or_a_gene_called_na_keeps_its_name(run_folder: Path) -> None:
    table = (run_folder / "candidates.tsv").read_text().replace("chr1", "nan").replace("<abcA>", "NA")
    (run_folder / "candidates.tsv").write_text(table)
    found = opened(run_folder).table("candidates.tsv")
    assert found["chrom"].tolist() == ["nan"] * 3
    assert found["nearest_gene"].fillna("missing").tolist() == ["NA", "missing", "xyz"]
    assert found["tss_distance"].fillna(99).tolist() == [-30, 99, 12]
    assert "nan:1,010-1,030" in render(opened(run_folder), SETTINGS, page=run_folder / "report.html")


def test_a_flagged_shortcut_stands_above_everything_else_and_no_flag_leaves_no_badge(run_folder: Path, html: str):
    assert '<p class="badge"' not in html
    rows = {"nuisance": ["repeats"], "measure": ["flagged"], "value": [1.0], "low": [None], "high": [None], "n": [50]}
    (run_folder / "trust").mkdir()
    pd.DataFrame(rows).to_csv(run_folder / "trust" / "shortcuts.tsv", sep="\t", index=False)
    page = render(opened(run_folder), SETTINGS, page=run_folder / "report.html")
    assert page.index("Accuracy not trustworthy: the prediction hangs on repeats") < page.index('<ul class="summary">')
