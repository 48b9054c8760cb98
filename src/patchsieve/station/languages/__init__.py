"""The languages of the pages: a request comes in, a `Language` goes out; English text in, text of that language out.

English stands in templates and code, in `_()` and `ngettext()`; other languages in a catalogue beside this file,
`<code>.po`, which is read at start. A test compares the catalogues with what the templates and the code say.

A page is made while its language is *spoken*::

    with language_of(request).spoken():
        template.render(...)

so that templates, macros and functions that templates call need not be handed the language. Errors are made where
nobody knows who will read them: their text is `said("no line is named %(name)s", name=name)`, English for the API, the
log and the command line, and for pages `translated(error)`. Sentences of rooms above, and of model files, are known by
their form.
"""

from patchsieve.station.languages.choosing import LANGUAGE_COOKIE, language_of
from patchsieve.station.languages.language import LANGUAGES, Language
from patchsieve.station.languages.sentences import heard, said, translated
from patchsieve.station.languages.templates import speak_in

__all__ = [
    "LANGUAGES",
    "LANGUAGE_COOKIE",
    "Language",
    "heard",
    "language_of",
    "said",
    "speak_in",
    "translated",
]
