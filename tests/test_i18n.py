"""Messages, dates, and the tool that keeps the catalogues complete."""

from __future__ import annotations

import gettext
import io
import os
import subprocess
import sys
from datetime import UTC, timedelta, timezone
from pathlib import Path

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po as babel_read_po

from escrow import i18n
from escrow.i18n import __main__ as tool
from escrow.i18n.po import mo_bytes, read_po

PO = """\
# A comment.
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

#: a.py
msgid "Ask {name}."
msgstr "Vraag het {name}."

#: a.py
msgid ""
"two \\"quoted\\"\\n"
"lines\\t\\\\"
msgstr "twee \\"regels\\"\\n\\t\\\\"

#: a.py
#, python-brace-format
msgid "{n} day"
msgid_plural "{n} days"
msgstr[0] "{n} dag"
msgstr[1] "{n} dagen"

#, fuzzy
msgid "guessed"
msgstr "gegokt"

msgid "not yet"
msgstr ""
"""
THURSDAY = 1_795_698_600  # 2026-11-26 13:10 UTC
AMSTERDAM_IN_WINTER = timezone(timedelta(hours=1))


@pytest.fixture
def po(tmp_path: Path) -> Path:
    path = tmp_path / "nl" / "LC_MESSAGES" / "escrow.po"
    path.parent.mkdir(parents=True)
    path.write_text(PO)
    return path


def _translator(po: Path) -> i18n.Translator:
    return i18n.Translator("nl", i18n.load_catalogue(po))


@pytest.mark.parametrize(
    ("name", "locale"),
    [("nl", "nl"), ("nl-BE", "nl"), ("nl_NL.UTF-8", "nl"), ("NL", "nl"), ("nl@euro", "nl"),
     ("en_GB", "en"), ("de", "en"), ("C.UTF-8", "en"), ("", "en"), ("nlx", "en"), ("n l", "en")],
)  # fmt: skip
def test_locale_is_the_language_of_the_name(name: str, locale: str) -> None:
    assert i18n.translator(name).locale == locale


def test_environment_is_asked_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    assert i18n.locale_from_environment() == "en"
    monkeypatch.setenv("LANG", "nl_NL.UTF-8")
    assert i18n.translator(None).locale == "nl"
    monkeypatch.setenv("LC_MESSAGES", "en_GB.UTF-8")
    assert i18n.locale_from_environment() == "en"
    monkeypatch.setenv("LC_MESSAGES", "")
    monkeypatch.setenv("LC_ALL", "nl_BE")
    assert i18n.locale_from_environment() == "nl"


def test_places_are_filled_in_once_and_only_by_name(po: Path) -> None:
    t = _translator(po)
    assert t.gettext("Ask {name}.", name="{other} %s {0}", other="no") == (
        "Vraag het {other} %s {0}."
    )
    assert t.gettext("{name.__class__} {0} {} {missing}", name="x") == (
        "{name.__class__} {0} {} {missing}"
    )
    assert t.gettext("") == ""
    assert t.gettext("100 % {sure}") == "100 % {sure}"


def test_plurals(po: Path) -> None:
    t = _translator(po)
    assert [t.ngettext("{n} day", "{n} days", n) for n in (0, 1, 2)] == [
        "0 dagen", "1 dag", "2 dagen",
    ]  # fmt: skip
    english = i18n.translator("en")
    assert [english.ngettext("{n} day", "{n} days", n) for n in (0, 1)] == ["0 days", "1 day"]


def test_fuzzy_and_empty_translations_are_not_used(po: Path) -> None:
    t = _translator(po)
    assert (t.gettext("guessed"), t.gettext("not yet")) == ("guessed", "not yet")


def test_dates_in_both_languages() -> None:
    dutch = i18n.translator("nl", AMSTERDAM_IN_WINTER)
    assert dutch.datetime(THURSDAY) == "donderdag 26 november 2026, 14:10"
    assert dutch.date(THURSDAY) == "donderdag 26 november 2026"
    assert i18n.translator("en", UTC).datetime(THURSDAY) == "Thursday 26 November 2026, 13:10"


