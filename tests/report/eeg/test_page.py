import json
import re
import shutil
from collections.abc import Callable
from functools import partial
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from tracklight.errors import InputError
from tracklight.report.blocks import Section, Table, Text
from tracklight.report.eeg.awakening import awakening_section, in_order
from tracklight.report.eeg.data import training_section
from tracklight.report.eeg.evidence import share_cell, share_sentence, split_of
from tracklight.report.eeg.examples import examples_section
from tracklight.report.eeg.gate import gate_section
from tracklight.report.eeg.maps import maps_section
from tracklight.report.eeg.page import render
from tracklight.report.eeg.split import split_section
from tracklight.report.eeg.study import Study, open_studies
from tracklight.report.eeg.topography import topography_section
from tracklight.report.eeg.verdict import badge, sentence
from tracklight.report.run_folder import RunFolder, open_run
from tracklight.settings.report_eeg import ReportEeg

SETTINGS = ReportEeg(title="A <toy> run", about="Toy nights.", citation=["Someone 2030. A toy."], top_n=4)


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
        if tag == "h2":
            self.headings.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "h2":
            self.headings[-1] += data


def listed(run: Path, *, without: str = " ") -> RunFolder:
    """A run that lists every file of its folder, but those whose path holds a text."""
    return open_run(run, [path for path in run.rglob("*") if path.is_file() and without not in str(path)], needed={})


def page(run: Path, *, without: str = " ") -> str:
    return render(listed(run, without=without), SETTINGS, page=run / "report.html")


@pytest.fixture(scope="module")
def html(whole_run: Path) -> str:
    return page(whole_run)


def test_page_asks_for_nothing_but_its_own_data_uris(html: str) -> None:
    outline = Outline(html)
    assert len(outline.images) == 19
    assert all(address.startswith("data:") for address in outline.asked)
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest", html)
    assert "default-src 'none'; img-src data:;" in unescape(html)


def test_every_element_is_closed_and_every_table_and_image_is_described(html: str) -> None:
    outline = Outline(html)
    assert outline.open == []
    assert outline.tables == outline.captions > 15
    assert all(image["alt"] for image in outline.images)


def test_headings_come_in_reading_order(html: str) -> None:
    assert Outline(html).headings == [
        "Content or company?",
        "Is anything decoded within sleep stages?",
        "What the evidence is made of",
        "Where the evidence lies",
        "When before the awakening",
        "Over the head",
        "Single epochs",
        "Would another network, label or signal give the same?",
        "Recordings, reports and epochs",
        "Training",
        "Methods",
        "Files",
        "Provenance",
        "Please cite",
    ]


def test_same_run_gives_the_same_page(whole_run: Path, html: str) -> None:
    assert page(whole_run) == html


def test_headline_is_the_confound_share_of_the_strata(whole_run: Path, html: str) -> None:
    for name in ("content", "no_content"):
        share = json.loads((whole_run / name / "strata/conv/attribution/strata.json").read_text())["confound_share"]
        worded = f"{name}: {share['value']:.1%} ({share['low']:.1%} to {share['high']:.1%}) of the evidence for flying"
        assert worded in html


def test_study_that_passes_the_gate_says_where_its_content_is(html: str) -> None:
    assert "Claimed as content: P4 31–33 Hz (more evidence)" in html
    assert "Simulated, so the truth is known: 3 of 3 planted bins found, no claims outside." in html
    assert "3 features of 21 claimed as content: P4 31–33 Hz" in html
    assert "3 of 3 in both maps also hold within bins of depth." in html


def test_study_that_fails_the_gate_claims_nothing_and_says_so_in_every_section_on_maps(html: str) -> None:
    assert '<p class="badge" role="alert">no_content: no within-stage decoding; maps not interpretable.</p>' in html
    assert "however well it looks when stages are ignored (AUC up to 0.73)" in html
    sections = {part.split('"')[0]: part for part in html.split('<section id="')[1:]}
    for name in ("maps", "time", "head", "examples"):
        assert "no_content: no within-stage decoding; maps not interpretable." in sections[name]


def test_findings_of_a_study_that_failed_the_gate_look_like_warnings_and_others_do_not(html: str) -> None:
    warned = re.findall(r'<(?:li|p) class="(?:finding )?warn">(\w+)[:.]', html)
    assert set(warned) == {"no_content"}
    assert len(warned) >= 4
    assert re.findall(r'<p class="finding">(\w+)[:.]', html).count("content") >= 3


def test_colours_are_explained_only_where_there_are_some(html: str) -> None:
    captions = [text for text in re.findall(r"<figcaption>(.*?)</figcaption>", html) if text.startswith("no_content")]
    maps, time = captions[0], captions[2]
    assert maps.startswith("no_content: in C orange is more with flying, blue is less. A and B are grey")
    assert "orange" not in time
    assert "grey, since no within-stage decoding; maps not interpretable." in time


