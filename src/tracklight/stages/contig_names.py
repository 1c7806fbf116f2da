"""The option `--contig-names`, for stages that read genes and BED files with other names of contigs."""

import argparse
import json

from tracklight.errors import complaint

OPTION = "--contig-names"


def add_contig_names(parser: argparse.ArgumentParser) -> None:
    """Add `--contig-names`."""
    parser.add_argument(OPTION, default="{}", help="JSON: contig names of genes and BED files to the genome's")


def given_contig_names(arguments: argparse.Namespace) -> dict[str, str]:
    """Return names of the files to names of the genome.

    Raises
    ------
    InputError
        When the option is not a JSON object of text.
    """
    try:
        names = json.loads(arguments.contig_names)
    except json.JSONDecodeError as error:
        raise complaint("not JSON", where=OPTION, got=error) from None
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise complaint(
            "not a mapping from text to text", where=OPTION, got=arguments.contig_names, allowed='{"chrI": "I"}'
        )
    return names
