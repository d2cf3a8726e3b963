"""One module per command, each with an attribute `command`. They print and ask; they decide nothing
that the daemon decides."""
