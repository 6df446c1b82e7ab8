//! Ranked ids → recall, precision, MRR, mAP, nDCG.
