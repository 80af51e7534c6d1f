//! Mapae: the open platform for mobile official IDs, in one process.
//!
//! A folder is a use case and holds its own routes, service, SQL and messages; [`operations`] is the ground they share.

pub mod operations;
pub mod pages;

pub mod account;
pub mod application;
pub mod audit;
pub mod certificates;
pub mod credentials;
pub mod desk;
pub mod employment;
pub mod gates;
pub mod in_person;
pub mod issuance;
pub mod ledger;
pub mod lifecycle;
pub mod login;
pub mod loss;
pub mod notification;
pub mod personnel;
pub mod relying_parties;
pub mod scim;
pub mod signatures;
pub mod staff;
pub mod verification;
pub mod wallet_app;

pub mod bench;
pub mod demo;
pub mod phone;

#[cfg(any(test, feature = "testing"))]
pub mod testing;
