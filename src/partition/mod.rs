//! Vectors → cells: micro-clusters joined by Ward linkage, cut, then balanced.
