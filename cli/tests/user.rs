//! `cip user` and `cip logs`.

mod forget;
mod logs;
mod refusals;
mod restore;
mod show;
