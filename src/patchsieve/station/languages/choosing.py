"""Which language a visitor wants."""

from starlette.requests import HTTPConnection

from patchsieve.station.languages.language import LANGUAGES, Language

LANGUAGE_COOKIE = "patchsieve-language"


def language_of(request: HTTPConnection, otherwise: str = "en") -> Language:
    """Return what was chosen in the page, else what the browser prefers of what there is, else `otherwise`."""
    chosen = LANGUAGES.get(request.cookies.get(LANGUAGE_COOKIE, ""))
    return chosen or _preferred(request.headers.get("Accept-Language", "")) or LANGUAGES[otherwise]


def _preferred(header: str) -> Language | None:
    """Return the language that an `Accept-Language` header (RFC 9110, 12.5.4) weighs most, of those there are."""
    best, highest = None, 0.0
    for entry in header[:1000].split(","):
        tag, _, parameter = entry.partition(";")
        language = LANGUAGES.get(tag.strip().partition("-")[0].lower())
        weight = _weight(parameter)
        if language is not None and weight > highest:
            best, highest = language, weight
    return best


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if not name:
        return 1.0
    try:
        return float(value) if name.strip().lower() == "q" else 0.0
    except ValueError:
        return 0.0
