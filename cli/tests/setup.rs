//! `cip setup`, as people use it: on a terminal, and from scripts.

mod aws;
mod corrections;
mod dialogue;
mod options;
mod sam;
pub(crate) mod world;
