"""An adapter in a process of its own, behind the same contract as one inside the daemon."""
