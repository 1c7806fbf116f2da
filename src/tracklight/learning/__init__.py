"""Examples in, checkpoint out: one training loop, losses, augmentation, metrics."""
