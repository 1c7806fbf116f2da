"""A workflow run whose `tracklight` is a stand-in that writes the promised files at once."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
STAND_IN = r"""#!/usr/bin/env bash
set -eu
stage=$1; shift; command="$stage $*"
while [[ $# -gt 0 ]]; do
    case $1 in --out) out=$2 ;; --provenance) provenance=$2 ;; esac; shift
done
echo "the log of $stage" >&2
write() { for file; do mkdir -p "$(dirname "$file")"; echo "$stage" > "$file"; done; }
if [[ $stage = train ]]; then write $out/resume.pt; fi
if [[ $stage = "${FAIL:-}" ]]; then echo "tracklight $stage: broken on purpose" >&2; exit 2; fi
case $stage in
    prepare-genome) write $out/codes.npy $out/contigs.json $out/softmask.bed $out/genome.fa $out/genome.fa.fai ;;
    prepare-windows) write $out/windows.tsv.gz $out/windows.json $out/dropped.tsv ;;
    train) write $out/model.pt $out/metrics.tsv $out/training.png ;;
    evaluate) write $out/evaluation.tsv $out/predictions.tsv.gz ;;
    attribute | evaluate-elements) write $out ;;
    bigwig) write $out/{saliency,integrated_gradients,prediction}.{plus,minus}.bw \
        $out/saliency.{plus,minus}.sd.bw $out/saliency.abs.bw ;;
    peaks) write $out/peaks.tsv $out/peaks.narrowPeak $out/null.tsv $out/calibration.tsv $out/calibration.json ;;
    candidates) write $out/candidates.tsv $out/candidates.bed $out/candidates.fa ;;
    logos) write $out/logos.json $out/aggregate.png $out/maxima.png $out/maxima.tsv ;;
    receptive-field) write $out/receptive_field{,_profile,_checks}.tsv ;;
    deletion) write $out/deletion{,_areas,_checks}.tsv $out/faithfulness.tsv ;;
    methods) write $out/methods{,_cost,_checks}.tsv ;;
    sanity) write $out/sanity{,_checks}.tsv ;;
    shortcuts) write $out/shortcuts{,_groups,_checks}.tsv ;;
    trust) write $out ;;
    report) write $out $(dirname $out)/provenance.json ;;
esac
write $provenance; echo "$command" > $provenance
"""
CONFIG: dict[str, Any] = {
    "run": "small",
    "inputs": {
        "fasta": "genome.fa",
        "regions": "regions.tsv",
        "genes": "genes.bed",
        "exclude": ["no go.bed"],
        "elements": "elements.bed",
        "nuisance": {"repeats": "re peats.bed"},
    },
    "prepare_windows": {
        "active_above": 1.0,
        "upstream_bp": 10,
        "downstream_bp": 20,
        "contig_names": {"chr{I}": "I"},
        "stranded": True,
    },
    "train": {"seeds": [3, 5], "device": "cpu"},
    "attribute": {"shards": 2},
}


@dataclass
class Folder:
    """A folder to start Snakemake in."""

    path: Path

    def snakemake(self, *arguments: str, snakefile: str = "Snakefile", **environment: str) -> tuple[int, str]:
        """Start Snakemake; return its exit code and all it said."""
        tools = os.pathsep.join([str(self.path / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "--cores", "2", "-s", str(REPOSITORY / snakefile), *arguments],
            cwd=self.path,
            env={**os.environ, "PATH": tools, **environment},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        return done.returncode, done.stdout

    def planned(self, *arguments: str, snakefile: str = "Snakefile") -> dict[str, int]:
        """How many jobs of each rule a run would start, the rules that only collect left out."""
        code, said = self.snakemake("--dry-run", *arguments, snakefile=snakefile)
        assert code == 0, said[-1500:]
        table = said.partition("Job stats:")[2].partition("\n\n")[0]
        rows = re.findall(r"^(\w+) +(\d+)$", table, flags=re.MULTILINE)
        return {rule: int(count) for rule, count in rows if rule not in ("all", "default", "total")}

    def configure(self, changes: dict[str, dict[str, Any]]) -> None:
        """Write the configuration, some of its sections changed."""
        sections = {key: {**CONFIG.get(key, {}), **values} for key, values in changes.items()}
        config = self.path / "config" / "config.yaml"
        config.parent.mkdir(exist_ok=True)
        config.write_text(yaml.safe_dump({**CONFIG, **sections}))

    @property
    def results(self) -> set[str]:
        """Files below the folder of the run, logs and timings left out."""
        run = self.path / "results" / "small"
        files = {file.relative_to(run).as_posix() for file in run.rglob("*") if file.is_file()}
        return {file for file in files if not file.startswith(("logs/", "benchmarks/", "provenance/"))}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return _new_folder(tmp_path)


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    folder = _new_folder(tmp_path_factory.mktemp("workflow"))
    code, said = folder.snakemake()
    assert code == 0, said[-1500:]
    return folder


@pytest.fixture
def finished(finished_once: Folder, tmp_path: Path) -> Folder:
    """A copy of a finished run, times of the files kept."""
    shutil.copytree(finished_once.path, tmp_path, dirs_exist_ok=True)
    return Folder(tmp_path)


def _new_folder(path: Path) -> Folder:
    for name in ["genome.fa", "regions.tsv", "genes.bed", "no go.bed", "elements.bed", "re peats.bed"]:
        (path / name).write_text("something\n")
    (path / "bin").mkdir()
    (path / "bin" / "tracklight").write_text(STAND_IN)
    (path / "bin" / "tracklight").chmod(0o755)
    folder = Folder(path)
    folder.configure({})
    return folder
