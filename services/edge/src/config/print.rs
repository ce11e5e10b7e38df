//! The configuration in force, for people: secrets are redacted.

use super::Config;
use super::settings::SETTINGS;

impl Config {
    /// The whole tree as TOML with every secret as `[redacted]`.
    #[must_use]
    pub fn redacted_toml(&self) -> String {
        toml::to_string_pretty(self)
            .expect("tables with text keys and plain values always serialise")
    }

    /// One line per thing that matters at a glance, for `--check-config`.
    #[must_use]
    pub fn summary(&self) -> String {
        let file = self
            .file
            .as_ref()
            .map_or_else(|| "none".to_owned(), |path| path.display().to_string());
        let backend = self
            .redis_url
            .as_ref()
            .map_or_else(|| "embedded".to_owned(), ToString::to_string);
        let keys: usize = self.apps.iter().map(|app| app.keys.len()).sum();
        let issuers: usize = self.apps.iter().map(|app| app.issuers.len()).sum();
        format!(
            "file: {file}\nlisten: {}\nadmin: {}\nbackend: {backend}\napps: {}, keys: {keys}, issuers: {issuers}\n",
            self.listen,
            self.admin_listen,
            self.apps.len(),
        )
    }

    /// Paths of the settings outside `[[apps]]` in which `newer` differs: they bite only after a restart.
    #[must_use]
    pub fn restart_needed(&self, newer: &Self) -> Vec<&'static str> {
        // Secrets serialise alike, whatever they are, hence their own comparison.
        let secrets_differ = |path: &str| match path {
            "redis_url" => self.redis_url != newer.redis_url,
            "turn.secrets" => self.turn.secrets != newer.turn.secrets,
            "room.webhook_secret" => self.room.webhook_secret != newer.room.webhook_secret,
            _ => false,
        };
        let (before, after) = (self.tree(), newer.tree());
        SETTINGS
            .iter()
            .map(|setting| setting.path)
            .filter(|path| !path.starts_with("apps[]"))
            .filter(|path| {
                let pointer = format!("/{}", path.replace('.', "/"));
                before.pointer(&pointer) != after.pointer(&pointer) || secrets_differ(path)
            })
            .collect()
    }

    fn tree(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("tables with text keys and plain values always serialise")
    }
}
