//! `cip provision`, as a person runs it. How many customers there are is counted at the sandbox, and what users get is checked with the
//! functions' own `getToken`.

mod contents;
mod faults;
mod interruptions;
mod provisioning;
mod world;
