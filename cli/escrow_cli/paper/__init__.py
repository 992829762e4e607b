"""Kit and card on paper: A4 documents that one keeps, and that work without this program."""

from escrow_cli.paper.card import card_pdf
from escrow_cli.paper.kit import kit_pdf
from escrow_cli.paper.report import report_pdf

__all__ = ["card_pdf", "kit_pdf", "report_pdf"]
