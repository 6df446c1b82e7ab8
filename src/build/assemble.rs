//! Rows and a layout → the files of an epoch. Pure: bytes come out, nothing is written.
