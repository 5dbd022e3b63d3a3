//! The sandbox, called over HTTP as LiveChat and through its admin API.

mod admin;
mod agent_grant;
mod authorize;
mod faults;
mod lab;
mod limits;
mod oauth;
mod stored;
mod transfer;
mod update_customer;
