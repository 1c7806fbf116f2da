# What the rules share: the resolved configuration and how a stage is called. No rules here.
import hashlib
import json
import re
import shlex
from pathlib import Path

from snakemake.exceptions import WorkflowError

import tracklight
from tracklight.errors import InputError
from tracklight.settings import Config, validate

if "inputs" not in config:

    configfile: "config/config.yaml"


try:
    CONFIG = validate(Config, config, where="config")
except InputError as error:
    raise WorkflowError(str(error)) from None


def listed(given):
    """The paths of an input: one, a list, named ones, or none."""
    if isinstance(given, dict):
        return list(given.values())
    return given if isinstance(given, list) else [given] if given else []


def check_inputs():
    """A mistyped path would else go unnoticed while an earlier run still stands."""
    for key, given in CONFIG.inputs:
        for path in listed(given):
            if not Path(path).is_file():
                raise WorkflowError(
                    f"config.inputs.{key}: file not found; got {path}; "
                    "paths are relative to the folder Snakemake is started in"
                )


check_inputs()

SHARDS = range(CONFIG.attribute.shards)
MODELS = expand("results/{{run}}/model/seed{seed}/model.pt", seed=CONFIG.train.seeds)
SALIENCY = expand(
    "results/{{run}}/attribution/gradient_x_input/shard{shard}.npz", shard=SHARDS
)
GRADIENTS = expand(
    "results/{{run}}/attribution/integrated_gradients/shard{shard}.npz", shard=SHARDS
)
STAGES = ["prepare_genome", "prepare_windows", "evaluate", "bigwig", "peaks"]
STAGES += ["candidates", "logos"]
STAGES += ["receptive_field", "deletion", "methods", "sanity", "shortcuts", "trust"]
STAGES += ["evaluate_elements"] if CONFIG.inputs.elements else []
STAGES += [f"train_seed{seed}" for seed in CONFIG.train.seeds]
STAGES += [
    f"attribute_{method}_{shard}"
    for method in ("gradient_x_input", "integrated_gradients")
    for shard in SHARDS
]
RECORDS = expand("results/{{run}}/provenance/{stage}.json", stage=STAGES)
SIGNED = ["saliency", "integrated_gradients", "prediction"]
STRANDS = [".plus", ".minus"] if CONFIG.prepare_windows.stranded else [""]
SUMMARIES = [f"saliency{strand}.sd" for strand in STRANDS] + ["saliency.abs"]
TRACKS = [f"{track}{strand}" for track in SIGNED for strand in STRANDS] + SUMMARIES


def in_run(pattern, **values):
    """Paths of this run."""
    return expand(pattern, run=CONFIG.run, **values)


def section(name, **changes):
    """A section of the resolved configuration as JSON; in rules only inside a function, since params given as text are formatted."""
    return json.dumps(
        {**getattr(CONFIG, name).model_dump(mode="json"), **changes}, sort_keys=True
    )


def fingerprint():
    """What of the package re-runs finished stages when it changes: its version, or any line of its code."""
    if CONFIG.fingerprint == "version":
        return tracklight.__version__
    package = Path(tracklight.__file__).parent
    digest = hashlib.sha256()
    for source in sorted(package.rglob("*.py")):
        digest.update(
            source.relative_to(package).as_posix().encode() + source.read_bytes()
        )
    return digest.hexdigest()


FINGERPRINT = fingerprint()


def gpus(name):
    """GPUs a stage asks the scheduler for; local runs ignore it unless `--resources gpu=N` is given."""
    return 0 if getattr(CONFIG, name).device == "cpu" else 1


def option(name, values):
    """An option of the command line with its values, or nothing."""
    values = [values] if isinstance(values, str) else list(values or [])
    return f"{name} {' '.join(map(shlex.quote, values))}" if values else ""


def named(files):
    """Files as `name=file`."""
    return [f"{name}={path}" for name, path in files.items()]


def trust_tables(*names):
    """Tables that a stage of trust.smk writes."""
    return [f"results/{{run}}/trust/{name}.tsv" for name in names]


def named_tracks(paths, names):
    """Tracks as `name=file` or, for a stranded assay, `name=plus,minus`."""
    files = {Path(path).name: path for path in paths}
    return [
        f"{track}={','.join(files[f'{track}{strand}.bw'] for strand in STRANDS)}"
        for track in names
    ]


def stage(command):
    """The shell command of a stage; when it fails, the end of its log is shown and its exit code kept."""
    return (
        f"tracklight {command} --settings {{params.settings:q}} --threads {{threads}}"
        " --provenance {output.provenance:q} 2> {log:q}"
        " || {{ code=$?; tail -n 3 {log:q} >&2; exit $code; }}"
    )
