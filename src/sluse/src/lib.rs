//! `sluse`: the secure asynchronous bridge between a municipality's DMZ and its secure zone.
//!
//! ```text
//!  portal ─▶ intake ─▶ [queue, blobs] ─▶ bridge ─▶ [queue, blobs] ─▶ outlet ─▶ case systems
//!              ▲        sealed at rest     │  clamd, sandboxed workers    └─▶ console ◀─ reports
//!              └────── outcome code ◀──────┘
//! ```
//!
//! One binary, four roles, each a process with its own keys. A module imports only from floors below its own, and roles
//! never import each other.
//!
//! | floor | module | question |
//! |---|---|---|
//! | 5 | [`cli`] | what can be typed? |
//! | 4 | [`config`] | what did the operator write? |
//! | | [`run`] | how does a role start, drain and stop? |
//! | | [`portal`] | how does a portal talk to intake? |
//! | | [`setup`] | what does a zone's folder hold at first? |
//! | | [`demo`] | all of it on one machine, with samples |
//! | 3 | [`intake`] | how does a submission become durable and sealed? |
//! | | [`bridge`] | what may pass? |
//! | | [`outlet`] | how does it reach the case system, once? |
//! | | [`console`] | where do reports for security staff go? |
//! | 2 | [`queue`], [`blobs`], [`ledger`], [`audit`] | what is durable? |
//! | | [`scan`], [`sandbox`] | who looks at a file, and behind which walls? |
//! | | [`http`], [`stores`] | serving and opening |
//! | 1 | [`model`], [`contract`], [`policy`], [`schema`] | what is a submission, what is agreed? |
//! | | [`clean_name`] | names for other systems |
//! | 0 | [`clock`], [`durable`], [`secret_file`], [`untrusted`], [`id`] | time, disk, and what nobody vouched for |

pub mod audit;
pub mod blobs;
pub mod bridge;
pub mod clean_name;
pub mod cli;
pub mod clock;
pub mod config;
pub mod console;
pub mod contract;
pub mod demo;
pub mod durable;
pub mod http;
pub mod id;
pub mod intake;
pub mod ledger;
pub mod model;
pub mod outlet;
pub mod policy;
pub mod portal;
pub mod queue;
pub mod run;
pub mod sandbox;
pub mod scan;
pub mod schema;
pub mod secret_file;
pub mod setup;
pub mod sqlite;
pub mod stores;
pub mod untrusted;
