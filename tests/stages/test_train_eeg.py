"""Training of one half, on a study of eight subjects whose label is in the power of one channel."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from tracklight import cli
from tracklight.core.tape import save_tape
from tracklight.eeg.dataset import open_epochs
from tracklight.eeg.decode import EEG
from tracklight.learning import fit as fit_module
from tracklight.learning.modality import load_network
from tracklight.settings.eeg_learning import PEAK_LEARNING_RATES, TrainEeg
from tracklight.stats import auroc

LENGTH, CHANNELS, EPOCHS = 60, ("Fz", "P4", "O2"), 24
SPLITS = {"a1": "A", "a2": "A", "a3": "A", "a4": "A_validation", "b1": "B", "b2": "B", "b3": "B", "b4": "B_validation"}
TRAIN = {
    "architecture": {"filters": 4, "temporal_kernel": 5, "pool": 2, "mixing_kernel": 3},
    "steps": 60,
    "batch_size": 16,
}


def write_whitened(folder, *, facts=(), table=lambda index: index):
    """A folder as whiten-eeg writes it: noise, and a beat of 12 Hz in P4 in the epochs with label 1."""
    generator = np.random.default_rng(0)
    data = generator.standard_normal((len(SPLITS), EPOCHS, 3, LENGTH)).astype(np.float32)
    label = np.tile(np.arange(EPOCHS) % 2, (len(SPLITS), 1))
    data[:, :, 1] += 3 * label[..., None] * np.sin(2 * np.pi * 12 * np.arange(LENGTH) / 50)
    save_tape(folder, data.transpose(2, 0, 1, 3).reshape(3, -1), dict.fromkeys(SPLITS, EPOCHS * LENGTH))
    rows = [(name, n * LENGTH, 0, name, split, f"r{n}", 0, "N2", n % 2, n)
            for name, split in SPLITS.items() for n in range(EPOCHS)]  # fmt: skip
    columns = ["contig", "start", "reverse", "group", "split", "report", "epoch", "stage", "label", "order"]
    table(pd.DataFrame(rows, columns=columns)).to_csv(folder / "epochs.tsv.gz", sep="\t", index=False)
    known = {"rate_hz": 50.0, "channels": CHANNELS, "unit": "SD", "length": LENGTH, "targets": ["label"]}
    (folder / "epochs.json").write_text(json.dumps({**known, "covariates": [], **dict(facts)}))
    return folder


def words(whitened, out, *, half="A", seed=0, settings=TRAIN):
    place = ["--whitened", whitened, "--half", half, "--seed", seed, "--out", out]
    return [str(word) for word in ["train-eeg", *place, "--settings", json.dumps(settings)]]


def weights(folder):
    return load_network(folder / "model.pt", EEG)[2].weights


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def whitened(tmp_path_factory):
    return write_whitened(tmp_path_factory.mktemp("whitened"))


@pytest.fixture(scope="module")
def run(whitened, tmp_path_factory):
    out = tmp_path_factory.mktemp("model")
    assert cli.main([*words(whitened, out / "A"), "--provenance", str(out / "A.json")]) == 0
    assert cli.main(words(whitened, out / "B", half="B")) == 0
    return out


def test_a_checkpoint_a_table_and_a_curve_are_left(run):
    assert sorted(path.name for path in (run / "A").iterdir()) == ["metrics.tsv", "model.pt", "training.png"]


@pytest.mark.parametrize("half", ["A", "B"])
def test_a_network_of_one_half_decodes_whole_epochs_of_the_other(run, whitened, half):
    epochs = open_epochs(whitened)
    model, spec, _ = load_network(run / half / "model.pt", EEG)
    test = epochs.rows(half)["test"].numpy()
    assert (spec.channels, spec.length, spec.targets) == (3, 48, ("label",))
    assert set(epochs.index["group"].iloc[test].str[0]) == {"b" if half == "A" else "a"}
    margin = model(torch.from_numpy(epochs.signals(test)))[:, 0].numpy()
    assert auroc(margin, epochs.values("label")[test]) > 0.95


def test_the_checkpoint_names_whom_it_knows(run):
    facts = load_network(run / "A/model.pt", EEG)[2].provenance
    assert (facts["half"], facts["seed"]) == ("A", 0)
    assert facts["train_subjects"] == ["a1", "a2", "a3"]
    assert facts["validation_subjects"] == ["a4"]
    assert (facts["train_epochs"], facts["validation_epochs"]) == (72, 24)
    record = json.loads((run / "A.json").read_text())
    assert record["settings"]["weight_decay"] == 1e-3
    assert record["train_subjects"] == ["a1", "a2", "a3"]


def test_the_state_of_the_lowest_validation_loss_is_kept_and_nothing_ends_early(run, whitened):
    metrics = pd.read_csv(run / "A/metrics.tsv", sep="\t")
    assert len(metrics) == 60 / 5  # 60 steps of 16 epochs, 72 epochs a pass
    model, epochs = load_network(run / "A/model.pt", EEG)[0], open_epochs(whitened)
    rows = epochs.rows("A")["validation"].numpy()
    middle = torch.from_numpy(epochs.signals(rows))[..., 6:54]
    label = torch.from_numpy(epochs.values("label")[rows])
    loss = torch.nn.functional.binary_cross_entropy(torch.sigmoid(model(middle)[:, 0].double()), label)
    assert loss.item() == pytest.approx(metrics["validation_loss"].min(), rel=1e-4)


def test_the_same_seed_trains_the_same_network_and_another_another(run, whitened, tmp_path):
    for seed in (0, 1):
        assert cli.main(words(whitened, tmp_path / str(seed), seed=seed)) == 0
    assert same(weights(tmp_path / "0"), weights(run / "A"))
    assert not same(weights(tmp_path / "1"), weights(run / "A"))


def test_a_killed_training_goes_on_and_ends_in_the_same_weights(run, whitened, tmp_path, monkeypatch):
    note, calls = fit_module._note, []

    def killed_in_the_fourth_pass(*arguments, **options):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        note(*arguments, **options)

    monkeypatch.setattr(fit_module, "_note", killed_in_the_fourth_pass)
    with pytest.raises(KeyboardInterrupt):
        cli.main(words(whitened, tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["resume.pt"]
    assert cli.main(words(whitened, tmp_path)) == 0
    assert len(calls) == 13  # three passes, the one that was lost, and only nine more
    assert same(weights(tmp_path), weights(run / "A"))
    assert not (tmp_path / "resume.pt").exists()


@pytest.mark.parametrize(
    ("steps", "examples", "batch", "passes"),
    [(500, 640, 64, 50), (500, 72, 16, 100), (500, 650, 64, 45), (3, 640, 64, 1), (1, 10, 64, 1)],
)
def test_steps_are_counted_in_whole_passes(steps, examples, batch, passes):
    loop = TrainEeg(steps=steps, batch_size=batch).loop(examples)
    assert (loop.epochs, loop.patience_epochs, loop.loss) == (passes, passes, "bce")


def test_the_learning_rate_suits_the_architecture_unless_it_is_given():
    for name, rate in PEAK_LEARNING_RATES.items():
        shape = {"name": name} | ({"module": "a:B"} if name == "external" else {})
        assert TrainEeg.model_validate({"architecture": shape}).loop(10).learning_rate == rate
        assert TrainEeg.model_validate({"architecture": shape, "learning_rate": 0.5}).loop(10).learning_rate == 0.5


def test_the_second_network_is_trained_the_same_way(whitened, tmp_path):
    shape = {"name": "square_pool", "filters": 8, "temporal_kernel": 5}
    assert cli.main(words(whitened, tmp_path, settings=TRAIN | {"architecture": shape, "steps": 120})) == 0
    epochs = open_epochs(whitened)
    test = epochs.rows("A")["test"].numpy()
    margin = load_network(tmp_path / "model.pt", EEG)[0](torch.from_numpy(epochs.signals(test)))[:, 0].numpy()
    assert auroc(margin, epochs.values("label")[test]) > 0.9


NETS = """
from torch import nn

