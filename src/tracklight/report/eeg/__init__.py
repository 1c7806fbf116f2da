"""The page of a run on sleep EEG.

What lives here: one module per section, each from tables to blocks, and the page that joins them. May import: what
`report` may; no torch. To add: a function `studies -> Section`, a row in `page.py`, a case in the tests.
"""
