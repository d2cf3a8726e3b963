"""The past of a journal: Parquet files of its sealed segments, queries over them, and the state and
its causes at any record. Reads the journal; must never be part of the live process."""
