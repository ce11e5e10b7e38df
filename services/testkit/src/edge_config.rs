//! What an edge is started with: the configuration file and the environment.

use serde::Serialize;
use toml::{Table, Value};

use crate::{App, Host, TestEdge};

/// The configuration of a [`TestEdge`], built call by call.
///
/// Starts from what suites need and a public edge does not: no limit on connects per address, since every client
/// of a suite comes from one.
#[derive(Debug, Clone)]
pub struct EdgeConfig {
    apps: Vec<App>,
    settings: Table,
    environment: Vec<(String, String)>,
    host: Host,
}

impl EdgeConfig {
    /// A configuration without apps.
    #[must_use]
    pub fn new() -> Self {
        let config = Self {
            apps: Vec::new(),
            settings: Table::new(),
            environment: Vec::new(),
            host: Host::local(),
        };
        config.limit("connects_per_minute", 0)
    }

    /// The configuration with [`App::demo`] alone.
    #[must_use]
    pub fn demo() -> Self {
        Self::new().app(App::demo())
    }

    /// Adds an app.
    #[must_use]
    pub fn app(mut self, app: App) -> Self {
        self.apps.push(app);
        self
    }

    /// Sets a top-level member of the file.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.settings.insert(name.to_owned(), value.into());
        self
    }

    /// Sets a member of `[limits]`; 0 switches a limit off.
    #[must_use]
    pub fn limit(self, name: &str, value: i64) -> Self {
        self.section("limits", name, value)
    }

    /// Sets a member of `[timing]`, such as `ping` to `200ms`.
    #[must_use]
    pub fn timing(self, name: &str, duration: &str) -> Self {
        self.section("timing", name, duration)
    }

    /// Sets a member of a section.
    #[must_use]
    pub fn section(mut self, section: &str, name: &str, value: impl Into<Value>) -> Self {
        let entry = self
            .settings
            .entry(section)
            .or_insert_with(|| Value::Table(Table::new()));
        match entry.as_table_mut() {
            Some(table) => table.insert(name.to_owned(), value.into()),
            None => panic!("`{section}` is set to a plain value already"),
        };
        self
    }

    /// Sets an environment variable of the process.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs the edge there; the test reaches its listeners by the host's own address for tests.
    #[must_use]
    pub fn on(mut self, host: Host) -> Self {
        self.host = host;
        self
    }

    /// Starts an edge with this configuration and waits until it listens.
    pub async fn start(self) -> TestEdge {
        TestEdge::start(&self).await
    }

    /// The text of the configuration file.
    #[must_use]
    pub fn to_toml(&self) -> String {
        #[derive(Serialize)]
        struct File<'a> {
            #[serde(flatten)]
            settings: &'a Table,
            apps: &'a [App],
        }
        let file = File {
            settings: &self.settings,
            apps: &self.apps,
        };
        toml::to_string(&file).expect("plain tables and strings always serialise")
    }

    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    pub(crate) fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl Default for EdgeConfig {
    fn default() -> Self {
        Self::demo()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;

    #[test]
    fn the_file_has_the_shape_that_the_edge_documents() {
        let text = EdgeConfig::new()
            .app(
                App::new("a")
                    .plan("max_sessions", 2)
                    .key(Key::publishable("pk_x").actions(["send"])),
            )
            .timing("ping", "200ms")
            .to_toml();
        let file: Table = text.parse().unwrap();
        assert_eq!(file["limits"]["connects_per_minute"].as_integer(), Some(0));
        assert_eq!(file["timing"]["ping"].as_str(), Some("200ms"));
        assert_eq!(
            file["apps"][0]["plan"]["max_sessions"].as_integer(),
            Some(2)
        );
        assert_eq!(
            file["apps"][0]["keys"][0]["actions"][0].as_str(),
            Some("send")
        );
    }
}
