//! What `Allocate` promises.
