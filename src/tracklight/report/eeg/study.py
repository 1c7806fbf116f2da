"""The studies of a run as the page reads them: one folder each, side by side."""

from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from tracklight.errors import complaint
from tracklight.report.eeg.needs import NEEDS
from tracklight.report.run_folder import RunFolder
from tracklight.settings import Settings

EPOCHS = "epochs/epochs.json"
HALVES = ("A", "B")
ENSEMBLE = "network"  # what the gate calls the trained networks together
PASSED = "gate: within-stratum AUC"
BLIND = "no within-stage decoding; maps not interpretable"
UNMEASURED = "the gate was not measured, so maps are not interpreted"


@dataclass(frozen=True)
class Study:
    """One study of a run.

    Attributes
    ----------
    name : str
        What the configuration calls it.
    folder : RunFolder
        Its files.
    network : str
        The network that claims rest on; empty when none was explained.
    """

    name: str
    folder: RunFolder
    network: str

    def strata(self, part: str, *, of: str = "attribution") -> pd.DataFrame | None:
        """Return a table of the stage `strata`, by its name without suffix, of one map."""
        return self.folder.table(f"strata/{self.network}/{of}/{part}.tsv")

    def strata_facts(self, *, of: str = "attribution") -> dict[str, Any] | None:
        """Return the summary of the stage `strata` of one map."""
        return self.folder.facts(f"strata/{self.network}/{of}/strata.json")

    def epochs(self) -> pd.DataFrame | None:
        """Return the index of epochs."""
        return self.folder.table("epochs/epochs.tsv.gz")

    def facts(self) -> dict[str, Any]:
        """Return what `prepare-eeg` says of the epochs."""
        return self.folder.facts(EPOCHS) or {}

    def gate(self) -> pd.DataFrame | None:
        """Return the decoders of the gate."""
        return self.folder.table("gate/gate.tsv")

    def claims(self) -> pd.DataFrame | None:
        """Return the claims, one row per feature, an empty text where nothing is claimed."""
        table = self.folder.table("claims/claims.tsv")
        return None if table is None else table.assign(claim=table["claim"].astype(object).fillna("").astype(str))

    def passed(self) -> bool | None:
        """Say whether the gate was passed; None when it was not measured."""
        checks = self.folder.table("gate/gate_checks.tsv")
        if checks is None:
            return None
        verdicts = checks.loc[checks["check"].str.startswith(PASSED), "verdict"]
        return None if verdicts.empty else bool((verdicts == "pass").all())

    def settings(self, stage: str, default: Settings) -> dict[str, Any]:
        """Return the settings a stage ran with, from its record; those it has by default where there is none."""
        records = {name: each for name, each in self.folder.provenance().items() if each.get("stage") == stage}
        # A stage that runs once per network has the name of the network in that of its record.
        own = [each for name, each in records.items() if self.network in name] or list(records.values())
        return default.model_dump(mode="json") | (own[0].get("settings", {}) if own else {})

    def complete(self) -> bool:
        """Say whether the attribution sums to the output of the networks."""
        return bool((self.folder.facts(f"units/{self.network}/units.json") or {}).get("complete"))

    def unreadable(self) -> str:
        """Say why no map of this study may be interpreted; empty when they may."""
        withheld = (self.folder.facts("claims/claims.json") or {}).get("withheld") or ""
        return {True: withheld, False: BLIND, None: UNMEASURED}[self.passed()]

    def label(self) -> str:
        """Return how the page calls the label 1."""
        labels = self.facts().get("labels") or {}
        named = [name for name, value in labels.items() if value == 1]
        return named[0] if len(named) == 1 and named[0] != "1" else "label 1"


def open_studies(run: RunFolder) -> list[Study]:
    """Find the studies of a run, by name; a run without any is an `InputError`."""
    names = sorted(PurePosixPath(name).parts[0] for name in run.files if name.endswith(f"/{EPOCHS}"))
    if not names:
        raise complaint("no study among the files of the run", where=run.path, allowed=f"*/{EPOCHS}, and what follows")
    folders = {name: replace(run.within(name), needs=NEEDS) for name in names}
    return [Study(name, folder, _network(folder)) for name, folder in folders.items()]


def _network(folder: RunFolder) -> str:
    """Return the network that claims rest on: the explained one that the gate does not list as a further decoder."""
    explained = sorted({PurePosixPath(name).parts[1] for name in folder.matching("strata/*/attribution/strata.tsv")})
    gate = folder.table("gate/gate.tsv")
    others = set() if gate is None else set(gate["decoder"].astype(str))
    return next((name for name in explained if name not in others), explained[0] if explained else "")
