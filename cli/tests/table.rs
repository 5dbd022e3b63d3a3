//! The commands about the table as a whole, and `bench`.

mod backup;
mod bench;
pub(crate) mod items;
mod stats;
