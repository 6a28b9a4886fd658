"""Passwords in URIs: never shown, never written."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

MASK = "***"
_IN_AUTHORITY = re.compile(r"(\w[\w+.-]*://[^/\s:]*:)[^/\s]*(?=@)")
# SQLAlchemy lets a password hold slashes.
_IN_DATABASE = re.compile(
    r"(\b(?:postgres\w*|mysql|mariadb|mssql|oracle)(?:\+\w+)?://[^/\s:]*:)[^@\s]*(?=@)"
)
_IN_QUERY = re.compile(r"([?&][^=&\s]*(?:password|passwd|secret|token)[^=&\s]*=)[^&\s'\"]+", re.I)


def masked(text: str) -> str:
    """A URI, or a text with URIs in it, with every password as ``***``."""
    for pattern in (_IN_AUTHORITY, _IN_DATABASE, _IN_QUERY):
        text = pattern.sub(rf"\g<1>{MASK}", text)
    return text


def without_mask(uri: str) -> str:
    """A URI as a file keeps it, without the masked password: what reads it asks the environment."""
    parts = urlsplit(uri)
    if parts.password != MASK:
        return uri
    return uri.replace(f"{parts.username or ''}:{MASK}@", f"{parts.username}@", 1)
