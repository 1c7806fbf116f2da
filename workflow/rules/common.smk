# What the rules of every signal share: the resolved configuration and how a stage is called. No rules here.
import hashlib
import json
import re
import shlex
from pathlib import Path

from snakemake.exceptions import WorkflowError

import tracklight
from tracklight.errors import InputError, one_of
from tracklight.settings import CONFIGS, validate

if "inputs" not in config:

    configfile: "config/config.yaml"


try:
    one_of(
        config.get("modality", "dna"), CONFIGS, what="signal", where="config.modality"
    )
    CONFIG = validate(CONFIGS[config.get("modality", "dna")], config, where="config")
except InputError as error:
    raise WorkflowError(str(error)) from None


def check_input(key, path, *, folder=False):
    """A mistyped path would else go unnoticed while an earlier run still stands."""
    if not (Path(path).is_dir() if folder else Path(path).is_file()):
        raise WorkflowError(
            f"config.inputs.{key}: {'folder' if folder else 'file'} not found; got {path}; "
            "paths are relative to the folder Snakemake is started in"
        )


def in_run(pattern, **values):
    """Paths of this run."""
    return expand(pattern, run=CONFIG.run, **values)


def section(settings, **changes):
    """A section of the resolved configuration as JSON; in rules only inside a function, since params given as text are formatted."""
    return json.dumps({**settings.model_dump(mode="json"), **changes}, sort_keys=True)


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


def gpus(settings):
    """GPUs a stage asks the scheduler for; local runs ignore it unless `--resources gpu=N` is given."""
    return 0 if settings.device == "cpu" else 1


def option(name, values):
    """An option of the command line with its values, or nothing."""
    values = [values] if isinstance(values, str) else list(values or [])
    return f"{name} {' '.join(map(shlex.quote, values))}" if values else ""


def named(files):
    """Files as `name=file`."""
    return [f"{name}={path}" for name, path in files.items()]


def stage(command):
    """The shell command of a stage; when it fails, the end of its log is shown and its exit code kept."""
    return (
        f"tracklight {command} --settings {{params.settings:q}} --threads {{threads}}"
        " --provenance {output.provenance:q} 2> {log:q}"
        " || {{ code=$?; tail -n 3 {log:q} >&2; exit $code; }}"
    )
