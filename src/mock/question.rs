//! What is asked, read from a body of any dialect in one pass.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The fields of a request that decide the answer.
#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct Question<'a> {
    #[serde(borrow)]
    pub(super) model: Option<Cow<'a, str>>,
    pub(super) stream: Option<bool>,
    pub(super) stream_options: Option<StreamOptions>,
    /// OpenAI chat, Anthropic, Cohere, Ollama and Bedrock.
    #[serde(borrow, default)]
    messages: Node<'a>,
    /// Gemini.
    #[serde(borrow, default)]
    contents: Node<'a>,
    /// Responses and embeddings.
    #[serde(borrow, default)]
    input: Node<'a>,
}

/// OpenAI's `stream_options`.
#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct StreamOptions {
    #[serde(default)]
    pub(super) include_usage: bool,
}

impl Question<'_> {
    /// The text of the last user message; of the last of all where none has a role.
    pub(super) fn prompt(&self) -> String {
        let turns = self.turns();
        let asked = turns.iter().rfind(|turn| turn.role == "user").or(turns.last());
        let mut out = String::new();
        asked.unwrap_or(self.root()).flatten(&mut out);
        out
    }

    /// How many bytes of text there are in all turns.
    pub(super) fn text_len(&self) -> usize {
        self.root().text_len()
    }

    /// The texts to embed.
    pub(super) fn inputs(&self) -> Vec<String> {
        let texts = self.turns().iter().map(|turn| {
            let mut out = String::new();
            turn.flatten(&mut out);
            out
        });
        if self.turns().is_empty() { vec![self.prompt()] } else { texts.collect() }
    }

    fn root(&self) -> &Node<'_> {
        [&self.messages, &self.contents].into_iter().find(|n| !n.children.is_empty()).unwrap_or(&self.input)
    }

    fn turns(&self) -> &[Node<'_>] {
        &self.root().children
    }
}

/// A text, a list, or an object with a text or a list in it: what all dialects build messages from.
#[derive(Debug, Default)]
struct Node<'a> {
    role: Cow<'a, str>,
    text: Cow<'a, str>,
    children: Vec<Node<'a>>,
}

impl Node<'_> {
    fn flatten(&self, out: &mut String) {
        out.push_str(&self.text);
        for child in &self.children {
            child.flatten(out);
        }
    }

    fn text_len(&self) -> usize {
        self.text.len() + self.children.iter().map(Node::text_len).sum::<usize>()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Node<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a message or a list of them")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Node { text: Cow::Borrowed(text), ..Node::default() })
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Node { text: Cow::Owned(text.to_owned()), ..Node::default() })
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Node::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut node = Node::default();
        while let Some(child) = seq.next_element()? {
            node.children.push(child);
        }
        Ok(node)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut node = Node::default();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match &*key {
                "role" => node.role = map.next_value()?,
                "text" | "content" | "parts" => node.children.push(map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_user_text_is_found_in_every_dialect() {
        let bodies = [
            r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"what"}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"wh"},{"type":"text","text":"at"}]},{"role":"assistant","content":"{"}]}"#,
            r#"{"messages":[{"role":"user","content":[{"text":"what"}]}],"inferenceConfig":{"maxTokens":1}}"#,
            r#"{"contents":[{"role":"user","parts":[{"text":"what"}]}],"systemInstruction":{"parts":[{"text":"s"}]}}"#,
            r#"{"contents":[{"parts":[{"text":"wh\u0061t"}]}]}"#,
            r#"{"input":"what"}"#,
            r#"{"input":[{"role":"user","content":[{"type":"input_text","text":"what"}]}]}"#,
        ];
        for body in bodies {
            let question: Question<'_> = serde_json::from_str(body).unwrap();
            assert_eq!(question.prompt(), "what", "{body}");
        }
    }

    #[test]
    fn texts_to_embed_come_alone_or_in_lists() {
        for (body, texts) in [(r#"{"input":"a"}"#, vec!["a"]), (r#"{"input":["a","b"]}"#, vec!["a", "b"])] {
            let question: Question<'_> = serde_json::from_str(body).unwrap();
            assert_eq!(question.inputs(), texts);
        }
    }
}