def test_a_figure_is_shown_in_full_size_without_a_request(html: str) -> None:
    assert html.count('<label class="zoom"><input type="checkbox"') == html.count("<img ") == html.count("</label>")


@pytest.mark.parametrize(
    ("total", "worded"),
    [
        ((-0.03, -0.44, 0.38), "The evidence does not differ between the labels (total -0.03 SD, -0.44 to 0.38), so"),
        ((0.5, None, None), "One subject's evidence has no interval, so it is not divided (total 0.50 SD)."),
        ((0.5, 0.1, 0.9), "% to "),
        ((-0.5, -0.9, -0.1), "% to "),
    ],
)
def test_share_is_said_only_where_the_labels_differ_in_evidence(
    run_folder: Path, total: tuple[float, float, float], worded: str
) -> None:
    path = run_folder / "content/strata/conv/attribution/strata_decomposition.tsv"
    table = pd.read_csv(path, sep="\t")
    table.loc[table.index[-1], ["total", "total_low", "total_high"]] = total
    table.to_csv(path, sep="\t", index=False)
    study = open_studies(listed(run_folder))[0]
    assert worded in share_sentence(study)
    assert (share_cell(split_of(study)).text == "– (nothing to divide)") == ("% to " not in worded)


def test_ignored_stages_are_blamed_only_where_the_decoder_looks_better_with_them(run_folder: Path) -> None:
    path = run_folder / "no_content/gate/gate.tsv"
    table = pd.read_csv(path, sep="\t")
    table.assign(unstratified=table["auc"].max() + 0.05).to_csv(path, sep="\t", index=False)
    said = sentence(open_studies(listed(run_folder))[1])
    assert "however well it looks" not in said
    assert "no within-stage decoding" in said


def test_evidence_of_stages_stands_beside_their_reports_and_sums_to_the_parts(whole_run: Path, html: str) -> None:
    stages = pd.read_csv(whole_run / "content/strata/conv/attribution/strata_stages.tsv", sep="\t")
    whole = pd.read_csv(whole_run / "content/strata/conv/attribution/strata_decomposition.tsv", sep="\t").iloc[-1]
    assert stages["within"].sum() == pytest.approx(whole["within"], rel=1e-4)
    row = html.split("content: reports and evidence by stage")[2].split('data-value="rem"')[1].split("</tr>")[0]
    assert f'data-value="{stages.set_index("stage").loc["REM", "within"]}"' in row
    assert "do stages differ: p" in html


def test_sums_of_attribution_are_called_evidence_only_where_they_are(run_folder: Path) -> None:
    for complete in (True, False):
        path = run_folder / "content/units/conv/units.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"complete": complete}))
        text = examples_section(open_studies(listed(run_folder)), per_half=1).blocks[0].text
        assert ("give the evidence above that of no signal" in text) is complete


def test_decoders_stand_within_strata_beside_without_and_company_apart(html: str) -> None:
    gate = html.split('<section id="gate"')[1].split("</section>")[0]
    assert "0.97 (0.91 to 1.00)" in gate
    assert "what is no content, within strata" in gate
    decoders, *company = gate.split("what is no content, within strata")
    assert "placebo: REM" not in decoders
    assert "placebo: REM" in "".join(company)


def test_texts_of_the_user_and_names_in_the_tables_are_escaped(run_folder: Path) -> None:
    shutil.rmtree(run_folder / "no_content")
    hostile = '<script>alert("x")</script>'
    for path in (run_folder / "content").rglob("*.tsv"):
        path.write_text(path.read_text().replace("O2", hostile).replace("s03", "'><b>"))
    facts = run_folder / "content/epochs/epochs.json"
    facts.write_text(facts.read_text().replace("O2", hostile.replace('"', "'")).replace("flying", "<i>fly</i>"))
    html = page(run_folder)
    assert "<script>alert" not in html
    assert "<b>" not in html
    assert "<i>" not in html
    assert "&lt;script&gt;alert" in html
    assert "&lt;toy&gt;" in html


@pytest.mark.parametrize(
    ("without", "section", "sentence"),
    [
        ("/gate/", gate_section, "This run has no gate: no decoder was judged."),
        ("/strata/", split_section, "This run has no split of the evidence."),
        (
            "claims.tsv",
            partial(maps_section, top_n=4),
            "This run has no claims, so no map of attribution beside power.",
        ),
        ("claims.tsv", topography_section, "This run has no claims, so no map over the head."),
        ("attribution_time", awakening_section, "This run has no map by time to the awakening."),
        ("examples.npz", partial(examples_section, per_half=1), "This run kept no example epochs."),
        ("metrics.tsv", training_section, "This run has no training curves."),
    ],
)
def test_section_without_its_files_says_why_it_is_empty(
    whole_run: Path, without: str, section: Callable[[list[Study]], Section], sentence: str
) -> None:
    blocks = section(open_studies(listed(whole_run, without=without))).blocks
    assert [block.text for block in blocks if isinstance(block, Text)] == [sentence]


