"""Measurements of this machine, one module per bench. They read clocks and start native loops;
nothing in a running gateway imports them."""
