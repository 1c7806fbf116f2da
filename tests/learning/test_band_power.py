import numpy as np
import pytest
import scipy.signal
from sklearn.linear_model import RidgeCV
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from tracklight.core.spectral import bins
from tracklight.errors import InputError
from tracklight.learning.band_power import log_band_power, power_ridge


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("length", [200, 201])
def test_power_is_that_of_the_periodogram_of_scipy(length):
    epochs, bands = noise(3, 2, length), [(0.0, 4.0), (4.0, 8.0), (8.0, 50.1)]
    hertz, spectrum = scipy.signal.periodogram(epochs, fs=100, detrend=False, scaling="spectrum")
    expected = np.stack([spectrum[..., (low <= hertz) & (hertz < end)].sum(-1) for low, end in bands], axis=-1)
    found = log_band_power(epochs, rate=100, bands=bands, batch_size=2)
    np.testing.assert_allclose(found, np.log(expected), rtol=1e-9)


def test_a_wave_has_half_its_squared_amplitude_in_its_band():
    wave = 3 * np.sin(2 * np.pi * 10 * np.arange(1000) / 100)[None, None] + 1e-6 * noise(1, 1, 1000)
    power = log_band_power(wave, rate=100, bands=bins(50, width=1), batch_size=1)[0, 0]
    assert power.argmax() == 10
    assert np.exp(power[10]) == pytest.approx(9 / 2, rel=1e-4)


def test_a_flat_epoch_is_refused_by_its_number():
    epochs = noise(3, 2, 100)
    epochs[2, 1] = 0
    with pytest.raises(InputError, match="epoch 2, channel 1: no power in a band; got 0 to 20 Hz"):
        log_band_power(epochs, rate=100, bands=[(0, 20), (20, 50)], batch_size=3)


@pytest.fixture
def labelled():
    """60 rows; the first feature tells the label, two others are noise, one stands still."""
    labels = np.tile([0.0, 1.0], 30)
    features = noise(60, 2, 2)
    features[:, 0, 0] = 100 * labels + 50 * features[:, 0, 0]
    features[:, 1, 1] = 7
    return features, labels


ROWS = {"train": np.arange(30), "validation": np.arange(30, 45)}


@pytest.mark.parametrize("penalty", [0.1, 30.0])
def test_the_ridge_is_that_of_scikit_learn_on_features_standardised_in_training(labelled, penalty):
    features, labels = labelled
    flat = features.reshape(60, 4)
    scaler = StandardScaler().fit(flat[:30])
    witness = RidgeCV(alphas=[penalty]).fit(scaler.transform(flat[:30]), labels[:30])
    found, choice = power_ridge(features, labels, penalties=[penalty], **ROWS)
    np.testing.assert_allclose(found, witness.predict(scaler.transform(flat)), atol=1e-9)
    assert choice["validation_auroc"] == pytest.approx(roc_auc_score(labels[30:45], found[30:45]))
    assert roc_auc_score(labels[45:], found[45:]) > 0.7


def test_the_penalty_that_is_best_on_validation_rows_is_taken(labelled):
    features, labels = noise(60, 30, seed=3), labelled[1]
    features[:, 0] += 2 * labels
    scores = {p: power_ridge(features, labels, penalties=[p], **ROWS)[1]["validation_auroc"] for p in (1e-3, 10, 1e3)}
    _, choice = power_ridge(features, labels, penalties=iter(scores), **ROWS)
    assert len(set(scores.values())) == 3
    assert choice["validation_auroc"] == scores[choice["penalty"]] == max(scores.values())


def test_rows_without_a_label_are_predicted_but_teach_nothing(labelled):
    features, labels = labelled
    unknown = labels.copy()
    unknown[[0, 31]] = np.nan
    found, _ = power_ridge(features, unknown, penalties=[1.0], **ROWS)
    rows = {"train": np.arange(1, 30), "validation": np.r_[30, 32:45]}
    expected, _ = power_ridge(features, labels, penalties=[1.0], **rows)
    np.testing.assert_allclose(found, expected)


def test_one_label_only_is_refused(labelled):
    features, labels = labelled
    for rows in (ROWS | {"train": np.arange(0, 30, 2)}, ROWS | {"validation": np.arange(30, 45, 2)}):
        with pytest.raises(InputError, match=r"(training|validation) rows: one label only; got 0\.0; allowed: 0 and 1"):
            power_ridge(features, labels, penalties=[1.0], **rows)
