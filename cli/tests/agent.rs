//! `cip agent`: the login in a browser, and the check of what it has stored.

mod browser;
mod check;
mod dialogue;
mod login;
mod manager;
mod world;
