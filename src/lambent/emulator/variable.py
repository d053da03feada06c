"""Environment variables as the emulator's two originals read them, but checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.emulator.command_line import SettingsError, checked_port

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORDS = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}


class Variables:
    """Reads them one by one; what is odd but can be lived with becomes a warning."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.warnings: list[str] = []

    def text(self, name: str, default: str) -> str:
        return self._environment.get(name) or default

    def flag(self, name: str, *, default: bool) -> bool:
        """Raises SettingsError for a word that is neither yes nor no."""
        told = self.text(name, "").strip().lower()
        if not told:
            return default
        if told not in _WORDS:
            raise SettingsError(f"{name} is {told!r}; it must be true or false.")
        return _WORDS[told]

    def port(self, name: str, default: int) -> int:
        """Raises SettingsError."""
        return checked_port(name, self.text(name, str(default)))

    def number(self, name: str, default: int, *, least: int, most: int | None = None) -> int:
        """A whole number; of `10.5` and `1e1`, which the originals take, the whole part.

        Raises SettingsError for what is no number, or not within these bounds.
        """
        told = self.text(name, str(default)).strip()
        bounds = f"at least {least}" if most is None else f"from {least} to {most}"
        try:
            exactly = float(told)
            number = int(exactly)
        except (ValueError, OverflowError) as error:
            raise SettingsError(f"{name} is {told!r}; it must be a number, {bounds}.") from error
        if number < least or (most is not None and number > most):
            raise SettingsError(f"{name} is {told}; it must be {bounds}.")
        if number != exactly:
            self.warnings.append(f"{name} is {told}: of a number the whole part is taken, {number}")
        return number
