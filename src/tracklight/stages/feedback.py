"""`tracklight feedback`: a trained network is corrected by marks."""

import argparse
from pathlib import Path

import torch

from tracklight.core.device import choose_device
from tracklight.errors import complaint
from tracklight.genome.dataset import Dataset, open_dataset, target_number
from tracklight.genome.decode import DNA
from tracklight.genome.ensemble import open_ensemble
from tracklight.genome.marks import check_annotators, marked_examples, read_marks
from tracklight.learning.feedback import Feedback as Term
from tracklight.learning.feedback import constant_loss
from tracklight.learning.fit import Progress, fit
from tracklight.learning.levers import Levers, Variation
from tracklight.learning.losses import LOSSES
from tracklight.models.network import Network
from tracklight.models.spec import Checkpoint, build, load_checkpoint
from tracklight.progress import log
from tracklight.settings import Attribute, Feedback, Train, validate
from tracklight.stages import door
from tracklight.stages.networks import Trained, best, write_network

# what a network is corrected by: its marks; the same marks in wrong places; nothing at all
MARKS, RANDOM, NONE = ARMS = ("marks", "random", "none")
KEPT = ("seed", "field_bp", "halo_bp")  # of the network before: tracks before and after are scanned alike


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    door.add_inputs(parser, "genome", "windows")
    parser.add_argument("--model", type=Path, required=True, help="checkpoint of the network to correct")
    parser.add_argument("--marks", type=Path, required=True, help="marks.tsv of feedback-check")
    parser.add_argument(
        "--arm", choices=ARMS, default=MARKS,
        help="marks, or a control: random turns the marks of every window by a random number of bases, none leaves "
        "them out",
    )  # fmt: skip
    door.add_attribute_settings(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder for model.pt, metrics.tsv and training.png")
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Fine-tune one network from its checkpoint, with a new optimiser; a killed run starts again."""
    settings = door.stage_settings(arguments, Feedback, section="feedback")
    data, attribute = open_dataset(arguments.genome, arguments.windows), door.attribute_settings(arguments)
    seed = open_ensemble([arguments.model], data=data).seeds[0]
    before = load_checkpoint(arguments.model)
    loop = _loop(before, settings, where=arguments.model)
    inputs = {**data.inputs, "model": arguments.model, "marks": arguments.marks}
    with door.recorded(arguments, "feedback", settings, inputs) as facts:
        torch.set_num_threads(arguments.threads)
        device = choose_device(settings.device)
        term = _term(arguments, data, settings=settings, attribute=attribute, device=device)
        resume = arguments.out / "resume.pt"
        model, progress, undone = _fine_tuned(before, data, loop, seed=seed, term=term, resume=resume)
        facts |= {"device": str(device), "arm": arguments.arm, "rolled_back": undone, **best(progress)}
        facts |= {name: before.provenance[name] for name in KEPT if name in before.provenance}
        write_network(arguments.out, Trained(model, before.spec, progress, DNA.name), settings=loop, facts=facts)


def _loop(before: Checkpoint, settings: Feedback, *, where: Path) -> Train:
    """Return how the network was trained, for the epochs of feedback; a validation loss that rises ends nothing."""
    trained = validate(Train, before.settings, where=f"{where}: settings")
    if settings.form == "right_reasons" and not LOSSES[trained.loss].classes:
        raise complaint(
            "right for the right reasons needs three or more classes", where="feedback.form",
            got=f"a network of loss {trained.loss}", allowed="mass, logit_l2",
            do="of a single log-odds it teaches to be undecided",
        )  # fmt: skip
    changes = {"epochs": settings.epochs, "patience_epochs": settings.epochs, "device": settings.device}
    rate = {} if settings.learning_rate is None else {"learning_rate": settings.learning_rate}
    return trained.model_copy(update=changes | rate)


def _term(
    arguments: argparse.Namespace, data: Dataset, *, settings: Feedback, attribute: Attribute, device: torch.device
) -> Term | None:
    marks = read_marks(arguments.marks, lengths=data.tape.lengths)
    check_annotators(marks, data.tape, stranded=data.stranded, where=arguments.marks)
    if arguments.arm == NONE:
        return None
    draw = torch.Generator().manual_seed(settings.seed)
    turn = torch.randint(1, data.length, (len(data.index),), generator=draw).to(device)
    return Term(
        marked_examples(marks, data, device),
        settings.form,
        irrelevant_weight=settings.irrelevant_weight,
        relevant_weight=settings.relevant_weight,
        target=target_number(data.targets, attribute.target),
        correct=attribute.correct_gradient,
        turn=turn if arguments.arm == RANDOM else None,
    )


def _fine_tuned(
    before: Checkpoint, data: Dataset, loop: Train, *, seed: int, term: Term | None, resume: Path
) -> tuple[Network, Progress, bool]:
    """Return the network, on the CPU, how it got there, and whether that was undone.

    It is undone when the network is worse than a constant prediction at the end. On the way it may be: a network that
    has lost its shortcut and not yet found another reason is sure of what is no longer so.
    """
    device = choose_device(loop.device)
    model = _restored(before).to(device)
    rows = {split: data.rows(split).to(device) for split in ("train", "validation")}
    examples = data.examples(device)
    vary = Variation(loop.max_shift_bp, loop.reverse_complement != "off" and not data.stranded)
    levers = Levers(vary, terms=(term,) if term else (), keep="last")
    resume.unlink(missing_ok=True)  # a state left behind would not tell from which weights it began
    progress = fit(model, examples, rows, loop, seed=seed, levers=levers, resume=resume)
    resume.unlink(missing_ok=True)
    loss, limit = progress.rows[-1]["validation_loss"], constant_loss(model, examples.targets, rows, settings=loop)
    if loss <= limit:
        return model.cpu(), progress, False
    log.warning("validation loss %.4f is above that of a constant, %.4f: the network stays as it was", loss, limit)
    return _restored(before), progress, True


def _restored(checkpoint: Checkpoint) -> Network:
    model = build(checkpoint.spec, seed=0)
    model.load_state_dict(checkpoint.weights)
    return model
