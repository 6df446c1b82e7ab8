//! Estimates → a plan of splits and merges, applied to a copy and verified by replay.
