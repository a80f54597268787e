//! The way out for plugins, against a server with TLS that does as it pleases:
//! what arrives, what comes back, and what a thief gets.

mod budgets;
mod component;
mod credentials;
mod support;
mod theft;
