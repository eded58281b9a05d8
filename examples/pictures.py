"""Small pictures of cats and dogs, drawn, since photographs cannot be shipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

if TYPE_CHECKING:
    import random

KINDS = ["cat", "dog"]
# What else a picture may have, each by chance.
EXTRAS = ["collar", "hat", "glasses", "night"]

_FUR = ["#5b4636", "#8a6a4a", "#c58b4e", "#d9b98a", "#6f6f72", "#a8a6a2"]
_DAY = ["#9fd3e6", "#bfe3a8", "#f2d7c4", "#e8e2b0"]


def draw_animal(kind: str, extras: set[str], rng: random.Random) -> Image.Image:
    """Return the face of a cat or a dog, 120 to 200 pixels wide and high."""
    width, height = rng.randint(120, 200), rng.randint(120, 200)
    ground = "#181c3a" if "night" in extras else rng.choice(_DAY)
    image = Image.new("RGB", (width, height), ground)
    draw = ImageDraw.Draw(image)
    fur = rng.choice(_FUR)
    size = min(width, height) * rng.uniform(0.26, 0.32)
    middle_x = width / 2 + rng.uniform(-0.1, 0.1) * width
    middle_y = height * 0.54 + rng.uniform(-0.05, 0.05) * height

    def at(*places: float) -> list[tuple[float, float]]:
        """Points x, y, x, y, ... on the face: 0, 0 is its middle, and it reaches from -1 to 1."""
        pairs = zip(places[::2], places[1::2], strict=True)
        return [(middle_x + x * size, middle_y + y * size) for x, y in pairs]

    if "night" in extras:
        for _ in range(25):
            star = rng.uniform(0, width), rng.uniform(0, height)
            draw.circle(star, 1.2, fill="white")
    if kind == "cat":  # ears that stand
        draw.polygon(at(-0.95, -0.3, -0.85, -1.5, -0.1, -0.85), fill=fur)
        draw.polygon(at(0.95, -0.3, 0.85, -1.5, 0.1, -0.85), fill=fur)
    draw.ellipse(at(-1, -1, 1, 1), fill=fur)
    for x in (-0.4, 0.4):
        draw.ellipse(at(x - 0.2, -0.4, x + 0.2, 0), fill="#b7e36b" if kind == "cat" else "white")
        draw.ellipse(at(x - 0.08, -0.35, x + 0.08, -0.05), fill="black")
    if kind == "cat":  # a small nose, and whiskers
        draw.polygon(at(-0.13, 0.2, 0.13, 0.2, 0, 0.35), fill="#e58fa0")
        for side in (-1, 1):
            for y in (0.2, 0.35, 0.5):
                draw.line(at(side * 0.3, 0.35, side * 1.25, y), fill="white", width=2)
    else:  # ears that hang, a snout, and a tongue
        for side in (-1, 1):
            left, right = sorted((side * 0.75, side * 1.3))
            draw.ellipse(at(left, -0.8, right, 0.75), fill="#3a2a1e")
        draw.ellipse(at(-0.5, 0.05, 0.5, 0.85), fill="#f0e4d0")
        draw.ellipse(at(-0.2, 0.1, 0.2, 0.4), fill="black")
        draw.ellipse(at(-0.15, 0.65, 0.15, 1.15), fill="#e0566b")
    if "collar" in extras:
        draw.rectangle(at(-0.75, 0.95, 0.75, 1.2), fill="#d11f3a")
    if "hat" in extras:
        draw.polygon(at(-0.6, -0.8, 0.6, -0.8, 0, -1.7), fill="#2456c9")
    if "glasses" in extras:
        for x in (-0.4, 0.4):
            draw.ellipse(at(x - 0.35, -0.55, x + 0.35, 0.15), outline="black", width=4)
        draw.line(at(-0.05, -0.2, 0.05, -0.2), fill="black", width=4)
    return image
