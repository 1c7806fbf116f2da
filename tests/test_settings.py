"""Settings are complete, typed and bounded, and a mistake names the path of its key."""

import copy
import json
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from tracklight.errors import InputError
from tracklight.settings import Config, EegConfig, Logos, Peaks, PrepareWindows, Train, load, validate

REPOSITORY = Path(__file__).parents[1]
CONFIG = {
    "run": "small",
    "inputs": {"fasta": "genome.fa", "regions": "regions.tsv"},
    "prepare_windows": {"active_above": 1.0, "upstream_bp": 50, "downstream_bp": 100},
}


def changed(path, value):
    """The smallest configuration with one key changed; None removes it."""
    config = copy.deepcopy(CONFIG)
    *parents, last = path.split(".")
    inner = config
    for key in parents:
        inner = inner.setdefault(key, {})
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return config


def test_the_smallest_configuration_is_filled_with_defaults():
    config = validate(Config, CONFIG, where="config")
    assert config.train.seeds == [0, 1, 2]
    assert config.prepare_windows.length_bp == 150
    assert config.inputs.exclude == []


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("peaks.widht_bp", 9, r"config\.peaks\.widht_bp: unknown setting; allowed: width_bp, .*remove it"),
        ("prepare_windows.split.bye", "block", r"config\.prepare_windows\.split\.bye: unknown .* allowed: by, column"),
        ("nonsense", 1, r"config\.nonsense: unknown setting; allowed: run, fingerprint, modality, inputs"),
        ("run", None, r"config\.run: setting is missing; add it"),
        ("inputs.fasta", None, r"config\.inputs\.fasta: setting is missing"),
        ("prepare_windows.active_above", None, r"config\.prepare_windows\.active_above: setting is missing"),
        ("run", "a/b", r"config\.run: setting is not allowed; got 'a/b'"),
        ("run", "../up", r"config\.run: setting is not allowed; got '\.\./up'"),
        ("train.epochs", 0, r"config\.train\.epochs: .*got 0; allowed: .*greater than or equal to 1"),
        ("train.learning_rate", 0.0, r"config\.train\.learning_rate: .*got 0\.0; allowed: .*greater than 0"),
        ("train.epochs", "many", r"config\.train\.epochs: .*got 'many'; allowed: .*integer"),
        ("train.epochs", 2.5, r"config\.train\.epochs: .*got 2\.5; allowed: .*integer"),
        ("train.seeds", [], r"config\.train\.seeds: .*at least 1 item"),
        ("train.seeds", [0, -1], r"config\.train\.seeds\.1: .*got -1"),
        ("train.architecture.pools", [2, 0], r"config\.train\.architecture\.pools\.1: .*got 0"),
        ("train.device", "tpu", r"config\.train\.device: .*got 'tpu'; allowed: .*'auto', 'cpu' or 'cuda'"),
        (
            "candidates.min_confidence",
            1.5,
            r"config\.candidates\.min_confidence: .*got 1\.5; .*less than or equal to 1",
        ),
        ("evaluate.kmer_lengths", [3, 9], r"config\.evaluate\.kmer_lengths\.1: .*got 9"),
        ("peaks", 3, r"config\.peaks: .*got 3"),
        ("prepare_windows.active_above", float("nan"), r"config\.prepare_windows\.active_above: .*got nan; .*finite"),
        ("train.learning_rate", float("inf"), r"config\.train\.learning_rate: .*got inf; .*finite"),
        ("prepare_windows.upstream_bp", 10**20, r"upstream_bp: .*got 10{20}; .*less than or equal to 10{9}"),
        ("logos.expected_from_bp", -(10**20), r"expected_from_bp: .*got -10{20}; .*greater than or equal to -10{9}"),
        ("train.seeds", [10**20], r"config\.train\.seeds\.0: .*less than or equal to 10{9}"),
        ("train.seeds", [1, 2, 1], r"config\.train\.seeds: .*got \[1, 2, 1\]; allowed: every seed once"),
        ("train.epochs", True, r"config\.train\.epochs: .*got True; allowed: a value other than true and false"),
        ("train.seeds", [0, True], r"config\.train\.seeds: .*got \[0, True\]; allowed: a value other than true"),
        ("evaluate_elements.top_fraction", 0, r"evaluate_elements\.top_fraction: .*got 0; .*greater than 0"),
        ("inputs.fasta", "", r"config\.inputs\.fasta: .*got ''; .*at least 1 character"),
        ("shortcuts.window_regions", {"a": [30, 10]}, r"config\.shortcuts\.window_regions: .*the first below the last"),
        (
            "inputs.nuisance",
            {"a=b": "x.bed"},
            r"inputs\.nuisance\.a=b\.\[key\]: .*got 'a=b'; .*a name without =",
        ),
        ("run", "a b", r"config\.run: .*got 'a b'; allowed: letters, digits, _ \. and -, a letter or digit first"),
        ("prepare_windows.contig_names", ["chrI"], r"config\.prepare_windows\.contig_names: .*got \['chrI'\]"),
    ],
)
def test_a_mistake_names_its_path_what_was_got_and_what_is_allowed(path, value, message):
    with pytest.raises(InputError, match=message) as error:
        validate(Config, changed(path, value), where="config")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("studies", "message"),
    [
        ({}, "config: setting is not allowed; allowed: a study: inputs.recordings, or simulate_eeg"),
        (
            {"inputs": {"recordings": {"n": "x.tsv"}, "hypnograms": "h"}, "simulate_eeg": {"n": {}}},
            "config: setting is not allowed; allowed: every study once: n is in inputs.recordings and in simulate_eeg",
        ),
    ],
)
def test_what_is_wrong_with_a_whole_configuration_is_said_before_anything_else(studies, message):
    values = {"run": "x", "modality": "eeg", "inputs": {}, "report_eeg": {"about": "long " * 100}} | studies
    with pytest.raises(InputError, match=f"^{message}"):
        validate(EegConfig, values, where="config")


