//! `cip user` and `cip logs`, as an operator runs them: the real binary, with an embedded DynamoDB and the sandbox for LiveChat.

mod forget;
mod logs;
mod refusals;
mod restore;
mod show;
mod world;
