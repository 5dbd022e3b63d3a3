//! `cargo local` in its own process, as people start it.

mod agent;
mod calls;
mod helpers;
mod privacy;
mod settings;
