"""The command-line client: `escrow`. `main.py` starts it; every verb has a file of its own.

Nothing that this package imports at start-up is large: `escrow --help` answers before a person
notices. Keys and pieces live in memory, and in files that the person names, and nowhere else.
"""
