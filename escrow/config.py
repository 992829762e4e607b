"""Settings: one frozen object, read once from a file and the environment; fails closed.

The file is TOML; every setting may be overridden by an environment variable `ESCROW_<NAME>`. There
is no setting that moves time, shortens a wait below a day or skips a check.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import tzinfo
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from escrow.errors import ConfigurationError
from escrow.i18n import LOCALES, N_, Translator
from escrow.operators import Operator, parse_all
from escrow.palette import COLOUR

MIN_WAITING_SECONDS = 86400
# Contacts and customers are asked a month before their proof is too old, and once more.
MIN_PROOF_DAYS, MAX_PROOF_DAYS = 60, 800
UNNAMED = "Key recovery"
# Plainly nobody's: 555-01xx is kept free for stories, and example.org for examples (RFC 2606).
DEMO_PHONE = "555-0100 (demo)"
DEMO_SUPPORT = "help@example.org"
LOGO_TYPES = {".svg": "image/svg+xml", ".png": "image/png"}
MAX_LOGO_LENGTH_BYTES = 50_000
_KEYRINGS = ("file", "pkcs11", "kms")
_SECURITY = ("starttls", "tls", "none")


@cache
def _machine_zone() -> str:
    """Return the name of the machine's time zone, "" where nobody says; asked once a process."""
    named = os.environ.get("TZ", "").lstrip(":")
    return named or os.path.realpath("/etc/localtime").partition("zoneinfo/")[2]


