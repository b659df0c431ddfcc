"""The pictures of items, by their path below the raw log or their URI."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING

import pyarrow as pa

from jobs.common.errors import InputError, first_line
from jobs.lake.location import split_location
from jobs.lake.storage import Storage
from jobs.scenarios import Scenario
from jobs.sources.log_location import raw_location

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Pictures:
    """Opens the pictures of items.

    Attributes:
        root: Path or URI that their paths lie below.
    """

    root: str

    @classmethod
    def of(cls, scenario: Scenario, raw: str | None = None) -> Pictures:
        """The pictures of a scenario's items, below ``raw`` or the path of its log."""
        return cls(raw_location(scenario, raw))

    def open(self, items: pa.Table) -> list[Image | None]:
        """Read the pictures of items as RGB, None where an item has none.

        Args:
            items: ``item_id`` and, where there are pictures, ``image``.

        Raises:
            InputError: If a picture is not there or does not open.
        """
        if "image" not in items.column_names:
            return [None] * len(items)
        ids, paths = items["item_id"].to_pylist(), items["image"].to_pylist()
        return [
            self._open(item, path) if path else None for item, path in zip(ids, paths, strict=True)
        ]

    def _open(self, item: object, path: str) -> Image:
        from PIL import Image, UnidentifiedImageError

        location, below = split_location(self.root, path)
        try:
            storage = _storage(location)
            content = storage.read(below)
        except (InputError, OSError) as error:
            raise InputError(
                f"picture of item {item}: {path} cannot be read: {first_line(error)}"
            ) from error
        where = f"picture of item {item}: {storage.shown(below)}"
        if content is None:
            raise InputError(
                f"{where} does not exist: put it there, or leave image empty for this item"
            )
        try:
            with Image.open(BytesIO(content)) as image:
                return image.convert("RGB")
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
            # Pillow raises SyntaxError for some broken PNG files.
            raise InputError(
                f"{where} does not open: replace it, or leave image empty for this item"
            ) from error
        except Image.DecompressionBombError as error:
            raise InputError(f"{where} has too many pixels: make it smaller") from error


@lru_cache(maxsize=8)
def _storage(location: str) -> Storage:
    return Storage(location)
