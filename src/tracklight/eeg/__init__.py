"""Sleep EEG only: recordings, hypnograms, reports, epochs, simulation.

What lives here: what knows electrodes, sleep stages, reports or a recording format. May import: learning and below.
To add: a reader or writer is one module; a recording travels as a tape `float32 (channel, position)` in volts.
"""
