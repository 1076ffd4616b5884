"""A value under the name that it has in the audited system: the name may say that it is a secret."""

from __future__ import annotations

from tools.masking import mask_data


def named_value(name: str, value: object) -> object:
    """The value, masked as a whole where its name says so, else what in it is a secret."""
    masked = mask_data({name: value})
    assert isinstance(masked, dict)
    return next(iter(masked.values()))
