from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tracklight.core.attribution import gradient_x_input
from tracklight.core.tape import Tape
from tracklight.errors import InputError
from tracklight.genome.decode import one_hot
from tracklight.genome.ensemble import Ensemble
from tracklight.genome.fasta import reverse_complement_codes
from tracklight.genome.saliency import Scan, attribute_stretch, shard_bounds
from tracklight.genome.shards import Tracks
from tracklight.models.spec import ModelSpec, build
from tracklight.settings import Attribute

CPU = torch.device("cpu")
SPEC = ModelSpec(
    "valid_conv",
    4,
    30,
    ("y", "z"),
    {"filters": 5, "kernels": [5, 3], "pools": [2, 2], "hidden": 4, "dropout": 0.0, "batch_norm": False},
)
DILATED = ModelSpec(
    "residual_dilated", 4, 30, ("y",), {"filters": 4, "kernels": [5, 3], "blocks": 2, "hidden": 4, "dropout": 0.0}
)


def ensemble_of(spec=SPEC, seeds=(0, 1)):
    return Ensemble(tuple(build(spec, seed=seed).eval() for seed in seeds), seeds, spec)


def scan_of(spec=SPEC, *, stranded=True, method="gradient_x_input", **changes):
    changes = {"segment_bp": 256, "steps": 2} | changes
    return Scan(ensemble_of(spec), Attribute(**changes), method, stranded)


def tape_of(lengths, seed=0):
    generator = np.random.default_rng(seed)
    codes = generator.choice(5, size=sum(lengths), p=[0.25, 0.25, 0.24, 0.24, 0.02]).astype(np.uint8)
    codes[20:24] = 4
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return Tape(codes, tuple(f"c{n}" for n in range(len(lengths))), offsets)


def window_starts(length, window, stride):
    return sorted({*range(0, length - window + 1, stride), length - window}) if length >= window else []


def brute_force(tape, scan):
    """Attribute every window alone with the plain method and average over what saw each base."""
    networks, window = scan.ensemble.models, scan.window
    total = np.zeros((len(networks), 2, len(tape)))
    seen = np.zeros(len(tape))
    for first, last in zip(tape.offsets[:-1], tape.offsets[1:], strict=True):
        for start in window_starts(last - first, window, scan.stride):
            codes = np.asarray(tape.data[first + start : first + start + window])
            if (codes == 4).mean() > scan.settings.max_n_fraction:
                continue
            seen[first + start : first + start + window] += 1
            for number, network in enumerate(networks):
                plus, minus = one_hot(torch.tensor(np.stack([codes, reverse_complement_codes(codes)])))
                here = slice(first + start, first + start + window)
                total[number, 0, here] += gradient_x_input(network, plus[None]).sum((0, 1)).numpy()
                total[number, 1, here] += gradient_x_input(network, minus[None]).sum((0, 1)).numpy()[::-1]
    seen[np.asarray(tape.data) == 4] = 0
    return total / np.where(seen > 0, seen, np.nan), seen


