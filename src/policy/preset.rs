//! The providers that need no configuration beyond a key: one row of data each.

use http::HeaderName;

use crate::dialect::DialectName;

/// How a provider wants its key. The header's name is static text in a preset, and any header's in a provider
/// that was configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth<Name = &'static str> {
    /// `Authorization: Bearer KEY`.
    Bearer,
    /// The key alone in this header.
    Header(Name),
    /// No key.
    None,
}

impl Auth {
    /// The same for a provider.
    pub fn named(self) -> Auth<HeaderName> {
        match self {
            Self::Bearer => Auth::Bearer,
            Self::Header(name) => Auth::Header(HeaderName::from_static(name)),
            Self::None => Auth::None,
        }
    }
}

/// A provider as documented by its vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// The name used in `provider/model`.
    pub name: &'static str,
    /// Its dialect.
    pub dialect: DialectName,
    /// Its base address; empty where it depends on the account and must be configured.
    pub url: &'static str,
    /// How it wants its key.
    pub auth: Auth,
    /// The environment variables that may hold the key; the first that is set counts.
    pub keys: &'static [&'static str],
}

const fn bearer(name: &'static str, url: &'static str, keys: &'static [&'static str]) -> Preset {
    Preset { name, dialect: DialectName::OpenAi, url, auth: Auth::Bearer, keys }
}

const fn local(name: &'static str, url: &'static str) -> Preset {
    Preset { name, dialect: DialectName::OpenAi, url, auth: Auth::None, keys: &[] }
}

/// Every preset. Addresses and variables are those of each vendor's API reference.
pub const ALL: [Preset; 27] = [
    bearer("openai", "https://api.openai.com/v1", &["OPENAI_API_KEY"]),
    Preset {
        name: "openai_responses",
        dialect: DialectName::Responses,
        url: "https://api.openai.com/v1",
        auth: Auth::Bearer,
        keys: &["OPENAI_API_KEY"],
    },
    Preset {
        name: "anthropic",
        dialect: DialectName::Anthropic,
        url: "https://api.anthropic.com/v1",
        auth: Auth::Header("x-api-key"),
        keys: &["ANTHROPIC_API_KEY"],
    },
    Preset {
        name: "gemini",
        dialect: DialectName::Gemini,
        url: "https://generativelanguage.googleapis.com/v1beta",
        auth: Auth::Header("x-goog-api-key"),
        keys: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
    },
    Preset {
        name: "cohere",
        dialect: DialectName::Cohere,
        url: "https://api.cohere.com/v2",
        auth: Auth::Bearer,
        keys: &["COHERE_API_KEY", "CO_API_KEY"],
    },
    Preset {
        name: "ollama",
        dialect: DialectName::Ollama,
        url: "http://127.0.0.1:11434",
        auth: Auth::None,
        keys: &[],
    },
    Preset {
        name: "bedrock",
        dialect: DialectName::Bedrock,
        url: "",
        auth: Auth::Bearer,
        keys: &["AWS_BEARER_TOKEN_BEDROCK"],
    },
    Preset {
        name: "azure",
        dialect: DialectName::OpenAi,
        url: "",
        auth: Auth::Header("api-key"),
        keys: &["AZURE_OPENAI_API_KEY", "AZURE_API_KEY"],
    },
    bearer("openrouter", "https://openrouter.ai/api/v1", &["OPENROUTER_API_KEY"]),
    bearer("groq", "https://api.groq.com/openai/v1", &["GROQ_API_KEY"]),
    bearer("mistral", "https://api.mistral.ai/v1", &["MISTRAL_API_KEY"]),
    bearer("deepseek", "https://api.deepseek.com/v1", &["DEEPSEEK_API_KEY"]),
    bearer("together", "https://api.together.xyz/v1", &["TOGETHER_API_KEY"]),
    bearer("fireworks", "https://api.fireworks.ai/inference/v1", &["FIREWORKS_API_KEY"]),
    bearer("xai", "https://api.x.ai/v1", &["XAI_API_KEY"]),
    bearer("cerebras", "https://api.cerebras.ai/v1", &["CEREBRAS_API_KEY"]),
    bearer("perplexity", "https://api.perplexity.ai", &["PERPLEXITY_API_KEY"]),
    bearer("nvidia", "https://integrate.api.nvidia.com/v1", &["NVIDIA_API_KEY"]),
    bearer("huggingface", "https://router.huggingface.co/v1", &["HF_TOKEN"]),
    bearer("vercel_gateway", "https://ai-gateway.vercel.sh/v1", &["AI_GATEWAY_API_KEY"]),
    bearer("zai", "https://api.z.ai/api/paas/v4", &["ZAI_API_KEY"]),
    bearer("venice", "https://api.venice.ai/api/v1", &["VENICE_API_KEY"]),
    local("vllm", "http://127.0.0.1:8000/v1"),
    local("llamacpp", "http://127.0.0.1:8080/v1"),
    local("lmstudio", "http://127.0.0.1:1234/v1"),
    local("ollama_openai", "http://127.0.0.1:11434/v1"),
    local("sim", "sim:"),
];

/// The provider under whose name the catalogue lists the models of a preset or provider: OpenAI's prices are the
/// same through either of its interfaces.
pub fn listed(name: &str) -> &str {
    if name == "openai_responses" { "openai" } else { name }
}

/// The preset of a name.
pub fn of(name: &str) -> Option<&'static Preset> {
    ALL.iter().find(|preset| preset.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_complete() {
        for (i, preset) in ALL.iter().enumerate() {
            assert!(ALL[..i].iter().all(|other| other.name != preset.name), "{} twice", preset.name);
            assert!(!preset.url.ends_with('/'), "{}", preset.name);
            // A header's name that is not static text in lower case would panic here.
            assert_eq!(preset.auth.named() == Auth::None, preset.auth == Auth::None);
            assert_eq!(preset.auth == Auth::None, preset.keys.is_empty(), "{}", preset.name);
            let is_local = preset.url.starts_with("http://127.0.0.1");
            assert!(is_local || preset.url.starts_with("https://") || ["", "sim:"].contains(&preset.url));
        }
    }
}