def test_a_window_without_length_is_refused():
    values = {"active_above": 1.0, "upstream_bp": 0, "downstream_bp": 0}
    with pytest.raises(InputError, match=r"upstream_bp \+ downstream_bp must be at least 1"):
        validate(PrepareWindows, values, where="prepare_windows")


def test_an_expected_place_that_ends_before_it_begins_is_refused():
    with pytest.raises(InputError, match=r"logos: .* allowed: expected_from_bp must not be above expected_to_bp"):
        validate(Logos, {"expected_from_bp": -4, "expected_to_bp": -5}, where="logos")


def test_true_and_false_stay_what_a_switch_takes():
    assert validate(PrepareWindows, CONFIG["prepare_windows"] | {"stranded": False}, where="x").stranded is False


def test_an_unknown_key_is_named_before_the_missing_one_it_may_stand_for():
    values = {"active_abov": 1.0, "upstream_bp": 5, "downstream_bp": 5}
    with pytest.raises(InputError, match=r"prepare_windows\.active_abov: unknown setting; allowed: .*active_above"):
        validate(PrepareWindows, values, where="prepare_windows")


def test_a_whole_configuration_given_to_a_stage_names_what_the_stage_takes(tmp_path):
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG, sort_keys=False))
    with pytest.raises(InputError, match=r"prepare_windows\.run: unknown setting; allowed: columns, targets"):
        load(PrepareWindows, str(tmp_path / "config.yaml"), section="prepare_windows")