def test_without_a_zone_the_machine_decides() -> None:
    done = subprocess.run(
        [sys.executable, "-c",
         f"from escrow.i18n import translator as t; print(t('nl').datetime({THURSDAY}))"],
        env=os.environ | {"TZ": "Asia/Tokyo"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "donderdag 26 november 2026, 22:10"


def test_a_missing_or_old_mo_is_not_needed(po: Path) -> None:
    assert _translator(po).gettext("Ask {name}.", name="Bo") == "Vraag het Bo."
    mo = po.with_suffix(".mo")
    mo.write_bytes(mo_bytes(read_po(PO.replace("Vraag het", "Bel"))))
    assert _translator(po).gettext("Ask {name}.", name="Bo") == "Bel Bo."
    os.utime(mo, ns=(0, po.stat().st_mtime_ns - 10_000_000_000))
    assert _translator(po).gettext("Ask {name}.", name="Bo") == "Vraag het Bo."
    os.utime(mo)
    po.unlink()
    assert _translator(po).gettext("Ask {name}.", name="Bo") == "Bel Bo."


@pytest.mark.parametrize("text", [PO, None], ids=["sample", "ours"])
def test_compiled_as_babel_compiles(text: str | None) -> None:
    text = text or tool.po_files()[0].read_text("utf-8")
    compiled = io.BytesIO()
    write_mo(compiled, babel_read_po(io.BytesIO(text.encode()), locale="nl"))
    theirs = gettext.GNUTranslations(io.BytesIO(compiled.getvalue()))
    ours = gettext.GNUTranslations(io.BytesIO(mo_bytes(read_po(text))))
    catalogues = [dict(found._catalog) for found in (ours, theirs)]  # type: ignore[attr-defined]
    for catalogue in catalogues:
        catalogue.pop("")
    assert catalogues[0] == catalogues[1]


def test_the_client_starts_with_little() -> None:
    script = (
        "import __future__, sys, gettext, re, pathlib, typing; before = set(sys.modules)\n"
        "import escrow.i18n; print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["escrow", "escrow.i18n"]


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    for folder in ("escrow/templates", "escrow/browser/node_modules", "cli"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "escrow/a.py").write_text('t.gettext("Ask {name}.")\n_("n" "o")\nN_("marked")\n')
    (tmp_path / "cli/b.py").write_text('t.ngettext("{n} day", "{n} days", n)\n')
    (tmp_path / "escrow/browser/c.js").write_text('gettext("in the browser");\n')
    (tmp_path / "escrow/browser/node_modules/d.js").write_text('gettext("not ours");\n')
    (tmp_path / "escrow/templates/e.html").write_text("<p>{{ _('on a page') }}</p>\n")
    return tmp_path


def test_messages_come_from_all_sources(sources: Path) -> None:
    found = [message.id for message in tool.extracted(sources) if message.id]
    assert found == [
        "Ask {name}.", "no", "marked", ("{n} day", "{n} days"), "on a page", "in the browser",
    ]  # fmt: skip


def test_extract_keeps_what_is_translated_and_drops_what_is_unused(sources: Path, po: Path) -> None:
    template = tool.extracted(sources)
    po.write_bytes(tool.updated(po, template))
    text = po.read_text()
    assert "Vraag het {name}." in text
    assert "gegokt" not in text
    assert 'msgid "marked"\nmsgstr ""' in text
    assert "Date" not in text
    assert "a.py:" not in text
    assert tool.updated(po, template) == po.read_bytes()


def test_check_names_what_is_wrong(sources: Path, po: Path) -> None:
    (sources / "cli/g.py").write_text('N_("guessed")')
    po.write_text(
        PO.replace("Vraag het {name}", "Vraag het {naam}") + '\n#~ msgid "was"\n#~ msgstr "ooit"\n'
    )
    found = {line.split(":")[0] for line in tool.complaints(po, tool.extracted(sources))}
    assert found == {"missing", "unused", "fuzzy", "other places to fill in", "obsolete"}


def test_check_names_messages_in_f_strings(sources: Path) -> None:
    (sources / "cli/f.py").write_text(
        'x = f"{_(1)}"\ny = f"{t.gettext(name)}"\nz = N_(f"{x}")\nfine = f"{x}"\n'
    )
    assert sorted(tool.in_f_strings(sources)) == ["cli/f.py:1", "cli/f.py:2", "cli/f.py:3"]


def test_our_catalogues_are_complete(capsys: pytest.CaptureFixture[str]) -> None:
    status = tool.main(["check"])
    assert (status, capsys.readouterr().err) == (0, "")


def test_unknown_commands_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert tool.main(["translate"]) == 2
    assert "extract" in capsys.readouterr().err
