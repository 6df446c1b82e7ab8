//! Events: what a page reports, what is accepted, and what is estimated from it.