def test_settings_do_not_change_once_read():
    settings = validate(Peaks, {}, where="peaks")
    with pytest.raises(ValidationError, match="frozen"):
        settings.width_bp = 11


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bom.yaml", "\ufeffwidth_bp: 11\n"),
        ("peaks.json", '{"width_bp": 11}'),
        ("peaks.yaml", "width_bp: 11\n"),
        ("odd.txt", ' {"width_bp": 11}'),
    ],
)
def test_a_stage_reads_its_settings_from_text_or_file(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert load(Peaks, str(tmp_path / name), section="peaks").width_bp == 11
    assert load(Peaks, '{"width_bp": 11}', section="peaks").width_bp == 11


def test_no_settings_are_the_defaults():
    assert load(Train, None, section="train") == Train()


def test_resolved_settings_survive_the_way_through_json():
    settings = validate(Config, CONFIG, where="config")
    for name in ("train", "peaks", "prepare_windows", "candidates"):
        section = getattr(settings, name)
        assert load(type(section), json.dumps(section.model_dump(mode="json")), section=name) == section


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"width_bp": ', "peaks: settings are neither JSON nor YAML"),
        ("missing.yaml", r"peaks: missing\.yaml: cannot read the settings file"),
        ("a\0b", r"settings file is not text; got embedded null"),
        ('{"width_bp": 1' + "0" * 5000 + "}", "peaks: settings are neither JSON nor YAML"),
        ('{"a":' * 100_000, "peaks: settings are neither JSON nor YAML"),
    ],
)
def test_settings_that_cannot_be_read_are_one_line(tmp_path, monkeypatch, text, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message) as error:
        load(Peaks, text, section="peaks")
    assert "\n" not in str(error.value)


def test_a_settings_file_that_is_not_text_is_one_line(tmp_path):
    (tmp_path / "latin.yaml").write_bytes("kind: Stücke\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"peaks: .*latin\.yaml: settings file is not text; .* allowed: UTF-8 text"):
        load(Peaks, str(tmp_path / "latin.yaml"), section="peaks")


def test_a_file_that_is_no_mapping_is_refused(tmp_path):
    (tmp_path / "list.yaml").write_text("- width_bp\n")
    with pytest.raises(InputError, match="peaks: settings must be a mapping of keys to values; got list"):
        load(Peaks, str(tmp_path / "list.yaml"), section="peaks")


@pytest.mark.parametrize("name", ["config.yaml", "yeast.yaml"])
def test_the_configurations_that_are_shipped_are_valid(name):
    values = yaml.safe_load((REPOSITORY / "config" / name).read_text())
    config = validate(Config, values, where=name)
    for path in [config.inputs.fasta, config.inputs.regions, config.inputs.genes, config.inputs.elements]:
        assert path is None or (REPOSITORY / path).is_file()


STUDIES = {
    "run": "x",
    "modality": "eeg",
    "inputs": {"recordings": {"mine": "m.tsv"}, "hypnograms": "h"},
    "simulate_eeg": {"known": {}},
    "prepare_eeg": {"epoch_s": 6.0, "columns": {"time": "onset"}, "labels": {"n": 0, "y": 1}, "split": {"seed": 3}},
}


def test_a_study_is_prepared_as_all_are_but_for_its_own_keys():
    own = {"columns": {"label": "dream"}, "labels": {"flying": 1, "nothing": 0}, "split": {"validation_subjects": 1}}
    config = validate(EegConfig, STUDIES | {"studies": {"mine": own | {"low_hz": 0.5}}}, where="config")
    assert config.prepared("known") == config.prepare_eeg
    mine = config.prepared("mine")
    assert (mine.epoch_s, mine.low_hz, mine.labels) == (6.0, 0.5, {"flying": 1, "nothing": 0})
    assert (mine.columns.time, mine.columns.label, mine.columns.report) == ("onset", "dream", "report")
    assert (mine.split.seed, mine.split.validation_subjects) == (3, 1)


@pytest.mark.parametrize(
    ("studies", "message"),
    [
        ({"mine": {"epoch": 3}}, r"^config\.studies\.mine\.epoch: unknown setting; allowed: channels, units,"),
        ({"mine": {"columns": 3}}, r"^config\.studies\.mine\.columns: setting is not allowed; got 3"),
        ({"mine": {"low_hz": 9, "high_hz": 8}}, r"^config\.studies\.mine: setting is not allowed; .*low_hz below high"),
        ({"other": {}}, r"allowed: names of studies in studies \(mine, known\), not other$"),
    ],
)
def test_a_mistake_in_the_keys_of_a_study_names_its_path(studies, message):
    with pytest.raises(InputError, match=message):
        validate(EegConfig, STUDIES | {"studies": studies}, where="config")
