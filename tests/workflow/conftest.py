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
if [[ $stage = train || $stage = train-eeg ]]; then write $out/resume.pt; fi
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
    simulate-eeg) write $out/recordings.tsv $out/truth{,_reports}.tsv $out/truth.json $out/truth_maps.npz ;;
    prepare-eeg) write $out/{codes.npy,contigs.json,epochs.tsv.gz,epochs.json,dropped.tsv} ;;
    whiten-eeg) write $out/{codes.npy,contigs.json,epochs.tsv.gz,epochs.json,gains.npz} ;;
    train-eeg) write $out/{model.pt,metrics.tsv,training.png} ;;
    attribute-eeg) write $out/{maps.npz,completeness.tsv,examples.npz,attribute_checks.tsv,tracks/sub-1.edf} ;;
    units-eeg) write $out/{attribution,power}{,_time}.tsv.gz $out/{axes,axes_time,neighbours,counts}.tsv \
        $out/{units.json,epochs.tsv.gz} ;;
    strata-null) write $out ;;
    strata) write $out/strata{,_subjects,_decomposition,_stages,_clusters}.tsv $out/strata.json ;;
    gate-eeg) write $out/gate{,_checks}.tsv ;;
    controls-eeg) write $out/controls{,_checks}.tsv ;;
    claims-eeg) write $out/{claims,claims_time,naive,naive_features,trust}.tsv $out/claims.json ;;
    report | report-eeg) write $out $(dirname $out)/provenance.json ;;
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
EEG: dict[str, Any] = {
    "run": "small",
    "modality": "eeg",
    "inputs": {"recordings": {"my.own-1": "my data/recordings.tsv"}, "hypnograms": "nights"},
    "simulate_eeg": {"arm": {"content": {"amplitude_sd": 0}}},
    "train_eeg": {"a": {"seeds": [3, 5], "device": "cpu"}, "b.2": {"seeds": [0]}},
    "studies": {"arm": {"covariates": {"depth": "depth_proxy", "night_time_s": "night_time_s"}}},
    "second_stratifiers": {"depth": 2},
}


@dataclass
class Folder:
    """A folder to start Snakemake in, and the configuration that its changes are laid over."""

    path: Path
    config: dict[str, Any]

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
        sections = {key: {**self.config.get(key, {}), **values} for key, values in changes.items()}
        config = self.path / "config" / "config.yaml"
        config.parent.mkdir(exist_ok=True)
        config.write_text(yaml.safe_dump({**self.config, **sections}))

    @property
    def results(self) -> set[str]:
        """Files below the folder of the run, logs, timings and records left out."""
        run = self.path / "results" / "small"
        files = {file.relative_to(run) for file in run.rglob("*") if file.is_file()}
        return {file.as_posix() for file in files if not {"logs", "benchmarks", "provenance"} & set(file.parts)}

    def finish(self) -> "Folder":
        """Run to the end."""
        code, said = self.snakemake()
        assert code == 0, said[-1500:]
        return self

    def copy(self, path: Path) -> "Folder":
        """Copy a run, times of the files kept."""
        shutil.copytree(self.path, path, dirs_exist_ok=True)
        return Folder(path, self.config)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return _new_folder(tmp_path, CONFIG)


@pytest.fixture
def eeg_folder(tmp_path: Path) -> Folder:
    return _new_folder(tmp_path, EEG)


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return _new_folder(tmp_path_factory.mktemp("workflow"), CONFIG).finish()


@pytest.fixture(scope="session")
def finished_eeg_once(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return _new_folder(tmp_path_factory.mktemp("workflow_eeg"), EEG).finish()


@pytest.fixture
def finished(finished_once: Folder, tmp_path: Path) -> Folder:
    return finished_once.copy(tmp_path)


@pytest.fixture
def finished_eeg(finished_eeg_once: Folder, tmp_path: Path) -> Folder:
    return finished_eeg_once.copy(tmp_path)


def _new_folder(path: Path, config: dict[str, Any]) -> Folder:
    files = ["genome.fa", "regions.tsv", "genes.bed", "no go.bed", "elements.bed", "re peats.bed", "nights/SC1.edf"]
    files += [f"my data/{subject}{end}" for subject in "12" for end in (".edf", "_hypnogram.edf", "_reports.tsv")]
    for name in [*files, "bin/tracklight", "my data/recordings.tsv"]:
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text("something\n")
    rows = [f"{subject}\t\t{subject}.edf\t{subject}_hypnogram.edf\t{subject}_reports.tsv" for subject in "12"]
    table = "\n".join(["subject\tsession\tpath\thypnogram\treports", *rows, ""])
    (path / "my data" / "recordings.tsv").write_text(table)
    for subject in "12":
        (path / "my data" / f"{subject}_reports.tsv").write_text("report\tlabel\tdepth\tnight_time_s\nr\t1\t.5\t60\n")
    (path / "bin" / "tracklight").write_text(STAND_IN)
    (path / "bin" / "tracklight").chmod(0o755)
    folder = Folder(path, config)
    folder.configure({})
    return folder
