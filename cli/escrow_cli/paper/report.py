"""A drill's report as PDF: what was shown, what was not, and how to check it."""

from __future__ import annotations

from escrow.i18n import Translator, translator
from escrow.triptych import HEIGHT, WIDTH, Panel
from escrow_cli.paper.drawing import draw_triptych
from escrow_cli.paper.facts import bare_host, draw_checkpoint, duration
from escrow_cli.paper.kit import truth
from escrow_cli.paper.sheet import CONTENT_WIDTH, MARGIN, NORMAL, Imprint, Sheet, grouped_id
from escrow_cli.report import Proven, Report, Verdict
from escrow_cli.reporting import name_of, sentence, state_of

_PICTURE_WIDTH = 36.0


def report_pdf(report: Report, verdict: Verdict, *, locale: str | None) -> bytes:
    """Make the report; `locale` None is the environment's. Raises ProtocolError."""
    t, manifest = translator(locale), report.manifest
    imprint = Imprint(
        report.provider, bare_host(report.host), manifest.label, report.made_at, manifest.deposit
    )
    sheet = Sheet(t, NORMAL, imprint, t.gettext("Report of a drill"))
    sheet.add_page()
    _title(sheet, report, verdict)
    _pieces(sheet, report, verdict)
    _what_was_done(sheet, report, verdict)
    _check(sheet, report)
    draw_checkpoint(sheet, verdict.note)
    return bytes(sheet.output())


def _title(sheet: Sheet, report: Report, verdict: Verdict) -> None:
    """Draw the picture beside the one sentence that the report is about."""
    t, look, manifest = sheet.t, sheet.look, report.manifest
    sheet.font(look.title, bold=True)
    sheet.paragraph(t.gettext("Report of a drill"), after=0)
    sheet.font(look.heading)
    sheet.paragraph(manifest.label, after=3)
    top = sheet.get_y()
    words = truth(t, manifest.contacts_needed, manifest.contacts_count)
    draw_triptych(sheet, _panels(verdict), words, MARGIN, top, _PICTURE_WIDTH)
    x = MARGIN + _PICTURE_WIDTH + 8
    sheet.set_y(top)
    sheet.font(look.heading, bold=True)
    sheet.paragraph(sentence(t, report, verdict), x, 210 - MARGIN - x, after=2)
    sheet.font(look.body)
    sheet.paragraph(words, x, 210 - MARGIN - x)
    sheet.set_y(max(sheet.get_y(), top + _PICTURE_WIDTH * HEIGHT / WIDTH) + 3)


def _panels(verdict: Verdict) -> tuple[Panel, Panel, Panel]:
    proven = {one.role for one in verdict.ways}
    panels = [
        Panel.PROVEN if role in proven else Panel.DUE
        for role in ("customer", "contact", "provider")
    ]
    if not verdict.manifest.contacts_count:
        panels[1] = Panel.NOBODY
    return panels[0], panels[1], panels[2]


def _pieces(sheet: Sheet, report: Report, verdict: Verdict) -> None:
    """List every piece with its proof; what is missing stands in bold."""
    t, look = sheet.t, sheet.look
    sheet.heading(t.gettext("Who has shown the piece"))
    for one in verdict.custodians:
        sheet.font(look.body, bold=True)
        name = _name(t, report, one)
        sheet.cell(CONTENT_WIDTH * 0.28, look.body * 0.5, "")
        sheet.set_x(MARGIN)
        sheet.line_of(name, CONTENT_WIDTH * 0.28 - 3)
        sheet.font(look.body, bold=one.at is None)
        sheet.paragraph(state_of(t, one), MARGIN + CONTENT_WIDTH * 0.28, CONTENT_WIDTH * 0.72)
    missing = [one for one in verdict.custodians if one.at is None]
    if missing:
        sheet.font(look.body)
        sheet.paragraph(
            t.gettext(
                "Not proven does not mean lost: nobody has shown it in this drill. Ask, and write "
                "the report anew."
            )
        )


def _name(t: Translator, report: Report, one: Proven) -> str:
    if one.role == "customer":
        return t.gettext("You: the kit")
    return name_of(t, report, one)


def _what_was_done(sheet: Sheet, report: Report, verdict: Verdict) -> None:
    t = sheet.t
    sheet.heading(t.gettext("What was done"))
    sheet.steps(
        [
            t.gettext(
                "A dummy was kept and brought back, by the same way and the same program as a real "
                "key. That ended on {date}.",
                date=t.moment(verdict.drilled_at),
            ),
            t.gettext(
                "For the real key every holder was asked to prove the piece itself, without "
                "showing it. The dates above are those of the ledger."
            ),
            t.gettext(
                "In a real recovery there is a wait of {duration}. The drill had none.",
                duration=duration(t, report.manifest.waiting_seconds),
            ),
        ]
    )


def _check(sheet: Sheet, report: Report) -> None:
    """Say how somebody else checks this, and what it cannot show."""
    t = sheet.t
    sheet.heading(t.gettext("How to check this report"))
    sheet.paragraph(
        t.gettext(
            "This paper proves nothing by itself. The file beside it, ending in .json, holds the "
            "signatures and the proofs. Anybody can check it, also later and without us:"
        )
    )
    sheet.listing(["escrow verify --report FILE.json"])
    sheet.paragraph(
        t.gettext(
            "The report proves what is in it. It cannot prove that a piece is still there today. "
            "Number of the drill: {id}",
            id=grouped_id(report.drill.deposit),
        )
    )
