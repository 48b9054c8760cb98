"""Templates speak the language that is spoken while they are rendered."""

import jinja2

from patchsieve.station.languages.language import LANGUAGES, spoken_now
from patchsieve.station.languages.sentences import translated


def speak_in(environment: jinja2.Environment) -> None:
    """Give templates `_()`, `ngettext()` and `translated()`, and the language's way of writing numbers and times.

    Those are `number` (scores), `percent`, `when` (date and time), `day`, `clock` and `size` (bytes), as functions.
    `language` is a function too: it gives the one that is spoken; `languages` are all there are.
    """
    environment.add_extension("jinja2.ext.i18n")
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        lambda text: spoken_now().gettext(text),
        lambda one, many, count: spoken_now().ngettext(one, many, count),
        newstyle=True,
    )
    environment.globals.update(
        language=spoken_now,
        languages=list(LANGUAGES.values()),
        translated=translated,
        number=lambda value: spoken_now().number(value),
        percent=lambda share: spoken_now().percent(share),
        when=lambda at: spoken_now().moment(at),
        day=lambda at: spoken_now().day(at),
        clock=lambda at: spoken_now().clock(at),
        size=lambda count: spoken_now().size(count),
    )
