//! The commands about the table as a whole, and `bench`: the real binary against the functions, with a sandbox and an embedded database.

mod backup;
mod bench;
mod stats;
mod world;
