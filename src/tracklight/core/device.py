"""Which device computes, said aloud."""

import torch

from tracklight.errors import complaint
from tracklight.progress import log


def choose_device(wish: str) -> torch.device:
    """Return the device for `wish` (auto, cpu or cuda) and log it; cuda without a GPU is an `InputError`."""
    has_gpu = torch.cuda.is_available()
    if wish == "cuda" and not has_gpu:
        raise complaint(
            "device cuda was asked for but no GPU is usable here",
            where="device",
            got="cuda",
            allowed="auto, cpu",
            do="set device: auto, or check the driver and the allocation",
        )
    device = torch.device("cuda" if has_gpu and wish != "cpu" else "cpu")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    log.info("device: %s (%s), asked for: %s", device.type, name, wish)
    return device
