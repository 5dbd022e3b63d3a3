//! `cip import`, as a person runs it, with customers that the sandbox knows. That a user keeps the customer is checked with the functions'
//! own `getToken`.

mod contents;
mod formats;
mod interruptions;
mod world;
