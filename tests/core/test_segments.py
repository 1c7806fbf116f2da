"""Every refinement against a closed form, brute force, or a second implementation."""

from itertools import pairwise, product

import numpy as np
import pytest
import torch
from skimage.segmentation import random_walker

from tracklight.core.affinity import fit_affinity, pair_loss, spread
from tracklight.core.cam import NO, UNKNOWN, YES, at_input, class_activation, seeds
from tracklight.core.hidden_states import TwoStates, fit_two_states, posterior
from tracklight.core.overlap import boundary_error, dice, intersection_over_union
from tracklight.core.potts import log_odds_slope, potts
from tracklight.core.segments import Maps, choose, plain, smoothing
from tracklight.core.smoothness import box_smoothed, total_variation
from tracklight.core.walker import walked


@pytest.mark.parametrize("space", [(7,), (3, 4)])
def test_the_mean_of_a_class_activation_map_is_the_output_of_a_network_that_averages(space):
    features, linear = torch.randn(2, 5, *space), torch.nn.Linear(5, 3)
    cam = class_activation(features, linear.weight[1], linear.bias[1])
    torch.testing.assert_close(cam.flatten(1).mean(1), linear(features.flatten(2).mean(2))[:, 1])


def test_features_stand_in_the_middle_of_what_they_see():
    values = torch.arange(4.0)[None, None]
    assert at_input(values, (8,))[0, 0].tolist() == [0, 0, 0, 1, 2, 3, 3, 3]  # a kernel of 5, two places on each side
    assert at_input(values, (12,), stride=3)[0, 0].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert at_input(values[:, :, None].expand(1, 1, 2, 4), (2, 8)).shape == (1, 1, 2, 8)


def test_seeds_are_shares_of_the_highest_score_and_a_map_below_zero_has_no_sure_yes():
    found = seeds(np.array([[10.0, 7.0, 3.0, 0.5], [-1.0, -2.0, -3.0, -4.0]]), sure_yes=0.6, sure_no=0.1)
    assert found.tolist() == [[YES, YES, UNKNOWN, NO], [NO, NO, NO, NO]]


def test_a_box_stops_at_the_edges():
    assert box_smoothed(np.array([[3.0, 0.0, 0.0, 9.0]]), width=3).tolist() == [[1.5, 1.0, 3.0, 4.5]]
    assert box_smoothed(np.eye(2)[None], width=3).tolist() == [[[0.5, 0.5], [0.5, 0.5]]]


@pytest.mark.parametrize("weight", [0.1, 0.7, 3.0, 50.0])
def test_total_variation_on_a_line_meets_the_conditions_of_its_minimum(weight):
    given = np.random.default_rng(0).normal(size=(4, 60)).cumsum(1)
    solved = total_variation(given, weight=weight)
    dual = np.cumsum(solved - given, axis=1)  # the multiplier of every step between neighbours; the last must vanish
    step = np.diff(solved, axis=1)
    assert np.abs(dual).max() <= weight + 1e-9
    np.testing.assert_allclose(dual[:, -1], 0, atol=1e-9)
    moves = np.abs(step) > 1e-9
    np.testing.assert_allclose(dual[:, :-1][moves], (weight * np.sign(step))[moves], atol=1e-8)


def test_total_variation_of_an_image_flattens_noise_and_keeps_a_step():
    image = np.repeat([[0.0] * 8 + [1.0] * 8], 16, axis=0) + 0.1 * np.random.default_rng(0).normal(size=(16, 16))
    smooth = total_variation(image[None], weight=0.3)[0]
    assert smooth[:, :7].std() < 0.2 * image[:, :7].std()
    assert smooth[:, 9:].mean() - smooth[:, :7].mean() > 0.6


@pytest.mark.parametrize(("space", "beta"), [((9,), 0.8), ((9,), 0.0), ((3, 3), 0.6), ((3, 3), 5.0)])
def test_labels_of_least_cost_are_those_of_brute_force(space, beta):
    evidence = np.random.default_rng(1).normal(size=(6, *space))
    for image, answer in zip(evidence, potts(evidence, beta=beta), strict=True):
        every = [np.array(labels).reshape(space) for labels in product([False, True], repeat=image.size)]
        assert cost(answer, image, beta) == pytest.approx(min(cost(labels, image, beta) for labels in every))


def cost(labels, evidence, beta):
    changes = sum(np.abs(np.diff(labels.astype(int), axis=axis)).sum() for axis in range(labels.ndim))
    return -evidence[labels].sum() + beta * changes


def test_the_slope_of_normal_scores_is_that_of_their_log_odds():
    generator = np.random.default_rng(0)
    yes, no = generator.normal(3, 2, 50_000), generator.normal(1, 2, 50_000)
    assert log_odds_slope(yes, no) == pytest.approx((3 - 1) / 2**2, rel=0.02)


def test_a_walker_on_a_flat_line_finds_the_straight_line_between_seeds():
    sure = np.array([[YES, UNKNOWN, UNKNOWN, UNKNOWN, NO], [UNKNOWN] * 5, [UNKNOWN, YES, UNKNOWN, UNKNOWN, UNKNOWN]])
    found = walked(np.zeros((3, 5)), sure, beta=1.0)
    np.testing.assert_allclose(found, [[1, 0.75, 0.5, 0.25, 0], [0.5] * 5, [1] * 5], atol=1e-6)


