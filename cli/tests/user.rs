//! `cip user` and `cip logs`.

mod forget;
mod logs;
mod restore;
mod show;
