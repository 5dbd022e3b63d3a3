//! `cip import`, with customers that the sandbox knows. That a user keeps the customer is checked with the functions' own `getToken`.

mod contents;
mod customers;
mod formats;
mod interruptions;