def test_run_with_nothing_but_epochs_still_has_a_page(whole_run: Path, tmp_path: Path) -> None:
    epochs = [path for path in whole_run.rglob("epochs/*") if path.is_file()]
    html = render(open_run(whole_run, epochs, needed={}), SETTINGS, page=tmp_path / "report.html")
    assert "This run has no controls and no checks." in html
    assert "The evidence was not split. The gate was not measured. No claims were drawn." in html
    assert Outline(html).open == []


def test_run_without_a_study_is_one_line(whole_run: Path) -> None:
    with pytest.raises(InputError, match=r"no study among the files of the run; allowed: \*/epochs/epochs.json"):
        page(whole_run, without="epochs.json")


def test_damaged_arrays_are_one_line(run_folder: Path) -> None:
    (run_folder / "content/attribution/conv/A/examples.npz").write_bytes(b"PK no zip")
    with pytest.raises(InputError, match=r"examples.npz: not arrays"):
        examples_section(open_studies(listed(run_folder)), per_half=1)


def test_without_a_gate_maps_are_grey_and_nobody_says_that_it_failed(whole_run: Path) -> None:
    studies = open_studies(listed(whole_run, without="/gate/"))
    section = awakening_section(studies)
    texts = [block.text for block in section.blocks if isinstance(block, Text)]
    assert "content: the gate was not measured, so maps are not interpreted." in texts
    assert badge(studies) is None


def test_bands_stand_in_the_order_of_their_frequencies(studies: list[Study]) -> None:
    table = pd.DataFrame({"band": ["own", "gamma", "beta", "gamma"], "z": [0, 1, 2, 3]})
    ordered = in_order(studies[0], table)
    assert ordered["band"].tolist() == ["beta, 16–30 Hz", "gamma, 30–45 Hz", "gamma, 30–45 Hz", "own"]
    assert ordered["z"].tolist() == [2, 1, 3, 0]


def test_links_lead_to_files_of_the_run(html: str, whole_run: Path) -> None:
    links = [unescape(link) for link in re.findall(r'href="([^"#]+)"', html) if not link.startswith("data:")]
    assert len(links) > 20
    assert all((whole_run / link).is_file() for link in links)


def test_records_of_two_studies_do_not_hide_each_other(whole_run: Path) -> None:
    records = listed(whole_run).provenance()
    assert "content/train_eeg_conv_A_seed0" in records
    assert "no_content/train_eeg_conv_A_seed0" in records


def test_methods_name_the_steps_that_the_networks_were_trained_for(html: str) -> None:
    assert "conv; 250 steps of AdamW" in html


def test_counts_of_the_data_are_those_of_the_index(whole_run: Path, html: str) -> None:
    epochs = pd.read_csv(whole_run / "content/epochs/epochs.tsv.gz", sep="\t")
    half = epochs[epochs["split"] == "A"]
    ones = int((half.drop_duplicates(["contig", "report"])["label"] == 1).sum())
    assert f'data-value="{ones}">{ones} ({ones / 72:.1%})' in html
    assert "flat channel" in html


def test_study_whose_strata_are_too_coarse_claims_nothing_and_says_so_at_the_top(run_folder: Path) -> None:
    path, reason = run_folder / "content/claims/claims.json", "no conclusion: strata are too coarse (placebo: REM)"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"withheld": reason}))
    table = pd.read_csv(run_folder / "content/claims/claims.tsv", sep="\t").assign(claim="")
    table.to_csv(run_folder / "content/claims/claims.tsv", sep="\t", index=False)
    studies = open_studies(listed(run_folder))
    assert studies[0].passed() is True
    assert badge(studies) == (
        f"content: {reason}. no_content: no within-stage decoding; maps not interpretable."
    )  # fmt: skip
    assert f"Nothing is claimed: {reason}." in sentence(studies[0])


def test_what_is_lost_within_bins_is_counted_apart_from_content(run_folder: Path) -> None:
    path = run_folder / "content/claims/claims.tsv"
    table = pd.read_csv(path, sep="\t")
    table.loc[table["feature"] == "P4:31", "claim"] = "not robust to depth"
    table.to_csv(path, sep="\t", index=False)
    study = open_studies(listed(run_folder))[0]
    assert "Claimed as content: P4 32–33 Hz" in sentence(study)
    assert "1 feature in both maps, but not within bins of every second stratifier." in sentence(study)


def test_p_values_of_clusters_are_said_to_be_of_one_direction(studies: list[Study]) -> None:
    tables = [block for block in awakening_section(studies).blocks if isinstance(block, Table)]
    assert tables
    assert all("p of this direction" in table.columns for table in tables)


def test_both_maps_show_their_smallest_p_and_its_adjustment(html: str) -> None:
    assert "smallest p by frequency, declared first (Holm over both maps)" in html
    assert "0.01 (0.02)" in html
