//! Pixels → vector. The only room that names tract.
