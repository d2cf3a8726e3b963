"""Margin shown in a view all at once."""


def take_margin(view, step):
    """Whether something moved."""
    return any([*view.margin_steps(step)])
