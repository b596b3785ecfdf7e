//! Streams of Gemini, framed as server-sent events or as one JSON array.

use serde::Deserialize;

use super::super::{Decoder, Quirks, body};
use super::decode::Answer;
use crate::base::{json_array, sse};
use crate::model::response::malformed;
use crate::model::{Delta, Failure, Object};

/// The chunk of which streams consist. Anything else in it makes it uncommon.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Common {
    candidates: Vec<CommonCandidate>,
    #[serde(default)]
    usage_metadata: Object,
    model_version: Option<String>,
    response_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommonCandidate {
    content: CommonContent,
    index: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommonContent {
    parts: Vec<CommonPart>,
    #[serde(rename = "role")]
    _role: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommonPart {
    text: String,
    #[serde(default)]
    thought: bool,
}

/// Decodes a stream of events, or of an array's elements where events were not asked for. There is no
/// terminal event: a stream is complete when every candidate has a finish reason or the prompt was blocked.
pub(super) struct Stream {
    framing: Framing,
    answer: Answer,
}

enum Framing {
    Unknown,
    Events(sse::Parser),
    Elements(json_array::Splitter),
}

impl Stream {
    /// A decoder at the beginning of a stream.
    pub(super) fn new(quirks: &Quirks) -> Self {
        Self { framing: Framing::Unknown, answer: Answer::new(quirks) }
    }

    /// A chunk of text and nothing unusual, as most are.
    fn common(&mut self, chunk: Common, out: &mut Vec<Delta>) {
        self.answer.start(chunk.response_id, chunk.model_version, out);
        for (place, candidate) in (0_u32..).zip(chunk.candidates) {
            let index = candidate.index.unwrap_or(place);
            let choice = self.answer.choices.entry(index).or_default();
            for part in candidate.content.parts {
                if part.thought {
                    choice.think(index, part.text, None, out);
                } else {
                    choice.say(index, part.text, None, out);
                }
            }
        }
        self.answer.use_tokens(chunk.usage_metadata, out);
    }

    fn read(&mut self, chunk: &[u8], out: &mut Vec<Delta>) -> Result<(), Failure> {
        if let Ok(common) = serde_json::from_slice(chunk) {
            self.common(common, out);
            return Ok(());
        }
        self.answer.chunk(body::object(chunk)?, out)
    }

    fn read_events(&mut self, events: &[sse::Event], out: &mut Vec<Delta>) -> Result<(), Failure> {
        let data = events.iter().map(|event| event.data.trim_ascii());
        for data in data.filter(|data| !data.is_empty() && *data != "[DONE]") {
            self.read(data.as_bytes(), out)?;
        }
        Ok(())
    }
}

impl Decoder for Stream {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<Delta>) -> Result<(), Failure> {
        let bytes = if matches!(self.framing, Framing::Unknown) { bytes.trim_ascii_start() } else { bytes };
        match (&self.framing, bytes.first()) {
            (_, None) => return Ok(()),
            (Framing::Unknown, Some(b'[' | b'{')) => {
                self.framing = Framing::Elements(json_array::Splitter::default());
            }
            (Framing::Unknown, Some(_)) => self.framing = Framing::Events(sse::Parser::default()),
            _ => {}
        }
        let (mut events, mut elements) = (Vec::new(), Vec::new());
        let framed = match &mut self.framing {
            Framing::Unknown => Ok(()),
            Framing::Events(parser) => parser.push(bytes, &mut events).map_err(|error| error.to_string()),
            Framing::Elements(splitter) => {
                splitter.push(bytes, &mut elements).map_err(|error| error.to_string())
            }
        };
        self.read_events(&events, out)?;
        for element in &elements {
            self.read(element, out)?;
        }
        framed.map_err(malformed)
    }

    fn finish(&mut self, out: &mut Vec<Delta>) -> Result<(), Failure> {
        let mut events = Vec::new();
        if let Framing::Events(parser) = &mut self.framing {
            parser.finish(&mut events);
        }
        body::unless_cut(self.read_events(&events, out))?;
        self.answer.close(out);
        let is_whole = match &self.framing {
            Framing::Elements(splitter) => splitter.is_between_elements(),
            Framing::Events(_) | Framing::Unknown => true,
        };
        if is_whole && self.answer.is_complete() { Ok(()) } else { Err(body::truncated("finish reason")) }
    }

    fn is_complete(&self) -> bool {
        matches!(self.framing, Framing::Events(_)) && self.answer.is_complete()
    }
}
