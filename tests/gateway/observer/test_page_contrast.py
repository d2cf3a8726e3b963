"""Every colour a text can have, on every ground it can stand on, in both schemes: a contrast of 4.5
at least, as WCAG 2.2 1.4.3 asks for. Computed from the page's own palette."""

import itertools
import re
from importlib.resources import files

import pytest

STYLE = (files("gateway.stream") / "dashboard" / "style.css").read_text("utf-8")
PALETTE = re.findall(r"--(\w+): light-dark\(#(\w+), #(\w+)\);", STYLE)
SCHEMES = {
    "light": {name: light for name, light, _ in PALETTE},
    "dark": {name: dark for name, _, dark in PALETTE},
}
TEXTS = ("ink", "quiet", "gain", "loss", "unknown", "accent")
GROUNDS = ("paper", "pane", "raised", "stripe")
CONTRAST_MIN = 4.5


def channels(text):
    """Red, green, blue, alpha of RRGGBB or RRGGBBAA, each from 0 to 1."""
    numbers = [int(text[at : at + 2], 16) / 255 for at in range(0, len(text), 2)]
    return numbers if len(numbers) == 4 else [*numbers, 1.0]


def over(top, ground, alpha=1.0):
    """`top` laid on an opaque ground."""
    *colour, own = channels(top) if isinstance(top, str) else [*top, 1.0]
    below = channels(ground)[:3] if isinstance(ground, str) else ground
    share = own * alpha
    return [share * a + (1 - share) * b for a, b in zip(colour, below, strict=True)]


def luminance(colour):
    """WCAG 2.2, relative luminance."""
    linear = [
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in colour
    ]
    return sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(text, ground):
    high, low = sorted((luminance(over(text, "000000")), luminance(ground)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def tints():
    """(text, colour laid over the pane, how much of it) as style.css mixes them."""
    shares = {
        "heat": ("gain", "loss", "accent"), "panel-risk": ("gain", "loss", "accent", "unknown"),
        "bid:first-child": ("gain",), "ask:last-child": ("loss",),
        "card-box dd": ("loss", "accent", "unknown"),
    }  # fmt: skip
    for place, colours in shares.items():
        mix = r"color-mix\(in srgb, var\(--[^%]*? (?:calc\(var\(--share\) \* )?(\d+)%"
        rule = re.search(rf"{place}[^}}]*?{mix}", STYLE, re.DOTALL)
        assert rule, place
        for colour in colours:
            yield place, colour, int(rule[1]) / 100


def grounds(colours):
    """Name -> what can lie under a text: plain, flashing, in a chosen row."""
    for name in GROUNDS:
        plain = over(colours[name], "000000")
        yield name, plain
        if name in ("pane", "stripe"):
            yield f"flash on {name}", over(colours["flash"], plain)
            yield (
                f"chosen and flash on {name}",
                over(colours["flash"], over(colours["flash"], plain)),
            )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_text_is_readable_on_every_ground(scheme):
    colours = SCHEMES[scheme]
    found = {
        f"{text} on {name}": round(contrast(colours[text], ground), 2)
        for text, (name, ground) in itertools.product(TEXTS, grounds(colours))
    }
    assert len(found) == len(TEXTS) * 8
    assert {name: each for name, each in found.items() if each < CONTRAST_MIN} == {}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_on_shaded_cells_and_on_full_colour_is_readable(scheme):
    colours = SCHEMES[scheme]
    found = {
        f"{place} {colour}": contrast(
            colours["ink"], over(colours[colour], over(colours[ground], "000000"), share)
        )
        for place, colour, share in tints()
        for ground in ("pane", "stripe")
    }
    for ground in ("loss", "unknown"):  # the halt's button, the band of the past
        found[f"pane on {ground}"] = contrast(colours["pane"], over(colours[ground], "000000"))
    assert {name: round(each, 2) for name, each in found.items() if each < CONTRAST_MIN} == {}


def test_the_measure_itself_is_right():
    assert contrast("ffffff", over("000000", "000000")) == pytest.approx(21)
    assert contrast("767676", over("ffffff", "000000")) == pytest.approx(4.54, abs=0.01)
    assert over("ff000080", "ffffff")[1] == pytest.approx(0.498, abs=0.001)
