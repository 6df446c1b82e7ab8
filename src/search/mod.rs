//! Vector → hits: route, scan, expand; a query is a state machine that names the segments it needs.
