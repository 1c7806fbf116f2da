"""`tracklight attribute`: per-base attribution of one shard of the genome."""

import argparse
from pathlib import Path

import torch

from tracklight.core.device import choose_device
from tracklight.core.methods import METHODS
from tracklight.errors import complaint
from tracklight.genome.dataset import open_dataset
from tracklight.genome.ensemble import open_ensemble
from tracklight.genome.saliency import Scan, attribute_stretch, shard_bounds
from tracklight.genome.shards import save_shard
from tracklight.progress import log
from tracklight.settings import Attribute
from tracklight.stages import door


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    door.add_inputs(parser, "genome", "windows", "models")
    parser.add_argument("--method", choices=METHODS, required=True, help="attribution method")
    parser.add_argument("--shard", type=int, required=True, help="number of the shard, from 0")
    parser.add_argument("--out", type=Path, required=True, help="shard file (.npz)")
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Attribute one shard and write it."""
    settings = door.stage_settings(arguments, Attribute, section="attribute")
    data = open_dataset(arguments.genome, arguments.windows)
    if not 0 <= arguments.shard < settings.shards:
        raise complaint("no such shard", where="--shard", got=arguments.shard, allowed=f"0 to {settings.shards - 1}")
    inputs = {**data.inputs, **{f"model{n}": path for n, path in enumerate(arguments.models)}}
    with door.recorded(arguments, "attribute", settings, inputs) as facts:
        torch.set_num_threads(arguments.threads)
        ensemble = open_ensemble(arguments.models, data=data)
        device = choose_device(settings.device)
        scan = Scan(ensemble.to(device), settings, arguments.method, data.stranded)
        if settings.halo_bp not in (None, scan.halo):
            log.warning("attribute.halo_bp is %d; in force: %d (docs/trust.md)", settings.halo_bp, scan.halo)
        stretch = shard_bounds(len(data.tape), settings.shards)[arguments.shard]
        save_shard(arguments.out, attribute_stretch(data.tape, stretch, scan, device=device))
        facts |= {"device": str(device), "method": arguments.method, "stretch": stretch, "seeds": ensemble.seeds}
        facts |= {"stride_bp": scan.stride, "halo_bp": scan.halo}
