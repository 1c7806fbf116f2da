"""How often is something found where nothing is? A linear decoder whose label keeps company with REM sleep.

Subjects are split in two; a ridge decoder is trained on one half and its attribution (weight x input) tested on the
other, both ways. Epochs of one report share a label and part of their noise, as they do in sleep. Divided by its own
standard deviation a weight times the input is the input up to its sign: the map of power errs in the same data sets.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind

from tracklight.stats import benjamini_hochberg
from tracklight.stats import permutation as tests
from tracklight.stats.clusters import chain, neighbour_pairs
from tracklight.stats.decomposition import confound_share, decompose
from tracklight.stats.discrimination import stratified_auc
from tracklight.stats.exchange import draws
from tracklight.stats.strata import stratify

pytestmark = pytest.mark.slow

SUBJECTS, REPORTS, EPOCHS, CHANNELS, BINS, PERMUTATIONS, ALPHA = 12, 20, 4, 2, 40, 499, 0.05
FIRST_SEED = 1000
PLANTED = BINS + np.arange(31, 34)  # three neighbouring frequencies of the second channel
ARMS = [(0, 0.0, 500), (2, 0.0, 500), (4, 0.0, 500), (2, 1.0, 100)]  # confound, content, data sets
LEVELS = np.stack([axis.ravel() for axis in np.meshgrid(np.arange(CHANNELS), np.arange(BINS), indexing="ij")], 1)
SHAPE = tests.Shape(2.0, neighbour_pairs(LEVELS, [chain(CHANNELS), chain(BINS)]))


def simulate(rng, *, confound, content):
    """Power of every epoch `(report, epoch, feature)`, and subject, stage and label of every report."""
    subject = np.repeat(np.arange(SUBJECTS), REPORTS)
    stage = np.tile(np.where(np.arange(REPORTS) < 9, 2, np.arange(REPORTS) % 2), SUBJECTS)  # 9 of 20 from REM
    base = rng.normal(0, 0.3, SUBJECTS)[subject]
    label = rng.random(len(subject)) < 1 / (1 + np.exp(-(base + confound * ((stage == 2) - 0.45))))
    features = CHANNELS * BINS
    level = rng.normal(size=(3, features))[stage] + rng.normal(0, 0.5, (SUBJECTS, features))[subject]
    x = level[:, None] + rng.normal(0, 0.5, (len(subject), 1, features))
    x = x + rng.normal(size=(len(subject), EPOCHS, features))
    x[..., PLANTED] += content * label[:, None, None]
    for one in range(SUBJECTS):  # no label is used to scale a subject
        mine = x[subject == one].reshape(-1, features)
        x[subject == one] = (x[subject == one] - mine.mean(0)) / mine.std(0)
    return x, subject, stage, label


def decoder(x, label):
    """Weights of a ridge regression of the label on epochs."""
    epochs, answer = x.reshape(-1, x.shape[-1]), np.repeat(label, EPOCHS) - label.mean()
    return np.linalg.solve(epochs.T @ epochs + 100 * np.eye(x.shape[-1]), epochs.T @ answer)


def largest_p(design, values, *, seed, shape=None):
    drawn = draws(design, count=PERMUTATIONS, seed=seed, exchange="permute")
    statistic = tests.main_statistic(design, values, drawn=drawn)
    return p_values(statistic, drawn, observed=statistic(design.label[None])[0], shape=shape)


def p_values(statistic, drawn, *, observed, shape=None):
    spans = tests.spans(drawn, statistic)
    null = tests.join([tests.null_part(statistic, drawn, span=each, observed=observed, shape=shape) for each in spans])
    top = tests.p_largest(observed, null.largest, drawn=drawn)
    if shape is None:
        return top
    side = tests.largest_mass(observed[None], above=shape.above, pairs=shape.pairs)
    return top, float(tests.p_largest(side, null.mass, drawn=drawn)[0])


def direction(data, train, *, seed):
    """What is found in the subjects that were not trained on."""
    x, subject, stage, label = data
    held = ~np.isin(subject, train)
    attribution = x[held] * decoder(x[~held], label[~held])
    values = attribution.mean(1)
    design = stratify(subject[held], stage[held], label=label[held])
    drawn = draws(design, count=PERMUTATIONS, seed=seed, exchange="permute")
    p_max, cluster = largest_p(design, values, seed=seed, shape=SHAPE)
    apart = tests.stage_statistic(design, values, drawn=drawn)
    pooled = attribution.reshape(-1, attribution.shape[-1])
    told = np.repeat(label[held], EPOCHS)
    parts = decompose(design, values.sum(1, keepdims=True))
    return {
        "p_max": p_max,
        "cluster": cluster,
        "stages": p_values(apart[0], drawn, observed=apart[1]).min(),
        "auc_p": stratified_auc(design, values.sum(1), drawn=drawn)[1],
        "naive": benjamini_hochberg(ttest_ind(pooled[told], pooled[~told]).pvalue),
        "unstratified": largest_p(stratify(subject[held], ["any"] * held.sum(), label=label[held]), values, seed=seed),
        "share": confound_share(np.nanmean(parts.within), np.nanmean(parts.between)),
    }


def one_data_set(confound, content, seed):
    data = simulate(np.random.default_rng([seed, 10 * confound]), confound=confound, content=content)
    ab, ba = (direction(data, half, seed=seed) for half in (np.arange(0, 6), np.arange(6, 12)))
    either, every = tests.cross_fit([ab["p_max"], ba["p_max"]])
    outside = np.ones(len(either), bool)
    if content:
        outside[PLANTED] = False
    inside = PLANTED if content else []
    return {
        "naive_pooled_epochs": (ab["naive"][outside] <= ALPHA).any(),
        "unstratified_subjects": (ab["unstratified"][outside] <= ALPHA).any(),
        "stratified_one_direction": (ab["p_max"][outside] <= ALPHA).any(),
        "stratified_cross_fit": (either[outside] <= ALPHA).any(),
        "stratified_every_direction": (every[outside] <= ALPHA).any(),
        "clusters_one_direction": ab["cluster"] <= ALPHA,
        "stages_differ": ab["stages"] <= ALPHA,
        "gate_both_directions": max(ab["auc_p"], ba["auc_p"]) <= ALPHA,
        "sensitivity_one_direction": (ab["p_max"][inside] <= ALPHA).mean() if content else np.nan,
        "sensitivity_cross_fit": (either[inside] <= ALPHA).mean() if content else np.nan,
        "confound_share": ab["share"],
    }


def events(seed):
    """Events that last, and features that drift, in two stages of six nights: nothing goes with anything."""
    rng, length = np.random.default_rng([seed, 1]), 120
    label, values, subject, stage = [], [], [], []
    for one in range(6):
        for where in range(2):
            drift = np.zeros((length, 11))
            for at in range(1, length):
                drift[at] = 0.9 * drift[at - 1] + rng.normal(size=11)
            label.append(drift[:, 0] > np.quantile(drift[:, 0], 0.7))
            values.append(drift[:, 1:])
            subject, stage = [*subject, *[one] * length], [*stage, *[where] * length]
    design = stratify(subject, stage, label=np.concatenate(label))
    values, p = np.concatenate(values), {}
    for exchange in ("permute", "shift"):
        drawn = draws(design, count=PERMUTATIONS, seed=seed, exchange=exchange, order=np.arange(len(values)))
        statistic = tests.main_statistic(design, values, drawn=drawn)
        p[exchange] = p_values(statistic, drawn, observed=statistic(design.label[None])[0]).min() <= ALPHA
    return p


@pytest.fixture(scope="module")
def table():
    rows = []
    for confound, content, count in ARMS:
        found = pd.DataFrame(
            [one_data_set(confound, content, seed) for seed in range(FIRST_SEED, FIRST_SEED + count)]
        ).astype(float)
        rows.append({"confound": confound, "content": content, "data_sets": count} | found.mean().to_dict())
    Path("results").mkdir(exist_ok=True)
    table = pd.DataFrame(rows)
    table.to_csv("results/science_strata.tsv", sep="\t", index=False, float_format="%.4g")
    return table


def bound(data_sets):
    """Two standard errors above alpha."""
    return ALPHA + 2 * np.sqrt(ALPHA * (1 - ALPHA) / data_sets)


@pytest.mark.parametrize(
    "test", ["stratified_one_direction", "stratified_cross_fit", "stratified_every_direction", "clusters_one_direction"]
)
def test_without_content_the_stratified_test_errs_no_more_often_than_it_says(table, test):
    null = table[table["content"] == 0]
    assert (null[test] <= bound(null["data_sets"])).all(), table.to_string()


def test_the_naive_tests_light_up_wherever_the_label_keeps_company_with_rem(table):
    confounded = table[(table["content"] == 0) & (table["confound"] > 0)]
    assert (confounded["naive_pooled_epochs"] > 0.9).all(), table.to_string()
    assert (confounded["unstratified_subjects"] > 0.9).all(), table.to_string()


def test_the_gate_in_both_directions_stays_shut_without_content(table):
    null = table[table["content"] == 0]
    assert (null["gate_both_directions"] <= bound(null["data_sets"])).all(), table.to_string()


def test_content_is_found_where_it_is_and_nowhere_else(table):
    content = table[table["content"] > 0].iloc[0]
    assert content["sensitivity_one_direction"] > 0.8, table.to_string()
    assert content["stratified_one_direction"] <= bound(content["data_sets"]), table.to_string()
    assert content["gate_both_directions"] > 0.9, table.to_string()


def test_a_common_effect_is_not_taken_for_a_difference_between_stages(table):
    assert (table["stages_differ"] <= bound(table["data_sets"])).all(), table.to_string()


def test_the_confound_share_tells_company_from_content(table):
    share = table.set_index(["confound", "content"])["confound_share"]
    assert share[2, 0.0] - share[2, 1.0] > 0.2, table.to_string()


def test_events_that_last_must_be_shifted_and_not_permuted():
    found = pd.DataFrame([events(seed) for seed in range(FIRST_SEED, FIRST_SEED + 200)]).mean()
    Path("results").mkdir(exist_ok=True)
    found.rename("family_wise_error").to_csv("results/science_strata_events.tsv", sep="\t", index_label="exchange")
    assert found["shift"] <= bound(200), found.to_string()
    assert found["permute"] > 0.5, found.to_string()
