"""Messages of econc as exceptions and warnings."""

from __future__ import annotations

import importlib
import json
import re
from types import ModuleType
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from ._run import Run


class EconWarning(UserWarning):
    """What econc warns about."""


class EconError(Exception):
    """An error of econc. ``str`` of it is the message as the command line shows it, with the lines of the file."""

    #: The message as it is shown.
    message: str
    #: All messages as data: dictionaries with ``code``, ``severity``, ``headline``, ``primary`` (span and label), ``notes``, ``hint``.
    diagnostics: list[dict[str, Any]]
    #: The run that failed, where its files were kept.
    run: Optional[Run]

    def __init__(self, message: str, diagnostics: Optional[list[dict[str, Any]]] = None, run: Optional[Run] = None):
        super().__init__(message.strip())
        self.message = message.strip()
        self.diagnostics = diagnostics or []
        self.run = run

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.message, self.diagnostics, self.run))

    def _first(self) -> dict[str, Any]:
        errors = [d for d in self.diagnostics if str(d.get("severity", "")).lower() == "error"]
        return (errors or self.diagnostics or [{}])[0]

    @property
    def code(self) -> Optional[str]:
        """Its code, for ``econc.explain(code)``: ``E0201``."""
        return self._first().get("code")

    @property
    def hint(self) -> Optional[str]:
        """What to do about it."""
        return self._first().get("hint")

    @property
    def span(self) -> Optional[dict[str, Any]]:
        """Where it is in the file: ``line``, ``column``, ``end_line``, ``end_column`` (from 1), ``start`` and ``end`` in bytes; None where it is
        about something that was given here."""
        primary = self._first().get("primary")
        return primary[0] if primary and "line" in primary[0] else None


class CertificateError(EconError):
    """A solution or a learned policy whose certificate does not hold; ``run`` holds what was found."""


def of_text(said: str) -> list[dict[str, Any]]:
    """Messages as data, of a command that only shows them."""
    found: list[dict[str, Any]] = []
    for part in re.split(r"(?m)^(?=(?:error|warning)\[)", said):
        head = re.match(r"(error|warning)\[([EW]\d{4})\]: (.*)", part)
        if head:
            hint = re.search(r"(?m)^ *= hint: (.*)$", part)
            found.append({
                "code": head[2], "severity": head[1].capitalize(), "headline": head[3], "notes": [], "hint": hint[1] if hint else None,
            })
    return found


def needed(module: str, extra: str) -> ModuleType:
    """A module that econc does without until it is asked for.

    Raises ``ModuleNotFoundError`` that says what to install.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as why:
        if why.name is None or not module.startswith(why.name):
            raise
        raise ModuleNotFoundError(f"{why.name} is not installed: pip install 'econc[{extra}]'", name=why.name) from None


def of_messages(said: str, diagnostics: str) -> EconError:
    """The exception for messages as they are shown and as JSON."""
    listed = json.loads(diagnostics)
    codes = {d.get("code") for d in listed if str(d.get("severity", "")).lower() == "error"}
    kind = CertificateError if codes == {"E0985"} else EconError
    if not said.strip():
        said = "\n".join(f"{d.get('code')}: {d.get('headline')}" for d in listed)
    return kind(said, listed)
