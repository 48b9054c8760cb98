"""Who may do what at the station: a request comes in, a `Visitor` with a `Role` goes out, or the request ends here.

**Roles.** viewer < operator < engineer. A viewer looks; an operator also inspects images and judges them; an
engineer also changes what the line does: models, thresholds, training data, users, tokens, retention. A route says
once whom it is for, and gets the visitor if it wants to know who it was::

    @router.post("/lines/{line}/switch")
    def switch(line: str, visitor: Annotated[Visitor, require(Role.ENGINEER)]) -> ...:
        lines.switch(line, version, by=visitor.name)

    @router.get("/history", dependencies=[require(Role.VIEWER)])

`require(None)` is for the few things that a stranger may do (log in, choose a language). Every route carries one of
them; a test walks through the routes and fails for one that does not.

**Who a visitor is.** The first of these that fits:

1. `Authorization: Bearer <token>`: an API token with a role of its own, or the token that `serve` was started with.
2. The session cookie: a user who has logged in. The cookie holds a random secret, the database only its hash.
3. A browser or program on this very machine, while the station listens on loopback only, has no users and was
   started without a token: it is the engineer, so that the first minute needs no password. A request that came
   through a proxy is never local.
4. Nobody: sees the login page, the static files and the health checks; everything else answers 401 (API) or leads
   to the login page, before any of its body is read.

**Forged requests.** `Guard` refuses unknown `Host` names (DNS rebinding) and, for everything that changes something,
a foreign `Origin` or `Sec-Fetch-Site`. `require` then wants the CSRF token of the visitor's cookie, in the header
`X-CSRF-Token` or the form field `csrf`. Templates have it as `request.state.csrf`; put it in every form, and once in
`<meta name="csrf">` for scripts. Requests with a bearer token need none, since no browser adds one by itself. Nor do
programs on this machine that send no cookie and none of the headers that browsers send.

**Streams.** An answer that lasts goes through `while_permitted`: it ends with the login or the token, or when it
loses its role.

**Parts.** `install(app, ...)` puts `Guard` (who, from where) and `SecurityHeaders` (every response) around an
application. `passwords` and `secrets` hash, `throttling` slows guessing down, `redirects` keeps `next` on this site.
"""

from patchsieve.station.security.access import require
from patchsieve.station.security.cookies import forget_cookie, set_cookie
from patchsieve.station.security.guard import Gatekeeper, Guard
from patchsieve.station.security.headers import SECURITY_HEADERS, SecurityHeaders
from patchsieve.station.security.installing import install, require_safe_start
from patchsieve.station.security.lasting import while_permitted
from patchsieve.station.security.passwords import (
    hash_password,
    password_fits,
    password_is_outdated,
    require_good_password,
)
from patchsieve.station.security.redirects import safe_next
from patchsieve.station.security.roles import Role
from patchsieve.station.security.secrets import csrf_of, hash_secret, new_secret
from patchsieve.station.security.throttling import LoginThrottle
from patchsieve.station.security.visitor import NOBODY, Visitor

__all__ = [
    "NOBODY",
    "SECURITY_HEADERS",
    "Gatekeeper",
    "Guard",
    "LoginThrottle",
    "Role",
    "SecurityHeaders",
    "Visitor",
    "csrf_of",
    "forget_cookie",
    "hash_password",
    "hash_secret",
    "install",
    "new_secret",
    "password_fits",
    "password_is_outdated",
    "require",
    "require_good_password",
    "require_safe_start",
    "safe_next",
    "set_cookie",
    "while_permitted",
]
