"""The native half of econc. Arrays are flat and row-major with one row per slot: ``slot = world * members + member``."""

from collections.abc import Callable, Sequence
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

_F32 = npt.NDArray[np.float32]
_F64 = npt.NDArray[np.float64]
_U32 = npt.NDArray[np.uint32]
_Bool = npt.NDArray[np.bool_]
_Step = tuple[_F32, _F64, _Bool, _Bool, Optional[_F32], Optional[_F32]]

version: str

def templates() -> dict[str, str]: ...
def command(
    words: Sequence[str], progress: Optional[Callable[[int, int, str, str], object]] = None
) -> tuple[int, str, str]: ...

class Named:
    def __init__(self, file: str, name: str) -> None: ...

class Lent:
    def __init__(
        self,
        act: Callable[[_F32, Optional[_F32]], tuple[_F32, _U32]],
        name: str,
        grids: bool,
        width: int,
        continuous: int,
        discrete: Sequence[int],
    ) -> None: ...
    @property
    def word(self) -> str: ...
    def check(self) -> None: ...

class Game:
    def __init__(
        self,
        file: str,
        *,
        set: Sequence[tuple[str, str]],
        agents: Optional[Sequence[str]],
        grids: bool,
        scenario: Optional[str],
        worlds: int,
        periods: Optional[int],
        members: Optional[int],
        others: Sequence[str],
        seed: int,
    ) -> None: ...
    @property
    def model(self) -> str: ...
    @property
    def worlds(self) -> int: ...
    def seats(self) -> list[dict[str, Any]]: ...
    def reset(self, seed: int) -> None: ...
    def begin_anew(self, which: _Bool) -> None: ...
    def turn(self) -> list[int]: ...
    def seen(self, seat: int) -> tuple[_F32, Optional[_F32]]: ...
    def act(self, seat: int, continuous: Optional[_F32] = None, discrete: Optional[_U32] = None) -> None: ...
    def proceed(self, still: Optional[_Bool] = None) -> None: ...
    def told(self, seat: int) -> Optional[_Step]: ...
    def step(
        self,
        continuous: Optional[_F32] = None,
        discrete: Optional[_U32] = None,
        still: Optional[_Bool] = None,
    ) -> _Step: ...
    def values(self) -> dict[str, _F64]: ...
    def periods(self) -> list[int]: ...
    def save(self) -> bytes: ...
    def load(self, bytes: bytes) -> None: ...
