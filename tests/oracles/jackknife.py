"""The delete-one-user jackknife as its name says: delete each user, count all pairs again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Row:
    """A row with one score of each seed."""

    label: int
    baseline: tuple[int, ...]
    treatment: tuple[int, ...]
    user: int


Dates = Sequence[Sequence[Row]]


def difference(dates: Dates) -> Fraction | None:
    """Return the mean over seeds of the treatment's AUC less the baseline's; None without pairs.

    Pairs are formed within a date, and all count alike.
    """
    won, pairs = Fraction(0), 0
    for rows in dates:
        for p in rows:
            for n in rows:
                if p.label and not n.label:
                    pairs += 1
                    won += _won(p.treatment, n.treatment) - _won(p.baseline, n.baseline)
    return won / pairs if pairs else None


def _won(positive: Sequence[int], negative: Sequence[int]) -> Fraction:
    doubled = [1 + (p > n) - (p < n) for p, n in zip(positive, negative, strict=True)]
    return Fraction(sum(doubled), 2 * len(doubled))


def paired_users(dates: Dates) -> set[int]:
    """Return the users with a row on a date with both classes."""
    return {row.user for rows in dates if len({row.label for row in rows}) == 2 for row in rows}


def variance(dates: Dates) -> Fraction | None:
    """Return the variance; None with fewer than two users, or where a deletion leaves no pairs."""
    deleted = []
    for user in paired_users(dates):
        found = difference([[row for row in rows if row.user != user] for rows in dates])
        if found is None:
            return None
        deleted.append(found)
    if len(deleted) < 2:
        return None
    mean = sum(deleted, Fraction(0)) / len(deleted)
    squares = sum(((one - mean) ** 2 for one in deleted), Fraction(0))
    return squares * (len(deleted) - 1) / len(deleted)


def effective_users(dates: Dates) -> float:
    """Return 1 over the sum of squared shares of users; defined with pairs only.

    Each class weighs as much as the sum of squared shares of its own users.
    """
    paired = [row for rows in dates if len({row.label for row in rows}) == 2 for row in rows]
    shares: list[dict[int, Fraction]] = []
    for label in (0, 1):
        users = [row.user for row in paired if row.label == label]
        shares.append({user: Fraction(users.count(user), len(users)) for user in set(users)})
    weights = [sum((share**2 for share in of.values()), Fraction(0)) for of in shares]
    total = Fraction(0)
    for user in paired_users(dates):
        weighted = [
            weight * of.get(user, Fraction(0)) for weight, of in zip(weights, shares, strict=True)
        ]
        total += (sum(weighted, Fraction(0)) / sum(weights)) ** 2
    return float(1 / total)
