"""`tracklight evaluate`: held-out accuracy of the networks beside their baselines."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from tracklight.core.device import choose_device
from tracklight.genome.dataset import Dataset, open_dataset
from tracklight.genome.ensemble import Ensemble, open_ensemble
from tracklight.learning.baselines import at_content, kmer_ridge
from tracklight.learning.examples import Examples, predict
from tracklight.learning.metrics import score
from tracklight.settings import Evaluate
from tracklight.stages import door
from tracklight.stages.tables import write_table

Predictions = Iterator[tuple[str, int | str, NDArray[np.float64]]]  # predictor, seed, (example, target)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    door.add_inputs(parser, "genome", "windows", "models")
    parser.add_argument("--out", type=Path, required=True, help="folder for evaluation.tsv and predictions.tsv.gz")
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write `evaluation.tsv` and `predictions.tsv.gz`."""
    settings = door.stage_settings(arguments, Evaluate, section="evaluate")
    data = open_dataset(arguments.genome, arguments.windows)
    inputs = {**data.inputs, **{f"model{n}": path for n, path in enumerate(arguments.models)}}
    with door.recorded(arguments, "evaluate", settings, inputs) as facts:
        torch.set_num_threads(arguments.threads)
        ensemble = open_ensemble(arguments.models, data=data)
        device = choose_device(settings.device)
        networks = list(_networks(ensemble.to(device), data, device))
        rivals = list(_baselines(data, settings, facts)) + list(_untrained(ensemble, data, settings, device))
        write_table(arguments.out / "evaluation.tsv", _scores(data, [*networks, *rivals]))
        write_table(arguments.out / "predictions.tsv.gz", _predictions(data, networks))


def _networks(ensemble: Ensemble, data: Dataset, device: torch.device) -> Predictions:
    outputs = [_predict(model, data.examples(device)) for model in ensemble.models]
    for seed, output in zip(ensemble.seeds, outputs, strict=True):
        yield "model", seed, output
    yield "ensemble", "", np.mean(outputs, axis=0)


def _untrained(ensemble: Ensemble, data: Dataset, settings: Evaluate, device: torch.device) -> Predictions:
    examples = data.examples(device)
    control = ensemble.to(device).untrained(settings.untrained_seeds)
    for seed, model in zip(control.seeds, control.models, strict=True):
        yield "untrained", seed, _predict(model, examples)


def _predict(model: torch.nn.Module, examples: Examples) -> NDArray[np.float64]:
    rows = torch.arange(len(examples), device=examples.start.device)
    return predict(model, examples, rows).double().numpy()


def _baselines(data: Dataset, settings: Evaluate, facts: dict[str, Any]) -> Predictions:
    codes = data.codes()
    train, validation = (data.rows(split).numpy() for split in ("train", "validation"))
    columns = []
    for target in data.targets:
        prediction, facts[f"kmer_ridge.{target}"] = kmer_ridge(
            codes,
            data.values(target),
            train,
            validation,
            lengths=settings.kmer_lengths,
            penalties=settings.ridge_penalties,
        )
        columns.append(prediction)
    yield "kmer_ridge", "", np.stack(columns, axis=1)
    yield "at_content", "", np.repeat(at_content(codes)[:, None], len(data.targets), axis=1)


def _scores(data: Dataset, predictions: list[tuple[str, int | str, NDArray[np.float64]]]) -> pd.DataFrame:
    test = data.rows("test").numpy()
    return pd.DataFrame(
        {"target": target, "predictor": predictor, "seed": seed, "metric": metric, "value": value}
        for number, target in enumerate(data.targets)
        for predictor, seed, output in predictions
        for metric, value in score(output[test, number], data.values(target)[test], data.active(target)[test]).items()
    )


def _predictions(data: Dataset, networks: list[tuple[str, int | str, NDArray[np.float64]]]) -> pd.DataFrame:
    table = data.index.drop(columns=["group"])
    for number, target in enumerate(data.targets):
        for predictor, seed, output in networks:
            name = f"{target}.ensemble" if predictor == "ensemble" else f"{target}.seed{seed}"
            table[name] = output[:, number]
    return table[table["split"] != "train"]
