import numpy as np
import pytest
import torch

from tracklight.errors import InputError
from tracklight.genome.dataset import open_dataset
from tracklight.genome.probes import choose_probes


@pytest.fixture
def data(simulated_run):
    return open_dataset(simulated_run / "genome", simulated_run / "windows")


@pytest.mark.parametrize(("active", "measured"), [(True, {1.0}), (False, {0.0}), (None, {0.0, 1.0})])
def test_probes_are_held_out_windows_that_measured_as_asked(data, active, measured):
    probes = choose_probes(data, target="expression", active=active, most=50, seed=0)
    rows = data.index.iloc[probes.rows]
    assert len(probes) == 50
    assert set(rows["split"]) == {"test"}
    assert set(rows["expression.active"].astype(float)) == measured
    assert probes.groups.tolist() == rows["group"].tolist()


def test_a_probe_is_the_window_as_the_network_reads_it(data):
    probes = choose_probes(data, target="expression", active=True, most=7, seed=1)
    examples = data.examples(torch.device("cpu"))
    assert torch.equal(probes.x(torch.device("cpu")), examples.x(torch.from_numpy(probes.rows)))


def test_all_windows_are_taken_in_order_when_there_are_no_more_and_the_seed_decides_otherwise(data):
    everything = choose_probes(data, target="expression", active=True, most=10**6, seed=0)
    measured = (data.index["split"] == "test") & (data.index["expression.active"].astype(float) == 1)
    assert everything.rows.tolist() == np.flatnonzero(measured).tolist()
    few = [choose_probes(data, target="expression", active=True, most=9, seed=seed).rows.tolist() for seed in (0, 0, 1)]
    assert few[0] == few[1] != few[2]
    assert few[0] == sorted(set(few[0]) & set(everything.rows.tolist()))


def test_windows_with_n_are_left_out_and_none_left_is_refused(data):
    for codes in (choose_probes(data, target="expression", active=None, most=10**6, seed=0).codes,):
        assert codes.max() == 3
    data.index.loc[data.index["split"] == "test", "split"] = "validation"
    with pytest.raises(InputError, match="no held-out active window without N to test on; got expression"):
        choose_probes(data, target="expression", active=True, most=5, seed=0)
