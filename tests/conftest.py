"""Fixtures that several rooms share: a simulated genome with planted motifs, its files, and its prepared folders."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tracklight import cli
from tracklight.core.tape import Tape
from tracklight.genome.fasta import Contig
from tracklight.genome.indexed import FASTA_FILE, index_fasta, write_contig
from tracklight.genome.simulate import Simulation, simulate_genome, write_simulation

# Windows are the simulated regions; log2(expression) of a region without motifs scatters around 0 with SD 0.5.
SIMULATED_WINDOWS = {
    "targets": ["expression"],
    "transform": "log2",
    "floor": 0.1,
    "active_above": 2.0,
    "anchor": "five_prime",
    "upstream_bp": 0,
    "downstream_bp": 150,
    "stranded": True,
    "split": {
        "by": "chromosome",
        "validation_chromosomes": ["sim2"],
        "test_chromosomes": ["sim3"],
        "block_bp": 5000,
    },
}


@pytest.fixture
def write_fasta() -> Callable[..., Path]:
    """Writer of the indexed FASTA of a tape: `write_fasta(folder, tape, softmasked={})` gives its path."""

    def write(folder: Path, tape: Tape, softmasked: dict[str, list[list[int]]] | None = None) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / FASTA_FILE).open("wb") as handle:
            for name in tape.names:
                masked = np.array((softmasked or {}).get(name, []), np.int64).reshape(-1, 2)
                write_contig(handle, Contig(name, np.asarray(tape.contig(name), np.uint8), masked))
        index_fasta(folder / FASTA_FILE)
        return folder / FASTA_FILE

    return write


@pytest.fixture(scope="session")
def simulation() -> Simulation:
    """Three contigs (80, 30 and 30 kb) with three planted motifs; each begins with 100 N."""
    return simulate_genome(np.random.default_rng(1))


@pytest.fixture(scope="session")
def simulated_files(simulation: Simulation, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Paths of the simulation: fasta, regions (TSV), truth (BED)."""
    return write_simulation(tmp_path_factory.mktemp("simulation"), simulation)


@pytest.fixture(scope="session")
def simulated_run(simulated_files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with `genome/` and `windows/` of the simulation; write other results elsewhere."""
    run = tmp_path_factory.mktemp("simulated_run")
    genome, windows = ["--out", str(run / "genome")], ["--out", str(run / "windows")]
    assert cli.main(["prepare-genome", "--fasta", str(simulated_files["fasta"]), *genome]) == 0
    settings = ["--settings", json.dumps(SIMULATED_WINDOWS)]
    table = ["--genome", str(run / "genome"), "--regions", str(simulated_files["regions"])]
    assert cli.main(["prepare-windows", *table, *windows, *settings]) == 0
    return run