class Pooled(nn.Sequential):
    def __init__(self, channels, rate):
        assert (channels, rate) == (3, 50.0)
        super().__init__(nn.Conv1d(channels, 6, 5), nn.ELU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(6, 2))

class OfOneLength(nn.Sequential):
    def __init__(self, channels, length, targets):
        super().__init__(nn.Flatten(), nn.Linear(channels * length, targets))
"""


def external(name, arguments, **changes):
    shape = {"name": "external", "module": f"nets_of_others:{name}", "arguments": arguments}
    return {**TRAIN, "architecture": shape, "learning_rate": 0.02, **changes}


@pytest.fixture
def nets(tmp_path, monkeypatch):
    (tmp_path / "nets_of_others.py").write_text(NETS)
    monkeypatch.syspath_prepend(tmp_path)


def test_a_network_of_another_package_with_two_logits_learns_and_is_read_again(nets, whitened, tmp_path):
    settings = external("Pooled", {"channels": "$channels", "rate": "$rate_hz"})
    assert cli.main(words(whitened, tmp_path, settings=settings)) == 0
    epochs = open_epochs(whitened)
    test = epochs.rows("A")["test"].numpy()
    model, spec, _ = load_network(tmp_path / "model.pt", EEG)
    assert spec.options == {"module": "nets_of_others:Pooled", "arguments": {"channels": 3, "rate": 50.0}}
    assert auroc(model(torch.from_numpy(epochs.signals(test)))[:, 0].numpy(), epochs.values("label")[test]) > 0.9


def test_a_network_of_one_length_reads_whole_epochs_and_is_told_so(nets, whitened, tmp_path, capsys):
    arguments = {"channels": "$channels", "length": "$length", "targets": "$targets"}
    line = fails(capsys, words(whitened, tmp_path / "crops", settings=external("OfOneLength", arguments)))
    assert "train_eeg.crop_share: network of crops cannot read whole epochs; got crops of 48 samples, epochs of 60; " \
        "set train_eeg.crop_share: 1" in line  # fmt: skip
    settings = external("OfOneLength", arguments, crop_share=1, steps=5)
    assert cli.main(words(whitened, tmp_path / "whole", settings=settings)) == 0


def fails(capsys, arguments):
    """Run a command that must end with 2, and return its one line."""
    assert cli.main(arguments) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("tracklight ")]
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"unit": "V"}, "not epochs of whiten-eeg; got unit V; allowed: SD; give a folder written by whiten-eeg"),
        ({"targets": ["N2", "REM"]}, "epochs have no labels; got targets N2, REM; allowed: label; prepare the epochs"),
    ],
)
def test_epochs_that_cannot_be_learnt_from_are_refused(capsys, tmp_path, facts, message):
    line = fails(capsys, words(write_whitened(tmp_path / "in", facts=facts), tmp_path / "out"))
    assert message in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("half", "rows", "message"),
    [
        ("A", "split == 'A'", "half A, train: both labels are needed to learn; got label 1 alone; add subjects"),
        ("A", "split == 'A_validation'", "half A, validation: both labels are needed to learn; got label 1 alone"),
        ("B", "split == 'B'", "half B, train: both labels are needed to learn; got label 1 alone"),
    ],
)
def test_a_split_with_one_label_only_is_refused(capsys, tmp_path, half, rows, message):
    def table(index):
        index.loc[index.eval(rows), "label"] = 1
        return index

    assert message in fails(capsys, words(write_whitened(tmp_path / "in", table=table), tmp_path / "out", half=half))


def test_a_split_without_epochs_is_refused(capsys, tmp_path):
    def table(index):
        return index[index["split"] != "A_validation"]

    line = fails(capsys, words(write_whitened(tmp_path / "in", table=table), tmp_path / "out"))
    assert "half A, validation: both labels are needed to learn; got no epochs" in line


def test_a_subject_in_two_splits_never_gets_through(capsys, tmp_path):
    def table(index):
        index.loc[0, "split"] = "B"
        return index

    line = fails(capsys, words(write_whitened(tmp_path / "in", table=table), tmp_path / "out"))
    assert "a subject in two splits; got a1" in line


def test_whitened_epochs_with_holes_are_refused(capsys, tmp_path):
    folder = write_whitened(tmp_path / "in")
    data = np.load(folder / "codes.npy")
    data[1, 5] = np.nan
    np.save(folder / "codes.npy", data)
    line = fails(capsys, words(folder, tmp_path / "out"))
    assert "signals hold values that are not finite (NaN)" in line
    assert "epoch from sample 0; run whiten-eeg again" in line
