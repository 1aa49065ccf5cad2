//! The comparison on reports written by hand.
