"""DNA only: FASTA, intervals, windows, tracks, peaks, candidates.

What lives here: what knows bases, strands, contigs or a genomics file format. May import: learning and below.
To add: a reader or writer is one module; intervals travel as DataFrames `chrom, start, end`, 0-based half-open, int64.
"""
