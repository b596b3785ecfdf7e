//! `orch eval` end to end: the real binary, its own home and ledger, a provider on loopback.

mod crash;
mod datasets;
mod faults;
mod manage;
mod money;
mod output;
mod record;
mod resume;
mod run;
mod scorers;
