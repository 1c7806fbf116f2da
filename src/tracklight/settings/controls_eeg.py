"""Settings of the stage `controls-eeg`: what other weights, other labels and other signals give."""

from pydantic import Field

from tracklight.settings.base import Device, Fraction, Settings, Whole


class ControlsEeg(Settings):
    """Controls of the map and of the decoding: other weights, other labels, other signals."""

    explained_epochs: Whole = Field(
        100, ge=1, description="weight randomisation: epochs explained in each half, spread evenly over all"
    )
    random_networks: Whole = Field(5, ge=1, description="weight randomisation: networks with random weights")
    agreement_below: Fraction = Field(
        0.2, description="weight randomisation passes when maps with all weights random correlate less than this"
    )
    permuted_networks: Whole = Field(
        1, ge=0, description="networks trained in each half on labels permuted within strata; 0 leaves them out"
    )
    exchanges: Whole = Field(100, ge=1, description="draws of labels exchanged between subjects within each stage")
    exchange_permutations: Whole = Field(1_000, ge=19, description="labellings under the null for each of them")
    exchange_fail_p: Fraction = Field(
        0.001,
        description="exchanged labels fail when as many draws with a finding within strata are less probable than this "
        "(binomial, each with probability alpha)",
    )
    exchange_warn_p: Fraction = Field(0.01, description="and warn when they are less probable than this")
    seed: Whole = Field(0, ge=0, description="seed of random weights, labels and phases")
    device: Device = "auto"
