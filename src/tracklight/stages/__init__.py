"""One file per subcommand: read files, call the rooms, write files; nothing clever.

What lives here: `add_arguments(parser)` and `run(arguments)` of each stage, and `door.py`, the arguments all share.
May import: every room below. To add: see `tracklight.cli`.
"""
