<<<<<<< HEAD
//! Integration tests: one binary, sections as modules.
#![allow(clippy::unwrap_used, clippy::panic)]

mod synapse;
=======
//! The host from outside: one binary, a module for each section.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod plugin;
>>>>>>> 9c529ac3b55bb913b61b2e78322c5f47932d11b7
