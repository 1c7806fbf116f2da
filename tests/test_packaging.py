"""Files that say the same thing twice say the same."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

import tracklight
from tracklight.stages.schema import json_schema, settings_page

REPOSITORY = Path(__file__).parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
PINS = dict(line.split("==") for line in (REPOSITORY / "constraints.txt").read_text().split())
EVERY_EXTRA = [name for names in PROJECT["optional-dependencies"].values() for name in names]


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_conda_and_pip_ask_for_the_same():
    conda = yaml.safe_load((REPOSITORY / "environment.yml").read_text())
    assert conda["channels"] == ["conda-forge", "bioconda", "nodefaults"]
    asked = {line.partition(" ")[0]: line.partition(" ")[2] for line in conda["dependencies"] if isinstance(line, str)}
    wanted = {
        CONDA_NAMES.get(need.name, need.name).lower(): str(need.specifier)
        for need in map(Requirement, PROJECT["dependencies"])
    }
    assert asked.pop("python") == PROJECT["requires-python"]
    assert asked.pop("pip") == ""
    assert asked == wanted


@pytest.mark.parametrize("line", [*PROJECT["dependencies"], *EVERY_EXTRA])
def test_every_dependency_is_pinned_within_its_bounds(line):
    need = Requirement(line)
    pins = {canonical(name): version for name, version in PINS.items()}
    assert need.specifier.contains(pins[canonical(need.name)])


def test_pins_name_public_versions_only():
    assert [name for name, version in PINS.items() if Version(version).local] == []


def test_one_version_everywhere():
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert tracklight.__version__ == PROJECT["version"] == citation["version"]
    assert f"## {tracklight.__version__}" in (REPOSITORY / "CHANGELOG.md").read_text()


@pytest.mark.parametrize(("modality", "file"), [("dna", "config"), ("eeg", "eeg")])
def test_the_schemas_in_the_repository_are_fresh(modality, file):
    stored = (REPOSITORY / "workflow" / "schemas" / f"{file}.schema.json").read_text()
    assert stored == json_schema(modality), "run make docs"


def test_the_settings_page_is_fresh():
    assert (REPOSITORY / "docs" / "settings.md").read_text() == settings_page(), "run make docs"


def test_the_settings_page_states_bounds_units_and_defaults():
    page = settings_page()
    assert "| `width_bp` | integer ≥ 1 | `9` | " in page
    assert '| `architecture.name` | `valid_conv`, `residual_dilated`, `global_pool` | `"valid_conv"` | ' in page
    assert "| `active_above` | number | required | " in page
    assert "| `contig_names` | map of text to text | `{}` | " in page


def test_every_command_of_the_readme_is_a_target_of_the_makefile():
    targets = set(re.findall(r"^(\w+):", (REPOSITORY / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"\bmake (\w+)", (REPOSITORY / "README.md").read_text()))
    assert {"demo", "test"} <= named <= targets


def test_targets_of_the_makefile_are_at_most_three_lines():
    recipes = re.findall(
        r"^[^\s:#]+:[^=\n]*\n((?:\t.*\n?)*)", (REPOSITORY / "Makefile").read_text(), flags=re.MULTILINE
    )
    assert max(recipe.count("\n") for recipe in recipes) <= 3


def test_the_contributor_page_is_short():
    assert len((REPOSITORY / "CONTRIBUTING.md").read_text().splitlines()) <= 60


@pytest.mark.parametrize(
    "page", [*sorted(REPOSITORY.glob("docs/**/*.md")), REPOSITORY / "README.md"], ids=lambda p: p.name
)
def test_links_between_pages_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []
