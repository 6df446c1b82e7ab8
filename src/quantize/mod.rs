//! Vector ⇄ code: int8 centroids and int8 cell residuals.
