"""The truth of simulated sleep EEG: where the content is, and what the stages do to the spectrum."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tracklight.eeg.background import CHANNELS, mixing, nearest
from tracklight.eeg.hypnogram import STAGES
from tracklight.eeg.simulate import Simulated, burst
from tracklight.settings.simulate_eeg import SimulateEeg


def truth_facts(study: Sequence[Simulated], settings: SimulateEeg) -> dict[str, Any]:
    """Return everything that was set and drawn, as it goes to `truth.json`: all that a map can be held against."""
    content, reports = settings.content, truth_table(study)
    reach = 2 / content.duration_s  # the first zeros of the spectrum of a Hann window
    counts = reports.groupby("stage").label.agg(["size", "sum"])
    return {
        "settings": settings.model_dump(mode="json"),
        "channels": list(CHANNELS),
        "rate_hz": settings.rate_hz,
        "content": {
            **content.model_dump(mode="json"),
            "bins_hz": _bins(settings, reach).tolist(),
            "near_bins_hz": _bins(settings, 2 * reach + 0.5).tolist(),
            "epoch_time_s": settings.epoch_s - content.latency_s,
            "bursts": int(reports.bursts.sum()),
            "mean_peak_uv": float(reports.amplitude_uv.mean()),
        },
        "suppressor": {
            "channels": [content.channel, nearest(content.channel)],
            "band_hz": [content.frequency_hz - reach, content.frequency_hz + reach],
            "amplitude_sd": settings.suppressor_sd,
        },
        "reports": {stage: {"reports": int(n), "label_1": int(ones)} for stage, n, ones in counts.itertuples()},
        "overlap": overlap(reports),
        "subjects": [one.facts for one in study],
    }


def truth_table(study: Sequence[Simulated]) -> pd.DataFrame:
    """Return one row a report: `subject report stage label depth probability bursts amplitude_uv`."""
    return pd.concat([one.truth for one in study], ignore_index=True)


def overlap(reports: pd.DataFrame) -> float:
    """Return the share of reports whose subject has both labels in that stage."""
    both = reports.groupby(["subject", "stage"]).label.transform("nunique") == 2
    return float(both.mean())


def truth_maps(study: Sequence[Simulated], settings: SimulateEeg) -> dict[str, NDArray[Any]]:
    """Return the truth as arrays, as they go to `truth_maps.npz`.

    Parameters
    ----------
    study : sequence of Simulated
        All recordings.
    settings : SimulateEeg
        What they were made with.

    Returns
    -------
    dict of str to ndarray
        `channels`; `stages`; `frequency_hz` (frequency,): bins of 1 Hz; `burst_bins` and `near_bins` (channel,
        frequency): where the burst has power, and where a hit is not counted as one outside; `burst_samples` (sample,):
        when, within an epoch; `bursts` (subject, report, epoch): where a burst was added; `log_power` (stage, channel,
        frequency): log10 of µV² / Hz without content, mean over reports; `stage_effect` (channel, frequency): that of
        REM minus that of all others, NaN where one of them is missing; `mixing` (channel, source).
    """
    frequency, place = np.arange(settings.rate_hz // 2 + 1), CHANNELS.index(settings.content.channel)
    stage = truth_table(study).stage.to_numpy(dtype=str)
    power = np.concatenate([one.log_power for one in study])
    stages = [name for name in STAGES if name in stage]
    masks = {name: np.zeros((len(CHANNELS), len(frequency)), bool) for name in ("burst_bins", "near_bins")}
    reach = 2 / settings.content.duration_s
    masks["burst_bins"][place, _bins(settings, reach)] = True
    masks["near_bins"][place, _bins(settings, 2 * reach + 0.5)] = True
    rem = stage == "REM"
    return {
        "channels": np.array(CHANNELS),
        "stages": np.array(stages),
        "frequency_hz": frequency,
        **masks,
        "burst_samples": (burst(settings, np.array([0.0, np.pi / 2])) != 0).any(axis=0),
        "bursts": np.stack([one.bursts for one in study]),
        "log_power": np.stack([power[stage == name].mean(axis=0) for name in stages]),
        "stage_effect": _mean(power[rem]) - _mean(power[~rem]),
        "mixing": mixing(),
    }


def _bins(settings: SimulateEeg, reach: float) -> NDArray[np.int64]:
    frequency = np.arange(settings.rate_hz // 2 + 1)
    return np.flatnonzero(np.abs(frequency - settings.content.frequency_hz) < reach)


def _mean(power: NDArray[np.float64]) -> NDArray[np.float64]:
    return power.mean(axis=0) if len(power) else np.full(power.shape[1:], np.nan)
