"""What only Linux has, by its C library; elsewhere each function says that it did nothing."""

from __future__ import annotations

import ctypes
import sys

_PR_SET_CHILD_SUBREAPER = 36
"""linux/prctl.h"""
_PUNCH_HOLE_KEEP_SIZE = 0x03
"""FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, linux/falloc.h"""


def become_subreaper() -> bool:
    """Orphans below this process become its children, not those of pid 1; whether that is so now."""
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def punch_hole(descriptor: int, length: int) -> bool:
    """Give the first `length` bytes of a file back to the disk; offsets stay. Whether the file system could."""
    if sys.platform != "linux" or length <= 0:
        return False
    fallocate = ctypes.CDLL(None, use_errno=True).fallocate
    fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long)
    return bool(fallocate(descriptor, _PUNCH_HOLE_KEEP_SIZE, 0, length) == 0)