@dataclass(frozen=True)
class Settings:
    """Everything that an installation decides. Times are in seconds."""

    data_dir: Path
    public_url: str
    database_url: str = ""
    listen_host: str = "127.0.0.1"
    listen_port: int = 8080
    provider_name: str = UNNAMED
    provider_phone: str = ""
    provider_support: str = ""
    provider_colour: str = "#1f5fa8"
    provider_logo: Path | None = None
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_security: str = "starttls"
    smtp_user: str = ""
    smtp_password: str = field(default="", repr=False)
    mail_from: str = ""
    minimum_waiting_seconds: int = MIN_WAITING_SECONDS
    proof_days: int = 180
    requests_an_hour: int = 600
    log_requests: bool = True
    proxies: int = 0
    timezone: str = ""
    keyring: str = "file"
    pkcs11_module: str = ""
    pkcs11_token: str = ""
    pkcs11_label: str = "escrow-custodian"
    pkcs11_pin_file: str = ""
    kms_key_id: str = ""
    kms_endpoint: str = ""
    operators: tuple[Operator, ...] = ()
    report_to: tuple[str, ...] = ()
    report_language: str = LOCALES[0]
    demo: bool = False

    @property
    def host(self) -> str:
        """The public host (and port, if it is not the usual one)."""
        return urlsplit(self.public_url).netloc

    @property
    def origin(self) -> str:
        """The ledger's origin and the name of its key."""
        return f"{self.host}/ledger"

    @property
    def is_named(self) -> bool:
        """Whether a name is set; else pages call the provider by what it does."""
        return self.provider_name != UNNAMED

    def called(self, t: Translator) -> str:
        """Return the provider's name; one that has set none is called by what it does."""
        return self.provider_name if self.is_named else t.gettext("Key recovery")

    @property
    def phone_uri(self) -> str:
        """The telephone number as a link, without what stands in it for the eye."""
        digits = re.sub(r"\(.*?\)|[^0-9+]", "", self.provider_phone)
        return f"tel:{digits}"

    @property
    def proof_seconds(self) -> int:
        """How long a holder's proof counts, in seconds."""
        return self.proof_days * 86400

    @property
    def zone(self) -> tzinfo | None:
        """The time zone of dates in mails; None is the machine's own."""
        return ZoneInfo(self.timezone) if self.timezone else None

    @property
    def zone_name(self) -> str:
        """What that zone is called where others write times in it too; "" where nobody says."""
        return self.timezone or _machine_zone()

    @property
    def database(self) -> str:
        """The database's URL: the embedded SQLite file unless another is set."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'escrow.db').absolute()}"

    @property
    def key_dir(self) -> Path:
        """Where key files live, apart from the database."""
        return self.data_dir / "keys"

    @property
    def outside_dir(self) -> Path:
        """Where the custodian keeps what a restored backup must not undo."""
        return self.data_dir / "outside"

    def check(self) -> "Settings":
        """Refuse settings that cannot work or would weaken a promise; ConfigurationError."""
        url = urlsplit(self.public_url)
        if url.scheme not in {"https", "http"} or not url.netloc or url.path not in {"", "/"}:
            raise ConfigurationError(N_("public_url must be like https://recovery.example.org"))
        if url.scheme == "http" and not self.demo:
            raise ConfigurationError(N_("public_url must be https:// (http:// is for --demo only)"))
        if self.minimum_waiting_seconds < MIN_WAITING_SECONDS:
            raise ConfigurationError(N_("minimum_waiting_seconds cannot be under 86400 (one day)"))
        if not MIN_PROOF_DAYS <= self.proof_days <= MAX_PROOF_DAYS:
            raise ConfigurationError(N_("proof_days must be from 60 to 800"))
        try:
            _ = self.zone
        except (ZoneInfoNotFoundError, ValueError):
            raise ConfigurationError(N_("timezone must be like Europe/Amsterdam")) from None
        if not COLOUR.match(self.provider_colour):
            raise ConfigurationError(N_("provider_colour must be like #1f5fa8"))
        self._check_logo()
        if self.smtp_security not in _SECURITY:
            raise ConfigurationError(
                N_("smtp_security must be one of {choices}"), choices=", ".join(_SECURITY)
            )
        if self.keyring not in _KEYRINGS:
            raise ConfigurationError(
                N_("keyring must be one of {choices}"), choices=", ".join(_KEYRINGS)
            )
        if self.keyring == "pkcs11" and not (self.pkcs11_module and self.pkcs11_token):
            raise ConfigurationError(N_("keyring pkcs11 needs pkcs11_module and pkcs11_token"))
        if self.keyring == "kms" and not self.kms_key_id:
            raise ConfigurationError(N_("keyring kms needs kms_key_id"))
        if not all(re.fullmatch(r"[^\s@,]{1,64}@[^\s@,]{1,189}", to) for to in self.report_to):
            raise ConfigurationError(
                N_("report_to must be mail addresses, with spaces or commas between them")
            )
        if self.report_language not in LOCALES:
            raise ConfigurationError(
                N_("report_language must be one of {choices}"), choices=", ".join(LOCALES)
            )
        if self.demo and self.listen_host not in {"127.0.0.1", "::1", "localhost"}:
            raise ConfigurationError(N_("--demo listens on the loopback address only"))
        if not self.demo and not (self.smtp_host and self.mail_from):
            raise ConfigurationError(
                N_(
                    "Set smtp_host and mail_from: without mail nobody is warned and nobody "
                    "recovers. To try the service on this machine alone, use --demo."
                )
            )
        return self

    def _check_logo(self) -> None:
        """Refuse a logo that a page could not show; ConfigurationError."""
        if self.provider_logo is None:
            return
        if self.provider_logo.suffix not in LOGO_TYPES:
            raise ConfigurationError(N_("provider_logo must be a file .svg or .png"))
        try:
            length = self.provider_logo.stat().st_size
        except OSError:
            raise ConfigurationError(
                N_("provider_logo {path} cannot be read"), path=self.provider_logo
            ) from None
        if length > MAX_LOGO_LENGTH_BYTES:
            raise ConfigurationError(
                N_("provider_logo may have {count} bytes at most"), count=MAX_LOGO_LENGTH_BYTES
            )


def load(path: Path | None, environment: Mapping[str, str] = os.environ, **given: Any) -> Settings:
    """Read settings: defaults, then the file, then the environment, then what is `given`.

    Raises ConfigurationError for a file that cannot be read, an unknown name or a wrong type.
    """
    values: dict[str, Any] = {}
    if path is not None:
        values.update(_read_file(path))
    known = {f.name: f for f in fields(Settings)}
    for name in known:
        if (text := environment.get(f"ESCROW_{name.upper()}")) is not None:
            values[name] = text
    values.update(given)
    for name in values:
        if name not in known:
            raise ConfigurationError(N_("There is no setting “{name}”."), name=name)
    for name in ("data_dir", "public_url"):
        if not values.get(name):
            raise ConfigurationError(N_("The setting “{name}” is missing."), name=name)
    found = Settings(**{name: _convert(name, value) for name, value in values.items()})
    return (_with_demo_help(found) if found.demo else found).check()


def _with_demo_help(found: Settings) -> Settings:
    """Give a demo somebody to call, whom its mails and pages can name."""
    phone, support = found.provider_phone or DEMO_PHONE, found.provider_support or DEMO_SUPPORT
    return replace(found, provider_phone=phone, provider_support=support)


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(
            N_("{path} cannot be read: {why}"), path=path, why=error.strerror
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            N_("{path} is not TOML: {error}"), path=path, error=error
        ) from None


def _convert(name: str, value: Any) -> Any:
    kind = Settings.__annotations__[name]
    try:
        if kind is int:
            return int(value)
        if kind is bool:
            return value if isinstance(value, bool) else _bool(str(value))
        if kind is Path:
            return Path(value)
        if name == "provider_logo":
            return Path(value) if value else None
        if name == "operators":
            return parse_all(value)
        if name == "report_to":
            return tuple(value.replace(",", " ").split() if isinstance(value, str) else value)
        return str(value)
    except (TypeError, ValueError):
        raise ConfigurationError(N_("The setting “{name}” has a wrong value."), name=name) from None


def _bool(text: str) -> bool:
    if text.lower() in {"1", "true", "yes", "on"}:
        return True
    if text.lower() in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError
