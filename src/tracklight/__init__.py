"""tracklight: attribution tracks along long signals, with measured trust beside them."""

__version__ = "0.1.0"
