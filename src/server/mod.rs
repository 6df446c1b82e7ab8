//! Static files, and the intake of events.
