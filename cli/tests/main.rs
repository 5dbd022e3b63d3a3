//! `cip`, as an operator runs it: the real binary with the sandbox for LiveChat, an embedded DynamoDB, and the functions' own operations.
//!
//! Each command is a module. `world.rs` has what all of them need.

mod agent;
mod doctor;
mod import;
mod provision;
mod setup;
mod table;
mod terminal;
mod user;
mod world;
