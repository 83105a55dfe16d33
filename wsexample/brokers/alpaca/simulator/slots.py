"""Places for connections: so many for each account and path; one that was lost keeps its place for a while. Pure."""

from __future__ import annotations

__all__ = ["Slots"]

Place = tuple[str, str]


class Slots:
    """Who holds which place.

    Parameters:
        limit: connections for each account and path.
        dead_s: seconds for which a lost connection keeps its place.
    """

    def __init__(self, limit: int, dead_s: float) -> None:
        self._limit = limit
        self._dead_s = dead_s
        self._held: dict[Place, int] = {}
        self._ghosts: dict[Place, list[float]] = {}

    def take(self, account: str, path: str, now_s: float) -> bool:
        """Take a place; returns whether there was one."""
        place = account, path
        ghosts = self._ghosts[place] = [until_s for until_s in self._ghosts.get(place, ()) if until_s > now_s]
        if self._held.get(place, 0) + len(ghosts) >= self._limit:
            return False
        self._held[place] = self._held.get(place, 0) + 1
        return True

    def leave(self, account: str, path: str, now_s: float, *, was_clean: bool) -> None:
        """Give a place back: at once after a close, later after a loss."""
        place = account, path
        self._held[place] -= 1
        if not was_clean and self._dead_s > 0:
            self._ghosts.setdefault(place, []).append(now_s + self._dead_s)

    def forget_ghosts(self) -> None:
        """Free the places of lost connections now."""
        self._ghosts.clear()
