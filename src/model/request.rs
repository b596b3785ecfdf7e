//! What is asked, independent of any provider. No model name: choosing one is the policy's business.

use serde_json::Value;

use super::Object;

/// One chat request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The conversation, oldest first. System messages stand where they were written.
    pub messages: Vec<Message>,
    /// The tools the model may call.
    pub tools: Vec<Tool>,
    /// Whether and which tool must be called.
    pub tool_choice: Option<ToolChoice>,
    /// The form the answer must have.
    pub shape: Shape,
    /// Sampling and length.
    pub params: Params,
    /// Fields of the dialect it was written in that we do not model.
    pub extra: Extra,
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
    /// Unmodelled fields of the message, such as `name` or `cache_control`.
    pub extra: Object,
}

impl Message {
    /// A message of one text.
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self { role, parts: vec![Part::Text(text.into())], extra: Object::new() }
    }
}

/// Who speaks. Tool results are parts of a [`Role::Tool`] message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Instructions from the operator.
    System,
    /// Instructions from the developer, where a dialect tells them apart from the system's.
    Developer,
    /// The person or application.
    User,
    /// The model.
    Assistant,
    /// Results of tool calls.
    Tool,
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Plain text.
    Text(String),
    /// A picture.
    Image(Image),
    /// A call the model made.
    ToolCall(ToolCall),
    /// The result of a call.
    ToolResult(ToolResult),
    /// The model's reasoning, which some providers demand back unchanged.
    Thinking(Thinking),
    /// A part we do not model (file, audio, citation): forwarded to the same dialect. For any
    /// other it is left out of the model's own turns, and refused in the question.
    Opaque {
        /// The dialect it is written in, by name.
        dialect: String,
        /// The part as written.
        value: Value,
    },
}

/// A picture, by address or by value. Addresses are never fetched by us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Image {
    /// An `https:` address the provider fetches.
    Url {
        /// The address.
        url: String,
        /// The `detail` asked for (`low`, `high`, `auto`).
        detail: Option<String>,
    },
    /// The bytes, in base64.
    Data {
        /// The media type, such as `image/png`.
        media_type: String,
        /// Standard base64 with padding.
        base64: String,
    },
}

/// A call the model made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolCall {
    /// The provider's identifier; empty where the dialect has none.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments as JSON text, exactly as the model wrote them: they may not be valid JSON.
    pub arguments: String,
    /// An opaque signature that must be echoed with the call (Gemini's `thoughtSignature`).
    pub signature: Option<String>,
}

/// The result of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolResult {
    /// The call it answers.
    pub id: String,
    /// The tool's name, which Gemini wants.
    pub name: String,
    /// The result: text and pictures.
    pub parts: Vec<Part>,
    /// Whether the tool failed.
    pub is_error: bool,
}

/// The model's reasoning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thinking {
    /// The text; empty when redacted or withheld.
    pub text: String,
    /// The provider's signature over it.
    pub signature: Option<String>,
    /// Encrypted reasoning in place of text.
    pub redacted: Option<String>,
    /// The identifier of the reasoning item (OpenAI Responses).
    pub id: Option<String>,
}

/// A tool the model may call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does, for the model.
    pub description: Option<String>,
    /// A JSON Schema of its arguments; an object.
    pub parameters: Value,
    /// Whether the provider must hold the arguments to the schema.
    pub strict: Option<bool>,
    /// Unmodelled fields of the tool. A tool that is not a function (server tools) has all its fields here
    /// and an empty name.
    pub extra: Object,
}

/// Whether and which tool must be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// None may be called.
    None,
    /// At least one must be called.
    Required,
    /// This one must be called.
    Named(String),
}

/// The form the answer must have.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Shape {
    /// Anything.
    #[default]
    Text,
    /// Some JSON object.
    Json,
    /// JSON of this schema.
    Schema {
        /// A name for the schema, which some dialects demand.
        name: String,
        /// The JSON Schema.
        schema: Value,
        /// Whether the provider must hold the answer to it.
        strict: Option<bool>,
    },
}

/// Sampling and length. An absent value is the provider's default and is not sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params {
    /// The most tokens the answer may have, reasoning included.
    pub max_tokens: Option<u64>,
    /// Sampling temperature.
    pub temperature: Option<f64>,
    /// Nucleus sampling.
    pub top_p: Option<f64>,
    /// Sampling among the k likeliest tokens.
    pub top_k: Option<u64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// The provider's sampling seed.
    pub seed: Option<i64>,
    /// How many answers to give.
    pub n: Option<u32>,
    /// Penalty on tokens by how often they occurred.
    pub frequency_penalty: Option<f64>,
    /// Penalty on tokens that occurred.
    pub presence_penalty: Option<f64>,
    /// How hard to think: `none`, `minimal`, `low`, `medium`, `high`, or what the provider calls it.
    pub effort: Option<String>,
    /// A budget for thinking, in tokens.
    pub thinking_tokens: Option<u64>,
    /// Whether several tools may be called at once.
    pub parallel_tool_calls: Option<bool>,
    /// The end user, for the provider's abuse detection.
    pub user: Option<String>,
}

/// Fields we do not model: forwarded to the dialect they were written in, or to any when none is named; reported as
/// dropped to any other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extra {
    /// The dialect's name, for the fields of messages and tools too; empty for fields meant for whichever is spoken.
    pub dialect: String,
    /// The fields, as written.
    pub fields: Object,
}
