//! Where events are kept: a trait, and SQLite.