@pytest.mark.parametrize("spec", [SPEC, DILATED], ids=["one pass", "window by window"])
def test_tracks_equal_attributing_every_window_alone(spec):
    tape, scan = tape_of([200, 20, 91]), scan_of(spec, stride_bp=4)
    each, seen = brute_force(tape, scan)
    tracks = attribute_stretch(tape, (0, len(tape)), scan, device=CPU)
    np.testing.assert_allclose(tracks.mean, each.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(tracks.sd, each.std(0), rtol=1e-3, atol=1e-6)
    assert tracks.coverage.tolist() == seen.tolist()


def halo_scan(spec, measured=0, **changes):
    scan = scan_of(spec, **changes)
    return replace(scan, ensemble=replace(scan.ensemble, halos=(measured, 0)))


@pytest.mark.parametrize(
    ("spec", "changes", "expected"),
    [
        (DILATED, {}, 4),  # measured
        (DILATED, {"halo_bp": 6}, 6),  # asked for
        (DILATED, {"halo_bp": 0}, 0),
        (DILATED, {"halo_bp": 99}, 7),  # (30 - 15) // 2: half of what the stride of half a window leaves
        (DILATED, {"halo_bp": 99, "stride_bp": 40}, 0),  # windows that leave gaps
        (SPEC, {"halo_bp": 6}, 0),  # one pass sums all windows
        (SPEC, {"halo_bp": 6, "stride_bp": 6}, 6),  # not a multiple of the stride of the network, so window by window
    ],
)
def test_the_halo_is_what_was_asked_for_or_measured_as_far_as_the_stride_leaves_room(spec, changes, expected):
    assert halo_scan(spec, 4, **changes).halo == expected


def test_a_halo_leaves_each_base_to_the_windows_that_see_it_with_its_surroundings():
    tape = tape_of([30 + 5 * 8], seed=3)
    scan, plain = (halo_scan(DILATED, stride_bp=8, halo_bp=halo, max_n_fraction=1.0) for halo in (11, 0))
    tracks, without = (attribute_stretch(tape, (0, 70), one, device=CPU) for one in (scan, plain))
    codes = np.asarray(tape.data)
    # windows start 8 apart and have 8 inner bases, so each base but those at the ends is inside one
    alone = np.full(70, np.nan)
    for start in range(0, 41, 8):
        window = one_hot(torch.tensor(codes[None, start : start + 30]))
        values = np.mean([gradient_x_input(one, window).sum((0, 1)).numpy() for one in scan.ensemble.models], axis=0)
        alone[start + 11 : start + 19] = values[11:19]
    inside = np.isfinite(alone) & (codes != 4)
    assert inside.sum() > 40
    np.testing.assert_allclose(tracks.mean[0, inside], alone[inside], atol=0.01 * np.abs(alone[inside]).max())
    assert not np.allclose(without.mean[0, inside], alone[inside], atol=0.05 * np.abs(alone[inside]).max())
    assert tracks.coverage.tolist() == without.coverage.tolist()


def test_bases_that_only_window_ends_see_keep_their_value():
    tape, scan = tape_of([30, 30]), halo_scan(DILATED, halo_bp=7, max_n_fraction=1.0)
    tracks = attribute_stretch(tape, (0, 60), scan, device=CPU)
    each, seen = brute_force(tape, scan)
    np.testing.assert_allclose(tracks.mean, each.mean(0), rtol=1e-4, atol=1e-6)
    assert (np.isfinite(tracks.mean[0]) == (seen > 0)).all()


def test_tracks_without_a_halo_are_those_of_a_network_whose_halo_was_never_measured():
    tape = tape_of([120])
    never, none = (
        attribute_stretch(tape, (0, 120), scan, device=CPU)
        for scan in (scan_of(DILATED), halo_scan(DILATED, 9, halo_bp=0))
    )
    assert never.mean.tobytes() == none.mean.tobytes()


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 150), min_size=1, max_size=4), st.integers(1, 6), st.integers(0, 1000))
def test_shards_laid_side_by_side_equal_one_pass(lengths, shards, seed):
    tape, scan = tape_of([50, *lengths], seed), scan_of()
    whole = attribute_stretch(tape, (0, len(tape)), scan, device=CPU)
    parts = [attribute_stretch(tape, bounds, scan, device=CPU) for bounds in shard_bounds(len(tape), shards)]
    for name in ("mean", "sd", "coverage", "window_start", "prediction"):
        joined = np.concatenate([getattr(part, name) for part in parts], axis=-1)
        np.testing.assert_allclose(joined, getattr(whole, name), rtol=1e-4, atol=1e-6)


def test_bases_that_no_window_saw_and_unknown_bases_are_not_a_number():
    tape = tape_of([40, 29])
    tracks = attribute_stretch(tape, (0, len(tape)), scan_of(max_n_fraction=0.5), device=CPU)
    assert np.isnan(tracks.mean[:, 40:]).all()  # the second contig is shorter than a window
    assert np.isnan(tracks.mean[:, 20:24]).all()
    assert np.isfinite(tracks.mean[:, 30:40][:, tape.data[30:40] != 4]).all()


def test_the_minus_strand_is_the_plus_strand_of_the_reverse_complement():
    tape = tape_of([30 + 4 * 20])
    turned = Tape(reverse_complement_codes(np.asarray(tape.data)), tape.names, tape.offsets)
    scan = scan_of()
    here, there = (attribute_stretch(t, (0, len(tape)), scan, device=CPU) for t in (tape, turned))
    np.testing.assert_allclose(here.mean[1], there.mean[0][::-1], rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(here.prediction[1], there.prediction[0][::-1], rtol=1e-5)


def test_unstranded_assays_get_the_average_of_both_strands():
    tape = tape_of([150])
    both, average = (attribute_stretch(tape, (0, 150), scan_of(stranded=flag), device=CPU) for flag in (True, False))
    assert average.strands == (".",)
    np.testing.assert_allclose(average.mean[0], both.mean.mean(0), rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(average.prediction[0], both.prediction.mean(0), rtol=1e-5)


def test_predictions_are_those_of_the_windows_alone():
    tape, scan = tape_of([100]), scan_of(target="z")
    tracks: Tracks = attribute_stretch(tape, (0, 100), scan, device=CPU)
    start = int(tracks.window_start[5])
    x = one_hot(torch.tensor(np.asarray(tape.data[None, start : start + 30])))
    expected = np.mean([network(x)[0, 1].item() for network in scan.ensemble.models])
    assert tracks.prediction[0, 5] == pytest.approx(expected, rel=1e-5)


def test_integrated_gradients_take_their_number_of_steps_from_the_settings():
    tape = tape_of([60])
    one, eight = (
        attribute_stretch(tape, (0, 60), scan_of(method="integrated_gradients", steps=steps), device=CPU)
        for steps in (1, 8)
    )
    assert not np.allclose(one.mean, eight.mean, equal_nan=True)


def test_an_unknown_target_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"attribute.target: unknown target; got 'w'; allowed: y, z"):
        attribute_stretch(tape_of([60]), (0, 60), scan_of(target="w"), device=CPU)
