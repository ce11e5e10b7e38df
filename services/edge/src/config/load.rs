//! From flags, environment and file to one checked [`Config`].

use std::fs;
use std::path::Path;

use figment::Figment;
use figment::value::{Dict, Value};

use super::check;
use super::error::{ConfigError, Problem, origin};
use super::layer::{FLAGS, Layer, insert};
use super::{Config, Environment, Flags, LogFormat};

impl Config {
    /// Loads the configuration of this process: flag over environment over file over default.
    ///
    /// # Errors
    /// Names each setting that is unknown, malformed or at odds with another, and where its value came from.
    pub fn load(flags: &Flags) -> Result<Self, ConfigError> {
        Self::load_with(flags, &Environment::of_process())
    }

    /// The same with an environment handed in.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_with(flags: &Flags, environment: &Environment) -> Result<Self, ConfigError> {
        let file = flags.config.clone().or_else(|| environment.config_file());
        let mut sources = Figment::new();
        if let Some(path) = &file {
            sources = sources.merge(file_layer(path)?);
        }
        sources = sources.merge(environment.layer()?).merge(flag_layer(flags));

        let mut config: Self = sources.extract()?;
        config.file = file;
        let problems = check::problems(&config);
        if problems.is_empty() {
            return Ok(config);
        }
        let name_source = |(setting, reason): (String, String)| {
            let source = sources
                .find_metadata(&setting)
                .map(|metadata| &*metadata.name);
            Problem {
                origin: origin(&setting, source),
                setting,
                reason,
            }
        };
        Err(ConfigError::Invalid(
            problems.into_iter().map(name_source).collect(),
        ))
    }
}

fn file_layer(path: &Path) -> Result<Layer, ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let read = error
            .span()
            .and_then(|span| text.get(..span.start))
            .unwrap_or_default();
        ConfigError::Syntax {
            path: path.to_owned(),
            line: read.matches('\n').count() + 1,
            column: read.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
            reason: error.message().to_owned(),
        }
    })?;
    let source = format!("file {}", path.display());
    // A TOML document is a table; nothing else can come out of one.
    let values = Value::serialize(table)?.into_dict().unwrap_or_default();
    Ok(Layer::new(source, values))
}

fn flag_layer(flags: &Flags) -> Layer {
    let log_format = flags.log_format.map(|format| match format {
        LogFormat::Auto => "auto",
        LogFormat::Pretty => "pretty",
        LogFormat::Json => "json",
    });
    let given = [
        ("listen", flags.listen.map(|address| address.to_string())),
        (
            "admin_listen",
            flags.admin_listen.map(|address| address.to_string()),
        ),
        (
            "redis_url",
            flags.redis_url.as_ref().map(|url| url.expose().to_owned()),
        ),
        ("edge_id", flags.edge_id.clone()),
        ("region", flags.region.clone()),
        ("log", flags.log.clone()),
        ("log_format", log_format.map(str::to_owned)),
    ];
    let mut values = Dict::new();
    for (path, value) in given {
        if let Some(value) = value {
            insert(&mut values, path, Value::from(value));
        }
    }
    Layer::new(FLAGS, values)
}
