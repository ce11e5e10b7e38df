//! The environment variables of this program.
//!
//! Owns the translation from a variable to a value of its setting. This is the only module that reads the process's
//! environment, and it does so once, when told to.
//!
//! Inside a section an unknown variable is an error. Outside it is left alone: Kubernetes puts `SWITCHBOARD_PORT` and
//! the like into every container beside a Service of that name.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use figment::value::{Dict, Value};

use super::error::{ConfigError, Problem};
use super::layer::{ENVIRONMENT, Layer, insert};
use super::setting::{Setting, SettingKind, variable_of};
use super::settings::SETTINGS;

/// Variables by name; an empty one counts as absent, so that a chart may always write all of them.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variable that names the configuration file.
    pub const CONFIG: &'static str = "SWITCHBOARD_CONFIG";

    /// What this process was started with.
    #[must_use]
    pub fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| {
                Some((
                    name.into_string().ok()?,
                    value.to_string_lossy().into_owned(),
                ))
            })
            .collect()
    }

    /// The configuration file, if one is named.
    pub(super) fn config_file(&self) -> Option<PathBuf> {
        self.0.get(Self::CONFIG).map(PathBuf::from)
    }

    /// The settings that variables give.
    ///
    /// # Errors
    /// Names every variable that is unknown inside a section, or whose value has the wrong kind.
    pub(super) fn layer(&self) -> Result<Layer, ConfigError> {
        let mut problems = Vec::new();
        let mut values = Dict::new();
        for (name, text) in &self.0 {
            match setting_of(name) {
                Some(setting) => match value_of(setting, text) {
                    Ok(value) => insert(&mut values, setting.path, value),
                    Err(reason) => problems.push(problem(setting.path, name, reason)),
                },
                None if is_in_a_section(name) => {
                    problems.push(problem(name, name, "no such setting"));
                }
                None => {}
            }
        }
        if problems.is_empty() {
            Ok(Layer::new(ENVIRONMENT, values))
        } else {
            Err(ConfigError::Invalid(problems))
        }
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        let ours = |(name, value): &(String, String)| {
            name.starts_with("SWITCHBOARD_") && !value.is_empty()
        };
        Self(variables.into_iter().filter(ours).collect())
    }
}

/// Names only: the values hold secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn setting_of(name: &str) -> Option<&'static Setting> {
    SETTINGS
        .iter()
        .find(|setting| setting.variable().as_deref() == Some(name))
}

fn is_in_a_section(name: &str) -> bool {
    SETTINGS
        .iter()
        .filter_map(|setting| setting.path.split_once('.'))
        .any(|(section, _)| {
            let section = variable_of(section.trim_end_matches("[]"));
            name.starts_with(&format!("{section}__"))
        })
}

fn value_of(setting: &Setting, text: &str) -> Result<Value, &'static str> {
    match setting.kind {
        SettingKind::Text | SettingKind::Duration => Ok(Value::from(text)),
        SettingKind::Number => text
            .parse::<u64>()
            .map(Value::from)
            .map_err(|_| "expected a whole number from 0"),
        SettingKind::Switch => text
            .parse::<bool>()
            .map(Value::from)
            .map_err(|_| "expected true or false"),
        SettingKind::List => Ok(Value::from(
            text.split(',')
                .map(str::trim)
                .filter(|entry| !entry.is_empty())
                .collect::<Vec<_>>(),
        )),
        SettingKind::FileOnly => Err("can be set in the file only"),
    }
}

fn problem(setting: &str, variable: &str, reason: &str) -> Problem {
    Problem {
        setting: setting.to_owned(),
        origin: format!("environment variable {variable}"),
        reason: reason.to_owned(),
    }
}
