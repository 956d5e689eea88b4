"""Passwords and tokens taken out of text, before it is shown, logged, raised or written down.

What stands where a URI has its user and password, and behind query keys such as `password=`, becomes `***`; host,
port, path and database stay. Users type characters there that a URI would have percent-encoded. So everything between
`://` and the last `@` counts as user and password, as far as the next URI or the end of the line: rather too much is
masked than too little.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

MASK = "***"

_SCHEME = re.compile(r"(?<![\w+.-])[A-Za-z][\w+.-]*://")
_BEFORE_A_URI = " \t'\"`=(<[{,;|"
_FILES = ("sqlite", "file")
_SECRET_KEY = re.compile(
    r"[\w.-]*(?:password|passwd|passphrase|pwd|secret|token|credentials?|signature|api[_-]?key|access[_-]?key"
    r"|access[_-]?key[_-]?id|secret[_-]?key|private[_-]?key|account[_-]?key)|(?:[\w.-]*[_.-])?sig",
    re.IGNORECASE,
)
# A value reaches to the next `&` that begins another key.
_IN_TEXT = re.compile(r"([?&;])([^\s=&;?#'\"]+)=([^&\s]*(?:&[^&=\s]*(?=[&\s]|$))*)")
_IN_URI = re.compile(r"([?&;])([^\s=&;?#'\"]+)=([^&]*(?:&[^&=]*(?=&|$))*)")
# A tracking URI without a scheme is none, but its password is one.
_WITHOUT_SCHEME = re.compile(r"(\buri=['\"]?)(?![A-Za-z][\w+.-]*://)([^\s'\"@:]*:[^\s]*)@", re.IGNORECASE)


def redacted(text: str) -> str:
    """The text with the secrets of all URIs in it masked; masking it once more changes nothing."""
    if "://" not in text and "=" not in text:
        return text
    return "\n".join(map(_line, text.split("\n")))


def redacted_uri(uri: str) -> str:
    """The same for a text that is one URI, as a setting is: all of it, spaces and quotes too, belongs to the URI."""
    scheme, separator, body = uri.partition("://")
    if not separator:
        before, at, host = uri.rpartition("@")
        return f"{MASK}@{host}" if at and ":" in before else _values(_IN_URI, uri)
    return f"{scheme}://{_values(_IN_URI, _userinfo(scheme, body))}"


def redacted_setting(text: str) -> str:
    """The same for an argument `key=value`, whose value is a secret if its key says so, or else may be a URI."""
    key, is_setting, value = text.partition("=")
    if not is_setting or "://" in key:
        return _value(text)
    return f"{key}={MASK if value and is_secret_key(key) else _value(value)}"


def redacted_settings(content: Any, key: str = "") -> Any:
    """Nested dicts and lists, with the secrets masked in every text of them; others are returned as they are."""
    if isinstance(content, Mapping):
        return {name: redacted_settings(value, str(name)) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return type(content)(redacted_settings(value, key) for value in content)
    if not isinstance(content, str):
        return content
    return MASK if content and is_secret_key(key) else _value(content)


def is_secret_key(key: str) -> bool:
    """True for the name of a setting, or of a part of a URI's query, whose value is a secret: `password`, `sig`."""
    name = unquote(key).lstrip("+-~").rpartition(".")[2]
    return _SECRET_KEY.fullmatch(name) is not None


def is_masked(uri: str) -> bool:
    """True for a URI that has been redacted, so that nobody can log in with it."""
    return f"{MASK}@" in uri or f"={MASK}" in uri


def _value(text: str) -> str:
    return redacted_uri(text) if _SCHEME.match(text.lstrip(" '\"")) else redacted(text)


def _line(line: str) -> str:
    line = _WITHOUT_SCHEME.sub(rf"\1{MASK}@", line)
    first = _SCHEME.search(line)
    if first is None:
        return _values(_IN_TEXT, line)
    begins = [first]
    begins += [found for found in _SCHEME.finditer(line, first.end()) if line[found.start() - 1] in _BEFORE_A_URI]
    shown = [line[: begins[0].start()]]
    ends = [*(found.start() for found in begins[1:]), len(line)]
    for found, end in zip(begins, ends, strict=True):
        shown += [found.group(), _userinfo(found.group().removesuffix("://"), line[found.end() : end])]
    return _values(_IN_TEXT, "".join(shown))


def _userinfo(scheme: str, body: str) -> str:
    """What follows `://`, with user and password masked."""
    at = body.rfind("@")
    if at >= 0 and body.startswith("/") and scheme.split("+", maxsplit=1)[0].lower() in _FILES:
        return body  # the @ stands in a path
    query = body.find("?", 0, max(at, 0))
    if query >= 0 and _has_host(body) and any(map(is_secret_key, re.findall(r"[?&;]([^=&;?]+)=", body[query:at]))):
        at = body.rfind("@", 0, query)  # the other stands in a value that is masked as a whole
    return body if at < 0 else f"{MASK}{body[at:]}"


def _has_host(body: str) -> bool:
    """True if what stands before the first `/`, `?` or `#` is all that a server's address needs."""
    try:
        parts = urlsplit(f"//{body}")
        return parts.hostname is not None and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _values(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda found: f"{found[1]}{found[2]}={MASK}" if is_secret_key(found[2]) else found[0], text)
