from typing import Any

class RE2:
    class Anchor:
        UNANCHORED: Any
        ANCHOR_START: Any
        ANCHOR_BOTH: Any

    def Match(self, anchor: Any, text: bytes, pos: int, endpos: int) -> list[tuple[int, int]]: ...
