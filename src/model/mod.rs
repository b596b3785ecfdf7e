//! Floor 1: values. What is asked, what came back, what went wrong. No I/O, no clock, not serialisable:
//! only boundaries (dialects, datasets, configuration, JSON output) decide how these look in bytes.

pub mod failure;
pub mod outcome;
pub mod request;
pub mod response;

pub use failure::{Action, Failure, FailureClass};
pub use request::{Extra, Message, Part, Request, Role, Shape, Tool, ToolChoice};
pub use response::{Delta, FinishReason, Response, TokenUsage};

/// A JSON object in the order it was written.
pub type Object = serde_json::Map<String, serde_json::Value>;
