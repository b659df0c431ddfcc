"""How fit rows are divided: users into groups that fits leave out, days into blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import md5

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class UserGroups:
    """The users of some rows, and their groups.

    Attributes:
        users: int64, (rows,). A number for each user.
        of_row: int64, (rows,). Group of the row's user.
        groups: Number of groups; 0 leaves no row out.
    """

    users: Integers
    of_row: Integers
    groups: int

    def kept(self, fits: int) -> NDArray[np.bool_]:
        """Whether each fit keeps a row, (fits, rows): it leaves out its group, modulo all."""
        if not self.groups:
            return np.ones((fits, len(self.of_row)), np.bool_)
        left_out = np.arange(fits) % self.groups
        return np.asarray(self.of_row != left_out[:, None], np.bool_)


def user_groups(users: pa.Array, groups: int) -> UserGroups:
    """Assign users to groups by a hash of their ids: a user is in the same group on every day.

    Args:
        users: Integer or string ids, (rows,).
        groups: Number of groups; 0 for none.
    """
    encoded = users.dictionary_encode()
    numbers = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    group = [_group_of(user, groups) for user in encoded.dictionary.to_pylist()]
    return UserGroups(numbers, np.array(group, np.int64)[numbers], groups)


def day_blocks(rows: Sequence[int], blocks: int) -> Integers:
    """Divide rows into consecutive blocks of nearly equal size, of whole days where there are two.

    Args:
        rows: Number of rows of each day.
        blocks: Number of blocks; there are fewer where there are fewer days.

    Returns:
        Block of each row, ascending, int64, (rows of all days,).
    """
    ends = np.cumsum([0, *rows])
    total = int(ends[-1])
    cuts = np.round(np.arange(1, blocks) / blocks * total).astype(np.int64)
    inner = ends[(ends > 0) & (ends < total)]
    if len(inner):
        cuts = np.unique(inner[np.abs(inner[:, None] - cuts).argmin(axis=0)])
    return np.searchsorted(cuts, np.arange(total), side="right").astype(np.int64)


def _group_of(user: object, groups: int) -> int:
    # The group must not follow the fold, which is a hash of "<scenario>/<impression>".
    digest = md5(f"fit group of {user}".encode(), usedforsecurity=False).hexdigest()
    return int(digest[:8], 16) % max(groups, 1)
