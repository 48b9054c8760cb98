"""Sentences that are made before it is known in which language they will be read."""

from typing import Any

from patchsieve.station.languages.evidence import recognised
from patchsieve.station.languages.language import spoken_now


class Said(str):
    """An English sentence that remembers what it was made of, so that a page can say it in another language."""

    __slots__ = ("template", "values")

    template: str
    values: dict[str, Any]

    def __str__(self) -> str:
        # str() of an error whose text this is must not lose what it was made of.
        return self


def said(template: str, **values: Any) -> str:
    """Return an English sentence; `translated` can say it in the language of a page.

    Args:
        template: with ``%(name)s`` where a value stands. It is what the catalogues translate.
        values: what stands there; one that was `said` itself is translated too.
    """
    return _made(template % values, template, values)


def heard(sentence: str) -> str:
    """Return a sentence of a room above, or of a model file, as if it had been `said`; as it is where it is not known.

    For values of what is said here: `translated` hears by itself what it is given as a whole.
    """
    known = None if isinstance(sentence, Said) else recognised(sentence)
    if known is None:
        return sentence
    template, values = known
    return _made(sentence, template, {name: heard(value) for name, value in values.items()})


def translated(what: str | BaseException) -> str:
    """Return a sentence, or an error's, in the language that is spoken; as it is where nothing is known of it."""
    text = heard(str(what.args[0] if isinstance(what, BaseException) and what.args else what))
    if not isinstance(text, Said):
        return spoken_now().gettext(text)
    values = {
        name: translated(value) if isinstance(value, Said) else value for name, value in text.values.items()
    }
    return spoken_now().gettext(text.template) % values


def _made(text: str, template: str, values: dict[str, Any]) -> str:
    sentence = Said(text)
    sentence.template = template
    sentence.values = values
    return sentence
