//! The commands about the table as a whole, and `bench`.

mod backup;
mod bench;
mod faults;
pub(crate) mod items;
mod stats;
