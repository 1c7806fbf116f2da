import json

import pandas as pd
import pytest
import torch

from tracklight import cli
from tracklight.errors import InputError
from tracklight.learning.levers import Levers, Variation
from tracklight.models.spec import load_checkpoint
from tracklight.settings import Train
from tracklight.stages.levers import levers_of
from tracklight.stages.train import model_spec

CPU = torch.device("cpu")
SMALL = {"name": "global_pool", "filters": 4, "kernels": [5], "dropout": 0.0}


def made(*, stranded=False, length=50, **settings):
    train = Train.model_validate({"architecture": SMALL} | settings)
    spec = model_spec(train, length=length, targets=("y",))
    return levers_of(train, spec, vary=Variation(2), stranded=stranded, seed=1, device=CPU)


def test_without_a_lever_the_training_is_plain_and_its_best_state_is_kept():
    assert made() == Levers(Variation(2))


@pytest.mark.parametrize("cutout", ["guided", "random", "untrained", "keep"])
def test_cutout_is_refused_on_amounts_with_the_reason_unless_it_is_insisted_on(cutout):
    message = (
        rf"train.augment.cutout: CutOut leaves the amount .* got {cutout} with train.loss: mse; allowed: off; train"
    )
    with pytest.raises(InputError, match=message):
        made(augment={"cutout": cutout})
    levers = made(augment={"cutout": cutout, "insist": True})
    assert (levers.alter.width, levers.alter.start, levers.keep, levers.guard) == (12, 0.25, "last", None)
    assert made(loss="bce", augment={"cutout": cutout}).alter is not None


def test_only_the_untrained_arm_has_a_guide_of_its_own():
    guides = [made(loss="bce", augment={"cutout": how}).alter.guide for how in ("guided", "random", "untrained")]
    assert [guide is None for guide in guides] == [True, True, False]


def test_a_hole_that_is_longer_than_the_window_is_refused():
    with pytest.raises(
        InputError, match=r"train.augment.width_bp: the window to hide is longer .* got 51; allowed: 1 to"
    ):
        made(loss="bce", augment={"cutout": "random", "width_bp": 51})


def test_the_terms_are_those_that_weigh_something():
    assert made(consistency={"form": "contrastive"}) == Levers(Variation(2))
    levers = made(consistency={"weight": 0.5, "fourier_weight": 0.1})
    assert [(term.name, term.weight, term.start, term.labels) for term in levers.terms] == [
        ("consistency", 0.5, 0.5, False),
        ("fourier", 0.1, 0.5, False),
    ]
    assert (levers.keep, levers.guard) == ("last", 0.1)
    assert made(loss="bce", consistency={"weight": 0.5, "form": "contrastive"}).terms[0].temperature == 0.5


def test_maps_of_both_strands_are_not_compared_where_the_assay_tells_them_apart():
    consistency = {"weight": 1.0, "neighbours": ["reverse_complement"]}
    with pytest.raises(
        InputError, match=r"train.consistency.neighbours: maps of the two strands differ .* got reverse_c"
    ):
        made(stranded=True, consistency=consistency)
    assert len(made(consistency=consistency).terms[0].operators) == 1


def test_the_record_of_a_lever_holds_its_settings_and_no_address():
    def text():
        return repr(made(loss="bce", augment={"cutout": "untrained"}, consistency={"weight": 0.5}))

    assert text() == text()
    assert '"mutation_rate":0.04' in text()
    assert " at 0x" not in text()


def test_the_stage_trains_with_levers_and_says_in_the_table_what_they_cost(simulated_run, tmp_path):
    settings = {
        "architecture": SMALL,
        "epochs": 4,
        "augment": {"cutout": "guided", "insist": True},
        "consistency": {"weight": 0.5, "fourier_weight": 0.1, "guard": 5.0},
    }
    place = [
        "--genome",
        simulated_run / "genome",
        "--windows",
        simulated_run / "windows",
        "--seed",
        0,
        "--out",
        tmp_path,
    ]
    assert cli.main(["train", "--settings", json.dumps(settings), *map(str, place)]) == 0
    table = pd.read_csv(tmp_path / "metrics.tsv", sep="\t")
    assert table["consistency"].isna().tolist() == table["fourier"].isna().tolist() == [True, True, False, False]
    assert table["consistency"].tail(2).between(0, 2).all()
    assert table["best"].tolist() == [1, 1, 1, 1]
    assert load_checkpoint(tmp_path / "model.pt").provenance["best_epoch"] == 4


def test_a_training_that_its_guard_ended_says_so(simulated_run, tmp_path):
    settings = {"architecture": SMALL, "epochs": 6, "learning_rate": 0.05, "batch_size": 16, "max_shift_bp": 0}
    settings |= {"consistency": {"weight": 1000.0, "guard": 0.001}}
    place = [
        "--genome",
        simulated_run / "genome",
        "--windows",
        simulated_run / "windows",
        "--seed",
        0,
        "--out",
        tmp_path,
    ]
    assert cli.main(["train", "--settings", json.dumps(settings), *map(str, place)]) == 0
    facts = load_checkpoint(tmp_path / "model.pt").provenance
    assert facts["guard_epoch"] > facts["best_epoch"] == 3
    table = pd.read_csv(tmp_path / "metrics.tsv", sep="\t")
    assert facts["best_validation_loss"] == pytest.approx(table["validation_loss"][2], rel=1e-5)
