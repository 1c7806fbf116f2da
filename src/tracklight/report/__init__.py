"""Figures and pages from tables and tracks; never imports torch.

What lives here: figures that return a `Figure`, sections that return blocks, the page that joins them. May import: the
genome room and below, but nothing that needs torch. To add: a section is one function `run -> Section` and its line in
`page.py`.
"""
