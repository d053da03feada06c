"""How fast a function may grow.

https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html#scaling-rate: 1,000 environments
in ten seconds for each function, refilled continuously, and never saved up.
"""

from __future__ import annotations

from lambent.domain.quotas import SCALING_SECONDS


class ScalingRate:
    """Counts the environments each function may still have started."""

    def __init__(self, environments: int) -> None:
        self._most = environments  # in SCALING_SECONDS
        self._left: dict[str, tuple[float, float]] = {}  # (how many, at which time)

    def take(self, function: str, now: float) -> bool:
        """Count one more start at `now` (monotonic seconds); False when it would be too many."""
        left = self._left_at(function, now)
        if left < 1:
            return False
        self._left[function] = (left - 1, now)
        return True

    def give_back(self, function: str, now: float) -> None:
        """A start that was counted did not happen."""
        self._left[function] = (self._left_at(function, now) + 1, now)

    def forget_rested(self, now: float) -> None:
        """Forget the functions that may start as many as ever."""
        for function in list(self._left):
            if self._left_at(function, now) >= self._most:
                del self._left[function]

    def _left_at(self, function: str, now: float) -> float:
        left, since = self._left.get(function, (self._most, now))
        return min(self._most, left + (now - since) * self._most / SCALING_SECONDS)
