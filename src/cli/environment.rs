//! The environment, read once: variables, home, where files belong.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use etcetera::{BaseStrategy as _, choose_base_strategy};

/// The process's environment as values.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// Reads the environment.
    pub fn read() -> Self {
        Self { variables: std::env::vars_os().collect() }
    }

    /// A variable that is set to valid text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(std::ffi::OsStr::new(name)).and_then(|value| value.to_str())
    }

    /// The names of all variables that are valid text.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().filter_map(|name| name.to_str())
    }

    /// The ledger's place: `$XDG_DATA_HOME/orch/ledger.db` (XDG Base Directory Specification); absent when
    /// there is no home.
    pub fn ledger(&self) -> Option<PathBuf> {
        choose_base_strategy().ok().map(|base| base.data_dir().join("orch/ledger.db"))
    }

    /// The configuration's place: `$XDG_CONFIG_HOME/orch/orch.toml`.
    pub fn config(&self) -> Option<PathBuf> {
        choose_base_strategy().ok().map(|base| base.config_dir().join("orch/orch.toml"))
    }
}
