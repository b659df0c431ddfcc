"""Words of item titles."""

from __future__ import annotations

from typing import Final

CATEGORY_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "sports": ("final", "goal", "league", "coach", "match", "transfer", "stadium", "record"),
    "food": ("noodles", "bakery", "recipe", "market", "dumplings", "kitchen", "spice", "supper"),
    "travel": ("island", "railway", "border", "hostel", "coast", "passport", "village", "ferry"),
    "music": ("concert", "album", "guitar", "chorus", "festival", "encore", "studio", "melody"),
    "games": ("quest", "arena", "puzzle", "boss", "console", "speedrun", "patch", "guild"),
    "fashion": ("jacket", "runway", "sneakers", "linen", "tailor", "season", "denim", "colour"),
    "technology": ("robot", "battery", "chip", "browser", "drone", "keyboard", "sensor", "launch"),
    "nature": ("glacier", "meadow", "otter", "volcano", "forest", "reef", "storm", "heron"),
    "film": ("trailer", "sequel", "director", "premiere", "scene", "villain", "script", "stunt"),
    "home": ("garden", "shelf", "paint", "balcony", "carpet", "lamp", "workshop", "attic"),
    "health": ("sleep", "marathon", "stretch", "clinic", "habit", "breath", "diet", "posture"),
    "comedy": ("prank", "sketch", "parody", "roommate", "mishap", "punchline", "cat", "wedding"),
    "science": ("comet", "fossil", "gene", "telescope", "crystal", "magnet", "orbit", "theory"),
    "finance": ("budget", "rent", "savings", "pension", "invoice", "bond", "wage", "loan"),
    "cars": ("engine", "rally", "brake", "garage", "hybrid", "tyre", "convertible", "lap"),
    "art": ("mural", "sculpture", "sketchbook", "gallery", "portrait", "clay", "canvas", "ink"),
}
"""Nouns by category, the same number for each."""

ADJECTIVES: Final[tuple[str, ...]] = (
    "bright",
    "quiet",
    "wild",
    "golden",
    "tiny",
    "slow",
    "secret",
    "frozen",
    "loud",
    "gentle",
    "broken",
    "early",
    "endless",
    "strange",
    "red",
    "hollow",
)
