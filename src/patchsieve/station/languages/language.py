"""A language: its words, and how it writes numbers and times."""

import gettext
import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from importlib.resources import files

from babel import Locale
from babel.dates import format_date, format_datetime, format_time
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.units import format_unit


class Language:
    """One language of the pages.

    Attributes:
        code: as in the cookie and the settings: ``"zh"``.
        tag: for `lang` attributes (BCP 47): ``"zh-Hans"``.
        name: as its speakers call it.
    """

    def __init__(
        self, code: str, tag: str, name: str, moment: str, day: str, words: gettext.NullTranslations
    ) -> None:
        self.code = code
        self.tag = tag
        self.name = name
        self._locale = Locale.parse(tag, sep="-")
        self._moment = moment
        self._day = day
        self._words = words

    @contextmanager
    def spoken(self) -> Iterator[None]:
        """Make this the language of what is written in the block."""
        before = _spoken.set(self)
        try:
            yield
        finally:
            _spoken.reset(before)

    def gettext(self, text: str) -> str:
        """Return English `text` in this language; as it is where there is no translation."""
        return self._words.gettext(text) if text else text

    def ngettext(self, one: str, many: str, count: int) -> str:
        """Return the form for `count` things."""
        return self._words.ngettext(one, many, count)

    def moment(self, at: datetime) -> str:
        """Return date and time to the second, in the station's time zone, by the 24-hour clock of a factory."""
        return str(format_datetime(at.astimezone(), self._moment, locale=self._locale))

    def day(self, at: datetime) -> str:
        """Return the date in the station's time zone."""
        return str(format_date(at.astimezone(), self._day, locale=self._locale))

    def clock(self, at: datetime) -> str:
        """Return hours and minutes in the station's time zone."""
        return str(format_time(at.astimezone(), "HH:mm", locale=self._locale))

    def number(self, value: float) -> str:
        """Return a score or threshold with four significant digits, and a large number with its groups of digits."""
        if value != value or abs(value) in (float("inf"), 0):
            return f"{value:g}"
        if abs(value) >= 10_000:
            return str(format_decimal(value, "#,##0", locale=self._locale))
        if abs(value) < 1e-4:
            return f"{value:.4g}"
        return str(format_decimal(f"{value:.4g}", "0.##########", locale=self._locale))

    def percent(self, share: float) -> str:
        """Return a share, 0 to 1, in percent with three significant digits."""
        return f"{self.number(float(f'{100 * share:.3g}'))} %"

    def size(self, count: int) -> str:
        """Return a number of bytes in the unit that fits."""
        value, unit = float(count), "byte"
        for larger in ("kilobyte", "megabyte", "gigabyte", "terabyte"):
            if value < 1000:
                break
            value, unit = value / 1000, larger
        return str(format_unit(float(f"{value:.3g}"), f"digital-{unit}", "short", locale=self._locale))


def _words_of(code: str) -> gettext.NullTranslations:
    with files(__package__).joinpath(f"{code}.po").open("rb") as stream:
        catalogue = read_po(stream, locale=code)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


ENGLISH = Language("en", "en", "English", "d MMM y, HH:mm:ss", "d MMM y", gettext.NullTranslations())
CHINESE = Language("zh", "zh-Hans", "中文", "y年M月d日 HH:mm:ss", "y年M月d日", _words_of("zh"))
LANGUAGES = {language.code: language for language in (ENGLISH, CHINESE)}
_spoken: ContextVar[Language] = ContextVar("language", default=ENGLISH)


def spoken_now() -> Language:
    """Return the language that is being spoken; English where none was chosen."""
    return _spoken.get()