def test_a_walker_on_a_line_agrees_with_the_one_on_an_image_of_one_row_and_with_the_library():
    scores = np.random.default_rng(0).normal(size=(1, 30))
    sure = np.full((1, 30), UNKNOWN)
    sure[0, [3, 20]], sure[0, [10, 28]] = YES, NO
    line, image = (
        walked(scores, sure, beta=0.4),
        walked(np.repeat(scores[None], 2, 1), np.repeat(sure[None], 2, 1), beta=0.4),
    )
    np.testing.assert_allclose(line[0], image[0, 0], atol=1e-3)
    labels = np.select([sure == YES, sure == NO], [1, 2], 0)
    library = random_walker(scores, labels, beta=0.4 * 10 * scores.std(), mode="bf", return_full_prob=True)
    np.testing.assert_allclose(line, library[0], atol=1e-3)


def test_two_states_find_the_parameters_they_were_drawn_from_and_their_places():
    generator = np.random.default_rng(0)
    states = np.zeros((40, 300), int)
    for place in range(1, 300):
        states[:, place] = np.where(generator.random(40) < 0.05, 1 - states[:, place - 1], states[:, place - 1])
    scores = np.where(states == 1, 2.0, 0.0) + generator.normal(size=states.shape)
    model = fit_two_states(scores)
    np.testing.assert_allclose(model.mean, [0, 2], atol=0.06)
    np.testing.assert_allclose(model.step, [[0.95, 0.05], [0.05, 0.95]], atol=0.015)
    assert ((posterior(scores, model) > 0.5) == states).mean() > 0.95


def test_the_posterior_of_two_states_is_that_of_all_paths():
    model = TwoStates(
        np.array([0.7, 0.3]), np.array([[0.8, 0.2], [0.4, 0.6]]), np.array([0.0, 1.0]), np.array([1.0, 0.5])
    )
    line = np.array([0.2, 1.4, -0.3, 0.9])
    density = np.exp(-0.5 * (line[:, None] - model.mean) ** 2 / model.variance) / np.sqrt(model.variance)
    total, state_1 = 0.0, np.zeros(4)
    for path in product([0, 1], repeat=4):
        chance = model.start[path[0]] * np.prod([model.step[a, b] for a, b in pairwise(path)])
        chance *= np.prod(density[range(4), path])
        total, state_1 = total + chance, state_1 + chance * np.array(path)
    np.testing.assert_allclose(posterior(line[None], model)[0], state_1 / total)


@pytest.mark.parametrize("space", [(12,), (4, 5)])
def test_a_walk_along_affinities_is_a_power_of_the_normalised_matrix(space):
    torch.manual_seed(0)
    embedded, scores = torch.randn(1, 2, *space, dtype=torch.float64), torch.randn(1, *space, dtype=torch.float64)
    places = np.stack(np.meshgrid(*map(np.arange, space), indexing="ij"), -1).reshape(-1, len(space))
    near = np.square(places[:, None] - places[None]).sum(-1) <= 4
    flat = embedded[0].flatten(1).T.numpy()
    matrix = np.where(near, np.exp(-3.0 * np.abs(flat[:, None] - flat[None]).sum(-1)), 0.0)
    matrix /= matrix.sum(1, keepdims=True)
    wanted = np.linalg.matrix_power(matrix, 5) @ scores[0].flatten().numpy()
    found = spread(scores, embedded, radius=2, power=3.0, steps=5)
    np.testing.assert_allclose(found[0].flatten().numpy(), wanted)


def test_affinities_learn_to_tell_two_kinds_of_places_apart():
    torch.manual_seed(0)
    kind = (torch.arange(40) // 10 % 2).repeat(3, 1)
    features = torch.randn(3, 4, 40)
    features[:, 0] += 4.0 * kind
    sure = torch.where(torch.rand(3, 40) < 0.5, kind, UNKNOWN)
    embed = fit_affinity(features, sure, radius=4, units=3, steps=150, learning_rate=0.05, seed=0)
    assert pair_loss(embed(features), sure, radius=4) < 0.5 * pair_loss(0.01 * embed(features), sure, radius=4)


def test_overlap_of_segments_is_counted_by_hand():
    answer, truth = np.array([[1, 1, 1, 0, 0, 0]], bool), np.array([[0, 1, 1, 1, 1, 0]], bool)
    assert dice(answer, truth).tolist() == [4 / 7]
    assert intersection_over_union(answer, truth).tolist() == [2 / 5]
    assert boundary_error(answer, truth).tolist() == [(1 + 2) / 2]
    nothing = np.zeros((1, 6), bool)
    assert boundary_error(nothing, truth).tolist() == [6]
    assert dice(nothing, nothing).tolist() == [1]
    assert dice(answer[:0], truth[:0]).tolist() == []


def test_the_choice_is_the_threshold_and_width_of_the_highest_dice():
    truth = np.zeros((5, 40), bool)
    truth[:, 10:30] = True
    maps = Maps(truth + np.random.default_rng(0).normal(size=truth.shape), np.zeros(truth.shape, np.int8))
    choice = choose(smoothing([1, 7]), maps, truth, thresholds=9)
    assert choice.strength == 7
    assert choice.dice == dice(smoothing([7]).segments(maps, choice), truth).mean()
    assert choice.dice > choose(plain(), maps, truth, thresholds=9).dice


def test_a_square_in_a_noisy_image_is_found_by_every_refinement_that_knows_images():
    truth = np.zeros((2, 16, 16), bool)
    truth[:, 4:12, 5:11] = True
    scores = 2.0 * truth + 0.7 * np.random.default_rng(0).normal(size=truth.shape)
    sure = seeds(scores, sure_yes=0.6, sure_no=0.1)
    answers = {
        "box": box_smoothed(scores, width=3) > 1,
        "tv": total_variation(scores, weight=0.7) > 1,
        "potts": potts(3 * (scores - 1), beta=1.5),
        "walker": walked(box_smoothed(scores, width=3), sure, beta=1.0) > 0.5,
    }
    assert {name: dice(answer, truth).min() > 0.8 for name, answer in answers.items()} == dict.fromkeys(answers, True)
