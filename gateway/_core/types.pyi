"""The refusal table and decimal text, for every room."""

# (number, NAME, http status, FIX 103, FIX 102, sentence)
REFUSALS: tuple[tuple[int, str, int, int, int, str], ...]

def parse_decimal(text: str, scale: int) -> int:
    """Mantissa of decimal text at `scale`.

    Raises ValueError("BAD_NUMBER"|"PRECISION"|"OVERFLOW")."""

def format_decimal(mantissa: int, scale: int) -> str: ...
