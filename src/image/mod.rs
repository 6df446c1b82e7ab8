//! Bytes → oriented pixels, within limits that are checked before decoding.
